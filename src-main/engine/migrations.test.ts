/** VMs that move between hosts, in whatever state they are, and what keeps them from it. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { DatastoreId, HostId, ResourcePoolId, SnapshotId, TaskId, VmId } from '../../shared/base/ids.ts';
import { HOST_PROFILES, USUAL_LINK, type Host, type HostProfile } from '../../shared/model/host.ts';
import type { Vm, VmSpec } from '../../shared/model/vm.ts';
import { freePort } from '../../scripts/free-port.ts';
import { assemble } from '../cpu/asm/assembler.ts';
import { checksOf } from './migration-checks.ts';
import { openTestClient, type TestClient } from './test-client.ts';

/** Counts in X2, stores that to one page of a MiB after the other, and prints a letter of the alphabet after so many. */
const SCRIBBLES = ['movz x1, #0x4100, lsl #16', 'movz x9, #0x0900, lsl #16', 'movz x10, #0x301', 'str w10, [x9, #0x30]', 'mov x2, #0', 'mov x6, #0', 'again: add x2, x2, #1', 'and x3, x2, #255', 'lsl x3, x3, #12', 'str x2, [x1, x3]',
  'movz x5, #4000', 'wait: sub x5, x5, #1', 'cbnz x5, wait', 'and x7, x2, #0xff', 'cbnz x7, again',
  'add x7, x6, #0x61', 'str w7, [x9]', 'add x6, x6, #1', 'cmp x6, #26', 'b.ne again', 'mov x6, #0', 'b again'].join('\n');
const SERVER = HOST_PROFILES[0], ALPHABET = 'abcdefghijklmnopqrstuvwxyz';

let folder: string, opened: TestClient, here: HostId, there: HostId;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quarterdeck-migrations-'));
  await writeFile(join(folder, 'scribbles'), assemble(SCRIBBLES));
  opened = await openTestClient(join(folder, 'data'));
  here = await add('here', SERVER);
  there = await add('there', SERVER);
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
const add = async (name: string, profile: HostProfile) => await done(api().hosts.add({ name, parent: { kind: 'datacenter', id: 'datacenter' }, profile })) as HostId;
const create = async (name: string, rest: Partial<VmSpec> = {}) => await done(api().vms.create({ name, cpus: 1, memoryMib: 64, guest: { kind: 'binary', imagePath: join(folder, 'scribbles') }, disks: [], ...rest }, here)) as VmId;
const vmNow = async (id: VmId) => (await opened.objects('vm')).find(vm => vm.id === id)!;
const hostOf = async (id: VmId) => (await vmNow(id)).hostId;

/** What it prints from now on, and waits for more of it. */
async function watch(id: VmId) {
  const seen = { text: '', more: () => { /* nobody waits */ } };
  // A console's replay comes before the answer that says which it is; there is only the one.
  opened.client.on('console.output', ({ consoleId, bytes }) => {
    seen.text += new TextDecoder().decode(bytes);
    api().consoles.acknowledge(consoleId, bytes.length).catch(() => { /* the test is over */ });
    seen.more();
  });
  await api().consoles.attach(id);
  return {
    get text() { return seen.text; },
    async grows(by: number): Promise<void> {
      const wanted = seen.text.length + by;
      await new Promise<void>(resolve => {
        seen.more = () => { if (seen.text.length >= wanted) resolve(); };
        seen.more();
      });
    },
  };
}
const isAlphabet = (text: string) => text === ALPHABET.repeat(Math.ceil(text.length / 26)).slice(0, text.length);

