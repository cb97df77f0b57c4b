/** Boots of VMs, as an operator sees them: a program that never refreshes the watchdog, one that does, and what is made of that. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { VmId } from '../../shared/base/ids.ts';
import { stageOf, USUAL_WATCHDOG, type BootRecord } from '../../shared/model/boot-watchdog.ts';
import type { BootWatchdogSpec, Vm, VmSpec } from '../../shared/model/vm.ts';
import { assemble } from '../cpu/asm/assembler.ts';
import { openTestClient, type TestClient } from './test-client.ts';

/** Refreshes at once, and again and again: each time that it wakes up from a delay. */
const GOOD = 'movz x1, #0x090f, lsl #16\nagain: str wzr, [x1]\n movz x2, #0x40, lsl #16\nwait: sub x2, x2, #1\n cbnz x2, wait\n b again';
const DEAD = 'again: wfi\n b again';
const WATCHDOG: BootWatchdogSpec = { ...USUAL_WATCHDOG, mode: 'boot', timeoutS: 1, goodAfterS: 0, failures: 2 };
const binary = (imagePath: string) => ({ kind: 'binary', imagePath } as const);

let folder: string, opened: TestClient, good: string, dead: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quarterdeck-boots-'));
  [good, dead] = [join(folder, 'good.bin'), join(folder, 'dead.bin')];
  await writeFile(good, assemble(GOOD));
  await writeFile(dead, assemble(DEAD));
  opened = await openTestClient(join(folder, 'data'));
});
afterEach(async () => {
  await opened.close();
  await rm(folder, { recursive: true });
});

const vmNow = async (id: VmId): Promise<Vm> => (await opened.objects('vm')).find(vm => vm.id === id)!;

/** Resolves when the VM is so. */
function until(id: VmId, is: (boot: BootRecord, vm: Vm) => boolean): Promise<Vm> {
  return new Promise((resolve, reject) => {
    const look = (vm: Vm | undefined) => { if (vm?.boot !== undefined && is(vm.boot, vm)) resolve(vm); };
    opened.client.on('inventory.changed', changes => { for (const change of changes) if (change.kind === 'vm' && change.id === id) look(change.after ?? undefined); });
    vmNow(id).then(look, reject);
  });
}

async function create(bootWatchdog: Partial<BootWatchdogSpec>, guest: VmSpec['guest']): Promise<VmId> {
  const [host] = await opened.objects('host'), task = await opened.ended(await opened.client.api.vms.create({ name: 'test', cpus: 1, memoryMib: 64, guest, disks: [], bootWatchdog: { ...WATCHDOG, ...bootWatchdog } }, host!.id));
  return task.result!.id as VmId;
}
const eventTypes = async () => (await opened.client.api.events.list(100)).rows.map(({ type }) => type).filter(type => /watchdog|fellBack|boot/i.test(type)).reverse();

test('a VM that does not come up falls back to its good bank, with events and an alarm, until an operator chooses again', async () => {
  const { api } = opened.client, id = await create({ banks: [{ id: 'old', name: 'Old', guest: binary(good) }] }, binary(dead));
  await api.vms.changeBoots(id, { kind: 'mark', bank: 'old', good: true });
  await opened.ended(await api.vms.powerOn(id));
  const { boot } = await until(id, ({ attempts }) => attempts.length === 3 && stageOf(attempts[2]!) === 'up');
  expect(boot?.attempts.map(({ bank, bankName, end }) => [bank, bankName, end?.cause])).toEqual([['settings', '', 'watchdog'], ['settings', '', 'watchdog'], ['old', 'Old', undefined]]);
  expect(await eventTypes()).toEqual(['vm.bootMarked', 'vm.watchdogReset', 'vm.watchdogReset', 'vm.fellBack', 'vm.booted']);
  await opened.engine.alarms.settled();
  expect((await opened.objects('triggeredAlarm')).map(({ definitionId, level }) => [definitionId, level])).toEqual([['alarm-vm-fell-back', 'critical']]);
  await api.vms.changeBoots(id, { kind: 'choose', bank: 'old' });
  await until(id, ({ fellBack }) => fellBack === undefined);
  await opened.ended(await api.vms.powerOff(id));
  expect((await vmNow(id)).boot?.attempts.at(-1)?.end?.cause).toBe('stopped');
  expect((await opened.ended(await api.vms.powerOn(id))).state).toBe('success');
  expect((await until(id, ({ attempts }) => attempts.length === 4)).boot?.attempts[3]?.bank).toBe('old');
}, 60_000);

