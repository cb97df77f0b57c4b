import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { HostId, TaskId, VmId } from '../../shared/base/ids.ts';
import { BIN_DAYS, type VmSpec } from '../../shared/model/vm.ts';
import { startVm } from '../hypervisor/start-vm.ts';
import { Store } from '../inventory/store.ts';
import { Engine } from './engine.ts';
import { openTestClient, type TestClient } from './test-client.ts';

const HOST_A = 'host-a' as HostId, HOST_B = 'host-b' as HostId;
const spec = (name: string, rest: Partial<VmSpec> = {}): VmSpec => ({ name, cpus: 1, memoryMib: 128, guest: { kind: 'diagnostics' }, disks: [], ...rest });

let dataPath: string, client: TestClient['client'], ended: TestClient['ended'], objects: TestClient['objects'], close: TestClient['close'];

beforeEach(async () => {
  dataPath = mkdtempSync(join(tmpdir(), 'engine-'));
  await open();
});
afterEach(async () => {
  await close();
  rmSync(dataPath, { recursive: true });
});

async function open() {
  ({ client, ended, objects, close } = await openTestClient(dataPath));
}

async function created(name: string, rest: Partial<VmSpec> = {}, host = HOST_A): Promise<VmId> {
  await ended(await client.api.vms.create(spec(name, rest), host));
  return (await vmNamed(name)).id;
}

async function vmNamed(name: string) {
  const vm = (await objects('vm')).find(one => one.spec.name === name);
  if (!vm) throw new Error(`there is no VM ${name}`);
  return vm;
}

/** Attaches to the console and resolves when the text has been shown; everything is acknowledged. */
async function shows(id: VmId, text: string, type?: string): Promise<void> {
  let seen = '';
  const shown = Promise.withResolvers<undefined>();
  const early: { consoleId: string; bytes: Uint8Array }[] = [];
  const attached: { consoleId?: string } = {};
  const take = (output: { consoleId: string; bytes: Uint8Array }) => {
    if (attached.consoleId === undefined) { early.push(output); return; }
    if (output.consoleId !== attached.consoleId) return;
    seen += Buffer.from(output.bytes).toString();
    // What came before a console was detached is acknowledged too late.
    client.api.consoles.acknowledge(output.consoleId, output.bytes.length).catch(() => undefined);
    if (seen.includes(text)) shown.resolve(undefined);
  };
  client.on('console.output', take);
  const { consoleId } = await client.api.consoles.attach(id);
  attached.consoleId = consoleId;
  early.forEach(take);
  if (type !== undefined) await client.api.consoles.write(consoleId, Buffer.from(type));
  await shown.promise;
  await client.api.consoles.detach(consoleId);
}

test('a new data folder holds two hosts and no VM', async () => {
  expect((await objects('host')).map(host => host.name)).toEqual(['host-a.lab.local', 'host-b.lab.local']);
  expect(await objects('vm')).toEqual([]);
});

test('a VM is created, powered on, typed into, powered off and deleted', async () => {
  const id = await created('web-01');
  expect(await ended(await client.api.vms.powerOn(id))).toMatchObject({ state: 'success', name: 'Power on virtual machine' });
  expect(await vmNamed('web-01')).toMatchObject({ powerState: 'poweredOn' });
  await shows(id, 'power off', 'help\r');
  expect(await client.api.vms.stats(id)).toMatchObject({ guestErrors: expect.any(Number) as number });
  expect(await ended(await client.api.vms.powerOff(id))).toMatchObject({ state: 'success' });
  expect(await client.api.vms.stats(id)).toBeNull();
  expect(await ended(await client.api.vms.delete(id))).toMatchObject({ state: 'success' });
  expect(await objects('vm')).toEqual([]);
  expect((await client.api.events.list(10)).rows.map(event => event.type)).toEqual(['vm.deleted', 'vm.poweredOff', 'vm.poweredOn', 'vm.created']);
});

test('a deleted VM is in the bin with its files, until it is restored or deleted from disk', async () => {
  const disks = [{ create: { format: 'qcow2', sizeMib: 1 }, readOnly: false }] as unknown as VmSpec['disks'], id = await created('web-01', { disks });
  const { path } = (await vmNamed('web-01')).spec.disks[0]!;
  await ended(await client.api.vms.delete(id));
  expect([await objects('vm'), (await objects('deletedVm')).map(vm => vm.id), existsSync(path)]).toEqual([[], [id], true]);
  await expect(client.api.vms.powerOn(id)).rejects.toThrow('web-01 is in the bin; restore it first.');
  await expect(client.api.inventory.rename({ kind: 'vm', id }, 'other')).rejects.toThrow('is in the bin');

  await created('WEB-01');
  await close();
  await open();
  await ended(await client.api.vms.restore(id));
  expect(await vmNamed('web-01 (2)')).toMatchObject({ id, powerState: 'poweredOff' });
  expect(await objects('deletedVm')).toEqual([]);
  await expect(client.api.vms.deleteFromDisk(id)).rejects.toThrow('web-01 (2) is not in the bin.');

  await ended(await client.api.vms.delete(id));
  expect(await ended(await client.api.vms.emptyBin())).toMatchObject({ state: 'success', progress: 1 });
  expect([await objects('deletedVm'), existsSync(path)]).toEqual([[], false]);
});

