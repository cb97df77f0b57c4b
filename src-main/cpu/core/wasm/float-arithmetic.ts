/**
 * Floating-point arithmetic in software, exact in result and flags (the shared pseudocode FPAdd, FPMul, FPMulAdd and
 * their like). Operands and results are bit patterns in the low bits of a u64; formats are those of float-format.
 */
import { FP_FAST } from "../../layout";
import { multiplyHighUnsigned } from "./arithmetic";
import {
  A, B, bias, C, defaultNaN, DOUBLE, DZC, FINITE, fractionBits, infinity, INFINITY, invalid, IOC, isNaNKind, normalizeRound, Parts, processNaN,
  processNaNs, QUIET, raise, round, roundingMode, shiftSticky, SIGNALLING, signMask, unpack, zero, ZERO,
} from "./float-format";
import { get32 } from "./state";

export const OP_ADD = 0, OP_SUB = 1, OP_MUL = 2, OP_DIV = 3, OP_MAX = 4, OP_MIN = 5, OP_MAXNM = 6, OP_MINNM = 7, OP_MULX = 8, OP_NMUL = 9,
  OP_ABD = 10, OP_RECPS = 11, OP_RSQRTS = 12;

/** Whether native arithmetic is exact but for tiny and infinite results; then zeros, which generated code leaves to us, need not be taken apart. */
// @ts-ignore: decorator
@inline function isNative(cpu: usize): bool { return get32(cpu, FP_FAST) != 0; }
// @ts-ignore: decorator
@inline function isZero(format: i32, a: u64): bool { return (a & (signMask(format) - 1)) == 0; }
// @ts-ignore: decorator
@inline function isFinite(format: i32, a: u64): bool { return (a & infinity(format, 0)) != infinity(format, 0); }
// @ts-ignore: decorator
@inline function signOf(format: i32, a: u64, b: u64): u64 { return (a ^ b) & signMask(format); }

/** An operation on two numbers. */
export function floatBinary(cpu: usize, op: i32, format: i32, a: u64, b: u64): u64 {
  if (isNative(cpu)) {
    if ((op == OP_MUL || op == OP_MULX) && isFinite(format, a) && isFinite(format, b) && (isZero(format, a) || isZero(format, b))) return signOf(format, a, b);
    if (op == OP_DIV && isZero(format, a) && isFinite(format, b) && !isZero(format, b)) return signOf(format, a, b);
  }
  switch (op) {
    case OP_ADD: return add(cpu, format, a, b);
    case OP_SUB: return subtract(cpu, format, a, b);
    case OP_MUL: return multiply(cpu, format, a, b, false);
    case OP_DIV: return divide(cpu, format, a, b);
    case OP_MAX: case OP_MIN: return maximum(cpu, format, a, b, op == OP_MIN);
    case OP_MAXNM: case OP_MINNM: return maximumNumber(cpu, format, a, b, op == OP_MINNM);
    case OP_MULX: return multiply(cpu, format, a, b, true);
    case OP_NMUL: return multiply(cpu, format, a, b, false) ^ signMask(format);
    case OP_ABD: return subtract(cpu, format, a, b) & ~signMask(format);
    case OP_RECPS: return reciprocalStep(cpu, format, a, b, false);
    default: return reciprocalStep(cpu, format, a, b, true);
  }
}

function add(cpu: usize, format: i32, a: u64, b: u64): u64 { return sum(cpu, format, a, b, 0); }
function subtract(cpu: usize, format: i32, a: u64, b: u64): u64 { return sum(cpu, format, a, b, 1); }

function sum(cpu: usize, format: i32, a: u64, b: u64, negate: u64): u64 {
  unpack(cpu, format, a, A);
  unpack(cpu, format, b, B);
  if (isNaNKind(A) || isNaNKind(B)) return processNaNs(cpu, format, A, B);
  const signB = B.sign ^ negate;
  if (A.kind == INFINITY) return B.kind == INFINITY && A.sign != signB ? invalid(cpu, format) : infinity(format, A.sign);
  if (B.kind == INFINITY) return infinity(format, signB);
  if (A.kind == ZERO && B.kind == ZERO) return zero(format, A.sign == signB ? A.sign : negativeZeroSum(cpu));
  if (A.kind == ZERO) return round(cpu, format, signB, B.exponent, B.significand);
  if (B.kind == ZERO) return round(cpu, format, A.sign, A.exponent, A.significand);
  return sumFinite(cpu, format, signB);
}

/** The sign of x - x: negative only when rounding down. */
function negativeZeroSum(cpu: usize): u64 { return <u64>(roundingMode(cpu) == 2); }

