/**
 * Fetches Debian's arm64 kernels and busybox through apt into a cache outside git, and builds an initrd for each.
 * apt works with lists of its own, so the machine's configuration stays as it is.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { EngineError, messageOf } from '../shared/base/errors.ts';
import { cpio, directory, file, link } from './cpio.ts';

const run = promisify(execFile);

export interface Guest { readonly kernel: string; readonly initrd: string }

/** `cloud` is small and boots fast; `generic` also has a driver for the board's power button. */
const KERNELS = {
  cloud: { metapackage: 'linux-image-cloud-arm64', modules: ['virtio_ring', 'virtio', 'virtio_mmio', 'virtio_blk', 'virtio-rng', 'virtio_console', 'failover', 'net_failover', 'virtio_net'] },
  generic: { metapackage: 'linux-image-arm64', modules: ['virtio_ring', 'virtio', 'virtio_mmio', 'virtio_blk', 'virtio-rng', 'failover', 'net_failover', 'virtio_net', 'evdev', 'gpio_keys'] },
} as const;
export type KernelFlavour = keyof typeof KERNELS;

/** To be raised with every change to what the initrd holds. */
const INITRD_FORMAT = 5;

const INIT = `#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin HOME=/ TERM=vt100
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
for module in $(cat /modules/order); do insmod /modules/$module.ko; done
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
  const guest = { kernel: join(folder, 'Image'), initrd: join(folder, 'initrd.gz') };
  if (existsSync(guest.kernel) && existsSync(guest.initrd)) return guest;
  try { await fetchInto(folder, flavour); } catch (error) {
    throw new EngineError('no-guests', `Debian's arm64 ${flavour} kernel could not be fetched through apt: ${lastLine(error)}`);
  }
  return guest;
}

/** The folder appears complete or not at all, whoever else fetches at the same time. */
async function fetchInto(folder: string, flavour: KernelFlavour): Promise<void> {
  const work = `${folder}.${process.pid}`;
  await mkdir(join(work, 'lists/partial'), { recursive: true });
  await mkdir(join(work, 'cache/archives/partial'), { recursive: true });
  try {
    await unpack(work, flavour);
    const out = join(work, 'out');
    await mkdir(out);
    const [kernel] = (await readdir(join(work, 'root/boot'))).filter(name => name.startsWith('vmlinuz-'));
    if (kernel === undefined) throw new Error('the package holds no kernel');
    await rename(join(work, 'root/boot', kernel), join(out, 'Image'));
    await writeFile(join(out, 'initrd.gz'), gzipSync(await initrd(join(work, 'root'), KERNELS[flavour].modules)));
    await rename(out, folder).catch((error: unknown) => { if (!existsSync(folder)) throw error; });
  } finally { await rm(work, { recursive: true, force: true }); }
}

async function unpack(work: string, flavour: KernelFlavour): Promise<void> {
  const options = ['APT::Architecture=arm64', 'APT::Architectures=arm64', 'APT::Sandbox::User=root', `Dir::State::Lists=${work}/lists`, `Dir::Cache=${work}/cache`].map(option => `-o${option}`);
  await run('apt-get', [...options, 'update'], { cwd: work });
  const { stdout } = await run('apt-cache', [...options, 'depends', KERNELS[flavour].metapackage], { cwd: work });
  const kernel = /Depends: (linux-image-\S+)/.exec(stdout)?.[1];
  if (kernel === undefined) throw new Error(`${KERNELS[flavour].metapackage} names no kernel`);
  await run('apt-get', [...options, 'download', kernel, 'busybox-static'], { cwd: work });
  for (const archive of (await readdir(work)).filter(name => name.endsWith('.deb'))) await run('dpkg-deb', ['-x', join(work, archive), join(work, 'root')]);
}

async function initrd(root: string, modules: readonly string[]): Promise<Buffer> {
  const drivers = await modulesBelow(join(root, 'lib/modules'), modules);
  return cpio([
    ...['bin', 'dev', 'etc', 'etc/acpi', 'etc/acpi/PWRF', 'etc/udhcpc', 'modules', 'proc', 'root', 'sys', 'tmp', 'var', 'var/log', 'var/run'].map(directory),
    file('bin/busybox', await readFile(join(root, 'bin/busybox')), 0o755),
    link('bin/sh', 'busybox'),
    file('init', Buffer.from(INIT), 0o755),
    file('etc/acpi/PWRF/00000080', Buffer.from('#!/bin/sh\npoweroff -f\n'), 0o755),
    file('etc/udhcpc/default.script', Buffer.from(DHCP_SCRIPT), 0o755),
    file('modules/order', Buffer.from(drivers.map(path => `${basename(path, '.ko')}\n`).join(''))),
    ...await Promise.all(drivers.map(async path => file(`modules/${basename(path)}`, await readFile(path)))),
  ]);
}

/** Those that exist, in the order asked for: what one kernel has as a module is built into another. */
async function modulesBelow(folder: string, names: readonly string[]): Promise<string[]> {
  const files = await readdir(folder, { recursive: true });
  return names.flatMap(name => files.filter(path => basename(path) === `${name}.ko`).map(path => join(folder, path)));
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
