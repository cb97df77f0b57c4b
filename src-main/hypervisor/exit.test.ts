import { expect, test } from 'vitest';
import { decodeExit, loadedValue, type MmioExit } from './exit.ts';

const esr = (ec: number, iss: number) => (BigInt(ec) << 26n) | (1n << 25n) | BigInt(iss);

test('a described data abort at an unmapped address is a device access', () => {
  const iss = (1 << 24) | (2 << 22) | (5 << 16) | (1 << 6) | 0b000111; // ISV, 4 bytes, W5, write, translation fault at level 3
  expect(decodeExit({ esr: esr(0x24, iss), far: 0xffff_8000_0123_4018n, hpfar: 0x09000n << 4n })).toEqual(
    { kind: 'mmio', ipa: 0x0900_0018, bytes: 4, write: true, signed: false, wide: false, register: 5 });
});

test('an access that the syndrome does not describe is an abort', () => {
  expect(decodeExit({ esr: esr(0x24, 0b000111), far: 0x1008n, hpfar: 0x09000n << 4n })).toEqual({ kind: 'abort', ipa: 0x0900_0008, va: 0x1008n, instruction: false });
});

test('trapped system registers are named as assemblers name them', () => {
  const iss = (3 << 20) | (5 << 17) | (0 << 14) | (12 << 10) | (7 << 5) | (11 << 1); // MSR ICC_SGI1R_EL1, X7
  expect(decodeExit({ esr: esr(0x18, iss), far: 0n, hpfar: 0n })).toEqual({ kind: 'system-register', at: 'S3_0_C12_C11_5', write: true, register: 7 });
});

test('loads are extended as their instruction says', () => {
  const load = (bytes: 1 | 4, signed: boolean, wide: boolean): MmioExit => ({ kind: 'mmio', ipa: 0 as never, bytes, write: false, signed, wide, register: 0 });
  expect([loadedValue(load(1, true, true), 0x80n), loadedValue(load(1, true, false), 0x80n), loadedValue(load(4, false, true), 0xffff_ffff_0000_0001n)])
    .toEqual([0xffff_ffff_ffff_ff80n, 0xffff_ff80n, 1n]);
});
