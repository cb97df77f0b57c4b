import { expect, test } from 'vitest';
import { assemble } from '../cpu/asm/assembler.ts';
import * as L from '../cpu/layout.ts';
import { Driven } from './driven-vm.ts';

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
