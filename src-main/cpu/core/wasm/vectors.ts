/** Lane by lane: saturating, rounding and other operations that WebAssembly's SIMD lacks (`vector-operations.ts`). */
import { FPSR, STRUCTURE } from "../../layout";
import * as O from "../../vector-operations";
import { recipEstimate, rootEstimate } from "./float-convert";
import { get32, put32 } from "./state";

const QC: i32 = 1 << 27;
/** A result that is still being made; an operand may be the destination too. */
const RESULT = STRUCTURE + 32;

function readLane(at: usize, size: i32, unsigned: bool): i64 {
  switch (size) {
    case 0: return unsigned ? <i64>load<u8>(at) : <i64>load<i8>(at);
    case 1: return unsigned ? <i64>load<u16>(at) : <i64>load<i16>(at);
    case 2: return unsigned ? <i64>load<u32>(at) : <i64>load<i32>(at);
    default: return load<i64>(at);
  }
}

function writeLane(at: usize, size: i32, value: i64): void {
  switch (size) {
    case 0: store<u8>(at, <u8>value); break;
    case 1: store<u16>(at, <u16>value); break;
    case 2: store<u32>(at, <u32>value); break;
    default: store<i64>(at, value);
  }
}

/** d, n and m are offsets in the CPU's block. */
export function vectorLanes(cpu: usize, what: i32, d: i32, n: i32, m: i32): void {
  const size = (what >> O.LANES_SIZE) & 3, q = (what & O.LANES_Q) != 0, scalar = (what & O.LANES_SCALAR) != 0, unsigned = (what & O.LANES_UNSIGNED) != 0;
  const long = (what & O.LANES_LONG) != 0, narrow = (what & O.LANES_NARROWING) != 0;
  const from = narrow ? size + 1 : size, to = long ? size + 1 : size;
  const lanes = scalar ? 1 : (long || narrow || !q ? 8 : 16) >> size, upper = q && !scalar ? 8 : 0;
  const left = cpu + n + (long ? upper : 0), right = cpu + m + (long ? upper : 0), out = cpu + RESULT;
  store<u64>(out, 0);
  store<u64>(out, 0, 8);
  for (let i = 0; i < lanes; i++) {
    const value = lane(cpu, what & 0xff, 8 << size, readLane(left + (i << from), from, unsigned), readLane(right + (i << from), from, unsigned), readLane(cpu + d + (i << to), to, unsigned));
    writeLane(out + (i << to), to, value);
  }
  if (narrow && upper != 0) { store<u64>(cpu + d, load<u64>(out), 8); return; }
  store<u64>(cpu + d, load<u64>(out));
  store<u64>(cpu + d, load<u64>(out, 8), 8);
}

function lane(cpu: usize, what: i32, bits: i32, a: i64, b: i64, d: i64): i64 {
  const unsigned = (what & O.LANES_UNSIGNED) != 0, round = (what & O.LANES_ROUND) != 0;
  switch (what & 0x1f) {
    case O.LANES_ADD: return unsigned ? addUnsigned(cpu, bits, a, b) : addSigned(cpu, bits, a, b);
    case O.LANES_SUBTRACT: return unsigned ? subtractUnsigned(cpu, a, b) : subtractSigned(cpu, bits, a, b);
    case O.LANES_ADD_MIXED: return unsigned ? addSignedToUnsigned(cpu, bits, d, a) : addUnsignedToSigned(cpu, bits, d, a);
    case O.LANES_ABS: return a >= 0 ? a : subtractSigned(cpu, bits, 0, a);
    case O.LANES_NEGATE: return subtractSigned(cpu, bits, 0, a);
    case O.LANES_SHIFT: return shift(cpu, what, bits, a, <i32><i8>b);
    case O.LANES_SHIFT_TO_UNSIGNED: return a < 0 ? saturated(cpu, 0) : shiftLeftUnsigned(cpu, bits, a, <i32><i8>b);
    case O.LANES_NARROW: {
      const value = shiftRight(a, <i32><u8>b, unsigned, round);
      return unsigned ? clampUnsignedFromUnsigned(cpu, bits, value) : clampSigned(cpu, bits, value);
    }
    case O.LANES_NARROW_TO_UNSIGNED: return clampUnsigned(cpu, bits, shiftRight(a, <i32><u8>b, false, round));
    case O.LANES_DOUBLE_HIGH: return clampSigned(cpu, bits, (a * b + (round ? <i64>1 << (bits - 2) : 0)) >> (bits - 1));
    case O.LANES_DOUBLE_LONG: return doubled(cpu, bits, a, b);
    case O.LANES_DOUBLE_LONG_ADD: return addSigned(cpu, 2 * bits, d, doubled(cpu, bits, a, b));
    case O.LANES_DOUBLE_LONG_SUBTRACT: return subtractSigned(cpu, 2 * bits, d, doubled(cpu, bits, a, b));
    case O.LANES_POLYNOMIAL: return polynomial(a, b);
    case O.LANES_CLS: return clz(a ^ (a >> 63)) - (64 - bits) - 1;
    case O.LANES_CLZ: return clz(a) - (64 - bits);
    case O.LANES_RBIT: return reverseByte(a);
    case O.LANES_RECIPROCAL_ESTIMATE: return unsignedRecipEstimate(<u32>a);
    default: return unsignedRootEstimate(<u32>a);
  }
}

// ---- saturation

function saturated(cpu: usize, value: i64): i64 {
  put32(cpu, FPSR, get32(cpu, FPSR) | QC);
  return value;
}

