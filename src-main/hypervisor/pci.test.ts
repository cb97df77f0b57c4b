/** Debian's real kernel with its disks on PCI Express. */
import { createHash, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fetchGuests } from '../../scripts/fetch-guests.ts';
import { RawImage } from '../storage/raw.ts';
import { Driven } from './driven-vm.ts';
import { GuestSession } from './guest-session.ts';
import type { BootImage, Vm } from './vm.ts';
import type { VmLaunch } from './vm-launch.ts';

const MINUTES = 60_000, MIB = 2 ** 20;
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

let folder: string, session: GuestSession | undefined;
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'quarterdeck-')); });
afterEach(async () => {
  await session?.vm.terminate();
  await rm(folder, { recursive: true });
});

async function boot(options: Partial<VmLaunch> = {}) {
  const guest = await fetchGuests('cloud'), path = join(folder, 'disk.img'), content = randomBytes(4 * MIB);
  await writeFile(path, content);
  session = new GuestSession({
    guest: { kind: 'linux', kernelPath: guest.kernel, initrdPath: guest.initrd, commandLine: 'console=ttyAMA0 quiet' }, disks: [{ path, readOnly: false }], ...options,
  });
  await session.expect('# ');
  return { guest: session, path, content };
}

test.each([{ cpus: 1, iommu: true }, { cpus: 1, iommu: false }, { cpus: 4, iommu: true }])('a disk on PCI is read and written, with $cpus CPUs, SMMU: $iommu', async options => {
  const { guest, path, content } = await boot(options);
  expect(await guest.run('ls /sys/bus/pci/devices | wc -l')).toBe('10');
  expect(await guest.run('ls /sys/kernel/iommu_groups | wc -l')).toBe(options.iommu ? '9' : '0');
  expect(await guest.run('sha256sum < /dev/vda')).toContain(sha256(content));
  const interrupts = await guest.run('grep virtio /proc/interrupts');
  expect(interrupts).toMatch(/ITS-(PCI-)?MSI/);
  await guest.run('dd if=/dev/zero of=/dev/vda bs=64k seek=16 count=16 conv=notrunc,fsync 2>/dev/null');
  content.fill(0, MIB, 2 * MIB);
  expect(sha256(await readFile(path))).toBe(sha256(content));
  expect(await guest.run('dmesg | grep -E "event 0x|CMD_SYNC|timed out"')).toBe('');
  guest.type('poweroff -f');
  expect(await guest.stopped).toEqual({ kind: 'poweredOff' });
}, 3 * MINUTES);

test('entropy, a console and the balloon work on PCI as well', async () => {
  const guest = await fetchGuests('cloud');
  const driven = new Driven({ kind: 'linux', kernel: () => readFileSync(guest.kernel), initrd: () => readFileSync(guest.initrd), commandLine: 'console=ttyAMA0 quiet' }, { virtioBus: 'pci', memoryMib: 256 });
  const run = async (command: string, expected: string) => {
    driven.vm.type(new TextEncoder().encode(`${command}\r`));
    await driven.runUntil(() => driven.printed.includes(expected));
  };
  try {
    await driven.runUntil(() => driven.printed.endsWith('# \x1b[6n'));
    await run('ls /sys/bus/pci/drivers/virtio-pci | grep -c 0000', '\r\n3\r\n');
    await run('cat /sys/class/misc/hw_random/rng_current; head -c 64 /dev/hwrng | wc -c', 'virtio_rng.0\r\n64\r\n');
    driven.vm.board.balloon.setTarget(64);
    await driven.runUntil(() => driven.vm.board.balloon.actualMib === 64);
    await run('echo to the console > /dev/hvc0', 'to the console\r\n');
  } finally { await driven.vm.end(); }
}, 3 * MINUTES);

test('Linux takes a disk that is plugged in while it runs, lets go of it, and takes it again', async () => {
  const { guest } = await boot(), path = join(folder, 'second.img'), content = randomBytes(MIB);
  const plug = async () => {
    await guest.vm.plugDisk(3, { path, readOnly: false });
    expect(await guest.run('until true 2>/dev/null < /dev/vdb; do sleep 0.1; done; sha256sum < /dev/vdb')).toContain(sha256(content));
  };
  await writeFile(path, content);
  await plug();
  await guest.vm.unplug(3);
  expect(await guest.run('ls /dev/vdb 2>/dev/null; ls /sys/bus/pci/devices | wc -l')).toBe('10');
  await plug();
}, 3 * MINUTES);

test('disks on PCI, one of them plugged in at run time, are moved again and again in the middle of requests', async () => {
  const guest = await fetchGuests('cloud'), content = randomBytes(MIB), paths = ['first.img', 'second.img'].map(name => join(folder, name));
  const image: BootImage = { kind: 'linux', kernel: () => readFileSync(guest.kernel), initrd: () => readFileSync(guest.initrd), commandLine: 'console=ttyAMA0 quiet' };
  for (const path of paths) await writeFile(path, content);
  const [first, second] = await Promise.all(paths.map(path => RawImage.open(path, { readOnly: false }))) as [RawImage, RawImage];
  const plug = (vm: Vm) => vm.board.plug(5, () => vm.board.diskFunction('second', 'virtio', second));
  let machine = new Driven(image, { disks: [{ medium: first, bus: 'virtio' }] });
  await machine.runUntil(() => /# (\x1b\[6n)?$/.test(machine.printed.slice(-8)));
  plug(machine.vm);
  const command = 'until true 2>/dev/null < /dev/vdb; do sleep 0.1; done; for n in 1 2 3; do for d in a b; do dd if=/dev/vd$d bs=16k iflag=direct 2>/dev/null | sha256sum; done; done; poweroff -f\r';
  machine.vm.board.type(new TextEncoder().encode(command));
  const hash = sha256(content), hashes = () => machine.printed.split(hash).length - 1;
  for (let moves = 1; moves <= 5; moves++) {
    await machine.runUntil(() => hashes() >= moves || machine.vm.powerRequest !== 'none');
    const until = machine.vm.retired[0]! + 500_000;
    await machine.runUntil(() => machine.vm.retired[0]! >= until);
    machine = await machine.moveTo(image, { disks: [{ medium: first, bus: 'virtio' }] }, plug);
  }
  await machine.runUntil(() => machine.vm.powerRequest !== 'none');
  expect(hashes()).toBe(6);
  await machine.vm.end();
  for (const disk of [first, second]) await disk.close();
}, 3 * MINUTES);
