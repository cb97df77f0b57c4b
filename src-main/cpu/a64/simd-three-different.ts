/** Advanced SIMD three different (operands and result differ in size) and vector by element (Arm ARM C4.1.96). */
import { V } from '../layout.ts';
import type { Emitter } from '../translate/emitter.ts';
import { insn, type Reg, type Row } from '../translate/insn.ts';
import * as S from '../translate/simd.ts';
import type { LaneSize } from '../translate/simd.ts';
import { Val } from '../translate/value.ts';
import * as O from '../vector-operations.ts';
import { formOf, fromLane, runLanes, setVector } from './simd-forms.ts';
import * as saturation from './simd-saturation.ts';
import { doubleLong, setSaturated, type Saturated, type Saturating } from './simd-saturation.ts';
import { multiply, type Lanewise } from './simd-three-same.ts';
import { narrowed } from './simd-two-registers.ts';

const smallLanes = (f: { readonly size: number }) => f.size !== 3;
const wider = (size: number) => (size + 1) as LaneSize;
const SIGNS = [['S', '0', true], ['U', '1', false]] as const;

// ---- long and wide: half of each operand, or all of the first, to lanes of the next size

interface Long { readonly name: string; readonly opcode: string; readonly wideFirst?: true; readonly byElement?: string;
  readonly op: (size: 0 | 1 | 2, n: Val, m: Val, d: Val, signed: boolean, upper: boolean) => Val }
const difference = (size: 0 | 1 | 2, n: Val, m: Val, signed: boolean, upper: boolean) =>
  S.abs(wider(size), S.sub(wider(size), S.extend(size, n, signed, upper), S.extend(size, m, signed, upper)));
const LONG: readonly Long[] = [
  { name: 'ADDL', opcode: '0000', op: (s, n, m, _, signed, upper) => S.add(wider(s), S.extend(s, n, signed, upper), S.extend(s, m, signed, upper)) },
  { name: 'ADDW', opcode: '0001', op: (s, n, m, _, signed, upper) => S.add(wider(s), n, S.extend(s, m, signed, upper)) },
  { name: 'SUBL', opcode: '0010', op: (s, n, m, _, signed, upper) => S.sub(wider(s), S.extend(s, n, signed, upper), S.extend(s, m, signed, upper)) },
  { name: 'SUBW', opcode: '0011', op: (s, n, m, _, signed, upper) => S.sub(wider(s), n, S.extend(s, m, signed, upper)) },
  { name: 'ABAL', opcode: '0101', op: (s, n, m, d, signed, upper) => S.add(wider(s), d, difference(s, n, m, signed, upper)) },
  { name: 'ABDL', opcode: '0111', op: (s, n, m, _, signed, upper) => difference(s, n, m, signed, upper) },
  { name: 'MLAL', opcode: '1000', byElement: '0010', op: (s, n, m, d, signed, upper) => S.add(wider(s), d, S.extendedMul(s, n, m, signed, upper)) },
  { name: 'MLSL', opcode: '1010', byElement: '0110', op: (s, n, m, d, signed, upper) => S.sub(wider(s), d, S.extendedMul(s, n, m, signed, upper)) },
  { name: 'MULL', opcode: '1100', byElement: '1010', op: (s, n, m, _, signed, upper) => S.extendedMul(s, n, m, signed, upper) },
];
const longRows: readonly Row[] = LONG.flatMap(k => SIGNS.map(([letter, U, signed]) =>
  insn(`${letter}${k.name}`, `0 Q:1 ${U} 01110 size:2 1 vm:5 ${k.opcode as '0000'} 00 vn:5 vd:5`, { fix: ['Q', 'size'], where: smallLanes },
    (c, f) => c.setV(f.vd, k.op(f.size as 0, c.v(f.vn), c.v(f.vm), c.v(f.vd), signed, f.Q !== 0)))));

const doubling = (size: number) => size === 1 || size === 2;
/** SQDMULL and its sums with what is in the destination, each saturating. */
type Doubling = (c: Emitter, size: 1 | 2, n: Val, m: Val, d: Val, upper: boolean) => Saturated;
const accumulating = (op: Saturating): Doubling => (c, size, n, m, d, upper) => {
  const product = doubleLong(c, size, n, m, upper), sum = op(c, wider(size), c.let(d), c.let(product.value));
  return { value: sum.value, where: S.or(product.where, sum.where) };
};
const DOUBLING: readonly (readonly [name: string, opcode: string, op: Doubling, elementOpcode: string])[] = [
  ['SQDMLAL', '1001', accumulating(saturation.add(true)), '0011'], ['SQDMLSL', '1011', accumulating(saturation.subtract(true)), '0111'],
  ['SQDMULL', '1101', (c, size, n, m, _, upper) => doubleLong(c, size, n, m, upper), '1011']];
const doublingRows: readonly Row[] = DOUBLING.flatMap(([name, opcode, op]) => [
  insn(name, `0 Q:1 0 01110 size:2 1 vm:5 ${opcode as '1001'} 00 vn:5 vd:5`, { fix: ['Q', 'size'], where: f => doubling(f.size) },
    (c, f) => setSaturated(c, 16, f.vd, op(c, f.size as 1, c.v(f.vn), c.v(f.vm), c.v(f.vd), f.Q !== 0))),
  insn(`${name} (scalar)`, `01 0 11110 size:2 1 vm:5 ${opcode as '1001'} 00 vn:5 vd:5`, { fix: ['size'], where: f => doubling(f.size) },
    (c, f) => setSaturated(c, 2 << f.size, f.vd, op(c, f.size as 1, c.v(f.vn), c.v(f.vm), c.v(f.vd), false))),
]);
/** The product of 64-bit polynomials belongs to the cryptographic extension, which is not there. */
const PMULL = insn('PMULL', '0 Q:1 0 01110 00 1 vm:5 1110 00 vn:5 vd:5', { fix: ['Q'] },
  (c, f) => runLanes(c, O.LANES_POLYNOMIAL | O.LANES_UNSIGNED | O.LANES_LONG | formOf({ Q: f.Q, size: 0 }), f.vd, f.vn, f.vm));

