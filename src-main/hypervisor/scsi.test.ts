/** Debian's real kernel with a SCSI disk and a CD drive, whose medium it ejects and gets another. */
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { DiskSpec } from '../../shared/model/vm.ts';
import { fetchGuests } from '../../scripts/fetch-guests.ts';
import { GuestSession } from './guest-session.ts';
import type { VmLaunch } from './vm-launch.ts';

const MINUTES = 60_000, MIB = 2 ** 20;
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const run = promisify(execFile);

let folder: string, session: GuestSession | undefined;
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'quarterdeck-scsi-')); });
afterEach(async () => { await session?.vm.terminate(); await rm(folder, { recursive: true }); });

/** Opens the tray of the first drive, or closes it when it has an argument: busybox has nothing for that. */
const TRAY = `
  #include <fcntl.h>
  #include <linux/cdrom.h>
  #include <sys/ioctl.h>
  int main(int count) { return ioctl(open("/dev/sr0", O_RDONLY | O_NONBLOCK), count > 1 ? CDROMCLOSETRAY : CDROMEJECT, 0) != 0; }
`;

/** An ISO 9660 image with a file, and a program. */
async function iso(name: string, content: Uint8Array): Promise<string> {
  const tree = join(folder, name), path = `${tree}.iso`, source = `${tree}.c`;
  await mkdir(tree);
  await writeFile(join(tree, 'file'), content);
  await writeFile(source, TRAY);
  await run('aarch64-linux-gnu-gcc', ['-Os', '-static', source, '-o', join(tree, 'tray')]);
  await run('xorriso', ['-as', 'mkisofs', '-quiet', '-R', '-V', name, '-o', path, tree]);
  return path;
}

const launchOf = async (disks: readonly DiskSpec[]): Promise<Partial<VmLaunch>> => {
  const guest = await fetchGuests('cloud');
  return { guest: { kind: 'linux', kernelPath: guest.kernel, initrdPath: guest.initrd, commandLine: 'console=ttyAMA0 quiet' }, cpus: 2, disks };
};
const image = async (name: string, content: Uint8Array): Promise<string> => {
  await writeFile(join(folder, name), content);
  return join(folder, name);
};
const ask = (command: string) => session!.run(command);
const problems = () => ask('dmesg | grep -iE "I/O error|abort|timed out"');

test('a disk is read and written, a CD is mounted, ejected by the guest, and changed from outside', async () => {
  const content = randomBytes(4 * MIB), [first, second] = [randomBytes(MIB), randomBytes(MIB / 2)], path = await image('disk.img', content);
  const images = [await iso('first', first), await iso('second', second)] as const;
  session = new GuestSession(await launchOf([{ path, readOnly: false, bus: 'scsi' }, { path: images[0], readOnly: true, cdrom: true }, { path: '', readOnly: true, cdrom: true }]));
  const { vm } = session;
  await session.expect('# ');
  await ask('until [ -b /dev/sr1 ]; do sleep 0.1; done; mkdir -p /mnt');
  expect(await ask('sha256sum < /dev/sda')).toContain(sha256(content));
  await ask('dd if=/dev/zero of=/dev/sda bs=64k seek=16 count=16 conv=notrunc,fsync 2>/dev/null');
  content.fill(0, MIB, 2 * MIB);
  expect(sha256(await readFile(path))).toBe(sha256(content));
  expect(await ask('cat /sys/block/sda/queue/write_cache')).toBe('write back');
  expect(await ask('blkdiscard -o 65536 -l 65536 /dev/sda && echo freed')).toBe('freed');
  const sumIn = (drive: number) => ask(`mount -o ro -t iso9660 /dev/sr${drive} /mnt && sha256sum /mnt/file; cp /mnt/tray /bin; umount /mnt`), isEmpty = () => ask('dd if=/dev/sr0 2>&1 | tail -n1');
  expect(await sumIn(0)).toContain(sha256(first));
  expect(await ask('echo 0 > /proc/sys/dev/cdrom/autoclose; tray && echo opened')).toBe('opened');
  expect(await isEmpty()).toMatch(/No medium/);
  expect(await ask('tray close && echo closed')).toBe('closed');
  expect(await sumIn(0)).toContain(sha256(first));
  await vm.changeMedium(0, images[1]);
  expect(await sumIn(0)).toContain(sha256(second));
  await vm.changeMedium(0, undefined);
  expect(await isEmpty()).toMatch(/No medium/);
  await vm.changeMedium(1, images[0]);
  expect(await sumIn(1)).toContain(sha256(first));
  await expect(vm.changeMedium(2, images[0])).rejects.toThrow('There is no CD drive 2; the VM has 2.');
  await expect(vm.changeMedium(1, join(folder, 'none.iso'))).rejects.toThrow(/cannot be opened/);
  expect(await problems()).toBe('');
  session.type('poweroff -f');
  expect(await session.stopped).toEqual({ kind: 'poweredOff' });
}, 3 * MINUTES);

