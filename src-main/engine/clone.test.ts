/** Copies of VMs and templates, and what becomes of the layers of their disks. */
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { HostId, SnapshotId, TaskId, VmId } from '../../shared/base/ids.ts';
import type { CloneRequest } from '../../shared/model/clone.ts';
import { USUAL_DISPLAY } from '../../shared/model/display.ts';
import type { Task } from '../../shared/model/task.ts';
import type { Vm } from '../../shared/model/vm.ts';
import { Store } from '../inventory/store.ts';
import { openImage } from '../storage/open-image.ts';
import { openTestClient, type TestClient } from './test-client.ts';

let folder: string, engine: TestClient;
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'clone-')); engine = await openTestClient(folder); });
afterEach(async () => { await engine.close(); await rm(folder, { recursive: true }); });

const vms = () => engine.client.api.vms;
async function done(task: Promise<TaskId>): Promise<Task> {
  const ended = await engine.ended(await task);
  expect(ended).toMatchObject({ state: 'success' });
  return ended;
}
const vm = async (name: string): Promise<Vm> => (await engine.objects('vm')).find(each => each.spec.name === name)!;
const layersOf = async (id: string) => (await readdir(join(folder, 'vms', id))).filter(name => name.endsWith('.layer.qcow2'));

/** A VM with a disk of its own, on which a text stands. */
async function created(name: string, text = name): Promise<VmId> {
  const { result } = await done(vms().create({
    name, cpus: 1, memoryMib: 64, guest: { kind: 'diagnostics' }, disks: [{ create: { format: 'qcow2', sizeMib: 8 }, readOnly: false }],
    nics: [{ kind: 'nat', connected: true, mac: '52:54:00:00:00:01', forwards: [{ protocol: 'tcp', hostPort: 2222, guestPort: 22 }] }],
    display: { ...USUAL_DISPLAY, vnc: { at: { kind: 'unix', path: join(folder, `${name}.vnc`) } } },
  }, 'host-a' as HostId));
  await write(name, 0, text);
  return result?.id as VmId;
}
async function onDisk<T>(name: string, readOnly: boolean, use: (image: Awaited<ReturnType<typeof openImage>>) => Promise<T>): Promise<T> {
  const image = await openImage((await vm(name)).spec.disks[0]!.path, { readOnly });
  try { return await use(image); } finally { await image.close(); }
}
const write = (name: string, at: number, text: string) => onDisk(name, false, image => image.write(at * 512, Buffer.from(text.padEnd(512, '.'))));
const read = (name: string, at: number) => onDisk(name, true, async image => { const bytes = Buffer.alloc(512); await image.read(at * 512, bytes); return bytes.toString().replace(/[.\0]+$/, ''); });
const clone = (id: VmId, name: string, rest: Partial<CloneRequest> = {}) => done(vms().clone(id, { name, linked: false, template: false, ...rest }));
const snapshot = async (id: VmId, name: string): Promise<SnapshotId> => {
  await done(vms().takeSnapshot(id, { name, description: '', memory: false }));
  return (await engine.objects('vm')).find(each => each.id === id)!.snapshots!.find(each => each.name === name)!.id;
};

test('a full clone stands alone: its own disk, its own address, no port or socket of the host', async () => {
  const id = await created('web', 'of web');
  await clone(id, 'copy');
  await write('web', 0, 'changed');
  expect([await read('copy', 0), await read('web', 0)]).toEqual(['of web', 'changed']);
  const copy = await vm('copy');
  expect(copy.spec.nics).toEqual([{ kind: 'nat', connected: true, forwards: [] }]);
  expect(copy.spec.display).toEqual(USUAL_DISPLAY);
  // The snapshot that it was copied from is gone, with its layer.
  expect([(await vm('web')).snapshots, await layersOf(id), (await vm('web')).needsConsolidation]).toEqual([[], [], undefined]);
  await done(vms().powerOn(copy.id));
});

