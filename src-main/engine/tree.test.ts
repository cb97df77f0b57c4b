import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { NORMAL_ALLOCATION } from '../../shared/model/container.ts';
import type { NewObject, ObjectId, ObjectKind } from '../../shared/model/objects.ts';
import type { Place } from '../../shared/model/place.ts';
import type { HostId } from '../../shared/base/ids.ts';
import { english } from '../../shared/base/phrase.ts';
import { openTestClient, type TestClient } from './test-client.ts';

const DATACENTER = { kind: 'datacenter', id: 'datacenter' } as const, ROOT = { kind: 'root', id: 'root' } as const, HOST_A = { kind: 'host', id: 'host-a' } as const, HOST_B = { kind: 'host', id: 'host-b' } as const;
const NORMAL = { ...NORMAL_ALLOCATION, expandable: true };

let dataPath: string, engine: TestClient;
beforeEach(async () => { dataPath = mkdtempSync(join(tmpdir(), 'tree-')); engine = await openTestClient(dataPath); });
afterEach(async () => { await engine.close(); rmSync(dataPath, { recursive: true }); });

const api = () => engine.client.api;
async function create(wanted: NewObject): Promise<Place & { kind: Exclude<Place['kind'], 'root'> }> {
  const { result, error } = await engine.ended(await api().inventory.create(wanted));
  return { kind: result?.kind as 'folder', id: result?.id ?? String(error) };
}
async function createVm(name: string): Promise<ObjectId> {
  const { result } = await engine.ended(await api().vms.create({ name, cpus: 1, memoryMib: 64, guest: { kind: 'diagnostics' }, disks: [] }, HOST_A.id as HostId));
  return { kind: 'vm', id: result?.id ?? '' };
}
const move = async (ids: readonly ObjectId[], to: Place) => engine.ended(await api().inventory.move(ids, to));
const parents = async (kind: Exclude<ObjectKind, 'vm' | 'tag' | 'tagCategory' | 'customAttribute' | 'savedSearch' | 'alarmDefinition' | 'triggeredAlarm' | 'peer' | 'arrival'>) => Object.fromEntries((await engine.objects(kind)).map(object => [object.name, object.parent.id]));
const vmFolder = (name: string, parent: { kind: 'datacenter' | 'folder'; id: string } = DATACENTER) => ({ kind: 'folder', name, tree: 'vm', parent }) as const;
const pool = (name: string, parent: { kind: 'host' | 'cluster' | 'resourcePool'; id: string }) => ({ kind: 'resourcePool', name, parent, cpu: NORMAL, memory: NORMAL }) as const;

test('folders nest within their tree; names tell siblings apart, and nothing is in itself', async () => {
  const a = await create(vmFolder('a')), b = await create(vmFolder('b', { kind: 'folder', id: a.id }));
  await expect(api().inventory.create(vmFolder('A'))).rejects.toThrow('There already is a folder named a in Datacenter.');
  await expect(api().inventory.move([a], b)).rejects.toThrow('a cannot be in itself.');
  await expect(api().inventory.create({ kind: 'cluster', name: 'c', parent: { kind: 'folder', id: a.id } })).rejects.toThrow('a is a folder for VMs.');
  await expect(api().inventory.create({ kind: 'folder', name: 'x', tree: 'vm', parent: ROOT })).rejects.toThrow('A folder for VMs cannot be in Quarterdeck.');
  await move([b], DATACENTER);
  expect(await parents('folder')).toEqual({ a: 'datacenter', b: 'datacenter' });
  await expect(api().inventory.rename(b, 'a')).rejects.toThrow('There already is a folder named a');
  expect((await api().events.list(1)).rows[0]).toMatchObject({ type: 'folder.moved', message: 'b was moved to Datacenter.', target: { kind: 'folder', id: b.id } });
});

test('a VM has a place in two trees, and leaves the datacenter of its host in neither', async () => {
  const vm = await createVm('web'), folder = await create(vmFolder('apps')), own = await create(pool('gold', HOST_A)), elsewhere = await create(pool('silver', HOST_B));
  await move([vm], folder);
  await move([vm], own);
  expect(await engine.objects('vm')).toMatchObject([{ folderId: folder.id, poolId: own.id }]);
  await expect(api().inventory.move([vm], elsewhere)).rejects.toThrow('silver is not a resource pool of the host of web.');
  await move([vm], HOST_B);
  const [moved] = await engine.objects('vm');
  expect([moved?.hostId, moved?.folderId, moved?.poolId]).toEqual(['host-b', folder.id, undefined]);
  const other = await create({ kind: 'datacenter', name: 'other', parent: ROOT });
  await expect(api().inventory.move([vm], other)).rejects.toThrow('web runs in another datacenter than other.');
});

