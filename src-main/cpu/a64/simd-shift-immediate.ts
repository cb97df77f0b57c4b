/** Advanced SIMD shift by immediate (Arm ARM C4.1.96). The top set bit of immh:immb gives the size, the rest the amount. */
import type { Emitter } from '../translate/emitter.ts';
import { insn, type Reg, type Row } from '../translate/insn.ts';
import * as S from '../translate/simd.ts';
import type { LaneSize } from '../translate/simd.ts';
import { Val } from '../translate/value.ts';
import { setVector } from './simd-forms.ts';
import * as saturation from './simd-saturation.ts';
import { setNarrowed, setSaturated, shiftLeft, type NarrowTo } from './simd-saturation.ts';
import { narrowed } from './simd-two-registers.ts';

export const SHIFT_SIZES = [{ size: 0, imm: '0001 imm:3' }, { size: 1, imm: '001 imm:4' }, { size: 2, imm: '01 imm:5' }, { size: 3, imm: '1 imm:6' }] as const;

/** A right shift is by 1 to all bits of the lane, where WebAssembly counts modulo: so one less, and one. */
const less = (size: LaneSize, imm: Val) => imm.xor((8 << size) - 1);
export const shiftRightU = (size: LaneSize, a: Val, imm: Val) => shiftRight(S.shrU, size, a, imm);
export const shiftRightS = (size: LaneSize, a: Val, imm: Val) => shiftRight(S.shrS, size, a, imm);
function shiftRight(shift: typeof S.shrU, size: LaneSize, a: Val, imm: Val): Val {
  const known = less(size, imm).number;
  return known === undefined || known + 1 === 8 << size ? shift(size, shift(size, a, less(size, imm)), 1) : shift(size, a, known + 1);
}

const one = (size: LaneSize) => S.splat(size, size === 3 ? Val.i64(1) : Val.i32(1));
/** The last bit shifted out is added. */
function rounded(c: Emitter, size: LaneSize, a: Val, imm: Val, signed: boolean): Val {
  const shift = signed ? S.shrS : S.shrU, almost = c.let(shift(size, a, less(size, imm)));
  if (!signed && size < 2) return S.averageU(size as 0, almost, S.ZERO);
  return S.add(size, shift(size, almost, 1), S.and(almost, one(size)));
}

