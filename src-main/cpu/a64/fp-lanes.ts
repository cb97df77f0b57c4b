/**
 * Floating point on lanes: native WebAssembly where that gives the architected results and flags for every lane, else
 * the core's exact arithmetic for all. A scalar is a vector of one lane.
 */
import { STRUCTURE } from '../layout.ts';
import type { Emitter } from '../translate/emitter.ts';
import type { Reg } from '../translate/insn.ts';
import * as S from '../translate/simd.ts';
import { Val, type Arg } from '../translate/value.ts';
import * as O from '../vector-operations.ts';
import { limitsAt, smallestAt, type Exactness, type Precision } from './fp-common.ts';
import { lowest } from './simd-forms.ts';

/** So many lanes from the lowest up. */
export interface Shape { readonly p: Precision; readonly lanes: number }
export const shapeOf = (p: Precision, q: number | 'scalar'): Shape => ({ p, lanes: q === 'scalar' ? 1 : (q === 0 ? 8 : 16) / p.bytes });

/** Opcodes for f32x4 and f64x2. */
const NATIVE = {
  add: [228, 240], sub: [229, 241], mul: [230, 242], div: [231, 243], sqrt: [227, 239], min: [232, 244], max: [233, 245], abs: [224, 236], neg: [225, 237],
  eq: [65, 71], lt: [67, 73], gt: [68, 74], le: [69, 75], ge: [70, 76], ceil: [103, 116], floor: [104, 117], trunc: [105, 122], nearest: [106, 148],
} as const;
export type NativeOp = keyof typeof NATIVE;
export const lanewise = (p: Precision, op: NativeOp, ...args: Val[]): Val => Val.simd('v128', NATIVE[op][p.bytes === 8 ? 1 : 0], args);
export const splat = (p: Precision, value: number): Val => (p.bytes === 8 ? Val.simd('v128', 20, [Val.f64(value)]) : Val.simd('v128', 19, [Val.f32(value)]));

/** A register's lanes; what lies above them does not matter. */
export const operand = (c: Emitter, { p, lanes }: Shape, reg: Reg): Val => (lanes === 1 ? c.lowest(reg, p.bytes === 8 ? 8 : 4) : c.v(reg));
const kept = ({ p, lanes }: Shape, value: Val) => lowest(lanes * p.bytes, value);

/** Whether a mask is set in every lane of the shape. */
export function allLanes({ p, lanes }: Shape, mask: Val): Val {
  const bits = Val.simd('i32', p.bytes === 8 ? 196 : 164, [mask]), all = 2 ** lanes - 1;
  return (lanes * p.bytes === 16 ? bits : bits.and(all)).eq(all);
}
export const areNumbers = (s: Shape, ...values: Val[]): Val => allLanes(s, values.map(v => lanewise(s.p, 'eq', v, v)).reduce(S.and));

/** What the core gives; `extra` is as the operation says. */
export function exactly(c: Emitter, { p, lanes }: Shape, operation: number, extra: Arg, n: Val, m?: Val, addend?: Val): Val {
  c.put(STRUCTURE + O.FLOAT_FIRST, n);
  if (m !== undefined) c.put(STRUCTURE + O.FLOAT_SECOND, m);
  if (addend !== undefined) c.put(STRUCTURE + O.FLOAT_ADDEND, addend);
  c.run('floatVector', operation, p.format, lanes, extra);
  return c.let(c.get('v128', STRUCTURE + O.FLOAT_RESULT));
}

/** The native lanes if they are the architected ones, else what the core gives. */
export function arithmetic(c: Emitter, s: Shape, result: Val, how: Exactness, exact: () => Val): Val {
  const { p } = s, value = c.let(result), magnitude = c.let(lanewise(p, 'abs', value)), finite = lanewise(p, 'lt', magnitude, c.get('v128', limitsAt(p, how.fused === true)));
  const fine = how.rounded === true ? S.and(finite, lanewise(p, 'gt', magnitude, c.get('v128', smallestAt(p)))) : finite;
  return c.chooseIfAll('v128', [allLanes(s, fine)], () => kept(s, value), exact);
}

/** A result that is architected under conditions of its own. */
export function under(c: Emitter, s: Shape, conditions: readonly Val[], result: () => Val, exact: () => Val): Val {
  return c.chooseIfAll('v128', conditions, () => kept(s, result()), exact);
}

// ---- rounding to integral values and integers

/** Towards: 0 nearest, 1 up, 2 down, 3 zero, 4 nearest with ties away from zero. */
export type Rounding = 0 | 1 | 2 | 3 | 4;

export function roundedTo(c: Emitter, p: Precision, mode: Rounding, value: Val): Val {
  if (mode !== 4) return lanewise(p, (['nearest', 'ceil', 'floor', 'trunc'] as const)[mode], value);
  const v = c.let(value), whole = c.let(lanewise(p, 'trunc', v)), sign = S.xor(v, lanewise(p, 'abs', v));
  const away = lanewise(p, 'ge', lanewise(p, 'abs', lanewise(p, 'sub', v, whole)), splat(p, 0.5));
  return lanewise(p, 'add', whole, S.or(sign, S.and(away, splat(p, 1))));
}

/** 2^by in every lane. */
function powerOfTwo(p: Precision, by: Val): Val {
  return p.bytes === 8 ? S.splat(3, by.add(1023).zext().shl(52)) : S.splat(2, by.add(127).shl(23));
}
const scaled = (p: Precision, value: Val, by: Val) => (by.number === 0 ? value : lanewise(p, 'mul', value, powerOfTwo(p, by)));

/** A vector of 64-bit lanes, each made of the float or integer in that of another. */
function eachDouble({ lanes }: Shape, lane: (i: number) => Val): Val {
  const replace = (vector: Val, i: number) => Val.simd('v128', lane(i).type === 'f64' ? 34 : 30, [vector, lane(i)], [i]);
  return lanes === 1 ? replace(S.ZERO, 0) : replace(replace(S.ZERO, 0), 1);
}

/** A condition, and the integers when it holds: all fit, and being inexact is no news. */
export function integersOf(c: Emitter, s: Shape, source: Val, isUnsigned: boolean, mode: Rounding, fractionBits: Val): { fits: Val; integers: () => Val } {
  const { p } = s, whole = mode === 3 ? scaled(p, source, fractionBits) : roundedTo(c, p, mode, scaled(p, source, fractionBits)), value = c.let(whole);
  const limit = 2 ** (8 * p.bytes - (isUnsigned ? 0 : 1));
  const inRange = isUnsigned ? S.and(lanewise(p, 'ge', value, S.ZERO), lanewise(p, 'lt', value, splat(p, limit))) : lanewise(p, 'lt', lanewise(p, 'abs', value), splat(p, limit));
  const unsigned = isUnsigned ? 1 : 0;
  const integers = () => (p.bytes === 4 ? Val.simd('v128', 248 + unsigned, [value]) : eachDouble(s, i => Val.raw('i64', [0xfc, 6 + unsigned], Val.simd('f64', 33, [value], [i]))));
  return { fits: allLanes(s, inRange), integers };
}

/** Integers of the format's width as floats. */
export function floatsOf(c: Emitter, s: Shape, source: Val, isUnsigned: boolean, fractionBits: Val): Val {
  const { p } = s, unsigned = isUnsigned ? 1 : 0, v = c.let(source);
  const floats = p.bytes === 4 ? Val.simd('v128', 250 + unsigned, [v]) : eachDouble(s, i => Val.raw('f64', [0xb9 + unsigned], Val.simd('i64', 29, [v], [i])));
  return scaled(p, floats, fractionBits.like(0).sub(fractionBits));
}
