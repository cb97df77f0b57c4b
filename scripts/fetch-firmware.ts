/** Fetches Debian's EDK2 and GRUB for arm64 into the cache, and makes disks from which they boot. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { EngineError, messageOf } from '../shared/base/errors.ts';
import { Apt } from './apt.ts';
import { cacheFolder, type Guest } from './fetch-guests.ts';

const run = promisify(execFile);

/** To be raised with every change to what is fetched. */
const FORMAT = 1;
/** Room for a kernel and an initrd; FAT32 begins at 33 MiB. */
const BOOT_DISK_BYTES = 96 * 2 ** 20;

/** `edk2` is a volume for flash, `grub` an EFI application. */
export interface FirmwareFiles { readonly edk2: string; readonly grub: string }

export async function fetchFirmware(): Promise<FirmwareFiles> {
  const folder = join(cacheFolder(), 'guests', `firmware-${FORMAT}`), files = { edk2: join(folder, 'QEMU_EFI.fd'), grub: join(folder, 'grubaa64.efi') };
  if (existsSync(files.edk2) && existsSync(files.grub)) return files;
  try { await fetchInto(folder); } catch (error) { throw new EngineError('no-firmware', `Debian's EDK2 and GRUB could not be fetched through apt: ${messageOf(error)}`); }
  return files;
}

/** The folder appears complete or not at all, whoever else fetches at the same time. */
async function fetchInto(folder: string): Promise<void> {
  const work = `${folder}.${process.pid}`, root = join(work, 'root'), out = join(work, 'out');
  await mkdir(out, { recursive: true });
  try {
    for (const archive of await (await Apt.in(join(work, 'apt'))).download('qemu-efi-aarch64', 'grub-efi-arm64-bin')) await run('dpkg-deb', ['-x', archive, root]);
    await rename(join(root, 'usr/share/qemu-efi-aarch64/QEMU_EFI.fd'), join(out, 'QEMU_EFI.fd'));
    await rename(join(root, 'usr/lib/grub/arm64-efi/monolithic/grubaa64.efi'), join(out, 'grubaa64.efi'));
    await rename(out, folder).catch((error: unknown) => { if (!existsSync(folder)) throw error; });
  } finally { await rm(work, { recursive: true, force: true }); }
}

/** A raw disk with one FAT file system: firmware finds GRUB on it, GRUB its configuration, and that the kernel. */
export async function makeBootDisk(path: string, { grub }: FirmwareFiles, { kernel, initrd }: Guest, commandLine: string): Promise<void> {
  const config = `${path}.cfg`;
  await writeFile(config, `set timeout=0\nmenuentry Linux {\n  linux /Image ${commandLine}\n  initrd /initrd.gz\n}\n`);
  await writeFile(path, '');
  await truncate(path, BOOT_DISK_BYTES);
  await run('mformat', ['-i', path, '-F', '::']);
  await run('mmd', ['-i', path, '::/EFI', '::/EFI/BOOT', '::/EFI/debian']);
  for (const [from, to] of [[grub, 'EFI/BOOT/BOOTAA64.EFI'], [config, 'EFI/debian/grub.cfg'], [kernel, 'Image'], [initrd, 'initrd.gz']] as const) await run('mcopy', ['-i', path, from, `::/${to}`]);
  await rm(config);
}

if (import.meta.main) console.log(Object.values(await fetchFirmware()).join('\n'));
