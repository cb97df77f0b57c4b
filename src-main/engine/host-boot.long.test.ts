/** A host that boots Debian's kernel itself, broken in each way: it recovers unattended, and only with its boot watchdog. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { fetchGuests, type Guest } from '../../scripts/fetch-guests.ts';
import type { HostId, TaskId, VmId } from '../../shared/base/ids.ts';
import { BOOT_DRILLS, stageOf, USUAL_WATCHDOG } from '../../shared/model/boot-watchdog.ts';
import type { BootWatchdogSpec, GuestSource, Vm } from '../../shared/model/vm.ts';
import { openTestClient, type TestClient } from './test-client.ts';

let folder: string, opened: TestClient, host: HostId, linux: Guest;
beforeEach(async () => {
  linux = await fetchGuests('cloud');
  folder = await mkdtemp(join(tmpdir(), 'quarterdeck-host-boot-'));
  opened = await openTestClient(join(folder, 'data'));
  host = (await opened.objects('host')).find(({ name }) => name.startsWith('host-a'))!.id;
}, 180_000);
afterEach(async () => {
  await opened.close();
  await rm(folder, { recursive: true });
});

const api = () => opened.client.api;
const kernel = (bank: string): GuestSource => ({ kind: 'linux', kernelPath: linux.kernel, initrdPath: linux.initrd, commandLine: `console=ttyAMA0 quiet bank=${bank}` });
const done = async (task: Promise<TaskId>) => { const { state, error, result } = await opened.ended(await task); expect(error ?? state).toBe('success'); return result?.id ?? ''; };
const vmNow = async (id: VmId): Promise<Vm> => (await opened.objects('vm')).find(vm => vm.id === id)!;
const hostNow = async () => (await opened.objects('host')).find(({ id }) => id === host)!;
const until = (is: () => Promise<boolean>) => new Promise<void>((resolve, reject) => {
  const look = () => { is().then(so => { if (so) resolve(); }, reject); };
  opened.client.on('inventory.changed', look);
  look();
});

/** The host boots Debian's kernel from its settings the next time, or the same from a bank. */
async function booting(mode: BootWatchdogSpec['mode']): Promise<VmId> {
  const bootWatchdog: BootWatchdogSpec = { ...USUAL_WATCHDOG, mode, timeoutS: 15, goodAfterS: 2, failures: 1, banks: [{ id: 'old', name: 'Old', guest: kernel('old') }] };
  const system = await done(api().vms.create({ name: 'system', cpus: 2, memoryMib: 512, guest: kernel('settings'), disks: [], bootWatchdog }, host)) as VmId;
  await done(api().hosts.powerOff(host));
  await done(api().hosts.setSystem(host, 'host', system));
  await api().vms.changeBoots(system, { kind: 'mark', bank: 'old', good: true });
  return system;
}

test.each(BOOT_DRILLS)('with %s the host comes up from its good bank by itself', async drill => {
  const system = await booting('boot');
  await api().vms.changeBoots(system, { kind: 'drill', drill });
  await done(api().hosts.powerOn(host));
  expect((await hostNow()).health).toBe('booting');
  await until(async () => (await hostNow()).health === undefined);
  expect((await vmNow(system)).boot?.attempts.map(({ bank, end }) => [bank, end?.cause])).toEqual([['settings', 'watchdog'], ['old', undefined]]);
  const web = await done(api().vms.create({ name: 'web', cpus: 1, memoryMib: 64, guest: { kind: 'diagnostics' }, disks: [] }, host)) as VmId;
  await done(api().vms.powerOn(web));
}, 180_000);

test('without protection it stays dead, for far longer than its watchdog would have taken', async () => {
  const system = await booting('guest');
  await api().vms.changeBoots(system, { kind: 'drill', drill: 'corruptKernel' });
  await done(api().hosts.powerOn(host));
  const past = async (): Promise<void> => { if (((await api().vms.stats(system))?.watchdog?.sinceNs ?? 0) < 40e9) await past(); };
  await past();
  const { boot } = await vmNow(system);
  expect([boot?.attempts.length, boot && stageOf(boot.attempts[0]!)]).toEqual([1, 'powerOn']);
}, 180_000);
