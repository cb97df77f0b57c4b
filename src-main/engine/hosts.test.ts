import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ClusterId, HostId, ResourcePoolId, TaskId, VmId } from '../../shared/base/ids.ts';
import { HOST_PROFILES, type HostProfile, type NewHost } from '../../shared/model/host.ts';
import type { VmSpec } from '../../shared/model/vm.ts';
import { Store } from '../inventory/store.ts';
import { openTestClient, type TestClient } from './test-client.ts';

const DATACENTER = { kind: 'datacenter', id: 'datacenter' } as const;
const SMALL: HostProfile = { ...HOST_PROFILES[1], cpus: 2, cpuMhz: 1000, memoryMib: 512 };
const spec = (name: string, rest: Partial<VmSpec> = {}): VmSpec => ({ name, cpus: 1, memoryMib: 128, guest: { kind: 'diagnostics' }, disks: [], ...rest });
const cpu = (reservation: number) => ({ cpuAllocation: { shares: 1000, reservation } });
const pooled = (reservation: number, rest: { limit?: number; expandable?: boolean } = {}) => ({ shares: 4000, reservation, expandable: false, ...rest });

let dataPath: string, api: TestClient['client']['api'], client: TestClient['client'], ended: TestClient['ended'], objects: TestClient['objects'], close: TestClient['close'];

const open = async () => { ({ client, ended, objects, close } = await openTestClient(dataPath)); ({ api } = client); };
beforeEach(async () => {
  dataPath = mkdtempSync(join(tmpdir(), 'engine-'));
  await open();
});
afterEach(async () => {
  await close();
  rmSync(dataPath, { recursive: true });
});

/** Resolves when the task has succeeded, with what it made. */
async function done(task: Promise<TaskId>): Promise<string> {
  const { state, error, result } = await ended(await task);
  expect(error ?? state).toBe('success');
  return result?.id ?? '';
}
const host = async (id: HostId) => (await objects('host')).find(each => each.id === id)!;
const vm = async (id: VmId) => (await objects('vm')).find(each => each.id === id)!;
const add = async (name: string, rest: Partial<NewHost> = {}) => await done(api.hosts.add({ name, parent: DATACENTER, profile: SMALL, ...rest })) as HostId;
const create = async (name: string, on: HostId, rest: Partial<VmSpec> = {}) => await done(api.vms.create(spec(name, rest), on)) as VmId;
const pool = async (name: string, parent: HostId | ResourcePoolId, settings: { cpu: ReturnType<typeof pooled>; memory?: ReturnType<typeof pooled> }) =>
  await done(api.inventory.create({ kind: 'resourcePool', name, parent: { kind: parent.startsWith('host') ? 'host' : 'resourcePool', id: parent }, memory: pooled(0), ...settings })) as ResourcePoolId;
const failure = async (task: Promise<TaskId>) => (await ended(await task)).error;

test('a host is added with a profile, edited and removed', async () => {
  const id = await add('edge');
  expect(await host(id)).toMatchObject({ name: 'edge', connected: true, cpus: 2, drives: SMALL.drives });
  await done(api.hosts.edit(id, { ...SMALL, cpus: 4, iommu: false }));
  expect(await host(id)).toMatchObject({ name: 'edge', cpus: 4, iommu: false });
  const vmId = await create('web', id);
  await expect(api.hosts.remove(id)).rejects.toThrow('edge is not empty: web is in it.');
  await done(api.vms.delete(vmId));
  await done(api.vms.deleteFromDisk(vmId));
  await done(api.hosts.remove(id));
  expect((await objects('host')).map(each => each.name)).not.toContain('edge');
});

test.each<[string, Partial<HostProfile>, string]>([
  ['no CPU', { cpus: 0 }, 'CPU count must be at least 1.'], ['a part of a CPU', { cpus: 1.5 }, 'CPU count must be a whole number.'],
  ['an unknown interrupt controller', { gic: 'GICv9' as never }, 'There is no such interrupt controller.'], ['no model', { model: ' ' }, 'Enter a model.'],
  ['nine drives', { drives: Array.from({ length: 9 }, () => ({ model: 'd', revision: '1', sizeGib: 1 })) }, 'A host has at most 8 NVMe drives.'],
])('a host with %s is refused', async (_, change, sentence) => {
  await expect(api.hosts.add({ name: 'edge', parent: DATACENTER, profile: { ...SMALL, ...change } })).rejects.toThrow(sentence);
});

