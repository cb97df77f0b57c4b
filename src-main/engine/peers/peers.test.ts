/** Two engines: VMs that move between them, and what keeps them from it. */
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { connect as connectPlain, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { HostId, PeerId, TaskId, VmId } from '../../../shared/base/ids.ts';
import { USUAL_LINK } from '../../../shared/model/host.ts';
import type { VmSpec } from '../../../shared/model/vm.ts';
import { freePort } from '../../../scripts/free-port.ts';
import { assemble } from '../../cpu/asm/assembler.ts';
import { makeCertificate } from '../../display/start-display.ts';
import { MIGRATION_FORMAT } from '../../hypervisor/migration/messages.ts';
import { createImage } from '../../storage/image-operations.ts';
import { randomNumbers } from '../../storage/test-folder.ts';
import { openTestClient, type TestClient } from '../test-client.ts';
import { FRAME_KINDS, FrameStream, type FrameKind } from './frames.ts';
import { Hello, jsonIn, PEER_PROTOCOL, PEER_VERSION } from './wire.ts';

/** Counts in X2, stores that to one page of a MiB after the other, and prints a letter of the alphabet after so many. */
const SCRIBBLES = ['movz x1, #0x4100, lsl #16', 'movz x9, #0x0900, lsl #16', 'movz x10, #0x301', 'str w10, [x9, #0x30]', 'mov x2, #0', 'mov x6, #0', 'again: add x2, x2, #1', 'and x3, x2, #255', 'lsl x3, x3, #12', 'str x2, [x1, x3]',
  'movz x5, #4000', 'wait: sub x5, x5, #1', 'cbnz x5, wait', 'and x7, x2, #0xff', 'cbnz x7, again',
  'add x7, x6, #0x61', 'str w7, [x9]', 'add x6, x6, #1', 'cmp x6, #26', 'b.ne again', 'mov x6, #0', 'b again'].join('\n');
const ALPHABET = 'abcdefghijklmnopqrstuvwxyz', HOST = 'host-a' as HostId, LOCAL = '127.0.0.1';
const isAlphabet = (text: string) => text === ALPHABET.repeat(Math.ceil(text.length / 26)).slice(0, text.length);

/** An engine with what the others know it by. */
class Side {
  readonly name: string;
  readonly folder: string;
  opened!: TestClient;
  address = '';
  constructor(name: string, folder: string) { this.name = name; this.folder = folder; }

  async open(): Promise<void> {
    this.opened = await openTestClient(join(this.folder, this.name));
    this.address = await this.opened.engine.peers.listen({ port: Number(this.address.split(':')[1] ?? 0), host: LOCAL });
  }
  get api() { return this.opened.client.api; }
  async ended(task: Promise<TaskId>): Promise<{ readonly error: string; readonly id: string }> {
    const { state, error, result } = await this.opened.ended(await task);
    return { error: error ?? state, id: result?.id ?? '' };
  }
  async done(task: Promise<TaskId>): Promise<string> {
    const { error, id } = await this.ended(task);
    expect(error).toBe('success');
    return id;
  }
  fingerprint = async () => (await this.api.peers.identity()).fingerprint;
  vm = async (id: VmId) => (await this.opened.objects('vm')).find(vm => vm.id === id);
  /** Resolves when it is so. */
  async until(isSo: () => boolean | Promise<boolean>): Promise<void> {
    for (;;) {
      const changed = new Promise<void>(resolve => { const watching = this.opened.engine.inventory.changed.on(() => { watching.dispose(); resolve(); }); });
      if (await isSo()) return;
      await changed;
    }
  }
  events = async () => (await this.api.events.list(100)).rows.map(({ message }) => message);
}

let folder: string, here: Side, there: Side, thereId: PeerId, hereId: PeerId;
const cleanups: (() => unknown)[] = [];
async function know(side: Side, other: Side, address = other.address): Promise<PeerId> { return await side.done(side.api.peers.add({ name: other.name, address, fingerprint: await other.fingerprint() })) as PeerId; }

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'quarterdeck-peers-'));
  await writeFile(join(folder, 'scribbles'), assemble(SCRIBBLES));
  [here, there] = [new Side('here', folder), new Side('there', folder)];
  await here.open();
  await there.open();
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
  await here.opened.close();
  await there.opened.close();
  await rm(folder, { recursive: true });
});

