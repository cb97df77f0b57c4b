/** Counters and timers below EL2, scaled and shifted by EL2's controls. */
import { expect, test } from 'vitest';
import { TestMachine } from './test-machine.ts';

const READS = 'again: mrs x0, cntvct_el0\n mrs x1, cntpct_el0\n mrs x2, cntv_ctl_el0\n mrs x3, cntv_tval_el0\n hvc #1\n b again';
const ONE = 2n ** 48n;

test('a counter is multiplied, and shifted for the virtual and, with ECV, for the physical one', () => {
  const machine = new TestMachine(READS), { cpu } = machine;
  const read = () => { machine.run(); return [cpu.x(0), cpu.x(1)]; };
  machine.advance(16_000);
  expect(read()).toEqual([1000n, 1000n]);
  cpu.setSystem('CNTSCALE_EL2', ONE / 2n);
  expect(read()).toEqual([500n, 500n]);
  cpu.setSystem('CNTVOFF_EL2', 100n);
  cpu.setSystem('CNTPOFF_EL2', BigInt.asUintN(64, -7n));
  expect(read()).toEqual([400n, 500n]);
  cpu.setSystem('CNTHCTL_EL2', 3n | 1n << 12n);
  expect(read()).toEqual([400n, 507n]);
  // Of 128 bits, the middle ones: a host that counts for 100 days.
  machine.advance(100 * 24 * 3600 * 1e9);
  cpu.setSystem('CNTSCALE_EL2', 100n * ONE + 3n);
  cpu.setSystem('CNTVOFF_EL2', 0n);
  const host = 62_500_000n * 100n * 24n * 3600n + 1000n;
  expect(read()[0]).toBe(host * (100n * ONE + 3n) >> 48n);
});

test('a timer is due when the scaled counter has reached its value, and not before', () => {
  const machine = new TestMachine(READS), { cpu } = machine;
  cpu.setSystem('CNTSCALE_EL2', ONE * 3n / 2n);
  cpu.setSystem('CNTVOFF_EL2', BigInt.asUintN(64, -50n));
  cpu.setSystem('CNTV_CVAL_EL0', 1550n);
  cpu.setSystem('CNTV_CTL_EL0', 1n);
  // 1,000 ticks of the host's counter.
  expect(cpu.nextTimerNs).toBe(16_000);
  machine.advance(15_990);
  machine.run();
  expect([cpu.x(2), cpu.x(3), cpu.timerOutputs]).toEqual([1n, 2n, 0]);
  machine.advance(10);
  machine.run();
  expect([cpu.x(2), cpu.x(3), cpu.timerOutputs]).toEqual([5n, 0n, 1]);
  // One that was due before there was a counter.
  cpu.setSystem('CNTV_CTL_EL0', 0n);
  expect(cpu.timerOutputs).toBe(0);
  cpu.setSystem('CNTV_CVAL_EL0', 10n);
  cpu.setSystem('CNTV_CTL_EL0', 1n);
  expect(cpu.nextTimerNs).toBe(0);
});
