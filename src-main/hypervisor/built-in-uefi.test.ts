/** The built-in UEFI under Debian's boot loaders and kernels, unmodified: what boots, what it keeps, and that it can be moved at any time. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { EfiVariable } from '../../shared/model/efi.ts';
import { USUAL_DISPLAY } from '../../shared/model/display.ts';
import type { EfiSettings } from '../../shared/model/vm.ts';
import { makeBootIso, makeEfiDisk, STUB_PATH, stubOptions, type Menu } from '../../scripts/boot-media.ts';
import { fetchGuests, type Guest } from '../../scripts/fetch-guests.ts';
import { filePath } from '../firmware/uefi/device-path.ts';
import { GUID } from '../firmware/uefi/guid.ts';
import { textBytes } from '../firmware/uefi/guest-memory.ts';
import { ACTIVE, loadOptionBytes } from '../firmware/uefi/load-option.ts';
import { GuestSession } from './guest-session.ts';
import { ScreenClient } from './screen-client.ts';
import type { VmLaunch } from './vm-launch.ts';

const folder = mkdtempSync(join(tmpdir(), 'quarterdeck-uefi-'));
const DOWN = '\u001b[B', AT_ONCE: EfiSettings = { delayMs: 0, showMenu: false };
/** Linux's directory of variables, which the shell is in then. */
const MOUNT = 'cd /sys/firmware/efi/efivars; mount -t efivarfs none .; cd $PWD';
const KEPT = 7, empty = join(folder, 'empty.img');
let linux: Guest, session: GuestSession | undefined;

