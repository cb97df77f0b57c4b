/** Advanced SIMD three same: operations on lanes of the same size (Arm ARM C4.1.96). */
import type { Emitter } from '../translate/emitter.ts';
import { insn, type Reg, type Row } from '../translate/insn.ts';
import * as S from '../translate/simd.ts';
import type { LaneSize } from '../translate/simd.ts';
import { Val } from '../translate/value.ts';
import * as O from '../vector-operations.ts';
import { formOf, laneCount, lanesOf, lowest, notOneDouble, runLanes, setVector } from './simd-forms.ts';
import * as saturation from './simd-saturation.ts';
import { setSaturated, type Saturating } from './simd-saturation.ts';

// ---- logic: `size` is part of the opcode

const LOGIC: readonly { name: string; bits: string; op: (n: Val, m: Val, d: Val) => Val }[] = [
  { name: 'AND', bits: '0 01110 00', op: (n, m) => S.and(n, m) }, { name: 'BIC', bits: '0 01110 01', op: (n, m) => S.andNot(n, m) },
  { name: 'ORR', bits: '0 01110 10', op: (n, m) => S.or(n, m) }, { name: 'ORN', bits: '0 01110 11', op: (n, m) => S.or(n, S.not(m)) },
  { name: 'EOR', bits: '1 01110 00', op: (n, m) => S.xor(n, m) }, { name: 'BSL', bits: '1 01110 01', op: (n, m, d) => S.bitSelect(d, n, m) },
  { name: 'BIT', bits: '1 01110 10', op: (n, m, d) => S.bitSelect(m, n, d) }, { name: 'BIF', bits: '1 01110 11', op: (n, m, d) => S.bitSelect(m, d, n) },
];
const LOGICAL: readonly Row[] = LOGIC.map(({ name, bits, op }) =>
  insn(`${name} (vector)`, `0 Q:1 ${bits as '0'} 1 vm:5 00011 1 vn:5 vd:5` as '0 Q:1 - vm:5 00011 1 vn:5 vd:5', { fix: ['Q'] }, (c, f) => setVector(c, f.Q, f.vd, op(c.v(f.vn), c.v(f.vm), c.v(f.vd)))));

// ---- arithmetic and comparison

export type Lanewise = (size: LaneSize, n: Val, m: Val, c: Emitter, d: Val) => Val;
/** Products of bytes: of the even ones and of the odd ones, in halfwords. */
function mulBytes(n: Val, m: Val, c: Emitter): Val {
  const a = c.let(n), b = c.let(m), low = S.splat(1, Val.i32(0xff));
  return S.or(S.and(S.mul(1, a, b), low), S.shl(1, S.mul(1, S.shrU(1, a, 8), S.shrU(1, b, 8)), 8));
}
export const multiply: Lanewise = (s, n, m, c) => (s === 0 ? mulBytes(n, m, c) : S.mul(s, n, m));

/** Half of a sum or difference, without the bit that a lane has no room for. */
const halving = (signed: boolean, kind: 'sum' | 'rounded sum' | 'difference'): Lanewise => (s, n, m, c) => {
  const a = c.let(n), b = c.let(m);
  if (!signed && s < 2 && kind === 'sum') return S.not(S.averageU(s as 0, S.not(a), S.not(b)));
  if (!signed && s < 2 && kind === 'rounded sum') return S.averageU(s as 0, a, b);
  const half = (signed ? S.shrS : S.shrU)(s, S.xor(a, b), 1);
  return kind === 'sum' ? S.add(s, S.and(a, b), half) : kind === 'difference' ? S.sub(s, half, S.andNot(b, a)) : S.sub(s, S.or(a, b), half);
};
const difference = (signed: boolean): Lanewise => (s, n, m, c) => {
  const a = c.let(n), b = c.let(m), size = s as 0;
  return signed ? S.sub(size, S.maxS(size, a, b), S.minS(size, a, b)) : S.sub(size, S.maxU(size, a, b), S.minU(size, a, b));
};

