/**
 * Puts a Debian 12 onto an empty disk as people do who need no installer: from a Debian that runs in Quarterdeck, with debootstrap and the packages' own
 * scripts. That Debian was started by firmware, so GRUB finds EFI's variables and installs itself as on any machine, also where firmware looks on disks
 * that it does not know. The disk has a GUID partition table, an EFI system partition and a root file system, and boots by itself to a login on ttyAMA0.
 *
 * `node scripts/bootstrap-debian.ts [--disk FILE] [--size BYTES] [--cpus N] [--root-password TEXT] [--firmware FILE]`
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { EngineError, messageOf } from '../shared/base/errors.ts';
import { GuestSession } from '../src-main/hypervisor/guest-session.ts';
import { createImage } from '../src-main/storage/image-operations.ts';
import { Apt, SUITE } from './apt.ts';
import { ESP_GUID, makeEfiDisk } from './boot-media.ts';
import { build } from './build.ts';
import { debianDisk } from './debian-disk.ts';
import { fetchGuests } from './fetch-guests.ts';

const PROMPT = ':~# ';
export const ROOT_PASSWORD = 'quarterdeck';

export interface Bootstrap {
  /** A qcow2 image, which is made. */
  readonly disk: string;
  readonly sizeBytes?: number;
  readonly cpus?: number;
  readonly rootPassword?: string;
  /** The built-in UEFI when absent. */
  readonly firmware?: string | undefined;
  readonly progress?: (what: string) => void;
}

/** What runs as root in the Debian that is there already; $1 is the disk, $2 the mirror. A step's line says what is being done. */
const steps = (rootPassword: string): string => `set -eu
disk=$1 mirror=$2 target=/mnt/target
export DEBIAN_FRONTEND=noninteractive LC_ALL=C
step() { echo "step: $1"; }
packages() { apt-get -qq -o Acquire::Languages=none -o Dpkg::Options::=--force-unsafe-io -o Dpkg::Use-Pty=0 -y --no-install-recommends "$@" > /tmp/packages.log 2>&1 || { tail -n 20 /tmp/packages.log; exit 1; }; }
# What is written counts once all of it is there: nothing is flushed before the end.
step "fetching debootstrap"
sed -i 1!d /etc/apt/sources.list
packages update
packages install debootstrap dosfstools fdisk wget
step "partitioning"
printf 'label: gpt\\nsize=256MiB, type=${ESP_GUID.toUpperCase()}, name="EFI system"\\ntype=linux, name=root\\n' | sfdisk -q $disk
udevadm settle
mkfs.fat -F 32 -n ESP $disk""1 > /dev/null
mkfs.ext4 -q -L root $disk""2
mkdir -p $target
mount -o barrier=0 $disk""2 $target
step "fetching and unpacking the base system"
debootstrap --variant=minbase --include=systemd-sysv,udev,kmod,iproute2,initramfs-tools,zstd ${SUITE} $target $mirror > /tmp/debootstrap.log 2>&1 || { tail -n 20 /tmp/debootstrap.log; exit 1; }
for name in dev proc sys; do mount --rbind /$name $target/$name; done
mkdir -p $target/boot/efi
mount $disk""1 $target/boot/efi
mountpoint -q /sys/firmware/efi/efivars || mount -t efivarfs efivarfs /sys/firmware/efi/efivars
printf 'LABEL=root / ext4 errors=remount-ro 0 1\\nLABEL=ESP /boot/efi vfat umask=0077 0 1\\n' > $target/etc/fstab
echo installed > $target/etc/hostname
printf '127.0.0.1 localhost installed\\n' > $target/etc/hosts
printf '[Match]\\nName=en* eth*\\n[Network]\\nDHCP=yes\\n' > $target/etc/systemd/network/10-ethernet.network
step "installing a kernel and GRUB"
cat > $target/root/finish <<'END'
set -eu
packages() { apt-get -qq -o Acquire::Languages=none -o Dpkg::Options::=--force-unsafe-io -o Dpkg::Use-Pty=0 -y --no-install-recommends "$@" > /tmp/packages.log 2>&1 || { tail -n 20 /tmp/packages.log; exit 1; }; }
packages install linux-image-cloud-arm64 grub-efi-arm64
sed -i -e 's/^GRUB_TIMEOUT=.*/GRUB_TIMEOUT=1/' -e 's/^GRUB_CMDLINE_LINUX=.*/GRUB_CMDLINE_LINUX="console=ttyAMA0"/' -e 's/^GRUB_CMDLINE_LINUX_DEFAULT=.*/GRUB_CMDLINE_LINUX_DEFAULT=quiet/' /etc/default/grub
grub-install --target=arm64-efi --force-extra-removable 2>&1
update-grub > /tmp/grub.log 2>&1 || { cat /tmp/grub.log; exit 1; }
echo 'root:${rootPassword}' | chpasswd
systemctl -q enable systemd-networkd
apt-get clean
END
chroot $target sh /root/finish
rm $target/root/finish
efibootmgr 2>/dev/null || true
step "unmounting"
sync
umount -R $target || { umount -l -R $target; sync; }
`;

