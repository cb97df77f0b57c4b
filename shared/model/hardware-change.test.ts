import { expect, test } from 'vitest';
import { USUAL_DISPLAY, type DisplaySpec } from './display.ts';
import { runningChange } from './hardware-change.ts';
import type { VmRequest, VmSpec } from './vm.ts';
import { english } from '../base/phrase.ts';

const root = { path: '/images/root.qcow2', readOnly: false }, extra = { path: '/images/extra.raw', readOnly: true, slot: 2 };
const before: VmSpec = { name: 'web-01', cpus: 1, memoryMib: 512, guest: { kind: 'diagnostics' }, disks: [root, extra], nics: [{ kind: 'nat', forwards: [], connected: true }] };
const change = (rest: Partial<VmRequest>) => runningChange(before, { ...before, ...rest });
const NONE = { addedDisks: [], removedDisks: [], addedNics: [], removedNics: [], media: [], cables: [], refused: [] };

test('limits, port forwards, what it boots and its name never need the machine', () => {
  expect(change({})).toEqual(NONE);
  expect(change({
    name: 'web-02', guest: { kind: 'binary', imagePath: '/b' }, disks: [{ ...root, iopsLimit: 100 }, extra],
    nics: [{ kind: 'nat', forwards: [{ protocol: 'tcp', hostPort: 8080, guestPort: 80 }], connected: true }],
  })).toEqual(NONE);
});

test('disks are added, those in slots are removed, and cables are pulled while it runs', () => {
  const fresh = { create: { format: 'qcow2', sizeMib: 64 }, readOnly: false } as const;
  expect(change({ disks: [root, fresh], nics: [{ kind: 'nat', forwards: [], connected: false }] })).toEqual({ ...NONE, addedDisks: [fresh], removedDisks: [extra], cables: [{ nic: 0, connected: false }] });
});

test('what is built into the machine is named', () => {
  expect(change({ cpus: 2, memoryMib: 1024, disks: [{ ...extra, bus: 'nvme' }], nics: [{ kind: 'switch', switch: 'lab', connected: true }] }).refused.map(english)).toEqual([
    'the number of CPUs', 'memory', 'removing root.qcow2, which was not plugged in while the VM ran', 'the bus, format or write protection of extra.raw', 'the network or MAC address of network adapter 1',
  ]);
  expect(change({ nics: [] }).refused.map(english)).toEqual(['removing network adapter 1, which was not plugged in while the VM ran']);
});

test('the adapter and the number of displays are built into the machine; the rest of a display changes while it runs', () => {
  const to = (of: DisplaySpec | undefined, display: DisplaySpec | undefined) => runningChange({ ...before, ...(of && { display: of }) }, { ...before, ...(display && { display }) }), usual = USUAL_DISPLAY;
  expect(to(usual, { ...usual, fixedSize: { width: 800, height: 600 }, sessions: 'refuse', unwatched: 'suspend', vnc: { at: { kind: 'tcp', port: 0 } } })).toEqual(NONE);
  expect(to(usual, { ...usual, adapter: 'framebuffer', heads: 2 }).refused.map(english)).toEqual(['the video adapter', 'the number of displays']);
  for (const [of, display] of [[usual, undefined], [undefined, usual]]) expect(to(of, display).refused.map(english)).toEqual(['the video adapter']);
});

test('CPUs change while it runs as far as hot add allows', () => {
  const to = (maxCpus: number | undefined, rest: Partial<VmRequest>) => runningChange({ ...before, ...(maxCpus !== undefined && { maxCpus }) }, { ...before, ...(maxCpus !== undefined && { maxCpus }), ...rest });
  expect(to(4, { cpus: 4 })).toEqual({ ...NONE, cpus: 4 });
  expect(to(4, { cpus: 5 }).refused.map(english)).toEqual(['the number of CPUs']);
  expect(to(undefined, { cpus: 2 }).refused.map(english)).toEqual(['the number of CPUs']);
  expect(to(4, { maxCpus: 8 }).refused.map(english)).toEqual(['CPU hot add']);
});

test('adapters are added, and those in slots are removed, while it runs', () => {
  const [nat] = before.nics!, lab = { kind: 'switch', switch: 'lab', connected: true } as const, plugged: VmSpec = { ...before, nics: [nat!, { ...lab, slot: 1 }, { ...lab, slot: 4 }] };
  const to = (nics: VmSpec['nics']) => runningChange(plugged, { ...plugged, nics });
  expect(change({ nics: [nat!, lab, lab] })).toEqual({ ...NONE, addedNics: [lab, lab] });
  expect(to([nat!, { ...lab, slot: 4, connected: false }, lab])).toEqual({ ...NONE, addedNics: [lab], removedNics: [{ ...lab, slot: 1 }], cables: [{ nic: 2, connected: false }] });
  expect(to([{ ...nat!, mac: '52:54:00:00:00:01' }, { ...lab, switch: 'other', slot: 4 }]).refused.map(english)).toEqual(['the network or MAC address of network adapter 1', 'the network or MAC address of network adapter 3']);
});

test('what is in a CD drive changes while it runs; the drive stays', () => {
  const drive = { path: '', readOnly: true, cdrom: true }, withDrives: VmSpec = { ...before, disks: [root, drive, { ...drive, path: '/a.iso' }] };
  const to = (disks: VmSpec['disks']) => runningChange(withDrives, { ...withDrives, disks });
  expect(to([root, { ...drive, path: '/b.iso' }, drive])).toEqual({ ...NONE, media: [{ drive: 0, path: '/b.iso' }, { drive: 1, path: undefined }] });
  expect(to([root, drive]).refused.map(english)).toEqual(['removing a CD/DVD drive']);
});