function sumFinite(cpu: usize, format: i32, signB: u64): u64 {
  const difference = A.exponent - B.exponent;
  const exponent = difference >= 0 ? A.exponent : B.exponent;
  const a = shiftSticky(A.significand, -difference), b = shiftSticky(B.significand, difference);
  if (A.sign == signB) return normalizeRound(cpu, format, A.sign, exponent, a + b);
  if (a == b) return zero(format, negativeZeroSum(cpu));
  return a > b ? normalizeRound(cpu, format, A.sign, exponent, a - b) : normalizeRound(cpu, format, signB, exponent, b - a);
}

function multiply(cpu: usize, format: i32, a: u64, b: u64, extended: bool): u64 {
  unpack(cpu, format, a, A);
  unpack(cpu, format, b, B);
  if (isNaNKind(A) || isNaNKind(B)) return processNaNs(cpu, format, A, B);
  const sign = A.sign ^ B.sign;
  if ((A.kind == INFINITY && B.kind == ZERO) || (A.kind == ZERO && B.kind == INFINITY)) {
    return extended ? two(format, sign) : invalid(cpu, format);
  }
  if (A.kind == INFINITY || B.kind == INFINITY) return infinity(format, sign);
  if (A.kind == ZERO || B.kind == ZERO) return zero(format, sign);
  return normalizeRound(cpu, format, sign, A.exponent + B.exponent + 2, productOf(A.significand, B.significand));
}

/** Upper half of the product, sticky: with leading ones at 62 its scale is 2^(62 - 2) below that of the operands. */
function productOf(a: u64, b: u64): u64 { return multiplyHighUnsigned(a, b) | <u64>(a * b != 0); }

/** Exponents of a few constants. */
function two(format: i32, sign: u64): u64 { return zero(format, sign) | (<u64>(bias(format) + 1) << fractionBits(format)); }
function oneAndAHalf(format: i32): u64 { return (<u64>bias(format) << fractionBits(format)) | (<u64>1 << (fractionBits(format) - 1)); }

function divide(cpu: usize, format: i32, a: u64, b: u64): u64 {
  unpack(cpu, format, a, A);
  unpack(cpu, format, b, B);
  if (isNaNKind(A) || isNaNKind(B)) return processNaNs(cpu, format, A, B);
  const sign = A.sign ^ B.sign;
  if ((A.kind == INFINITY && B.kind == INFINITY) || (A.kind == ZERO && B.kind == ZERO)) return invalid(cpu, format);
  if (A.kind == INFINITY) return infinity(format, sign);
  if (B.kind == ZERO) { raise(cpu, DZC); return infinity(format, sign); }
  if (A.kind == ZERO || B.kind == INFINITY) return zero(format, sign);
  return normalizeRound(cpu, format, sign, A.exponent - B.exponent, quotientOf(A.significand, B.significand));
}

/** a / b * 2^62, sticky, by long division; both have their leading one at 62. */
function quotientOf(a: u64, b: u64): u64 {
  let rest = a, quotient: u64 = 0;
  for (let i = 0; i <= 62; i++) {
    quotient <<= 1;
    if (rest >= b) { rest -= b; quotient |= 1; }
    rest <<= 1;
  }
  return quotient | <u64>(rest != 0);
}

function compareParts(a: Parts, b: Parts): i32 {
  if (a.kind == ZERO && b.kind == ZERO) return 0;
  const negativeA = a.kind != ZERO && a.sign != 0, negativeB = b.kind != ZERO && b.sign != 0;
  if (a.kind == ZERO) return negativeB ? 1 : -1;
  if (b.kind == ZERO) return negativeA ? -1 : 1;
  if (negativeA != negativeB) return negativeA ? -1 : 1;
  const magnitude = compareMagnitudes(a, b);
  return negativeA ? -magnitude : magnitude;
}

function compareMagnitudes(a: Parts, b: Parts): i32 {
  if (a.kind == INFINITY || b.kind == INFINITY) return i32(a.kind == INFINITY) - i32(b.kind == INFINITY);
  if (a.exponent != b.exponent) return a.exponent > b.exponent ? 1 : -1;
  return a.significand == b.significand ? 0 : a.significand > b.significand ? 1 : -1;
}

/** FPMax and FPMin: the operand itself, flushed if it is to be; of two zeros, the one that is larger by its sign. */
function maximum(cpu: usize, format: i32, a: u64, b: u64, least: bool): u64 {
  unpack(cpu, format, a, A);
  unpack(cpu, format, b, B);
  if (isNaNKind(A) || isNaNKind(B)) return processNaNs(cpu, format, A, B);
  if (A.kind == ZERO && B.kind == ZERO) return zero(format, least ? A.sign | B.sign : A.sign & B.sign);
  const takeA = least ? compareParts(A, B) < 0 : compareParts(A, B) > 0, taken = takeA ? A : B;
  return taken.kind == ZERO ? zero(format, taken.sign) : taken.kind == FINITE ? round(cpu, format, taken.sign, taken.exponent, taken.significand) : taken.bits;
}

