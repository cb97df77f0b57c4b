/** Logical operations, move wide, bitfields, extract, PC-relative addresses (Arm ARM C4.1.92, C4.1.95). */
import type { Emitter } from '../translate/emitter.ts';
import { insn, type Reg, type Row } from '../translate/insn.ts';
import { Val } from '../translate/value.ts';
import { shifted } from './add-subtract.ts';

type Operation = (a: Val, b: Val) => Val;
const OPERATIONS: readonly { name: string; inverted: string; opc: string; op: Operation; setFlags?: true }[] = [
  { name: 'AND', inverted: 'BIC', opc: '00', op: (a, b) => a.and(b) },
  { name: 'ORR', inverted: 'ORN', opc: '01', op: (a, b) => a.or(b) },
  { name: 'EOR', inverted: 'EON', opc: '10', op: (a, b) => a.xor(b) },
  { name: 'ANDS', inverted: 'BICS', opc: '11', op: (a, b) => a.and(b), setFlags: true },
];

function logical(c: Emitter, rd: Reg, result: Val, setFlags: boolean): void {
  if (!setFlags) { c.setR(rd, result); return; }
  const kept = c.let(result);
  c.setFlagsLogic(kept);
  c.setR(rd, kept);
}

// ---- DecodeBitMasks (shared pseudocode): len is the top set bit of N:NOT(imms)

const elementMask = (f: { N: Val; imms: Val }) => {
  const sizeBits = f.N.shl(6).or(f.imms.not().and(63));
  return Val.i32(2).shl(Val.i32(31).sub(sizeBits.clz())).sub(1).shrU(1);   // esize - 1
};
const reservedMask = (f: { sf: Val; N: Val; imms: Val; immr: Val }) => {
  const levels = elementMask(f);
  return f.sf.eqz().and(f.N).or(f.N.eqz().and(f.imms.not().and(63).eqz())).or(f.imms.and(levels).eq(levels)).or(f.N.shl(6).or(f.imms.not().and(63)).ltU(2));
};
/** The element of S + 1 ones rotated right by R, copied over 64 bits. */
function bitMask(f: { N: Val; imms: Val; immr: Val }): Val {
  const levels = elementMask(f), s = f.imms.and(levels), r = f.immr.and(levels), size = levels.add(1);
  const ones = Val.i64(-1).shrU(Val.i32(63).sub(s).zext());
  const elementOnes = Val.i64(-1).shrU(Val.i32(64).sub(size).zext());
  const rotated = ones.shrU(r.zext()).or(r.eqz().select(Val.i64(0), ones.shl(size.sub(r).zext()))).and(elementOnes);
  return [2, 4, 8, 16, 32].reduce((value, bits) => size.leU(bits).select(value.or(value.shl(bits)), value), rotated);
}

function logicalImmediate({ name, opc, op, setFlags }: (typeof OPERATIONS)[number]): Row {
  const pre = (f: { N: Val; imms: Val; immr: Val }) => ({ imm: bitMask(f) });
  const body = (c: Emitter, f: { sf: number; rn: Reg; rd: Reg; imm: Val }) => logical(c, f.rd, op(c.r(f.sf, f.rn), f.sf !== 0 ? f.imm : f.imm.wrap()), setFlags === true);
  return setFlags === true
    ? insn(`${name} (immediate)`, `sf:1 ${opc as '11'} 100100 N:1 immr:6 imms:6 rn:5 rd.d:5`, { fix: ['sf'], undef: reservedMask, pre }, body)
    : insn(`${name} (immediate)`, `sf:1 ${opc as '00'} 100100 N:1 immr:6 imms:6 rn:5 rd.sp:5`, { fix: ['sf'], undef: reservedMask, pre }, body);
}

function logicalRegister({ name, inverted, opc, op, setFlags }: (typeof OPERATIONS)[number]): Row[] {
  return [false, true].map(invert => insn(`${invert ? inverted : name} (shifted register)`, `sf:1 ${opc as '00'} 01010 shift:2 ${(invert ? '1' : '0') as '0'} rm:5 imm6:6 rn:5 rd.d:5`,
    { fix: ['sf', 'shift'], undef: f => f.sf.eqz().and(f.imm6.shrU(5)) },
    (c, f) => {
      const right = shifted(c.r(f.sf, f.rm), f.shift, f.imm6);
      logical(c, f.rd, op(c.r(f.sf, f.rn), invert ? right.not() : right), setFlags === true);
    }));
}

/** The alias MOV (register), by far the most frequent ORR. */
const MOV_REGISTER = insn('MOV (register)', 'sf:1 01 01010 00 0 rm:5 000000 11111 rd.d:5', { fix: ['sf'] }, (c, f) => c.setR(f.rd, c.r(f.sf, f.rm)));

// ---- move wide

