/** Debian that installed itself, by its own installer and without one: its disk boots by firmware and GRUB to a login, and is what an installation leaves. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { bootstrapDebian, ROOT_PASSWORD } from '../../scripts/bootstrap-debian.ts';
import { build } from '../../scripts/build.ts';
import { fetchFirmware } from '../../scripts/fetch-firmware.ts';
import { installDebian, makeInstallerIso, missingComponent } from '../../scripts/install-debian.ts';
import type { GuestSource } from '../../shared/model/vm.ts';
import { GuestSession } from './guest-session.ts';

const HOURS = 3_600_000;
const PROMPT = ':~# ';
/** Mirrors may have Debian's packages and not its installer's. */
const missing = await missingComponent();

let folder: string, session: GuestSession | undefined;
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'quarterdeck-')); });
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') console.error(`The console's last lines:\n${session?.lastLines()}`);
  await session?.vm.terminate();
  await rm(folder, { recursive: true });
});

const byInstaller = async (options: { readonly disk: string }) => {
  await build();
  await installDebian(options);
};

test('Debian\'s installer comes to its first question from a CD', async () => {
  const path = join(folder, 'installer.iso');
  await makeInstallerIso(path);
  for (const guest of await firmwares()) {
    session = new GuestSession({ memoryMib: 1024, guest, disks: [{ path, readOnly: true, cdrom: true }] });
    await session.expect(/Select a language[^]*Prompt: '\?' for help/);
    await session.vm.terminate();
  }
}, HOURS / 4);

test('Debian, put onto a disk by debootstrap, boots by firmware to a login, reboots, and powers off', () => bootsByItself(bootstrapDebian), 4 * HOURS);
test.skipIf(missing !== undefined)('Debian, installed by its installer, does the same', () => bootsByItself(byInstaller), 4 * HOURS);

async function bootsByItself(install: (options: { readonly disk: string }) => Promise<void>): Promise<void> {
  const disk = join(folder, 'debian.qcow2');
  await install({ disk });
  for (const firmware of await firmwares()) await boots(disk, firmware);
}

const firmwares = async (): Promise<readonly GuestSource[]> => [{ kind: 'uefi' }, { kind: 'firmware', firmwarePath: (await fetchFirmware()).edk2 }];

async function boots(disk: string, firmware: GuestSource): Promise<void> {
  const guest = session = new GuestSession({ name: 'installed', cpus: 2, memoryMib: 1024, guest: firmware, disks: [{ path: disk, readOnly: false }], nics: [{ kind: 'nat', connected: true, forwards: [] }] });
  await logIn(guest);
  expect(await guest.run('systemctl is-system-running --wait; systemctl list-units --failed --plain --no-legend --no-pager', PROMPT)).toBe('running');
  expect(await guest.run('dmesg | grep -o "efi: EFI v2"; for at in / /boot/efi; do findmnt -no FSTYPE $at; done; ls /boot/efi/EFI/BOOT', PROMPT)).toMatch(/^efi: EFI v2\s+ext4\s+vfat\s+.*BOOTAA64.EFI/);
  guest.type('reboot');
  await logIn(guest);
  expect(guest.resets).toBe(1);
  guest.type('poweroff');
  expect(await guest.stopped).toEqual({ kind: 'poweredOff' });
}

async function logIn(guest: GuestSession): Promise<void> {
  await guest.expect('login: ');
  guest.type('root');
  await guest.expect('Password: ');
  guest.type(ROOT_PASSWORD);
  await guest.expect(PROMPT);
  guest.type('bind "set enable-bracketed-paste off"');
  await guest.expect(PROMPT);
}