const KINDS: readonly { name: string; U: '0' | '1'; opcode: string; op: (size: LaneSize, n: Val, imm: Val, d: Val, c: Emitter) => Val }[] = [
  { name: 'SSHR', U: '0', opcode: '00000', op: shiftRightS }, { name: 'USHR', U: '1', opcode: '00000', op: shiftRightU },
  { name: 'SSRA', U: '0', opcode: '00010', op: (s, n, imm, d) => S.add(s, d, shiftRightS(s, n, imm)) },
  { name: 'USRA', U: '1', opcode: '00010', op: (s, n, imm, d) => S.add(s, d, shiftRightU(s, n, imm)) },
  { name: 'SHL', U: '0', opcode: '01010', op: (s, n, imm) => S.shl(s, n, imm) },
  { name: 'SRSHR', U: '0', opcode: '00100', op: (s, n, imm, _, c) => rounded(c, s, n, imm, true) }, { name: 'URSHR', U: '1', opcode: '00100', op: (s, n, imm, _, c) => rounded(c, s, n, imm, false) },
  { name: 'SRSRA', U: '0', opcode: '00110', op: (s, n, imm, d, c) => S.add(s, d, rounded(c, s, n, imm, true)) },
  { name: 'URSRA', U: '1', opcode: '00110', op: (s, n, imm, d, c) => S.add(s, d, rounded(c, s, n, imm, false)) },
  { name: 'SRI', U: '1', opcode: '01000', op: (s, n, imm, d) => S.bitSelect(shiftRightU(s, S.ONES, imm), shiftRightU(s, n, imm), d) },
  { name: 'SLI', U: '1', opcode: '01010', op: (s, n, imm, d) => S.bitSelect(S.shl(s, S.ONES, imm), S.shl(s, n, imm), d) },
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

/** To the right in lanes of the next size, by an amount of at most the narrow lane's bits. */
function shiftNarrow(c: Emitter, size: 0 | 1 | 2, a: Val, imm: Val, round: boolean, signed: boolean): Val {
  const wide = (size + 1) as LaneSize, within = imm.xor((8 << size) - 1).xor((16 << size) - 1);
  return round ? rounded(c, wide, a, within, signed) : (signed ? shiftRightS : shiftRightU)(wide, a, within);
}
/** From the next size. */
const NARROW: readonly Row[] = SHIFT_SIZES.slice(0, 3).flatMap(({ size, imm }) => [
  insn(`SHRN (to ${8 << size}-bit)`, `0 Q:1 0 011110 ${imm as '0001 imm:3'} 10000 1 vn:5 vd:5`, { fix: ['Q'] },
    (c, f) => c.setV(f.vd, narrowed(f.Q, size as 0, shiftNarrow(c, size as 0, c.v(f.vn), f.imm, false, false), c.v(f.vd)))),
  insn(`RSHRN (to ${8 << size}-bit)`, `0 Q:1 0 011110 ${imm as '0001 imm:3'} 10001 1 vn:5 vd:5`, { fix: ['Q'] }, 
    (c, f) => c.setV(f.vd, narrowed(f.Q, size as 0, shiftNarrow(c, size as 0, c.v(f.vn), f.imm, true, false), c.v(f.vd)))),
]);

// ---- saturating

const LEFT: readonly { name: string; U: '0' | '1'; opcode: string; to: NarrowTo }[] = [
  { name: 'SQSHL', U: '0', opcode: '01110', to: 'signed' }, { name: 'UQSHL', U: '1', opcode: '01110', to: 'unsigned' }, { name: 'SQSHLU', U: '1', opcode: '01100', to: 'signed to unsigned' },
];
const SATURATING: readonly Row[] = LEFT.flatMap(({ name, U, opcode, to }) => SHIFT_SIZES.flatMap(({ size, imm }) => [
  insn(`${name} (${8 << size}-bit)`, `0 Q:1 ${U} 011110 ${imm as '0001 imm:3'} ${opcode as '00000'} 1 vn:5 vd:5`, { fix: ['Q'], where: f => size !== 3 || f.Q !== 0 },
    (c, f) => setSaturated(c, f.Q !== 0 ? 16 : 8, f.vd, shiftLeft(c, size, c.let(c.v(f.vn)), f.imm, to))),
  insn(`${name} (scalar, ${8 << size}-bit)`, `01 ${U} 111110 ${imm as '0001 imm:3'} ${opcode as '00000'} 1 vn:5 vd:5`, {},
    (c, f) => setSaturated(c, 1 << size, f.vd, shiftLeft(c, size, c.let(c.v(f.vn)), f.imm, to))),
]));

const SATURATING_NARROW: readonly Row[] = ([['SQ*SHRN', '0', '1001', 'signed'], ['UQ*SHRN', '1', '1001', 'unsigned'], ['SQ*SHRUN', '1', '1000', 'signed to unsigned']] as const)
  .flatMap(([letters, U, opcode, to]) => [false, true].flatMap(round => SHIFT_SIZES.slice(0, 3).flatMap(({ size, imm }) => {
    const name = letters.replace('*', round ? 'R' : ''), o = round ? '1' : '0';
    const result = (c: Emitter, f: { vn: Reg; imm: Val }) => saturation.narrowed(c, size as 0, shiftNarrow(c, size as 0, c.v(f.vn), f.imm, round, to !== 'unsigned'), to);
    return [
      insn(`${name} (${8 << size}-bit)`, `0 Q:1 ${U} 011110 ${imm as '0001 imm:3'} ${opcode}${o} 1 vn:5 vd:5` as '0 Q:1 0 011110 0001 imm:3 10000 1 vn:5 vd:5', { fix: ['Q'] },
        (c, f) => setNarrowed(c, { q: f.Q }, f.vd, result(c, f))),
      insn(`${name} (scalar, ${8 << size}-bit)`, `01 ${U} 111110 ${imm as '0001 imm:3'} ${opcode}${o} 1 vn:5 vd:5` as '01 0 111110 0001 imm:3 10000 1 vn:5 vd:5', {},
        (c, f) => setNarrowed(c, { scalarBytes: 1 << size }, f.vd, result(c, f))),
    ];
  })));

export const SIMD_SHIFT_IMMEDIATE: readonly Row[] = [...SAME_SIZE, ...LONG, ...NARROW, ...SATURATING, ...SATURATING_NARROW];
