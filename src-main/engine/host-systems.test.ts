/** What hosts boot themselves, guarded by their boot watchdog: programs that refresh it, or never do, and what becomes of the host and of the VMs on it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { HostId, TaskId, VmId } from '../../shared/base/ids.ts';
import { USUAL_WATCHDOG } from '../../shared/model/boot-watchdog.ts';
import { HOST_PROFILES, smartNicOf, type Host, type HostProfile } from '../../shared/model/host.ts';
import type { BootWatchdogSpec, GuestSource, Vm, VmSpec } from '../../shared/model/vm.ts';
import { assemble } from '../cpu/asm/assembler.ts';
import { openTestClient, type TestClient } from './test-client.ts';

/** Refreshes at once, and each time that it wakes up from a delay. */
const GOOD = 'movz x1, #0x090f, lsl #16\nagain: str wzr, [x1]\n movz x2, #0x40, lsl #16\nwait: sub x2, x2, #1\n cbnz x2, wait\n b again';
const DEAD = 'again: wfi\n b again';
/** Refreshes until something is typed: at an `r` it asks for PSCI SYSTEM_RESET, at anything else for SYSTEM_OFF. */
const OBEYS = ['movz x1, #0x090f, lsl #16', 'movz x3, #0x0900, lsl #16', 'movz x2, #0x301', 'str w2, [x3, #0x30]', 'again: str wzr, [x1]', 'ldr w2, [x3, #0x18]', 'tbnz x2, #4, again', 'ldr w2, [x3]',
  'movz x0, #0x8400, lsl #16', 'movk x0, #8', 'sub x2, x2, #0x72', 'cbnz x2, call', 'movz x0, #0x8400, lsl #16', 'movk x0, #9', 'call: hvc #0'].join('\n');
const WATCHDOG: BootWatchdogSpec = { ...USUAL_WATCHDOG, mode: 'boot', timeoutS: 1, goodAfterS: 0, failures: 2 };
const SERVER: HostProfile = HOST_PROFILES[2]!;

let folder: string, opened: TestClient, host: HostId;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quarterdeck-host-systems-'));
  for (const [name, source] of [['good', GOOD], ['dead', DEAD], ['obeys', OBEYS]] as const) await writeFile(join(folder, name), assemble(source));
  opened = await openTestClient(join(folder, 'data'));
  host = await add('server', SERVER);
});
afterEach(async () => {
  await opened.close();
  await rm(folder, { recursive: true });
});

const api = () => opened.client.api;
const binary = (name: string): GuestSource => ({ kind: 'binary', imagePath: join(folder, name) });
async function done(task: Promise<TaskId>): Promise<string> {
  const { state, error, result } = await opened.ended(await task);
  expect(error ?? state).toBe('success');
  return result?.id ?? '';
}
const add = async (name: string, profile: HostProfile) => await done(api().hosts.add({ name, parent: { kind: 'datacenter', id: 'datacenter' }, profile })) as HostId;
const create = async (name: string, guest: GuestSource, rest: Partial<VmSpec> = {}) => await done(api().vms.create({ name, cpus: 1, memoryMib: 64, guest, disks: [], ...rest }, host)) as VmId;
const guarded = (name: string, guest: GuestSource, watchdog: Partial<BootWatchdogSpec> = {}) => create(name, guest, { bootWatchdog: { ...WATCHDOG, ...watchdog } });
const hostNow = async (): Promise<Host> => (await opened.objects('host')).find(({ id }) => id === host)!;
const vmNow = async (id: VmId): Promise<Vm> => (await opened.objects('vm')).find(vm => vm.id === id)!;
const eventTypes = async () => (await api().events.list(200)).rows.map(({ type }) => type).reverse();

/** Resolves when the inventory is so. */
function until(is: () => Promise<boolean>): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = () => { is().then(so => { if (so) resolve(); }, reject); };
    opened.client.on('inventory.changed', look);
    look();
  });
}
const isUp = async () => { const { health, powerState } = await hostNow(); return powerState !== 'poweredOff' && health === undefined; };