test.each([['on its VM’s thread', 1], ['in threads', 2]])('a VM moves while it runs, back and forth, and neither its memory nor what it prints misses anything: CPUs %s', async (_, cpus) => {
  opened.engine.migrations.proof = { verify: true };
  const id = await create('scribbler', { cpus });
  await done(api().vms.powerOn(id));
  const printed = await watch(id);
  for (const to of [there, here, there]) {
    await printed.grows(5);
    await done(api().vms.migrate([id], { hostId: to, downtimeMs: 60_000 }));
    expect(await hostOf(id)).toBe(to);
  }
  await printed.grows(30);
  expect(isAlphabet(printed.text), printed.text).toBe(true);
  const [newest, ...older] = await api().vms.migrations(id);
  expect(older).toHaveLength(2);
  expect(newest).toMatchObject({ fromHost: 'here', toHost: 'there', phase: 'moved', memoryBytes: 64 * 2 ** 20 });
  expect(newest?.downtimeMs).toBeGreaterThan(0);
  expect(new Set(newest?.samples.map(({ phase }) => phase))).toEqual(new Set(['preparing', 'copying', 'switching', 'moved']));
  await done(api().vms.powerOff(id));
  expect((await vmNow(id)).powerState).toBe('poweredOff');
});

test('without the log of what is written to, the VM stays and goes on, and the task says why', async () => {
  opened.engine.migrations.proof = { verify: true, ignoresWrites: true };
  const id = await create('scribbler');
  await done(api().vms.powerOn(id));
  const printed = await watch(id);
  await printed.grows(2);
  expect(await ended(api().vms.migrate([id], { hostId: there, downtimeMs: 60_000 }))).toMatchObject({ error: 'The memory that came over is not what the guest has.' });
  expect(await hostOf(id)).toBe(here);
  await printed.grows(30);
  expect(isAlphabet(printed.text)).toBe(true);
  expect((await api().vms.migrations(id))[0]).toMatchObject({ phase: 'failed', problem: 'The memory that came over is not what the guest has.' });
  expect((await api().events.list(50)).rows.map(({ message }) => message)).toContain('scribbler was not moved and goes on on here: The memory that came over is not what the guest has.');
});

test('a move that is cancelled, or whose link is cut, leaves the VM where it is, and the next one succeeds', async () => {
  const id = await create('scribbler');
  await done(api().vms.powerOn(id));
  const printed = await watch(id), copying = async () => { while ((await api().vms.migrations(id))[0]?.phase !== 'copying') await printed.grows(1); };
  await printed.grows(1);
  await done(api().hosts.setLink(there, { ...USUAL_LINK, mbps: 1 }));
  const cancelled = await api().vms.migrate([id], { hostId: there });
  await copying();
  await api().tasks.cancel(cancelled);
  expect((await opened.ended(cancelled)).state).toBe('cancelled');
  const cut = ended(api().vms.migrate([id], { hostId: there }));
  await copying();
  await done(api().hosts.setLink(there, { ...USUAL_LINK, connected: false }));
  expect((await cut).error).toBe('The migration network was cut.');
  expect(await hostOf(id)).toBe(here);
  expect((await api().vms.migrations(id)).map(({ phase }) => phase)).toEqual(['failed', 'cancelled']);
  await expect(api().vms.migrate([id], { hostId: there })).rejects.toThrow('The link of there is cut.');
  await done(api().hosts.setLink(there, USUAL_LINK));
  await done(api().vms.migrate([id], { hostId: there, downtimeMs: 60_000 }));
  await printed.grows(30);
  expect(isAlphabet(printed.text)).toBe(true);
  expect(await hostOf(id)).toBe(there);
}, 60_000);

/** So late that whoever looks sees memory follow. */
const LATE = { ...USUAL_LINK, latencyMs: 700 };
/** A VM whose memory follows it there. */
async function following(id: VmId): Promise<TaskId> {
  await done(api().hosts.setLink(there, LATE));
  const task = await api().vms.migrate([id], { hostId: there, postCopy: true });
  while ((await api().vms.migrations(id))[0]?.phase !== 'following') await new Promise(resolve => { setImmediate(resolve); });
  return task;
}

