/** Branches, exception generation (Arm ARM C4.1.93). */
import { LINK } from '../translate/emitter.ts';
import { insn, type Row } from '../translate/insn.ts';
import { Val } from '../translate/value.ts';

const signed = (value: Val, bits: number) => value.shl(32 - bits).shrS(32 - bits).sext();
const next = (pc: Val) => pc.add(4);

const TEST_BIT = [{ name: 'TBZ', op: '0', nonzero: false }, { name: 'TBNZ', op: '1', nonzero: true }];
const COMPARE = [{ name: 'CBZ', op: '0', nonzero: false }, { name: 'CBNZ', op: '1', nonzero: true }];

export const BRANCHES: readonly Row[] = [
  insn('B', '0 00101 imm26:26', { pre: f => ({ offset: signed(f.imm26, 26).shl(2) }) }, (c, f) => c.branchBy(f.offset)),
  insn('BL', '1 00101 imm26:26', { pre: f => ({ offset: signed(f.imm26, 26).shl(2) }) }, (c, f) => {
    c.setX(LINK, next(c.pc()));
    c.callBy(f.offset);
  }),
  insn('B.cond', '0101010 0 imm19:19 0 cond:4', { fix: ['cond'], pre: f => ({ offset: signed(f.imm19, 19).shl(2) }) },
    (c, f) => c.if(c.condition(f.cond), () => c.branchBy(f.offset))),
  ...COMPARE.map(({ name, op, nonzero }) => insn(name, `sf:1 011010 ${op as '0'} imm19:19 rt:5`, { fix: ['sf'], pre: f => ({ offset: signed(f.imm19, 19).shl(2) }) },
    (c, f) => {
      const zero = c.r(f.sf, f.rt).eqz();
      c.if(nonzero ? zero.eqz() : zero, () => c.branchBy(f.offset));
    })),
  ...TEST_BIT.map(({ name, op, nonzero }) => insn(name, `b5:1 011011 ${op as '0'} b40:5 imm14:14 rt:5`, {
    pre: f => ({ offset: signed(f.imm14, 14).shl(2), bit: f.b5.shl(5).or(f.b40) }) },
  (c, f) => {
    const set = c.x(f.rt).shrU(f.bit.zext()).wrap().and(1);
    c.if(nonzero ? set : set.eqz(), () => c.branchBy(f.offset));
  })),
  insn('BR', '1101011 0000 11111 000000 rn:5 00000', {}, (c, f) => c.branchTo(c.x(f.rn))),
  insn('BLR', '1101011 0001 11111 000000 rn:5 00000', {}, (c, f) => {
    const target = c.let(c.x(f.rn));
    c.setX(LINK, next(c.pc()));
    c.callTo(target);
  }),
  insn('RET', '1101011 0010 11111 000000 rn:5 00000', {}, (c, f) => c.returnTo(c.x(f.rn))),
  insn('ERET', '1101011 0100 11111 000000 11111 00000', {}, c => c.changeLevel('exceptionReturn')),

  insn('SVC', '11010100 000 imm16:16 000 01', {}, (c, f) => c.changeLevel('supervisorCall', f.imm16)),
  insn('HVC', '11010100 000 imm16:16 000 10', {}, (c, f) => c.runAndLeave('hypervisorCall', f.imm16)),
  insn('SMC', '11010100 000 imm16:16 000 11', {}, (c, f) => c.runAndLeave('secureMonitorCall', f.imm16)),
  insn('BRK', '11010100 001 imm16:16 000 00', {}, (c, f) => c.runAndLeave('breakpoint', f.imm16)),
  insn('HLT', '11010100 010 imm16:16 000 00', {}, c => c.undefined()), // halting debug is not there
];