beforeAll(async () => {
  linux = await fetchGuests('cloud');
  writeFileSync(empty, new Uint8Array(2 ** 20));
}, 180_000);
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') console.error(`The console's last lines:\n${session?.lastLines()}`);
  await session?.vm.terminate();
});
afterAll(() => rmSync(folder, { recursive: true }));

const menu = (timeoutSeconds?: number): Menu => ({
  entries: ['first', 'second'].map(entry => ({ title: `The ${entry} entry`, ...linux, commandLine: `console=ttyAMA0 quiet entry=${entry}` })), ...(timeoutSeconds !== undefined && { timeoutSeconds }),
});
const powerOn = (launch: Partial<VmLaunch>, kept?: { variables: readonly EfiVariable[] }) =>
  session = new GuestSession({ memoryMib: 384, guest: { kind: 'uefi', settings: AT_ONCE }, ...launch, ...(kept && { efiVariables: kept.variables }) }, { keepEfiVariables: kept && (variables => { kept.variables = variables; return Promise.resolve(); }) });
const direct = (commandLine: string, settings: EfiSettings = AT_ONCE): Partial<VmLaunch> => ({ guest: { kind: 'uefi', settings, kernelPath: linux.kernel, initrdPath: linux.initrd, commandLine } });

async function seen(guest: GuestSession, entry: string) {
  await guest.expect('/ # ');
  expect(await guest.run('cat /proc/cmdline')).toContain(`entry=${entry}`);
  expect(await guest.run('dmesg | grep -o "EFI v.*"')).toContain('EFI v2.100 by Quarterdeck');
  await powerOff(guest);
}
async function powerOff(guest: GuestSession) {
  guest.type('poweroff -f');
  expect(await guest.stopped).toEqual({ kind: 'poweredOff' });
}
const press = (guest: GuestSession, keys: string) => guest.vm.consoleInput(new TextEncoder().encode(keys));

test('GRUB’s menu on a CD waits for what is chosen', async () => {
  const path = join(folder, 'menu.iso');
  await makeBootIso(path, menu());
  const guest = powerOn({ disks: [{ path: '', readOnly: true, cdrom: true }, { path, readOnly: true, cdrom: true }] });
  await guest.expect('The second entry');
  press(guest, DOWN);
  guest.type('');
  await seen(guest, 'second');
}, 180_000);

test('GRUB as Debian installs it boots from a disk on NVMe, and goes on in another machine in the middle of its menu', async () => {
  const path = join(folder, 'grub.img'), state = join(folder, 'grub.state'), launch: Partial<VmLaunch> = { disks: [{ path, readOnly: true, bus: 'nvme' }] };
  await makeEfiDisk(path, { kind: 'grub', menu: menu() });
  const before = powerOn(launch);
  await before.expect('The second entry');
  await before.vm.suspend(state);
  const after = powerOn({ ...launch, resumeFrom: state });
  press(after, DOWN);
  after.type('');
  await seen(after, 'second');
}, 180_000);

test('systemd-boot boots, and what it tells Linux in variables is there', async () => {
  const path = join(folder, 'systemd.img');
  await makeEfiDisk(path, { kind: 'systemd-boot', menu: menu(0) });
  const guest = powerOn({ disks: [{ path, readOnly: false }], cpus: 2 });
  await guest.expect('/ # ');
  await guest.run(MOUNT);
  expect(await guest.run('cat LoaderInfo-*; echo')).toContain('s\0y\0s\0t\0e\0m\0d\0-\0b\0o\0o\0t\0');
  expect(await guest.run('cat LoaderEntrySelected-*; echo')).toContain('e\0n\0t\0r\0y\0-\x000\0');
  expect(await guest.run('nproc')).toBe('2');
  await powerOff(guest);
}, 180_000);

test('a boot option starts the kernel by itself, with its options and the initrd beside it', async () => {
  const path = join(folder, 'stub.img'), [entry] = menu().entries;
  await makeEfiDisk(path, { kind: 'stub', guest: entry!, isDefault: false });
  const variable = (name: string, data: Uint8Array): EfiVariable => ({ name, guid: GUID.globalVariable, attributes: KEPT, data: Buffer.from(data).toString('base64') });
  const option = { attributes: ACTIVE, description: 'The kernel itself', path: [filePath(STUB_PATH)], data: textBytes(stubOptions(entry!)) };
  const guest = powerOn({ disks: [{ path, readOnly: true }] }, { variables: [variable('Boot0007', loadOptionBytes(option)), variable('BootOrder', Uint8Array.of(7, 0))] });
  await guest.expect('Starting The kernel itself');
  await seen(guest, 'first');
}, 180_000);

test('what is on no disk is a kernel that the machine was given; variables outlive it, and dates are set', async () => {
  const kept = { variables: [] as readonly EfiVariable[] }, guid = '5e07a9c2-6f0f-4b35-9c63-1d8f5f0e2b11';
  const first = powerOn(direct('console=ttyAMA0 quiet'), kept);
  await first.expect('/ # ');
  await first.run(MOUNT);
  await first.run(`printf '\\7\\0\\0\\0abc' > Kept-${guid}`);
  expect(kept.variables.find(variable => variable.name === 'Kept')).toEqual({ name: 'Kept', guid, attributes: KEPT, data: Buffer.from('abc').toString('base64') });
  // Linux lets only those be removed whose meaning it knows.
  await first.run(`printf '\\7\\0\\0\\0\\5\\0' > BootNext-${GUID.globalVariable}`);
  expect(kept.variables.some(({ name }) => name === 'BootNext')).toBe(true);
  await first.run('rm -f BootNext-*');
  expect(kept.variables.some(({ name }) => name === 'BootNext')).toBe(false);
  await first.run('date -s "2030-01-02 03:04:05"; hwclock -u -w -f /dev/rtc0');
  expect(await first.run('hwclock -u -r -f /dev/rtc0')).toMatch(/Jan\s+2 03:04:\d\d 2030/);
  first.type('reboot -f');
  await first.expect('/ # ');
  expect(first.resets).toBe(1);
  await first.run(MOUNT);
  expect(await first.run('tail -c 3 Kept-*; echo')).toBe('abc');
  await powerOff(first);
  const second = powerOn(direct('console=ttyAMA0 quiet'), kept);
  await second.expect('/ # ');
  await second.run(MOUNT);
  expect(await second.run('tail -c 3 Kept-*; echo')).toBe('abc');
  await powerOff(second);
}, 180_000);

test('Linux has its hardware from ACPI tables alone', async () => {
  const guest = powerOn({ ...direct('console=ttyAMA0 quiet', { ...AT_ONCE, tables: 'acpi' }), disks: [{ path: empty, readOnly: true }] });
  await guest.expect('/ # ');
  expect((await guest.run('ls /sys/firmware/acpi/tables')).split(/\s+/)).toEqual(expect.arrayContaining(['APIC', 'DSDT', 'FACP', 'GTDT', 'IORT', 'MCFG', 'SPCR']));
  expect(await guest.run('ls /dev/vda')).toBe('/dev/vda');
  expect(await guest.run('ls -d /proc/device-tree/cpus 2>&1')).toContain('No such file');
  expect(await guest.run('dmesg | grep -ciE "acpi (bios )?(error|exception)"')).toBe('0');
  await powerOff(guest);
}, 180_000);

test('nothing to start leads to the menu, on the screen too, from which the machine is turned off', async () => {
  const guest = powerOn({ disks: [{ path: empty, readOnly: true }], display: USUAL_DISPLAY }), screen = new ScreenClient(guest.vm.screen!);
  screen.watch();
  await guest.expect('Nothing could be started.');
  await guest.expect('Power off');
  // The line that is marked is on a light ground.
  await screen.until(() => screen.picture(0).filter(colour => colour === 0xaa_aaaa).length > 1000);
  guest.vm.screen!.postMessage({ kind: 'key', code: 103, down: true });
  guest.vm.screen!.postMessage({ kind: 'key', code: 103, down: false });
  guest.vm.screen!.postMessage({ kind: 'key', code: 28, down: true });
  expect(await guest.stopped).toEqual({ kind: 'poweredOff' });
}, 60_000);

test('the menu is there when it is asked for, and the order that is made there is kept', async () => {
  const one = join(folder, 'one.img'), two = join(folder, 'two.img'), kept = { variables: [] as readonly EfiVariable[] };
  await makeEfiDisk(one, { kind: 'systemd-boot', menu: menu(0) });
  await makeEfiDisk(two, { kind: 'systemd-boot', menu: { entries: [menu().entries[1]!], timeoutSeconds: 0 } });
  const launch: Partial<VmLaunch> = { guest: { kind: 'uefi', settings: { delayMs: 60_000, showMenu: false } }, disks: [{ path: one, readOnly: true }, { path: two, readOnly: true, bus: 'nvme' }] };
  const guest = powerOn(launch, kept);
  await guest.expect('Esc or F2');
  press(guest, '\u001b');
  await guest.expect('Disk 2 (NVMe)');
  press(guest, `${DOWN}+`);
  await guest.expect(/Disk 2 \(NVMe\)[^]*Disk 1 \(virtio\)/);
  press(guest, '\u001b');
  await seen(guest, 'second');
  const again = powerOn({ ...launch, guest: { kind: 'uefi', settings: AT_ONCE } }, kept);
  await seen(again, 'second');
}, 180_000);
