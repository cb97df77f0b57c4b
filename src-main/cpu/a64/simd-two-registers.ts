/** Advanced SIMD with one source: two-register miscellaneous and across lanes (Arm ARM C4.1.96). */
import type { Emitter } from '../translate/emitter.ts';
import { insn, type Row } from '../translate/insn.ts';
import * as S from '../translate/simd.ts';
import type { LaneSize } from '../translate/simd.ts';
import { Val } from '../translate/value.ts';
import * as O from '../vector-operations.ts';
import { formOf, notOneDouble, runLanes, setVector } from './simd-forms.ts';
import * as saturation from './simd-saturation.ts';
import { setNarrowed, setSaturated } from './simd-saturation.ts';

// ---- reversals

const reversed = (group: LaneSize, size: LaneSize, v: Val) => {
  const last = (1 << (group - size)) - 1;
  return S.shuffle(size, v, v, Array.from({ length: 16 >> size }, (_, i) => i ^ last));
};
const REVERSALS: readonly Row[] = ([['REV64', '0', '00000', 3], ['REV32', '1', '00000', 2], ['REV16', '0', '00001', 1]] as const).map(([name, U, opcode, group]) =>
  insn(`${name} (vector)`, `0 Q:1 ${U} 01110 size:2 10000 ${opcode} 10 vn:5 vd:5`, { fix: ['Q', 'size'], where: f => f.size < group }, (c, f) => {
    setVector(c, f.Q, f.vd, reversed(group, f.size as LaneSize, c.let(c.v(f.vn))));
  }));

// ---- bytes

const BYTES: readonly Row[] = [
  insn('CNT', '0 Q:1 0 01110 00 10000 00101 10 vn:5 vd:5', { fix: ['Q'] }, (c, f) => setVector(c, f.Q, f.vd, S.popcnt8(c.v(f.vn)))),
  insn('NOT', '0 Q:1 1 01110 00 10000 00101 10 vn:5 vd:5', { fix: ['Q'] }, (c, f) => setVector(c, f.Q, f.vd, S.not(c.v(f.vn)))),
];

// ---- comparison with zero, absolute value, negation: also for one 64-bit lane

const LANEWISE: readonly { name: string; U: '0' | '1'; opcode: string; op: (size: LaneSize, n: Val) => Val }[] = [
  { name: 'CMGT (zero)', U: '0', opcode: '01000', op: (s, n) => S.gtS(s, n, S.ZERO) }, { name: 'CMGE (zero)', U: '1', opcode: '01000', op: (s, n) => S.geS(s, n, S.ZERO) },
  { name: 'CMEQ (zero)', U: '0', opcode: '01001', op: (s, n) => S.eq(s, n, S.ZERO) }, { name: 'CMLE (zero)', U: '1', opcode: '01001', op: (s, n) => S.geS(s, S.ZERO, n) },
  { name: 'CMLT (zero)', U: '0', opcode: '01010', op: (s, n) => S.gtS(s, S.ZERO, n) },
  { name: 'ABS', U: '0', opcode: '01011', op: S.abs }, { name: 'NEG (vector)', U: '1', opcode: '01011', op: S.neg },
];
const lanewise: readonly Row[] = LANEWISE.flatMap(({ name, U, opcode, op }) => [
  insn(name, `0 Q:1 ${U} 01110 size:2 10000 ${opcode as '00000'} 10 vn:5 vd:5`, { fix: ['Q', 'size'], where: notOneDouble },
    (c, f) => setVector(c, f.Q, f.vd, op(f.size as LaneSize, c.v(f.vn)))),
  insn(`${name} (scalar)`, `01 ${U} 11110 11 10000 ${opcode as '00000'} 10 vn:5 vd:5`, {}, (c, f) => setVector(c, 0, f.vd, op(3, c.v(f.vn)))),
]);

// ---- narrowing: the even parts of the wide lanes go to the lower half, or to the upper one in the "2" form

/** The low parts of `wide` lanes, of `size`, beside what the destination keeps. */
export function narrowed(q: number, size: 0 | 1 | 2, wide: Val, old: Val): Val {
  const n = 8 >> size, evens = Array.from({ length: n }, (_, i) => 2 * i);
  // Engines know shuffles of even lanes, and of halves.
  const narrow = S.shuffle(size, wide, S.ZERO, [...evens, ...evens.map(lane => (16 >> size) + lane)]);
  return q === 0 ? narrow : S.shuffle(3, old, narrow, [0, 2]);
}
const NARROW: readonly Row[] = [
  insn('XTN', '0 Q:1 0 01110 size:2 10000 10010 10 vn:5 vd:5', { fix: ['Q', 'size'], where: f => f.size !== 3 }, (c, f) => c.setV(f.vd, narrowed(f.Q, f.size as 0, c.v(f.vn), c.v(f.vd)))),
];

