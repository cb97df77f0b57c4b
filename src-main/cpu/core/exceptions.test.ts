import { expect, test } from 'vitest';
import { TestMachine, VECTORS } from './test-machine.ts';

const el1 = (body: string) => new TestMachine(VECTORS + body);
const esr = (m: TestMachine) => ({ ec: Number(m.cpu.system('ESR_EL1') >> 26n), iss: Number(m.cpu.system('ESR_EL1') & 0x1ff_ffffn) });

/** Goes to EL0 at `user`, with interrupts unmasked. */
const TO_EL0 = `
  adr x0, user
  msr elr_el1, x0
  msr spsr_el1, xzr
  eret
user:
`;

test('an encoding that nothing has is UNDEFINED, and the return address is its own', () => {
  const m = el1('bad: .word 0x00000000\n hvc #9');
  expect(m.run()).toBe(1);
  expect(esr(m)).toEqual({ ec: 0, iss: 0 });
  expect(m.quad(Number(m.cpu.system('ELR_EL1')))).toBe(0xd4000122n << 32n);
});

test('SVC from EL0 enters the lower-EL vector with its immediate, and returns behind itself', () => {
  const m = el1(`${TO_EL0} svc #77\nback: hvc #9`);
  expect(m.run()).toBe(2);
  expect(esr(m)).toEqual({ ec: 0x15, iss: 77 });
  expect(Number(m.cpu.system('SPSR_EL1') & 0xfn)).toBe(0);
});

test('EL0 may not touch EL1 registers, nor call the hypervisor', () => {
  for (const instruction of ['mrs x1, sctlr_el1', 'msr vbar_el1, x1', 'hvc #5', 'eret', 'msr daifset, #2']) {
    const m = el1(`${TO_EL0} ${instruction}\n nop`);
    expect([instruction, m.run()]).toEqual([instruction, 2]);
    expect([0, 0x18]).toContain(esr(m).ec);
  }
});

test('a read-only register ignores nobody: writing it is UNDEFINED', () => {
  const m = el1('msr midr_el1, x0\n hvc #9');
  expect(m.run()).toBe(1);
});

test('FP instructions trap to EL1 until CPACR_EL1 allows them', () => {
  const m = el1('.insn FMUL (scalar, D) vm=1 vn=2 vd=3\n hvc #9');
  expect(m.run()).toBe(1);
  expect(esr(m).ec).toBe(7);
  const allowed = el1('mov x0, #0x300000\n msr cpacr_el1, x0\n .insn FMUL (scalar, D) vm=1 vn=2 vd=3\n hvc #9');
  expect(allowed.run()).toBe(9);
});

test('ERET clears the exclusive monitor, so that a store exclusive across it fails', () => {
  const program = (between: string) => `mov x1, #0x30000\n ldxr x2, [x1]\n ${between}\n stxr w3, x2, [x1]\n hvc #9`;
  const kept = el1(program('nop'));
  kept.run();
  const cleared = el1(program('adr x4, after\n msr elr_el1, x4\n mov x4, #0x3c5\n msr spsr_el1, x4\n eret\nafter:'));
  cleared.run();
  expect([kept.cpu.x(3), cleared.cpu.x(3)]).toEqual([0n, 1n]);
});

test('an illegal exception return sets PSTATE.IL and is taken at once', () => {
  const m = el1('mov x0, #0x1f\n msr spsr_el1, x0\n adr x1, main\n msr elr_el1, x1\n eret');
  expect(m.run()).toBe(1);
  expect(esr(m).ec).toBe(0x0e);
});

test('misaligned branches fault when they are fetched', () => {
  const m = el1('mov x1, #0x10002\n br x1');
  expect(m.run()).toBe(1);
  expect(esr(m).ec).toBe(0x22);
  expect(m.cpu.system('FAR_EL1')).toBe(0x10002n);
});

