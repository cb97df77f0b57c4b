/** Two engines: VMs that move between them, and what keeps them from it. */
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { connect as connectPlain, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { EngineError } from '../../../shared/base/errors.ts';
import type { DatastoreId, HostId, PeerId, TaskId, VmId } from '../../../shared/base/ids.ts';
import { USUAL_LINK } from '../../../shared/model/host.ts';
import type { VmSpec } from '../../../shared/model/vm.ts';
import { assemble } from '../../cpu/asm/assembler.ts';
import { makeCertificate } from '../../display/start-display.ts';
import { MIGRATION_FORMAT } from '../../hypervisor/migration/messages.ts';
import { createImage } from '../../storage/image-operations.ts';
import { randomNumbers } from '../../storage/test-folder.ts';
import { openTestClient, type TestClient } from '../test-client.ts';
import { FRAME_KINDS, FrameStream } from './frames.ts';
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
  private readonly pairs = new Set<readonly [Socket, Socket]>();
  isCut = false;
  /** Nothing comes back any more. */
  isDeaf = false;

  private constructor(server: Server) { this.address = `${LOCAL}:${(server.address() as AddressInfo).port}`; }
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

test('a VM with a disk, notes and tags goes there, running or off, and its disk is written to there only', async () => {
  await acquainted();
  const disk = join(folder, 'disk.qcow2'), label = async (side: Side) => {
    const categoryId = await side.done(side.api.inventory.create({ kind: 'tagCategory', name: 'tier', single: false })) as never;
    return { tag: await side.done(side.api.inventory.create({ kind: 'tag', name: 'gold', categoryId, colour: 'yellow' })) as never, attribute: await side.done(side.api.inventory.create({ kind: 'customAttribute', name: 'owner' })) };
  };
  await createImage(disk, { format: 'qcow2', sizeBytes: 2 ** 20 });
  const labels = await label(here), labelsThere = await label(there), id = await create('with-disk', { disks: [{ path: disk, readOnly: false }] });
  await here.done(here.api.inventory.label([{ kind: 'vm', id }], { notes: 'keep', addTags: [labels.tag], attributes: { [labels.attribute]: 'me' } }));
  await here.done(here.api.vms.powerOn(id));
  expect((await here.api.vms.checkMigration(id, { peerId: thereId, hostId: HOST })).filter(({ severity }) => severity === 'error')).toEqual([]);
  await here.done(here.api.vms.migrate([id], { peerId: thereId, hostId: HOST, downtimeMs: 60_000 }));
  expect(await there.vm(id)).toMatchObject({ powerState: 'poweredOn', notes: 'keep', tagIds: [labelsThere.tag], attributes: { [labelsThere.attribute]: 'me' } });
  await there.done(there.api.vms.powerOff(id));
  await there.done(there.api.vms.migrate([id], { peerId: hereId, hostId: HOST }));
  expect(await there.vm(id)).toBeUndefined();
  expect(await here.vm(id)).toMatchObject({ powerState: 'poweredOff', notes: 'keep', tagIds: [labels.tag] });
  await here.done(here.api.vms.powerOn(id));
  expect((await readdir(folder)).filter(name => name.startsWith('.'))).toEqual([]);
}, 60_000);

test('each check says by name what keeps a VM from the other engine', async () => {
  await acquainted();
  const checks = async (id: VmId, hostId = HOST) => (await here.api.vms.checkMigration(id, { peerId: thereId, hostId })).filter(({ severity }) => severity === 'error').map(({ name, message }) => `${name}: ${message}`);
  const own = await create('own', { disks: [{ create: { format: 'qcow2', sizeMib: 1 }, readOnly: false }] } as never), ownPath = (await here.vm(own))!.spec.disks[0]!.path;
  expect(await checks(own)).toEqual([`own-files: ${ownPath} is in a folder that this engine keeps for its VMs. To move own, its disks have to be at a place of your choice that both engines see.`]);
  await here.done(here.api.vms.takeSnapshot(own, { name: 'first', description: '', memory: false }));
  expect((await checks(own)).map(check => check.split(':')[0])).toContain('snapshots');
  const plain = await create('plain');
  expect(await checks(plain)).toEqual([]);
  expect(await checks(plain, 'host-x' as HostId)).toEqual(['peer: The host no longer exists.']);
  await there.done(there.api.vms.create({ name: 'PLAIN', cpus: 1, memoryMib: 64, guest: { kind: 'diagnostics' }, disks: [] }, HOST));
  await there.done(there.api.hosts.enterMaintenance(HOST));
  expect(await checks(plain)).toEqual(['maintenance: host-a.lab.local is in maintenance mode.', 'name: There already is a VM named PLAIN.']);
  await expect(here.api.vms.migrate([plain], { peerId: thereId, hostId: HOST })).rejects.toThrow('host-a.lab.local is in maintenance mode.');
  const switched = await create('switched', { nics: [{ kind: 'switch', switch: 'lab', portGroup: 'blue', connected: true }] });
  expect(await checks(switched, 'host-b' as HostId)).toEqual(['networks: The other engine has no network blue on a switch lab.']);
  await here.done(here.api.vms.powerOn(plain));
  expect((await here.api.vms.checkMigration(plain, { peerId: thereId, hostId: HOST, postCopy: true })).map(({ name }) => name)).toContain('post-copy');
  expect((await here.api.vms.checkMigration(plain, { peerId: thereId, hostId: HOST, datastoreId: 'datastore-local' as DatastoreId })).map(({ message }) => message)).toContain('A virtual machine goes to a peer, or its files to a datastore of this engine, not both at once.');
  await there.opened.engine.peers.close();
  expect(await checks(plain)).toEqual([`peer: there cannot be reached at ${there.address}: connect ECONNREFUSED ${there.address}.`]);
}, 60_000);

test('both engines have to know each other, by the certificates that they have pinned', async () => {
  expect((await stat(join(folder, 'here', 'peer-certificate.json'))).mode & 0o777).toBe(0o600);
  thereId = await know(here, there);
  const own = await here.fingerprint(), id = await create('plain');
  await expect(here.api.peers.check(thereId)).rejects.toThrow(`there refused the connection: This engine is not known there: add its fingerprint ${own} to the peers of that engine.`);
  await there.until(async () => (await there.events()).some(message => message.includes(`no peer has its certificate, whose fingerprint is ${own}.`)));
  hereId = await know(there, here);
  expect(await here.api.peers.check(thereId)).toMatchObject({ version: `${PEER_VERSION}.${MIGRATION_FORMAT}`, hosts: [{ id: HOST, name: 'host-a.lab.local' }, { name: 'host-b.lab.local' }] });
  await here.done(here.api.peers.remove(thereId));
  const wrong = await here.done(here.api.peers.add({ name: 'there', address: there.address, fingerprint: 'AB'.repeat(32) })) as PeerId;
  const sentence = `The engine at ${there.address} has another certificate than the one that is pinned for there: its fingerprint is ${await there.fingerprint()}.`;
  await expect(here.api.vms.migrate([id], { peerId: wrong, hostId: HOST })).rejects.toThrow(sentence);
  await here.until(async () => (await here.events()).includes(sentence));
  await expect(here.api.peers.add({ name: 'more', address: 'nowhere', fingerprint: 'AB'.repeat(32) })).rejects.toThrow('An address is written as HOST:PORT');
  await expect(here.api.peers.add({ name: 'more', address: 'there:1', fingerprint: 'AB' })).rejects.toThrow('A fingerprint is the SHA-256 of a certificate');
  await expect(here.api.peers.add({ name: 'There', address: 'there:1', fingerprint: 'CD'.repeat(32) })).rejects.toThrow('There already is a peer named there.');
  await expect(here.api.peers.add({ name: 'me', address: here.address, fingerprint: own.toLowerCase() })).rejects.toThrow('This is the fingerprint of this engine itself.');
});

/** Frames as the engine `here` would send them to `there`. */
async function speak(certificate: { readonly key: string; readonly cert: string }): Promise<{ readonly socket: ReturnType<typeof connectTls>; readonly frames: FrameStream }> {
  const socket = connectTls({ host: LOCAL, port: Number(there.address.split(':')[1]), ...certificate, rejectUnauthorized: false, minVersion: 'TLSv1.3' });
  await new Promise<void>((resolve, reject) => { socket.once('secureConnect', resolve).once('error', reject); });
  return { socket, frames: new FrameStream(socket) };
}
const certificateOf = async ({ name }: Side) => JSON.parse(await readFile(join(folder, name, 'peer-certificate.json'), 'utf8')) as { key: string; cert: string };
const HELLO: Hello = { protocol: PEER_PROTOCOL, version: PEER_VERSION, machines: MIGRATION_FORMAT, build: 'test' };

test('another version is refused with a sentence, and one who is not known is not even listened to', async () => {
  await acquainted();
  for (const other of [{ ...HELLO, version: PEER_VERSION + 1 }, { ...HELLO, machines: MIGRATION_FORMAT + 1 }, { ...HELLO, protocol: 'else' }]) {
    const { frames } = await speak(await certificateOf(here));
    await frames.sendJson('hello', other);
    expect(jsonIn(Hello, await frames.expect('hello'))).toMatchObject({ version: PEER_VERSION });
    await expect(frames.expect('answer')).rejects.toThrow(/^This engine and here have different versions of what engines say to each other, .*: bring both to one version of Quarterdeck\.$/);
  }
  const { frames } = await speak(await makeCertificate('stranger'));
  await frames.sendJson('hello', HELLO).catch(() => undefined);
  await expect(frames.expect('hello')).rejects.toThrow('This engine is not known there');
  await expect((async () => {
    const plain = connectPlain(Number(there.address.split(':')[1]), LOCAL);
    plain.write('GET / HTTP/1.1\r\n\r\n');
    await new Promise(done => { plain.resume().once('close', done).on('error', () => undefined); });
    return 'closed';
  })()).resolves.toBe('closed');
});

test('frames that are damaged, cut off or make no sense end their connection with a sentence, and nothing else', async () => {
  await acquainted();
  const random = randomNumbers(31), id = await create('plain'), { spec, createdMs } = (await here.vm(id))!, certificate = await certificateOf(here), SMALL = 4096;
  const offer = { record: { id, spec, createdMs, tags: [], attributes: [] }, isRunning: false, hostId: HOST, from: { name: 'here', counterHz: 62_500_000, gic: 'GICv4' }, files: [] };
  const asks = [{ ask: 'hosts' }, { ask: 'outcome', id: `arrival-${'0'.repeat(32)}` }, { ask: 'heard', id: `arrival-${'0'.repeat(32)}` }, { ask: 'checks', ...offer }, { ask: 'move', id: `arrival-${'1'.repeat(32)}`, ...offer }];
  const said = new Set<string>();
  for (let n = 0; n < 300; n++) {
    const { socket, frames } = await speak(certificate), plain = Buffer.from(JSON.stringify(asks[random(asks.length)]));
    await frames.sendJson('hello', HELLO);
    if (n % 2 === 0) {
      // What is in a frame, which is whole itself.
      for (let bytes = 1 + random(4); bytes > 0; bytes--) plain[random(plain.length)] = 32 + random(95);
      await frames.send({ kind: random(4) === 0 ? FRAME_KINDS[random(FRAME_KINDS.length)]! : 'ask', payload: plain });
    } else {
      const header = Buffer.alloc(16);
      header.writeUInt32LE(FRAME_KINDS.indexOf('ask'), 0);
      header.writeUInt32LE(plain.length, 4);
      header.writeUInt32LE(crc32(plain), 8);
      header.writeUInt32LE(crc32(header.subarray(0, 12)), 12);
      const whole = Buffer.concat([header, plain]);
      whole[random(random(2) === 0 ? 16 : whole.length)] = random(256);
      socket.write(whole.subarray(0, random(3) === 0 ? random(whole.length) : whole.length));
    }
    // A move that was offered after all is given up.
    socket.end();
    try {
      await frames.expect('hello');
      await frames.expect('answer');
      said.add('answer');
      await frames.expect('answer');
    } catch (error) { said.add(error instanceof EngineError ? error.message.slice(0, SMALL) : `thrown: ${String(error)}`); }
    socket.destroy();
  }
  expect([...said].filter(sentence => sentence.startsWith('thrown'))).toEqual([]);
  expect(said).toContain('What came from the other engine is damaged.');
  expect(said).toContain('answer');
  expect(await there.opened.objects('vm')).toEqual([]);
  expect((await here.api.peers.check(thereId)).hosts).toHaveLength(2);
  await here.done(here.api.vms.migrate([id], { peerId: thereId, hostId: HOST }));
}, 60_000);

test('a link that is cut while memory is copied, a cancel, and a host that is gone meanwhile leave the guest where it is', async () => {
  await acquainted();
  const id = await create('scribbler'), slow = async (mbps: number) => await here.done(here.api.hosts.setLink(HOST, { ...USUAL_LINK, mbps }));
  await here.done(here.api.vms.powerOn(id));
  const printed = await watch(here, id), copying = async () => { while ((await here.api.vms.migrations(id))[0]?.phase !== 'copying') await printed.grows(1); };
  const stays = async (sentence: string | RegExp, task: TaskId) => {
    expect((await here.ended(Promise.resolve(task))).error).toMatch(sentence);
    expect(await there.vm(id)).toBeUndefined();
    expect((await here.vm(id))?.given).toBeUndefined();
    await printed.grows(5);
  };
  await slow(1);
  const cancelled = await here.api.vms.migrate([id], { peerId: thereId, hostId: HOST });
  await copying();
  await here.api.tasks.cancel(cancelled);
  await stays('cancelled', cancelled);
  const cut = await here.api.vms.migrate([id], { peerId: thereId, hostId: HOST });
  await copying();
  await here.done(here.api.hosts.setLink(HOST, { ...USUAL_LINK, connected: false }));
  await stays('The migration network was cut.', cut);
  await slow(1);
  const gone = await here.api.vms.migrate([id], { peerId: thereId, hostId: HOST, downtimeMs: 60_000 });
  await copying();
  await there.done(there.api.hosts.disconnect(HOST));
  await slow(10_000);
  await stays('host-a.lab.local is disconnected, so no VM can run on it.', gone);
  await there.done(there.api.hosts.connect(HOST));
  await here.done(here.api.vms.migrate([id], { peerId: thereId, hostId: HOST, downtimeMs: 60_000 }));
  const after = await watch(there, id);
  await after.grows(30);
  expect(isAlphabet(printed.text + after.text)).toBe(true);
}, 60_000);

/** A guest that moves over a wire on which something happens when it has been given away. */
async function movingOver(happens: (wire: Wire) => void) {
  const wire = await Wire.to(there.address);
  await acquainted(wire.address);
  const id = await create('scribbler');
  await here.done(here.api.vms.powerOn(id));
  const printed = await watch(here, id);
  await printed.grows(5);
  const watching = here.opened.engine.inventory.changed.on(() => {
    if (here.opened.engine.inventory.find('vm', id)?.given === undefined) return;
    watching.dispose();
    happens(wire);
  });
  const moving = here.ended(here.api.vms.migrate([id], { peerId: thereId, hostId: HOST, downtimeMs: 60_000 }));
  return { wire, id, printed, moving };
}
const standsStill = async (id: VmId) => await here.until(async () => (await here.vm(id))?.problem?.startsWith('It stands still: it was given to there, which does not say whether it took it.') === true);

test('a connection that is cut when the guest was given away and taken: it stands still here until the other engine says so', async () => {
  const { wire, id, printed, moving } = await movingOver(each => { each.isDeaf = true; });
  await there.until(async () => await there.vm(id) !== undefined);
  wire.cut();
  await standsStill(id);
  await expect(here.api.vms.powerOff(id).then(task => here.ended(Promise.resolve(task)))).resolves.toMatchObject({ error: 'scribbler was given to there, and it is not known yet whether it runs there.' });
  await expect(here.api.peers.remove(thereId)).rejects.toThrow('scribbler was given to there, which has not said whether it took it.');
  wire.join();
  expect((await moving).error).toBe('success');
  expect(await here.vm(id)).toBeUndefined();
  const after = await watch(there, id);
  await after.grows(30);
  expect(isAlphabet(printed.text + after.text), `${printed.text} ${after.text}`).toBe(true);
}, 60_000);

test('a connection that is cut before the other engine hears that the guest is its own: it goes on here when that says so', async () => {
  const { wire, id, printed, moving } = await movingOver(each => each.cut());
  await standsStill(id);
  const { length } = printed.text;
  wire.join();
  expect((await moving).error).toMatch(/^there: The connection to the other engine was lost\.$/);
  expect(await here.vm(id)).toMatchObject({ powerState: 'poweredOn' });
  expect(await there.vm(id)).toBeUndefined();
  await printed.grows(30);
  expect(printed.text.length).toBeGreaterThan(length);
  expect(isAlphabet(printed.text)).toBe(true);
  expect(await here.events()).toContain('scribbler stays here: there did not take it.');
}, 60_000);

test('an operator decides when the other engine is gone for good, and is told when it is not', async () => {
  const { wire, id, printed, moving } = await movingOver(each => each.cut());
  await standsStill(id);
  await here.done(here.api.vms.goOnHere(id));
  await moving;
  expect((await here.vm(id))?.given).toBeUndefined();
  await printed.grows(30);
  expect(isAlphabet(printed.text)).toBe(true);
  expect(await here.events()).toContain('scribbler goes on here by an operator\'s word; there had not said whether it took it.');
  expect((await here.ended(here.api.vms.goOnHere(id))).error).toBe('scribbler is this engine\'s.');
  wire.join();
}, 60_000);

test('an engine that ends while a VM is given away asks again when it is started', async () => {
  const { wire, id } = await movingOver(each => { each.isDeaf = true; });
  await there.until(async () => await there.vm(id) !== undefined);
  wire.cut();
  await standsStill(id);
  await here.opened.close();
  await here.open();
  expect(await here.vm(id)).toMatchObject({ powerState: 'poweredOff', given: { peer: 'there' } });
  expect((await here.ended(here.api.vms.powerOn(id))).error).toBe('scribbler was given to there, and it is not known yet whether it runs there.');
  expect((await here.ended(here.api.vms.delete(id))).error).toBe('scribbler was given to there, and it is not known yet whether it runs there.');
  wire.join();
  await here.until(async () => await here.vm(id) === undefined);
  expect(await there.vm(id)).toMatchObject({ powerState: 'poweredOn' });
}, 60_000);