interface Kind { readonly name: string; readonly U: '0' | '1'; readonly opcode: string; readonly op: Lanewise; readonly scalar?: true; readonly narrow?: true }
/** `narrow` kinds have no 64-bit lanes; `scalar` ones have a form for one 64-bit lane. */
export const LANEWISE: readonly Kind[] = [
  { name: 'CMGT (register)', U: '0', opcode: '00110', op: S.gtS, scalar: true }, { name: 'CMHI (register)', U: '1', opcode: '00110', op: S.gtU, scalar: true },
  { name: 'CMGE (register)', U: '0', opcode: '00111', op: S.geS, scalar: true }, { name: 'CMHS (register)', U: '1', opcode: '00111', op: S.geU, scalar: true },
  { name: 'SMAX', U: '0', opcode: '01100', op: (s, n, m) => S.maxS(s as 0, n, m), narrow: true }, { name: 'UMAX', U: '1', opcode: '01100', op: (s, n, m) => S.maxU(s as 0, n, m), narrow: true },
  { name: 'SMIN', U: '0', opcode: '01101', op: (s, n, m) => S.minS(s as 0, n, m), narrow: true }, { name: 'UMIN', U: '1', opcode: '01101', op: (s, n, m) => S.minU(s as 0, n, m), narrow: true },
  { name: 'ADD (vector)', U: '0', opcode: '10000', op: S.add, scalar: true }, { name: 'SUB (vector)', U: '1', opcode: '10000', op: S.sub, scalar: true },
  { name: 'CMTST', U: '0', opcode: '10001', op: (s, n, m) => S.not(S.eq(s, S.and(n, m), S.ZERO)), scalar: true }, { name: 'CMEQ (register)', U: '1', opcode: '10001', op: S.eq, scalar: true },
  ...([['S', '0', true], ['U', '1', false]] as const).flatMap(([letter, U, signed]): Kind[] => [
    { name: `${letter}HADD`, U, opcode: '00000', op: halving(signed, 'sum'), narrow: true }, { name: `${letter}RHADD`, U, opcode: '00010', op: halving(signed, 'rounded sum'), narrow: true },
    { name: `${letter}HSUB`, U, opcode: '00100', op: halving(signed, 'difference'), narrow: true }, { name: `${letter}ABD`, U, opcode: '01110', op: difference(signed), narrow: true },
    { name: `${letter}ABA`, U, opcode: '01111', op: (s, n, m, c, d) => S.add(s, d, difference(signed)(s, n, m, c, d)), narrow: true },
  ]),
  { name: 'MUL (vector)', U: '0', opcode: '10011', op: multiply, narrow: true },
  { name: 'MLA (vector)', U: '0', opcode: '10010', op: (s, n, m, c, d) => S.add(s, d, multiply(s, n, m, c, d)), narrow: true },
  { name: 'MLS (vector)', U: '1', opcode: '10010', op: (s, n, m, c, d) => S.sub(s, d, multiply(s, n, m, c, d)), narrow: true },
];

function lanewiseRows({ name, U, opcode, op, scalar, narrow }: Kind): Row[] {
  const where = narrow === true ? (f: { size: number }) => f.size !== 3 : notOneDouble;
  const vector = insn(name, `0 Q:1 ${U} 01110 size:2 1 vm:5 ${opcode as '00000'} 1 vn:5 vd:5`, { fix: ['Q', 'size'], where },
    (c, f) => setVector(c, f.Q, f.vd, op(f.size as LaneSize, c.v(f.vn), c.v(f.vm), c, c.v(f.vd))));
  return scalar !== true ? [vector] : [vector,
    insn(`${name} (scalar)`, `01 ${U} 11110 11 1 vm:5 ${opcode as '00000'} 1 vn:5 vd:5`, {}, (c, f) => setVector(c, 0, f.vd, op(3, c.v(f.vn), c.v(f.vm), c, c.v(f.vd))))];
}

// ---- pairwise: neighbours of the first operand, then of the second