test('a VM is suspended while it writes to a SCSI disk with a CD mounted; a SCSI disk is plugged in and gets a layer', async () => {
  const first = randomBytes(MIB), other = randomBytes(MIB), state = join(folder, 'vm.state'), layer = join(folder, 'layer.qcow2'), path = await image('disk.img', new Uint8Array(4 * MIB)), plugged = await image('plugged.img', other);
  const launch = await launchOf([{ path, readOnly: false, bus: 'scsi' }, { path: await iso('first', first), readOnly: true, cdrom: true }]);
  session = new GuestSession(launch);
  await session.expect('# ');
  await ask('until [ -b /dev/sr0 ]; do sleep 0.1; done; mkdir -p /mnt; mount -o ro -t iso9660 /dev/sr0 /mnt');
  session.type('for k in $(seq 1 8); do yes $k | head -c 131072 | dd of=/dev/sda bs=128k seek=$k conv=fsync 2>/dev/null; echo "wrote" $k; done');
  await session.expect('wrote 2');
  await session.vm.suspend(state);
  expect(await session.stopped).toEqual({ kind: 'suspended' });
  session = new GuestSession({ ...launch, resumeFrom: state });
  await session.expect('wrote 8');
  await session.expect('# ');
  await session.vm.plugDisk(1, { path: plugged, readOnly: false, bus: 'scsi' });
  expect(await ask('until true 2>/dev/null < /dev/sdb; do sleep 0.1; done; sha256sum < /dev/sdb')).toContain(sha256(other));
  await expect(session.vm.plugDisk(2, { path: '', readOnly: true, cdrom: true })).rejects.toThrow('A CD drive cannot be plugged in; a VM has those that it was turned on with.');
  await session.vm.snapshot({ layers: [undefined, undefined, layer] }, () => Promise.resolve());
  await ask('dd if=/dev/zero of=/dev/sdb bs=64k count=1 conv=fsync 2>/dev/null; echo 3 > /proc/sys/vm/drop_caches');
  expect(sha256(await readFile(plugged))).toBe(sha256(other));
  expect(await ask('sha256sum < /dev/sdb')).toContain(sha256(Buffer.from(other).fill(0, 0, 0x10000)));
  expect(await ask('sha256sum /mnt/file')).toContain(sha256(first));
  const written = Array.from({ length: 9 }, (_, k) => (k === 0 ? Buffer.alloc(0x20000) : Buffer.from(`${k}\n`.repeat(0x10000))));
  expect(sha256((await readFile(path)).subarray(0, 9 * 0x20000))).toBe(sha256(Buffer.concat(written)));
  await session.vm.unplug(1);
  expect(await ask('ls /dev/sdb 2>/dev/null')).toBe('');
  expect(await problems()).toBe('');
}, 3 * MINUTES);