test('without protection it stays dead, and nothing falls back', async () => {
  const { api } = opened.client, id = await create({ mode: 'guest', banks: [{ id: 'old', name: 'Old', guest: binary(good) }] }, binary(dead));
  await api.vms.changeBoots(id, { kind: 'mark', bank: 'old', good: true });
  await opened.ended(await api.vms.powerOn(id));
  const stats = await api.vms.stats(id);
  expect([stats?.watchdog?.leftNs, (await vmNow(id)).boot?.attempts.length]).toEqual([undefined, 1]);
  await opened.ended(await api.vms.powerOff(id));
}, 60_000);

test('the settings are kept as a bank, as good as they are; banks are chosen, marked and removed by what there is', async () => {
  const { api } = opened.client, id = await create({}, binary(good));
  await opened.ended(await api.vms.powerOn(id));
  await until(id, boot => boot.good.includes('settings'));
  await api.vms.saveBootBank(id, 'Known good');
  const { spec, boot } = await until(id, ({ good: marked }) => marked.length === 2), bank = spec.bootWatchdog!.banks[0]!;
  expect([bank.name, bank.guest, boot?.good]).toEqual(['Known good', binary(good), ['settings', bank.id]]);
  await expect(api.vms.saveBootBank(id, 'Known good')).rejects.toThrow('test has a boot bank Known good already.');
  await expect(api.vms.changeBoots(id, { kind: 'choose', bank: 'none' })).rejects.toThrow('test has no such boot bank.');
  await opened.ended(await api.vms.powerOff(id));
  // What is booted now was not tried.
  await opened.ended(await api.vms.reconfigure(id, { ...spec, guest: binary(dead) }));
  expect((await vmNow(id)).boot?.good).toEqual([bank.id]);
  await api.vms.changeBoots(id, { kind: 'choose', bank: bank.id });
  await expect(api.vms.removeBootBank(id, bank.id)).rejects.toThrow('test boots from that bank: choose another one first.');
  await api.vms.changeBoots(id, { kind: 'choose', bank: 'settings' });
  await api.vms.removeBootBank(id, bank.id);
  expect((await vmNow(id)).spec.bootWatchdog?.banks).toEqual([]);
  await expect(api.vms.reconfigure(id, { ...spec, bootWatchdog: { ...WATCHDOG, banks: [{ id: 'fw', name: 'EDK2', guest: { kind: 'firmware', firmwarePath: '/fw' } }] } })).rejects.toThrow('The boot bank EDK2 is for another machine: firmware and its flash are part of the board.');
}, 60_000);

test('a drill breaks one boot of a VM that is reset, not its files; and not what firmware loads', async () => {
  const { api } = opened.client, id = await create({ failures: 1 }, binary(good));
  await opened.ended(await api.vms.powerOn(id));
  await until(id, boot => boot.good.includes('settings'));
  await api.vms.changeBoots(id, { kind: 'drill', drill: 'hang' });
  await opened.ended(await api.vms.reset(id));
  const { boot } = await until(id, ({ attempts }) => attempts.length === 3 && stageOf(attempts[2]!) === 'up');
  expect(boot?.attempts.map(({ drill, end }) => [drill, end?.cause])).toEqual([[undefined, 'reset'], ['hang', 'watchdog'], [undefined, undefined]]);
  expect(boot?.fellBack).toBeUndefined();
  await expect(api.vms.changeBoots(id, { kind: 'drill', drill: 'panic' })).rejects.toThrow('The next boot of test cannot be broken in this way');
}, 60_000);

test('the rules change while the VM is on, but not whether there is a watchdog; a suspended boot goes on', async () => {
  const { api } = opened.client, id = await create({ goodAfterS: 1000 }, binary(good)), { spec } = await vmNow(id);
  await opened.ended(await api.vms.powerOn(id));
  await until(id, ({ attempts }) => stageOf(attempts[0]!) === 'tookOver');
  await expect(api.vms.reconfigure(id, { ...spec, bootWatchdog: { ...WATCHDOG, mode: 'none' } })).rejects.toThrow('must be powered off to change: whether there is a watchdog');
  expect((await opened.ended(await api.vms.reconfigure(id, { ...spec, bootWatchdog: { ...WATCHDOG, failures: 7 } }))).state).toBe('success');
  expect((await opened.ended(await api.vms.suspend(id))).state).toBe('success');
  expect((await vmNow(id)).boot?.attempts.map(({ end }) => end)).toEqual([undefined]);
  expect((await opened.ended(await api.vms.powerOn(id))).state).toBe('success');
  expect((await api.vms.stats(id))?.watchdog?.leftNs).toBeGreaterThan(0);
  expect((await vmNow(id)).boot?.attempts.length).toBe(1);
}, 60_000);
