/**
 * Makes small Debian 12 arm64 disks from packages with nobody being root: a server's (systemd, ssh, stress-ng, fio, iperf3), and a
 * desktop's with an X server. The archives are unpacked under fakeroot as dpkg would, `mke2fs` makes the file system, and Debian's own configuration scripts run in
 * Quarterdeck, as arm64 programs on the machine that they are for. `fetch-guests.ts` has the kernels to boot it with.
 *
 * `node scripts/debian-disk.ts [server|desktop]` says where everything is. It takes some minutes, once.
 */
import { execFile, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { EngineError, messageOf } from '../shared/base/errors.ts';
import { Apt } from './apt.ts';
import { build, ROOT } from './build.ts';
import { cacheFolder, fetchGuests } from './fetch-guests.ts';

const run = promisify(execFile);

const DISK_BYTES = 3 * 2 ** 30;
const MINUTES_TO_CONFIGURE = 30;
const BASE = ['?essential', '?priority(required)', 'systemd-sysv', 'libpam-systemd', 'udev', 'kmod', 'dbus', 'openssh-server', 'iproute2', 'iputils-ping'];
/** `format` is to be raised with every change to what the disk holds. What boots it has its modules in it. */
const DISKS = {
  server: { format: 1, packages: [...BASE, 'stress-ng', 'fio', 'iperf3'], kernels: ['cloud', 'cloud-6.12'] },
  desktop: { format: 1, packages: [...BASE, 'xserver-xorg-core', 'xserver-xorg-input-libinput', 'xinit', 'xterm', 'x11-xserver-utils', 'xinput'], kernels: ['generic'] },
} as const;
export type DiskKind = keyof typeof DISKS;
export type DiskKernel<Kind extends DiskKind> = typeof DISKS[Kind]['kernels'][number];

export interface DebianDisk {
  /** A raw image; root has no password on the console. */
  readonly disk: string;
  /** A private key that root accepts. */
  readonly sshKey: string;
}

const paths = (folder: string): DebianDisk => ({
  disk: join(folder, 'root.img'), sshKey: join(folder, 'ssh-key'),
});

/** A disk, from the cache when it is there. Not to be written to: boot a copy, or an overlay. Making it needs Quarterdeck to be built, which is done first unless it `isBuilt`. */
export async function debianDisk(kind: DiskKind, { isBuilt = false }: { readonly isBuilt?: boolean } = {}): Promise<DebianDisk> {
  const folder = join(cacheFolder(), 'guests', `debian-${kind}-${DISKS[kind].format}`);
  if (!existsSync(folder)) {
    try {
      if (!isBuilt) await build();
      await makeInto(folder, DISKS[kind]);
    } catch (error) { throw new EngineError('no-disk', `The Debian disk could not be made: ${messageOf(error)}`); }
  }
  return paths(folder);
}

/** The folder appears complete or not at all. */
async function makeInto(folder: string, { packages, kernels: flavours }: typeof DISKS[DiskKind]): Promise<void> {
  const work = `${folder}.${process.pid}`, out = join(work, 'out'), made = paths(out);
  await mkdir(out, { recursive: true });
  try {
    const apt = await Apt.in(join(work, 'apt')), kernels = await Promise.all(flavours.map(async flavour => (await fetchGuests(flavour)).archive));
    say('fetching packages');
    const archives = await apt.downloadWithDependencies(...packages);
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'quarterdeck', '-f', made.sshKey]);
    say(`unpacking ${archives.length} packages`);
    await writeConfiguration(work, apt, await readFile(`${made.sshKey}.pub`, 'utf8'));
    await writeFile(join(work, 'archives'), archives.map(path => `${path}\n`).join(''));
    await writeFile(join(work, 'unpack.sh'), UNPACK);
    await run('fakeroot', ['sh', '-eu', join(work, 'unpack.sh'), work, made.disk, String(DISK_BYTES / 2 ** 20), ...kernels], { maxBuffer: 2 ** 26, env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` } });
    say('configuring them in Quarterdeck');
    await configure(made);
    await rename(out, folder);
  } finally { await rm(work, { recursive: true, force: true }); }
}

/** What makes it this machine and no other, to be laid over the packages' files. */
async function writeConfiguration(work: string, apt: Apt, publicKey: string): Promise<void> {
  const files: Readonly<Record<string, string>> = {
    'etc/fstab': 'LABEL=root / ext4 errors=remount-ro 0 1\n',
    'etc/hostname': 'debian\n',
    'etc/hosts': '127.0.0.1 localhost debian\n::1 localhost\n',
    'etc/resolv.conf': 'nameserver 10.0.2.3\n',
    'etc/apt/sources.list': `${apt.sources.join('\n')}\n`,
    'etc/systemd/network/10-ethernet.network': '[Match]\nName=en* eth*\n[Network]\nDHCP=yes\n',
    'root/.ssh/authorized_keys': publicKey,
    'usr/lib/quarterdeck/configure': CONFIGURE,
  };
  for (const [path, text] of Object.entries(files)) {
    await mkdir(join(work, 'overlay', path, '..'), { recursive: true });
    await writeFile(join(work, 'overlay', path), text);
  }
}

/**
 * Arguments: the work folder, the image to make, its size in MiB, and kernels' packages. Leaves each package as after
 * `dpkg --unpack`, but that conffiles are in place already, which dpkg understands. Nothing runs of what is unpacked.
 */
const UNPACK = `
work=$1 disk=$2 mib=$3; shift 3
root=$work/root; info=$root/var/lib/dpkg/info; status=$root/var/lib/dpkg/status
mkdir -p $root/usr/bin $root/usr/sbin $root/usr/lib
for name in bin sbin lib; do ln -s usr/$name $root/$name; done
mkdir -p $info $root/var/lib/dpkg/updates $root/var/lib/dpkg/triggers; : > $status
while read -r deb; do
  rm -rf $work/control; dpkg-deb -e "$deb" $work/control
  dpkg-deb --fsys-tarfile "$deb" > $work/data.tar
  tar -x -p --numeric-owner --keep-directory-symlink -C $root -f $work/data.tar
  name=$(dpkg-deb -f "$deb" Package); arch=$(dpkg-deb -f "$deb" Architecture)
  case $(dpkg-deb -f "$deb" Multi-Arch) in same) name=$name:$arch;; esac
  tar -t -f $work/data.tar | sed -e 's,^\\.,,' -e 's,/$,,' -e 's,^$,/.,' > $info/$name.list
  cat $work/control/control > $work/stanza
  echo "Status: install ok unpacked" >> $work/stanza
  if [ -s $work/control/conffiles ]; then
    echo "Conffiles:" >> $work/stanza
    while read -r file; do
      case $file in /*) echo " $file $(md5sum "$root$file" | cut -d' ' -f1)" >> $work/stanza;; esac
    done < $work/control/conffiles
  fi
  rm $work/control/control
  for file in $work/control/*; do [ -e "$file" ] && cp "$file" "$info/$name.\${file##*/}"; done
  cat $work/stanza >> $status; echo >> $status
done < $work/archives
: > $root/var/lib/dpkg/available
cp $root/usr/share/base-passwd/passwd.master $root/etc/passwd; cp $root/usr/share/base-passwd/group.master $root/etc/group
for kernel; do
  dpkg-deb --fsys-tarfile "$kernel" | tar -x -p --numeric-owner --keep-directory-symlink -C $root ./lib/modules
done
cp -r $work/overlay/. $root/
chmod 700 $root/root/.ssh; chmod 755 $root/usr/lib/quarterdeck/configure
chown -R 0:0 $root/root $root/usr/lib/quarterdeck $root/etc
mke2fs -q -t ext4 -L root -d $root $disk \${mib}M
`;

/** The first boot's init. The last line on the console says how it went. */
const CONFIGURE = `#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true LC_ALL=C HOME=/root
mount -n -t proc proc /proc; mount -n -t sysfs sysfs /sys; mount -n -t devtmpfs devtmpfs /dev; mount -n -t tmpfs tmpfs /run; mount -n -t tmpfs tmpfs /tmp
mount -o remount,rw /
cp /dev/null /etc/machine-id
dpkg --force-unsafe-io --force-confold --configure --pending
result=$?
for version in /lib/modules/*; do depmod "\${version##*/}"; done
passwd -d root
systemctl enable systemd-networkd ssh
systemctl -q disable apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service fstrim.timer
rm -rf /var/cache/apt/archives/*.deb /usr/lib/quarterdeck
kill -TERM -1; sync; mount -o remount,ro / || { echo 1 > /proc/sys/kernel/sysrq; echo u > /proc/sysrq-trigger; }
echo "configured with $result"
exec poweroff -f
`;

async function configure({ disk }: DebianDisk): Promise<void> {
  const { kernel, initrd } = await fetchGuests('cloud');
  const args = ['--kernel', kernel, '--initrd', initrd, '--memory', '512M', '--disk', disk, '--no-reboot', '--timeout', String(60 * MINUTES_TO_CONFIGURE),
    '--append', 'console=ttyAMA0 quiet root=/dev/vda rw init=/usr/lib/quarterdeck/configure'];
  const child = spawn(process.execPath, [join(ROOT, 'dist/cli/quarterdeck.js'), 'run', ...args], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (bytes: Buffer) => { output += bytes.toString('latin1'); if (process.env.QUARTERDECK_VERBOSE) process.stderr.write(bytes); });
  const code = await new Promise(resolve => { child.once('close', resolve); });
  if (code !== 0 || !output.includes('configured with 0')) throw new Error(`its packages did not configure (code ${String(code)}); the console's last lines:\n${output.split('\n').slice(-12).join('\n')}`);
}

const say = (what: string): void => { console.error(`Debian disk: ${what}`); };

if (import.meta.main) {
  const [kind = 'server'] = process.argv.slice(2);
  if (!Object.hasOwn(DISKS, kind)) throw new EngineError('no-disk', `There is no disk "${kind}", but ${Object.keys(DISKS).join(' and ')}.`);
  const { disk, sshKey } = await debianDisk(kind as DiskKind);
  console.log(`${disk}\n${sshKey}`);
}