/** FPMaxNum and FPMinNum: one quiet NaN gives way to the number. */
function maximumNumber(cpu: usize, format: i32, a: u64, b: u64, least: bool): u64 {
  unpack(cpu, format, a, A);
  unpack(cpu, format, b, B);
  const lowest = infinity(format, least ? 0 : 1);
  if (A.kind == QUIET && B.kind != QUIET) return maximum(cpu, format, lowest, b, least);
  if (B.kind == QUIET && A.kind != QUIET) return maximum(cpu, format, a, lowest, least);
  return maximum(cpu, format, a, b, least);
}

/** FRECPS: 2 - a * b. FRSQRTS: (3 - a * b) / 2. Fused, and infinity times zero counts as zero. */
function reciprocalStep(cpu: usize, format: i32, a: u64, b: u64, root: bool): u64 {
  const negated = a ^ signMask(format);
  unpack(cpu, format, negated, A);
  unpack(cpu, format, b, B);
  if (isNaNKind(A) || isNaNKind(B)) return processNaNs(cpu, format, A, B);
  const start = root ? oneAndAHalf(format) : two(format, 0);
  if ((A.kind == INFINITY && B.kind == ZERO) || (A.kind == ZERO && B.kind == INFINITY)) return start;
  if (A.kind == INFINITY || B.kind == INFINITY) return infinity(format, A.sign ^ B.sign);
  const three = oneAndAHalf(format) + (<u64>1 << fractionBits(format));
  return fused(cpu, format, root ? three : start, negated, b, root ? -1 : 0);
}

/** addend + a * b with one rounding (FPMulAdd). */
export function floatMultiplyAdd(cpu: usize, format: i32, addend: u64, a: u64, b: u64): u64 {
  // A product of zero leaves the addend, unless that is zero of the other sign.
  if (isNative(cpu) && isFinite(format, a) && isFinite(format, b) && isFinite(format, addend) && (isZero(format, a) || isZero(format, b))) {
    return isZero(format, addend) && addend != signOf(format, a, b) ? 0 : addend;
  }
  unpack(cpu, format, addend, C);
  unpack(cpu, format, a, A);
  unpack(cpu, format, b, B);
  const infinityTimesZero = (A.kind == INFINITY && B.kind == ZERO) || (A.kind == ZERO && B.kind == INFINITY);
  if (C.kind == QUIET && infinityTimesZero) { raise(cpu, IOC); return defaultNaN(format); }
  if (isNaNKind(A) || isNaNKind(B) || isNaNKind(C)) return threeNaNs(cpu, format);
  const sign = A.sign ^ B.sign, infinite = A.kind == INFINITY || B.kind == INFINITY;
  if (infinityTimesZero || (C.kind == INFINITY && infinite && C.sign != sign)) return invalid(cpu, format);
  if (C.kind == INFINITY) return infinity(format, C.sign);
  if (infinite) return infinity(format, sign);
  return fused(cpu, format, addend, a, b, 0);
}

function threeNaNs(cpu: usize, format: i32): u64 {
  if (C.kind == SIGNALLING) return processNaN(cpu, format, C);
  if (A.kind == SIGNALLING) return processNaN(cpu, format, A);
  if (B.kind == SIGNALLING) return processNaN(cpu, format, B);
  return processNaN(cpu, format, C.kind == QUIET ? C : A.kind == QUIET ? A : B);
}

// 128 bits with the leading one of a product at 124 or 125, of an addend at 124.
let high: u64 = 0, low: u64 = 0;

function shift128Sticky(by: i32): void {
  if (by <= 0) return;
  if (by >= 128) { low = <u64>((high | low) != 0); high = 0; return; }
  if (by >= 64) {
    low = shiftSticky(high, by - 64) | <u64>(low != 0);
    high = 0;
    return;
  }
  const lost = low << (64 - by);
  low = (low >> by) | (high << (64 - by)) | <u64>(lost != 0);
  high >>= by;
}

/** For finite operands; the result is scaled by 2^scale before rounding. */
function fused(cpu: usize, format: i32, addend: u64, a: u64, b: u64, scale: i32): u64 {
  unpack(cpu, format, addend, C);
  unpack(cpu, format, a, A);
  unpack(cpu, format, b, B);
  const sign = A.sign ^ B.sign;
  if (A.kind == ZERO || B.kind == ZERO) {
    if (C.kind == ZERO) return zero(format, C.sign == sign ? sign : negativeZeroSum(cpu));
    return round(cpu, format, C.sign, C.exponent + scale, C.significand);
  }
  const productHigh = multiplyHighUnsigned(A.significand, B.significand), productLow = A.significand * B.significand;
  const productExponent = A.exponent + B.exponent;
  if (C.kind == ZERO) return normalizeRound(cpu, format, sign, productExponent + 2 + scale, productHigh | <u64>(productLow != 0));
  return fusedFinite(cpu, format, sign, productExponent, productHigh, productLow, scale);
}

