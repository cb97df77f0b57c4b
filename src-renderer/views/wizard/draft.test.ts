import { expect, test } from 'vitest';
import type { FileProbe } from '../../../shared/api/engine-api.ts';
import type { HostId, ResourcePoolId } from '../../../shared/base/ids.ts';
import { LOCAL_DATASTORE } from '../../../shared/model/container.ts';
import { HOST_PROFILES, type Host } from '../../../shared/model/host.ts';
import { USUAL_DISPLAY } from '../../../shared/model/display.ts';
import type { VmSpec } from '../../../shared/model/vm.ts';
import { displayDraft } from '../settings/display-draft.ts';
import { newDisk, newForward, newNic, type DiskDraft } from '../settings/hardware-draft.ts';
import type { TreeNode } from '../../components/tree.ts';
import { describeFile, draftOf, fileProblem, filesOf, followGuest, locations, newDraft, PAGES, pageOf, placeAt, problemsOf, requestOf, type Draft } from './draft.ts';

const host: Host = { ...HOST_PROFILES[0], id: 'a' as HostId, name: 'host-a', cpus: 4, memoryMib: 2048, connected: true, parent: { kind: 'datacenter', id: 'datacenter' } };
/** Of the diagnostics, which need nothing. */
function draft(changes: Partial<Draft> = {}): Draft {
  const one: Draft = { ...newDraft(host.id), name: 'web-01', guest: 'diagnostics' };
  followGuest(one, 'uefi', 'diagnostics');
  return { ...one, ...changes };
}
const image = (changes: Partial<DiskDraft> = {}): DiskDraft => ({ ...newDisk([], 'image'), ...changes });
const asked = (of: Draft, probes: [string, FileProbe][] = []) => requestOf(of, new Map(probes));
const problems = (changes: Partial<Draft>, probes: [string, FileProbe][] = []) =>
  Object.fromEntries(problemsOf(draft(changes), { takenNames: ['db-01'], hosts: [host], probes: new Map(probes) }));
const probe = (what: FileProbe['what'], sizeBytes = 1024): FileProbe => ({ exists: true, sizeBytes, what });

test('a new draft with a name is complete: a disk and a drive for an operating system, which the built-in UEFI boots', () => {
  const one = { ...newDraft(host.id), name: 'web-01' };
  expect(problems(one)).toEqual({});
  expect(asked(one)).toMatchObject({ guest: { kind: 'uefi' }, disks: [{ create: { sizeMib: 16384 } }, { cdrom: true, path: '' }], nics: [{ kind: 'nat' }], display: USUAL_DISPLAY });
  expect(asked({ ...one, bootDelay: '5', showsBootMenu: true, kernelPath: '/k' }).guest).toEqual({ kind: 'uefi', settings: { delayMs: 5000, showMenu: true }, kernelPath: '/k', commandLine: 'console=ttyAMA0' });
  const spec: VmSpec = { name: 'web-01', cpus: 1, smpMode: 'parallel', memoryMib: 512, guest: { kind: 'uefi', settings: { delayMs: 1000, showMenu: false, tables: 'acpi' } }, disks: [] };
  expect(asked(draftOf(spec, host.id))).toEqual(spec);
  expect(problems({ ...one, bootDelay: '61' })).toEqual({ 'guest.settings.delayMs': 'The boot delay in milliseconds must be at most 60000.' });
});

test('the diagnostics need no file', () => {
  expect(problems({})).toEqual({});
  expect(asked(draft())).toEqual({ name: 'web-01', cpus: 1, smpMode: 'parallel', memoryMib: 512, guest: { kind: 'diagnostics' }, disks: [] });
});

test('a name must be there, be allowed and be free', () => {
  expect(problems({ name: ' ' })).toEqual({ name: 'Enter a name.' });
  expect(problems({ name: 'a/b' })).toEqual({ name: 'A name cannot contain /, \\, % or control characters.' });
  expect(problems({ name: ' db-01 ' })).toEqual({ name: 'There is already a virtual machine named "db-01".' });
});

test('hardware is judged as typed, then against the host', () => {
  expect(problems({ cpus: '' })).toEqual({ cpus: 'CPU count must be a number.' });
  expect(problems({ cpus: '1.5' })).toEqual({ cpus: 'CPU count must be a whole number.' });
  expect(problems({ cpus: '8' })).toEqual({ cpus: 'host-a has 4 CPUs, the virtual machine asks for 8.' });
  expect(problems({ memory: '3', memoryUnit: 'GiB' })).toEqual({ memoryMib: 'host-a has 2 GiB of memory, the virtual machine asks for 3 GiB.' });
  expect(problems({ hostId: undefined })).toEqual({ hostId: 'Choose a host.' });
});

