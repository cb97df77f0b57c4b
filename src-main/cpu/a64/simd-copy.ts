/** Advanced SIMD copy and modified immediate (Arm ARM C4.1.96), and the moves of FP registers (C4.1.96 FMOV, FCSEL). */
import type { Emitter } from '../translate/emitter.ts';
import { insn, type Reg, type Row } from '../translate/insn.ts';
import { andNot, or, splat, type LaneSize } from '../translate/simd.ts';
import { Val } from '../translate/value.ts';
import { fromLane, setVector } from './simd-forms.ts';

// ---- copy: the lowest set bit of imm5 gives the size, the bits above it the index

const LANES = [
  { letter: 'B', size: 0, index: 'index:4 1', to: '1', imm4: 'from:4' }, { letter: 'H', size: 1, index: 'index:3 10', to: '10', imm4: 'from:3 -' },
  { letter: 'S', size: 2, index: 'index:2 100', to: '100', imm4: 'from:2 --' }, { letter: 'D', size: 3, index: 'index:1 1000', to: '1000', imm4: 'from:1 ---' },
] as const satisfies readonly { letter: string; size: LaneSize; index: string; to: string; imm4: string }[];
type Lane = (typeof LANES)[number];

const lane = (c: Emitter, { size }: Lane, reg: Reg, index: Val) => c.element(size === 3 ? 'i64' : 'i32', fromLane(reg, index, size), 0, 1 << size);
const scalar = (c: Emitter, { size }: Lane, rn: Reg) => (size === 3 ? c.x(rn) : c.w(rn));

function copyRows(k: Lane): Row[] {
  const index = k.index as 'index:4 1', bytes = 1 << k.size, any = '-'.repeat(4 - k.size) as '----';
  const both = { fix: ['Q'], where: (f: { Q: number }) => k.size !== 3 || f.Q !== 0 } as const;
  return [
    insn(`DUP (element, ${k.letter})`, `0 Q:1 0 01110000 ${index} 0 0000 1 vn:5 vd:5`, both,
      (c, f) => setVector(c, f.Q, f.vd, c.duplicate(fromLane(f.vn, f.index, k.size), k.size))),
    insn(`DUP (general, ${k.letter})`, `0 Q:1 0 01110000 ${any}${k.to as '1'} 0 0001 1 rn:5 vd:5`, both, (c, f) => setVector(c, f.Q, f.vd, splat(k.size, scalar(c, k, f.rn)))),
    insn(`DUP (scalar, ${k.letter})`, `01 0 11110000 ${index} 0 0000 1 vn:5 vd:5`, {}, (c, f) => c.setScalar(f.vd, lane(c, k, f.vn, f.index).zext())),
    insn(`INS (general, ${k.letter})`, `0 1 0 01110000 ${index} 0 0011 1 rn:5 vd:5`, {}, (c, f) => c.setElement(fromLane(f.vd, f.index, k.size), scalar(c, k, f.rn), 0, bytes)),
    insn(`INS (element, ${k.letter})`, `0 1 1 01110000 ${index} 0 ${k.imm4 as 'from:4'} 1 vn:5 vd:5`, {},
      (c, f) => c.setElement(fromLane(f.vd, f.index, k.size), lane(c, k, f.vn, f.from), 0, bytes)),
    insn(`UMOV (${k.letter})`, `0 ${k.size === 3 ? '1' : '0'} 0 01110000 ${index} 0 0111 1 vn:5 rd.d:5`, {}, (c, f) => c.setR(f.rd, lane(c, k, f.vn, f.index))),
  ];
}

/** To W registers from bytes and halfwords, to X registers from words as well. */
const signedMove = (k: Lane, q: 0 | 1): Row => insn(`SMOV (${k.letter}, ${q === 0 ? 32 : 64}-bit)`, `0 ${q === 0 ? '0' : '1'} 0 01110000 ${k.index as 'index:4 1'} 0 0101 1 vn:5 rd.d:5`, {},
  (c, f) => c.setR(f.rd, c.element(q === 0 ? 'i32' : 'i64', fromLane(f.vn, f.index, k.size), 0, 1 << k.size, true)));

const COPY: readonly Row[] = [...LANES.flatMap(copyRows), ...LANES.slice(0, 2).map(k => signedMove(k, 0)), ...LANES.slice(0, 3).map(k => signedMove(k, 1))];

// ---- modified immediate: AdvSIMDExpandImm (shared pseudocode)

