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
  session.type('for n in $(seq 1 40); do yes "record $n" | head -c 65536 > /tmp/r; dd if=/tmp/r of=/dev/vda bs=64k seek=$n conv=fsync 2>/dev/null; md5sum < /tmp/r > /tmp/sum$n; echo "wrote $n."; done');
  for (const n of [5, 20, 21]) {
    await session.expect(`wrote ${n}.`);
    await session.vm.suspend(path);
    expect(await session.stopped).toEqual({ kind: 'suspended' });
    expect((await stat(path)).size).toBeLessThan(200 * 2 ** 20);
    session = new GuestSession({ ...launch, resumeFrom: path });
  }
  await session.expect('wrote 40.');
  expect(existsSync(path)).toBe(false);
  await session.expect('# ');
  const check = await session.run('echo 3 > /proc/sys/vm/drop_caches; for n in $(seq 1 40); do dd if=/dev/vda bs=64k skip=$n count=1 2>/dev/null | md5sum | cmp -s - /tmp/sum$n && echo kept $n; done');
  expect(check.match(/^kept \d+/gm)).toHaveLength(40);
  const last = await readFile(disk);
  expect(last.subarray(40 * 65536, 40 * 65536 + 10).toString()).toBe('record 40\n');
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
