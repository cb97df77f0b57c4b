import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { disposable } from '../../shared/base/disposable.ts';
import type { AlarmDefinitionId, HostId, TaskId, VmId } from '../../shared/base/ids.ts';
import { english } from '../../shared/base/phrase.ts';
import { DEFAULT_ALARMS, type AlarmPlace, type AlarmRule, type AlarmSettings } from '../../shared/model/alarm.ts';
import type { Notification } from '../../shared/model/notification.ts';
import type { Task } from '../../shared/model/task.ts';
import { openTestClient, type TestClient } from './test-client.ts';

const HOST_A = 'host-a' as HostId, ROOT = { kind: 'root', id: 'root' } as const, SECOND = 1000;
/** Without a clock: tests say when a second has gone. */
const never = () => disposable(() => undefined);

let dataPath: string, opened: TestClient;
beforeEach(async () => { dataPath = mkdtempSync(join(tmpdir(), 'alarms-')); opened = await openTestClient(dataPath, never); });
afterEach(async () => { await opened.close(); rmSync(dataPath, { recursive: true }); });

const api = () => opened.client.api;
const memory = (rest: Partial<Extract<AlarmRule, { kind: 'metric' }>> = {}): AlarmRule => ({ kind: 'metric', metric: 'mem.granted', is: 'above', warning: 100, critical: 200, forS: 60, ...rest });
const settings = (rest: Partial<AlarmSettings> = {}): AlarmSettings => ({ name: 'Too much', description: '', targetKind: 'host', enabled: true, rules: [memory()], resetEvents: [], actions: [], ...rest });

async function define(rest: Partial<AlarmSettings> = {}, on: AlarmPlace = ROOT): Promise<AlarmDefinitionId> {
  const known = new Set((await opened.objects('alarmDefinition')).map(({ id }) => id));
  expect((await opened.ended(await api().alarms.create(on, settings(rest)))).state).toBe('success');
  return (await opened.objects('alarmDefinition')).find(({ id }) => !known.has(id))?.id as AlarmDefinitionId;
}
async function createVm(name: string, memoryMib = 128): Promise<VmId> {
  return (await opened.ended(await api().vms.create({ name, cpus: 1, memoryMib, guest: { kind: 'diagnostics' }, disks: [] }, HOST_A))).result?.id as VmId;
}
const powerOn = async (id: VmId) => opened.ended(await api().vms.powerOn(id));
async function triggered() {
  await opened.engine.alarms.settled();
  return (await opened.objects('triggeredAlarm')).map(({ name, object, level }) => `${name} on ${object.name}: ${level}`);
}
const sample = (atS: number) => opened.engine.performance.sample(atS * SECOND);
const messages = async (type: string) => (await api().events.list(50)).rows.filter(row => row.type === type).map(({ message }) => message);

test('a new inventory has the default alarms, and none of them has anything to say', async () => {
  expect((await opened.objects('alarmDefinition')).map(({ name }) => name)).toEqual(DEFAULT_ALARMS.map(({ name }) => name));
  await sample(1);
  expect(await triggered()).toEqual([]);
});

test('a figure must be beyond its threshold for so long; then the alarm is yellow, red, and green again', async () => {
  await define();
  await powerOn(await createVm('one'));
  for (const at of [0, 30, 59]) await sample(1000 + at);
  expect(await triggered()).toEqual([]);
  await sample(1060);
  expect(await triggered()).toEqual(['Too much on host-a.lab.local: warning']);
  const two = await createVm('two');
  await powerOn(two);
  await sample(1070);
  await sample(1130);
  expect(await triggered()).toEqual(['Too much on host-a.lab.local: critical']);
  await opened.ended(await api().vms.powerOff(two));
  await sample(1131);
  expect(await triggered()).toEqual(['Too much on host-a.lab.local: warning']);
  expect(await messages('alarm.triggered')).toEqual([
    expect.stringMatching(/changed from Red to Yellow/), expect.stringMatching(/changed from Yellow to Red: Granted \(memory\) is 256 MiB, above 200 MiB for 60 seconds\./), expect.stringMatching(/changed from Green to Yellow/),
  ]);
});