const every = (value: Val, bits: 8 | 16 | 32) => value.mul({ 8: 0x0101010101010101n, 16: 0x0001000100010001n, 32: 0x0000000100000001n }[bits]);
/** VFPExpandImm for single precision: sign, three copies of the exponent's top bit inverted, four fraction bits. */
export function floatImmediate(imm8: Val, double: boolean): Val {
  const wide = imm8.zext(), sign = wide.shrU(7), b = wide.shrU(6).and(1), low = wide.and(63);
  if (!double) return sign.shl(31).or(b.xor(1).shl(30)).or(b.mul(31).shl(25)).or(low.shl(19));
  return sign.shl(63).or(b.xor(1).shl(62)).or(b.mul(255).shl(54)).or(low.shl(48));
}
function byteMask(imm8: Val): Val {
  const wide = imm8.zext();
  return Array.from({ length: 8 }, (_, i) => wide.shrU(i).and(1).mul(0xffn << BigInt(8 * i))).reduce((a, b) => a.or(b));
}
function expanded(f: { op: Val; cmode: Val; abc: Val; defgh: Val }): Val {
  const cmode = f.cmode.number ?? 0, imm8 = f.abc.shl(5).or(f.defgh), wide = imm8.zext();
  if (cmode < 8) return every(wide.shl(8 * (cmode >> 1)), 32);
  if (cmode < 12) return every(wide.shl(8 * ((cmode >> 1) & 1)), 16);
  if (cmode < 14) return every(cmode === 12 ? wide.shl(8).or(0xff) : wide.shl(16).or(0xffff), 32);
  if (cmode === 14) return f.op.number === 0 ? every(wide, 8) : byteMask(imm8);
  return f.op.number === 0 ? every(floatImmediate(imm8, false), 32) : floatImmediate(imm8, true);
}

/** cmode 0xx1 and 10x1 change the register, the others set it. */
const MODIFIED = insn('MOVI, MVNI, ORR, BIC, FMOV (vector, immediate)', '0 Q:1 op:1 0111100000 abc:3 cmode:4 01 defgh:5 vd:5', {
  fix: ['Q', 'op', 'cmode'], where: f => f.cmode !== 15 || f.op === 0 || f.Q === 1, pre: f => ({ imm: expanded(f) }),
}, (c, f) => {
  const imm = splat(3, f.imm);
  if (f.cmode < 12 && (f.cmode & 1) !== 0) setVector(c, f.Q, f.vd, f.op === 0 ? or(c.v(f.vd), imm) : andNot(c.v(f.vd), imm));
  else setVector(c, f.Q, f.vd, splat(3, f.op !== 0 && f.cmode < 14 ? f.imm.not() : f.imm));
});

// ---- FP moves

const PRECISIONS = [{ letter: 'S', ftype: '00', type: 'i32' }, { letter: 'D', ftype: '01', type: 'i64' }] as const;
const FP_MOVES: readonly Row[] = [
  insn('FMOV (S to W)', '0 00 11110 00 1 00 110 000000 vn:5 rd.d:5', {}, (c, f) => c.setW(f.rd, c.element('i32', f.vn))),
  insn('FMOV (W to S)', '0 00 11110 00 1 00 111 000000 rn:5 vd:5', {}, (c, f) => c.setScalar(f.vd, c.w(f.rn).zext())),
  insn('FMOV (D to X)', '1 00 11110 01 1 00 110 000000 vn:5 rd.d:5', {}, (c, f) => c.setX(f.rd, c.element('i64', f.vn))),
  insn('FMOV (X to D)', '1 00 11110 01 1 00 111 000000 rn:5 vd:5', {}, (c, f) => c.setScalar(f.vd, c.x(f.rn))),
  insn('FMOV (top half to X)', '1 00 11110 10 1 01 110 000000 vn:5 rd.d:5', {}, (c, f) => c.setX(f.rd, c.element('i64', f.vn, 8))),
  insn('FMOV (X to top half)', '1 00 11110 10 1 01 111 000000 rn:5 vd:5', {}, (c, f) => c.setElement(f.vd, c.x(f.rn), 8)),
  ...PRECISIONS.flatMap(({ letter, ftype, type }) => [
    insn(`FMOV (register, ${letter})`, `000 11110 ${ftype} 1 000000 10000 vn:5 vd:5`, {}, (c, f) => c.setScalar(f.vd, c.element(type, f.vn).zext())),
    insn(`FMOV (scalar, immediate, ${letter})`, `000 11110 ${ftype} 1 imm8:8 100 00000 vd:5`, { pre: f => ({ imm: floatImmediate(f.imm8, type === 'i64') }) },
      (c, f) => c.setScalar(f.vd, f.imm)),
    insn(`FCSEL (${letter})`, `000 11110 ${ftype} 1 vm:5 cond:4 11 vn:5 vd:5`, { fix: ['cond'] },
      (c, f) => c.setScalar(f.vd, c.condition(f.cond).select(c.element(type, f.vn), c.element(type, f.vm)).zext())),
  ]),
];

export const SIMD_COPY: readonly Row[] = [...COPY, MODIFIED, ...FP_MOVES];
