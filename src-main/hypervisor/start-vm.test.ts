import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { NO_BOOTS, USUAL_WATCHDOG } from '../../shared/model/boot-watchdog.ts';
import { USUAL_TIME, type GuestTimeStats } from '../../shared/model/guest-time.ts';
import { SMP_MODES } from '../../shared/model/vm.ts';
import { assemble } from '../cpu/asm/assembler.ts';
import { CpuGate } from './cpu-gate.ts';
import { GuestSession } from './guest-session.ts';

test('a guest that waits behind an expired timer that nobody listens to is idle, and its VM still answers', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'quarterdeck-')), imagePath = join(folder, 'wait.bin');
  await writeFile(imagePath, assemble('mov x0, #1\n msr cntv_cval_el0, xzr\n msr cntv_ctl_el0, x0\nagain: wfi\n b again', 0x4008_0000));
  const session = new GuestSession({ guest: { kind: 'binary', imagePath } });
  try {
    let stats = await session.vm.stats();
    while ((stats.exits.wfi ?? 0) === 0) stats = await session.vm.stats();
    expect((await session.vm.stats()).exits.wfi).toBe(1);
  } finally {
    await session.vm.terminate();
    await rm(folder, { recursive: true });
  }
});

/** CPU 0 turns CPU 1 on and says so once CPU 1 has answered; then both are busy for ever. */
const BUSY_PAIR = `
  mov x0, #0xc4000003
  mov x1, #1
  adr x2, other
  hvc #0
  mov x3, #0x40200000
answered:
  ldar w4, [x3]
  cbz w4, answered
  mov x3, #0x09000000
  mov w4, #0x41
  str w4, [x3]
for_ever:
  b for_ever
other:
  mov x3, #0x40200000
  mov w4, #1
  stlr w4, [x3]
  b for_ever`;

test.each(SMP_MODES)('two busy %s CPUs can be reset again and again, and the VM answers meanwhile', async smpMode => {
  const folder = await mkdtemp(join(tmpdir(), 'quarterdeck-')), imagePath = join(folder, 'busy.bin');
  await writeFile(imagePath, assemble(BUSY_PAIR, 0x4008_0000));
  const session = new GuestSession({ guest: { kind: 'binary', imagePath }, cpus: 2, smpMode });
  try {
    for (let resets = 0; resets < 4; resets++) {
      await session.expect('A');
      expect((await session.vm.stats()).exits.hvc).toBe(resets + 1);
      session.vm.reset();
    }
  } finally {
    await session.vm.terminate();
    await rm(folder, { recursive: true });
  }
});

test.each(SMP_MODES)('%s CPUs of a guest that resets itself and says nothing start again, though nobody wakes them', async smpMode => {
  const folder = await mkdtemp(join(tmpdir(), 'quarterdeck-')), imagePath = join(folder, 'reset.bin');
  await writeFile(imagePath, assemble('mov x0, #0x84000000\n add x0, x0, #9\n hvc #0', 0x4008_0000));
  const session = new GuestSession({ guest: { kind: 'binary', imagePath }, cpus: 2, smpMode });
  try {
    while (session.resets < 5) await new Promise(resolve => { setImmediate(resolve); });
  } finally {
    await session.vm.terminate();
    await rm(folder, { recursive: true });
  }
});

test('what changes the machine waits while it is being saved; what only looks does not', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'quarterdeck-')), session = new GuestSession({}), { vm } = session;
  try {
    await session.expect('> ');
    let balloon: Promise<void> | undefined;
    await vm.snapshot({ statePath: join(folder, 'vm.state'), layers: [] }, async () => {
      session.type('help');
      balloon = vm.setBalloon(16);
      expect((await vm.stats()).balloonTargetMib).toBe(0);
    });
    await balloon;
    expect((await vm.stats()).balloonTargetMib).toBe(16);
    await session.expect('power off');
  } finally {
    await vm.terminate();
    await rm(folder, { recursive: true });
  }
});

test('guest time stands still while the host has no CPU for its VM, and catches up when it has', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'starved-')), imagePath = join(folder, 'loop.bin'), gate = new CpuGate();
  await writeFile(imagePath, assemble('again: b again', 0x4008_0000));
  gate.allow(20e6);
  const { vm } = new GuestSession({ guest: { kind: 'binary', imagePath }, cpuGate: gate.buffer, time: { ...USUAL_TIME, afterStop: 'catchUp' } });
  const becomes = async (what: (time: GuestTimeStats) => boolean) => { for (;;) { const { time } = await vm.stats(); if (what(time)) return time; } };
  try {
    // Without a clock that stands still it would be as far as the host's.
    await becomes(({ guestNs, hostNs }) => hostNs - guestNs > 0.3e9);
    gate.open();
    await becomes(({ factor, owedNs }) => factor > 1 && owedNs > 0.1e9);
    const { guestNs, hostNs, traps } = await becomes(({ factor }) => factor === 1);
    expect([Math.abs(hostNs - guestNs) < 1e6, traps]).toEqual([true, 0]);
  } finally {
    await vm.terminate();
    await rm(folder, { recursive: true });
  }
}, 60_000);

test('a VM whose vCPUs are threads is reset by its watchdog, and its good bank boots', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'quarterdeck-')), imagePath = join(folder, 'busy.bin'), bank = { id: 'good', name: 'Good', guest: { kind: 'diagnostics' } } as const;
  await writeFile(imagePath, assemble(BUSY_PAIR, 0x4008_0000));
  const session = new GuestSession({ cpus: 2, guest: { kind: 'binary', imagePath }, bootWatchdog: { ...USUAL_WATCHDOG, mode: 'boot', timeoutS: 1, failures: 1, banks: [bank] }, boots: { ...NO_BOOTS, good: ['good'] } });
  try {
    await session.expect('A');
    await session.expect('> ');
    expect(session.resets).toBeGreaterThan(0);
  } finally {
    await session.vm.terminate();
    await rm(folder, { recursive: true });
  }
}, 60_000);
