import { expect, test } from 'vitest';
import { assemble } from '../cpu/asm/assembler.ts';
import * as L from '../cpu/layout.ts';
import { Driven } from './driven-vm.ts';
import { runGuest } from './litmus/guest.ts';

test('a vCPU that was not started does not run, even if its thread is woken', async () => {
  const { vm } = new Driven({ kind: 'binary', image: () => assemble('again: wfi\n b again') }, { cpus: 2 });
  const words = new Int32Array(vm.ram.view(vm.ram.base, 4)!.buffer), mailbox = L.MACHINE + L.M_MAILBOXES + L.MAILBOX_BYTES, doorbell = (L.MACHINE + L.M_DOORBELL) / 4;
  /** Resolves once its thread was asleep, and is not any more. */
  const wake = async () => { while (Atomics.notify(words, (mailbox + L.MAILBOX_STATE) / 4) === 0) await new Promise(resolve => { setImmediate(resolve); }); };
  await wake();
  // It sleeps again, and did not come back from a turn meanwhile.
  await wake();
  expect(Atomics.load(words, doorbell)).toBe(0);
  await vm.end();
});

test('arithmetic in software of one vCPU knows nothing of another’s', async () => {
  const TIMES = 400_000, RESULTS = 16;
  // With FPCR.FZ everything but copies is done in software. The first divides 1 by 7 and the other 5, again and again, and keeps what differs from the first result.
  const { data } = await runGuest({ cpus: 2, smpMode: 'parallel', dataBytes: 2 * RESULTS, source: `
  mov x0, #0x300000
  msr cpacr_el1, x0
  mov x0, #0x1000000
  isb
  msr fpcr, x0
  mov x0, #0x3ff0
  mov x1, #0x24
  madd x0, x19, x1, x0
  lsl x0, x0, #48
  .insn FMOV (X to D) rn=0 vd=0
  mov x0, #0x401c
  lsl x0, x0, #48
  .insn FMOV (X to D) rn=0 vd=1
  add x27, x28, x19, lsl #4
  mov x20, #${TIMES & 0xffff}
  movk x20, #${TIMES >> 16}, lsl #16
  bl meet
again:
  .insn FDIV (scalar, D) vn=0 vm=1 vd=2
  .insn FMOV (D to X) vn=2 rd=1
  ldr x2, [x27]
  cbnz x2, compare
  str x1, [x27]
compare:
  ldr x2, [x27]
  cmp x1, x2
  b.eq same
  str x1, [x27, #8]
same:
  subs x20, x20, #1
  b.ne again
  b done` });
  expect([0, 1].map(cpu => [data.getFloat64(cpu * RESULTS, true), data.getBigUint64(cpu * RESULTS + 8, true)])).toEqual([[1 / 7, 0n], [5 / 7, 0n]]);
});

test('a VM that ended while its CPUs ran holds nobody up who wants them to stand still', async () => {
  const driven = new Driven({ kind: 'binary', image: () => assemble('again: b again') }, { cpus: 2 }), { vm } = driven;
  await driven.runUntil(() => vm.retired[0]! > 1e6);
  const log = vm.dirtyLog();
  vm.runSlice();
  await vm.end();
  log.end();
});
