/** Add and subtract: immediate, shifted register, extended register, with carry (Arm ARM C4.1.92, C4.1.95). */
import type { Emitter } from '../translate/emitter.ts';
import { insn, type Reg, type Row } from '../translate/insn.ts';
import { Val } from '../translate/value.ts';

interface Kind { readonly subtract: boolean; readonly setFlags: boolean }
const KINDS: readonly (Kind & { readonly name: string; readonly bits: string })[] = [
  { name: 'ADD', bits: '00', subtract: false, setFlags: false }, { name: 'ADDS', bits: '01', subtract: false, setFlags: true },
  { name: 'SUB', bits: '10', subtract: true, setFlags: false }, { name: 'SUBS', bits: '11', subtract: true, setFlags: true },
];

function addSubtract(c: Emitter, kind: Kind, rd: Reg, left: Val, right: Val): void {
  if (!kind.setFlags) { c.setR(rd, kind.subtract ? left.sub(right) : left.add(right)); return; }
  const a = c.let(left), b = c.let(right);
  if (!kind.subtract) { c.setR(rd, c.addWithCarry(a, b, Val.i32(0), true)); return; }
  c.setFlagsSub(a, b);
  c.setR(rd, a.sub(b));
}

/** ShiftReg: LSL, LSR, ASR, ROR by a known or decoded amount. */
export function shifted(value: Val, kind: number, amount: Val): Val {
  const by = value.type === 'i64' ? amount.zext() : amount;
  return [value.shl(by), value.shrU(by), value.shrS(by), value.rotr(by)][kind] ?? value;
}

/** ExtendReg: UXTB to SXTX, in the width of the result. */
export function extended(c: Emitter, sf: number, rm: Reg, option: number, amount: Val): Val {
  const narrow = c.w(rm), size = option & 3, signed = option >= 4;
  const wide = size === 3 ? c.x(rm) : size === 2 ? (signed ? narrow.sext() : narrow.zext()) : undefined;
  const small = size === 0 ? (signed ? narrow.sextFrom(8) : narrow.and(0xff)) : signed ? narrow.sextFrom(16) : narrow.and(0xffff);
  const value = wide ?? (signed ? small.sext() : small.zext());
  return sf !== 0 ? value.shl(amount.zext()) : value.wrap().shl(amount);
}

function immediate({ name, bits, ...kind }: (typeof KINDS)[number]): Row[] {
  const pre = (f: { imm12: Val; sh: Val }) => ({ imm: f.imm12.zext().shl(f.sh.mul(12).zext()) });
  const body = (c: Emitter, f: { sf: number; rn: Reg; rd: Reg; imm: Val }) => addSubtract(c, kind, f.rd, c.r(f.sf, f.rn), f.sf !== 0 ? f.imm : f.imm.wrap());
  return [kind.setFlags
    ? insn(`${name} (immediate)`, `sf:1 ${bits as '01'} 100010 sh:1 imm12:12 rn.sp:5 rd.d:5`, { fix: ['sf'], pre }, body)
    : insn(`${name} (immediate)`, `sf:1 ${bits as '00'} 100010 sh:1 imm12:12 rn.sp:5 rd.sp:5`, { fix: ['sf'], pre }, body)];
}

function shiftedRegister({ name, bits, ...kind }: (typeof KINDS)[number]): Row {
  return insn(`${name} (shifted register)`, `sf:1 ${bits as '00'} 01011 shift:2 0 rm:5 imm6:6 rn:5 rd.d:5`, {
    fix: ['sf', 'shift'], where: f => f.shift !== 3, undef: f => f.sf.eqz().and(f.imm6.shrU(5)) },
  (c, f) => addSubtract(c, kind, f.rd, c.r(f.sf, f.rn), shifted(c.r(f.sf, f.rm), f.shift, f.imm6)));
}

function extendedRegister({ name, bits, ...kind }: (typeof KINDS)[number]): Row {
  const undef = (f: { imm3: Val }) => f.imm3.gtU(4);
  const body = (c: Emitter, f: { sf: number; option: number; rm: Reg; imm3: Val; rn: Reg; rd: Reg }) =>
    addSubtract(c, kind, f.rd, c.r(f.sf, f.rn), extended(c, f.sf, f.rm, f.option, f.imm3));
  return kind.setFlags
    ? insn(`${name} (extended register)`, `sf:1 ${bits as '01'} 01011 00 1 rm:5 option:3 imm3:3 rn.sp:5 rd.d:5`, { fix: ['sf', 'option'], undef }, body)
    : insn(`${name} (extended register)`, `sf:1 ${bits as '00'} 01011 00 1 rm:5 option:3 imm3:3 rn.sp:5 rd.sp:5`, { fix: ['sf', 'option'], undef }, body);
}

function withCarry({ name, bits, ...kind }: (typeof KINDS)[number]): Row {
  return insn(name.replace('ADD', 'ADC').replace('SUB', 'SBC'), `sf:1 ${bits as '00'} 11010000 rm:5 000000 rn:5 rd.d:5`, { fix: ['sf'] }, (c, f) => {
    const a = c.let(c.r(f.sf, f.rn)), m = c.r(f.sf, f.rm), b = c.let(kind.subtract ? m.not() : m);
    c.setR(f.rd, c.addWithCarry(a, b, c.let(c.carry()), kind.setFlags));
  });
}

export const ADD_SUBTRACT: readonly Row[] = KINDS.flatMap(kind => [...immediate(kind), shiftedRegister(kind), extendedRegister(kind), withCarry(kind)]);