const wide = (f: { imm16: Val; hw: Val }) => f.imm16.zext().shl(f.hw.shl(4).zext());
const tooWide = (f: { sf: Val; hw: Val }) => f.sf.eqz().and(f.hw.shrU(1));
const MOVE_WIDE: readonly Row[] = [
  insn('MOVN', 'sf:1 00 100101 hw:2 imm16:16 rd.d:5', { fix: ['sf'], undef: tooWide, pre: f => ({ imm: f.sf.number !== 0 ? wide(f).not() : wide(f).wrap().not().zext() }) },
    (c, f) => c.setX(f.rd, f.imm)),
  insn('MOVZ', 'sf:1 10 100101 hw:2 imm16:16 rd.d:5', { fix: ['sf'], undef: tooWide, pre: f => ({ imm: wide(f) }) }, (c, f) => c.setX(f.rd, f.imm)),
  insn('MOVK', 'sf:1 11 100101 hw:2 imm16:16 rd:5', { fix: ['sf', 'hw'], where: f => f.sf !== 0 || f.hw < 2 },
    (c, f) => c.setR(f.rd, f.sf !== 0 ? c.x(f.rd).and(~(0xffffn << BigInt(16 * f.hw))).or(f.imm16.zext().shl(16 * f.hw))
      : c.w(f.rd).and(~(0xffff << (16 * f.hw))).or(f.imm16.shl(16 * f.hw)))),
];

// ---- bitfields: rd = rotate(rn, immr) under masks of which bits come from where

const badBitfield = (f: { sf: Val; N: Val; immr: Val; imms: Val }) => f.sf.xor(f.N).or(f.sf.eqz().and(f.immr.or(f.imms).shrU(5)));
/** Bits of the result that the field fills, for UBFM and BFM: of the top S + 1 - R, or of the low S + 1 moved up. */
function fieldMask(f: { sf: Val; immr: Val; imms: Val }): Val {
  const size = f.sf.eqz().select(32, 64), extract = f.imms.geU(f.immr);
  const low = extract.select(f.imms.sub(f.immr), f.imms);
  const ones = Val.i64(-1).shrU(Val.i32(63).sub(low).zext());
  return extract.select(ones, ones.shl(size.sub(f.immr).and(63).zext()));
}
const BITFIELD: readonly Row[] = [
  insn('UBFM', 'sf:1 10 100110 N:1 immr:6 imms:6 rn:5 rd.d:5', { fix: ['sf'], undef: badBitfield, pre: f => ({ mask: fieldMask(f) }) }, (c, f) =>
    c.setX(f.rd, f.sf !== 0 ? c.x(f.rn).rotr(f.immr.zext()).and(f.mask) : c.w(f.rn).rotr(f.immr).and(f.mask.wrap()).zext())),
  insn('SBFM', 'sf:1 00 100110 N:1 immr:6 imms:6 rn:5 rd.d:5', { fix: ['sf'], undef: badBitfield }, (c, f) => {
    const size = f.sf !== 0 ? 64 : 32, wide = (v: Val) => (f.sf !== 0 ? v.zext() : v);
    const top = c.let(c.r(f.sf, f.rn).shl(wide(Val.i32(size - 1).sub(f.imms))));
    c.setR(f.rd, c.choose(top.type, f.imms.geU(f.immr), () => top.shrS(wide(Val.i32(size - 1).sub(f.imms).add(f.immr))), () => top.shrS(wide(f.immr.sub(f.imms).sub(1)))));
  }),
  insn('BFM', 'sf:1 01 100110 N:1 immr:6 imms:6 rn:5 rd:5', { fix: ['sf'], undef: badBitfield, pre: f => ({ mask: fieldMask(f) }) }, (c, f) => {
    const mask = f.sf !== 0 ? f.mask : f.mask.wrap(), by = f.sf !== 0 ? f.immr.zext() : f.immr;
    c.setR(f.rd, c.r(f.sf, f.rd).and(mask.not()).or(c.r(f.sf, f.rn).rotr(by).and(mask)));
  }),
  insn('EXTR', 'sf:1 00 100111 N:1 0 rm:5 imms:6 rn:5 rd.d:5', { fix: ['sf'], undef: f => f.sf.xor(f.N).or(f.sf.eqz().and(f.imms.shrU(5))) }, (c, f) => {
    if (f.sf === 0) { c.setW(f.rd, c.w(f.rn).zext().shl(32).or(c.w(f.rm).zext()).shrU(f.imms.zext()).wrap()); return; }
    const high = c.x(f.rn).shl(Val.i32(63).sub(f.imms).zext()).shl(1);
    c.setX(f.rd, high.or(c.x(f.rm).shrU(f.imms.zext())));
  }),
];

// ---- PC-relative addresses

const relative = (f: { immhi: Val; immlo: Val }) => f.immhi.shl(13).shrS(11).or(f.immlo).sext();
const ADDRESSES: readonly Row[] = [
  insn('ADR', '0 immlo:2 10000 immhi:19 rd.d:5', { pre: f => ({ imm: relative(f) }) }, (c, f) => c.setX(f.rd, c.pc().add(f.imm))),
  insn('ADRP', '1 immlo:2 10000 immhi:19 rd.d:5', { pre: f => ({ imm: relative(f).shl(12) }) }, (c, f) => c.setX(f.rd, c.pc().and(-4096n).add(f.imm))),
];

export const LOGICAL: readonly Row[] = [...OPERATIONS.flatMap(o => [logicalImmediate(o), ...logicalRegister(o)]), MOV_REGISTER, ...MOVE_WIDE, ...BITFIELD, ...ADDRESSES];
