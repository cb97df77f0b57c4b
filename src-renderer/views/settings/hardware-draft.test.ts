import { expect, test } from 'vitest';
import type { FileProbe } from '../../../shared/api/engine-api.ts';
import type { DiskBus } from '../../../shared/model/vm.ts';
import { deviceNames, diskDraft, diskOf, linuxNames, newDisk, newNic, nicOf } from './hardware-draft.ts';

test('a new disk is asked for with its size; one that exists with the format that was found', () => {
  const qcow2: FileProbe = { exists: true, sizeBytes: 1, what: 'other', image: { format: 'qcow2', sizeBytes: 1, allocatedBytes: 1 } }, probes = new Map([['/i', qcow2]]);
  expect(diskOf({ ...newDisk([], 'new'), size: '1.5', bus: 'nvme', bandwidth: '0.5' }, probes)).toEqual({ create: { format: 'qcow2', sizeMib: 1536 }, readOnly: false, bus: 'nvme', bytesPerSecondLimit: 524_288 });
  expect(diskOf({ ...newDisk([], 'image'), path: ' /i ', readOnly: true }, probes)).toEqual({ path: '/i', readOnly: true, format: 'qcow2' });
});

test('limits of a disk that the VM has can be taken away', () => {
  const own = { path: '/i', readOnly: false, bus: 'nvme', iopsLimit: 100, slot: 0 } as const;
  expect(diskOf({ ...diskDraft(own, 1), iops: ' ' }, new Map())).toEqual({ path: '/i', readOnly: false, bus: 'nvme', slot: 0 });
});

test('an adapter that went from a switch to a NAT has nothing left of the switch', () => {
  expect(nicOf({ ...newNic([]), kind: 'nat', switch: 'lab', vlan: '7' })).toEqual({ kind: 'nat', forwards: [], connected: true });
});

test('Linux numbers disks for each bus, and those in slots last', () => {
  const own = { path: '/i', readOnly: false, slot: 0 }, disk = (bus: DiskBus) => ({ ...newDisk([], 'new'), bus });
  expect(linuxNames([disk('virtio'), disk('nvme'), { ...disk('virtio'), own }, newDisk([], 'cdrom'), disk('virtio'), disk('nvme'), disk('scsi')])).toEqual(['vda', 'nvme0n1', undefined, 'sr0', 'vdb', 'nvme0n2', 'sda']);
  expect(deviceNames([disk('virtio'), newDisk([], 'cdrom'), disk('scsi')])).toEqual(['Disk 1', 'CD/DVD drive 1', 'Disk 2']);
});

test('a CD drive may be empty, and keeps what is said of it as long as its image stays', () => {
  const own = { path: '/a.iso', readOnly: true, cdrom: true, format: 'iso' } as const;
  expect(diskOf(newDisk([], 'cdrom'), new Map())).toEqual({ path: '', readOnly: true, cdrom: true });
  expect([diskOf(diskDraft(own, 1), new Map()), diskOf({ ...diskDraft(own, 1), path: '' }, new Map())]).toEqual([own, { path: '', readOnly: true, cdrom: true }]);
});
