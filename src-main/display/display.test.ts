/** The display's worker, as an engine uses it: console sessions, VNC listeners, who is let in, screenshots and recordings. */
import { decode } from 'fast-png';
import { once } from 'node:events';
import { createServer, connect } from 'node:net';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Duplex } from 'node:stream';
import { afterEach, expect, test } from 'vitest';
import { say, type Said } from '../../shared/base/phrase.ts';
import type { ClientProperties } from '../../shared/model/display.ts';
import type { DisplayEvent, OpeningSession } from './display-messages.ts';
import { Encoding } from './rfb/protocol.ts';
import { samePicture, TestGuest, TestViewer } from './rfb/test-viewer.ts';
import { DisplayClient, makeCertificate } from './start-display.ts';

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => { for (const end of ends.splice(0).reverse()) await end(); });

const PROPERTIES: ClientProperties = { monitors: [{ width: 800, height: 600 }], pixelRatio: 1, colourDepth: 24, pointer: 'mouse' };
const CONSOLE = { client: 'Console', properties: PROPERTIES };

/** A display with a VM, whose picture has a gradient. */
async function start(admit: (session: OpeningSession) => Said | undefined = () => undefined) {
  const folder = await mkdtemp(join(tmpdir(), 'display-')), events: DisplayEvent[] = [], listeners = new Set<() => void>();
  const display = new DisplayClient({ admit: session => Promise.resolve(admit(session)), onEvent: event => { events.push(event); for (const listener of [...listeners]) listener(); } });
  ends.push(() => rm(folder, { recursive: true }), () => display.end());
  const guest = new TestGuest(320, 240);
  for (let y = 0; y < 240; y++) for (let x = 0; x < 320; x++) guest.set(x, y, (x & 255) << 16 | y << 8 | 0x40);
  ends.push(() => Promise.resolve(guest.off()));
  await display.attach('vm', guest.port);
  const until = <K extends DisplayEvent['kind']>(kind: K) => new Promise<Extract<DisplayEvent, { readonly kind: K }>>(resolve => {
    const look = () => {
      const event = events.find((each): each is Extract<DisplayEvent, { readonly kind: K }> => each.kind === kind);
      if (event === undefined) return;
      listeners.delete(look);
      resolve(event);
    };
    listeners.add(look);
    look();
  });
  return { display, guest, folder, events, until };
}

test('a console session, from its opening to its end', async () => {
  const { display, guest, until } = await start(), { id, stream } = display.openConsole('vm', 0, CONSOLE);
  const viewer = await TestViewer.connect(stream, { encodings: [Encoding.tight, Encoding.extendedDesktopSize, Encoding.extendedClipboard] });
  await viewer.until(() => samePicture(viewer, guest));
  expect((await until('opened')).session).toEqual({ id, vm: 'vm', head: 0, kind: 'console', ...CONSOLE });
  await display.setClipboard(id, 'Hallo');
  await viewer.until(() => viewer.clipboards.length === 2);
  viewer.send(TestViewer.provided('Servus'));
  expect((await until('clipboard')).text).toBe('Servus');
  viewer.send(Uint8Array.of(251, 0, 4, 0, 3, 0, 1, 0, ...new Uint8Array(16)));
  expect(await until('size-wanted')).toMatchObject({ session: id, head: 0, size: { width: 1024, height: 768 } });
  const configuration = { heads: [{ width: 1024, height: 768, widthMm: 300, heightMm: 200 }], pointer: 'mouse' } as const;
  await display.configure('vm', configuration);
  await guest.until(() => guest.told.some(message => message.kind === 'configure' && message.configuration.heads[0]!.width === 1024));
  guest.post({ kind: 'configured', configuration });
  expect((await until('configured')).configuration).toEqual(configuration);
  guest.show(1024, 768);
  guest.damage({ x: 0, y: 0, width: 1024, height: 768 });
  await viewer.until(() => samePicture(viewer, guest));
  const before = (await display.counters())[id]!;
  expect(before.updates).toBeGreaterThanOrEqual(viewer.updates);
  await display.disconnect(id);
  await viewer.until(() => viewer.ended).catch(() => undefined);
  expect(viewer.ended).toBe(true);
  expect((await until('ended')).counters.bytesOut).toBeGreaterThanOrEqual(before.bytesOut);
  expect(await display.counters()).toEqual({});
  // Nobody looks any more.
  await guest.until(() => guest.told.some(message => message.kind === 'watched' && !message.watched));
});

