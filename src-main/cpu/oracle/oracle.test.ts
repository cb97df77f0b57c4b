/** The instruction table against qemu-aarch64. `run-oracle.ts` runs more cases, with other seeds. */
import { expect, test } from 'vitest';
import { compareRows, compareSequences, compareStatusRegisters, compareWords, decoderDisagreements } from './oracle.ts';

const textOf = (mismatches: readonly { text: string }[]) => mismatches.slice(0, 20).map(m => m.text).join('\n');

test('every row does to registers, flags and memory what the reference does', () => {
  expect(textOf(compareRows(2026, 12))).toBe('');
}, 120_000);

test('any word is UNDEFINED on both sides or does the same on both', () => {
  expect(textOf(compareWords(2026, 10_000))).toBe('');
}, 120_000);

test('instructions find what others before them left', () => {
  expect(textOf(compareSequences(2026, 8_000))).toBe('');
}, 120_000);

test('the decoder of the assembler knows exactly the words that the interpreter runs', () => {
  expect(decoderDisagreements(2026, 15_000)).toEqual([]);
}, 120_000);

test('flags, FPCR and FPSR read as they were written', () => {
  expect(textOf(compareStatusRegisters(2026, 300))).toBe('');
}, 120_000);