test('a host that is off, disconnected or in maintenance runs no VM and says so', async () => {
  const id = await add('edge'), vmId = await create('web', id);
  await done(api.hosts.powerOff(id));
  expect(await failure(api.vms.powerOn(vmId))).toBe('edge is powered off, so no VM can run on it.');
  await expect(api.hosts.powerOff(id)).rejects.toThrow('edge is powered off already.');
  await expect(api.hosts.enterMaintenance(id)).rejects.toThrow('edge is powered off; power it on first.');
  await done(api.hosts.powerOn(id));
  await done(api.hosts.disconnect(id));
  expect(await failure(api.vms.powerOn(vmId))).toBe('edge is disconnected, so no VM can run on it.');
  await done(api.hosts.connect(id));
  await done(api.hosts.enterMaintenance(id));
  expect(await failure(api.vms.powerOn(vmId))).toBe('edge is in maintenance mode, so no VM can run on it.');
  await done(api.hosts.exitMaintenance(id));
  await done(api.vms.powerOn(vmId));
});

test('a host with running VMs is powered off, or rebooted, only by force, which powers them off', async () => {
  const id = await add('edge'), vmId = await create('web', id);
  await done(api.vms.powerOn(vmId));
  await expect(api.hosts.powerOff(id)).rejects.toThrow('edge cannot be powered off while VMs run on it: web is powered on.');
  await expect(api.hosts.edit(id, SMALL)).rejects.toThrow('edge cannot change its hardware while VMs run on it: web is powered on.');
  await expect(api.hosts.disconnect(id)).rejects.toThrow('edge cannot be disconnected while VMs run on it: web is powered on.');
  await done(api.hosts.reboot(id, { force: true }));
  expect([(await vm(vmId)).powerState, (await host(id)).powerState]).toEqual(['poweredOff', 'poweredOn']);
  await done(api.vms.powerOn(vmId));
  await done(api.hosts.powerOff(id, { force: true }));
  expect([(await vm(vmId)).powerState, (await host(id)).powerState]).toEqual(['poweredOff', 'poweredOff']);
});

test('entering maintenance waits for VMs that are on, starts none, can be cancelled, and moves those that are off', async () => {
  const cluster = await done(api.inventory.create({ kind: 'cluster', name: 'lab', parent: DATACENTER })) as ClusterId, parent = { kind: 'cluster', id: cluster } as const;
  const [id, other] = [await add('one', { parent }), await add('two', { parent })], [on, off] = [await create('web', id), await create('db', id)];
  await done(api.vms.powerOn(on));
  const first = await api.hosts.enterMaintenance(id);
  expect(await failure(api.vms.powerOn(off))).toBe('one is entering maintenance mode, so no VM can run on it.');
  await api.tasks.cancel(first);
  expect([(await ended(first)).state, (await host(id)).maintenance]).toEqual(['cancelled', 'none']);
  const second = await api.hosts.enterMaintenance(id, { moveVms: true });
  expect(await failure(api.vms.powerOn(off))).toContain('is entering');
  await expect(api.hosts.exitMaintenance(id)).rejects.toThrow('one is still entering maintenance mode; cancel that task instead.');
  await done(api.vms.powerOff(on));
  expect([(await ended(second)).state, (await host(id)).maintenance]).toEqual(['success', 'on']);
  expect([(await vm(on)).hostId, (await vm(off)).hostId]).toEqual([other, other]);
  await expect(api.hosts.enterMaintenance('host-a' as HostId, { moveVms: true })).rejects.toThrow('host-a.lab.local is in no cluster, so there is no host to move its VMs to.');
});

test('a host whose engine was killed while it entered maintenance is not in it', async () => {
  const before = await host('host-a' as HostId);
  await close();
  const store = await Store.open(join(dataPath, 'inventory.db'));
  await store.commit([{ kind: 'object', after: { kind: 'host', object: { ...before, maintenance: 'entering' } } }]);
  await store.close();
  await open();
  expect((await host(before.id)).maintenance).toBe('none');
});