test.each([['on its VM’s thread', 1], ['in threads', 2]])('with post-copy a VM runs at the destination while its memory follows, and that can only go on: CPUs %s', async (_, cpus) => {
  opened.engine.migrations.proof = { verify: true };
  const id = await create('scribbler', { cpus });
  await done(api().vms.powerOn(id));
  const printed = await watch(id);
  await printed.grows(2);
  const task = await following(id);
  await expect(api().tasks.cancel(task)).rejects.toThrow('scribbler runs on there already, and what is left of its memory follows it there. That can only go on.');
  // What is done with the whole machine waits for that.
  const suspended = done(api().vms.suspend(id));
  expect((await opened.ended(task)).state).toBe('success');
  await suspended;
  await done(api().vms.powerOn(id));
  await printed.grows(30);
  expect(isAlphabet(printed.text), printed.text).toBe(true);
  const [{ phase, samples, downtimeMs } = { phase: 'failed', samples: [] }] = await api().vms.migrations(id);
  expect([phase, new Set(samples.map(each => each.phase))]).toEqual(['moved', new Set(['preparing', 'copying', 'switching', 'following', 'moved'])]);
  expect(downtimeMs).toBeGreaterThan(0);
  expect(samples.at(-1)).toMatchObject({ round: 1, leftBytes: 0 });
  expect(samples.at(-1)?.askedPages).toBeGreaterThan(0);
}, 60_000);

test('a VM whose memory follows waits while the link is cut, and says so', async () => {
  const id = await create('scribbler');
  await done(api().vms.powerOn(id));
  const printed = await watch(id);
  await printed.grows(2);
  const task = await following(id);
  await done(api().hosts.setLink(there, { ...LATE, connected: false }));
  while ((await vmNow(id)).problem === undefined) await new Promise(resolve => { setImmediate(resolve); });
  expect(await vmNow(id)).toMatchObject({ hostId: there, powerState: 'poweredOn', problem: 'It waits for memory that is still on here: the migration network is cut. It goes on when that is back.' });
  await done(api().hosts.setLink(there, USUAL_LINK));
  expect((await opened.ended(task)).state).toBe('success');
  await printed.grows(30);
  expect(isAlphabet(printed.text), printed.text).toBe(true);
  expect((await vmNow(id)).problem).toBeUndefined();
  expect((await api().events.list(50)).rows.map(({ message }) => message)).toEqual(expect.arrayContaining(['scribbler waits for memory that is still on here: the migration network is cut.', 'scribbler goes on: the migration network is back.']));
}, 60_000);

test.each([['it came from', true], ['it runs on', false]])('a VM whose memory follows is off when the host that %s loses its power, and runs nowhere', async (_, isSource) => {
  const id = await create('scribbler');
  await done(api().vms.powerOn(id));
  const printed = await watch(id);
  await printed.grows(2);
  const task = await following(id);
  await done(api().hosts.powerOff(isSource ? here : there, { force: true }));
  expect(await opened.ended(task)).toMatchObject({ state: 'error', error: 'scribbler stopped before all of its memory had followed.' });
  expect(await vmNow(id)).toMatchObject({ hostId: there, powerState: 'poweredOff', ...(isSource && { problem: 'Its memory was lost: the host that it came from went away before all of it had followed.' }) });
  expect(opened.engine.power.runningIds).toEqual([]);
  expect((await api().vms.migrations(id))[0]).toMatchObject({ phase: 'failed', problem: 'scribbler stopped before all of its memory had followed.' });
}, 60_000);

test('a VM that is off moves by its settings, and one that is suspended goes on on the other host', async () => {
  const off = await create('off'), suspended = await create('suspended');
  await done(api().vms.powerOn(suspended));
  const printed = await watch(suspended);
  await printed.grows(3);
  await done(api().vms.suspend(suspended));
  await done(api().vms.migrate([off, suspended], { hostId: there }));
  expect([await hostOf(off), await hostOf(suspended)]).toEqual([there, there]);
  await done(api().vms.powerOn(suspended));
  await printed.grows(30);
  expect(isAlphabet(printed.text)).toBe(true);
});

test('a VM whose disk is written to has it at the destination, and nowhere else', async () => {
  const id = await create('with-disk', { disks: [] });
  await done(api().vms.reconfigure(id, { ...(await vmNow(id)).spec, disks: [{ create: { sizeMib: 8, format: 'qcow2' }, readOnly: false }] } as never));
  await done(api().vms.powerOn(id));
  await done(api().vms.migrate([id], { hostId: there, downtimeMs: 60_000 }));
  // A second one cannot have the image that the first one writes to.
  const { spec } = await vmNow(id), other = await create('other');
  await done(api().vms.reconfigure(other, { ...(await vmNow(other)).spec, disks: spec.disks }));
  expect((await ended(api().vms.powerOn(other))).error).toMatch(/in use/);
});

