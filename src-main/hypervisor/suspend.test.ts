/** Debian, suspended to a file in the middle of disk I/O and taken up again, as the engine does it. */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fetchGuests } from '../../scripts/fetch-guests.ts';
import { GuestSession } from './guest-session.ts';
import type { VmLaunch } from './vm-launch.ts';

const MINUTES = 60_000;
let folder: string, path: string, session: GuestSession | undefined;
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'quarterdeck-suspend-')); path = join(folder, 'vm.state'); });
afterEach(async () => { await session?.vm.terminate(); await rm(folder, { recursive: true }); });

test.each([1, 4])('a guest with %i CPUs goes on writing to its disk after each of many suspends, and nothing is lost', async cpus => {
  const guest = await fetchGuests('cloud'), disk = join(folder, 'disk.img');
  await writeFile(disk, '');
  await truncate(disk, 64 * 2 ** 20);
  const launch: Partial<VmLaunch> = { guest: { kind: 'linux', kernelPath: guest.kernel, initrdPath: guest.initrd, commandLine: 'console=ttyAMA0 quiet' }, cpus, disks: [{ path: disk, readOnly: false }] };
  session = new GuestSession(launch);
  await session.expect('# ');
  session.type('for n in $(seq 1 24); do yes "record $n" | head -c 65536 > /tmp/r; dd if=/tmp/r of=/dev/vda bs=64k seek=$n conv=fsync 2>/dev/null; md5sum < /tmp/r > /tmp/sum$n; echo "wrote $n."; done');
  for (const n of [5, 14, 15]) {
    await session.expect(`wrote ${n}.`);
    await session.vm.suspend(path);
    expect(await session.stopped).toEqual({ kind: 'suspended' });
    expect((await stat(path)).size).toBeLessThan(200 * 2 ** 20);
    session = new GuestSession({ ...launch, resumeFrom: path });
  }
  await session.expect('wrote 24.');
  expect(existsSync(path)).toBe(false);
  await session.expect('# ');
  const check = await session.run('echo 3 > /proc/sys/vm/drop_caches; for n in $(seq 1 24); do dd if=/dev/vda bs=64k skip=$n count=1 2>/dev/null | md5sum | cmp -s - /tmp/sum$n && echo kept $n; done');
  expect(check.match(/^kept \d+/gm)).toHaveLength(24);
  const last = await readFile(disk);
  expect(last.subarray(24 * 65536, 24 * 65536 + 10).toString()).toBe('record 24\n');
}, 5 * MINUTES);

test('a guest that is suspended while it takes a stream from another, onto its disk, goes on with the same connection', async () => {
  const guest = await fetchGuests('cloud'), disk = join(folder, 'disk.img'), records = 120;
  await writeFile(disk, '');
  await truncate(disk, 2 ** 24);
  const boot = async (name: string, more: Partial<VmLaunch> = {}) => {
    const launch: Partial<VmLaunch> = {
      name, guest: { kind: 'linux', kernelPath: guest.kernel, initrdPath: guest.initrd, commandLine: 'console=ttyAMA0 quiet' }, nics: [{ kind: 'switch', switch: 'suspend', connected: true }], ...more,
    };
    const booted = new GuestSession(launch);
    await booted.expect('# ');
    return { launch, booted };
  };
  const [{ booted: sender }, { launch, booted }] = await Promise.all([boot('sender'), boot('taker', { disks: [{ path: disk, readOnly: false, bus: 'nvme' }] })]);
  session = booted;
  try {
    await sender.run('ip addr add 10.1.0.1/24 dev eth0; ip link set eth0 up; head -c 8000000 /dev/urandom > /tmp/all');
    await session.run('ip addr add 10.1.0.2/24 dev eth0; ip link set eth0 up');
    session.type(`sleep 999 | nc -l -p 7000 | for n in $(seq 0 ${records - 1}); do dd bs=16k count=1 iflag=fullblock of=/dev/nvme0n1 seek=$n conv=fsync 2>/dev/null; done & until netstat -ltn | grep -q :7000; do sleep 0.1; done`);
    await session.expect('# ');
    const hash = /[0-9a-f]{32}/.exec(await sender.run(`dd if=/tmp/all bs=16k count=${records} 2>/dev/null | md5sum`))?.[0];
    sender.type(`for n in $(seq 0 ${records - 1}); do dd if=/tmp/all bs=16k skip=$n count=1 2>/dev/null; sleep 0.02; done | nc 10.1.0.2 7000; echo "se""nt"`);
    const written = (sectors: number) => session!.run(`until [ $(awk '{print $7}' /sys/block/nvme0n1/stat) -gt ${sectors} ]; do sleep 0.1; done`);
    for (const sectors of [600, 1800]) {
      await written(sectors);
      await session.vm.suspend(path);
      expect(await session.stopped).toEqual({ kind: 'suspended' });
      session = new GuestSession({ ...launch, resumeFrom: path });
    }
    await sender.expect('sent\r\n');
    await written(records * 32 - 1);
    expect(await session.run(`echo 3 > /proc/sys/vm/drop_caches; dd if=/dev/nvme0n1 bs=16k count=${records} 2>/dev/null | md5sum`)).toContain(hash);
  } finally { await sender.vm.terminate(); }
}, 5 * MINUTES);

test('a state that is damaged, or of another machine, is refused and stays; one that cannot be written leaves the guest running', async () => {
  session = new GuestSession({});
  await session.expect('> ');
  await expect(session.vm.suspend(join(folder, 'none', 'vm.state'))).rejects.toThrow(/could not be written to/);
  session.type('help');
  await session.expect('> ');
  await session.vm.suspend(path);
  const other = new GuestSession({ cpus: 2, resumeFrom: path });
  expect(await other.stopped).toMatchObject({ kind: 'failed', message: expect.stringMatching(/is of another machine: its CPUs are 1, and this one's 2\.$/) as string });
  const bytes = await readFile(path);
  bytes[bytes.length >> 1]! ^= 1;
  await writeFile(path, bytes);
  const damaged = new GuestSession({ resumeFrom: path });
  expect(await damaged.stopped).toMatchObject({ kind: 'failed', message: expect.stringMatching(/is damaged, and was not used\.$/) as string });
  expect(existsSync(path)).toBe(true);
}, MINUTES);
