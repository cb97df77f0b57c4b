/**
 * Debian 12 installs itself: its own installer, unmodified, boots from a CD through firmware and GRUB, and is answered by a preseed file (Debian installation
 * guide, appendix B) that its initrd finds at its root. Packages come through the VM's NAT from the mirror that this machine uses, which has to have the
 * installer's components as well; `bootstrap-debian.ts` needs none. The disk then boots by itself through firmware, as GRUB is also where firmware looks
 * on disks that it does not know, and root logs in with a password.
 *
 * `node scripts/install-debian.ts [--disk FILE] [--size BYTES] [--cpus N] [--memory MIB] [--root-password TEXT] [--firmware FILE] [--verbose]`
 */
import { execFile, spawn } from 'node:child_process';
import { appendFile, cp, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { parseArgs, promisify } from 'node:util';
import { gunzipSync, gzipSync } from 'node:zlib';
import { EngineError } from '../shared/base/errors.ts';
import { createImage } from '../src-main/storage/image-operations.ts';
import { Apt, SUITE } from './apt.ts';
import { makeBootIso } from './boot-media.ts';
import { build, ROOT } from './build.ts';
import { cpio, file } from './cpio.ts';

const run = promisify(execFile);
const INSTALLER = 'debian-installer-12-netboot-arm64', IMAGES = 'usr/lib/debian-installer/images/12/arm64/text/debian-installer/arm64';
const NEEDED = ['bootstrap-base', 'partman-base', 'grub-installer', 'libc6-udeb'] as const;
const HOURS_TO_INSTALL = 4, LINES_SHOWN = 30;
/** Words that the text interface shows only when it waits for somebody. */
const QUESTION = /Prompt: '\?' for help|\[Press enter to continue\]/;

export interface Installation {
  /** A qcow2 image, which is made. */
  readonly disk: string;
  readonly sizeBytes?: number;
  readonly cpus?: number;
  readonly memoryMib?: number;
  readonly rootPassword?: string;
  /** The built-in UEFI when absent. */
  readonly firmware?: string;
  /** Hears how far it is, in the installer's words. */
  readonly progress?: (what: string) => void;
  /** Hears all that the console shows. */
  readonly console?: (bytes: Buffer) => void;
}

export const ROOT_PASSWORD = 'quarterdeck';

interface Mirror { readonly protocol: string; readonly host: string; readonly path: string }

function mirrorOf(apt: Apt): Mirror {
  const line = apt.sources.find(source => source.endsWith(` ${SUITE} main`)), { protocol, host, pathname } = new URL(line?.split(' ').at(-3) ?? '');
  return { protocol: protocol.slice(0, -1), host, path: pathname.replace(/\/$/, '') };
}

/** A component without which nothing is installed and that the mirror does not have, though its list may name it. */
export async function missingComponent(): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), 'quarterdeck-mirror-'));
  try {
    const { protocol, host, path } = mirrorOf(await Apt.in(folder)), mirror = `${protocol}://${host}${path}`, list = await fetch(`${mirror}/dists/${SUITE}/main/debian-installer/binary-arm64/Packages.gz`);
    const stanzas = list.ok ? gunzipSync(Buffer.from(await list.arrayBuffer())).toString().split('\n\n') : [];
    for (const name of NEEDED) {
      const file = /^Filename: (.*)$/m.exec(stanzas.find(stanza => stanza.startsWith(`Package: ${name}\n`)) ?? '')?.[1];
      if (file === undefined || !(await fetch(`${mirror}/${file}`, { method: 'HEAD' })).ok) return name;
    }
    return undefined;
  } finally { await rm(folder, { recursive: true }); }
}

/** Every question that it would ask, and as little as it can install. */
const preseed = ({ protocol, host, path }: Mirror, rootPassword: string): string => `
d-i debian-installer/locale string C.UTF-8
d-i keyboard-configuration/xkb-keymap select us
d-i netcfg/choose_interface select auto
d-i netcfg/get_hostname string debian
d-i netcfg/get_domain string
d-i mirror/country string manual
d-i mirror/protocol string ${protocol}
d-i mirror/${protocol}/hostname string ${host}
d-i mirror/${protocol}/directory string ${path}
d-i mirror/${protocol}/proxy string
d-i mirror/suite string ${SUITE}
d-i passwd/make-user boolean false
d-i passwd/root-password password ${rootPassword}
d-i passwd/root-password-again password ${rootPassword}
d-i user-setup/allow-password-weak boolean true
d-i clock-setup/utc boolean true
d-i clock-setup/ntp boolean false
d-i time/zone string Etc/UTC
d-i partman-auto/disk string /dev/vda
d-i partman-auto/method string regular
d-i partman-auto/choose_recipe select atomic
d-i partman-partitioning/confirm_write_new_label boolean true
d-i partman/choose_partition select finish
d-i partman/confirm boolean true
d-i partman/confirm_nooverwrite boolean true
d-i base-installer/install-recommends boolean false
d-i base-installer/kernel/image string linux-image-cloud-arm64
d-i apt-setup/services-select multiselect
d-i apt-setup/non-free-firmware boolean false
d-i apt-setup/enable-source-repositories boolean false
d-i pkgsel/run_tasksel boolean false
d-i pkgsel/upgrade select none
d-i pkgsel/update-policy select none
popularity-contest popularity-contest/participate boolean false
d-i grub-installer/only_debian boolean true
d-i grub-installer/force-efi-extra-removable boolean true
d-i finish-install/reboot_in_progress note
d-i debian-installer/exit/poweroff boolean true
`;

