/**
 * Shared pieces of the floating-point definitions. Native arithmetic gives the architected result and flags when
 * FP_FAST holds (to nearest, no flushing, inexact already set) and the result is an ordinary number; everything else
 * is left to the core's exact arithmetic.
 */
import { FP_FAST, FPCR } from '../layout.ts';
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
export const NATIVE = { add: [0x92, 0xa0], sub: [0x93, 0xa1], mul: [0x94, 0xa2], div: [0x95, 0xa3], sqrt: [0x91, 0x9f], eq: [0x5b, 0x61], lt: [0x5d, 0x63], neg: [0x8c, 0x9a] } as const;
export const native = (p: Precision, op: keyof typeof NATIVE, ...args: Val[]): Val =>
  Val.raw(op === 'eq' || op === 'lt' ? 'i32' : p.float, [NATIVE[op][p.float === 'f32' ? 0 : 1]], ...args);

/** Bits of a float as an integer of its width. */
export const bitsOf = (value: Val): Val => Val.raw(value.type === 'f32' ? 'i32' : 'i64', [value.type === 'f32' ? 0xbc : 0xbd], value);

/** Bits of a scalar operand, as the core wants them. */
export const scalarBits = (c: Emitter, p: Precision, reg: Reg): Val => c.element('i64', reg, 0, p.bytes === 8 ? undefined : p.bytes);
export const scalarFloat = (c: Emitter, p: Precision, reg: Reg): Val => c.element(p.float, reg);

/** A finite number above the smallest normal one, so that neither tininess nor overflow is in question. */
export function ordinary(value: Val): Val {
  const single = value.type === 'f32', bits = bitsOf(value);
  const exponent = single ? bits.shrU(23).and(0xff) : bits.shrU(52).wrap().and(0x7ff);
  return exponent.sub(2).ltU(single ? 0xfd : 0x7fd);
}

export const fast = (c: Emitter): Val => c.get('i32', FP_FAST);
export const flushing = (c: Emitter): Val => c.get('i32', FPCR).and(1 << 24);

/** Writes a native result if it is the architected one, else what the core gives. */
export function nativeOrExact(c: Emitter, rd: Reg, result: Val, exact: () => Val, bytes: number): void {
  const value = c.let(result);
  c.if(fast(c).and(ordinary(value)), () => c.setScalar(rd, value), () => c.setScalar(rd, bytes === 8 ? exact() : exact().and(bytes === 4 ? 0xffff_ffffn : 0xffffn)));
}