test('a host that enters maintenance mode moves its VMs to others of its cluster, those that run while they do', async () => {
  const cluster = await done(api().inventory.create({ kind: 'cluster', name: 'lab', parent: { kind: 'datacenter', id: 'datacenter' } } as never)), runs = await create('runs'), off = await create('off');
  await done(api().inventory.move([{ kind: 'host', id: here }, { kind: 'host', id: there }], { kind: 'cluster', id: cluster } as never));
  await done(api().vms.powerOn(runs));
  const printed = await watch(runs);
  await done(api().hosts.enterMaintenance(here, { moveVms: true }));
  expect([await hostOf(runs), await hostOf(off)]).toEqual([there, there]);
  expect((await vmNow(runs)).powerState).toBe('poweredOn');
  await printed.grows(30);
  expect(isAlphabet(printed.text)).toBe(true);
});

test('what stands against a move is said before, by name, with what can be done about it', async () => {
  const slow = await add('slow', { ...HOST_PROFILES[1], memoryMib: 512, iommu: false }), id = await create('checked', { memoryMib: 1024, iommu: true });
  const names = async (hostId: HostId, more: object = {}) => (await api().vms.checkMigration(id, { hostId, ...more })).map(({ name, severity, fix }) => [name, severity, ...(fix ? [fix] : [])].join(' '));
  expect(await names(there)).toEqual([]);
  expect(await names(here)).toEqual(['other-host error']);
  expect(await names(slow)).toEqual(['size error', 'iommu error']);
  await done(api().vms.powerOn(id));
  expect(await names(slow)).toEqual(['size error', 'memory error', 'counter-frequency error', 'iommu error', 'heartbeat warning', 'interrupt-controller warning']);
  await done(api().hosts.setLink(there, { ...USUAL_LINK, mbps: 100, latencyMs: 20, connected: false }));
  expect(await names(there)).toEqual(['link error connectLink', 'heartbeat warning', 'bandwidth warning', 'latency warning']);
  await done(api().hosts.setLink(there, USUAL_LINK));
  await done(api().hosts.setLink(here, { ...USUAL_LINK, connected: false }));
  expect(await names(there)).toEqual(['link-source error connectLink', 'heartbeat warning']);
  await done(api().hosts.setLink(here, USUAL_LINK));
  await done(api().hosts.enterMaintenance(there));
  expect(await names(there)).toContain('maintenance error exitMaintenance');
  await expect(api().vms.migrate([id], { hostId: there })).rejects.toThrow('there is in maintenance mode.');
  await done(api().hosts.exitMaintenance(there));
  await done(api().hosts.powerOff(there));
  expect(await names(there)).toContain('powered-on error powerOnHost');
  await done(api().hosts.powerOn(there));
  await done(api().hosts.disconnect(there));
  expect(await names(there)).toContain('connected error connectHost');
});

