import { expect, test } from 'vitest';
import type { FileProbe } from '../../../shared/api/engine-api.ts';
import { diskDraft, diskOf, linuxNames, newDisk, newNic, nicOf } from './hardware-draft.ts';

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
  const own = { path: '/i', readOnly: false, slot: 0 };
  expect(linuxNames([{ bus: 'virtio' }, { bus: 'nvme' }, { bus: 'virtio', own }, { bus: 'virtio' }, { bus: 'nvme' }])).toEqual(['vda', 'nvme0n1', undefined, 'vdb', 'nvme0n2']);
});
