import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { HostId, VmId } from '../../shared/base/ids.ts';
import { USUAL_DISPLAY, type DisplaySpec } from '../../shared/model/display.ts';
import { USUAL_TIME, type GuestTimeSpec } from '../../shared/model/guest-time.ts';
import type { NewDiskSpec, NicSpec, VmRequest } from '../../shared/model/vm.ts';
import { openTestClient, type TestClient } from './test-client.ts';

const HOST = 'host-a' as HostId;
const request = (rest: Partial<VmRequest> = {}): VmRequest => ({ name: 'web-01', cpus: 1, memoryMib: 128, guest: { kind: 'diagnostics' }, disks: [], ...rest });
const fresh = (rest: Partial<NewDiskSpec> = {}): NewDiskSpec => ({ create: { format: 'qcow2', sizeMib: 64 }, readOnly: false, ...rest });

let dataPath: string, client: TestClient['client'], ended: TestClient['ended'], objects: TestClient['objects'], close: TestClient['close'];

beforeEach(async () => {
  dataPath = mkdtempSync(join(tmpdir(), 'engine-'));
  ({ client, ended, objects, close } = await openTestClient(dataPath));
});
afterEach(async () => {
  await close();
  rmSync(dataPath, { recursive: true });
});

async function only() {
  const [vm] = await objects('vm');
  if (!vm) throw new Error('there is no VM');
  return vm;
}

async function created(rest: Partial<VmRequest> = {}, { on = false } = {}) {
  expect(await ended(await client.api.vms.create(request(rest), HOST))).toMatchObject({ state: 'success' });
  const vm = await only();
  if (on) expect(await ended(await client.api.vms.powerOn(vm.id))).toMatchObject({ state: 'success' });
  return vm;
}

const changed = async (id: VmId, spec: VmRequest) => ended(await client.api.vms.reconfigure(id, spec));
const folder = (id: VmId) => join(dataPath, 'vms', id);

test('new disks are made in the VM’s folder, in their place among the others', async () => {
  writeFileSync(join(dataPath, 'mine.img'), Buffer.alloc(65_536));
  const { id, spec } = await created({ disks: [fresh({ bus: 'nvme' }), { path: join(dataPath, 'mine.img'), readOnly: true }, fresh({ create: { format: 'raw', sizeMib: 8 }, iopsLimit: 100 })] });
  expect(spec.disks).toEqual([
    { path: join(folder(id), 'disk-1.qcow2'), format: 'qcow2', bus: 'nvme', readOnly: false }, { path: join(dataPath, 'mine.img'), readOnly: true },
    { path: join(folder(id), 'disk-2.img'), format: 'raw', readOnly: false, iopsLimit: 100 },
  ]);
  expect(await client.api.files.probe(join(folder(id), 'disk-1.qcow2'))).toMatchObject({ image: { format: 'qcow2', sizeBytes: 64 * 2 ** 20 } });
  await ended(await client.api.vms.delete(id));
  await ended(await client.api.vms.deleteFromDisk(id));
  expect([existsSync(folder(id)), existsSync(join(dataPath, 'mine.img'))]).toEqual([false, true]);
});

test('a disk that cannot be made leaves neither a VM nor a file', async () => {
  writeFileSync(join(dataPath, 'vms'), '');
  expect(await ended(await client.api.vms.create(request({ disks: [fresh()] }), HOST))).toMatchObject({ state: 'error' });
  expect(await objects('vm')).toEqual([]);
  await expect(client.api.vms.create(request({ disks: [fresh({ create: { format: 'qcow2', sizeMib: 0 } })] }), HOST)).rejects.toThrow('The size of a new disk in MiB must be at least 1.');
});

test('a change is reverted from its task, unless the same was changed again', async () => {
  const { id, spec } = await created({ disks: [fresh()] });
  const change = await changed(id, { ...spec, cpus: 2, iommu: true, disks: [...spec.disks, fresh()] });
  await changed(id, { ...(await only()).spec, memoryMib: 256 });
  expect(await ended(await client.api.tasks.revert(change.id))).toMatchObject({ state: 'success', name: 'Reconfigure virtual machine' });
  expect((await only()).spec).toEqual({ ...spec, memoryMib: 256 });
  expect(readdirSync(folder(id)), 'the image stays').toContain('disk-2.qcow2');

  await expect(client.api.tasks.revert(change.id)).rejects.toThrow('cannot be reverted, as this was changed again since: the number of CPUs; the IOMMU; the disks.');
  await expect(client.api.tasks.revert((await client.api.tasks.list(10)).rows.at(-1)!.id)).rejects.toThrow('The task "Create virtual machine" cannot be reverted.');
  const unchanged = await changed(id, (await only()).spec);
  expect(unchanged.change).toBeUndefined();
});