/** Both are 128-bit numbers at scale 2^(exponent - 124). */
function fusedFinite(cpu: usize, format: i32, sign: u64, productExponent: i32, productHigh: u64, productLow: u64, scale: i32): u64 {
  const difference = productExponent - C.exponent, exponent = difference >= 0 ? productExponent : C.exponent;
  high = C.significand >> 2;
  low = C.significand << 62;
  shift128Sticky(difference);
  const cHigh = high, cLow = low;
  high = productHigh;
  low = productLow;
  shift128Sticky(-difference);
  let resultSign = sign;
  if (C.sign == sign) {
    const sumLow = low + cLow;
    high += cHigh + <u64>(sumLow < low);
    low = sumLow;
  } else if (high > cHigh || (high == cHigh && low >= cLow)) {
    high = high - cHigh - <u64>(low < cLow);
    low -= cLow;
  } else {
    resultSign = C.sign;
    const differenceLow = cLow - low;
    high = cHigh - high - <u64>(cLow < low);
    low = differenceLow;
  }
  if ((high | low) == 0) return zero(format, negativeZeroSum(cpu));
  return round128(cpu, format, resultSign, exponent + scale);
}

/** Rounds high:low, whose bit 124 stands for 2^exponent. */
function round128(cpu: usize, format: i32, sign: u64, exponent: i32): u64 {
  const lead = high != 0 ? <i32>clz(high) : 64 + <i32>clz(low);
  const by = lead - 1;
  let top: u64;
  if (by < 0) top = (high >> 1) | (high & 1) | <u64>(low != 0);
  else if (by == 0) top = high | <u64>(low != 0);
  else if (by < 64) top = (high << by) | (low >> (64 - by)) | <u64>((low << by) != 0);
  else top = low << (by - 64);
  return round(cpu, format, sign, exponent + 2 - by, top);
}

// ---- one operand

export function floatSquareRoot(cpu: usize, format: i32, a: u64): u64 {
  unpack(cpu, format, a, A);
  if (isNaNKind(A)) return processNaN(cpu, format, A);
  if (A.kind == ZERO) return zero(format, A.sign);
  if (A.sign != 0) return invalid(cpu, format);
  if (A.kind == INFINITY) return infinity(format, 0);
  const odd = A.exponent & 1;
  return normalizeRound(cpu, format, 0, (A.exponent - odd) / 2, rootOf(A.significand, odd));
}

/** Root of a significand (times 2 when the exponent is odd), leading one at 62, sticky; digit by digit. */
function rootOf(significand: u64, odd: i32): u64 {
  let root: u64 = 0, restHigh: u64 = 0;
  // The radicand is significand << (62 + odd), 126 bits: two of them at each step, from the top.
  const radicandHigh = odd != 0 ? significand >> 1 : significand >> 2, radicandLow = odd != 0 ? significand << 63 : significand << 62;
  let sticky = false;
  for (let i = 0; i < 63; i++) {
    const at = 124 - 2 * i;
    const pair = at >= 64 ? (radicandHigh >> (at - 64)) & 3 : (radicandLow >> at) & 3;
    restHigh = (restHigh << 2) | pair;
    const trial = (root << 2) | 1;
    root <<= 1;
    if (restHigh >= trial) { restHigh -= trial; root |= 1; }
  }
  sticky = restHigh != 0;
  return root | <u64>sticky;
}

/** FCMP, FCMPE: NZCV. */
export function floatCompare(cpu: usize, format: i32, a: u64, b: u64, signalAll: i32): i32 {
  unpack(cpu, format, a, A);
  unpack(cpu, format, b, B);
  if (isNaNKind(A) || isNaNKind(B)) {
    if (signalAll != 0 || A.kind == SIGNALLING || B.kind == SIGNALLING) raise(cpu, IOC);
    return 3;
  }
  const order = compareParts(A, B);
  return order == 0 ? 6 : order < 0 ? 8 : 2;
}

/** FCMEQ (0), FCMGE (1), FCMGT (2), FACGE (3), FACGT (4): all ones or zero, in the width of the format. */
export function floatCompareMask(cpu: usize, format: i32, kind: i32, a: u64, b: u64): u64 {
  const absolute = kind >= 3, mask = absolute ? ~signMask(format) : <u64>-1;
  const nzcv = floatCompare(cpu, format, a & mask, b & mask, i32(kind != 0));
  const holds = kind == 0 ? nzcv == 6 : (kind & 1) != 0 ? nzcv == 6 || nzcv == 2 : nzcv == 2;
  return holds ? (format == DOUBLE ? <u64>-1 : (signMask(format) << 1) - 1) : 0;
}

