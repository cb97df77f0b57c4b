/**
 * Shared pieces of the floating-point definitions. Native arithmetic gives the architected result and flags when
 * its magnitude is below the limit that the core keeps in the CPU's block (infinity when rounding is to nearest,
 * nothing is flushed and inexact is already set; else 0) and it is not tiny. Everything else is left to the core's
 * exact arithmetic.
 */
import { FP_FAST, FP_FUSED_LIMITS, FP_FUSED_LIMITS_DOUBLE, FP_LIMITS, FP_LIMITS_DOUBLE, FP_SMALLEST, FP_SMALLEST_DOUBLE, FPCR } from '../layout.ts';
import type { Emitter } from '../translate/emitter.ts';
import type { Reg } from '../translate/insn.ts';
import { Val } from '../translate/value.ts';

export interface Precision {
  readonly letter: 'H' | 'S' | 'D';
  readonly ftype: '11' | '00' | '01';
  /** The core's number of the format. */
  readonly format: 0 | 1 | 2;
  readonly bytes: 2 | 4 | 8;
  readonly float: 'f32' | 'f64';
  readonly int: 'i32' | 'i64';
}
export const HALF: Precision = { letter: 'H', ftype: '11', format: 0, bytes: 2, float: 'f32', int: 'i32' };
export const SINGLE: Precision = { letter: 'S', ftype: '00', format: 1, bytes: 4, float: 'f32', int: 'i32' };
export const DOUBLE: Precision = { letter: 'D', ftype: '01', format: 2, bytes: 8, float: 'f64', int: 'i64' };
export const PRECISIONS = [SINGLE, DOUBLE] as const;

/** Opcodes of WebAssembly's float operations: [f32, f64]. */
export const NATIVE = {
  add: [0x92, 0xa0], sub: [0x93, 0xa1], mul: [0x94, 0xa2], div: [0x95, 0xa3], sqrt: [0x91, 0x9f], min: [0x96, 0xa4], max: [0x97, 0xa5], eq: [0x5b, 0x61], lt: [0x5d, 0x63], gt: [0x5e, 0x64],
  ge: [0x60, 0x66], abs: [0x8b, 0x99], neg: [0x8c, 0x9a], ceil: [0x8d, 0x9b], floor: [0x8e, 0x9c], trunc: [0x8f, 0x9d], nearest: [0x90, 0x9e],
} as const;
const RELATIONS = new Set<keyof typeof NATIVE>(['eq', 'lt', 'gt', 'ge']);
export const native = (p: Precision, op: keyof typeof NATIVE, ...args: Val[]): Val =>
  Val.raw(RELATIONS.has(op) ? 'i32' : p.float, [NATIVE[op][p.float === 'f32' ? 0 : 1]], ...args);
export const number = (p: Precision, value: number): Val => (p.float === 'f32' ? Val.f32(value) : Val.f64(value));

/** A float whose bits are in an i64. */
export const fromBits = (p: Precision, bits: Val): Val => (p.float === 'f32' ? Val.raw('f32', [0xbe], bits.wrap()) : Val.raw('f64', [0xbf], bits));

/** Bits of a scalar operand, as the core wants them. */
export const scalarBits = (c: Emitter, p: Precision, reg: Reg): Val => c.element('i64', reg, 0, p.bytes === 8 ? undefined : p.bytes);
export const scalarFloat = (c: Emitter, p: Precision, reg: Reg): Val => c.element(p.float, reg);

export const fast = (c: Emitter): Val => c.get('i32', FP_FAST);
export const flushing = (c: Emitter): Val => c.get('i32', FPCR).and(1 << 24);
/** No number of the format that is larger than this is tiny, even before rounding. */
export const smallestAt = (p: Precision): number => (p.bytes === 8 ? FP_SMALLEST_DOUBLE : FP_SMALLEST);
export const limitsAt = (p: Precision, fused: boolean) => (p.bytes === 8 ? (fused ? FP_FUSED_LIMITS_DOUBLE : FP_LIMITS_DOUBLE) : fused ? FP_FUSED_LIMITS : FP_LIMITS);

/** When a native result is the architected one; by default, when it is finite. */
export interface Exactness {
  /** Not when it is tiny, as it may have been rounded. The core is quick about products with zero. */
  readonly rounded?: true;
  /** It was made by a multiply-add, which is not fused everywhere. */
  readonly fused?: true;
}

/** Writes a native scalar result if it is the architected one, else what the core gives. */
export function nativeOrExact(c: Emitter, p: Precision, rd: Reg, result: Val, how: Exactness, exact: () => Val): void {
  const value = c.let(result), magnitude = c.let(native(p, 'abs', value)), finite = native(p, 'lt', magnitude, c.get(p.float, limitsAt(p, how.fused === true)));
  const conditions = how.rounded === true ? [finite, native(p, 'gt', magnitude, c.get(p.float, smallestAt(p)))] : [finite];
  c.setScalar(rd, c.chooseIfAll(p.float, conditions, () => value, () => fromBits(p, exact())));
}

/** Opcodes of f32x4's relaxed multiply-add and multiply-subtract; f64x2's are two further on. */
const MADD = 0x105, NMADD = 0x106;
const NEGATE = [225, 237] as const;
/** addend + n * m in every lane, with either negated first. */
export function multiplyAdd(p: Precision, addend: Val, n: Val, m: Val, negateAddend: boolean, negateProduct: boolean): Val {
  const double = p.bytes === 8, d = negateAddend ? Val.simd('v128', NEGATE[double ? 1 : 0], [addend]) : addend;
  return Val.simd('v128', (negateProduct ? NMADD : MADD) + (double ? 2 : 0), [n, m, d]);
}
/** The lowest lane of a vector. */
export const lowestLane = (p: Precision, vector: Val): Val => (p.bytes === 8 ? Val.simd('f64', 33, [vector], [0]) : Val.simd('f32', 31, [vector], [0]));
