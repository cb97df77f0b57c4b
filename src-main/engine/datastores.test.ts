import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, realpath, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LOCAL_DATASTORE } from '../../shared/model/container.ts';
import type { DatastoreId, HostId, TaskId, VmId } from '../../shared/base/ids.ts';
import type { Task } from '../../shared/model/task.ts';
import type { VmRequest } from '../../shared/model/vm.ts';
import { Store } from '../inventory/store.ts';
import { openTestClient, type TestClient } from './test-client.ts';

const DATACENTER = { kind: 'datacenter', id: 'datacenter' } as const, MIB = 2 ** 20;
let folder: string, data: string, shelf: string, engine: TestClient;
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), 'datastores-')));
  [data, shelf] = [join(folder, 'data'), join(folder, 'shelf')];
  await mkdir(shelf);
  engine = await openTestClient(data);
});
afterEach(async () => { await engine.close(); await rm(folder, { recursive: true }); });

const api = () => engine.client.api.datastores;
async function done(task: Promise<TaskId>): Promise<Task> {
  const ended = await engine.ended(await task);
  expect(ended).toMatchObject({ state: 'success' });
  return ended;
}
const added = async (capacityBytes?: number): Promise<DatastoreId> => (await done(api().add({ name: 'shelf', path: shelf, capacityBytes }, DATACENTER))).result?.id as DatastoreId;
const request: VmRequest = { name: 'web', cpus: 1, memoryMib: 64, guest: { kind: 'diagnostics' }, disks: [{ create: { format: 'qcow2', sizeMib: 1 }, readOnly: false }] };
const vmOn = async (datastore: DatastoreId, wanted = request): Promise<VmId> => (await done(engine.client.api.vms.create(wanted, 'host-a' as HostId, { datastoreId: datastore }))).result?.id as VmId;

async function uploaded(id: DatastoreId, path: string, bytes: Uint8Array): Promise<void> {
  const upload = await api().startUpload(id, path, bytes.length);
  for (let at = 0; at < bytes.length; at += MIB) await api().upload(upload, bytes.subarray(at, at + MIB));
  await api().finishUpload(upload);
}

test('a VM on another datastore has all its files there, also after the engine was started again, until it is deleted', async () => {
  const shelfId = await added(), id = await vmOn(shelfId);
  expect(await readdir(join(shelf, id))).toEqual(['disk-1.qcow2']);
  await done(engine.client.api.vms.takeSnapshot(id, { name: 'a', description: '', memory: false }));
  await engine.close();
  engine = await openTestClient(data);
  await done(engine.client.api.vms.clone(id, { name: 'copy', linked: false, template: false }));
  expect((await readdir(shelf)).length).toBe(2);
  expect((await api().list(shelfId, '')).map(({ usedBy }) => usedBy).sort()).toEqual(['copy', 'web']);
  await expect(engine.client.api.inventory.remove([{ kind: 'datastore', id: shelfId }])).rejects.toThrow('shelf is not empty: web is on it.');
  for (const vm of await engine.objects('vm')) await done(engine.client.api.vms.delete(vm.id));
  await done(engine.client.api.vms.emptyBin());
  expect([await readdir(shelf), await readdir(join(data, 'vms'))]).toEqual([[], []]);
  await done(engine.client.api.inventory.remove([{ kind: 'datastore', id: shelfId }]));
});

test('what a kill left on another datastore of a VM that never was goes when the engine starts', async () => {
  await added();
  const orphan = 'vm-0123456789ab', { completedMs: _, ...underWay } = (await engine.client.api.tasks.list(1)).rows[0]!;
  await engine.close();
  await mkdir(join(shelf, orphan));
  await mkdir(join(data, 'vms', orphan), { recursive: true });
  await writeFile(join(data, 'vms', orphan, 'elsewhere'), shelf);
  const store = await Store.open(join(data, 'inventory.db'));
  await store.commit([{ kind: 'task', after: { ...underWay, state: 'running' } }]);
  await store.close();
  engine = await openTestClient(data);
  expect([await readdir(shelf), await readdir(join(data, 'vms'))]).toEqual([[], []]);
});

