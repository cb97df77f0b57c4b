/** Conversions between floating-point formats and integers, rounding to integral values, and the estimates (shared pseudocode FPConvert, FPToFixed, FixedToFP, FPRoundInt, FPRecipEstimate). */
import { FPCR } from "../../layout";
import {
  A, bias, DZC, exponentBits, fractionBits, HALF, infinity, INFINITY, IOC, isNaNKind, IXC, LEADING, largest, OFC, processNaN, raise, round,
  roundingMode, roundsUp, SIGNALLING, TO_ODD, UFC, unpack, zero, ZERO,
} from "./float-format";
import { get32 } from "./state";

/** FCVT, and FCVTXN with `toOdd`. */
export function floatConvert(cpu: usize, from: i32, to: i32, bits: u64, toOdd: i32): u64 {
  unpack(cpu, from, bits, A);
  const alternative = to == HALF && (get32(cpu, FPCR) & (1 << 26)) != 0;
  if (isNaNKind(A)) {
    if (alternative) { raise(cpu, IOC); return zero(to, A.sign); }
    return convertNaN(cpu, from, to);
  }
  if (A.kind == INFINITY) {
    if (!alternative) return infinity(to, A.sign);
    raise(cpu, IOC);
    return zero(to, A.sign) | 0x7fff;
  }
  if (A.kind == ZERO) return zero(to, A.sign);
  return round(cpu, to, A.sign, A.exponent, A.significand, toOdd != 0 ? TO_ODD : -1);
}

function convertNaN(cpu: usize, from: i32, to: i32): u64 {
  if (A.kind == SIGNALLING) raise(cpu, IOC);
  if ((get32(cpu, FPCR) & (1 << 25)) != 0) return infinity(to, 0) | (<u64>1 << (fractionBits(to) - 1));
  const fraction = A.bits & ((<u64>1 << fractionBits(from)) - 1), by = fractionBits(to) - fractionBits(from);
  return infinity(to, A.sign) | (<u64>1 << (fractionBits(to) - 1)) | (by >= 0 ? fraction << by : fraction >> -by);
}

/** Magnitude of A as an integer after scaling by 2^scale; `inexact` says what was lost. Saturates at 2^64 - 1 with `overflowed`. */
let inexact = false, overflowed = false;
function integerPart(scale: i32, mode: i32): u64 {
  inexact = false;
  overflowed = false;
  const exponent = A.exponent + scale;
  if (exponent > 63) { overflowed = true; return <u64>-1; }
  if (exponent == 63) return A.significand << 1;
  if (exponent < -1) {
    inexact = true;
    return <u64>roundsUp(mode, A.sign, 1, 2, false);
  }
  const discarded = LEADING - exponent;
  const kept = discarded > 63 ? 0 : A.significand >> discarded;
  const rest = discarded > 63 ? A.significand : A.significand & ((<u64>1 << discarded) - 1);
  inexact = rest != 0;
  return kept + <u64>roundsUp(mode, A.sign, rest, discarded > 63 ? <u64>1 << 62 : <u64>1 << (discarded - 1), (kept & 1) != 0);
}

/** FCVT…S and FCVT…U: saturates to 32 or 64 bits. `mode` -1 is that of FPCR. The result is zero-extended. */
export function floatToInteger(cpu: usize, format: i32, bits: u64, width: i32, isUnsigned: i32, mode: i32, fractions: i32): u64 {
  unpack(cpu, format, bits, A);
  const ones: u64 = width == 64 ? <u64>-1 : width == 32 ? 0xffff_ffff : 0xffff;
  if (isNaNKind(A)) { raise(cpu, IOC); return 0; }
  if (A.kind == ZERO) return 0;
  const most: u64 = isUnsigned != 0 ? (A.sign != 0 ? 0 : ones) : A.sign != 0 ? (ones >> 1) + 1 : ones >> 1;
  if (A.kind == INFINITY) { raise(cpu, IOC); return most; }
  const magnitude = integerPart(fractions, mode < 0 ? roundingMode(cpu) : mode);
  const limit = isUnsigned != 0 && A.sign != 0 ? 0 : most;
  if (overflowed || magnitude > limit) { raise(cpu, IOC); return most; }
  if (inexact) raise(cpu, IXC);
  return (A.sign != 0 ? 0 - magnitude : magnitude) & ones;
}

/** SCVTF and UCVTF of a 64-bit integer, sign- or zero-extended by the caller, with `fractions` fraction bits. */
export function integerToFloat(cpu: usize, format: i32, value: u64, isUnsigned: i32, fractions: i32): u64 {
  if (value == 0) return 0;
  const negative = isUnsigned == 0 && <i64>value < 0, magnitude = negative ? 0 - value : value;
  const lead = <i32>clz(magnitude), exponent = 63 - lead - fractions;
  const significand = lead == 0 ? (magnitude >> 1) | (magnitude & 1) : magnitude << (lead - 1);
  return round(cpu, format, <u64>negative, exponent, significand);
}

