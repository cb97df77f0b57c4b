import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { disposable } from '../../shared/base/disposable.ts';
import type { HostId, VmId } from '../../shared/base/ids.ts';
import type { MetricQuery, MetricSeries } from '../../shared/model/metric.ts';
import { openTestClient, type TestClient } from './test-client.ts';

const HOST_A = 'host-a' as HostId, MINUTE = 60_000;
/** Without a clock: tests say when a second has gone. */
const never = () => disposable(() => undefined);

let dataPath: string, opened: TestClient;
beforeEach(async () => { dataPath = mkdtempSync(join(tmpdir(), 'performance-')); opened = await openTestClient(dataPath, never); });
afterEach(async () => { await opened.close(); rmSync(dataPath, { recursive: true }); });

const api = () => opened.client.api;
async function runningVm(): Promise<VmId> {
  const { result } = await opened.ended(await api().vms.create({ name: 'busy', cpus: 2, memoryMib: 128, guest: { kind: 'diagnostics' }, disks: [], nics: [{ kind: 'nat', forwards: [], connected: true }] }, HOST_A));
  await opened.ended(await api().vms.powerOn(result?.id as VmId));
  return result?.id as VmId;
}
const query = async (rest: Partial<MetricQuery>): Promise<Record<string, MetricSeries>> =>
  Object.fromEntries((await api().performance.query({ objects: [{ kind: 'host', id: HOST_A }], metrics: ['cpu.mips'], fromMs: 0, toMs: Date.now() + MINUTE, ...rest })).map(series => [`${series.object.kind} ${series.key}`, series]));

test('a running VM is measured each second, and so is all that it is in', async () => {
  const id = await runningVm(), now = Math.floor(Date.now() / 1000) * 1000, { performance } = opened.engine;
  for (const n of [2, 1, 0]) await performance.sample(now - n * 1000);
  const series = await query({ objects: [{ kind: 'vm', id }, { kind: 'host', id: HOST_A }, { kind: 'datacenter', id: 'datacenter' }, { kind: 'root', id: 'root' }], metrics: ['mem.granted', 'cpu.instructions', 'exits.count', 'net.received', 'mem.usage', 'system.running'], intervalMs: 1000 });
  for (const kind of ['vm', 'host', 'datacenter', 'root']) expect(series[`${kind} mem.granted`]).toMatchObject({ atMs: [now - 2000, now - 1000, now], values: [128, 128, 128] });
  expect(series['vm cpu.instructions']?.values.length).toBe(2);
  expect(series['host mem.usage']?.values.at(-1)).toBeCloseTo(100 * 128 / 16384);
  expect(series['root system.running']?.values).toEqual([1, 1, 1]);
  expect(Object.keys(series)).toContain('vm net.received#nic-0');
  expect(Object.keys(series).some(key => key.startsWith('host exits.count#'))).toBe(false);
});

test('who watches an object hears of it each second, until it does not', async () => {
  const heard: string[] = [], now = Date.now();
  opened.client.on('performance.sampled', ({ object, values }) => heard.push(`${object.id} ${values['system.running']}`));
  await api().performance.watch({ kind: 'host', id: HOST_A });
  await opened.engine.performance.sample(now);
  await api().performance.unwatch({ kind: 'host', id: HOST_A });
  await opened.engine.performance.sample(now + 1000);
  expect(heard).toEqual(['host-a 0']);
});

test('a connection hears every five seconds what each VM uses of its host, and once that none runs', async () => {
  const heard: (readonly (readonly [string, number])[])[] = [], now = Date.now(), id = await runningVm();
  opened.client.on('usage.sampled', rows => heard.push(rows));
  const sampleAt = async (...seconds: number[]) => {
    for (const second of seconds) await opened.engine.performance.sample(now + second * 1000);
    // What was said before an answer has come with it.
    await api().performance.metrics();
  };
  await sampleAt(0, 1, 4, 5);
  expect(heard).toEqual([[[id, expect.any(Number)]], [[id, expect.any(Number)]]]);
  await opened.ended(await api().vms.powerOff(id));
  await sampleAt(10, 15);
  expect(heard.slice(2)).toEqual([[]]);
});

test('what was measured is there after a restart, in intervals of five minutes', async () => {
  await runningVm();
  const start = Math.floor(Date.now() / (5 * MINUTE) - 1) * 5 * MINUTE, { performance } = opened.engine;
  for (const at of [-4, -3, 1, 2]) await performance.sample(start + at * MINUTE);
  expect((await query({ metrics: ['mem.granted'] }))['host mem.granted']?.atMs.at(-1)).toBe(start + 2 * MINUTE);
  await opened.close();
  opened = await openTestClient(dataPath, never);
  expect(await query({ metrics: ['mem.granted', 'system.running'], intervalMs: 5 * MINUTE, toMs: start + 5 * MINUTE })).toMatchObject({
    'host mem.granted': { intervalMs: 5 * MINUTE, atMs: [start, start + 5 * MINUTE], values: [128, 128] }, 'host system.running': { values: [1, 1] },
  });
});

test('what cannot be asked for is refused in a sentence', async () => {
  const good = { objects: [{ kind: 'host', id: 'host-a' }], metrics: ['cpu.mips'], fromMs: 0, toMs: 1 } as const;
  const refused = (rest: object) => expect(api().performance.query({ ...good, ...rest } as never)).rejects;
  await refused({ metrics: ['cpu.bogus'] }).toThrow('There is no such metric.');
  await refused({ objects: [{ kind: 'tag', id: 'x' }] }).toThrow('Objects of this kind have no figures.');
  await refused({ toMs: 0 }).toThrow('The end is after the beginning.');
  await refused({ intervalMs: 7 }).toThrow('Nothing is kept at this interval.');
  await expect(api().performance.watch({ kind: 'vm', id: 'vm-none' })).rejects.toThrow('The VM no longer exists.');
});

test('a datastore has figures of its space', async () => {
  const { performance } = opened.engine, now = Math.floor(Date.now() / 1000) * 1000;
  await performance.sample(now - 1000);
  const [used, capacity] = await Promise.all(['datastore.used', 'datastore.capacity'].map(async metric => (await query({ objects: [{ kind: 'datastore', id: 'datastore-local' }], metrics: [metric], intervalMs: 1000 }))[`datastore ${metric}`]?.values[0] ?? 0));
  expect(used).toBeGreaterThan(0);
  expect(capacity).toBeGreaterThan(used ?? 0);
});
