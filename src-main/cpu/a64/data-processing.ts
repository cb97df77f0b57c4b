/** Data processing with one, two and three registers, conditional select and compare (Arm ARM C4.1.95). */
import type { Emitter } from '../translate/emitter.ts';
import { insn, type Reg, type Row } from '../translate/insn.ts';
import { Val } from '../translate/value.ts';

const bothWidths = { fix: ['sf'] } as const;

// ---- two sources

function divide(c: Emitter, sf: number, rd: Reg, left: Val, right: Val, signed: boolean): void {
  const a = c.let(left), b = c.let(right), type = sf !== 0 ? 'i64' as const : 'i32' as const;
  const smallest = a.like(1).rotr(1);
  // Division by zero gives zero; the smallest number by -1 gives itself, where WebAssembly would trap.
  const quotient = c.choose(type, b.eqz(), () => a.like(0), () => signed
    ? c.choose(type, a.eq(smallest).and(b.eq(-1)), () => a, () => a.divS(b))
    : a.divU(b));
  c.setR(rd, quotient);
}

const SHIFTS = [{ name: 'LSLV', op2: '00', shift: (a: Val, b: Val) => a.shl(b) }, { name: 'LSRV', op2: '01', shift: (a: Val, b: Val) => a.shrU(b) },
  { name: 'ASRV', op2: '10', shift: (a: Val, b: Val) => a.shrS(b) }, { name: 'RORV', op2: '11', shift: (a: Val, b: Val) => Val.raw(a.type, [a.type === 'i64' ? 0x8a : 0x78], a, b) }];

function crc32Row(castagnoli: 0 | 1, sz: 0 | 1 | 2 | 3): Row {
  const name = `CRC32${castagnoli === 1 ? 'C' : ''}${'BHWX'[sz] ?? ''}`, size = (['00', '01', '10', '11'] as const)[sz];
  return insn(name, `${sz === 3 ? '1' : '0'} 0 0 11010110 rm:5 010 ${castagnoli === 1 ? '1' : '0'} ${size} rn:5 rd.d:5` as '- rm:5 010 rn:5 rd.d:5', {},
    (c, f) => c.setW(f.rd, c.call('crc32', c.w(f.rn), c.x(f.rm), 1 << sz, castagnoli)));
}

const TWO_SOURCES: readonly Row[] = [
  insn('UDIV', 'sf:1 0 0 11010110 rm:5 000010 rn:5 rd.d:5', bothWidths, (c, f) => divide(c, f.sf, f.rd, c.r(f.sf, f.rn), c.r(f.sf, f.rm), false)),
  insn('SDIV', 'sf:1 0 0 11010110 rm:5 000011 rn:5 rd.d:5', bothWidths, (c, f) => divide(c, f.sf, f.rd, c.r(f.sf, f.rn), c.r(f.sf, f.rm), true)),
  ...SHIFTS.map(({ name, op2, shift }) => insn(name, `sf:1 0 0 11010110 rm:5 0010 ${op2 as '00'} rn:5 rd.d:5`, bothWidths,
    (c, f) => c.setR(f.rd, shift(c.r(f.sf, f.rn), c.r(f.sf, f.rm))))),
  ...([0, 1] as const).flatMap(castagnoli => ([0, 1, 2, 3] as const).map(sz => crc32Row(castagnoli, sz))),
];

// ---- one source

/** Reverses the bytes within each `group` bytes. Steps with a local between, as each uses its operand twice. */
function reversed(c: Emitter, operand: Val, group: 2 | 4 | 8): Val {
  const value = c.let(operand), mask = value.like(0x00ff00ff00ff00ffn);
  const pairs = c.let(value.shrU(8).and(mask).or(value.and(mask).shl(8)));
  if (group === 2) return pairs;
  if (value.type === 'i32') return pairs.rotr(16);
  const words = c.let(pairs.shrU(16).and(0x0000ffff0000ffffn).or(pairs.and(0x0000ffff0000ffffn).shl(16)));
  return group === 4 ? words : words.rotr(32);
}

function reversedBits(c: Emitter, value: Val): Val {
  let v = value;
  for (const [shift, bits] of [[1, 0x5555555555555555n], [2, 0x3333333333333333n], [4, 0x0f0f0f0f0f0f0f0fn]] as const) {
    const kept = c.let(v), mask = kept.like(bits);
    v = kept.shrU(shift).and(mask).or(kept.and(mask).shl(shift));
  }
  return reversed(c, v, value.type === 'i64' ? 8 : 4);
}