/** FRINT…: `mode` -1 is that of FPCR; `exact` signals inexactness (FRINTX). */
export function floatRoundIntegral(cpu: usize, format: i32, bits: u64, mode: i32, exact: i32): u64 {
  unpack(cpu, format, bits, A);
  if (isNaNKind(A)) return processNaN(cpu, format, A);
  if (A.kind == INFINITY) return infinity(format, A.sign);
  if (A.kind == ZERO) return zero(format, A.sign);
  if (A.exponent >= fractionBits(format)) return bits;
  const magnitude = integerPart(0, mode < 0 ? roundingMode(cpu) : mode);
  if (inexact && exact != 0) raise(cpu, IXC);
  if (magnitude == 0) return zero(format, A.sign);
  const lead = <i32>clz(magnitude);
  return round(cpu, format, A.sign, 63 - lead, magnitude << (lead - 1));
}

/** FRECPE. */
export function floatReciprocalEstimate(cpu: usize, format: i32, bits: u64): u64 {
  unpack(cpu, format, bits, A);
  if (isNaNKind(A)) return processNaN(cpu, format, A);
  if (A.kind == INFINITY) return zero(format, A.sign);
  if (A.kind == ZERO) { raise(cpu, DZC); return infinity(format, A.sign); }
  const b = bias(format), f = fractionBits(format);
  if (A.exponent < -b - 1) return reciprocalOverflow(cpu, format);
  const flush = format != HALF && (get32(cpu, FPCR) & (1 << 24)) != 0;
  if (flush && A.exponent >= b - 1) { raise(cpu, UFC); return zero(format, A.sign); }
  const estimate = <u64>recipEstimate(256 + (<i32>(A.significand >> (LEADING - 8)) & 0xff));
  let exponent = -1 - A.exponent + b;
  let fraction = (estimate & 0xff) << (f - 8);
  if (exponent == 0) {
    fraction = (<u64>1 << (f - 1)) | (fraction >> 1);
  } else if (exponent == -1) {
    fraction = (<u64>1 << (f - 2)) | (fraction >> 2);
    exponent = 0;
  }
  return zero(format, A.sign) | (<u64>exponent << f) | fraction;
}

function reciprocalOverflow(cpu: usize, format: i32): u64 {
  raise(cpu, OFC | IXC);
  const mode = roundingMode(cpu), toInfinity = mode == 0 || (mode == 1 && A.sign == 0) || (mode == 2 && A.sign != 0);
  return toInfinity ? infinity(format, A.sign) : largest(format, A.sign);
}

/** RecipEstimate of the shared pseudocode: 9 bits in [256, 512) to 9 bits in [256, 511]. */
export function recipEstimate(a: i32): i32 {
  const odd = a * 2 + 1;
  return ((1 << 19) / odd + 1) / 2;
}

/** RecipSqrtEstimate: 9 bits in [128, 512) to 9 bits in [256, 511]. */
export function rootEstimate(input: i32): i32 {
  const a = input < 256 ? input * 2 + 1 : (((input >> 1) << 1) + 1) * 2;
  let b = 512;
  while (<i64>a * (b + 1) * (b + 1) < (<i64>1 << 28)) b++;
  return (b + 1) / 2;
}

/** FRSQRTE. */
export function floatRootEstimate(cpu: usize, format: i32, bits: u64): u64 {
  unpack(cpu, format, bits, A);
  if (isNaNKind(A)) return processNaN(cpu, format, A);
  if (A.kind == ZERO) { raise(cpu, DZC); return infinity(format, A.sign); }
  if (A.sign != 0) { raise(cpu, IOC); return infinity(format, 0) | (<u64>1 << (fractionBits(format) - 1)); }
  if (A.kind == INFINITY) return 0;
  const biased = A.exponent + bias(format), even = (biased & 1) == 0;
  const top = <i32>(A.significand >> (LEADING - 8)) & 0xff;
  const scaled = even ? 256 + top : 128 + (top >> 1);
  const estimate = <u64>rootEstimate(scaled), f = fractionBits(format);
  const exponent = (3 * bias(format) - 1 - biased) >> 1;
  return (<u64>exponent << f) | ((estimate & 0xff) << (f - 8));
}

/** FRECPX: the exponent inverted. */
export function floatReciprocalExponent(cpu: usize, format: i32, bits: u64): u64 {
  unpack(cpu, format, bits, A);
  if (isNaNKind(A)) return processNaN(cpu, format, A);
  const top = (1 << exponentBits(format)) - 1, exponent = <i32>(bits >> fractionBits(format)) & top;
  return zero(format, A.sign) | (<u64>(exponent == 0 ? top - 1 : ~exponent & top) << fractionBits(format));
}

