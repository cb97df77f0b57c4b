import { expect, test } from 'vitest';
import { USUAL_DISPLAY } from '../../shared/model/display.ts';
import { USUAL_TIME } from '../../shared/model/guest-time.ts';
import { DeviceTree } from '../firmware/acpi/device-tree.ts';
import { firmwareTablesOf } from './firmware-tables.ts';

const namesOf = (blob: Uint8Array) => new DeviceTree(blob).root.children.map(({ name }) => name);

test('a VM that is off has the tables of its board, the same each time', () => {
  const launch = { cpus: 2, maxCpus: 4, memoryMib: 1024, guest: { kind: 'firmware', firmwarePath: process.execPath }, iommu: true, display: USUAL_DISPLAY } as const, { deviceTree, tables, explanation, offersAcpi } = firmwareTablesOf(launch);
  expect(namesOf(deviceTree)).toEqual(expect.arrayContaining(['fw-cfg@9020000', 'flash@0', 'watchdog@90e0000', 'smmuv3@9050000', 'pcie@3f000000', 'virtio_mmio@a000000']));
  expect(new DeviceTree(deviceTree).root.child('cpus')!.children.filter(({ kind }) => kind === 'cpu')).toHaveLength(4);
  expect([tables.map(({ signature }) => signature).includes('IORT'), explanation.kind, offersAcpi, firmwareTablesOf(launch)]).toEqual([true, 'converted', true, { deviceTree, tables, explanation, offersAcpi }]);
});

test('who gets the device tree only is told so', () => {
  const offers = (more: object) => firmwareTablesOf({ cpus: 1, memoryMib: 128, guest: { kind: 'firmware', firmwarePath: process.execPath }, ...more }).offersAcpi;
  expect([offers({}), offers({ guest: { kind: 'firmware', firmwarePath: process.execPath, acpi: false } }), offers({ time: { ...USUAL_TIME, scaling: true } }), offers({ guest: { kind: 'diagnostics' } })]).toEqual([true, false, false, false]);
});

test('firmware that cannot be read is named', () => {
  expect(() => firmwareTablesOf({ cpus: 1, memoryMib: 128, guest: { kind: 'firmware', firmwarePath: '/nowhere/QEMU_EFI.fd' } })).toThrow(/^The firmware \/nowhere\/QEMU_EFI\.fd cannot be read: .*\.$/);
});