/** The host boots it when it is powered on. */
async function boots(system: VmId): Promise<void> {
  await done(api().hosts.powerOff(host));
  await done(api().hosts.setSystem(host, 'host', system));
}

test('a host whose system does not come up falls back to the good bank by itself, and runs VMs only then', async () => {
  const system = await guarded('system', binary('dead'), { banks: [{ id: 'old', name: 'Old', guest: binary('good') }] }), web = await create('web', binary('good'));
  await boots(system);
  await api().vms.changeBoots(system, { kind: 'mark', bank: 'old', good: true });
  await done(api().hosts.powerOn(host));
  expect((await hostNow()).health).toBe('booting');
  expect((await opened.ended(await api().vms.powerOn(web))).error).toBe('server is booting, so no VM can run on it yet.');
  await until(isUp);
  expect((await vmNow(system)).boot?.attempts.map(({ bank, end }) => [bank, end?.cause])).toEqual([['settings', 'watchdog'], ['settings', 'watchdog'], ['old', undefined]]);
  await done(api().vms.powerOn(web));
  expect((await eventTypes()).filter(type => /^host\.(system|powered|up)|watchdog|fellBack/.test(type))).toEqual(['host.poweredOff', 'host.system', 'host.poweredOn', 'vm.watchdogReset', 'vm.watchdogReset', 'vm.fellBack', 'host.up']);
  await expect(api().hosts.powerOff(host)).rejects.toThrow('server cannot be powered off while VMs run on it: web is powered on.');
  await done(api().hosts.powerOff(host, { force: true }));
  expect([(await vmNow(system)).powerState, (await vmNow(web)).powerState, (await hostNow()).powerState]).toEqual(['poweredOff', 'poweredOff', 'poweredOff']);
  expect(await eventTypes()).not.toContain('host.lostVms');
}, 60_000);

test('without protection the same host stays dead, and nobody notices', async () => {
  const system = await guarded('system', binary('dead'), { mode: 'guest', banks: [{ id: 'old', name: 'Old', guest: binary('good') }] });
  await boots(system);
  await api().vms.changeBoots(system, { kind: 'mark', bank: 'old', good: true });
  await done(api().hosts.powerOn(host));
  // It counts as up, although it does nothing.
  await until(isUp);
  const { boot } = await vmNow(system);
  expect([boot?.attempts.length, boot?.bank, (await api().vms.stats(system))?.watchdog?.leftNs]).toEqual([1, 'settings', undefined]);
}, 60_000);

test('VMs lose their power with the system of their host, when it resets itself or powers itself off; by operators it does not go down under them', async () => {
  const system = await guarded('system', binary('obeys')), web = await create('web', binary('good')), { consoleId } = await api().consoles.attach(system);
  await boots(system);
  await done(api().hosts.powerOn(host));
  await until(isUp);
  await done(api().vms.powerOn(web));
  for (const refused of [api().vms.powerOff(system), api().vms.reset(system), api().vms.suspend(system)]) expect((await opened.ended(await refused)).error).toBe('One VM runs on server, whose system system is: power off the VM first, or the host.');
  expect((await opened.ended(await api().vms.restartGuest(system))).error).toBe('system is what server boots: power the host off, or reboot it.');
  await api().consoles.write(consoleId, Buffer.from('r'));
  await until(async () => (await vmNow(web)).powerState === 'poweredOff' && await isUp());
  expect((await vmNow(system)).boot?.attempts.map(({ end }) => end?.cause)).toEqual(['guestReset', undefined]);
  await done(api().vms.powerOn(web));
  await api().consoles.write(consoleId, Buffer.from('o'));
  await until(async () => (await hostNow()).powerState === 'poweredOff' && (await vmNow(web)).powerState === 'poweredOff');
  expect((await eventTypes()).filter(type => type === 'host.lostVms' || type === 'host.poweredOff')).toEqual(['host.poweredOff', 'host.lostVms', 'host.poweredOff', 'host.lostVms']);
}, 60_000);

