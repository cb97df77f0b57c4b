/** Engines that are killed while a guest moves between them: there is one of it afterwards, wherever the kill came. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { EngineApi } from '../../../shared/api/engine-api.ts';
import type { Change, EngineEvents } from '../../../shared/api/engine-events.ts';
import { connect, type Connection } from '../../../shared/api/rpc.ts';
import type { HostId, PeerId, TaskId, VmId } from '../../../shared/base/ids.ts';
import { USUAL_LINK } from '../../../shared/model/host.ts';
import type { Task } from '../../../shared/model/task.ts';
import type { Vm } from '../../../shared/model/vm.ts';
import { assemble } from '../../cpu/asm/assembler.ts';
import { connectLocally } from '../local-socket.ts';

const HOST = 'host-a' as HostId;
/** Prints a letter now and then. */
const PRINTS = ['movz x9, #0x0900, lsl #16', 'movz x10, #0x301', 'str w10, [x9, #0x30]', 'mov w1, #0x61', 'again: movz x2, #8, lsl #16', 'wait: sub x2, x2, #1', 'cbnz x2, wait', 'str w1, [x9]', 'b again'].join('\n');

class Child {
  readonly dataPath: string;
  address = '';
  client!: Connection<EngineApi, EngineEvents>;
  private process!: ChildProcess;
  constructor(dataPath: string) { this.dataPath = dataPath; }

  async start(): Promise<void> {
    this.process = spawn(process.execPath, [join(import.meta.dirname, 'peer-process.ts'), this.dataPath, this.address.split(':')[1] ?? '0'], { stdio: ['ignore', 'pipe', 'inherit'] });
    [this.address] = await once(createInterface({ input: this.process.stdout! }), 'line') as [string];
    const port = await connectLocally(this.dataPath);
    this.client = connect<EngineApi, EngineEvents>(port!);
    await this.api.engine.subscribe();
  }
  get api() { return this.client.api; }
  async kill(): Promise<void> {
    const closed = once(this.process, 'close');
    this.process.kill('SIGKILL');
    await closed;
  }
  async ended(id: TaskId): Promise<Task> {
    return await new Promise<Task>((resolve, reject) => {
      const see = (task: Task) => { if (task.id === id && task.completedMs !== undefined) resolve(task); };
      this.client.on('task.changed', see);
      this.api.tasks.get(id).then(see, reject);
    });
  }
  async done(task: Promise<TaskId>): Promise<string> {
    const { error, state, result } = await this.ended(await task);
    expect(error ?? state).toBe('success');
    return result?.id ?? '';
  }
  vm = async (id: VmId): Promise<Vm | undefined> => (await this.api.inventory.list()).flatMap(change => (change.kind === 'vm' && change.id === id && change.after ? [change.after] : []))[0];
  /** Resolves when a change tells it. */
  when(id: VmId, isSo: (vm: Vm | null) => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const see = (changes: readonly Change[]) => { for (const change of changes) if (change.kind === 'vm' && change.id === id && isSo(change.after)) resolve(); };
      this.client.on('inventory.changed', see);
      this.vm(id).then(vm => { if (isSo(vm ?? null)) resolve(); }, reject);
    });
  }
}

let folder: string, here: Child, there: Child, id: VmId, peerId: PeerId;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quarterdeck-killed-'));
  await writeFile(join(folder, 'prints'), assemble(PRINTS));
  [here, there] = [new Child(join(folder, 'here')), new Child(join(folder, 'there'))];
  await Promise.all([here.start(), there.start()]);
  peerId = await here.done(here.api.peers.add({ name: 'there', address: there.address, fingerprint: (await there.api.peers.identity()).fingerprint })) as PeerId;
  await there.done(there.api.peers.add({ name: 'here', address: here.address, fingerprint: (await here.api.peers.identity()).fingerprint }));
  id = await here.done(here.api.vms.create({ name: 'prints', cpus: 1, memoryMib: 64, guest: { kind: 'binary', imagePath: join(folder, 'prints') }, disks: [] }, HOST)) as VmId;
  await here.done(here.api.vms.powerOn(id));
});
afterEach(async () => {
  await Promise.all([here.kill(), there.kill()]);
  await rm(folder, { recursive: true });
});
const migrate = async () => await here.api.vms.migrate([id], { peerId, hostId: HOST, downtimeMs: 60_000 });

test('the destination is killed before it took the guest: that goes on where it is, and moves when the other is back', async () => {
  await here.done(here.api.hosts.setLink(HOST, { ...USUAL_LINK, mbps: 1 }));
  const task = await migrate();
  await new Promise<void>(resolve => { here.client.on('task.changed', ({ id: changed, details }) => { if (changed === task && details?.startsWith('Round')) resolve(); }); });
  await there.kill();
  expect((await here.ended(task)).error).toBe('there: The connection to the other engine was lost.');
  expect(await here.vm(id)).toMatchObject({ powerState: 'poweredOn' });
  await there.start();
  expect(await there.vm(id)).toBeUndefined();
  await here.done(here.api.hosts.setLink(HOST, USUAL_LINK));
  await here.done(migrate());
  expect(await there.vm(id)).toMatchObject({ powerState: 'poweredOn' });
}, 60_000);

test('the destination is killed when it has just taken the guest: that is its own, and lost its power with it', async () => {
  const taken = there.when(id, vm => vm !== null), task = await migrate();
  await taken;
  await there.kill();
  await there.start();
  expect(await there.vm(id)).toMatchObject({ powerState: 'poweredOff', problem: 'The engine stopped while this VM ran.' });
  expect((await here.ended(task)).error).toBeUndefined();
  expect(await here.vm(id)).toBeUndefined();
}, 60_000);

test('the source is killed when it has just given the guest away: it asks what became of it when it is started', async () => {
  const given = here.when(id, vm => vm?.given !== undefined);
  await migrate();
  await given;
  await here.kill();
  await here.start();
  // Whether the last word was out when the kill came, nobody knows but the other engine.
  await here.when(id, vm => vm?.given === undefined);
  const [left, arrived] = [await here.vm(id), await there.vm(id)];
  expect([left === undefined, arrived === undefined].filter(Boolean)).toHaveLength(1);
  expect((left ?? arrived)?.powerState).toBe(left === undefined ? 'poweredOn' : 'poweredOff');
}, 60_000);

test('both are killed at any moment of a move, and there is one of it when they are back', async () => {
  for (const [n, phase] of ['copying', 'switching', 'given', 'taken'].entries()) {
    const source = n % 2 === 0 ? here : there, moment = phase === 'given' ? here.when(id, vm => vm === null || vm.given !== undefined) : phase === 'taken' ? there.when(id, vm => vm !== null)
      : new Promise<void>(resolve => { here.client.on('task.changed', ({ details }) => { if (details?.startsWith(phase === 'copying' ? 'Round' : 'Switching')) resolve(); }); });
    const task = await migrate();
    await Promise.race([moment, here.ended(task)]);
    await Promise.all([source.kill(), source === here ? there.kill() : here.kill()]);
    await Promise.all([here.start(), there.start()]);
    await here.when(id, vm => vm?.given === undefined);
    const [left, arrived] = [await here.vm(id), await there.vm(id)];
    expect([left === undefined, arrived === undefined].filter(Boolean), phase).toHaveLength(1);
    if (left !== undefined) { await here.done(here.api.vms.powerOn(id)); continue; }
    const back = (await there.api.peers.list())[0]!.id;
    await there.done(there.api.vms.migrate([id], { peerId: back, hostId: HOST }));
    await here.done(here.api.vms.powerOn(id));
  }
}, 120_000);
