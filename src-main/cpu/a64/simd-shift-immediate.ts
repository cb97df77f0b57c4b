/** Advanced SIMD shift by immediate (Arm ARM C4.1.96). The top set bit of immh:immb gives the size, the rest the amount. */
import type { Emitter } from '../translate/emitter.ts';
import { insn, type Row } from '../translate/insn.ts';
import * as S from '../translate/simd.ts';
import type { LaneSize } from '../translate/simd.ts';
import { Val } from '../translate/value.ts';
import * as O from '../vector-operations.ts';
import { formOf, runLanes, setVector } from './simd-forms.ts';
import { narrowed } from './simd-two-registers.ts';

export const SHIFT_SIZES = [{ size: 0, imm: '0001 imm:3' }, { size: 1, imm: '001 imm:4' }, { size: 2, imm: '01 imm:5' }, { size: 3, imm: '1 imm:6' }] as const;

/** A right shift is by 1 to all bits of the lane, where WebAssembly counts modulo: so one less, and one. */
const less = (size: LaneSize, imm: Val) => imm.xor((8 << size) - 1);
export const shiftRightU = (size: LaneSize, a: Val, imm: Val) => S.shrU(size, S.shrU(size, a, less(size, imm)), 1);
export const shiftRightS = (size: LaneSize, a: Val, imm: Val) => S.shrS(size, S.shrS(size, a, less(size, imm)), 1);

const one = (size: LaneSize) => S.splat(size, size === 3 ? Val.i64(1) : Val.i32(1));
/** The last bit shifted out is added. */
function rounded(c: Emitter, size: LaneSize, a: Val, imm: Val, signed: boolean): Val {
  const shift = signed ? S.shrS : S.shrU, almost = c.let(shift(size, a, less(size, imm)));
  return S.add(size, shift(size, almost, 1), S.and(almost, one(size)));
}
const ONES = S.constant(new Array<number>(16).fill(0xff));

const KINDS: readonly { name: string; U: '0' | '1'; opcode: string; op: (size: LaneSize, n: Val, imm: Val, d: Val, c: Emitter) => Val }[] = [
  { name: 'SSHR', U: '0', opcode: '00000', op: shiftRightS }, { name: 'USHR', U: '1', opcode: '00000', op: shiftRightU },
  { name: 'SSRA', U: '0', opcode: '00010', op: (s, n, imm, d) => S.add(s, d, shiftRightS(s, n, imm)) },
  { name: 'USRA', U: '1', opcode: '00010', op: (s, n, imm, d) => S.add(s, d, shiftRightU(s, n, imm)) },
  { name: 'SHL', U: '0', opcode: '01010', op: (s, n, imm) => S.shl(s, n, imm) },
  { name: 'SRSHR', U: '0', opcode: '00100', op: (s, n, imm, _, c) => rounded(c, s, n, imm, true) }, { name: 'URSHR', U: '1', opcode: '00100', op: (s, n, imm, _, c) => rounded(c, s, n, imm, false) },
  { name: 'SRSRA', U: '0', opcode: '00110', op: (s, n, imm, d, c) => S.add(s, d, rounded(c, s, n, imm, true)) },
  { name: 'URSRA', U: '1', opcode: '00110', op: (s, n, imm, d, c) => S.add(s, d, rounded(c, s, n, imm, false)) },
  { name: 'SRI', U: '1', opcode: '01000', op: (s, n, imm, d) => S.bitSelect(shiftRightU(s, ONES, imm), shiftRightU(s, n, imm), d) },
  { name: 'SLI', U: '1', opcode: '01010', op: (s, n, imm, d) => S.bitSelect(S.shl(s, ONES, imm), S.shl(s, n, imm), d) },
];
const SAME_SIZE: readonly Row[] = KINDS.flatMap(({ name, U, opcode, op }) => [
  ...SHIFT_SIZES.map(({ size, imm }) => insn(`${name} (${8 << size}-bit)`, `0 Q:1 ${U} 011110 ${imm as '0001 imm:3'} ${opcode as '00000'} 1 vn:5 vd:5`,
    { fix: ['Q'], where: f => size !== 3 || f.Q !== 0 }, (c, f) => setVector(c, f.Q, f.vd, op(size, c.v(f.vn), f.imm, c.v(f.vd), c)))),
  insn(`${name} (scalar)`, `01 ${U} 111110 1 imm:6 ${opcode as '00000'} 1 vn:5 vd:5`, {}, (c, f) => setVector(c, 0, f.vd, op(3, c.v(f.vn), f.imm, c.v(f.vd), c))),
]);

