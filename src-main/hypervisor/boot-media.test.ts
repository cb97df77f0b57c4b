/** Debian's boot loaders, unmodified, under EDK2: GRUB from a CD and from a disk, systemd-boot, and the kernel's own stub, each to a shell in Linux. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { makeBootIso, makeEfiDisk, type EspContents, type Menu } from '../../scripts/boot-media.ts';
import { fetchFirmware, type FirmwareFiles } from '../../scripts/fetch-firmware.ts';
import { fetchGuests, type Guest } from '../../scripts/fetch-guests.ts';
import { GuestSession } from './guest-session.ts';

const folder = mkdtempSync(join(tmpdir(), 'quarterdeck-boot-'));
const DOWN = '\u001b[B';
let firmware: FirmwareFiles, linux: Guest, session: GuestSession | undefined;

beforeAll(async () => {
  firmware = await fetchFirmware();
  linux = await fetchGuests('cloud');
}, 180_000);
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') console.error(`The console's last lines:\n${session?.lastLines()}`);
  await session?.vm.terminate();
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Two ways into the same Linux, which says which of them it was. */
const menu = (timeoutSeconds?: number): Menu => ({
  entries: ['first', 'second'].map(entry => ({ title: `The ${entry} entry`, ...linux, commandLine: `console=ttyAMA0 quiet entry=${entry}` })), ...(timeoutSeconds !== undefined && { timeoutSeconds }),
});

const powerOn = (path: string, cdrom: boolean) => session = new GuestSession({ memoryMib: 384, guest: { kind: 'firmware', firmwarePath: firmware.edk2 }, disks: [cdrom ? { path, readOnly: true, cdrom } : { path, readOnly: true }] });

async function seen(guest: GuestSession, entry: string) {
  await guest.expect('/ # ');
  expect(await guest.run('cat /proc/cmdline')).toContain(`entry=${entry}`);
  expect(await guest.run('dmesg | grep -o "efi: EFI v2.70"')).toContain('efi: EFI v2.70');
  guest.type('poweroff -f');
  expect(await guest.stopped).toEqual({ kind: 'poweredOff' });
}

test('a CD\'s menu waits for what is chosen', async () => {
  const path = join(folder, 'waiting.iso');
  await makeBootIso(path, menu());
  const guest = powerOn(path, true);
  await guest.expect('The second entry');
  guest.vm.consoleInput(new TextEncoder().encode(DOWN));
  guest.type('');
  await seen(guest, 'second');
}, 180_000);

test.each<{ readonly what: string; readonly contents: () => EspContents }>([
  { what: 'GRUB as it is installed', contents: () => ({ kind: 'grub', menu: menu(0) }) },
  { what: 'systemd-boot', contents: () => ({ kind: 'systemd-boot', menu: menu(0) }) },
  { what: 'the kernel itself, started by the shell', contents: () => ({ kind: 'stub', guest: menu().entries[0]!, isDefault: false }) },
])('$what boots from an EFI system partition', async ({ contents }) => {
  const path = join(folder, 'disk.img');
  await makeEfiDisk(path, contents());
  await seen(powerOn(path, false), 'first');
}, 180_000);
