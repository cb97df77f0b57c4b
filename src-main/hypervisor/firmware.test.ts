/** Debian's EDK2 in flash, GRUB, and Linux behind them: drivers that are not Linux', unmodified. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { USUAL_DISPLAY } from '../../shared/model/display.ts';
import { DISK_BUSES } from '../../shared/model/vm.ts';
import { fetchFirmware, makeBootDisk, type FirmwareFiles } from '../../scripts/fetch-firmware.ts';
import { fetchGuests } from '../../scripts/fetch-guests.ts';
import { GuestSession } from './guest-session.ts';
import { ScreenClient } from './screen-client.ts';

/** What blinks. */
const CURSOR_PIXELS = 100;
const folder = mkdtempSync(join(tmpdir(), 'quarterdeck-firmware-'));
let firmware: FirmwareFiles;
const disk = join(folder, 'boot.img');

beforeAll(async () => {
  firmware = await fetchFirmware();
  await makeBootDisk(disk, firmware, await fetchGuests('cloud'), 'console=ttyAMA0 quiet');
}, 180_000);
afterAll(() => rmSync(folder, { recursive: true }));

test.each(DISK_BUSES)('EDK2 finds GRUB on a disk on %s, GRUB a kernel, and that its firmware', async (bus) => {
  const guest = new GuestSession({ memoryMib: 384, guest: { kind: 'firmware', firmwarePath: firmware.edk2 }, disks: [{ path: disk, readOnly: true, bus }] });
  await guest.expect(/BdsDxe: starting Boot\d+ "UEFI/);
  await guest.expect('/ # ');
  expect(await guest.run('dmesg | grep -o "efi: EFI v2.70"')).toContain('efi: EFI v2.70');
  guest.type('poweroff -f');
  expect(await guest.stopped).toEqual({ kind: 'poweredOff' });
}, 180_000);

test('a machine in the middle of its firmware goes on from a file, with the picture and the flash that it had and no other', async () => {
  const path = join(folder, 'vm.state'), launch = { memoryMib: 256, guest: { kind: 'firmware', firmwarePath: firmware.edk2 }, display: USUAL_DISPLAY } as const;
  const before = new GuestSession(launch), screen = watched(before);
  await before.expect('Press');
  before.type('');
  await before.expect('Shell> ');
  // EDK2 knows the adapter: its shell's prompt is yellow there as well.
  await screen.until(() => screen.picture(0).includes(0xff_ff00));
  const picture = screen.picture(0);
  await before.vm.suspend(path);
  const smaller = join(folder, 'smaller.fd');
  writeFileSync(smaller, readFileSync(firmware.edk2).subarray(0, 2 ** 20));
  const other = new GuestSession({ ...launch, guest: { kind: 'firmware', firmwarePath: smaller }, resumeFrom: path });
  expect(await other.stopped).toMatchObject({ kind: 'failed', message: expect.stringMatching(/is of another machine: its banks of flash have bytes 2097152,1048576, and this one's 1048576,1048576\.$/) as string });
  const after = new GuestSession({ ...launch, resumeFrom: path }), again = watched(after);
  await again.until(() => again.damage.length > 0);
  expect(again.picture(0).filter((colour, at) => colour !== picture[at]).length).toBeLessThan(CURSOR_PIXELS);
  after.type('ver');
  await after.expect('EDK II');
  after.type('reset -s');
  expect(await after.stopped).toEqual({ kind: 'poweredOff' });
}, 180_000);

const watched = (session: GuestSession) => {
  const screen = new ScreenClient(session.vm.screen!);
  screen.watch();
  return screen;
};

const SETVAR = 'setvar WasHere -guid 5e07a9c2-6f0f-4b35-9c63-1d8f5f0e2b11';

test('variables outlive the machine in their file', async () => {
  const guest = { kind: 'firmware', firmwarePath: firmware.edk2, variablesPath: join(folder, 'variables.fd') } as const;
  const shell = async (command: string) => {
    const session = new GuestSession({ memoryMib: 256, guest });
    await session.expect('Press');
    session.type('');
    await session.expect('Shell> ');
    session.type(command);
    const output = await session.expect(/Shell> /);
    session.type('reset -s');
    expect(await session.stopped).toEqual({ kind: 'poweredOff' });
    return output;
  };
  await shell(`${SETVAR} -nv -bs =1a2b3c4d`);
  expect(await shell(SETVAR)).toContain('1A 2B 3C 4D');
}, 180_000);