const PAIRWISE: readonly { name: string; U: '0' | '1'; opcode: string; op: Lanewise; doubles?: true }[] = [
  { name: 'SMAXP', U: '0', opcode: '10100', op: (s, n, m) => S.maxS(s as 0, n, m) }, { name: 'UMAXP', U: '1', opcode: '10100', op: (s, n, m) => S.maxU(s as 0, n, m) },
  { name: 'SMINP', U: '0', opcode: '10101', op: (s, n, m) => S.minS(s as 0, n, m) }, { name: 'UMINP', U: '1', opcode: '10101', op: (s, n, m) => S.minU(s as 0, n, m) },
  { name: 'ADDP (vector)', U: '0', opcode: '10111', op: S.add, doubles: true },
];

/** Even or odd lanes of both operands. */
export function everyOther(q: number, size: LaneSize, n: Val, m: Val, odd: 0 | 1): Val {
  const count = laneCount(q, size), pair = (i: number) => (2 * i < count ? 2 * i : (16 >> size) + 2 * i - count);
  return S.shuffle(size, n, m, Array.from({ length: count }, (_, i) => pair(i) + odd));
}

const PAIRS: readonly Row[] = PAIRWISE.map(({ name, U, opcode, op, doubles }) =>
  insn(name, `0 Q:1 ${U} 01110 size:2 1 vm:5 ${opcode as '00000'} 1 vn:5 vd:5`, { fix: ['Q', 'size'], where: f => (doubles === true ? notOneDouble(f) : f.size !== 3) }, (c, f) => {
    const size = f.size as LaneSize, n = c.let(c.v(f.vn)), m = c.let(c.v(f.vm));
    setVector(c, f.Q, f.vd, op(size, everyOther(f.Q, size, n, m, 0), everyOther(f.Q, size, n, m, 1), c, c.v(f.vd)));
  }));

// ---- saturating

const SATURATING: readonly { name: string; U: '0' | '1'; opcode: string; op: Saturating; halfwordsAndWords?: true }[] = [
  { name: 'SQADD', U: '0', opcode: '00001', op: saturation.add(true) }, { name: 'UQADD', U: '1', opcode: '00001', op: saturation.add(false) },
  { name: 'SQSUB', U: '0', opcode: '00101', op: saturation.subtract(true) }, { name: 'UQSUB', U: '1', opcode: '00101', op: saturation.subtract(false) },
  { name: 'SQDMULH (vector)', U: '0', opcode: '10110', op: saturation.doubleHigh(false), halfwordsAndWords: true },
  { name: 'SQRDMULH (vector)', U: '1', opcode: '10110', op: saturation.doubleHigh(true), halfwordsAndWords: true },
];
const saturating: readonly Row[] = SATURATING.flatMap(({ name, U, opcode, op, halfwordsAndWords }) => {
  const exists = (size: number) => halfwordsAndWords !== true || size === 1 || size === 2;
  const body = (c: Emitter, bytes: number, size: number, f: { vn: Reg; vm: Reg; vd: Reg }) => setSaturated(c, bytes, f.vd, op(c, size as LaneSize, c.let(c.v(f.vn)), c.let(c.v(f.vm))));
  return [
    insn(name, `0 Q:1 ${U} 01110 size:2 1 vm:5 ${opcode as '00000'} 1 vn:5 vd:5`, { fix: ['Q', 'size'], where: f => exists(f.size) && notOneDouble(f) }, (c, f) => body(c, f.Q !== 0 ? 16 : 8, f.size, f)),
    insn(`${name} (scalar)`, `01 ${U} 11110 size:2 1 vm:5 ${opcode as '00000'} 1 vn:5 vd:5`, { fix: ['size'], where: f => exists(f.size) }, (c, f) => body(c, 1 << f.size, f.size, f)),
  ];
});

// ---- shifts by a register: when all lanes shift by one amount, by less than a lane's bits, else in the core