const ONE_SOURCE: readonly Row[] = [
  insn('RBIT', 'sf:1 1 0 11010110 00000 000000 rn:5 rd.d:5', bothWidths, (c, f) => c.setR(f.rd, reversedBits(c, c.r(f.sf, f.rn)))),
  insn('REV16', 'sf:1 1 0 11010110 00000 000001 rn:5 rd.d:5', bothWidths, (c, f) => c.setR(f.rd, reversed(c, c.r(f.sf, f.rn), 2))),
  insn('REV32', '1 1 0 11010110 00000 000010 rn:5 rd.d:5', {}, (c, f) => c.setX(f.rd, reversed(c, c.x(f.rn), 4))),
  insn('REV (32-bit)', '0 1 0 11010110 00000 000010 rn:5 rd.d:5', {}, (c, f) => c.setW(f.rd, reversed(c, c.w(f.rn), 4))),
  insn('REV (64-bit)', '1 1 0 11010110 00000 000011 rn:5 rd.d:5', {}, (c, f) => c.setX(f.rd, reversed(c, c.x(f.rn), 8))),
  insn('CLZ', 'sf:1 1 0 11010110 00000 000100 rn:5 rd.d:5', bothWidths, (c, f) => c.setR(f.rd, c.r(f.sf, f.rn).clz())),
  insn('CLS', 'sf:1 1 0 11010110 00000 000101 rn:5 rd.d:5', bothWidths, (c, f) => {
    const value = c.let(c.r(f.sf, f.rn)), sign = value.shrS(f.sf !== 0 ? 63 : 31);
    c.setR(f.rd, value.xor(sign).clz().sub(1));
  }),
];

// ---- three sources

const MULTIPLY: readonly Row[] = [
  insn('MADD', 'sf:1 00 11011 000 rm:5 0 ra:5 rn:5 rd.d:5', bothWidths, (c, f) => c.setR(f.rd, c.r(f.sf, f.ra).add(c.r(f.sf, f.rn).mul(c.r(f.sf, f.rm))))),
  insn('MSUB', 'sf:1 00 11011 000 rm:5 1 ra:5 rn:5 rd.d:5', bothWidths, (c, f) => c.setR(f.rd, c.r(f.sf, f.ra).sub(c.r(f.sf, f.rn).mul(c.r(f.sf, f.rm))))),
  insn('SMADDL', '1 00 11011 001 rm:5 0 ra:5 rn:5 rd.d:5', {}, (c, f) => c.setX(f.rd, c.x(f.ra).add(c.w(f.rn).sext().mul(c.w(f.rm).sext())))),
  insn('SMSUBL', '1 00 11011 001 rm:5 1 ra:5 rn:5 rd.d:5', {}, (c, f) => c.setX(f.rd, c.x(f.ra).sub(c.w(f.rn).sext().mul(c.w(f.rm).sext())))),
  insn('UMADDL', '1 00 11011 101 rm:5 0 ra:5 rn:5 rd.d:5', {}, (c, f) => c.setX(f.rd, c.x(f.ra).add(c.w(f.rn).zext().mul(c.w(f.rm).zext())))),
  insn('UMSUBL', '1 00 11011 101 rm:5 1 ra:5 rn:5 rd.d:5', {}, (c, f) => c.setX(f.rd, c.x(f.ra).sub(c.w(f.rn).zext().mul(c.w(f.rm).zext())))),
  insn('SMULH', '1 00 11011 010 rm:5 0 ----- rn:5 rd.d:5', {}, (c, f) => c.setX(f.rd, c.call('multiplyHighSigned', c.x(f.rn), c.x(f.rm)))),
  insn('UMULH', '1 00 11011 110 rm:5 0 ----- rn:5 rd.d:5', {}, (c, f) => c.setX(f.rd, c.call('multiplyHighUnsigned', c.x(f.rn), c.x(f.rm)))),
];

// ---- conditional

const SELECTS = [{ name: 'CSEL', op: '0', op2: '00', other: (v: Val) => v }, { name: 'CSINC', op: '0', op2: '01', other: (v: Val) => v.add(1) },
  { name: 'CSINV', op: '1', op2: '00', other: (v: Val) => v.not() }, { name: 'CSNEG', op: '1', op2: '01', other: (v: Val) => v.like(0).sub(v) }];

function conditionalCompare(c: Emitter, f: { sf: number; cond: number; rn: Reg; nzcv: Val }, right: Val, negative: boolean): void {
  c.if(c.condition(f.cond), () => {
    const a = c.let(c.r(f.sf, f.rn)), b = c.let(right);
    if (negative) c.addWithCarry(a, b, Val.i32(0), true);
    else c.setFlagsSub(a, b);
  }, () => c.setNzcv(f.nzcv));
}

const CONDITIONAL: readonly Row[] = [
  ...SELECTS.map(({ name, op, op2, other }) => insn(name, `sf:1 ${op as '0'} 0 11010100 rm:5 cond:4 ${op2 as '00'} rn:5 rd.d:5`, { fix: ['sf', 'cond'] },
    (c, f) => c.setR(f.rd, c.condition(f.cond).select(c.r(f.sf, f.rn), other(c.r(f.sf, f.rm)))))),
  ...[true, false].flatMap(negative => {
    const name = negative ? 'CCMN' : 'CCMP', op = (negative ? '0' : '1') as '0';
    return [
      insn(`${name} (register)`, `sf:1 ${op} 1 11010010 rm:5 cond:4 00 rn:5 0 nzcv:4`, { fix: ['sf', 'cond'] }, (c, f) => conditionalCompare(c, f, c.r(f.sf, f.rm), negative)),
      insn(`${name} (immediate)`, `sf:1 ${op} 1 11010010 imm5:5 cond:4 10 rn:5 0 nzcv:4`, { fix: ['sf', 'cond'] },
        (c, f) => conditionalCompare(c, f, f.sf !== 0 ? f.imm5.zext() : f.imm5, negative)),
    ];
  }),
];

export const DATA_PROCESSING: readonly Row[] = [...TWO_SOURCES, ...ONE_SOURCE, ...MULTIPLY, ...CONDITIONAL];