/** Makes the disk, and resolves when the installer has powered the machine off. Quarterdeck has to be built. */
export async function installDebian({ disk, sizeBytes = 4 * 2 ** 30, cpus = 2, memoryMib = 1024, rootPassword = ROOT_PASSWORD, firmware, progress, console: show }: Installation): Promise<void> {
  const missing = await missingComponent();
  if (missing !== undefined) throw new EngineError('install', `Debian's installer would not find its component ${missing} on the mirror that this machine uses; scripts/bootstrap-debian.ts installs without it.`);
  await mkdir(dirname(resolve(disk)), { recursive: true });
  const work = await mkdtemp(`${resolve(disk)}.`), iso = join(work, 'installer.iso');
  try {
    progress?.('fetching the installer');
    await makeInstallerIso(iso, mirror => preseed(mirror, rootPassword));
    await createImage(disk, { format: 'qcow2', sizeBytes, overwrite: true });
    progress?.('booting it');
    await runInstaller(['run', ...(firmware === undefined ? [] : ['--firmware', firmware]), '--cdrom', iso, '--disk', disk, '--net', 'nat', '--cpus', String(cpus), '--memory', `${memoryMib}M`, '--no-reboot', '--timeout', String(3600 * HOURS_TO_INSTALL)], progress, show);
  } finally { await rm(work, { recursive: true, force: true }); }
}

/** A CD with the installer, which asks everything, or what is left of it by an answers' file that follows from the mirror. It uses the text interface, on the serial port. */
export async function makeInstallerIso(path: string, answers?: (mirror: Mirror) => string): Promise<void> {
  const work = await mkdtemp(`${resolve(path)}.`), root = join(work, 'root'), initrd = join(work, 'initrd.gz');
  try {
    const apt = await Apt.in(join(work, 'apt')), automatic = answers === undefined ? '' : 'auto=true priority=critical ';
    for (const archive of await apt.download(INSTALLER)) await run('dpkg-deb', ['-x', archive, root]);
    await cp(join(root, IMAGES, 'initrd.gz'), initrd);
    // Linux unpacks one archive after the other.
    if (answers !== undefined) await appendFile(initrd, gzipSync(cpio([file('preseed.cfg', Buffer.from(answers(mirrorOf(apt))))])));
    await makeBootIso(path, { timeoutSeconds: 0, entries: [{ title: 'Install', kernel: join(root, IMAGES, 'linux'), initrd, commandLine: `console=ttyAMA0 ${automatic}DEBIAN_FRONTEND=text --- console=ttyAMA0` }] }, 'DEBIAN_INSTALLER');
  } finally { await rm(work, { recursive: true, force: true }); }
}

async function runInstaller(args: readonly string[], progress: Installation['progress'], show: Installation['console']): Promise<void> {
  const child = spawn(process.execPath, [join(ROOT, 'dist/cli/quarterdeck.js'), ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  let tail = '', said = '', isStuck = false;
  child.stdout.on('data', (bytes: Buffer) => {
    show?.(bytes);
    tail = (tail + bytes.toString('latin1')).slice(-0x4000);
    const step = lastStep(tail);
    if (step !== undefined && step !== said) progress?.(said = step);
    if (!isStuck && QUESTION.test(tail)) { isStuck = true; child.kill(); }
  });
  const code = await new Promise(done => { child.once('close', done); });
  if (isStuck || code !== 0) throw new EngineError('install', `Debian was not installed${isStuck ? ', as its installer asked something' : ` (code ${String(code)})`}; the console's last lines:\n${tail.split('\n').slice(-LINES_SHOWN).join('\n')}`);
}

/** What the text interface says that it is at. */
const lastStep = (text: string): string | undefined => text.split(/[\r\n]+/).findLast(line => /^[A-Z][^\x1b]*\.\.\. ?\d*%?/.test(line))?.replace(/\s*\.\.\..*$/, '');

if (import.meta.main) {
  const { values } = parseArgs({ options: { disk: { type: 'string', default: 'debian.qcow2' }, size: { type: 'string' }, cpus: { type: 'string' }, memory: { type: 'string' }, 'root-password': { type: 'string' }, firmware: { type: 'string' }, verbose: { type: 'boolean' } } });
  const started = performance.now(), minutes = () => `${Math.floor((performance.now() - started) / 60_000)} min`;
  await build();
  await installDebian({
    disk: values.disk, ...(values.size !== undefined && { sizeBytes: Number(values.size) }), ...(values.cpus !== undefined && { cpus: Number(values.cpus) }), ...(values.memory !== undefined && { memoryMib: Number(values.memory) }),
    ...(values['root-password'] !== undefined && { rootPassword: values['root-password'] }), ...(values.firmware !== undefined && { firmware: values.firmware }),
    ...(values.verbose === true ? { console: (bytes: Buffer) => process.stdout.write(bytes) } : { progress: (what: string) => console.error(`${minutes()}: ${what}`) }),
  });
  console.log(`Debian is installed on ${values.disk}; root's password is ${values['root-password'] ?? ROOT_PASSWORD}.`);
}
