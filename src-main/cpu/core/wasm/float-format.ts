/**
 * Floating-point numbers in software (Arm ARM A1.5 and the shared pseudocode FPUnpack, FPRound, FPProcessNaN):
 * unpacking, rounding and packing of half, single and double precision, with the flags of FPSR.
 */
import { FP_FAST, FP_FUSED_LIMITS, FP_FUSED_LIMITS_DOUBLE, FP_LIMITS, FP_LIMITS_DOUBLE, FP_PARTS, FP_SMALLEST, FP_SMALLEST_DOUBLE, FPCR, FPSR, M_FUSED } from "../../layout";
import { get32, machine32, put32, put64 } from "./state";

export const HALF = 0, SINGLE = 1, DOUBLE = 2;
export const ZERO = 0, FINITE = 1, INFINITY = 2, QUIET = 3, SIGNALLING = 4;
export const NEAREST = 0, UP = 1, DOWN = 2, TOWARDS_ZERO = 3, TIES_AWAY = 4, TO_ODD = 5;

export const IOC = 1, DZC = 2, OFC = 4, UFC = 8, IXC = 16, IDC = 128, QC = 1 << 27;
const CR_FZ = 1 << 24, CR_DN = 1 << 25, CR_AHP = 1 << 26;

/** Place of the leading one of a normalized significand: the value is `significand` / 2^62 * 2^exponent. */
export const LEADING = 62;

// @ts-ignore: decorator
@inline export function fractionBits(format: i32): i32 { return format == DOUBLE ? 52 : format == SINGLE ? 23 : 10; }
// @ts-ignore: decorator
@inline export function exponentBits(format: i32): i32 { return format == DOUBLE ? 11 : format == SINGLE ? 8 : 5; }
// @ts-ignore: decorator
@inline export function bias(format: i32): i32 { return (1 << (exponentBits(format) - 1)) - 1; }
// @ts-ignore: decorator
@inline export function signBit(format: i32): i32 { return fractionBits(format) + exponentBits(format); }
// @ts-ignore: decorator
@inline export function signMask(format: i32): u64 { return <u64>1 << signBit(format); }
// @ts-ignore: decorator
@inline export function roundingMode(cpu: usize): i32 { return (get32(cpu, FPCR) >> 22) & 3; }

export function raise(cpu: usize, flags: i32): void {
  const before = get32(cpu, FPSR);
  put32(cpu, FPSR, before | flags);
  if ((flags & ~before & IXC) != 0) updateFpFast(cpu);
}

/** Native arithmetic gives the architected result and flags: to nearest, no flush to zero, inexact already set. */
export function updateFpFast(cpu: usize): void {
  const fast = (get32(cpu, FPCR) & 0x01c0_0000) == 0 && (get32(cpu, FPSR) & IXC) != 0, fused = fast && machine32(M_FUSED) != 0;
  put32(cpu, FP_FAST, i32(fast));
  putLimits(cpu, FP_SMALLEST, 0x0080_0000_0080_0000);
  putLimits(cpu, FP_SMALLEST_DOUBLE, 0x0010_0000_0000_0000);
  putLimits(cpu, FP_LIMITS, fast ? 0x7f80_0000_7f80_0000 : 0);
  putLimits(cpu, FP_LIMITS_DOUBLE, fast ? 0x7ff0_0000_0000_0000 : 0);
  putLimits(cpu, FP_FUSED_LIMITS, fused ? 0x7f80_0000_7f80_0000 : 0);
  putLimits(cpu, FP_FUSED_LIMITS_DOUBLE, fused ? 0x7ff0_0000_0000_0000 : 0);
}

function putLimits(cpu: usize, field: i32, value: u64): void {
  put64(cpu, field, value);
  put64(cpu, field + 8, value);
}

/** An unpacked operand. */
@unmanaged
export class Parts {
  kind: i32;
  exponent: i32;
  sign: u64;
  significand: u64;
  bits: u64;
}
/** Those of the CPU that runs: what the core has in memory of its own, all threads share. */
export let A = changetype<Parts>(0), B = changetype<Parts>(0), C = changetype<Parts>(0);

/** Before a CPU runs. */
export function useParts(cpu: usize): void {
  A = changetype<Parts>(cpu + FP_PARTS);
  B = changetype<Parts>(cpu + FP_PARTS + 32);
  C = changetype<Parts>(cpu + FP_PARTS + 64);
}

export function unpack(cpu: usize, format: i32, bits: u64, into: Parts): void {
  const f = fractionBits(format), top = (1 << exponentBits(format)) - 1;
  const fraction = bits & ((<u64>1 << f) - 1), exponent = <i32>(bits >> f) & top;
  into.bits = bits;
  into.sign = (bits >> signBit(format)) & 1;
  const alternative = format == HALF && (get32(cpu, FPCR) & CR_AHP) != 0;
  if (exponent == top && !alternative) {
    into.kind = fraction == 0 ? INFINITY : (fraction >> (f - 1)) != 0 ? QUIET : SIGNALLING;
  } else if (exponent != 0) {
    into.kind = FINITE;
    into.exponent = exponent - bias(format);
    into.significand = ((<u64>1 << f) | fraction) << (LEADING - f);
  } else if (fraction == 0 || flushes(cpu, format)) {
    if (fraction != 0) raise(cpu, IDC);
    into.kind = ZERO;
  } else {
    const shift = <i32>clz(fraction) - 1;
    into.kind = FINITE;
    into.significand = fraction << shift;
    into.exponent = 1 - bias(format) - (f - (LEADING - shift));
  }
}