test('what was in the bin for too long is gone when the engine starts, and after a kill also files of no VM', async () => {
  const [old, recent] = [await created('old'), await created('recent')];
  for (const id of [old, recent]) await ended(await client.api.vms.delete(id));
  const orphan = join(dataPath, 'vms', 'vm-0123456789ab'), other = join(dataPath, 'vms', 'notes');
  for (const folder of [orphan, other]) mkdirSync(folder, { recursive: true });
  const { completedMs: _, ...underWay } = (await client.api.tasks.list(1)).rows[0]!;
  await close();
  await open();
  expect(existsSync(orphan), 'nothing was under way').toBe(true);
  await close();
  const store = await Store.open(join(dataPath, 'inventory.db')), vm = store.contents.objects.flatMap(each => (each.kind === 'vm' && each.object.id === old ? [each.object] : []))[0]!;
  await store.commit([{ kind: 'object', after: { kind: 'vm', object: { ...vm, deletedMs: Date.now() - (BIN_DAYS + 1) * 24 * 3600 * 1000 } } }, { kind: 'task', after: { ...underWay, state: 'running' } }]);
  await store.close();
  await open();
  expect([(await objects('deletedVm')).map(each => each.id), existsSync(orphan), existsSync(other)]).toEqual([[recent], false, true]);
});

test('a console attached before power-on sees the first line, and keeps it after the guest has powered off', async () => {
  const id = await created('web-01');
  const early = shows(id, 'Quarterdeck diagnostics');
  await ended(await client.api.vms.powerOn(id));
  await early;
  const off = new Promise<void>(resolve => client.on('event.added', event => { if (event.type === 'vm.poweredOff') resolve(); }));
  await shows(id, 'Powering off', 'off\r');
  await off;
  expect((await vmNamed('web-01')).powerState).toBe('poweredOff');
  await shows(id, 'Powering off');
});

test('inventory, tasks and events are there after a restart', async () => {
  const id = await created('web-01');
  await ended(await client.api.inventory.rename({ kind: 'vm', id }, 'web-02'));
  await close();
  await open();
  expect((await objects('vm')).map(vm => vm.spec.name)).toEqual(['web-02']);
  expect((await client.api.tasks.list(10)).rows.map(task => task.state)).toEqual(['success', 'success']);
  expect((await client.api.events.list(10)).rows.map(event => event.type)).toEqual(['vm.renamed', 'vm.created']);
});

test('what an engine was doing when it was killed is shown as ended', async () => {
  const id = await created('web-01');
  const vm = await vmNamed('web-01');
  await close();
  const store = await Store.open(join(dataPath, 'inventory.db'));
  await store.commit([
    { kind: 'object', after: { kind: 'vm', object: { ...vm, powerState: 'poweredOn' } } },
    { kind: 'task', after: { id: 'task-x' as TaskId, name: 'Reset', target: { kind: 'vm', id, name: 'web-01' }, initiator: 'operator', state: 'running', cancelable: true, queuedMs: 1 } },
  ]);
  await store.close();
  await open();
  expect(await vmNamed('web-01')).toMatchObject({ powerState: 'poweredOff', problem: 'The engine stopped while this VM ran.' });
  expect(await client.api.tasks.get('task-x' as TaskId)).toMatchObject({ state: 'error', error: 'The engine stopped while this task ran.', cancelable: false });
});

test('a second engine on the same data folder is refused', async () => {
  await expect(Engine.open({ dataPath, startVm })).rejects.toThrow('Another Quarterdeck engine is using');
});

test('two VMs cannot have the same name', async () => {
  await created('web-01');
  await expect(client.api.vms.create(spec('WEB-01'), HOST_A)).rejects.toThrow('There already is a VM named web-01.');
  const other = await created('web-02');
  await expect(client.api.inventory.rename({ kind: 'vm', id: other }, 'web-01')).rejects.toThrow('There already is a VM named web-01.');
});

test('a host takes no more than it has', async () => {
  await expect(client.api.vms.create(spec('big', { cpus: 8 }), HOST_B)).rejects.toThrow('big wants 8 CPUs, but host-b.lab.local has 4.');
});

