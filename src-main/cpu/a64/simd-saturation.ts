/** Saturating operations on lanes: a result, and a mask that is set where it was saturated, which FPSR.QC tells of. */
import { FPSR } from '../layout.ts';
import type { Emitter } from '../translate/emitter.ts';
import type { Reg } from '../translate/insn.ts';
import * as S from '../translate/simd.ts';
import type { LaneSize } from '../translate/simd.ts';
import type { Val } from '../translate/value.ts';
import { lowest } from './simd-forms.ts';

export interface Saturated { readonly value: Val; readonly where: Val }
export type Saturating = (c: Emitter, size: LaneSize, n: Val, m: Val) => Saturated;

const QC = 1 << 27;
function noteSaturation(c: Emitter, where: Val): void { c.if(S.anyTrue(where), () => c.put(FPSR, c.get('i32', FPSR).or(QC)), undefined, false); }

/** Writes the lowest bytes of a result with zeros above. */
export function setSaturated(c: Emitter, bytes: number, vd: Reg, { value, where }: Saturated): void {
  const result = c.let(value);
  noteSaturation(c, lowest(bytes, where));
  c.setV(vd, lowest(bytes, result));
}

const bitsOf = (size: LaneSize) => 8 << size;
/** The largest signed number where the mask's sign is clear, the smallest where it is set. */
const limitOf = (size: LaneSize, sign: Val) => S.xor(S.signs(size, sign), S.shrU(size, S.ONES, 1));
const limited = (c: Emitter, size: LaneSize, value: Val, overflow: Val, sign: Val): Saturated => {
  const where = c.let(S.signs(size, overflow));
  return { value: S.bitSelect(where, limitOf(size, sign), value), where };
};

export const add = (signed: boolean): Saturating => (c, size, n, m) => {
  const sum = c.let(S.add(size, n, m));
  if (size < 2) { const value = c.let(S.addSaturating(size as 0, n, m, signed)); return { value, where: S.xor(value, sum) }; }
  if (signed) return limited(c, size, sum, S.and(S.xor(n, sum), S.xor(m, sum)), n);
  const where = c.let(S.gtU(size, n, sum));
  return { value: S.or(sum, where), where };
};
export const subtract = (signed: boolean): Saturating => (c, size, n, m) => {
  const difference = c.let(S.sub(size, n, m));
  if (size < 2) { const value = c.let(S.subSaturating(size as 0, n, m, signed)); return { value, where: S.xor(value, difference) }; }
  if (signed) return limited(c, size, difference, S.and(S.xor(n, m), S.xor(n, difference)), n);
  const where = c.let(S.gtU(size, m, n));
  return { value: S.andNot(difference, where), where };
};

/** Only the smallest number has no negative: it stays as it is, and is inverted. */
const unlessSmallest = (c: Emitter, size: LaneSize, value: Val, stayed: Val): Saturated => {
  const where = c.let(S.signs(size, stayed));
  return { value: S.xor(value, where), where };
};
export const negate: Saturating = (c, size, n) => { const value = c.let(S.neg(size, n)); return unlessSmallest(c, size, value, S.and(value, n)); };
export const absolute: Saturating = (c, size, n) => { const value = c.let(S.abs(size, n)); return unlessSmallest(c, size, value, value); };

// ---- doubled products

const smallest = (size: 1 | 2) => S.shl(size, S.ONES, bitsOf(size) - 1);
/** The upper halves of 2nm, which overflow only for the smallest number squared. */
export const doubleHigh = (round: boolean): Saturating => (c, size, n, m) => {
  const where = c.let(S.and(S.eq(size, n, m), S.eq(size, n, smallest(size as 1))));
  if (size === 1 && round) return { value: S.mulQ15(n, m), where };
  const product = (upper: boolean) => S.extendedMul(size as 1, n, m, true, upper);
  if (size === 1) return { value: S.narrow(1, S.shrS(2, product(false), 15), S.shrS(2, product(true), 15), true), where };
  const doubled = (upper: boolean) => {
    const twice = S.shl(3, product(upper), 1);
    return round ? S.add(3, twice, S.shl(3, S.shrU(3, S.ONES, 63), 31)) : twice;
  };
  return { value: S.xor(S.shuffle(2, doubled(false), doubled(true), [1, 3, 5, 7]), where), where };
};

/** 2nm in lanes of the next size. */
export function doubleLong(c: Emitter, size: 1 | 2, n: Val, m: Val, upper: boolean): Saturated {
  const wide = (size + 1) as 2 | 3, product = c.let(S.extendedMul(size, n, m, true, upper)), doubled = c.let(S.add(wide, product, product));
  // The sign is wrong for the smallest number squared.
  return unlessSmallest(c, wide, doubled, S.andNot(doubled, product));
}

// ---- narrowing, from lanes of the next size to the lower half

export type NarrowTo = 'signed' | 'unsigned' | 'signed to unsigned';
export function narrowed(c: Emitter, size: 0 | 1 | 2, wide: Val, to: NarrowTo): Saturated {
  const v = c.let(wide), from = (size + 1) as 1 | 2 | 3, bits = bitsOf(size);
  if (size === 2) {
    const fits = S.eq(3, v, to === 'signed' ? S.extend(2, S.shuffle(2, v, v, [0, 2]), true, false) : S.shrU(3, S.shl(3, v, bits), bits));
    const where = c.let(S.not(fits)), sign = S.signs(3, v);
    const limit = to === 'signed' ? limitOf(2, sign) : to === 'unsigned' ? S.ONES : S.not(sign);
    const value = S.bitSelect(where, limit, v);
    return { value: S.shuffle(2, value, S.ZERO, [0, 2, 4, 6]), where };
  }
  if (to === 'unsigned') {
    const value = c.let(S.minU(from as 1, v, S.shrU(from, S.ONES, bits)));
    return { value: S.narrow(size, value, S.ZERO, false), where: S.xor(v, value) };
  }
  const value = c.let(S.narrow(size, v, S.ZERO, to === 'signed'));
  return { value, where: S.xor(v, S.extend(size, value, to === 'signed', false)) };
}

/** Into one half of a register; only one lane of a scalar. */
export function setNarrowed(c: Emitter, form: { readonly q: number } | { readonly scalarBytes: number }, vd: Reg, { value, where }: Saturated): void {
  if ('scalarBytes' in form) {
    const result = c.let(value);
    noteSaturation(c, lowest(2 * form.scalarBytes, where));
    c.setV(vd, lowest(form.scalarBytes, result));
    return;
  }
  const result = c.let(value);
  noteSaturation(c, where);
  c.setV(vd, form.q === 0 ? result : S.shuffle(3, c.v(vd), result, [0, 2]));
}

// ---- shifts to the left

/** By less than a lane's bits; what does not come back was saturated. */
export function shiftLeft(c: Emitter, size: LaneSize, n: Val, by: Val, to: NarrowTo): Saturated {
  const signed = to === 'signed', value = c.let(S.shl(size, n, by)), where = c.let(S.not(S.eq(size, (signed ? S.shrS : S.shrU)(size, value, by), n)));
  if (signed) return { value: S.bitSelect(where, limitOf(size, n), value), where };
  const whole = S.or(value, where);
  if (to === 'unsigned') return { value: whole, where };
  const negative = c.let(S.signs(size, n));
  return { value: S.andNot(whole, negative), where: S.or(where, negative) };
}