test('a large picture goes through a stream whose reader is slow, piece by piece', async () => {
  const { display, guest } = await start();
  guest.show(1200, 900);
  for (let y = 0; y < 900; y++) for (let x = 0; x < 1200; x++) guest.set(x, y, Math.imul(x * 1201 + y, 0x9e37_79b1) >>> 8);
  const viewer = await TestViewer.connect(display.openConsole('vm', 0, CONSOLE).stream, { encodings: [Encoding.raw, Encoding.desktopSize] });
  await viewer.until(() => samePicture(viewer, guest));
});

test('who is refused reads why, and never was there', async () => {
  const { display, events } = await start(session => (session.kind === 'console' ? say`${session.client} may not.` : undefined));
  await expect(TestViewer.connect(display.openConsole('vm', 0, CONSOLE).stream, { encodings: [0] })).rejects.toThrow('Console may not.');
  const at = await display.listen('vm', { at: { kind: 'tcp', port: 0 } });
  const viewer = await TestViewer.connect(connect((at as { port: number }).port, '127.0.0.1'), { encodings: [0, Encoding.desktopSize] });
  await viewer.until(() => viewer.updates > 0);
  expect(events.filter(({ kind }) => kind !== 'opened')).toEqual([]);
});

test('VNC at a port of the loopback interface, with TLS and a password', async () => {
  const { display, guest, until } = await start(), certificate = await makeCertificate('quarterdeck');
  await expect(display.listen('vm', { at: { kind: 'tcp', port: 0 }, tls: true })).rejects.toThrow('TLS needs a certificate.');
  const { port } = await display.listen('vm', { at: { kind: 'tcp', port: 0 }, tls: true, password: 'geheim' }, certificate) as { readonly port: number };
  const socket = connect(port, '127.0.0.1'), viewer = await TestViewer.connect(socket, { encodings: [Encoding.zrle, Encoding.desktopSize], password: 'geheim', ca: certificate.cert });
  await viewer.until(() => samePicture(viewer, guest));
  expect((await until('opened')).session).toMatchObject({ kind: 'vnc', client: expect.stringMatching(/^127\.0\.0\.1:\d+$/) as string, properties: { pointer: 'mouse' } });
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  await expect(display.listen('other', { at: { kind: 'tcp', port: (taken.address() as { port: number }).port } })).rejects.toThrow(/VNC clients cannot be listened for at port \d+:/);
  taken.close();
  await display.stopListening('vm');
  const late = connect(port, '127.0.0.1');
  await expect(once(late, 'connect')).rejects.toThrow('ECONNREFUSED');
  // Who is there stays, until the VM is no more.
  await display.remove('vm');
  await viewer.until(() => viewer.ended).catch(() => undefined);
  expect(viewer.ended).toBe(true);
});

