import { expect, test } from 'vitest';
import { runningChange } from './hardware-change.ts';
import type { VmRequest, VmSpec } from './vm.ts';

const root = { path: '/images/root.qcow2', readOnly: false }, extra = { path: '/images/extra.raw', readOnly: true, slot: 2 };
const before: VmSpec = { name: 'web-01', cpus: 1, memoryMib: 512, guest: { kind: 'diagnostics' }, disks: [root, extra], nics: [{ kind: 'nat', forwards: [], connected: true }] };
const change = (rest: Partial<VmRequest>) => runningChange(before, { ...before, ...rest });
const NONE = { addedDisks: [], removedDisks: [], media: [], cables: [], refused: [] };

test('limits, port forwards, what it boots and its name never need the machine', () => {
  expect(change({})).toEqual(NONE);
  expect(change({
    name: 'web-02', guest: { kind: 'binary', imagePath: '/b' }, disks: [{ ...root, iopsLimit: 100 }, extra],
    nics: [{ kind: 'nat', forwards: [{ protocol: 'tcp', hostPort: 8080, guestPort: 80 }], connected: true }],
  })).toEqual(NONE);
});

test('disks are added, those in slots are removed, and cables are pulled while it runs', () => {
  const fresh = { create: { format: 'qcow2', sizeMib: 64 }, readOnly: false } as const;
  expect(change({ disks: [root, fresh], nics: [{ kind: 'nat', forwards: [], connected: false }] })).toEqual({ addedDisks: [fresh], removedDisks: [extra], media: [], cables: [{ nic: 0, connected: false }], refused: [] });
});

test('what is built into the machine is named', () => {
  expect(change({ cpus: 2, memoryMib: 1024, disks: [{ ...extra, bus: 'nvme' }], nics: [{ kind: 'switch', switch: 'lab', connected: true }] }).refused).toEqual([
    'the number of CPUs', 'memory', 'removing root.qcow2, which was not plugged in while the VM ran', 'the bus, format or write protection of extra.raw', 'the network or MAC address of network adapter 1',
  ]);
  expect(change({ nics: [] }).refused).toEqual(['removing a network adapter']);
});

test('what is in a CD drive changes while it runs; the drive stays', () => {
  const drive = { path: '', readOnly: true, cdrom: true }, withDrives: VmSpec = { ...before, disks: [root, drive, { ...drive, path: '/a.iso' }] };
  const to = (disks: VmSpec['disks']) => runningChange(withDrives, { ...withDrives, disks });
  expect(to([root, { ...drive, path: '/b.iso' }, drive])).toEqual({ ...NONE, media: [{ drive: 0, path: '/b.iso' }, { drive: 1, path: undefined }] });
  expect(to([root, drive]).refused).toEqual(['removing a CD/DVD drive']);
});