test('arguments that do not fit are refused with a sentence', async () => {
  await expect(client.api.vms.create(spec('', {}), HOST_A)).rejects.toThrow('Enter a name.');
  await expect(client.api.vms.create(spec('x', { memoryMib: 1 }), HOST_A)).rejects.toThrow('Memory in MiB must be at least 64.');
  await expect(client.api.vms.powerOn('vm-0' as VmId)).rejects.toThrow('The VM no longer exists.');
  await expect(client.api.tasks.list(0)).rejects.toThrow('The limit is at least 1.');
  await expect(client.api.consoles.acknowledge('console-9', 1)).rejects.toThrow('The console is not attached.');
});

test('a VM whose kernel is missing stays off, and the task says why', async () => {
  const id = await created('broken', { guest: { kind: 'linux', kernelPath: '/nowhere/Image', commandLine: '' } });
  const task = await ended(await client.api.vms.powerOn(id));
  expect(task).toMatchObject({ state: 'error', error: expect.stringContaining('/nowhere/Image') as string });
  expect(await vmNamed('broken')).toMatchObject({ powerState: 'poweredOff', problem: task.error });
});

test('waiting for a guest that ignores its power button can be cancelled', async () => {
  const id = await created('deaf');
  await ended(await client.api.vms.powerOn(id));
  const task = await client.api.vms.shutDownGuest(id);
  await client.api.tasks.cancel(task);
  expect(await ended(task)).toMatchObject({ state: 'cancelled' });
  expect((await vmNamed('deaf')).powerState).toBe('poweredOn');
});

test('the medium of a CD drive is changed while the VM is on and while it is off, and kept; disks are no drives', async () => {
  const [first, second] = ['first.iso', 'second.iso'].map(name => join(dataPath, name)) as [string, string], path = join(dataPath, 'disk.img');
  for (const file of [first, second, path]) writeFileSync(file, new Uint8Array(4096));
  const id = await created('web-01', { disks: [{ path, readOnly: false, bus: 'scsi' }, { path: first, readOnly: false, cdrom: true, format: 'raw' }, { path: '', readOnly: true, cdrom: true }] });
  const drives = async () => (await vmNamed('web-01')).spec.disks.slice(1).map(disk => disk.path);
  expect((await vmNamed('web-01')).spec.disks[1]).toEqual({ path: first, readOnly: true, cdrom: true, format: 'raw' });
  await client.api.vms.changeMedium(id, 1, second);
  expect(await drives()).toEqual([first, second]);
  expect(await ended(await client.api.vms.powerOn(id))).toMatchObject({ state: 'success' });
  await client.api.vms.changeMedium(id, 0);
  expect((await vmNamed('web-01')).spec.disks[1]).toEqual({ path: '', readOnly: true, cdrom: true });
  await expect(client.api.vms.changeMedium(id, 0, join(dataPath, 'none.iso'))).rejects.toThrow('cannot be opened');
  await expect(client.api.vms.changeMedium(id, 2, first)).rejects.toThrow('There is no CD drive 2; the VM has 2.');
  expect(await ended(await client.api.vms.takeSnapshot(id, { name: 'empty', description: '', memory: true }))).toMatchObject({ state: 'success' });
  await client.api.vms.changeMedium(id, 0, second);
  expect(await drives()).toEqual([second, second]);
  const [snapshot] = (await vmNamed('web-01')).snapshots!;
  expect(await ended(await client.api.vms.revertToSnapshot(id, snapshot!.id))).toMatchObject({ state: 'success' });
  expect([await drives(), (await vmNamed('web-01')).powerState]).toEqual([['', second], 'poweredOn']);
  expect(await ended(await client.api.vms.suspend(id))).toMatchObject({ state: 'success' });
  await expect(client.api.vms.changeMedium(id, 0, first)).rejects.toThrow('web-01 is suspended.');
  expect((await client.api.events.list(20)).rows.filter(event => event.type === 'vm.mediumChanged').map(event => event.message)).toEqual([
    `CD drive 1 of web-01 now holds ${second}.`, 'CD drive 1 of web-01 was emptied.', `CD drive 2 of web-01 now holds ${second}.`,
  ]);
  await expect(client.api.vms.create(spec('web-02', { disks: [{ path: '', readOnly: true }] }), HOST_A)).rejects.toThrow('Choose the disk image file.');
  await expect(client.api.vms.create(spec('web-02', { disks: [{ path: '', readOnly: true, cdrom: true, slot: 1 }] }), HOST_A)).rejects.toThrow('A CD drive cannot be in a hot-plug slot.');
});

test('a balloon has the size that was asked for, when the VM is on', async () => {
  const id = await created('web-01');
  await expect(client.api.vms.setBalloon(id, 16)).rejects.toThrow('web-01 is powered off.');
  await ended(await client.api.vms.powerOn(id));
  await client.api.vms.setBalloon(id, 16);
  expect(await client.api.vms.stats(id)).toMatchObject({ balloonTargetMib: 16, balloonMib: 0 });
  await expect(client.api.vms.setBalloon(id, 128)).rejects.toThrow('The balloon has to be smaller than the VM\'s memory of 128 MiB.');
});