test('everything can change while the VM is off', async () => {
  const { id } = await created({ disks: [fresh()] });
  const wanted = request({ name: 'db-01', cpus: 2, memoryMib: 256, disks: [fresh({ create: { format: 'raw', sizeMib: 1 } })], nics: [{ kind: 'nat', forwards: [], connected: true }] });
  expect(await changed(id, wanted)).toMatchObject({ state: 'success', name: 'Reconfigure virtual machine' });
  expect((await only()).spec).toEqual({ ...wanted, disks: [{ path: join(folder(id), 'disk-1.img'), format: 'raw', readOnly: false }] });
  expect((await client.api.events.list(1)).rows[0]).toMatchObject({ type: 'vm.reconfigured', message: 'The settings of db-01 were changed.' });
  await expect(client.api.vms.reconfigure(id, request({ cpus: 8, memoryMib: 3072, disks: [{ path: '/a', readOnly: true }, { path: '/a', readOnly: true }] }))).rejects.toThrow('The disk image /a is there twice.');
});

test('a running VM takes a new disk into a slot and gives it back; its file stays', async () => {
  const { id, spec } = await created({ disks: [fresh()] }, { on: true });
  expect(await changed(id, { ...spec, disks: [...spec.disks, fresh({ bus: 'nvme' })] })).toMatchObject({ state: 'success' });
  const added = { path: join(folder(id), 'disk-2.qcow2'), format: 'qcow2', bus: 'nvme', readOnly: false, slot: 0 } as const;
  expect((await only()).spec.disks).toEqual([...spec.disks, added]);
  expect((await client.api.vms.stats(id))?.disks).toMatchObject([{ bus: 'virtio', reads: 0 }, { bus: 'nvme', slot: 0, path: added.path }]);
  expect(await changed(id, spec)).toMatchObject({ state: 'success' });
  expect((await only()).spec.disks).toEqual(spec.disks);
  expect(readdirSync(folder(id))).toEqual(['disk-1.qcow2', 'disk-2.qcow2']);
  expect((await client.api.events.list(2)).rows.map(event => event.message)).toEqual(['The disk disk-2.qcow2 was removed from web-01.', 'The disk disk-2.qcow2 was added to web-01.']);
});

test('a running VM takes a network adapter and gives it back; another one has its slot then', async () => {
  const lab = { kind: 'switch', switch: 'lab', connected: true } as const, nat: NicSpec = { kind: 'nat', forwards: [], connected: true };
  const { id, spec } = await created({ nics: [nat] }, { on: true });
  const addition = await changed(id, { ...spec, nics: [nat, lab, { ...lab, switch: 'other' }] });
  expect([addition.state, (await only()).spec.nics]).toEqual(['success', [nat, { ...lab, slot: 0 }, { ...lab, switch: 'other', slot: 1 }]]);
  const macs = async () => (await client.api.vms.stats(id))!.nics.map(({ mac, slot }) => [slot, mac] as const), before = await macs();
  expect(new Set(before.map(([, mac]) => mac)).size).toBe(3);

  expect(await changed(id, { ...spec, nics: [nat, { ...lab, switch: 'other', slot: 1, connected: false }] })).toMatchObject({ state: 'success' });
  expect(await macs()).toEqual([before[0], before[2]]);
  expect(await changed(id, { ...spec, nics: [...(await only()).spec.nics!, lab] })).toMatchObject({ state: 'success' });
  expect(await macs()).toEqual([before[0], before[2], before[1]]);
  expect((await client.api.events.list(5)).rows.map(event => event.message)).toEqual([
    'Network adapter 3 was added to web-01.', 'A network adapter was removed from web-01.', 'Network adapter 3 of web-01 was disconnected.', 'The settings of web-01 were changed.', 'Network adapter 3 was added to web-01.',
  ]);
  await expect(client.api.vms.reconfigure(id, { ...spec, nics: [] })).rejects.toThrow('removing network adapter 1, which was not plugged in while the VM ran');
  await expect(client.api.vms.reconfigure(id, { ...spec, nics: [nat, { ...lab, slot: 1 }, { ...lab, slot: 1 }] })).rejects.toThrow('Two devices are in slot 1.');
});

test('CPUs are added to a running VM up to what hot add allows', async () => {
  const { id, spec } = await created({ maxCpus: 2 }, { on: true });
  expect(await changed(id, { ...spec, cpus: 2 })).toMatchObject({ state: 'success' });
  expect((await only()).spec).toEqual({ ...spec, cpus: 2 });
  await expect(client.api.vms.reconfigure(id, { ...spec, cpus: 3 })).rejects.toThrow('web-01 cannot have 3 CPUs and at most 2.');
  await expect(client.api.vms.reconfigure(id, { ...spec, maxCpus: 4 })).rejects.toThrow('web-01 must be powered off to change: CPU hot add.');
});

