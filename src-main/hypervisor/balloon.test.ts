/** Debian's real kernel with a balloon: it gives memory up, tells of it, goes on somewhere else, and takes it back. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fetchGuests } from '../../scripts/fetch-guests.ts';
import { GuestSession } from './guest-session.ts';
import type { VmLaunch } from './vm-launch.ts';

const MINUTES = 60_000, MIB = 2 ** 20;
let folder: string, session: GuestSession | undefined;
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'quarterdeck-balloon-')); });
afterEach(async () => { await session?.vm.terminate(); await rm(folder, { recursive: true }); });

const free = async () => Number(await session!.run('awk "/MemFree/ {print \\$2}" /proc/meminfo')) / 1024;
const settled = async (mib: number) => {
  while ((await session!.vm.stats()).balloonMib !== mib) await session!.run('sleep 0.1');
  return free();
};

test('memory is given up and taken back, by wish and when the guest needs it', async () => {
  const guest = await fetchGuests('cloud'), path = join(folder, 'vm.state');
  const launch: Partial<VmLaunch> = { guest: { kind: 'linux', kernelPath: guest.kernel, initrdPath: guest.initrd, commandLine: 'console=ttyAMA0 quiet' }, memoryMib: 256, cpus: 2 };
  session = new GuestSession(launch);
  await session.expect('# ');
  const before = await free();
  await session.vm.setBalloon(96);
  const inflated = await settled(96);
  expect([before - inflated > 80, before - inflated < 112]).toEqual([true, true]);
  // The guest tells its figures when it is asked, which shows in a later answer.
  let stats = await session.vm.stats();
  while (Math.abs((stats.guestMemory?.freeBytes ?? 0) / MIB - inflated) >= 32) stats = await session.vm.stats();
  expect([stats.balloonTargetMib, stats.guestMemory!.totalBytes > 128 * MIB, Math.abs(stats.guestMemory!.freeBytes / MIB - inflated) < 32]).toEqual([96, true, true]);
  await session.vm.suspend(path);
  expect(await session.stopped).toEqual({ kind: 'suspended' });
  session = new GuestSession({ ...launch, resumeFrom: path });
  expect(Math.abs(await settled(96) - inflated) < 16).toBe(true);
  await session.vm.setBalloon(32);
  expect(await settled(32) - inflated > 48).toBe(true);
  await session.vm.setBalloon(150);
  await settled(150);
  expect(await session.run('dd if=/dev/zero of=/dev/null bs=64M count=1')).toContain('1+0 records out');
  expect((await session.vm.stats()).balloonMib).toBeLessThan(150);
  await expect(session.vm.setBalloon(256)).rejects.toThrow('The balloon has to be smaller than the VM\'s memory of 256 MiB.');
  await session.vm.setBalloon(0);
  expect(Math.abs(await settled(0) - before) < 16).toBe(true);
}, 3 * MINUTES);