test('a Linux guest needs a kernel that is one; the initrd may be left out', () => {
  const linux: Partial<Draft> = { guest: 'linux', kernelPath: '/k' };
  expect(problems({ guest: 'linux' })).toEqual({ 'guest.kernelPath': 'Choose the kernel file.' });
  expect(problems(linux, [['/k', probe('other')]])).toEqual({ 'guest.kernelPath': 'This is not a Linux arm64 Image, plain or gzip.' });
  expect(problems(linux, [['/k', probe('linux-image')]])).toEqual({});
  expect(asked(draft(linux)).guest).toEqual({ kind: 'linux', kernelPath: '/k', commandLine: 'console=ttyAMA0' });
});

test('a disk image is the first disk of a Linux guest, and its problems stand where it is chosen', () => {
  const disk: Partial<Draft> = { guest: 'disk', kernelPath: '/k', disks: [image({ readOnly: true })] };
  expect(problems(disk)).toEqual({ 'guest.rootDiskPath': 'Choose the disk image file.', 'disks.0.path': 'Choose the disk image file.' });
  expect(problems({ ...disk, rootDiskPath: '/r' }, [['/r', probe('directory')]])).toMatchObject({ 'guest.rootDiskPath': 'This is a folder. Choose a file in it.' });
  expect(asked(draft({ ...disk, rootDiskPath: '/r' }))).toMatchObject({
    guest: { kind: 'linux', kernelPath: '/k', commandLine: 'console=ttyAMA0 root=/dev/vda rw' }, disks: [{ path: '/r', readOnly: false }, { path: '', readOnly: true }] });
});

test('only the files of the chosen guest and the disks are looked at', () => {
  const both = draft({ guest: 'binary', kernelPath: '/k', imagePath: ' /i ', disks: [image({ path: '/d', readOnly: true })] });
  expect(filesOf(both).map(file => [file.field, file.use, file.path])).toEqual([['guest.imagePath', 'image', '/i'], ['disks.0.path', 'disk', '/d']]);
});

test('a file says what it is, or why it cannot be used', () => {
  expect(describeFile(probe('linux-image', 36_700_160))).toBe('Linux arm64 kernel, 35 MiB.');
  expect(fileProblem('disk', probe('directory'))).toBe('This is a folder. Choose a file in it.');
  expect(fileProblem('disk', { exists: false, sizeBytes: 0, what: 'other' })).toBe('There is no such file.');
  expect(fileProblem('disk', undefined)).toBeUndefined();
});

test('a Linux guest has an adapter behind a NAT and a display, as long as the operator does not want something else', () => {
  const one = draft();
  followGuest(one, 'diagnostics', 'linux');
  expect(asked(one)).toMatchObject({ nics: [{ kind: 'nat', forwards: [], connected: true }], display: USUAL_DISPLAY });
  followGuest(one, 'linux', 'firmware');
  expect(asked(one).display).toEqual(USUAL_DISPLAY);
  followGuest(one, 'firmware', 'binary');
  expect(asked(one)).toEqual(expect.not.objectContaining({ nics: expect.anything() as unknown, display: expect.anything() as unknown }));
  const own = draft({ nics: [{ ...newNic([]), connected: false }] });
  followGuest(own, 'linux', 'diagnostics');
  expect(own.nics).toHaveLength(1);
  const headless = draft({ display: displayDraft(undefined) });
  followGuest(headless, 'linux', 'disk');
  expect(asked(headless).display).toBeUndefined();
});

test('a VM’s settings become a draft and the same settings again', () => {
  const spec: VmSpec = {
    name: 'web-01', cpus: 2, smpMode: 'deterministic', memoryMib: 1536, guest: { kind: 'linux', kernelPath: '/k', commandLine: 'quiet' },
    disks: [{ path: '/a', readOnly: false }, { path: '/b', readOnly: true, bus: 'nvme', format: 'qcow2', slot: 1, iopsLimit: 100, bytesPerSecondLimit: 1_572_864 }],
    nics: [{ kind: 'nat', forwards: [{ protocol: 'tcp', hostPort: 8080, guestPort: 80, bind: '0.0.0.0' }], connected: true, mac: '52:54:00:00:00:01' }, { kind: 'switch', switch: 'lab', vlan: 0, connected: false, limit: { bitsPerSecond: 1e6, burstBytes: 1e5 } }],
    display: { ...USUAL_DISPLAY, heads: 2, vnc: { at: { kind: 'tcp', port: 5901 }, password: 'secret' } },
  };
  expect(asked(draftOf(spec, host.id))).toEqual(spec);
});

test('firmware needs its volume; its variables need not be there yet', () => {
  expect(problems({ guest: 'firmware' })).toEqual({ 'guest.firmwarePath': 'Choose the firmware file.' });
  const spec: VmSpec = { name: 'web-01', cpus: 1, smpMode: 'parallel', memoryMib: 512, guest: { kind: 'firmware', firmwarePath: '/f', variablesPath: '/v', acpi: false }, disks: [] };
  expect(asked(draftOf(spec, host.id))).toEqual(spec);
  expect(filesOf(draftOf(spec, host.id)).map(({ path }) => path)).toEqual(['/f']);
});