test('a VM is powered on only where its memory and what it reserves are left', async () => {
  const id = await add('edge'), [big, other] = [await create('big', id, { memoryMib: 384, ...cpu(1000) }), await create('other', id, { memoryMib: 128, ...cpu(1000) })];
  const [small, greedy] = [await create('small', id, { memoryMib: 64 }), await create('greedy', id, { memoryMib: 64, ...cpu(500) })];
  await done(api.vms.powerOn(big));
  await done(api.vms.powerOn(other));
  expect(await failure(api.vms.powerOn(small))).toBe('edge has 0 MiB of memory left, but small needs 64 MiB.');
  await done(api.vms.powerOff(other));
  await done(api.vms.powerOn(small));
  await done(api.vms.reconfigure(big, spec('big', { memoryMib: 384, cpuAllocation: { shares: 1, reservation: 600 } })));
  await expect(api.vms.reconfigure(small, spec('small', { memoryMib: 64, cpuAllocation: { shares: 1, reservation: 1100 } }))).rejects.toThrow('small cannot reserve 1100 MHz: its CPUs have 1000 MHz on edge.');
  await done(api.vms.reconfigure(small, spec('small', { memoryMib: 64, cpuAllocation: { shares: 1, reservation: 1000 } })));
  await expect(api.vms.reconfigure(big, spec('big', { memoryMib: 384, cpuAllocation: { shares: 1, reservation: 1000, limit: 900 } }))).rejects.toThrow('big cannot have a CPU reservation of 1000 MHz and a limit of 900 MHz.');
  expect((await vm(big)).spec.cpuAllocation).toEqual({ shares: 1, reservation: 600 });
  expect(await failure(api.vms.powerOn(greedy))).toBe('edge has 400 MHz of CPU unreserved, but greedy needs 500 more.');
});

test('a pool reserves of its host what is not reserved, and an expandable one takes more from what it is in', async () => {
  const id = await add('edge'), outer = await pool('outer', id, { cpu: pooled(1000) });
  await expect(pool('next', id, { cpu: pooled(1500) })).rejects.toThrow('edge has 1000 MHz of CPU unreserved, but next needs 1500 more.');
  const inner = await pool('inner', outer, { cpu: pooled(200, { expandable: true }) }), vmId = await create('web', id, cpu(900)), other = await create('db', id, cpu(300));
  await done(api.inventory.move([{ kind: 'vm', id: vmId }, { kind: 'vm', id: other }], { kind: 'resourcePool', id: inner }));
  await done(api.vms.powerOn(vmId));
  expect(await failure(api.vms.powerOn(other))).toBe('outer has 100 MHz of CPU unreserved, but db needs 300 more.');
  await expect(api.resourcePools.edit(inner, { name: 'inner', cpu: pooled(200), memory: pooled(0) })).rejects.toThrow('900 MHz of CPU are reserved in inner, so it must be expandable or reserve as much.');
  await expect(api.resourcePools.edit(outer, { name: 'outer', cpu: pooled(2100), memory: pooled(0) })).rejects.toThrow('edge has 1000 MHz of CPU unreserved, but outer needs 1100 more.');
  await done(api.resourcePools.edit(outer, { name: 'outside', cpu: pooled(1500), memory: pooled(0) }));
  await done(api.vms.powerOn(other));
});

test('memory that a pool reserves is left for its VMs, and its limit holds for all of them', async () => {
  const id = await add('edge'), own = await pool('own', id, { cpu: pooled(0), memory: pooled(256, { limit: 256 }) }), [inside, too, outside] = [await create('inside', id, { memoryMib: 192 }), await create('too', id), await create('outside', id, { memoryMib: 320 })];
  await done(api.inventory.move([{ kind: 'vm', id: inside }, { kind: 'vm', id: too }], { kind: 'resourcePool', id: own }));
  expect(await failure(api.vms.powerOn(outside))).toBe('edge has 256 MiB of memory left, as 256 MiB are reserved for resource pools, but outside needs 320 MiB.');
  await done(api.vms.powerOn(inside));
  expect(await failure(api.vms.powerOn(too))).toBe('own is limited to 256 MiB of memory and has 64 MiB left, but too needs 128 MiB.');
});
