/** Makes cases: an instruction of a row, or any word, with random operands and state. */
import { encode } from '../asm/assembler.ts';
import type { Row } from '../translate/insn.ts';
import { BRK, CASE, CASE_BYTES, DATA, DATA_BYTES, type Case } from './case.ts';
import type { Random } from './random.ts';

const MIDDLE = BigInt(DATA + DATA_BYTES / 2);

/** Mostly aligned and well inside; sometimes at the edge of a page or of the mapped area. */
function pointer(random: Random): bigint {
  if (random.chance(0.03)) return BigInt(DATA + random.pick([0, DATA_BYTES]) + random.below(64) - 32);
  if (random.chance(0.15)) return MIDDLE + BigInt(random.below(64) - 32);
  return MIDDLE + BigInt((random.below(256) - 128) * 16);
}

function field(random: Random, width: number): number {
  return random.chance(0.7) ? random.below(2 ** width) : random.pick([0, 2 ** width - 1, 2 ** (width - 1), 1 % 2 ** width]);
}

export function wordOf(random: Random, row: Row): number {
  const free = ~row.mask & row.fields.reduce((mask, f) => mask & ~((2 ** f.width - 1) << f.shift), -1);
  // Bits that the pattern leaves open are "should be one" or "should be zero" and ignored; registers that should be 31 are.
  return (encode(row, Object.fromEntries(row.fields.map(f => [f.name, field(random, f.width)]))) | (random.chance(0.7) ? free : free & random.u32())) >>> 0;
}

const isMemory = (row: Row) => /^(LD|ST|CAS|SWP|PRF|DC ZVA)/.test(row.name);

/** Whether a failing monitor or an abort comes first is up to the implementation. */
const storesExclusively = (row: Row) => row.name.startsWith('STX');

/** A case's words and, for accesses, addresses that mostly exist. */
export function caseOfRow(random: Random, row: Row): Case {
  const word = wordOf(random, row), test = caseOf(random, row.name, [...before(random, row, word), word]);
  if (!isMemory(row) || (random.chance(0.05) && !storesExclusively(row))) return test;
  const base = /^DC ZVA/.test(row.name) ? word & 31 : (word >>> 5) & 31, index = (word >>> 16) & 31;
  const indexed = row.fields.some(f => f.name === 'rm');
  if (indexed && index !== 31) test.bytes.setBigUint64(CASE.x + 8 * index, BigInt.asUintN(64, BigInt(random.below(1024) - 512)), true);
  if (base !== 31) test.bytes.setBigUint64(CASE.x + 8 * base, storesExclusively(row) ? MIDDLE : pointer(random), true);
  return test;
}

/** Compare-and-swap mostly finds what it expects, and store-exclusive its monitor set. */
function before(random: Random, row: Row, word: number): number[] {
  const size = (word >>> 30) & 3, rn = (word >>> 5) & 31, rs = (word >>> 16) & 31, pair = row.name.startsWith('CASP') || row.name.startsWith('STXP');
  if (!/^(CAS|STX)/.test(row.name) || random.chance(0.3)) return [];
  const other = () => (rn + 1 + random.below(30)) % 31;
  if (row.name.startsWith('STXR')) return [(size << 30 | 0x085f_7c00 | rn << 5 | other()) >>> 0];
  if (row.name.startsWith('STXP')) return [(size << 30 | 0x087f_0000 | other() << 10 | rn << 5 | other()) >>> 0];
  if (rs === rn || (pair && (rs + 1 === rn || (rs & 1) !== 0 || rs > 28))) return [];
  if (pair) return [((size & 1) === 0 ? 0x2940_0000 : 0xa940_0000) + ((rs + 1) << 10 | rn << 5 | rs)];
  return [(size << 30 | 0x3940_0000 | rn << 5 | rs) >>> 0];
}

/** Any state; the stack pointer points at data. Often one in which floating point is native: rounding to nearest, inexact set, ordinary numbers. */
export function caseOf(random: Random, name: string, words: readonly number[]): Case {
  const calm = random.chance(0.4) ? random.pick([32, 64] as const) : undefined;
  const bytes = new DataView(new ArrayBuffer(CASE_BYTES));
  for (let i = 0; i < 4; i++) bytes.setUint32(CASE.words + 4 * i, words[i] ?? BRK, true);
  for (let i = 0; i < 31; i++) bytes.setBigUint64(CASE.x + 8 * i, random.chance(0.2) ? random.integer(32) : random.integer(64), true);
  bytes.setBigUint64(CASE.sp, MIDDLE + BigInt((random.below(256) - 128) * 16), true);
  bytes.setUint32(CASE.nzcv, random.below(16), true);
  bytes.setUint32(CASE.fpcr, random.chance(calm === undefined ? 0.5 : 0.9) ? 0 : random.below(32) << 22, true);
  const flags = random.chance(0.5) ? 0 : (random.u32() & 0x0800_009f) >>> 0;
  bytes.setUint32(CASE.fpsr, calm !== undefined && random.chance(0.9) ? flags | 0x10 : flags, true);
  for (let i = 0; i < 32; i++) (calm !== undefined && random.chance(0.9) ? random.calmVector(calm) : random.vector()).forEach((half, h) => bytes.setBigUint64(CASE.v + 16 * i + 8 * h, half, true));
  return { name, bytes };
}