/** FPCR.FZ does not concern half precision. */
function flushes(cpu: usize, format: i32): bool { return format != HALF && (get32(cpu, FPCR) & CR_FZ) != 0; }

export function zero(format: i32, sign: u64): u64 { return sign << signBit(format); }
export function infinity(format: i32, sign: u64): u64 { return zero(format, sign) | (<u64>((1 << exponentBits(format)) - 1) << fractionBits(format)); }
export function largest(format: i32, sign: u64): u64 { return infinity(format, sign) - 1; }
export function defaultNaN(format: i32): u64 { return infinity(format, 0) | (<u64>1 << (fractionBits(format) - 1)); }
export function invalid(cpu: usize, format: i32): u64 { raise(cpu, IOC); return defaultNaN(format); }

// @ts-ignore: decorator
@inline export function isNaNKind(p: Parts): bool { return p.kind >= QUIET; }

/** FPProcessNaN: the NaN made quiet, or the default one. */
export function processNaN(cpu: usize, format: i32, p: Parts): u64 {
  if (p.kind == SIGNALLING) raise(cpu, IOC);
  if ((get32(cpu, FPCR) & CR_DN) != 0) return defaultNaN(format);
  return p.bits | (<u64>1 << (fractionBits(format) - 1));
}

/** FPProcessNaNs: signalling ones first, then in order. One of the operands is a NaN. */
export function processNaNs(cpu: usize, format: i32, a: Parts, b: Parts): u64 {
  if (a.kind == SIGNALLING) return processNaN(cpu, format, a);
  if (b.kind == SIGNALLING) return processNaN(cpu, format, b);
  return processNaN(cpu, format, a.kind == QUIET ? a : b);
}

/** Shifts right, keeping in the lowest bit whether any bits were lost. */
export function shiftSticky(value: u64, by: i32): u64 {
  if (by <= 0) return value;
  if (by > 63) return <u64>(value != 0);
  return (value >> by) | <u64>((value << (64 - by)) != 0);
}

/** Whether a discarded part rounds the magnitude up. `rest` is below `half` * 2; `odd` is the kept part's last bit. */
export function roundsUp(mode: i32, sign: u64, rest: u64, half: u64, odd: bool): bool {
  switch (mode) {
    case NEAREST: return rest > half || (rest == half && odd);
    case UP: return rest != 0 && sign == 0;
    case DOWN: return rest != 0 && sign != 0;
    case TIES_AWAY: return rest >= half;
    default: return false;
  }
}

/** FPRound of a significand whose leading one is at LEADING, or of one that `normalize` brings there. */
export function round(cpu: usize, format: i32, sign: u64, exponent: i32, significand: u64, mode: i32 = -1): u64 {
  const rounding = mode < 0 ? roundingMode(cpu) : mode, f = fractionBits(format), lowest = 1 - bias(format);
  if (exponent < lowest && flushes(cpu, format)) { raise(cpu, UFC); return zero(format, sign); }
  const tiny = exponent < lowest;
  const shift = LEADING - f, aligned = tiny ? shiftSticky(significand, lowest - exponent) : significand;
  const rest = aligned & ((<u64>1 << shift) - 1);
  let kept = aligned >> shift;
  let biased = tiny ? 0 : exponent + bias(format);
  if (tiny && rest != 0) raise(cpu, UFC);
  if (rounding == TO_ODD) { if (rest != 0) kept |= 1; }
  else if (roundsUp(rounding, sign, rest, <u64>1 << (shift - 1), (kept & 1) != 0)) kept++;
  if (tiny) {
    if ((kept >> f) != 0) biased = 1;
  } else if ((kept >> (f + 1)) != 0) {
    kept >>= 1;
    biased++;
  }
  return pack(cpu, format, sign, biased, kept, rest != 0, rounding);
}

function pack(cpu: usize, format: i32, sign: u64, biased: i32, kept: u64, inexact: bool, rounding: i32): u64 {
  const f = fractionBits(format), top = (1 << exponentBits(format)) - 1;
  const alternative = format == HALF && (get32(cpu, FPCR) & CR_AHP) != 0;
  if (alternative && biased > top) { raise(cpu, IOC); return zero(format, sign) | 0x7fff; }
  if (!alternative && biased >= top) {
    raise(cpu, OFC | IXC);
    const toInfinity = rounding == NEAREST || rounding == TIES_AWAY || (rounding == UP && sign == 0) || (rounding == DOWN && sign != 0);
    return toInfinity ? infinity(format, sign) : largest(format, sign);
  }
  if (inexact) raise(cpu, IXC);
  return zero(format, sign) | (<u64>biased << f) | (kept & ((<u64>1 << f) - 1));
}

/** Rounds any nonzero significand; its exponent is that of bit LEADING. */
export function normalizeRound(cpu: usize, format: i32, sign: u64, exponent: i32, significand: u64): u64 {
  const lead = <i32>clz(significand);
  if (lead == 0) return round(cpu, format, sign, exponent + 1, shiftSticky(significand, 1));
  return round(cpu, format, sign, exponent - (lead - 1), significand << (lead - 1));
}
