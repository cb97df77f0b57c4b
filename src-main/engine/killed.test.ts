/** An engine is killed at random moments in the midst of mixed operations; what it acknowledged is there when it starts again. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import type { Vm } from '../../shared/model/vm.ts';
import { checkImage } from '../storage/image-operations.ts';
import { openImage } from '../storage/open-image.ts';
import { randomNumbers } from '../storage/test-folder.ts';
import type { Contents, Said } from './crash-operations.ts';
import { imagesOf } from './leftovers.ts';
import { openTestClient, type TestClient } from './test-client.ts';

const OPERATIONS = 200, MINUTES = 60_000;
type Fact = NonNullable<Said['done']>[number];
interface Interrupted { readonly name: string; readonly ids: readonly string[] }
interface Round { readonly operations: number; readonly under: Interrupted | undefined }

/** Runs operations until a moment that the seed says, and kills the engine; notes what it acknowledged. */
async function round(folder: string, second: string, seed: number, facts: Map<string, Fact>): Promise<Round> {
  const random = randomNumbers(seed), contents = Object.fromEntries([...facts].map(([id, fact]) => [id, fact.contents]));
  const child = spawn(process.execPath, [join(import.meta.dirname, 'crash-operations.ts'), folder, second, String(seed), JSON.stringify(contents)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lastAt = 4 + random(24);
  let operations = 0, under: Interrupted | undefined;
  createInterface({ input: child.stdout }).on('line', line => {
    if (line === 'ready') return;
    const { begin, done } = JSON.parse(line) as Said;
    if (begin) under = begin;
    if (done === undefined) { if (operations >= lastAt) setTimeout(() => child.kill('SIGKILL'), random(60)); return; }
    operations += 1;
    under = undefined;
    for (const fact of done) facts.set(fact.id, fact);
  });
  const [, signal] = await once(child, 'close') as [number, string];
  expect(signal, 'the engine did not end by itself').toBe('SIGKILL');
  return { operations, under };
}

/** What of a VM an operation that was acknowledged has made so. */
const lasting = ({ spec: { name, memoryMib, disks }, template, snapshots = [] }: Vm) => ({ name, memoryMib, disks: disks.length, template, snapshots: snapshots.filter(each => !each.temporary).map(each => each.name) });

async function shown(path: string): Promise<Contents['now']> {
  const image = await openImage(path, { readOnly: true }), found: Record<string, string> = {};
  for (let sector = 0; sector < 24; sector++) {
    const bytes = Buffer.alloc(512);
    await image.read(sector * 512, bytes);
    if (bytes[0] !== 0) found[sector] = bytes.toString().replace(/\.+$/, '');
  }
  await image.close();
  return found;
}

async function checkAcknowledged(engine: TestClient, facts: ReadonlyMap<string, Fact>, under: Interrupted | undefined): Promise<void> {
  const there = new Map((await engine.objects('vm')).map(vm => [vm.id as string, vm])), deleted = new Map((await engine.objects('deletedVm')).map(vm => [vm.id as string, vm]));
  for (const [id, { vm, isInBin, contents }] of facts) {
    const now = there.get(id) ?? deleted.get(id), isUnderWay = under?.ids.includes(id) === true;
    if (!isUnderWay) expect([now && lasting(now), deleted.has(id)], id).toEqual([vm ? lasting(vm) : undefined, isInBin]);
    if (now === undefined || (isUnderWay && ['write', 'revert'].includes(under.name))) continue;
    expect(await shown(now.spec.disks[0]!.path), `${now.spec.name}: its disk`).toEqual(contents.now);
    for (const { name, spec, temporary } of now.snapshots ?? []) if (!temporary && contents.snapshots[name]) expect(await shown(spec.disks[0]!.path), `${now.spec.name}: ${name}`).toEqual(contents.snapshots[name]);
  }
}

/** No half-made VM, no file of nothing, no task that seems to run. */
async function checkWhole(engine: TestClient, folder: string, second: string): Promise<void> {
  const all = [...await engine.objects('vm'), ...await engine.objects('deletedVm')], folders = await readdir(join(folder, 'vms'));
  expect(folders.filter(name => !all.some(({ id }) => id === name))).toEqual([]);
  expect((await readdir(second)).filter(name => !all.some(({ id, datastoreId }) => id === name && datastoreId !== undefined))).toEqual([]);
  for (const vm of all) {
    const images = await imagesOf(vm), local = resolve(folder, 'vms', vm.id), own = vm.datastoreId === undefined ? local : resolve(second, vm.id), states = (vm.snapshots ?? []).flatMap(({ id, memory }) => (memory ? [`${id}.state`] : [])), isStated = new Set<string>(vm.powerState === 'suspended' ? [...states, 'suspended.state'] : states);
    for (const image of images) {
      expect(existsSync(image), image).toBe(true);
      expect(await checkImage(image)).toMatchObject({ corruptions: 0 });
    }
    const files = await readdir(own).catch((): string[] => []);
    if (own !== local) expect(await readdir(local)).toEqual(['elsewhere']);
    expect(files.filter(file => !images.has(join(own, file)) && !isStated.has(file)), vm.spec.name).toEqual([]);
    expect([...isStated].filter(file => !files.includes(file)), vm.spec.name).toEqual([]);
    expect(vm.powerState).toMatch(/^(poweredOff|suspended)$/);
  }
  expect((await engine.client.api.tasks.list(1000)).rows.filter(task => task.completedMs === undefined)).toEqual([]);
}

test(`an engine that is killed in the midst of ${OPERATIONS} operations loses nothing that it acknowledged, and leaves nothing half-made`, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'killed-')), second = await mkdtemp(join(tmpdir(), 'killed-second-')), facts = new Map<string, Fact>();
  try {
    let done = 0;
    for (let seed = 1; done < OPERATIONS; seed++) {
      const { operations, under } = await round(folder, second, seed, facts);
      done += operations;
      const engine = await openTestClient(folder);
      // What the start itself has to do is done by tasks.
      for (const task of (await engine.client.api.tasks.list(20)).rows) if (task.completedMs === undefined) await engine.ended(task.id);
      await checkAcknowledged(engine, facts, under);
      await checkWhole(engine, folder, second);
      // What was interrupted may have come to its end, also that of its VM.
      for (const id of under?.ids ?? []) facts.delete(id);
      for (const vm of [...await engine.objects('vm'), ...await engine.objects('deletedVm')]) if (!facts.has(vm.id)) facts.set(vm.id, await factOf(vm, vm.deletedMs !== undefined));
      await engine.close();
    }
  } finally { for (const each of [folder, second]) await rm(each, { recursive: true }); }
}, 6 * MINUTES);

/** What an interrupted operation came to. */
async function factOf(vm: Vm, isInBin: boolean): Promise<Fact> {
  const snapshots = await Promise.all((vm.snapshots ?? []).map(async ({ name, spec }) => [name, await shown(spec.disks[0]!.path)] as const));
  return { id: vm.id, vm, isInBin, contents: { now: await shown(vm.spec.disks[0]!.path), snapshots: Object.fromEntries(snapshots) } };
}
