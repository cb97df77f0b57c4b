/** Debian's real kernels, unmodified, in VMs as the engine starts them. */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeAll, expect, test } from 'vitest';
import { SMP_MODES } from '../../shared/model/vm.ts';
import { fetchGuests, type Guest } from '../../scripts/fetch-guests.ts';
import { GuestSession } from './guest-session.ts';

const MINUTES = 60_000;
let cloud: Guest, generic: Guest;
let session: GuestSession | undefined;

beforeAll(async () => {
  cloud = await fetchGuests('cloud');
  generic = await fetchGuests('generic');
}, 10 * MINUTES);
afterEach(() => session?.vm.terminate());

const linux = (guest: Guest) => ({ guest: { kind: 'linux', kernelPath: guest.kernel, initrdPath: guest.initrd, commandLine: 'console=ttyAMA0 quiet' } } as const);

test('Debian boots to a shell, computes a right hash of 64 MiB, and powers off', async () => {
  session = new GuestSession({ ...linux(cloud), memoryMib: 512 });
  await session.expect('# ');
  expect(await session.run('uname -m')).toBe('aarch64');
  expect(await session.run('dd if=/dev/zero bs=1M count=64 2>/dev/null | sha256sum')).toContain(createHash('sha256').update(Buffer.alloc(2 ** 26)).digest('hex'));
  session.type('poweroff -f');
  expect(await session.stopped).toEqual({ kind: 'poweredOff' });
}, 3 * MINUTES);

test.each(SMP_MODES)('Linux brings up four %s CPUs and all of them work', async smpMode => {
  session = new GuestSession({ ...linux(cloud), cpus: 4, smpMode });
  await session.expect('# ');
  expect(await session.run('grep -c ^processor /proc/cpuinfo')).toBe('4');
  const hashes = await session.run('for i in 0 1 2 3; do (dd if=/dev/zero bs=64k count=32 2>/dev/null | md5sum) & done; wait');
  expect(hashes.match(/b2d1236c286a3c0704224fe4105eca49/g)).toHaveLength(4);
  // Processes come and go on every CPU, so that translations do as well.
  const counted = await session.run('for i in 0 1 2 3; do (n=0; while [ $n -lt 40 ]; do n=$(expr $n + 1); done; echo counted $n) & done; wait');
  expect(counted.match(/counted 40/g)).toHaveLength(4);
  session.type('poweroff -f');
  expect(await session.stopped).toEqual({ kind: 'poweredOff' });
}, 3 * MINUTES);

test('Linux takes CPUs that are added while it runs, computes on them, and gives them back', async () => {
  session = new GuestSession({ ...linux(cloud), cpus: 1, maxCpus: 3 });
  await session.expect('# ');
  const online = (cpu: number, on: 0 | 1) => session!.run(`echo ${on} 2>&1 > /sys/devices/system/cpu/cpu${cpu}/online; echo $?`), inUse = () => session!.run('cat /sys/devices/system/cpu/online');
  expect(await inUse()).toBe('0');
  expect(await online(1, 1)).toMatch(/1$/);
  await session.vm.setCpus(3);
  expect([await online(1, 1), await online(2, 1), await inUse()]).toEqual(['0', '0', '0-2']);
  const hashes = await session.run('for i in 1 2; do (dd if=/dev/zero bs=64k count=32 2>/dev/null | md5sum) & done; wait');
  expect(hashes.match(/b2d1236c286a3c0704224fe4105eca49/g)).toHaveLength(2);
  await expect(session.vm.setCpus(2)).rejects.toThrow('The guest uses CPU 2; take it offline there first.');
  expect(await online(2, 0)).toBe('0');
  await session.vm.setCpus(2);
  expect(await online(2, 1)).toMatch(/1$/);
  expect(await inUse()).toBe('0-1');
  await expect(session.vm.setCpus(4)).rejects.toThrow('The VM was turned on to have at most 3 CPUs.');
}, 3 * MINUTES);

test('what Linux writes to a virtio disk and flushes is in the image', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'quarterdeck-')), path = join(folder, 'disk.img');
  try {
    await writeFile(path, '');
    await truncate(path, 8 * 2 ** 20);
    session = new GuestSession({ ...linux(cloud), disks: [{ path, readOnly: false }] });
    await session.expect('# ');
    expect(await session.run('cat /sys/block/vda/size')).toBe('16384');
    await session.run('echo quarterdeck | dd of=/dev/vda bs=512 seek=100 conv=fsync 2>/dev/null');
    expect((await readFile(path)).subarray(51_200, 51_211).toString()).toBe('quarterdeck');
    session.type('poweroff -f');
    expect(await session.stopped).toEqual({ kind: 'poweredOff' });
  } finally {
    await rm(folder, { recursive: true });
  }
}, 3 * MINUTES);

test('a virtio console prints to the same console and hears what is typed', async () => {
  session = new GuestSession(linux(cloud));
  await session.expect('# ');
  session.type('echo "by way of vir""tio" > /dev/hvc0; sh -i < /dev/hvc0 > /dev/hvc0 2>&1');
  await session.expect('by way of virtio');
  await session.expect('# ');
  expect(await session.run('tty')).toBe('/dev/hvc0');
}, 3 * MINUTES);

test('Linux obeys the power button', async () => {
  session = new GuestSession(linux(generic));
  await session.expect('# ');
  session.vm.powerButton();
  expect(await session.stopped).toEqual({ kind: 'poweredOff' });
}, 3 * MINUTES);
