/** Debian's real kernel with two NVMe namespaces that it uses at the same time, suspended in the middle of it. */
import { mkdtemp, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fetchGuests } from '../../scripts/fetch-guests.ts';
import { GuestSession } from './guest-session.ts';
import type { VmLaunch } from './vm-launch.ts';

const MINUTES = 60_000, MIB = 2 ** 20;
let folder: string, session: GuestSession | undefined;
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'quarterdeck-nvme-')); });
afterEach(async () => { await session?.vm.terminate(); await rm(folder, { recursive: true }); });

/** Writes records to one namespace and keeps their sums. */
const writer = (n: number) => `(for k in $(seq 1 8); do yes "disk ${n} record $k" | head -c 131072 > /tmp/r${n}; dd if=/tmp/r${n} of=/dev/nvme0n${n} bs=128k seek=$k conv=fsync 2>/dev/null; md5sum < /tmp/r${n} > /tmp/sum${n}-$k; echo "disk ${n} wrote $k."; done)`;
const check = (n: number) => `for k in $(seq 1 8); do dd if=/dev/nvme0n${n} bs=128k skip=$k count=1 iflag=direct 2>/dev/null | md5sum | cmp -s - /tmp/sum${n}-$k && echo kept; done | wc -l`;

test('two namespaces are written at the same time on 4 CPUs, through a suspend, and nothing is lost', async () => {
  const guest = await fetchGuests('cloud'), path = join(folder, 'vm.state'), disks = ['first.img', 'second.img'].map(name => ({ path: join(folder, name), readOnly: false, bus: 'nvme' as const }));
  for (const disk of disks) { await writeFile(disk.path, ''); await truncate(disk.path, 8 * MIB); }
  const launch: Partial<VmLaunch> = { guest: { kind: 'linux', kernelPath: guest.kernel, initrdPath: guest.initrd, commandLine: 'console=ttyAMA0 quiet' }, cpus: 4, iommu: true, disks };
  session = new GuestSession(launch);
  await session.expect('# ');
  expect(await session.run('grep -c nvme0q /proc/interrupts; cat /sys/block/nvme0n?/size')).toMatch(/^5\r\n16384\r\n16384$/);
  session.type(`${writer(1)} & ${writer(2)} & wait; echo "all ""written"`);
  await session.expect('wrote 3.');
  await session.vm.suspend(path);
  expect(await session.stopped).toEqual({ kind: 'suspended' });
  session = new GuestSession({ ...launch, resumeFrom: path });
  await session.expect('all written');
  await session.expect('# ');
  expect(await session.run(`${check(1)}; ${check(2)}`)).toMatch(/\n8\r\n8$/);
  expect(await session.run('blkdiscard -o 262144 -l 262144 /dev/nvme0n2 && echo freed')).toBe('freed');
  expect(await session.run('dmesg | grep -iE "nvme.*(timeout|error|abort)"')).toBe('');
  session.type('poweroff -f');
  expect(await session.stopped).toEqual({ kind: 'poweredOff' });
  expect((await stat(disks[0]!.path)).size).toBe(8 * MIB);
}, 3 * MINUTES);