/** To the next size: SXTL and UXTL when the amount is zero. */
const LONG: readonly Row[] = [true, false].flatMap(signed => SHIFT_SIZES.slice(0, 3).map(({ size, imm }) =>
  insn(`${signed ? 'SSHLL' : 'USHLL'} (${8 << size}-bit)`, `0 Q:1 ${signed ? '0' : '1'} 011110 ${imm as '0001 imm:3'} 10100 1 vn:5 vd:5`, { fix: ['Q'] },
    (c, f) => c.setV(f.vd, S.shl((size + 1) as LaneSize, S.extend(size as 0, c.v(f.vn), signed, f.Q !== 0), f.imm)))));

/** From the next size: the amount is at most the narrow lane's bits. */
const NARROW: readonly Row[] = SHIFT_SIZES.slice(0, 3).flatMap(({ size, imm }) => [
  insn(`SHRN (to ${8 << size}-bit)`, `0 Q:1 0 011110 ${imm as '0001 imm:3'} 10000 1 vn:5 vd:5`, { fix: ['Q'] },
    (c, f) => c.setV(f.vd, narrowed(f.Q, size as 0, S.shrU((size + 1) as LaneSize, S.shrU((size + 1) as LaneSize, c.v(f.vn), less(size, f.imm)), 1), c.v(f.vd)))),
  insn(`RSHRN (to ${8 << size}-bit)`, `0 Q:1 0 011110 ${imm as '0001 imm:3'} 10001 1 vn:5 vd:5`, { fix: ['Q'] }, (c, f) => {
    const wide = (size + 1) as LaneSize, almost = c.let(S.shrU(wide, c.v(f.vn), less(size, f.imm)));
    c.setV(f.vd, narrowed(f.Q, size as 0, S.add(wide, S.shrU(wide, almost, 1), S.and(almost, one(wide))), c.v(f.vd)));
  }),
]);

// ---- saturating: in the core, which takes the amount as an operand

type Amount = (size: LaneSize, imm: Val) => Val;
const leftward: Amount = (_, imm) => imm, rightward: Amount = (size, imm) => Val.i32(8 << size).sub(imm);
const IN_CORE: readonly { name: string; U: '0' | '1'; opcode: string; what: number; amount: Amount }[] = [
  { name: 'SQSHL', U: '0', opcode: '01110', what: O.LANES_SHIFT | O.LANES_SATURATE, amount: leftward }, { name: 'UQSHL', U: '1', opcode: '01110', what: O.LANES_SHIFT | O.LANES_SATURATE | O.LANES_UNSIGNED, amount: leftward },
  { name: 'SQSHLU', U: '1', opcode: '01100', what: O.LANES_SHIFT_TO_UNSIGNED, amount: leftward },
  { name: 'SQSHRN', U: '0', opcode: '10010', what: O.LANES_NARROW, amount: rightward }, { name: 'SQRSHRN', U: '0', opcode: '10011', what: O.LANES_NARROW | O.LANES_ROUND, amount: rightward },
  { name: 'UQSHRN', U: '1', opcode: '10010', what: O.LANES_NARROW | O.LANES_UNSIGNED, amount: rightward },
  { name: 'UQRSHRN', U: '1', opcode: '10011', what: O.LANES_NARROW | O.LANES_UNSIGNED | O.LANES_ROUND, amount: rightward },
  { name: 'SQSHRUN', U: '1', opcode: '10000', what: O.LANES_NARROW_TO_UNSIGNED, amount: rightward }, { name: 'SQRSHRUN', U: '1', opcode: '10001', what: O.LANES_NARROW_TO_UNSIGNED | O.LANES_ROUND, amount: rightward },
];
const inCore: readonly Row[] = IN_CORE.flatMap(({ name, U, opcode, what, amount }) => SHIFT_SIZES.slice(0, amount === leftward ? 4 : 3).flatMap(({ size, imm }) => {
  const operation = what | (amount === rightward ? O.LANES_NARROWING : 0), lane = (amount === leftward ? size : size + 1) as LaneSize;
  const by = (f: { imm: Val }) => S.splat(lane, lane === 3 ? amount(size, f.imm).zext() : amount(size, f.imm));
  return [
    insn(`${name} (${8 << size}-bit)`, `0 Q:1 ${U} 011110 ${imm as '0001 imm:3'} ${opcode as '00000'} 1 vn:5 vd:5`, { fix: ['Q'], where: f => size !== 3 || f.Q !== 0 },
      (c, f) => runLanes(c, operation | formOf({ Q: f.Q, size }), f.vd, f.vn, by(f))),
    insn(`${name} (scalar, ${8 << size}-bit)`, `01 ${U} 111110 ${imm as '0001 imm:3'} ${opcode as '00000'} 1 vn:5 vd:5`, {}, (c, f) => runLanes(c, operation | formOf({ size }), f.vd, f.vn, by(f))),
  ];
}));

export const SIMD_SHIFT_IMMEDIATE: readonly Row[] = [...SAME_SIZE, ...LONG, ...NARROW, ...inCore];