/** The low byte of each lane of `m` is the amount, to the left, or to the right when it is negative. */
function shiftBy(c: Emitter, size: LaneSize, bytes: number, n: Val, m: Val, signed: boolean, round: boolean): Val {
  const bits = 8 << size, by = c.let(S.extractU(0, m, 0).sextFrom(8)), shift = signed ? S.shrS : S.shrU, q = bytes === 16 ? O.LANES_Q : size < 3 ? 0 : O.LANES_SCALAR;
  const amounts = S.shl(size, m, bits - 8), alike = S.anyTrue(lowest(bytes, S.xor(amounts, S.shl(size, S.splat(size, size === 3 ? by.sext() : by), bits - 8)))).eqz();
  const right = () => {
    if (!round) return shift(size, n, Val.i32(0).sub(by));
    const almost = c.let(shift(size, n, by.not()));
    return S.sub(size, shift(size, almost, 1), S.signs(size, S.shl(size, almost, bits - 1)));
  };
  const shifted = () => lowest(bytes, c.choose('v128', by.ltS(0), right, () => S.shl(size, n, by)));
  return c.chooseIfAll('v128', [alike, by.add(bits - 1).ltU(2 * bits - 1)], shifted,
    () => lanesOf(c, O.LANES_SHIFT | (signed ? 0 : O.LANES_UNSIGNED) | (round ? O.LANES_ROUND : 0) | (size << O.LANES_SIZE) | q, n, m));
}
const SHIFTS: readonly Row[] = ([['S', '0', true], ['U', '1', false]] as const).flatMap(([letter, U, signed]) => ([['SHL (register)', '01000', false], ['RSHL', '01010', true]] as const).flatMap(([name, opcode, round]) => [
  insn(`${letter}${name}`, `0 Q:1 ${U} 01110 size:2 1 vm:5 ${opcode} 1 vn:5 vd:5`, { fix: ['Q', 'size'], where: notOneDouble },
    (c, f) => c.setV(f.vd, shiftBy(c, f.size as LaneSize, f.Q !== 0 ? 16 : 8, c.let(c.v(f.vn)), c.let(c.v(f.vm)), signed, round))),
  insn(`${letter}${name} (scalar)`, `01 ${U} 11110 11 1 vm:5 ${opcode} 1 vn:5 vd:5`, {},
    (c, f) => c.setV(f.vd, shiftBy(c, 3, 8, c.let(c.v(f.vn)), c.let(c.v(f.vm)), signed, round))),
]));

// ---- in the core: saturating and by variable amounts. `sizes` lists those of the scalar form; the vector form has all or those.

interface CoreKind { readonly name: string; readonly U: '0' | '1'; readonly opcode: string; readonly what: number; readonly scalar: readonly number[]; readonly vector?: readonly number[] }
const both = (name: string, opcode: string, what: number, scalar: readonly number[]): CoreKind[] => [
  { name: name.replace('*', 'S'), U: '0', opcode, what, scalar }, { name: name.replace('*', 'U'), U: '1', opcode, what: what | O.LANES_UNSIGNED, scalar }];
const EVERY = [0, 1, 2, 3];
const IN_CORE: readonly CoreKind[] = [
  ...both('*QSHL (register)', '01001', O.LANES_SHIFT | O.LANES_SATURATE, EVERY),
  ...both('*QRSHL', '01011', O.LANES_SHIFT | O.LANES_SATURATE | O.LANES_ROUND, EVERY),
  { name: 'PMUL', U: '1', opcode: '10011', what: O.LANES_POLYNOMIAL, scalar: [], vector: [0] },
];
const inCore: readonly Row[] = IN_CORE.flatMap(({ name, U, opcode, what, scalar, vector }) => [
  insn(name, `0 Q:1 ${U} 01110 size:2 1 vm:5 ${opcode as '00000'} 1 vn:5 vd:5`, { fix: ['Q', 'size'], where: f => (vector?.includes(f.size) ?? true) && notOneDouble(f) },
    (c, f) => runLanes(c, what | formOf(f), f.vd, f.vn, f.vm)),
  ...(scalar.length === 0 ? [] : [insn(`${name} (scalar)`, `01 ${U} 11110 size:2 1 vm:5 ${opcode as '00000'} 1 vn:5 vd:5`, { fix: ['size'], where: f => scalar.includes(f.size) },
    (c, f) => runLanes(c, what | formOf(f), f.vd, f.vn, f.vm))]),
]);

export const SIMD_THREE_SAME: readonly Row[] = [...LOGICAL, ...LANEWISE.flatMap(lanewiseRows), ...PAIRS, ...saturating, ...SHIFTS, ...inCore];