// ---- the upper halves of sums

const HIGH: readonly Row[] = ([['ADDHN', '0', '0100', false, S.add], ['RADDHN', '1', '0100', true, S.add], ['SUBHN', '0', '0110', false, S.sub], ['RSUBHN', '1', '0110', true, S.sub]] as const)
  .map(([name, U, opcode, round, op]) => insn(name, `0 Q:1 ${U} 01110 size:2 1 vm:5 ${opcode} 00 vn:5 vd:5`, { fix: ['Q', 'size'], where: smallLanes }, (c, f) => {
    const wide = wider(f.size), half = 2 ** ((8 << f.size) - 1), sum = op(wide, c.v(f.vn), c.v(f.vm));
    const whole = round ? S.add(wide, sum, S.splat(wide, wide === 3 ? Val.i64(half) : Val.i32(half))) : sum;
    c.setV(f.vd, narrowed(f.Q, f.size as 0, S.shrU(wide, whole, 8 << f.size), c.v(f.vd)));
  }));

// ---- by element: halfwords have an index of three bits and sixteen registers to choose from, words two bits and all

const ELEMENTS = [
  { size: 1, fields: '01 L:1 M:1 m:4', H: 'H:1', of: (f: ElementFields) => fromLane({ offset: f.m.shl(4).add(V), guardZero: false }, f.H.shl(2).or(f.L.shl(1)).or(f.M), 1) },
  { size: 2, fields: '10 L:1 vm:5', H: 'H:1', of: (f: ElementFields) => fromLane(f.vm, f.H.shl(1).or(f.L), 2) },
] as const;
interface ElementFields { readonly L: Val; readonly M: Val; readonly H: Val; readonly m: Val; readonly vm: Reg }
type ElementBody = (c: Emitter, f: { vd: Reg; vn: Reg; Q: number; size: 1 | 2 }, element: Val) => void;

/** Rows for both sizes; the element is there as a vector of copies. */
function elementRows(name: string, start: string, opcode: string, body: ElementBody): Row[] {
  return ELEMENTS.map(({ size, fields, of }) => {
    const pattern = `${start} ${fields} ${opcode} H:1 0 vn:5 vd:5` as '0 Q:1 0 01111 01 L:1 M:1 m:4 vm:5 H:1 0 vn:5 vd:5';
    return insn(`${name} (${8 << size}-bit element)`, pattern, { fix: start.includes('Q:1') ? ['Q'] : [] }, (c, f) =>
      body(c, { vd: f.vd, vn: f.vn, Q: f.Q, size }, c.duplicate(of(f), size)));
  });
}

const SAME_SIZE: readonly [string, '0' | '1', string, Lanewise][] = [
  ['MUL', '0', '1000', multiply], ['MLA', '1', '0000', (s, n, m, c, d) => S.add(s, d, multiply(s, n, m, c, d))], ['MLS', '1', '0100', (s, n, m, c, d) => S.sub(s, d, multiply(s, n, m, c, d))]];
const BY_ELEMENT: readonly Row[] = [
  ...SAME_SIZE.flatMap(([name, U, opcode, op]) => elementRows(name, `0 Q:1 ${U} 01111`, opcode, (c, f, element) => setVector(c, f.Q, f.vd, op(f.size, c.v(f.vn), element, c, c.v(f.vd))))),
  ...LONG.flatMap(k => (k.byElement === undefined ? [] : SIGNS.flatMap(([letter, U, signed]) => elementRows(`${letter}${k.name}`, `0 Q:1 ${U} 01111`, k.byElement ?? '',
    (c, f, element) => c.setV(f.vd, k.op(f.size, c.v(f.vn), element, c.v(f.vd), signed, f.Q !== 0)))))),
  ...DOUBLING.flatMap(([name, , op, opcode]) => [
    ...elementRows(name, '0 Q:1 0 01111', opcode, (c, f, element) => setSaturated(c, 16, f.vd, op(c, f.size, c.v(f.vn), element, c.v(f.vd), f.Q !== 0))),
    ...elementRows(`${name} (scalar)`, '01 0 11111', opcode, (c, f, element) => setSaturated(c, 2 << f.size, f.vd, op(c, f.size, c.v(f.vn), element, c.v(f.vd), false))),
  ]),
  ...([['SQDMULH', '1100', saturation.doubleHigh(false)], ['SQRDMULH', '1101', saturation.doubleHigh(true)]] as const).flatMap(([name, opcode, op]) => [
    ...elementRows(name, '0 Q:1 0 01111', opcode, (c, f, element) => setSaturated(c, f.Q !== 0 ? 16 : 8, f.vd, op(c, f.size, c.let(c.v(f.vn)), c.let(element)))),
    ...elementRows(`${name} (scalar)`, '01 0 11111', opcode, (c, f, element) => setSaturated(c, 1 << f.size, f.vd, op(c, f.size, c.let(c.v(f.vn)), c.let(element)))),
  ]),
];

export const SIMD_THREE_DIFFERENT: readonly Row[] = [...longRows, ...doublingRows, PMULL, ...HIGH, ...BY_ELEMENT];