test('a break begins the time anew, and figures that stop coming end the alarm', async () => {
  await define({ targetKind: 'vm' });
  const vm = await createVm('one');
  await powerOn(vm);
  await sample(1000);
  await opened.ended(await api().vms.reconfigure(vm, { name: 'one', cpus: 1, memoryMib: 128, guest: { kind: 'diagnostics' }, disks: [] }));
  await sample(1060);
  expect(await triggered()).toEqual(['Too much on one: warning']);
  await opened.ended(await api().vms.powerOff(vm));
  await sample(1200);
  await sample(1220);
  expect(await triggered()).toEqual([]);
  await powerOn(vm);
  await sample(1230);
  await sample(1250);
  expect(await triggered()).toEqual([]);
});

test('an alarm holds for what is in the object that it is defined on, and no further', async () => {
  const vm = await createVm('one'), folder = (await opened.ended(await api().inventory.create({ kind: 'folder', name: 'apps', tree: 'vm', parent: { kind: 'datacenter', id: 'datacenter' } }))).result?.id ?? '';
  await define({ name: 'in the folder', targetKind: 'vm', rules: [memory({ forS: 0 })] }, { kind: 'folder', id: folder });
  await define({ name: 'on the other host', targetKind: 'vm', rules: [memory({ forS: 0 })] }, { kind: 'host', id: 'host-b' });
  await define({ name: 'in the datacenter', targetKind: 'vm', rules: [memory({ forS: 0 })] }, { kind: 'datacenter', id: 'datacenter' });
  await powerOn(vm);
  await sample(1);
  expect(await triggered()).toEqual(['in the datacenter on one: warning']);
  await opened.ended(await api().inventory.move([{ kind: 'vm', id: vm }], { kind: 'folder', id: folder }));
  await sample(2);
  expect((await triggered()).sort()).toEqual(['in the datacenter on one: warning', 'in the folder on one: warning']);
});

test('an alarm about a state follows it at once, also across a restart, and goes with its object', async () => {
  const vm = await createVm('one');
  const id = await define({ name: 'Off', targetKind: 'vm', rules: [{ kind: 'state', state: 'vm.poweredOff', level: 'critical' }] });
  expect(await triggered()).toEqual(['Off on one: critical']);
  await powerOn(vm);
  expect(await triggered()).toEqual([]);
  await opened.close();
  opened = await openTestClient(dataPath, never);
  expect(await triggered()).toEqual(['Off on one: critical']);
  await opened.ended(await api().alarms.setEnabled([id], false));
  expect(await triggered()).toEqual([]);
  await opened.ended(await api().alarms.setEnabled([id], true));
  expect(await triggered()).toEqual(['Off on one: critical']);
  await opened.ended(await api().vms.delete(vm));
  expect(await triggered()).toEqual([]);
});

test('an alarm about an event stays until another event or the operator resets it', async () => {
  const heard: Notification[] = [], vm = (await opened.ended(await api().vms.create({ name: 'broken', cpus: 1, memoryMib: 128, guest: { kind: 'binary', imagePath: join(dataPath, 'none') }, disks: [] }, HOST_A))).result?.id as VmId;
  opened.client.on('notification.raised', notification => heard.push(notification));
  await powerOn(vm);
  expect(await triggered()).toEqual(['Virtual machine failed on broken: critical']);
  expect(heard.map(each => ({ ...each, title: english(each.title) }))).toMatchObject([{ level: 'critical', title: 'broken: Virtual machine failed', target: { kind: 'vm', id: vm } }]);
  await sample(1);
  expect(await triggered()).toHaveLength(1);
  const [alarm] = await opened.objects('triggeredAlarm');
  await opened.ended(await api().alarms.acknowledge([alarm?.id as never]));
  expect((await opened.objects('triggeredAlarm'))[0]?.acknowledgedMs).toBeGreaterThan(0);
  await expect(api().alarms.acknowledge([alarm?.id as never])).rejects.toThrow('was acknowledged already.');
  await opened.ended(await api().alarms.reset([alarm?.id as never]));
  expect(await triggered()).toEqual([]);
  await expect(api().alarms.reset([alarm?.id as never])).rejects.toThrow('The triggered alarm no longer exists.');
});

