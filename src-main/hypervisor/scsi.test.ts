/** Debian's real kernel with a SCSI disk and a CD drive, whose medium it ejects and gets another. */
import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fetchGuests } from '../../scripts/fetch-guests.ts';
import { GuestSession } from './guest-session.ts';

const MINUTES = 60_000, MIB = 2 ** 20;
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');
const run = promisify(execFile);

let folder: string, session: GuestSession | undefined;
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'quarterdeck-scsi-')); });
afterEach(async () => { await session?.vm.terminate(); await rm(folder, { recursive: true }); });

/** An ISO 9660 image with one file. */
async function iso(name: string, content: Uint8Array): Promise<string> {
  const tree = join(folder, name), path = `${tree}.iso`;
  await mkdir(tree);
  await writeFile(join(tree, 'file'), content);
  await run('xorriso', ['-as', 'mkisofs', '-quiet', '-R', '-V', name, '-o', path, tree]);
  return path;
}

test('a disk is read and written, a CD is mounted, ejected by the guest, and changed from outside', async () => {
  const guest = await fetchGuests('cloud'), path = join(folder, 'disk.img'), content = randomBytes(4 * MIB), [first, second] = [randomBytes(MIB), randomBytes(MIB / 2)];
  await writeFile(path, content);
  const images = [await iso('first', first), await iso('second', second)] as const;
  session = new GuestSession({
    guest: { kind: 'linux', kernelPath: guest.kernel, initrdPath: guest.initrd, commandLine: 'console=ttyAMA0 quiet' }, cpus: 2,
    disks: [{ path, readOnly: false, bus: 'scsi' }, { path: images[0], readOnly: true, cdrom: true }, { path: '', readOnly: true, cdrom: true }],
  });
  const { vm } = session, ask = (command: string) => session!.run(command);
  await session.expect('# ');
  await ask('until [ -b /dev/sr1 ]; do sleep 0.1; done; mkdir -p /mnt');
  expect(await ask('sha256sum < /dev/sda')).toContain(sha256(content));
  await ask('dd if=/dev/zero of=/dev/sda bs=64k seek=16 count=16 conv=notrunc,fsync 2>/dev/null');
  content.fill(0, MIB, 2 * MIB);
  expect(sha256(await readFile(path))).toBe(sha256(content));
  expect(await ask('cat /sys/block/sda/queue/write_cache; blkdiscard -o 65536 -l 65536 /dev/sda && echo freed')).toBe('write back\r\nfreed');
  expect(await ask('mount -t iso9660 -o ro /dev/sr0 /mnt && sha256sum < /mnt/file')).toContain(sha256(first));
  expect(await ask('umount /mnt; eject /dev/sr0; dd if=/dev/sr0 2>&1 | tail -n1')).toMatch(/No medium/);
  expect(await ask('eject -t /dev/sr0; mount -o ro -t iso9660 /dev/sr0 /mnt && sha256sum < /mnt/file; umount /mnt')).toContain(sha256(first));
  await vm.changeMedium(0, images[1]);
  expect(await ask('mount -o ro -t iso9660 /dev/sr0 /mnt && sha256sum < /mnt/file; umount /mnt')).toContain(sha256(second));
  await vm.changeMedium(0, undefined);
  expect(await ask('dd if=/dev/sr0 2>&1 | tail -n1')).toMatch(/No medium/);
  await vm.changeMedium(1, images[0]);
  expect(await ask('mount -o ro -t iso9660 /dev/sr1 /mnt && sha256sum < /mnt/file')).toContain(sha256(first));
  await expect(vm.changeMedium(2, images[0])).rejects.toThrow('There is no CD drive 2; the VM has 2.');
  await expect(vm.changeMedium(1, join(folder, 'none.iso'))).rejects.toThrow(/cannot be opened/);
  expect(await ask('dmesg | grep -iE "I/O error|reset|abort|timed out"')).toBe('');
  session.type('poweroff -f');
  expect(await session.stopped).toEqual({ kind: 'poweredOff' });
}, 3 * MINUTES);
