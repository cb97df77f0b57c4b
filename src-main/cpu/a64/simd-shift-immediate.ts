/** Advanced SIMD shift by immediate (Arm ARM C4.1.96). The top set bit of immh:immb gives the size, the rest the amount. */
import { insn, type Row } from '../translate/insn.ts';
import * as S from '../translate/simd.ts';
import type { LaneSize } from '../translate/simd.ts';
import type { Val } from '../translate/value.ts';
import { setVector } from './simd-forms.ts';
import { narrowed } from './simd-two-registers.ts';

export const SHIFT_SIZES = [{ size: 0, imm: '0001 imm:3' }, { size: 1, imm: '001 imm:4' }, { size: 2, imm: '01 imm:5' }, { size: 3, imm: '1 imm:6' }] as const;

/** A right shift is by 1 to all bits of the lane, where WebAssembly counts modulo: so one less, and one. */
const less = (size: LaneSize, imm: Val) => imm.xor((8 << size) - 1);
export const shiftRightU = (size: LaneSize, a: Val, imm: Val) => S.shrU(size, S.shrU(size, a, less(size, imm)), 1);
export const shiftRightS = (size: LaneSize, a: Val, imm: Val) => S.shrS(size, S.shrS(size, a, less(size, imm)), 1);

const KINDS: readonly { name: string; U: '0' | '1'; opcode: string; op: (size: LaneSize, n: Val, imm: Val, d: Val) => Val }[] = [
  { name: 'SSHR', U: '0', opcode: '00000', op: shiftRightS }, { name: 'USHR', U: '1', opcode: '00000', op: shiftRightU },
  { name: 'SSRA', U: '0', opcode: '00010', op: (s, n, imm, d) => S.add(s, d, shiftRightS(s, n, imm)) },
  { name: 'USRA', U: '1', opcode: '00010', op: (s, n, imm, d) => S.add(s, d, shiftRightU(s, n, imm)) },
  { name: 'SHL', U: '0', opcode: '01010', op: (s, n, imm) => S.shl(s, n, imm) },
];
const SAME_SIZE: readonly Row[] = KINDS.flatMap(({ name, U, opcode, op }) => [
  ...SHIFT_SIZES.map(({ size, imm }) => insn(`${name} (${8 << size}-bit)`, `0 Q:1 ${U} 011110 ${imm as '0001 imm:3'} ${opcode as '00000'} 1 vn:5 vd:5`,
    { fix: ['Q'], where: f => size !== 3 || f.Q !== 0 }, (c, f) => setVector(c, f.Q, f.vd, op(size, c.v(f.vn), f.imm, c.v(f.vd))))),
  insn(`${name} (scalar)`, `01 ${U} 111110 1 imm:6 ${opcode as '00000'} 1 vn:5 vd:5`, {}, (c, f) => setVector(c, 0, f.vd, op(3, c.v(f.vn), f.imm, c.v(f.vd)))),
]);

/** To the next size: SXTL and UXTL when the amount is zero. */
const LONG: readonly Row[] = [true, false].flatMap(signed => SHIFT_SIZES.slice(0, 3).map(({ size, imm }) =>
  insn(`${signed ? 'SSHLL' : 'USHLL'} (${8 << size}-bit)`, `0 Q:1 ${signed ? '0' : '1'} 011110 ${imm as '0001 imm:3'} 10100 1 vn:5 vd:5`, { fix: ['Q'] },
    (c, f) => c.setV(f.vd, S.shl((size + 1) as LaneSize, S.extend(size as 0, c.v(f.vn), signed, f.Q !== 0), f.imm)))));

/** From the next size: the amount is at most the narrow lane's bits. */
const NARROW: readonly Row[] = SHIFT_SIZES.slice(0, 3).map(({ size, imm }) =>
  insn(`SHRN (to ${8 << size}-bit)`, `0 Q:1 0 011110 ${imm as '0001 imm:3'} 10000 1 vn:5 vd:5`, { fix: ['Q'] },
    (c, f) => c.setV(f.vd, narrowed(f.Q, size as 0, S.shrU((size + 1) as LaneSize, S.shrU((size + 1) as LaneSize, c.v(f.vn), less(size, f.imm)), 1), c.v(f.vd)))));

export const SIMD_SHIFT_IMMEDIATE: readonly Row[] = [...SAME_SIZE, ...LONG, ...NARROW];