/** Resolves with the next task of a name when it has ended. */
const taskNamed = (name: string) => new Promise<Task>(resolve => { const off = opened.client.on('task.changed', task => { if (task.name === name && task.completedMs !== undefined) { off(); resolve(task); } }); });

test('an alarm runs a command that knows what it is about, and again until it is acknowledged', async () => {
  const file = join(dataPath, 'said'), command = `printf '%s|%s|%s\\n' "$QUARTERDECK_ALARM" "$QUARTERDECK_OBJECT" "$QUARTERDECK_LEVEL" >> '${file}'`;
  await define({ name: 'Tell; rm -rf $HOME', rules: [memory({ forS: 0 })], actions: [{ kind: 'command', at: 'warning', command }], repeatMinutes: 5 });
  await powerOn(await createVm('one'));
  let ran = taskNamed('Run command of an alarm');
  await sample(1000);
  expect(await ran).toMatchObject({ state: 'success', initiator: 'alarm Tell; rm -rf $HOME', target: { name: 'host-a.lab.local' } });
  await sample(1299);
  ran = taskNamed('Run command of an alarm');
  await sample(1300);
  await ran;
  expect(readFileSync(file, 'utf8')).toBe('Tell; rm -rf $HOME|host-a.lab.local|warning\n'.repeat(2));
});

test('a command that fails says why in its task; a VM is powered off by its alarm', async () => {
  await define({ name: 'Fails', rules: [memory({ forS: 0 })], actions: [{ kind: 'command', at: 'both', command: 'echo no such luck >&2; exit 3' }] });
  await define({ name: 'Stops', targetKind: 'vm', rules: [memory({ forS: 0 })], actions: [{ kind: 'powerOff', at: 'both' }] });
  const vm = await createVm('one'), failed = taskNamed('Run command of an alarm'), off = taskNamed('Power off virtual machine');
  await powerOn(vm);
  await sample(1);
  expect((await failed).error).toBe('The command ended with code 3: no such luck.');
  expect(await off).toMatchObject({ state: 'success', initiator: 'alarm Stops' });
  expect((await opened.objects('vm'))[0]?.powerState).toBe('poweredOff');
});

test('definitions are checked, changed, disabled and deleted', async () => {
  const id = await define(), refused = (rest: object) => expect(api().alarms.create(ROOT, settings(rest))).rejects;
  await refused({ name: 'TOO MUCH' }).toThrow('There already is an alarm named Too much here.');
  await refused({ name: 'x', rules: [] }).toThrow('Add a rule.');
  await refused({ name: 'x', rules: [memory({ warning: 300 })] }).toThrow('The critical threshold lies beyond that for warning.');
  await refused({ name: 'x', rules: [memory({ metric: 'datastore.usage' })] }).toThrow('These objects do not have this counter.');
  await refused({ name: 'x', rules: [{ kind: 'event', type: 'alarm.triggered', level: 'warning' }] }).toThrow('An alarm cannot wait for an alarm.');
  await refused({ name: 'x', actions: [{ kind: 'suspend', at: 'both' }] }).toThrow('Only VMs are powered off or suspended.');
  await expect(api().alarms.create({ kind: 'host', id: 'host-x' }, settings({ name: 'x' }))).rejects.toThrow('The host no longer exists.');
  await expect(api().inventory.remove([{ kind: 'alarmDefinition', id }])).rejects.toThrow('There is no such kind of object.');
  await opened.ended(await api().alarms.change(id, settings({ name: 'Renamed', rules: [memory({ forS: 0 })] })));
  await powerOn(await createVm('one'));
  await sample(1);
  expect(await triggered()).toEqual(['Renamed on host-a.lab.local: warning']);
  const gone: TaskId = await api().alarms.delete([id]);
  await opened.ended(gone);
  expect(await triggered()).toEqual([]);
});
