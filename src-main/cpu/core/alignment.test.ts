/** SCTLR_EL1.A: what is not aligned to its elements faults (Arm ARM B2.5.2). */
import { expect, test } from 'vitest';
import { TestMachine, VECTORS } from './test-machine.ts';

const FAULT = 1, DONE = 9, DATA = 0x100000;
const LD1_16B = '.word 0x4c407020', LD1_8H = '.word 0x4c407420', LDR_Q = '.word 0x3dc00020', ST2_BYTE = '.word 0x0d200020';

/** Runs `lines` with X1 at an offset of aligned data, after an access that a TLB would remember. */
function outcome(offset: number, lines: string): number {
  return new TestMachine(`${VECTORS}
    mov x0, #0x300000
    msr cpacr_el1, x0
    mrs x0, sctlr_el1
    orr x0, x0, #2
    msr sctlr_el1, x0
    isb
    mov x1, #${DATA}
    ldr x2, [x1]
    add x1, x1, #${offset}
    ${lines}
    hvc #${DONE}`).run();
}

test.each([[4, 'ldr x2, [x1]', FAULT], [8, 'ldr x2, [x1]', DONE], [2, 'str w2, [x1]', FAULT], [1, 'ldrb w2, [x1]', DONE], [4, 'ldp w2, w3, [x1]', DONE], [4, 'ldp x2, x3, [x1]', FAULT],
  [8, LDR_Q, FAULT], [16, LDR_Q, DONE], [1, LD1_16B, DONE], [1, LD1_8H, FAULT], [2, LD1_8H, DONE], [3, ST2_BYTE, DONE]])('at offset %i, %s leaves by hvc #%i', (offset, lines, immediate) => {
  expect(outcome(offset, lines)).toBe(immediate);
});

test('the fault names the address and whether it was a write', () => {
  const m = new TestMachine(`${VECTORS}
    mrs x0, sctlr_el1
    orr x0, x0, #2
    msr sctlr_el1, x0
    isb
    mov x1, #${DATA + 2}
    str w2, [x1]`);
  m.run();
  expect([m.cpu.system('ESR_EL1') & 0xffn, m.cpu.system('FAR_EL1')]).toEqual([0x61n, BigInt(DATA + 2)]);
});