test('VNC at a Unix socket, which is its owner\'s only; what a killed engine left is replaced, other files are not', async () => {
  const { display, guest, folder } = await start(), path = join(folder, 'vnc.sock'), at = { kind: 'unix', path } as const;
  expect(await display.listen('vm', { at })).toEqual(at);
  expect((await stat(path)).mode & 0o777).toBe(0o600);
  expect(await readdir(folder)).toEqual(['vnc.sock']);
  const viewer = await TestViewer.connect(connect(path), { encodings: [Encoding.zrle, Encoding.desktopSize] });
  await viewer.until(() => samePicture(viewer, guest));
  await expect(display.listen('other', { at })).rejects.toThrow('Somebody listens at');
  await display.end();
  expect(await readdir(folder)).toEqual(['vnc.sock']);

  const next = await start();
  expect(await next.display.listen('vm', { at })).toEqual(at);
  const again = await TestViewer.connect(connect(path), { encodings: [Encoding.zrle, Encoding.desktopSize] });
  await again.until(() => samePicture(again, next.guest));
  await next.display.stopListening('vm');
  expect(await readdir(folder)).toEqual([]);
  await writeFile(path, 'mine');
  await expect(next.display.listen('vm', { at })).rejects.toThrow('is not a socket');
});

test('screenshots, as they are and scaled down', async () => {
  const { display, guest } = await start(), whole = decode(await display.screenshot('vm', 0));
  expect([whole.width, whole.height, whole.channels]).toEqual([320, 240, 3]);
  for (const [x, y] of [[0, 0], [319, 0], [17, 239]] as const) {
    const colour = guest.get(x, y), at = (y * 320 + x) * 3;
    expect([...whole.data.slice(at, at + 3)]).toEqual([colour >> 16, colour >> 8 & 255, colour & 255]);
  }
  const small = decode(await display.screenshot('vm', 0, { maxWidth: 160, maxHeight: 60 }));
  expect([small.width, small.height]).toEqual([80, 60]);
  // The mean of 0 to 3, both ways.
  expect([...small.data.slice(0, 3)]).toEqual([2, 2, 0x40]);
  expect([...decode(await display.screenshot('off', 0)).data.slice(0, 3)]).toEqual([0, 0, 0]);
});

test('a recording, played to a client, ends with the picture that was there', async () => {
  const { display, guest, folder } = await start(), path = join(folder, 'screen.fbs');
  await expect(display.record('vm', 0, join(folder, 'no', 'where'))).rejects.toThrow('cannot be written');
  const watching = await TestViewer.connect(display.openConsole('vm', 0, CONSOLE).stream, { encodings: [Encoding.zrle, Encoding.desktopSize] });
  await display.record('vm', 0, path);
  await expect(display.record('vm', 0, path)).rejects.toThrow('being recorded already');
  for (let round = 0; round < 3; round++) {
    for (let at = 0; at < 50; at++) guest.set(at * 3, at + round * 20, 0xff_ffff);
    guest.damage({ x: 0, y: 0, width: 320, height: 240 });
    await watching.until(() => samePicture(watching, guest));
  }
  // The recorder gets its frames in its own time.
  for (let isWhole = false; !isWhole;) {
    const { viewer } = await play(await readFile(path));
    isWhole = samePicture(viewer, guest);
  }
  const recorded = await display.stopRecording('vm', 0), file = await readFile(path), { viewer, times } = await play(file);
  expect(recorded.bytes).toBe(file.length);
  expect(samePicture(viewer, guest)).toBe(true);
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect(times.at(-1)).toBeLessThanOrEqual(recorded.milliseconds);
  await expect(display.stopRecording('vm', 0)).rejects.toThrow('is not being recorded');
});

/** What a client sees that gets all of a file's whole blocks, and when they were. */
async function play(file: Buffer): Promise<{ readonly viewer: TestViewer; readonly times: readonly number[] }> {
  expect(file.subarray(0, 12).toString()).toBe('FBS 001.000\n');
  const player = new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done() }), times: number[] = [];
  for (let at = 12; at + 4 <= file.length;) {
    const length = file.readUInt32BE(at), end = at + 4 + (length + 3 & ~3);
    if (end + 4 > file.length) break;
    player.push(file.subarray(at + 4, at + 4 + length));
    times.push(file.readUInt32BE(end));
    at = end + 4;
  }
  player.push(null);
  const viewer = await TestViewer.connect(player, { encodings: [] });
  await viewer.until(() => viewer.ended);
  return { viewer, times };
}