test('hardware that cannot be says so at its field', () => {
  const forward = { ...newForward([]), hostPort: '8080', guestPort: '80' };
  expect(problems({ disks: [{ ...newDisk([], 'new'), size: '0', iops: 'many' }, image({ path: '/i' }), image({ path: '/i' }), image({ path: '/x' })] },
    [['/i', { ...probe('other'), image: { format: 'iso', sizeBytes: 1, allocatedBytes: 1 } }], ['/x', { ...probe('other'), image: { problem: 'The image is damaged.' } }]])).toEqual({
    'disks.0.create.sizeMib': 'The size of a new disk in MiB must be at least 1.', 'disks.0.iopsLimit': 'The limit of operations a second must be a number.',
    'disks.1.path': 'i is an ISO image, which can only be read: tick Read only.', 'disks.2.path': 'Disk 2 has this image already.', 'disks.3.path': 'The image is damaged.',
  });
  expect(problems({ nics: [{ ...newNic([]), kind: 'switch', vlan: '5000', mac: 'x' }, { ...newNic([]), forwards: [forward, { ...forward, key: 2, guestPort: '' }] }] })).toEqual({
    'nics.0.switch': 'Choose a switch.', 'nics.0.vlan': expect.stringContaining('4095') as string, 'nics.0.mac': 'A MAC address is written as 52:54:00:12:34:56, and is not one of a group.',
    'nics.1.forwards.1.guestPort': 'A guest port must be a number.', 'nics.1.forwards.1.hostPort': 'TCP port 8080 is forwarded twice.',
  });
});

test('a display that cannot be says so at its fields', () => {
  const display = { ...displayDraft(USUAL_DISPLAY), size: 'fixed', width: '100', height: '', vnc: 'tcp', port: '70000', password: 'longer than 8' } as const;
  expect(problems({ display })).toEqual({
    'display.fixedSize.width': 'The width in pixels must be at least 320.', 'display.fixedSize.height': 'The height in pixels must be a number.',
    'display.vnc.at.port': 'The port must be at most 65535.', 'display.vnc.password': 'A VNC password has at most 8 characters.',
  });
  expect(problems({ display: { ...display, size: 'client', vnc: 'unix', path: ' ', password: '' } })).toEqual({ 'display.vnc.at.path': 'Enter the path of the socket.' });
  expect([problems({ display: { ...display, adapter: 'none' } }), pageOf('display.vnc.at.port')]).toEqual([{}, 'hardware']);
});

test('CPU hot add allows no fewer CPUs than there are', () => {
  expect(problems({ cpus: '3', maxCpus: '2' })).toEqual({ maxCpus: 'It has 3 CPUs.' });
  expect(problems({ maxCpus: '9' })).toEqual({ maxCpus: 'The most CPUs must be at most 8.' });
  expect([asked(draft({ maxCpus: '4' })).maxCpus, asked(draft())]).toEqual([4, expect.not.objectContaining({ maxCpus: expect.anything() as unknown }) as unknown]);
});

test('allocations are judged at their fields, and left out when they are normal', () => {
  const allocation = { level: 'custom', shares: '0', reservation: '99999', limit: '5', expandable: true } as const;
  expect(problems({ cpuAllocation: { ...allocation } })).toEqual({ 'cpuAllocation.shares': 'Shares are at least 1.', 'cpuAllocation.reservation': 'Its CPUs have 2400 MHz on host-a.', 'cpuAllocation.limit': 'The limit is below the reservation.' });
  expect(problems({ memory: '512', memoryAllocation: { ...allocation, shares: '1', reservation: '600' } })).toEqual({ 'memoryAllocation.reservation': 'It has 512 MiB of memory.', 'memoryAllocation.limit': 'It has 512 MiB of memory; a limit is not below that.' });
  expect(asked(draft())).not.toHaveProperty('cpuAllocation');
  expect(asked(draft({ cpus: '2', cpuAllocation: { ...allocation, level: 'high', reservation: '0', limit: '' } })).cpuAllocation).toEqual({ shares: 4000, reservation: 0 });
});

test('pages come in vSphere’s order', () => {
  expect(PAGES.map(({ id }) => id)).toEqual(['type', 'name', 'host', 'storage', 'compatibility', 'guest', 'hardware', 'review']);
});

test('a VM is put in a datacenter or a folder of it, and in the pool that was asked for', () => {
  const node = (id: string, children: readonly TreeNode[] = []): TreeNode => ({ id, label: id, icon: 'folder', children });
  const centre = node('/datacenter/a', [node('/folder/apps')]), nested = node('/datacenter/b');
  expect(locations([node('/root/root', [centre, node('/folder/europe', [nested])])])).toEqual([centre, nested]);
  expect(placeAt({ kind: 'datacenter', id: 'a' }, {}, LOCAL_DATASTORE)).toEqual({ datastoreId: LOCAL_DATASTORE });
  expect(placeAt({ kind: 'folder', id: 'apps' }, { poolId: 'p' as ResourcePoolId }, LOCAL_DATASTORE)).toEqual({ folderId: 'apps', poolId: 'p', datastoreId: LOCAL_DATASTORE });
});