test('a running VM does not change its host by being moved', async () => {
  const vm = await createVm('web');
  await engine.ended(await api().vms.powerOn(vm.id as never));
  await expect(api().inventory.move([vm], HOST_B)).rejects.toThrow('web must be powered off to be moved to another host.');
});

test('hosts go into clusters and out of them, and the pools of a cluster are for all its hosts', async () => {
  const cluster = await create({ kind: 'cluster', name: 'lab', parent: DATACENTER }), vm = await createVm('web');
  await move([HOST_A, HOST_B], cluster);
  await expect(api().inventory.create(pool('x', HOST_A))).rejects.toThrow('host-a.lab.local is in a cluster; its resource pools are the cluster\'s.');
  const gold = await create(pool('gold', cluster as never));
  await move([vm], gold);
  await expect(api().inventory.move([HOST_A], DATACENTER)).rejects.toThrow('host-a.lab.local cannot be moved: web is in a resource pool that stays.');
  await expect(api().inventory.remove([cluster])).rejects.toThrow('lab is not empty');
  await engine.ended(await api().inventory.remove([gold]));
  expect((await engine.objects('vm'))[0]?.poolId).toBeUndefined();
  await move([HOST_A, HOST_B], DATACENTER);
  await engine.ended(await api().inventory.remove([cluster]));
  expect(await engine.objects('cluster')).toEqual([]);
});

test('all of a move or none of it', async () => {
  const [one, two] = [await createVm('one'), await createVm('two')], folder = await create(vmFolder('apps'));
  await expect(api().inventory.move([one, { kind: 'host', id: 'host-a' }, two], folder)).rejects.toThrow('apps is a folder for VMs.');
  expect((await engine.objects('vm')).map(vm => vm.folderId)).toEqual([undefined, undefined]);
});

test('what would be wrong with a move is told without moving', async () => {
  const vm = await createVm('web'), folder = await create(vmFolder('apps'));
  expect([await api().inventory.moveProblem([vm], folder), english(await api().inventory.moveProblem([vm, HOST_A], folder) ?? '')]).toEqual([null, 'apps is a folder for VMs.']);
  expect((await engine.objects('vm'))[0]?.folderId).toBeUndefined();
});

test('a folder that is not empty stays, also when what is in it is in the bin', async () => {
  const vm = await createVm('web'), folder = await create(vmFolder('apps'));
  await move([vm], folder);
  await engine.ended(await api().vms.delete(vm.id as never));
  await expect(api().inventory.remove([folder])).rejects.toThrow('apps is not empty: web is in it, in the bin.');
});

test('tags come one of a category where it says so, and go with their tag', async () => {
  const vm = await createVm('web'), single = await create({ kind: 'tagCategory', name: 'stage', single: true });
  const tag = (name: string) => create({ kind: 'tag', name, categoryId: single.id as never, colour: 'blue' });
  const [test, production] = [await tag('test'), await tag('production')], owner = await create({ kind: 'customAttribute', name: 'owner' });
  await expect(api().inventory.create({ kind: 'tag', name: 'Test', categoryId: single.id as never, colour: 'red' })).rejects.toThrow('There already is a tag named test.');
  for (const added of [test, production]) await engine.ended(await api().inventory.label([vm, HOST_A], { addTags: [added.id as never] }));
  await engine.ended(await api().inventory.label([vm], { attributes: { [owner.id]: 'Ada' }, notes: 'Two\nlines' }));
  expect((await engine.objects('vm'))[0]).toMatchObject({ tagIds: [production.id], attributes: { [owner.id]: 'Ada' }, notes: 'Two\nlines' });
  await expect(api().inventory.label([vm], { addTags: ['tag-none' as never] })).rejects.toThrow('The tag no longer exists.');
  await expect(api().inventory.remove([single])).rejects.toThrow('stage still has tags.');
  await engine.ended(await api().inventory.remove([production, test, owner]));
  expect((await engine.objects('vm'))[0]).toMatchObject({ tagIds: [], attributes: {} });
});
