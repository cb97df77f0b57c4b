/** Hints, barriers, PSTATE, system registers and system instructions (Arm ARM C4.1.93). */
import * as L from '../layout.ts';
import { insn, type Row } from '../translate/insn.ts';
import { Val, loadFrom } from '../translate/value.ts';

const SYSTEM_REGISTER = 'o0:1 op1:3 CRn:4 CRm:4 op2:3';
/** Row number of the register that bits 19:5 name, from the table in linear memory. */
const rowOf = (f: { o0: Val; op1: Val; CRn: Val; CRm: Val; op2: Val }) => {
  const key = f.o0.shl(14).or(f.op1.shl(11)).or(f.CRn.shl(7)).or(f.CRm.shl(3)).or(f.op2);
  return loadFrom('i32', key.shl(1), L.SYSREG_INDEX, 2);
};
/** Bits 20:0 of the instruction, from which the core takes the fields of a trap's syndrome. */
const wordOf = (op0: Val, f: { op1: Val; CRn: Val; CRm: Val; op2: Val; rt: Val }) =>
  op0.shl(19).or(f.op1.shl(16)).or(f.CRn.shl(12)).or(f.CRm.shl(8)).or(f.op2.shl(5)).or(f.rt).zext();
const RESERVED_BARRIER = '1101010100 0 00 011 0011';

export const SYSTEM: readonly Row[] = [
  insn('HINT', '1101010100 0 00 011 0010 CRm:4 op2:3 11111', {}, () => { /* NOP, and hints of extensions that are not there */ }),
  insn('YIELD', '1101010100 0 00 011 0010 0000 001 11111', {}, c => c.runAndLeave('waitForInterrupt', 2)),
  insn('WFE', '1101010100 0 00 011 0010 0000 010 11111', {}, c => c.runAndLeave('waitForInterrupt', 1)),
  insn('WFI', '1101010100 0 00 011 0010 0000 011 11111', {}, c => c.runAndLeave('waitForInterrupt', 0)),
  insn('CLREX', `${RESERVED_BARRIER} CRm:4 010 11111`, {}, c => c.run('clearExclusive')),
  // While CPUs take turns in one thread memory is sequentially consistent, and DSB and DMB have nothing to order.
  insn('DSB', `${RESERVED_BARRIER} CRm:4 100 11111`, {}, (c, f) => {
    c.barrier(f.CRm);
    c.if(c.threads(), () => c.runOrFault('completeMaintenance', f.CRm));
  }),
  insn('DMB', `${RESERVED_BARRIER} CRm:4 101 11111`, {}, (c, f) => c.barrier(f.CRm)),
  insn('ISB', `${RESERVED_BARRIER} CRm:4 110 11111`, {}, c => c.synchronize()),
  insn('MSR (immediate)', '1101010100 0 00 op1:3 0100 CRm:4 op2:3 11111', {}, (c, f) => c.runOrFault('writePstate', f.op1.shl(3).or(f.op2), f.CRm)),
  insn('MRS', `1101010100 1 1 ${SYSTEM_REGISTER} rt.d:5`, { pre: f => ({ row: rowOf(f), word: wordOf(f.o0.or(2), f) }) },
    (c, f) => c.setX(f.rt, c.readSystem(f.row, f.word.wrap()))),
  insn('MSR (register)', `1101010100 0 1 ${SYSTEM_REGISTER} rt:5`, { pre: f => ({ row: rowOf(f), word: wordOf(f.o0.or(2), f) }) },
    (c, f) => c.writeSystem(f.row, f.word.wrap(), c.x(f.rt))),
  insn('SYS', '1101010100 0 01 op1:3 CRn:4 CRm:4 op2:3 rt:5', { pre: f => ({ word: wordOf(Val.i32(1), f) }) },
    (c, f) => c.runOrFault('systemOperation', f.word.wrap(), c.x(f.rt))),
  insn('DC ZVA', '1101010100 0 01 011 0111 0100 001 rt:5', {}, (c, f) => c.runOrFault('dataCacheZero', c.x(f.rt))),
];
