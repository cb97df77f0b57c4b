/** Linux is the judge of ACPI tables that were made of the board's device tree: EDK2 offers them, by fw_cfg, and GRUB starts Debian's generic kernel, which has no other. */
import { mkdtempSync, rmSync } from 'node:fs';
import { truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { makeEfiDisk } from '../../scripts/boot-media.ts';
import { fetchFirmware, type FirmwareFiles } from '../../scripts/fetch-firmware.ts';
import { fetchGuests } from '../../scripts/fetch-guests.ts';
import { GuestSession } from './guest-session.ts';

const folder = mkdtempSync(join(tmpdir(), 'quarterdeck-acpi-')), disk = join(folder, 'boot.img'), other = join(folder, 'other.img');
const COMPLAINT = /acpi.*(error|warning|exception|invalid|bug)|firmware bug|illegal gsi|call trace/i;
const OTHER_BYTES = 4 * 2 ** 20;
let firmware: FirmwareFiles, session: GuestSession | undefined;

beforeAll(async () => {
  firmware = await fetchFirmware();
  await makeEfiDisk(disk, { kind: 'grub', menu: { entries: [{ title: 'Linux', ...await fetchGuests('generic'), commandLine: 'console=ttyAMA0 quiet acpi=force' }], timeoutSeconds: 0 } });
  await writeFile(other, '');
  await truncate(other, OTHER_BYTES);
}, 180_000);
afterEach(async ({ task }) => {
  if (task.result?.state === 'fail') console.error(`The console's last lines:\n${session?.lastLines()}`);
  await session?.vm.terminate();
});
afterAll(() => rmSync(folder, { recursive: true }));

const powerOn = (options: { readonly acpi?: boolean } = {}) => session = new GuestSession({
  name: 'judged', memoryMib: 512, iommu: true, guest: { kind: 'firmware', firmwarePath: firmware.edk2, ...options }, disks: [{ path: disk, readOnly: true }], nics: [{ kind: 'nat', connected: true, forwards: [] }],
});

test('Linux finds all that it had by the device tree, and does not complain', async () => {
  const guest = powerOn();
  await guest.expect('/ # ');
  await guest.run('dmesg -n 1');
  expect((await guest.run('ls /sys/firmware/acpi/tables')).split(/\s+/)).toEqual(expect.arrayContaining(['APIC', 'DBG2', 'DSDT', 'FACP', 'GTDT', 'IORT', 'MCFG', 'PPTT', 'SPCR']));
  expect(await guest.run('ls /proc/device-tree 2>&1')).toContain('No such file or directory');
  expect((await guest.run('dmesg')).split('\n').filter(line => COMPLAINT.test(line))).toEqual([]);
  const bound = await guest.run('for d in /sys/bus/acpi/devices/*; do n=$(readlink -f $d/physical_node/driver); echo ${d##*/}=${n##*/}; done');
  for (const each of ['ACPI0007:00=processor', 'ARMH0011:00=sbsa-uart', 'ARMH0061:00=pl061_gpio', 'LNRO0005:00=virtio-mmio', 'PRP0001:00=gpio-keys']) expect(bound).toContain(each);
  expect(await guest.run('cat /proc/interrupts')).toMatch(/ARMH0061:00 +3 Edge +ACPI:Event[^]*ITS-MSI.*virtio\d+-req\.0|ITS-MSI.*virtio\d+-req\.0[^]*ARMH0061:00 +3 Edge +ACPI:Event/);
  expect(await guest.run('ls /sys/class/iommu')).toContain('smmu3.0x0000000009050000');
  expect(await guest.run('cat /sys/class/dmi/id/sys_vendor /sys/class/dmi/id/product_name /sys/class/dmi/id/product_uuid')).toMatch(/\nQuarterdeck\r?\nQuarterdeck Virtual Machine\r?\n[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-/);
  expect(await guest.run('dd if=/dev/vda bs=1M count=8 of=/dev/null 2>&1 && echo read')).toContain('read');
  expect(await guest.run('ip link set eth0 up && udhcpc -i eth0 -n -q 2>&1')).toContain('lease');
  guest.vm.restartButton();
  await guest.run('until grep -qE "[1-9][0-9]* +ARMH0061:00.*GPIO Key Restart" /proc/interrupts; do :; done');
  const plugged = guest.vm.plugDisk(2, { path: other, readOnly: false });
  await guest.run('until [ -e /dev/vdb ]; do :; done');
  await plugged;
  expect(await guest.run('cat /sys/block/vdb/size')).toBe(String(OTHER_BYTES / 512));
  await guest.vm.unplug(2);
  await guest.run('until [ ! -e /dev/vdb ]; do :; done');
  guest.vm.powerButton();
  expect(await guest.stopped).toEqual({ kind: 'poweredOff' });
}, 200_000);

test('a VM whose firmware is to offer no ACPI tables has its device tree, and the same name', async () => {
  const guest = powerOn({ acpi: false });
  await guest.expect('/ # ');
  await guest.run('dmesg -n 1');
  expect(await guest.run('ls /sys/firmware/acpi/tables 2>&1')).toContain('No such file or directory');
  expect(await guest.run('ls /proc/device-tree')).toContain('pl011@9000000');
  expect(await guest.run('cat /sys/class/dmi/id/sys_vendor')).toBe('Quarterdeck');
  guest.type('poweroff -f');
  expect(await guest.stopped).toEqual({ kind: 'poweredOff' });
}, 200_000);