test('files go up in pieces and come down, and are there when they are whole', async () => {
  const id = await added(), bytes = Buffer.alloc(2.5 * MIB, 'quarterdeck'), sum = createHash('sha256').update(bytes).digest('hex');
  await api().makeFolder(id, 'iso');
  const upload = await api().startUpload(id, 'iso/a.iso', bytes.length);
  await api().upload(upload, bytes.subarray(0, MIB));
  expect([existsSync(join(shelf, 'iso/a.iso')), (await readdir(join(shelf, 'iso'))).length]).toEqual([false, 1]);
  await expect(api().finishUpload(upload)).rejects.toThrow(`Only ${MIB} of ${bytes.length} bytes came.`);
  await api().cancelUpload(upload);
  await uploaded(id, 'iso/a.iso', bytes);
  expect((await done(api().checksum(id, 'iso/a.iso'))).details).toBe(`SHA-256 of iso/a.iso: ${sum}`);
  expect(Buffer.from(await api().read(id, 'iso/a.iso', 2 * MIB, MIB)).equals(bytes.subarray(2 * MIB))).toBe(true);
  await expect(api().startUpload(id, 'iso/a.iso', 1)).rejects.toThrow('iso/a.iso is there already.');
  await api().move(id, 'iso/a.iso', 'b.iso');
  expect((await api().list(id, '')).map(({ path, directory, sizeBytes }) => [path, directory, sizeBytes]).sort()).toEqual([['b.iso', false, bytes.length], ['iso', true, 0]]);
  await done(api().delete(id, ['b.iso', 'iso']));
  expect(await readdir(shelf)).toEqual([]);
});

test('an upload of a client that goes away leaves nothing', async () => {
  const id = await added();
  await api().startUpload(id, 'a', 10);
  await engine.close();
  expect(await readdir(shelf)).toEqual([]);
  engine = await openTestClient(data);
});

test('a capacity is kept: what does not fit is refused', async () => {
  const id = await added(2 * MIB), usage = await api().usage(id);
  expect([usage.capacityBytes, usage.freeBytes <= 2 * MIB]).toEqual([2 * MIB, true]);
  await uploaded(id, 'a', Buffer.alloc(1.5 * MIB, 1));
  await expect(api().startUpload(id, 'b', MIB)).rejects.toThrow(/^There are \d+ bytes free, and b has 1048576\.$/);
  await done(api().edit(id, { capacityBytes: 8 * MIB }));
  await uploaded(id, 'b', Buffer.alloc(MIB, 1));
  await done(api().edit(id, {}));
  expect((await api().usage(id)).capacityBytes).toBeGreaterThan(8 * MIB);
});

test('images are allotted a part of what a capacity leaves, and alarms watch usage by it', async () => {
  const id = await added(2 * MIB), vm = await vmOn(id), image = join(shelf, vm, 'disk-1.qcow2'), room = () => engine.engine.datastores.roomFor(image);
  expect([await room() <= MIB / 4, await room() > 0]).toEqual([true, true]);
  const red = new Promise<string>(resolve => { engine.client.on('inventory.changed', changes => { for (const change of changes) if (change.kind === 'triggeredAlarm' && change.after?.level === 'critical') resolve(`${change.after.object.name}: ${change.after.name}`); }); });
  await writeFile(join(shelf, 'ballast'), Buffer.alloc(2 * MIB, 1));
  expect(await room()).toBe(0);
  await engine.engine.performance.sample(Date.now());
  expect(await red).toBe('shelf: Datastore usage on disk');
  await done(api().edit(id, {}));
  expect(await room()).toBe(16 * MIB);
});

test('nothing is reached outside a datastore, and what VMs and the engine use stays', async () => {
  const id = await added(), vm = await vmOn(id);
  await symlink('/etc', join(shelf, 'link'));
  for (const path of ['..', '../data', '/etc/passwd', 'link/passwd']) await expect(api().list(id, path)).rejects.toThrow(`${path} is not in the datastore shelf.`);
  expect(await engine.ended(await api().delete(id, [`${vm}/disk-1.qcow2`]))).toMatchObject({ error: `${vm}/disk-1.qcow2 belongs to web.` });
  expect(await engine.ended(await api().delete(id, ['']))).toMatchObject({ error: 'The datastore’s own folder stays.' });
  await expect(api().move(id, vm, 'other')).rejects.toThrow(`${vm} belongs to web.`);
  expect(await engine.ended(await api().delete(LOCAL_DATASTORE, ['inventory.db']))).toMatchObject({ error: 'inventory.db is the engine’s own.' });
  expect(await readFile(join(data, 'inventory.db'))).toBeDefined();
});

test.each([
  ['relative/path', 'The path of a datastore begins at the root of the file system.'],
  ['/nowhere/at/all', 'ENOENT'],
])('a folder that cannot be a datastore is refused: %s', async (path, sentence) => {
  expect((await engine.ended(await api().add({ name: 'x', path }, DATACENTER))).error).toContain(sentence);
});

test('datastores do not lie in each other, and the data folder’s stays', async () => {
  await added();
  await mkdir(join(shelf, 'deeper'));
  expect((await engine.ended(await api().add({ name: 'x', path: join(shelf, 'deeper') }, DATACENTER))).error).toContain('and the datastore shelf at');
  expect((await engine.ended(await api().add({ name: 'x', path: data }, DATACENTER))).error).toContain('and the datastore datastore1 at');
  await expect(engine.client.api.inventory.remove([{ kind: 'datastore', id: LOCAL_DATASTORE }])).rejects.toThrow('datastore1 is in the engine’s own data folder, and stays.');
});