// ---- across lanes: fold halves until one lane is left

const ACROSS: readonly { name: string; U: '0' | '1'; opcode: string; op: (size: LaneSize, a: Val, b: Val) => Val }[] = [
  { name: 'SMAXV', U: '0', opcode: '01010', op: (s, a, b) => S.maxS(s as 0, a, b) }, { name: 'UMAXV', U: '1', opcode: '01010', op: (s, a, b) => S.maxU(s as 0, a, b) },
  { name: 'SMINV', U: '0', opcode: '11010', op: (s, a, b) => S.minS(s as 0, a, b) }, { name: 'UMINV', U: '1', opcode: '11010', op: (s, a, b) => S.minU(s as 0, a, b) },
  { name: 'ADDV', U: '0', opcode: '11011', op: S.add },
];
function folded(c: Emitter, q: number, size: LaneSize, value: Val, op: (size: LaneSize, a: Val, b: Val) => Val): Val {
  let v = c.let(value);
  for (let bytes = q !== 0 ? 8 : 4; bytes >= 1 << size; bytes >>= 1) {
    v = c.let(op(size, v, S.shuffle(0, v, v, Array.from({ length: 16 }, (_, i) => (i + bytes) & 15))));
  }
  return S.extractU(size, v, 0);
}
const across: readonly Row[] = ACROSS.map(({ name, U, opcode, op }) =>
  insn(name, `0 Q:1 ${U} 01110 size:2 11000 ${opcode as '00000'} 10 vn:5 vd:5`, { fix: ['Q', 'size'], where: f => f.size < 2 || (f.size === 2 && f.Q !== 0) },
    (c, f) => c.setScalar(f.vd, folded(c, f.Q, f.size as LaneSize, c.v(f.vn), op).zext())));

// ---- sums of neighbours, in lanes of the next size

export function pairSums(c: Emitter, size: 0 | 1 | 2, value: Val, signed: boolean): Val {
  if (size < 2) return S.addPairsLong(size as 0, value, signed);
  const v = c.let(value), shift = signed ? S.shrS : S.shrU;
  return S.add(3, shift(3, S.shl(3, v, 32), 32), shift(3, v, 32));
}
const SUMS: readonly Row[] = ([['S', '0', true], ['U', '1', false]] as const).flatMap(([letter, U, signed]) => [
  insn(`${letter}ADDLP`, `0 Q:1 ${U} 01110 size:2 10000 00010 10 vn:5 vd:5`, { fix: ['Q', 'size'], where: f => f.size !== 3 },
    (c, f) => setVector(c, f.Q, f.vd, pairSums(c, f.size as 0, c.v(f.vn), signed))),
  insn(`${letter}ADALP`, `0 Q:1 ${U} 01110 size:2 10000 00110 10 vn:5 vd:5`, { fix: ['Q', 'size'], where: f => f.size !== 3 },
    (c, f) => setVector(c, f.Q, f.vd, S.add((f.size + 1) as LaneSize, c.v(f.vd), pairSums(c, f.size as 0, c.v(f.vn), signed)))),
  insn(`${letter}ADDLV`, `0 Q:1 ${U} 01110 size:2 11000 00011 10 vn:5 vd:5`, { fix: ['Q', 'size'], where: f => f.size < 2 || (f.size === 2 && f.Q !== 0) },
    (c, f) => c.setScalar(f.vd, folded(c, f.Q, (f.size + 1) as LaneSize, pairSums(c, f.size as 0, c.v(f.vn), signed), S.add).zext())),
]);

// ---- in the core