// @ts-ignore: decorator
@inline function largest(bits: i32): i64 { return <i64>((<u64>-1) >> (65 - bits)); }
// @ts-ignore: decorator
@inline function allOnes(bits: i32): i64 { return <i64>((<u64>-1) >> (64 - bits)); }

function clampSigned(cpu: usize, bits: i32, value: i64): i64 {
  const max = largest(bits);
  if (value > max) return saturated(cpu, max);
  return value < ~max ? saturated(cpu, ~max) : value;
}

function clampUnsigned(cpu: usize, bits: i32, value: i64): i64 {
  if (value < 0) return saturated(cpu, 0);
  return value > allOnes(bits) ? saturated(cpu, allOnes(bits)) : value;
}

function clampUnsignedFromUnsigned(cpu: usize, bits: i32, value: u64): i64 {
  return value > <u64>allOnes(bits) ? saturated(cpu, allOnes(bits)) : <i64>value;
}

function addSigned(cpu: usize, bits: i32, a: i64, b: i64): i64 {
  const sum = a + b;
  if (bits < 64) return clampSigned(cpu, bits, sum);
  return ((a ^ sum) & (b ^ sum)) < 0 ? saturated(cpu, largest(64) ^ (a >> 63)) : sum;
}

function subtractSigned(cpu: usize, bits: i32, a: i64, b: i64): i64 {
  const difference = a - b;
  if (bits < 64) return clampSigned(cpu, bits, difference);
  return ((a ^ b) & (a ^ difference)) < 0 ? saturated(cpu, largest(64) ^ (a >> 63)) : difference;
}

function addUnsigned(cpu: usize, bits: i32, a: u64, b: u64): i64 {
  const sum = a + b;
  return sum < a ? saturated(cpu, -1) : clampUnsignedFromUnsigned(cpu, bits, sum);
}

function subtractUnsigned(cpu: usize, a: u64, b: u64): i64 { return a < b ? saturated(cpu, 0) : <i64>(a - b); }

/** Both operands were extended as the destination is. */
function addUnsignedToSigned(cpu: usize, bits: i32, d: i64, n: i64): i64 {
  const addend = <u64>(n & allOnes(bits)), sum = addend + <u64>d;
  if (bits < 64) return clampSigned(cpu, bits, <i64>sum);
  const carried = d >= 0 && sum < addend, over = <i64>sum < 0 && (d >= 0 || <i64>addend < 0);
  return carried || over ? saturated(cpu, largest(64)) : <i64>sum;
}

function addSignedToUnsigned(cpu: usize, bits: i32, d: u64, n: i64): i64 {
  const addend = n << (64 - bits) >> (64 - bits);
  if (addend >= 0) return addUnsigned(cpu, bits, d, <u64>addend);
  return subtractUnsigned(cpu, d, <u64>-addend);
}

// ---- shifts

function shift(cpu: usize, what: i32, bits: i32, value: i64, by: i32): i64 {
  const unsigned = (what & O.LANES_UNSIGNED) != 0;
  if (by < 0) return shiftRight(value, -by, unsigned, (what & O.LANES_ROUND) != 0);
  if ((what & O.LANES_SATURATE) == 0) return by >= bits ? 0 : value << by;
  return unsigned ? shiftLeftUnsigned(cpu, bits, value, by) : shiftLeftSigned(cpu, bits, value, by);
}

function shiftRight(value: i64, by: i32, unsigned: bool, round: bool): i64 {
  if (by == 0) return value;
  const most = by > 64 ? 0 : value >> (by - 1) & 1;
  if (unsigned) return (by > 63 ? 0 : <i64>(<u64>value >> by)) + (round ? most : 0);
  if (round && by > 63) return 0;
  return (value >> min(by, 63)) + (round ? most : 0);
}

function shiftLeftSigned(cpu: usize, bits: i32, value: i64, by: i32): i64 {
  if (value == 0) return 0;
  const limit = largest(bits) ^ (value >> 63);
  if (by >= bits) return saturated(cpu, limit);
  const spare = 64 - bits, shifted = value << (by + spare) >> spare;
  return shifted >> by == value ? shifted : saturated(cpu, limit);
}

function shiftLeftUnsigned(cpu: usize, bits: i32, value: u64, by: i32): i64 {
  if (value == 0) return 0;
  if (by >= bits) return saturated(cpu, allOnes(bits));
  const shifted = value << by & <u64>allOnes(bits);
  return shifted >> by == value ? <i64>shifted : saturated(cpu, allOnes(bits));
}

// ---- products

/** 2ab saturates for the smallest number squared only. */
function doubled(cpu: usize, bits: i32, a: i64, b: i64): i64 {
  const smallest = ~largest(bits);
  return a == smallest && b == smallest ? saturated(cpu, largest(2 * bits)) : 2 * a * b;
}

function polynomial(a: i64, b: i64): i64 {
  let product: i64 = 0;
  for (let i = 0; i < 8; i++) if ((b >> i & 1) != 0) product ^= (a & 0xff) << i;
  return product;
}

function reverseByte(value: i64): i64 {
  let reversed: i64 = 0;
  for (let i = 0; i < 8; i++) reversed |= (value >> i & 1) << (7 - i);
  return reversed;
}

// ---- UnsignedRecipEstimate and UnsignedRSqrtEstimate (shared pseudocode)

function unsignedRecipEstimate(operand: u32): i64 { return (operand >> 31) == 0 ? 0xffff_ffff : <i64>recipEstimate(<i32>(operand >> 23)) << 23; }
function unsignedRootEstimate(operand: u32): i64 { return (operand >> 30) == 0 ? 0xffff_ffff : <i64>rootEstimate(<i32>(operand >> 23)) << 23; }
