/** A whole Debian with systemd on a disk of its own: from power-on to power-off, and what people do with it through SSH. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { DiskBus } from '../../shared/model/vm.ts';
import { debianDisk, type DebianDisk, type DiskKernel } from '../../scripts/debian-disk.ts';
import { fetchGuests } from '../../scripts/fetch-guests.ts';
import { freePort } from '../../scripts/free-port.ts';
import { createImage } from '../storage/image-operations.ts';
import { GuestSession } from './guest-session.ts';
import type { VmLaunch } from './vm-launch.ts';

const MINUTES = 60_000;
const PROMPT = ':~# ';
const execute = promisify(execFile);

interface Combination { readonly bus: DiskBus; readonly flavour: DiskKernel<'server'>; readonly cpus: number }

let debian: DebianDisk, folder: string, session: GuestSession | undefined;
beforeAll(async () => { debian = await debianDisk('server'); }, 60 * MINUTES);
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'quarterdeck-')); });
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') console.error(`The console's last lines:\n${session?.lastLines()}`);
  await session?.vm.terminate();
  await rm(folder, { recursive: true });
});

/** On an overlay. The kernel has NVMe's driver built in, and virtio's as modules, for which it needs the initrd. */
async function powerOn({ bus, flavour, cpus }: Combination, launch: Partial<VmLaunch> = {}): Promise<GuestSession> {
  const path = join(folder, 'overlay.qcow2'), { kernel: kernelPath, initrd: initrdPath } = await fetchGuests(flavour);
  await createImage(path, { format: 'qcow2', backingFile: debian.disk, backingFormat: 'raw' });
  const guest = bus === 'nvme' ? { kernelPath, commandLine: 'console=ttyAMA0 quiet root=/dev/nvme0n1 rw' } : { kernelPath, initrdPath, commandLine: 'console=ttyAMA0 quiet root=/dev/vda rw' };
  session = new GuestSession({ name: 'debian', cpus, memoryMib: 1024, guest: { kind: 'linux', ...guest }, disks: [{ path, readOnly: false, bus }], ...launch });
  return session;
}

/** The shell of the console, with nothing of a terminal in what it prints. */
async function logIn(debianSession: GuestSession): Promise<void> {
  await debianSession.expect('login: ');
  debianSession.type('root');
  await debianSession.expect(PROMPT);
  debianSession.type('bind "set enable-bracketed-paste off"');
  await debianSession.expect(PROMPT);
}

test.each<Combination & { readonly release: RegExp; readonly reboots: number }>([
  { bus: 'nvme', flavour: 'cloud', cpus: 1, release: /^6\.1\./, reboots: 0 },
  { bus: 'virtio', flavour: 'cloud', cpus: 4, release: /^6\.1\./, reboots: 1 },
  { bus: 'nvme', flavour: 'cloud-6.12', cpus: 4, release: /^6\.12\./, reboots: 0 },
  { bus: 'virtio', flavour: 'cloud-6.12', cpus: 1, release: /^6\.12\./, reboots: 0 },
])('Debian with the kernel $flavour on $bus and $cpus CPUs boots, all units running, reboots ($reboots) and powers off', async ({ release, reboots, ...combination }) => {
  const guest = await powerOn(combination);
  await logIn(guest);
  expect(await guest.run('uname -r', PROMPT)).toMatch(release);
  expect(await guest.run('nproc', PROMPT)).toBe(String(combination.cpus));
  expect(await guest.run('systemctl is-system-running --wait; systemctl list-units --failed --plain --no-legend --no-pager', PROMPT)).toBe('running');
  for (let n = 0; n < reboots; n++) {
    guest.type('reboot');
    await logIn(guest);
  }
  expect(guest.resets).toBe(reboots);
  guest.type('poweroff');
  expect(await guest.stopped).toEqual({ kind: 'poweredOff' });
}, 5 * MINUTES);

test('through SSH behind the NAT, Debian\'s disk and CPUs verify under load, and apt installs a package that runs', async () => {
  const port = await freePort();
  const guest = await powerOn({ bus: 'nvme', flavour: 'cloud', cpus: 2 }, { nics: [{ kind: 'nat', connected: true, forwards: [{ protocol: 'tcp', hostPort: port, guestPort: 22 }] }] });
  const ssh = async (command: string) => {
    const { stdout } = await execute('ssh', ['-i', debian.sshKey, '-p', String(port), '-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null', '-o', 'LogLevel=ERROR', 'root@127.0.0.1', command]);
    return stdout;
  };
  await guest.expect('login: ');
  expect((await ssh('systemctl is-system-running --wait; nproc')).split('\n')).toEqual(['running', '2', '']);
  expect(await ssh('fio --name=verified --filename=/root/fio --size=16m --rw=randwrite --bs=4k --iodepth=16 --ioengine=libaio --direct=1 --verify=crc32c --verify_fatal=1')).toMatch(/err= 0/);
  expect(await ssh('stress-ng --verify --metrics-brief --cpu 2 --vm 1 --vm-bytes 128m --hdd 1 --hdd-bytes 32m --timeout 5s --temp-path /root 2>&1')).toMatch(/successful run completed/);
  // The archive's other lists would only take time.
  await ssh('sed -i 1!d /etc/apt/sources.list && apt-get -qq -o Acquire::Languages=none update && apt-get -qq install -y --no-install-recommends hello 2>/dev/null');
  expect(await ssh('hello')).toBe('Hello, world!\n');
  expect(await ssh('dmesg --level=emerg,alert,crit,err')).toBe('');
  await ssh('systemctl poweroff').catch(() => { /* the connection may end before the command does */ });
  expect(await guest.stopped).toEqual({ kind: 'poweredOff' });
}, 15 * MINUTES);