const EVERY = [0, 1, 2, 3];
const IN_CORE: readonly { name: string; U: '0' | '1'; opcode: string; what: number; sizes: readonly number[]; scalar?: true }[] = [
  { name: 'SUQADD', U: '0', opcode: '00011', what: O.LANES_ADD_MIXED, sizes: EVERY, scalar: true }, { name: 'USQADD', U: '1', opcode: '00011', what: O.LANES_ADD_MIXED | O.LANES_UNSIGNED, sizes: EVERY, scalar: true },
  { name: 'CLS (vector)', U: '0', opcode: '00100', what: O.LANES_CLS, sizes: [0, 1, 2] }, { name: 'CLZ (vector)', U: '1', opcode: '00100', what: O.LANES_CLZ | O.LANES_UNSIGNED, sizes: [0, 1, 2] },
  { name: 'URECPE', U: '0', opcode: '11100', what: O.LANES_RECIPROCAL_ESTIMATE, sizes: [2] }, { name: 'URSQRTE', U: '1', opcode: '11100', what: O.LANES_ROOT_ESTIMATE, sizes: [2] },
];
const inCore: readonly Row[] = IN_CORE.flatMap(({ name, U, opcode, what, sizes, scalar }) => [
  insn(name, `0 Q:1 ${U} 01110 size:2 10000 ${opcode as '00000'} 10 vn:5 vd:5`, { fix: ['Q', 'size'], where: f => sizes.includes(f.size) && notOneDouble(f) },
    (c, f) => runLanes(c, what | formOf(f), f.vd, f.vn, f.vn)),
  ...(scalar !== true ? [] : [insn(`${name} (scalar)`, `01 ${U} 11110 size:2 10000 ${opcode as '00000'} 10 vn:5 vd:5`, { fix: ['size'] }, (c, f) => runLanes(c, what | formOf(f), f.vd, f.vn, f.vn))]),
]);
/** RBIT has the size of CNT's next, though it too works on bytes. */
const RBIT = insn('RBIT (vector)', '0 Q:1 1 01110 01 10000 00101 10 vn:5 vd:5', { fix: ['Q'] }, (c, f) => runLanes(c, O.LANES_RBIT | formOf({ Q: f.Q, size: 0 }), f.vd, f.vn, f.vn));

const SATURATING_NARROW: readonly Row[] = ([['SQXTN', '0', '10100', 'signed'], ['UQXTN', '1', '10100', 'unsigned'], ['SQXTUN', '1', '10010', 'signed to unsigned']] as const)
  .flatMap(([name, U, opcode, to]) => [
    insn(name, `0 Q:1 ${U} 01110 size:2 10000 ${opcode} 10 vn:5 vd:5`, { fix: ['Q', 'size'], where: f => f.size !== 3 },
      (c, f) => setNarrowed(c, { q: f.Q }, f.vd, saturation.narrowed(c, f.size as 0, c.v(f.vn), to))),
    insn(`${name} (scalar)`, `01 ${U} 11110 size:2 10000 ${opcode} 10 vn:5 vd:5`, { fix: ['size'], where: f => f.size !== 3 },
      (c, f) => setNarrowed(c, { scalarBytes: 1 << f.size }, f.vd, saturation.narrowed(c, f.size as 0, c.v(f.vn), to))),
  ]);
const SATURATING: readonly Row[] = ([['SQABS', '0', saturation.absolute], ['SQNEG', '1', saturation.negate]] as const).flatMap(([name, U, op]) => [
  insn(name, `0 Q:1 ${U} 01110 size:2 10000 00111 10 vn:5 vd:5`, { fix: ['Q', 'size'], where: notOneDouble },
    (c, f) => setSaturated(c, f.Q !== 0 ? 16 : 8, f.vd, op(c, f.size as LaneSize, c.let(c.v(f.vn)), S.ZERO))),
  insn(`${name} (scalar)`, `01 ${U} 11110 size:2 10000 00111 10 vn:5 vd:5`, { fix: ['size'] },
    (c, f) => setSaturated(c, 1 << f.size, f.vd, op(c, f.size as LaneSize, c.let(c.v(f.vn)), S.ZERO))),
]);

const SHIFT_LONG = insn('SHLL', '0 Q:1 1 01110 size:2 10000 10011 10 vn:5 vd:5', { fix: ['Q', 'size'], where: f => f.size !== 3 },
  (c, f) => c.setV(f.vd, S.shl((f.size + 1) as LaneSize, S.extend(f.size as 0, c.v(f.vn), false, f.Q !== 0), 8 << f.size)));

const ADD_PAIR = insn('ADDP (scalar)', '01 0 11110 11 11000 11011 10 vn:5 vd:5', {}, (c, f) => c.setScalar(f.vd, c.element('i64', f.vn).add(c.element('i64', f.vn, 8))));

export const SIMD_TWO_REGISTERS: readonly Row[] = [...REVERSALS, ...BYTES, ...lanewise, ...NARROW, ...SATURATING_NARROW, ...SATURATING, SHIFT_LONG, ...across, ...SUMS, ADD_PAIR, ...inCore, RBIT];