test('a running VM is cloned as it is then, and its layers become one when it goes off', async () => {
  const id = await created('web');
  await done(vms().powerOn(id));
  await clone(id, 'copy');
  expect(await read('copy', 0)).toBe('web');
  expect((await vm('web')).needsConsolidation).toBe(true);
  const consolidated = new Promise<void>(resolve => { engine.client.on('task.changed', task => { if (task.name.startsWith('Consolidate') && task.state === 'success') resolve(); }); });
  await done(vms().powerOff(id));
  await consolidated;
  expect([await read('web', 0), await layersOf(id), (await vm('web')).needsConsolidation]).toEqual(['web', [], undefined]);
});

test('a linked clone holds what differs, and keeps the snapshot that it stands on', async () => {
  const id = await created('web', 'old');
  await clone(id, 'linked', { linked: true });
  await write('web', 0, 'new');
  await write('linked', 1, 'mine');
  expect([await read('linked', 0), await read('linked', 1), await read('web', 1)]).toEqual(['old', 'mine', '']);
  const { snapshots = [] } = await vm('web'), base = snapshots[0]!, linked = await vm('linked');
  expect([base.name, linked.base]).toEqual(['Base of linked', { vmId: id, snapshotId: base.id }]);
  expect(await engine.ended(await vms().deleteSnapshot(id, base.id))).toMatchObject({ error: 'The disks of linked, a linked clone, stand on the snapshot "Base of linked" of web.' });
  await done(vms().delete(id));
  expect(await engine.ended(await vms().deleteFromDisk(id))).toMatchObject({ error: 'The disks of linked, a linked clone, stand on a snapshot of web.' });
  await done(vms().delete(linked.id));
  await done(vms().emptyBin());
  expect(await readdir(join(folder, 'vms'))).toEqual([]);
});

test('a linked clone still stands on its snapshot when snapshots around that one go', async () => {
  const id = await created('web', 'zero'), ids: SnapshotId[] = [];
  for (const name of ['before', 'base', 'after']) {
    ids.push(await snapshot(id, name));
    await write('web', ids.length, name);
  }
  await clone(id, 'linked', { linked: true, snapshotId: ids[1]! });
  await write('linked', 5, 'mine');
  await done(vms().deleteSnapshot(id, ids[0]!));
  await done(vms().deleteSnapshot(id, ids[2]!));
  expect(await Promise.all([0, 1, 2, 5].map(at => read('linked', at)))).toEqual(['zero', 'before', '', 'mine']);
  expect(await Promise.all([0, 1, 2, 3].map(at => read('web', at)))).toEqual(['zero', 'before', 'base', 'after']);
  await done(vms().revertToSnapshot(id, ids[1]!));
  await clone(id, 'another', { linked: true, snapshotId: ids[1]! });
  expect(await Promise.all(['web', 'another'].map(name => read(name, 1)))).toEqual(['before', 'before']);
});

test('a clone of a snapshot is what that was', async () => {
  const id = await created('web', 'first'), first = await snapshot(id, 'first');
  await write('web', 0, 'second');
  await clone(id, 'copy', { snapshotId: first });
  expect([await read('copy', 0), (await vm('web')).snapshots?.length]).toEqual(['first', 1]);
});

test('a snapshot that was only taken for a clone goes when the engine starts after a kill', async () => {
  const id = await created('web');
  await snapshot(id, 'mine');
  await snapshot(id, 'for a clone');
  await engine.close();
  const store = await Store.open(join(folder, 'inventory.db')), [object] = store.contents.objects.flatMap(each => (each.kind === 'vm' ? [each.object] : []));
  await store.commit([{ kind: 'object', after: { kind: 'vm', object: { ...object!, snapshots: object!.snapshots!.map(each => (each.name === 'mine' ? each : { ...each, temporary: true })) } } }]);
  await store.close();
  engine = await openTestClient(folder);
  const [task] = (await engine.client.api.tasks.list(1)).rows;
  expect(await engine.ended(task!.id)).toMatchObject({ name: 'Delete snapshot', state: 'success' });
  expect([(await vm('web')).snapshots?.map(each => each.name), await layersOf(id), await read('web', 0)]).toEqual([['mine'], [expect.any(String)], 'web']);
});

