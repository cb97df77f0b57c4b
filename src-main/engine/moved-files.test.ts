/** VMs whose files go to another datastore, on and off, alone and with a move to another host. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { DatastoreId, HostId, TaskId, VmId } from '../../shared/base/ids.ts';
import { LOCAL_DATASTORE } from '../../shared/model/container.ts';
import { HOST_PROFILES } from '../../shared/model/host.ts';
import type { VmSpec } from '../../shared/model/vm.ts';
import { Store } from '../inventory/store.ts';
import { checkImage } from '../storage/image-operations.ts';
import { openImage } from '../storage/open-image.ts';
import { openTestClient, type TestClient } from './test-client.ts';

const DATACENTER = { kind: 'datacenter', id: 'datacenter' } as never, SECTOR = 512;
let folder: string, opened: TestClient, second: DatastoreId;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quarterdeck-moved-files-'));
  await mkdir(join(folder, 'second'));
  opened = await openTestClient(join(folder, 'data'));
  second = await done(api().datastores.add({ name: 'second', path: join(folder, 'second') }, DATACENTER)) as DatastoreId;
});
afterEach(async () => {
  await opened.close();
  await rm(folder, { recursive: true });
});

const api = () => opened.client.api;
async function ended(task: Promise<TaskId>): Promise<{ readonly error: string; readonly id: string }> {
  const { state, error, result } = await opened.ended(await task);
  return { error: error ?? state, id: result?.id ?? '' };
}
async function done(task: Promise<TaskId>): Promise<string> {
  const { error, id } = await ended(task);
  expect(error).toBe('success');
  return id;
}
const create = async (name: string, rest: Partial<VmSpec> = {}) => await done(api().vms.create({ name, cpus: 1, memoryMib: 64, guest: { kind: 'diagnostics' }, disks: [{ create: { format: 'qcow2', sizeMib: 8 }, readOnly: false }], ...rest } as never, 'host-a' as HostId)) as VmId;
const vmNow = async (id: VmId) => (await opened.objects('vm')).find(vm => vm.id === id)!;
const local = (id: VmId) => join(folder, 'data/vms', id), away = (id: VmId) => join(folder, 'second', id);
const snapshot = (id: VmId, name: string, memory = false) => done(api().vms.takeSnapshot(id, { name, description: '', memory }));
async function write(id: VmId, at: number, text: string): Promise<void> {
  const image = await openImage((await vmNow(id)).spec.disks[0]!.path, { readOnly: false });
  await image.write(at * SECTOR, Buffer.from(text.padEnd(SECTOR, '.')));
  await image.close();
}
async function read(path: string, at: number): Promise<string> {
  const image = await openImage(path, { readOnly: true }), bytes = Buffer.alloc(SECTOR);
  await image.read(at * SECTOR, bytes);
  await image.close();
  return bytes.toString().replace(/[.\0]+$/, '');
}

test('a VM that is off takes its disks, its snapshots and what else is in its folder along, and back', async () => {
  const id = await create('web');
  for (const [at, name] of ['first', 'second', 'third'].entries()) {
    await write(id, at, name);
    await snapshot(id, name);
  }
  await write(id, 3, 'now');
  await mkdir(join(local(id), 'notes'));
  await writeFile(join(local(id), 'notes/of-mine'), 'kept');
  for (const [datastoreId, here, gone] of [[second, away(id), local(id)], [LOCAL_DATASTORE, local(id), away(id)]] as const) {
    await done(api().vms.migrate([id], { datastoreId }));
    const { spec, snapshots = [], datastoreId: now } = await vmNow(id);
    expect(now ?? LOCAL_DATASTORE).toBe(datastoreId);
    const paths = [spec, ...snapshots.map(each => each.spec)].map(({ disks }) => disks[0]!.path);
    expect(paths.every(path => path.startsWith(here))).toBe(true);
    expect(await Promise.all([0, 1, 2, 3].map(at => read(paths[0]!, at)))).toEqual(['first', 'second', 'third', 'now']);
    expect(await Promise.all([0, 1, 2, 3].map(at => read(paths[2]!, at)))).toEqual(['first', 'second', '', '']);
    for (const path of paths) expect(await checkImage(path)).toMatchObject({ corruptions: 0 });
    expect(existsSync(join(here, 'notes/of-mine'))).toBe(true);
    expect((await readdir(gone).catch((): string[] => [])).filter(name => name !== 'elsewhere')).toEqual([]);
  }
  await done(api().vms.deleteAllSnapshots(id));
  await done(api().vms.delete(id));
  await done(api().vms.emptyBin());
  expect([existsSync(local(id)), existsSync(away(id))]).toEqual([false, false]);
});

test('a VM that runs goes on with its disks where they are now, takes snapshots there, and goes back to those before', async () => {
  const there = await done(api().hosts.add({ name: 'there', parent: { kind: 'datacenter', id: 'datacenter' }, profile: HOST_PROFILES[0] })) as HostId, id = await create('web');
  await write(id, 0, 'mine');
  await snapshot(id, 'off');
  await done(api().vms.powerOn(id));
  await snapshot(id, 'on', true);
  await done(api().vms.migrate([id], { datastoreId: second, hostId: there }));
  expect(await vmNow(id)).toMatchObject({ hostId: there, datastoreId: second, powerState: 'poweredOn' });
  expect((await api().vms.stats(id))?.disks.map(({ path }) => path.startsWith(away(id)))).toEqual([true]);
  expect(await readdir(local(id))).toEqual(['elsewhere']);
  const [migration] = await api().vms.migrations(id);
  expect(migration).toMatchObject({ phase: 'moved', toHost: 'there', toDatastore: 'second' });
  expect([...new Set(migration!.samples.map(({ phase }) => phase))]).toEqual(['storage', 'preparing', 'copying', 'switching', 'moved']);
  await snapshot(id, 'after', true);
  const { snapshots = [] } = await vmNow(id);
  for (const { id: to } of snapshots) await done(api().vms.revertToSnapshot(id, to));
  expect((await vmNow(id)).powerState).toBe('poweredOn');
  await done(api().vms.powerOff(id));
  expect(await read((await vmNow(id)).spec.disks[0]!.path, 0)).toBe('mine');
  // Suspended, its state comes along.
  await done(api().vms.powerOn(id));
  await done(api().vms.suspend(id));
  await done(api().vms.migrate([id], { datastoreId: LOCAL_DATASTORE }));
  await done(api().vms.powerOn(id));
  expect(await vmNow(id)).toMatchObject({ powerState: 'poweredOn' });
});

test('what stands against it is said before, and a copy that fails or is cancelled leaves everything where it was', async () => {
  const id = await create('web'), names = async (datastoreId: DatastoreId) => (await api().vms.checkMigration(id, { datastoreId })).map(({ name, severity }) => `${name} ${severity}`);
  expect(await names(LOCAL_DATASTORE)).toEqual(['other-host error']);
  expect(await names(second)).toEqual([]);
  await write(id, 0, 'a');
  const path = await mkdtemp(join(folder, 'small-')), small = await done(api().datastores.add({ name: 'small', path, capacityBytes: 2 ** 20 }, DATACENTER)) as DatastoreId;
  await writeFile(join(path, 'full'), Buffer.alloc(2 ** 20, 1));
  expect(await names(small)).toEqual(['space error']);
  await rm(join(folder, 'second'), { recursive: true });
  expect(await names(second)).toEqual(['space error']);
  await mkdir(join(folder, 'second'));
  const image = join(folder, 'own.img');
  await writeFile(image, Buffer.alloc(2 ** 20));
  const { spec } = await vmNow(id);
  await done(api().vms.reconfigure(id, { ...spec, disks: [...spec.disks, { path: image, readOnly: false }] }));
  expect(await names(second)).toEqual(['files-outside warning']);
  await done(api().vms.clone(id, { name: 'linked', linked: true, template: false }));
  expect(await names(second)).toEqual(['linked-clones error', 'files-outside warning']);
  const other = await create('other');
  await mkdir(away(other));
  await writeFile(join(away(other), 'theirs'), 'kept');
  expect((await ended(api().vms.migrate([other], { datastoreId: second }))).error).toBe(`There are files in ${away(other)} already.`);
  expect([existsSync(join(away(other), 'theirs')), (await vmNow(other)).datastoreId, (await readdir(local(other))).filter(name => name === 'moving')]).toEqual([true, undefined, []]);
  const third = await create('third'), task = await api().vms.migrate([third], { datastoreId: second });
  await api().tasks.cancel(task);
  expect(await opened.ended(task)).toMatchObject({ state: 'cancelled' });
  expect([existsSync(away(third)), (await vmNow(third)).datastoreId]).toEqual([false, undefined]);
  await done(api().vms.powerOn(third));
});

test('of files that were on their way when the engine was killed, those that the inventory does not name go', async () => {
  const stays = await create('stays'), moved = await create('moved');
  for (const id of [stays, moved]) await write(id, 0, 'mine');
  await done(api().vms.migrate([moved], { datastoreId: second }));
  await opened.close();
  // As a kill leaves it before, and after, the inventory names the new place.
  await mkdir(away(stays));
  await writeFile(join(away(stays), 'disk-1.qcow2'), 'a part');
  await writeFile(join(local(stays), 'moving'), `${local(stays)}\n${away(stays)}\n`);
  await writeFile(join(local(moved), 'disk-1.qcow2'), 'what was');
  await writeFile(join(local(moved), 'moving'), `${local(moved)}\n${away(moved)}\n`);
  const store = await Store.open(join(folder, 'data/inventory.db')), base = { name: 'Migrate virtual machine', state: 'running', queuedMs: 1, startedMs: 1, cancelable: false } as const;
  await store.commit([stays, moved].map((id, n) => ({ kind: 'task', after: { ...base, id: `task-${n}` as TaskId, target: { kind: 'vm', id, name: 'x' } } }) as never));
  await store.close();
  opened = await openTestClient(join(folder, 'data'));
  expect([existsSync(away(stays)), await readdir(local(stays)), await readdir(local(moved)), await readdir(away(moved))]).toEqual([false, ['disk-1.qcow2'], ['elsewhere'], ['disk-1.qcow2']]);
  for (const id of [stays, moved]) expect(await read((await vmNow(id)).spec.disks[0]!.path, 0)).toBe('mine');
});

test('files that something reads or writes where they are keep a VM that runs from taking them along', async () => {
  const id = await create('busy', { nics: [{ kind: 'nat', connected: true, forwards: [] }] }), names = async (of: VmId) => (await api().vms.checkMigration(of, { datastoreId: second })).map(({ name, severity }) => `${name} ${severity}`);
  await done(api().vms.powerOn(id));
  await api().vms.startCapture(id, 0);
  expect(await names(id)).toEqual(['files-in-use error']);
  await api().vms.stopCapture(id, 0);
  expect(await names(id)).toEqual([]);
  await writeFile(join(local(id), 'disc.iso'), new Uint8Array(65_536));
  const reader = await create('reader', { disks: [{ path: join(local(id), 'disc.iso'), readOnly: true, cdrom: true }] });
  expect(await names(id)).toEqual(['shared-files error']);
  await done(api().vms.delete(reader));
  await done(api().vms.emptyBin());
  await done(api().vms.powerOff(id));
  await done(api().vms.reconfigure(id, { ...(await vmNow(id)).spec, disks: [...(await vmNow(id)).spec.disks, { path: join(local(id), 'disc.iso'), readOnly: true, cdrom: true }] }));
  expect(await names(id)).toEqual([]);
  await done(api().vms.powerOn(id));
  expect(await names(id)).toEqual(['files-in-use error']);
  await done(api().vms.powerOff(id));
  await done(api().vms.migrate([id], { datastoreId: second }));
  expect((await vmNow(id)).spec.disks.map(({ path }) => path.startsWith(away(id)))).toEqual([true, true]);
  expect((await readdir(away(id))).filter(name => name.endsWith('.pcapng'))).toHaveLength(1);
});
