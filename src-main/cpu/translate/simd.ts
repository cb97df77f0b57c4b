/** WebAssembly's 128-bit operations by name; `size` is the log2 of a lane's bytes. */
import { Val, loadFrom, type Arg } from './value.ts';

export type LaneSize = 0 | 1 | 2 | 3;

const op = (opcode: number, ...args: Val[]) => Val.simd('v128', opcode, args);
/** Operations whose opcodes for the next size are 32 further on. */
const stepped = (first: number, size: LaneSize, ...args: Val[]) => op(first + 32 * size, ...args);
const i32 = (value: Arg) => (value instanceof Val ? value : Val.i32(Number(value)));

export const not = (a: Val) => op(77, a);
export const and = (a: Val, b: Val) => op(78, a, b);
/** a AND NOT b. */
export const andNot = (a: Val, b: Val) => op(79, a, b);
export const or = (a: Val, b: Val) => op(80, a, b);
export const xor = (a: Val, b: Val) => op(81, a, b);
/** Bits of `a` where the mask is set, else of `b`. */
export const bitSelect = (mask: Val, a: Val, b: Val) => op(82, a, b, mask);

export const abs = (size: LaneSize, a: Val) => stepped(96, size, a);
export const neg = (size: LaneSize, a: Val) => stepped(97, size, a);
export const popcnt8 = (a: Val) => op(98, a);
export const add = (size: LaneSize, a: Val, b: Val) => stepped(110, size, a, b);
export const sub = (size: LaneSize, a: Val, b: Val) => stepped(113, size, a, b);
/** There is no multiplication of bytes. */
export const mul = (size: 1 | 2 | 3, a: Val, b: Val) => stepped(117, size, a, b);
/** Shifts of all lanes by one amount, which counts modulo the lane's bits. */
export const shl = (size: LaneSize, a: Val, by: Arg) => stepped(107, size, a, i32(by));
export const shrS = (size: LaneSize, a: Val, by: Arg) => stepped(108, size, a, i32(by));
export const shrU = (size: LaneSize, a: Val, by: Arg) => stepped(109, size, a, i32(by));
/** Not for 64-bit lanes. */
export const minS = (size: 0 | 1 | 2, a: Val, b: Val) => stepped(118, size, a, b);
export const minU = (size: 0 | 1 | 2, a: Val, b: Val) => stepped(119, size, a, b);
export const maxS = (size: 0 | 1 | 2, a: Val, b: Val) => stepped(120, size, a, b);
export const maxU = (size: 0 | 1 | 2, a: Val, b: Val) => stepped(121, size, a, b);
/** (a + b + 1) >> 1 of bytes and halfwords. */
export const averageU = (size: 0 | 1, a: Val, b: Val) => stepped(123, size, a, b);

const COMPARE_BASE = [35, 45, 55] as const;
const SIGN64 = constant(Array.from({ length: 16 }, (_, i) => (i % 8 === 7 ? 0x80 : 0)));
export const eq = (size: LaneSize, a: Val, b: Val) => (size === 3 ? op(214, a, b) : op(COMPARE_BASE[size], a, b));
export const gtS = (size: LaneSize, a: Val, b: Val) => (size === 3 ? op(217, a, b) : op(COMPARE_BASE[size] + 4, a, b));
export const geS = (size: LaneSize, a: Val, b: Val) => (size === 3 ? op(219, a, b) : op(COMPARE_BASE[size] + 8, a, b));
export const gtU = (size: LaneSize, a: Val, b: Val) => (size === 3 ? gtS(3, xor(a, SIGN64), xor(b, SIGN64)) : op(COMPARE_BASE[size] + 5, a, b));
export const geU = (size: LaneSize, a: Val, b: Val) => (size === 3 ? geS(3, xor(a, SIGN64), xor(b, SIGN64)) : op(COMPARE_BASE[size] + 9, a, b));

export function constant(bytes: readonly number[]): Val { return Val.simd('v128', 12, [], bytes); }
export const ZERO = constant(new Array<number>(16).fill(0));

/** Every lane set to a scalar: an i64 for 64-bit lanes, else an i32. */
export const splat = (size: LaneSize, value: Val) => op(15 + size, value);
export const loadSplat = (size: LaneSize, address: Val, offset = 0) => Val.raw('v128', [0xfd, 7 + size, ...loadFrom('i32', address, offset).op.slice(1)], address);
export const extractU = (size: LaneSize, a: Val, lane: number) => Val.simd(size === 3 ? 'i64' : 'i32', [22, 25, 27, 29][size] ?? 22, [a], [lane]);
/** The lower 64 bits with zeros above. */
export const lowHalf = (a: Val) => Val.simd('v128', 30, [a, Val.i64(0)], [1]);

/** Lanes taken from `a` (0 up) and `b` (from 16 bytes' worth up), lowest first; missing ones repeat the first. */
export function shuffle(size: LaneSize, a: Val, b: Val, lanes: readonly number[]): Val {
  const bytes = 1 << size, all = Array.from({ length: 16 >> size }, (_, i) => lanes[i] ?? lanes[0] ?? 0);
  return Val.simd('v128', 13, [a, b], all.flatMap(lane => Array.from({ length: bytes }, (_, i) => lane * bytes + i)));
}

/** Bytes of `table` by index; indices from 16 give zero. */
export const swizzle = (table: Val, indices: Val) => op(14, table, indices);

/** Lanes of the next size from the lower or the upper half. */
export const extend = (size: 0 | 1 | 2, a: Val, signed: boolean, upper: boolean) => stepped((signed ? 135 : 137) + (upper ? 1 : 0), size, a);
/** Full products of the lower or the upper half's lanes. */
export const extendedMul = (size: 0 | 1 | 2, a: Val, b: Val, signed: boolean, upper: boolean) => stepped((signed ? 156 : 158) + (upper ? 1 : 0), size, a, b);
/** Sums of neighbouring lanes in lanes of the next size. */
export const addPairsLong = (size: 0 | 1, a: Val, signed: boolean) => op(124 + 2 * size + (signed ? 0 : 1), a);

/** A vector with one lane replaced by an i64 for 64-bit lanes, else an i32. */
export const replace = (size: LaneSize, a: Val, lane: number, value: Val) => Val.simd('v128', [23, 26, 28, 30][size] ?? 23, [a, value], [lane]);
/** An i64 with zeros above. */
export const fromLow = (value: Val) => replace(3, ZERO, 0, value);

export const ONES = constant(new Array<number>(16).fill(0xff));
/** Saturating sums and differences of bytes and halfwords. */
export const addSaturating = (size: 0 | 1, a: Val, b: Val, signed: boolean) => stepped(signed ? 111 : 112, size, a, b);
export const subSaturating = (size: 0 | 1, a: Val, b: Val, signed: boolean) => stepped(signed ? 114 : 115, size, a, b);
/** (a * b + 2^14) >> 15 of halfwords, saturating. */
export const mulQ15 = (a: Val, b: Val) => op(130, a, b);
/** Signed lanes of the next size, of `a` and then of `b`, saturated to signed or unsigned ones of this size. */
export const narrow = (size: 0 | 1, a: Val, b: Val, signed: boolean) => stepped(signed ? 101 : 102, size, a, b);
/** Whether any bit is set. */
export const anyTrue = (a: Val) => Val.simd('i32', 83, [a]);
/** Copies of each lane's sign bit. */
export const signs = (size: LaneSize, a: Val) => shrS(size, a, (8 << size) - 1);