test('a virtual interrupt in a list register is taken when it is unmasked, acknowledged and ended', () => {
  const m = el1('mov x0, #0xff\n msr icc_pmr_el1, x0\n mov x0, #1\n msr icc_igrpen1_el1, x0\n nop\n msr daifclr, #2\n hvc #9');
  m.cpu.setSystem('ICH_HCR_EL2', 1n);
  m.cpu.setListRegister(3, (1n << 62n) | (1n << 60n) | (0x80n << 48n) | 42n); // pending, group 1, priority 0x80
  expect(m.run()).toBe(4);
  m.put(0x60000, new TestMachine('mrs x5, icc_iar1_el1\n mrs x6, icc_rpr_el1\n msr icc_eoir1_el1, x5\n mrs x7, icc_iar1_el1\n hvc #8').machine.bytes(0x10000 as never, 64));
  m.cpu.pc = 0x60000n;
  expect(m.run()).toBe(8);
  expect([m.cpu.x(5), m.cpu.x(6), m.cpu.x(7), m.cpu.listRegister(3) >> 62n]).toEqual([42n, 0x80n, 1023n, 0n]);
});

test('the timer compares against the counter of the VM clock, and its line follows', () => {
  const m = el1('mov x0, #1000\n msr cntv_tval_el0, x0\n mov x0, #1\n msr cntv_ctl_el0, x0\nagain: hvc #9');
  while (m.cpu.run(1000) === 'kick');
  expect([m.cpu.timerOutputs, m.cpu.nextTimerNs]).toEqual([0, 16_000]);
  m.advance(16_000);
  expect(m.cpu.nextTimerNs).toBe(16_000);
  expect(m.cpu.timerOutputs).toBe(1);
  expect(m.cpu.nextTimerNs).toBe(Infinity);
});

test('code that rewrites itself runs as rewritten, in its own page and in another', () => {
  const m = el1(`
  mov w1, #0x21                     // movz w0, #1 becomes movz w0, #2 ...
  adr x2, patched
  bl call
  mov x10, x0
  ldr w3, [x2]
  add w3, w3, #32
  str w3, [x2]
  bl call
  mov x11, x0
  hvc #9
call:
patched: movz w0, #1
  ret`);
  expect(m.run()).toBe(9);
  expect([m.cpu.x(10), m.cpu.x(11)]).toEqual([1n, 2n]);
});

test.each([
  ['vectors outside of memory', 'mov x0, #0x70000000\n msr vbar_el1, x0'],
  ['vectors outside of the address space', 'mov x0, #0x4000000000000000\n msr vbar_el1, x0'],
  ['vectors that no table maps', 'mov x0, #25\n msr tcr_el1, x0\n msr ttbr0_el1, xzr\n mov x0, #5\n msr sctlr_el1, x0\n isb'],
  ['tables outside of memory', 'mov x0, #25\n msr tcr_el1, x0\n mov x0, #0x70000000\n msr ttbr0_el1, x0\n mov x0, #5\n msr sctlr_el1, x0\n isb'],
  ['vectors that are UNDEFINED', 'mov x0, #0x100000\n msr vbar_el1, x0'],
  ['an illegal return, again and again', 'mov x0, #0x100000\n msr vbar_el1, x0\n mov x1, #0xffffffff\n msr spsr_el1, x1\n adr x2, main\n msr elr_el1, x2\n eret'],
  ['FP in vectors without FP', 'mov x1, #0x20000\n mov w0, #0x4000\n movk w0, #0x1e20, lsl #16\n str w0, [x1, #0x200]\n .word 0x1e204000'],
])('exceptions without end use up the budget: %s', (_what, setUp) => {
  const m = el1(`${setUp}\n mov x0, #2\n br x0`), before = m.cpu.retired;
  for (let turn = 0; turn < 5; turn++) expect(m.cpu.run(1000)).toBe('budget');
  expect(m.cpu.retired - before).toBeGreaterThanOrEqual(5000);
});
