/** Fetches Debian's arm64 kernels and busybox into a cache outside git, and builds an initrd for each, with a shell or to boot a disk. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { EngineError, messageOf } from '../shared/base/errors.ts';
import { Apt, BACKPORTS, SUITE } from './apt.ts';
import { cpio, directory, file, link } from './cpio.ts';

const run = promisify(execFile);

/** `archive` is the kernel's package, for its modules. */
export interface Guest { readonly kernel: string; readonly initrd: string; readonly archive: string }

const MODULES = [
  'virtio_ring', 'virtio', 'virtio_mmio', 'virtio_pci_legacy_dev', 'virtio_pci_modern_dev', 'virtio_pci', 'virtio_blk', 'virtio-rng', 'virtio_console', 'failover', 'net_failover', 'virtio_net', 'evdev', 'gpio_keys',
  'crc16', 'crc32c_generic', 'libcrc32c', 'mbcache', 'jbd2', 'ext4',
  'crc64', 'crc64-rocksoft', 'crct10dif_common', 'crc-t10dif', 't10-pi', 'scsi_common', 'scsi_mod', 'cdrom', 'sd_mod', 'sr_mod', 'virtio_scsi', 'isofs', 'virtio_balloon',
  'drm', 'drm_kms_helper', 'drm_shmem_helper', 'virtio_dma_buf', 'virtio-gpu', 'virtio_input', 'watchdog', 'sbsa_gwdt', 'efivarfs',
] as const;
/** `cloud` is small and boots fast; `generic` also has a driver for the board's power button. */
const KERNELS = {
  'cloud': { metapackage: 'linux-image-cloud-arm64', suite: SUITE },
  'generic': { metapackage: 'linux-image-arm64', suite: SUITE },
  'cloud-6.12': { metapackage: 'linux-image-cloud-arm64', suite: BACKPORTS },
  'generic-6.12': { metapackage: 'linux-image-arm64', suite: BACKPORTS },
} as const;
export type KernelFlavour = keyof typeof KERNELS;

/** To be raised with every change to what the initrd holds. */
const INITRD_FORMAT = 12;

const INIT = `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin HOME=/ TERM=vt100
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for module in $(cat /modules/order); do insmod /modules/$module.ko; done
for word in $(cat /proc/cmdline); do case $word in root=*|init=*) export "$word";; esac; done
if [ -n "$root" ]; then
  mount -t ext4 -o ro "$root" /root && exec switch_root /root "\${init:-/sbin/init}"
  echo "The root file system $root could not be mounted."
fi
[ -e /modules/gpio_keys.ko ] && acpid
ip link set lo up
setsid cttyhack sh
poweroff -f
`;

/** What udhcpc does with a lease. */
const DHCP_SCRIPT = `#!/bin/sh
[ "$1" = deconfig ] && ip link set $interface up
[ "$1" = bound ] || [ "$1" = renew ] || exit 0
ip addr flush dev $interface scope global
ip addr add $ip/$mask dev $interface
[ -n "$router" ] && ip route replace default via $router
for server in $dns; do echo nameserver $server; done > /etc/resolv.conf
`;

export const cacheFolder = (): string => process.env.QUARTERDECK_CACHE ?? join(import.meta.dirname, '../.cache');

/** The Debian guest, from the cache when it is there. */
export async function fetchGuests(flavour: KernelFlavour = 'cloud'): Promise<Guest> {
  const folder = join(cacheFolder(), 'guests', `debian-${flavour}-${INITRD_FORMAT}`);
  const guest = { kernel: join(folder, 'Image'), initrd: join(folder, 'initrd.gz'), archive: join(folder, 'kernel.deb') };
  if (existsSync(guest.kernel) && existsSync(guest.initrd)) return guest;
  try { await fetchInto(folder, flavour); } catch (error) {
    throw new EngineError('no-guests', `Debian's arm64 ${flavour} kernel could not be fetched through apt: ${lastLine(error)}`);
  }
  return guest;
}

/** The folder appears complete or not at all, whoever else fetches at the same time. */
async function fetchInto(folder: string, flavour: KernelFlavour): Promise<void> {
  const work = `${folder}.${process.pid}`;
  const out = join(work, 'out');
  await mkdir(out, { recursive: true });
  try {
    await unpack(work, out, flavour);
    const [kernel] = (await readdir(join(work, 'root/boot'))).filter(name => name.startsWith('vmlinuz-'));
    if (kernel === undefined) throw new Error('the package holds no kernel');
    await rename(join(work, 'root/boot', kernel), join(out, 'Image'));
    await writeFile(join(out, 'initrd.gz'), gzipSync(await initrd(join(work, 'root'))));
    await rename(out, folder).catch((error: unknown) => { if (!existsSync(folder)) throw error; });
  } finally { await rm(work, { recursive: true, force: true }); }
}

async function unpack(work: string, out: string, flavour: KernelFlavour): Promise<void> {
  const { metapackage, suite } = KERNELS[flavour], apt = await Apt.in(join(work, 'apt'));
  for (const archive of await apt.download(await apt.dependency(metapackage, 'linux-image-', suite), 'busybox-static')) {
    await run('dpkg-deb', ['-x', archive, join(work, 'root')]);
    if (basename(archive).startsWith('linux-image-')) await rename(archive, join(out, 'kernel.deb'));
  }
}

async function initrd(root: string): Promise<Buffer> {
  const drivers = await modulesBelow(join(root, 'lib/modules'), MODULES);
  return cpio([
    ...['bin', 'dev', 'etc', 'etc/acpi', 'etc/acpi/PWRF', 'etc/udhcpc', 'modules', 'proc', 'root', 'sys', 'tmp', 'var', 'var/log', 'var/run'].map(directory),
    file('bin/busybox', await readFile(join(root, 'bin/busybox')), 0o755),
    link('bin/sh', 'busybox'),
    file('init', Buffer.from(INIT), 0o755),
    file('etc/acpi/PWRF/00000080', Buffer.from('#!/bin/sh\npoweroff -f\n'), 0o755),
    file('etc/udhcpc/default.script', Buffer.from(DHCP_SCRIPT), 0o755),
    file('modules/order', Buffer.from(drivers.map(path => `${nameOf(path)}\n`).join(''))),
    ...await Promise.all(drivers.map(async path => file(`modules/${nameOf(path)}.ko`, await moduleAt(path)))),
  ]);
}

/** Those that exist, in the order asked for: what one kernel has as a module is built into another. */
async function modulesBelow(folder: string, names: readonly string[]): Promise<string[]> {
  const files = await readdir(folder, { recursive: true });
  return names.flatMap(name => files.filter(path => nameOf(path) === name).map(path => join(folder, path)));
}

/** A module's; undefined of other files. */
const nameOf = (path: string): string | undefined => /([^/]+)\.ko(\.xz)?$/.exec(path)?.[1];

/** As insmod wants it: newer kernels have their modules compressed. */
async function moduleAt(path: string): Promise<Buffer> {
  return path.endsWith('.xz') ? (await run('xz', ['-dc', path], { encoding: 'buffer', maxBuffer: 2 ** 26 })).stdout : readFile(path);
}

/** apt says the reason last. */
function lastLine(error: unknown): string {
  const text = (error as { stderr?: string }).stderr?.trim() || messageOf(error);
  return text.slice(text.lastIndexOf('\n') + 1);
}

if (import.meta.main) {
  for (const flavour of Object.keys(KERNELS) as KernelFlavour[]) {
    const { kernel, initrd: archive } = await fetchGuests(flavour);
    console.log(`${kernel}\n${archive}`);
  }
}
