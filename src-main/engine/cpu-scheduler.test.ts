import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { HostId, ResourcePoolId, VmId } from '../../shared/base/ids.ts';
import type { Allocation } from '../../shared/model/container.ts';
import type { VmSpec } from '../../shared/model/vm.ts';
import { assemble } from '../cpu/asm/assembler.ts';
import { startVm } from '../hypervisor/start-vm.ts';
import { Engine } from './engine.ts';
import type { TaskContext } from './task-runner.ts';

const HOST = 'host-a' as HostId;
const CONTEXT: TaskContext = { signal: new AbortController().signal, progress: () => undefined, committed: () => undefined, changed: () => undefined, made: () => undefined, parts: () => Promise.resolve() };
/** Turns on every other CPU of up to 4; all divide for ever, and print a letter after every 2^20 rounds of 6 instructions. */
const BUSY = `
  mov x19, #0
next:
  add x19, x19, #1
  mov x0, #0xc4000003
  mov x1, x19
  adr x2, count
  hvc #0
  cmp x19, #4
  b.ne next
count:
  mov x3, #0x09000000
  mov w4, #0x41
  mov x5, #0x100000
  str w4, [x3]
again:
  udiv x6, x7, x5
  udiv x7, x6, x5
  udiv x6, x7, x5
  udiv x7, x6, x5
  sub x5, x5, #1
  cbnz x5, again
  b count`;
/** Letters until a guest is translated and known to the scheduler, and those to measure by: some seconds at a quarter of a CPU. */
const WARM = 10, STRETCH = 30;
const MEASUREMENTS = 8;

let dataPath: string, imagePath: string, engine: Engine;

beforeEach(async () => {
  dataPath = mkdtempSync(join(tmpdir(), 'engine-'));
  imagePath = join(dataPath, 'busy.bin');
  writeFileSync(imagePath, assemble(BUSY, 0x4008_0000));
  engine = await Engine.open({ dataPath, startVm });
});
afterEach(async () => {
  await engine.close();
  rmSync(dataPath, { recursive: true });
});

const hostHas = (cpus: number) => engine.inventory.transact(edit => edit.put('host', { ...edit.host(HOST), cpus, cpuMhz: 1000 }));
const allocate = (id: VmId, cpuAllocation: Allocation) => engine.inventory.transact(edit => { const vm = edit.vm(id); edit.put('vm', { ...vm, spec: { ...vm.spec, cpuAllocation } }); });

async function busyVm(name: string, rest: Partial<VmSpec> = {}): Promise<VmId> {
  const id = name as VmId, spec: VmSpec = { name, cpus: 1, memoryMib: 64, guest: { kind: 'binary', imagePath }, disks: [], ...rest };
  await engine.inventory.transact(edit => edit.put('vm', { id, hostId: HOST, spec, powerState: 'poweredOff', createdMs: 0 }));
  await engine.power.on(id, CONTEXT);
  await prints(id, WARM);
  return id;
}

const stats = async (id: VmId) => (await engine.power.stats(id))!;
const retired = async (id: VmId) => (await stats(id)).instructions;

/** Waits until a VM has printed so many more letters. */
async function prints(id: VmId, count: number): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>();
  // What was printed before comes first, at once; a few letters need no acknowledgement.
  let left = Infinity;
  const client = engine.power.console(id).attach(bytes => {
    left -= bytes.length;
    if (left <= 0) resolve(undefined);
  });
  left = count;
  await promise;
  client.detach();
}

/** What each retires while the first prints so many letters. */
async function during(count: number, ...ids: VmId[]): Promise<number[]> {
  const before = await Promise.all(ids.map(retired));
  await prints(ids[0] as VmId, count);
  return (await Promise.all(ids.map(retired))).map((after, at) => after - (before[at] as number));
}

const ratio = ([one, other]: number[]) => (other as number) / (one as number);
/**
 * The other retires `due` times as much as the one, while that prints so many letters. What else the machine does disturbs a measurement now and
 * then, so that one of a few has to come out; a wrong division would be as wrong in each.
 */
async function retireAs(due: number, [one, other]: readonly [VmId, VmId], { letters = STRETCH, within = 0.05 } = {}): Promise<void> {
  const errors: number[] = [];
  while (errors.length < MEASUREMENTS) {
    errors.push(Math.abs(ratio(await during(letters, one, other)) / due - 1));
    if (errors.at(-1) < within) return;
  }
  expect(Math.min(...errors), errors.join(', ')).toBeLessThan(within);
}

test('two busy VMs on one CPU retire instructions as their shares stand, also when those change', async () => {
  await hostHas(1);
  const low = await busyVm('low', { cpuAllocation: { shares: 1000, reservation: 0 } }), high = await busyVm('high', { cpuAllocation: { shares: 3000, reservation: 0 } });
  await prints(low, WARM);
  await retireAs(3, [low, high]);
  expect((await stats(low)).cpu!.cpuReadyPart).toBeGreaterThan(0.5);
  await allocate(low, { shares: 6000, reservation: 0 });
  await prints(high, WARM);
  await retireAs(2, [high, low]);
}, 120_000);

test('a resource pool and a VM with several vCPUs have their parts as their shares stand', async () => {
  await hostHas(2);
  const pool = { id: 'pool' as ResourcePoolId, name: 'pool', parent: { kind: 'host', id: HOST } as const, cpu: { shares: 6000, reservation: 0, expandable: true }, memory: { shares: 1000, reservation: 0, expandable: true } };
  await engine.inventory.transact(edit => edit.put('resourcePool', pool));
  const pair = await busyVm('pair', { cpus: 2 }), alone = await busyVm('alone', { cpus: 2 });
  await engine.inventory.transact(edit => edit.put('vm', { ...edit.vm(pair), poolId: pool.id }));
  await prints(alone, WARM);
  // Threads that are called back overrun by more than a turn.
  await retireAs(3, [alone, pair], { letters: 2 * STRETCH, within: 0.1 });
}, 120_000);

test('a VM gets no more than its limit, though there is more', async () => {
  await hostHas(2);
  const [eighth, quarter] = [await busyVm('eighth', { cpuAllocation: { shares: 1000, reservation: 0, limit: 125 } }), await busyVm('quarter', { cpuAllocation: { shares: 1000, reservation: 0, limit: 250 } })];
  await prints(eighth, WARM / 2);
  await retireAs(2, [eighth, quarter], { letters: STRETCH / 2, within: 0.1 });
  expect((await stats(eighth)).cpu!.cpuMhz).toBeLessThan(150);
  expect((await stats(quarter)).cpu!.cpuMhz).toBeLessThan(275);
  expect((await stats(quarter)).cpu!.entitledMhz).toBeLessThan(275);
});

test('VMs on a host that has a CPU for each are left alone, whatever their shares', async () => {
  await hostHas(2);
  const [low, high] = [await busyVm('low', { cpuAllocation: { shares: 1000, reservation: 0 } }), await busyVm('high', { cpuAllocation: { shares: 9000, reservation: 0 } })];
  expect(ratio(await during(STRETCH, low, high))).toBeLessThan(2);
});