test('a template is copied, and neither powered on nor changed', async () => {
  const id = await created('web');
  await done(vms().convertToTemplate(id));
  expect(await engine.ended(await vms().powerOn(id))).toMatchObject({ error: 'web is a template. Deploy a virtual machine from it, or convert it into one.' });
  await expect(vms().reconfigure(id, (await vm('web')).spec)).rejects.toThrow('web is a template');
  expect((await clone(id, 'from-template')).name).toBe('Deploy from template');
  await clone(id, 'other-template', { template: true });
  expect([(await vm('from-template')).template, (await vm('other-template')).template]).toEqual([undefined, true]);
  await done(vms().convertToVm(id));
  await done(vms().powerOn(id));
});

test('what cannot be cloned is said at once, and a cancelled clone leaves nothing', async () => {
  const id = await created('web');
  await expect(vms().clone(id, { name: 'WEB', linked: false, template: false })).rejects.toThrow('There already is a VM named web.');
  await expect(vms().clone(id, { name: 'x', linked: false, template: false, hostId: 'host-x' as HostId })).rejects.toThrow('The host no longer exists.');
  await expect(vms().clone(id, { name: 'x', linked: true, template: false, snapshotId: 'snapshot-x' as SnapshotId })).rejects.toThrow('web has no such snapshot.');
  const task = await vms().clone(id, { name: 'copy', linked: false, template: false });
  await engine.client.api.tasks.cancel(task);
  expect(await engine.ended(task)).toMatchObject({ state: 'cancelled' });
  expect([(await engine.objects('vm')).length, await readdir(join(folder, 'vms')), await layersOf(id)]).toEqual([1, [id], []]);
});

test('layers between snapshots become one with what is below them, on every branch', async () => {
  const id = await created('web', 'zero'), ids: SnapshotId[] = [];
  for (const name of ['a', 'b', 'c']) {
    ids.push(await snapshot(id, name));
    await write('web', ids.length, name);
  }
  await done(vms().revertToSnapshot(id, ids[1]!));
  await write('web', 4, 'branch');
  // b is below two branches and stays; c is nobody's.
  await done(vms().deleteSnapshot(id, ids[2]!));
  await done(vms().deleteSnapshot(id, ids[0]!));
  expect(await Promise.all([0, 1, 2, 3, 4].map(at => read('web', at)))).toEqual(['zero', 'a', '', '', 'branch']);
  await done(vms().revertToSnapshot(id, ids[1]!));
  expect(await Promise.all([0, 1, 2, 4].map(at => read('web', at)))).toEqual(['zero', 'a', '', '']);
  expect(await layersOf(id)).toHaveLength(1);
  await done(vms().deleteAllSnapshots(id));
  expect([await layersOf(id), await read('web', 1), existsSync(join(folder, 'vms', id, 'disk-1.qcow2'))]).toEqual([[], 'a', true]);
});

test('a hundred snapshots are taken, gone back to and deleted', async () => {
  const id = await created('web'), COUNT = 100;
  for (let n = 1; n <= COUNT; n++) {
    await snapshot(id, `s${n}`);
    await write('web', n, `n${n}`);
  }
  const { snapshots = [] } = await vm('web');
  expect([await read('web', 1), await read('web', COUNT)]).toEqual(['n1', `n${COUNT}`]);
  await done(vms().revertToSnapshot(id, snapshots[49]!.id));
  expect([await read('web', 49), await read('web', 50)]).toEqual(['n49', '']);
  await done(vms().deleteAllSnapshots(id));
  expect([await layersOf(id), await read('web', 49), await read('web', 50)]).toEqual([[], 'n49', '']);
}, 120_000);

test('a thousand snapshots are taken and deleted, each file being opened a few times', async () => {
  const id = await created('web'), COUNT = 1000;
  for (let n = 1; n <= COUNT; n++) await snapshot(id, `s${n}`);
  expect([(await vm('web')).snapshots?.length, (await layersOf(id)).length]).toEqual([COUNT, COUNT]);
  await write('web', 1, 'last');
  await done(vms().deleteAllSnapshots(id));
  expect([(await vm('web')).snapshots, await layersOf(id), await read('web', 1)]).toEqual([[], [], 'last']);
}, 400_000);