test('a network adapter whose network does not take it is not recorded', async () => {
  const { id, spec } = await created({}, { on: true }), server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo, forwards = [{ protocol: 'tcp' as const, hostPort: port, guestPort: 80 }];
  expect(await changed(id, { ...spec, nics: [{ kind: 'nat', forwards, connected: true }] })).toMatchObject({ state: 'error', error: `The port forward at 127.0.0.1 port ${port} (tcp) is in use.` });
  server.close();
  expect((await only()).spec.nics ?? []).toEqual([]);
});

test('a running VM keeps limits for its next power on, and refuses what needs it off', async () => {
  const { id, spec } = await created({ disks: [fresh()] }, { on: true }), [disk] = spec.disks;
  expect(await changed(id, { ...spec, disks: [{ ...disk!, iopsLimit: 50 }] })).toMatchObject({ state: 'success' });
  expect((await only()).spec.disks).toMatchObject([{ iopsLimit: 50 }]);
  await expect(client.api.vms.reconfigure(id, { ...spec, cpus: 2, disks: [] })).rejects.toThrow(
    'web-01 must be powered off to change: the number of CPUs; removing disk-1.qcow2, which was not plugged in while the VM ran.');
});

test('a running VM keeps its displays; how large they are and who may look at them changes at once', async () => {
  const display: DisplaySpec = { ...USUAL_DISPLAY, fixedSize: { width: 1024, height: 768 } }, { fixedSize: _, ...usual } = display;
  const { id, spec } = await created({ display }, { on: true });
  const wanted: DisplaySpec = { ...usual, sessions: 'takeOver', unwatched: 'suspend', vnc: { at: { kind: 'unix', path: join(dataPath, 'web.vnc') }, password: 'secret', tls: true } };
  expect(await changed(id, { ...spec, display: wanted })).toMatchObject({ state: 'success' });
  expect((await only()).spec).toEqual({ ...spec, display: wanted });
  expect((await client.api.events.list(1)).rows[0]).toMatchObject({ type: 'vm.reconfigured', message: 'The settings of web-01 were changed.' });

  const { display: __, ...headless } = spec;
  await expect(client.api.vms.reconfigure(id, { ...spec, display: { ...wanted, adapter: 'framebuffer', heads: 2 } })).rejects.toThrow('web-01 must be powered off to change: the video adapter; the number of displays.');
  await expect(client.api.vms.reconfigure(id, headless)).rejects.toThrow('web-01 must be powered off to change: the video adapter.');
  await expect(client.api.vms.reconfigure(id, { ...spec, display: { ...wanted, fixedSize: { width: 1024, height: 4096 } } })).rejects.toThrow('The height in pixels must be at most 4095.');
  expect((await only()).spec.display).toEqual(wanted);
  await ended(await client.api.vms.powerOff(id));
  expect(await changed(id, headless)).toMatchObject({ state: 'success' });
  expect((await only()).spec).toEqual(headless);
});

test('a disk that cannot be plugged in is not recorded', async () => {
  const { id, spec } = await created({}, { on: true });
  expect(await changed(id, { ...spec, disks: [{ path: '/nowhere.img', readOnly: true }] })).toMatchObject({ state: 'error', error: expect.stringContaining('/nowhere.img') as string });
  expect((await only()).spec.disks).toEqual([]);
});

test('an adapter’s cable is pulled, and what passes it is captured, while the VM runs', async () => {
  const { id, spec } = await created({ nics: [{ kind: 'nat', forwards: [], connected: true }] }, { on: true });
  expect(await changed(id, { ...spec, nics: [{ kind: 'nat', forwards: [], connected: false }] })).toMatchObject({ state: 'success' });
  expect((await only()).spec.nics).toMatchObject([{ connected: false }]);
  const { path } = await client.api.vms.startCapture(id, 0);
  expect((await client.api.vms.stats(id))?.nics).toEqual([{
    mac: expect.stringMatching(/^52:54:/) as string, hostPorts: [], sent: { frames: 0, bytes: 0, drops: 0 }, received: { frames: 0, bytes: 0, drops: 0 }, capturePath: path,
  }]);
  await expect(client.api.vms.startCapture(id, 0)).rejects.toThrow('is being captured to');
  await client.api.vms.stopCapture(id, 0);
  expect(existsSync(path)).toBe(true);
  await expect(client.api.vms.stopCapture(id, 0)).rejects.toThrow('is not being captured');
  await expect(client.api.vms.startCapture(id, 1)).rejects.toThrow('web-01 has no network adapter 2.');
});