/** Makes the disk. */
export async function bootstrapDebian({ disk, sizeBytes = 4 * 2 ** 30, cpus = 2, rootPassword = ROOT_PASSWORD, firmware, progress }: Bootstrap): Promise<void> {
  await mkdir(dirname(resolve(disk)), { recursive: true });
  const work = await mkdtemp(`${resolve(disk)}.`), boot = join(work, 'boot.img'), system = join(work, 'system.qcow2');
  try {
    const { disk: debian } = await debianDisk('server', { isBuilt: true }), guest = await fetchGuests('cloud'), mirror = (await Apt.in(join(work, 'apt'))).sources.find(source => source.endsWith(` ${SUITE} main`))!.split(' ').at(-3)!;
    await makeEfiDisk(boot, { kind: 'grub', menu: { timeoutSeconds: 0, entries: [{ title: 'Debian', ...guest, commandLine: 'console=ttyAMA0 quiet root=/dev/vdb rw' }] } }, { 'install.sh': steps(rootPassword) });
    await createImage(system, { format: 'qcow2', backingFile: debian, backingFormat: 'raw' });
    await createImage(disk, { format: 'qcow2', sizeBytes, overwrite: true });
    progress?.('starting a Debian');
    const session = new GuestSession({
      name: 'bootstrap', cpus, memoryMib: 1024, guest: firmware === undefined ? { kind: 'uefi' } : { kind: 'firmware', firmwarePath: firmware }, disks: [boot, system, disk].map(path => ({ path, readOnly: path === boot })),
      nics: [{ kind: 'nat', connected: true, forwards: [] }],
    });
    try { await perform(session, mirror, progress); } finally { await session.vm.terminate(); }
  } catch (error) { throw new EngineError('bootstrap', `Debian could not be put onto ${disk}: ${messageOf(error)}`); } finally { await rm(work, { recursive: true, force: true }); }
}

async function perform(session: GuestSession, mirror: string, progress: Bootstrap['progress']): Promise<void> {
  await session.expect('login: ');
  session.type('root');
  await session.expect(PROMPT);
  session.type(`mkdir -p /mnt/boot; mount -o ro /dev/vda1 /mnt/boot; sh /mnt/boot/install.sh /dev/vdc ${mirror}; echo "result"": $?"`);
  for (;;) {
    const [, step, result] = /(?:step: ([^\r\n]+)|result: (\d+))\r?\n$/.exec(await session.expect(/(?:step: [^\r\n]+|result: \d+)\r?\n/)) ?? [];
    if (step !== undefined) progress?.(step);
    else if (result === '0') break;
    else throw new Error(`a step failed; the console's last lines:\n${session.lastLines()}`);
  }
  session.type('poweroff');
  await session.stopped;
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { disk: { type: 'string', default: 'debian.qcow2' }, size: { type: 'string' }, cpus: { type: 'string' }, 'root-password': { type: 'string' }, firmware: { type: 'string' } } });
  const started = performance.now(), rootPassword = values['root-password'] ?? ROOT_PASSWORD;
  await build();
  await bootstrapDebian({
    disk: values.disk, rootPassword, firmware: values.firmware, ...(values.size !== undefined && { sizeBytes: Number(values.size) }), ...(values.cpus !== undefined && { cpus: Number(values.cpus) }),
    progress: what => console.error(`${Math.floor((performance.now() - started) / 60_000)} min: ${what}`),
  });
  console.log(`Debian is on ${values.disk}; root's password is ${rootPassword}.`);
}