test('what a move would take from a VM, or leave behind, is said too: its pool, its datastore, its media, its ports, its role', async () => {
  const names = async (id: VmId, hostId: HostId, more: object = {}) => (await api().vms.checkMigration(id, { hostId, ...more })).map(({ name, severity, fix }) => [name, severity, ...(fix ? [fix] : [])].join(' '));
  const pooled = (reservation: number) => ({ shares: 4000, reservation, expandable: false });
  const pool = async (name: string, host: HostId, reservation = 0) => await done(api().inventory.create({ kind: 'resourcePool', name, parent: { kind: 'host', id: host }, cpu: pooled(0), memory: pooled(reservation) })) as ResourcePoolId;
  const own = await pool('own', here), others = await pool('others', there), small = await pool('small', there, 16), id = await create('pooled');
  await done(api().inventory.move([{ kind: 'vm', id }], { kind: 'resourcePool', id: own }));
  expect(await names(id, there)).toEqual(['leaves-pool warning']);
  expect(await names(id, there, { poolId: own })).toEqual(['pool-owner error']);
  expect(await names(id, there, { poolId: others })).toEqual([]);
  await done(api().vms.powerOn(id));
  expect(await names(id, there, { poolId: small, downtimeMs: 60_000 })).toEqual(['heartbeat warning']);
  await done(api().vms.migrate([id], { hostId: there, poolId: others, downtimeMs: 60_000 }));
  expect(await vmNow(id)).toMatchObject({ hostId: there, poolId: others });

  await writeFile(join(folder, 'disc.iso'), new Uint8Array(65_536));
  const roamer = await create('roamer', { disks: [{ path: join(folder, 'disc.iso'), readOnly: true, cdrom: true }], nics: [{ kind: 'nat', connected: true, forwards: [{ protocol: 'tcp', hostPort: await freePort(), guestPort: 22 }] }], memoryAllocation: { shares: 1000, reservation: 64 } });
  await done(api().vms.powerOn(roamer));
  expect(await names(roamer, there)).toEqual(['heartbeat warning', 'local-media warning ejectMedia', 'host-ports warning']);
  expect(await names(roamer, there, { poolId: small })).toContain('reservation error');
  await done(api().vms.migrate([roamer], { hostId: there, downtimeMs: 60_000 }));
  expect((await api().vms.stats(roamer))?.disks).toMatchObject([{ bus: 'cdrom', path: join(folder, 'disc.iso') }]);

  const centre = await done(api().inventory.create({ kind: 'datacenter', name: 'far', parent: { kind: 'root', id: 'root' } })), far = await done(api().hosts.add({ name: 'far-host', parent: { kind: 'datacenter', id: centre }, profile: SERVER })) as HostId;
  await mkdir(join(folder, 'store'));
  const store = await done(api().datastores.add({ name: 'store', path: join(folder, 'store') }, { kind: 'datacenter', id: 'datacenter' })) as DatastoreId;
  const stored = await done(api().vms.create({ name: 'stored', cpus: 1, memoryMib: 64, guest: { kind: 'diagnostics' }, disks: [] }, here, { datastoreId: store })) as VmId;
  expect(await names(stored, far)).toEqual(['datacenter error']);

  const system = await create('system', { bootWatchdog: { mode: 'boot', timeoutS: 60, goodAfterS: 0, failures: 2, banks: [] } });
  await done(api().vms.powerOn(system));
  expect(await names(system, there)).toEqual(['heartbeat warning', 'watchdog-armed warning']);
  await done(api().vms.powerOff(system));
  await done(api().hosts.powerOff(here, { force: true }));
  await done(api().hosts.setSystem(here, 'host', system));
  expect(await names(system, there)).toEqual(['host-system error']);
});

test('a VM that changes its state, or is being copied, and a host that is not up are waited for', async () => {
  const { inventory } = opened.engine, vm = inventory.vm(await create('waiting')), from = inventory.host(here), to = inventory.host(there);
  const names = (change: Partial<Vm>, host: Partial<Host> = {}) => checksOf({ vm: { ...vm, ...change }, moved: { ...vm, ...change, hostId: there }, from, to: { ...to, ...host }, request: { hostId: there }, inventory, isRunning: true, guestAnswers: true, arrivingMib: 0, files: undefined }).map(({ name, severity }) => `${name} ${severity}`);
  const temporary = { id: 'snapshot-x' as SnapshotId, name: 'x', description: '', createdMs: 0, memory: false, spec: vm.spec };
  expect(names({ powerState: 'poweredOn' })).toEqual([]);
  expect(names({ powerState: 'suspending' })).toEqual(['state error']);
  expect(names({ powerState: 'poweredOn', snapshots: [temporary] })).toEqual([]);
  expect(names({ powerState: 'poweredOn', snapshots: [{ ...temporary, temporary: true }] })).toEqual(['linked-snapshots error']);
  for (const health of ['booting', 'notResponding'] as const) expect(names({ powerState: 'poweredOn' }, { health })).toEqual(['health error']);
});