test('images that a snapshot has, or that a disk stands on, are not written to', async () => {
  const { id, spec } = await created({ disks: [fresh()] });
  expect(await ended(await client.api.vms.takeSnapshot(id, { name: 'before', description: '', memory: false }))).toMatchObject({ state: 'success' });
  await expect(client.api.vms.reconfigure(id, spec)).rejects.toThrow('belongs to a snapshot of web-01. It can be used read only.');
  await expect(client.api.vms.create(request({ name: 'other', disks: spec.disks }), HOST)).rejects.toThrow('belongs to a snapshot of web-01.');

  const now = await only();
  expect(await changed(id, { ...now.spec, disks: [] })).toMatchObject({ state: 'success' });
  expect(await ended(await client.api.vms.revertToSnapshot(id, now.currentSnapshotId!))).toMatchObject({ state: 'success' });
  expect((await only()).spec.disks).toHaveLength(1);
  // What a running VM stands on stays below it until it is off.
  await ended(await client.api.vms.powerOn(id));
  await ended(await client.api.vms.deleteSnapshot(id, now.currentSnapshotId!));
  const on = await only();
  expect(await changed(id, { ...on.spec, disks: [...on.spec.disks, ...spec.disks] })).toMatchObject({ state: 'error', error: expect.stringContaining('A disk of web-01 stands on') as string });
});

test('what is in a CD drive changes while the VM runs; the drive itself needs it off', async () => {
  const disc = join(dataPath, 'disc.iso'), drive = { path: '', readOnly: true, cdrom: true };
  writeFileSync(disc, Buffer.alloc(65_536));
  const { id, spec } = await created({ disks: [drive] }, { on: true });
  expect(await changed(id, { ...spec, disks: [{ ...drive, path: disc }] })).toMatchObject({ state: 'success' });
  expect((await only()).spec.disks).toEqual([{ ...drive, path: disc }]);
  expect((await client.api.vms.stats(id))?.disks).toMatchObject([{ bus: 'cdrom', path: disc }]);
  await expect(client.api.vms.reconfigure(id, { ...spec, disks: [] })).rejects.toThrow('web-01 must be powered off to change: removing a CD/DVD drive.');
});

test('guest time is let run at another rate while the VM is on, which is kept; whether it is scaled is changed while it is off', async () => {
  const { api } = client, time: GuestTimeSpec = { ...USUAL_TIME, scaling: true, rate: 2, afterSuspend: 'jump' };
  const { id, spec } = await created({}, { on: true });
  await expect(api.vms.changeTime(id, { rate: 3 })).rejects.toThrow('The VM\'s time is not scaled');
  await expect(api.vms.reconfigure(id, { ...spec, time })).rejects.toThrow('must be powered off to change: scaling of guest time');
  expect(await changed(id, { ...spec, time: { ...USUAL_TIME, afterStop: 'catchUp' } })).toMatchObject({ state: 'success' });
  await ended(await api.vms.powerOff(id));
  await expect(api.vms.changeTime(id, { rate: 3 })).rejects.toThrow('is powered off');
  expect(await changed(id, { ...spec, time })).toMatchObject({ state: 'success' });
  await expect(api.vms.reconfigure(id, { ...spec, time: { ...time, rate: 0 } })).rejects.toThrow('The rate of guest time must be at least 0.01.');
  await ended(await api.vms.powerOn(id));
  expect((await api.vms.stats(id))?.time).toMatchObject({ rate: 2, paused: false });
  expect(await api.vms.changeTime(id, { rate: 0.5, dateMs: Date.UTC(2001, 0, 1) })).toEqual({ stepped: false });
  expect(await api.vms.changeTime(id, { paused: true, dateMs: Date.UTC(2101, 0, 1) })).toEqual({ stepped: true });
  const { time: paused } = (await api.vms.stats(id))!;
  expect(paused).toMatchObject({ rate: 0, paused: true });
  expect(paused.guestNs).toBeGreaterThan(99 * 365 * 24 * 3600e9);
  expect((await only()).spec.time).toEqual({ ...time, rate: 0.5 });
  // What is suspended goes on as it was.
  await ended(await api.vms.suspend(id));
  await ended(await api.vms.powerOn(id));
  expect((await api.vms.stats(id))?.time).toMatchObject({ rate: 0, paused: true });
  await api.vms.changeTime(id, { paused: false });
  expect((await api.vms.stats(id))?.time.rate).toBe(0.5);
  expect((await api.events.list(20)).rows.map(({ message }) => message)).toEqual(expect.arrayContaining(['Guest time of web-01 runs at a rate of 0.5.', 'Guest time of web-01 was paused.', 'The date of web-01 was set to 2101-01-01T00:00:00.000Z.', 'Guest time of web-01 goes on.']));
}, 60_000);