async function acquainted(address?: string): Promise<void> {
  thereId = await know(here, there, address);
  hereId = await know(there, here);
}
const create = async (name: string, rest: Partial<VmSpec> = {}) => await here.done(here.api.vms.create({ name, cpus: 1, memoryMib: 64, guest: { kind: 'binary', imagePath: join(folder, 'scribbles') }, disks: [], ...rest }, HOST)) as VmId;

/** What it prints in an engine from now on. */
async function watch({ opened: { client }, api }: Side, id: VmId) {
  const texts = new Map<string, string>();
  let more = () => { /* nobody waits */ };
  // A console's replay comes before the answer that says which it is.
  client.on('console.output', ({ consoleId, bytes }) => {
    texts.set(consoleId, (texts.get(consoleId) ?? '') + new TextDecoder().decode(bytes));
    api.consoles.acknowledge(consoleId, bytes.length).catch(() => { /* the test is over */ });
    more();
  });
  const { consoleId: own } = await api.consoles.attach(id), text = () => texts.get(own) ?? '';
  return {
    get text() { return text(); },
    async grows(by: number): Promise<void> {
      const wanted = text().length + by;
      await new Promise<void>(resolve => {
        more = () => { if (text().length >= wanted) resolve(); };
        more();
      });
    },
  };
}

/** A way between engines that can be cut. */
class Wire {
  readonly address: string;
  private readonly server: Server;
  private readonly pairs = new Set<readonly [Socket, Socket]>();
  isCut = false;
  /** Nothing comes back any more. */
  isDeaf = false;

  private constructor(server: Server) { this.server = server; this.address = `${LOCAL}:${(server.address() as AddressInfo).port}`; }
  static async to(address: string): Promise<Wire> {
    const server = createServer();
    await new Promise<void>(done => { server.listen(0, LOCAL, done); });
    const wire = new Wire(server);
    server.on('connection', near => {
      if (wire.isCut) { near.destroy(); return; }
      const far = connectPlain(Number(address.split(':')[1]), LOCAL), pair = [near, far] as const;
      wire.pairs.add(pair);
      near.on('data', bytes => far.write(bytes)).on('error', () => far.destroy()).on('close', () => { far.destroy(); wire.pairs.delete(pair); });
      far.on('data', bytes => { if (!wire.isDeaf) near.write(bytes); }).on('error', () => near.destroy()).on('close', () => near.destroy());
    });
    cleanups.push(() => { wire.cut(); server.close(); });
    return wire;
  }
  cut(): void {
    this.isCut = true;
    for (const pair of this.pairs) for (const socket of pair) socket.destroy();
  }
  join(): void { this.isCut = this.isDeaf = false; }
}

test.each([['on its VM’s thread', 1], ['in threads', 2]])('a guest goes to the other engine and back while it runs, and what it prints misses nothing: CPUs %s', async (_, cpus) => {
  await acquainted();
  const id = await create('scribbler', { cpus });
  here.opened.engine.migrations.proof = there.opened.engine.migrations.proof = { verify: true };
  await here.done(here.api.vms.powerOn(id));
  const first = await watch(here, id);
  await first.grows(5);
  await here.done(here.api.vms.migrate([id], { peerId: thereId, hostId: HOST, downtimeMs: 60_000 }));
  expect(await here.vm(id)).toBeUndefined();
  expect(await there.vm(id)).toMatchObject({ powerState: 'poweredOn', hostId: HOST, spec: { name: 'scribbler' } });
  const second = await watch(there, id);
  await second.grows(30);
  await there.done(there.api.vms.migrate([id], { peerId: hereId, hostId: HOST, downtimeMs: 60_000 }));
  expect(await there.vm(id)).toBeUndefined();
  const third = await watch(here, id);
  await third.grows(30);
  expect(isAlphabet(first.text + second.text + third.text), `${first.text} ${second.text} ${third.text}`).toBe(true);
  expect([...await here.opened.objects('arrival'), ...await there.opened.objects('arrival')]).toEqual([]);
  expect(await here.events()).toEqual(expect.arrayContaining(['scribbler was moved to there.', 'scribbler came from there to host-a.lab.local while it ran.']));
}, 60_000);