test('the CPU of a SmartNIC is guarded too, has its own memory, and goes on and off with the host', async () => {
  const nic = smartNicOf(SERVER)!, system = await guarded('nic', binary('dead'), { failures: 1, banks: [{ id: 'old', name: 'Old', guest: binary('good') }] });
  const large = await create('large', binary('good'), { memoryMib: nic.memoryMib! + 1 });
  await done(api().hosts.powerOff(host));
  await expect(api().hosts.setSystem(host, 'smartNic', large)).rejects.toThrow('large wants 2049 MiB of memory, but the SmartNIC of server has 2048 MiB.');
  await done(api().hosts.setSystem(host, 'smartNic', system));
  await api().vms.changeBoots(system, { kind: 'mark', bank: 'old', good: true });
  await done(api().hosts.powerOn(host));
  // The host itself does not wait for it.
  expect(await isUp()).toBe(true);
  await until(async () => (await vmNow(system)).boot?.attempts.at(-1)?.bank === 'old' && (await vmNow(system)).boot?.attempts.at(-1)?.stages.at(-1)?.stage === 'up');
  expect((await api().vms.stats(system))?.cpu).toBeUndefined();
  await done(api().hosts.powerOff(host));
  expect((await vmNow(system)).powerState).toBe('poweredOff');
}, 60_000);

test('hosts that were on boot again when the engine starts, as when power comes back', async () => {
  const system = await guarded('system', binary('good'));
  await boots(system);
  await done(api().hosts.powerOn(host));
  await until(isUp);
  await opened.close();
  opened = await openTestClient(join(folder, 'data'));
  await opened.engine.startHosts();
  await until(async () => (await vmNow(system)).powerState === 'poweredOn' && await isUp());
  expect((await api().tasks.list(10)).rows.some(task => task.name === 'Boot host' && task.target.id === host)).toBe(true);
}, 60_000);

test('a system is a VM of the host that fits it; it is not moved, deleted or made a template', async () => {
  const system = await guarded('system', binary('good')), other = await guarded('other', binary('good'));
  await expect(api().hosts.setSystem(host, 'host', system)).rejects.toThrow('server must be powered off to change what it boots.');
  await boots(system);
  await expect(api().hosts.setSystem(host, 'smartNic', system)).rejects.toThrow('system is another system of server already.');
  await expect(api().hosts.setSystem(host, 'smartNic', null)).rejects.toThrow('The SmartNIC of server has no system.');
  expect((await opened.ended(await api().vms.delete(system))).error).toBe('system is what server boots: choose another system for it, or none, first.');
  expect((await opened.ended(await api().vms.convertToTemplate(system))).error).toBe('system is what server boots: choose another system for it, or none, first.');
  expect((await opened.ended(await api().vms.powerOn(system))).error).toBe('server is powered off, so no VM can run on it.');
  await done(api().hosts.setSystem(host, 'host', other));
  expect([(await vmNow(system)).hostRole, (await vmNow(other)).hostRole]).toEqual([undefined, 'host']);
  await done(api().hosts.setSystem(host, 'host', null));
  await done(api().hosts.edit(host, { ...SERVER, watchdog: 'none' }));
  await expect(api().hosts.setSystem(host, 'host', system)).rejects.toThrow('server has no watchdog, but the settings of system have one');
  await done(api().hosts.edit(host, { ...SERVER, watchdog: 'SBSA revision 0', nics: [] }));
  await done(api().hosts.setSystem(host, 'host', system));
  await expect(api().hosts.setSystem(host, 'smartNic', other)).rejects.toThrow('server has no SmartNIC');
  const spec = (await vmNow(system)).spec;
  await done(api().vms.reconfigure(system, { ...spec, bootWatchdog: { ...WATCHDOG, timeoutS: 60 } }));
  expect((await opened.ended(await api().hosts.powerOn(host))).error).toBe('The watchdog of server lasts 8 seconds at most, as it is of revision 0 and counts 1000 MHz; the settings of system want 60.');
  expect((await hostNow()).health).toBe('notResponding');
}, 60_000);
