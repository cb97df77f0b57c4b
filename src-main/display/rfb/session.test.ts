/** RFB sessions with a client that decodes by itself: pictures to the bit, slow and hostile clients, authentication, input, sizes and clipboards. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { duplexPair, type Duplex } from 'node:stream';
import { generate } from 'selfsigned';
import { afterEach, expect, test } from 'vitest';
import { say, type Said } from '../../../shared/base/phrase.ts';
import type { ClientProperties, DisplaySize } from '../../../shared/model/display.ts';
import { Screen } from '../screen.ts';
import type { Rect } from '../screen-messages.ts';
import { Encoding } from './protocol.ts';
import { Attempts, type SecurityOptions } from './security.ts';
import { Session } from './session.ts';
import { samePicture, TestGuest, TestViewer, TRUE_COLOUR, type ViewerFormat, type ViewerOptions } from './test-viewer.ts';

const ends: (() => void)[] = [];
afterEach(() => { for (const end of ends.splice(0)) end(); });

interface Heard { readonly sizes: DisplaySize[]; readonly texts: string[]; readonly properties: ClientProperties[] }

async function machine(width = 300, height = 200) {
  const screen = new Screen(), guest = new TestGuest(width, height);
  screen.connect(guest.port);
  while (screen.head(0).size.width !== width) await new Promise(resolve => { setImmediate(resolve); });
  ends.push(() => screen.disconnect());
  return { screen, guest };
}

/** Both ends of a connection of the loopback interface, which TLS can be had over. */
async function socketPair(): Promise<[Duplex, Duplex]> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const theirs = connect((server.address() as AddressInfo).port, '127.0.0.1'), [ours] = await once(server, 'connection') as [Duplex];
  server.close();
  return [ours, theirs];
}

function serve(screen: Screen, { refuse, trusted = false, pair = duplexPair(), ...security }: Partial<SecurityOptions> & { readonly refuse?: Said; readonly trusted?: boolean; readonly pair?: [Duplex, Duplex] } = {}) {
  const [ours, theirs] = pair, heard: Heard = { sizes: [], texts: [], properties: [] };
  const session = new Session({
    stream: ours, screen, head: 0, name: 'guest', trusted, security: { attempts: new Attempts(), ...security },
    listener: {
      admit: () => Promise.resolve(refuse), opened: () => {}, sizeWanted: size => heard.sizes.push(size),
      propertiesChanged: properties => heard.properties.push(properties), clipboard: text => heard.texts.push(text),
    },
  });
  const over = session.run();
  ends.push(() => session.close());
  return { session, theirs, heard, over };
}

async function watch(screen: Screen, options: ViewerOptions, security: Parameters<typeof serve>[1] = {}) {
  const served = serve(screen, security), viewer = await TestViewer.connect(served.theirs, options);
  return { ...served, viewer };
}

/** The same numbers for the same seed (mulberry32). */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return below => {
    state = state + 0x6d2b_79f5 | 0;
    let mixed = Math.imul(state ^ state >>> 15, 1 | state);
    mixed = mixed + Math.imul(mixed ^ mixed >>> 7, 61 | mixed) ^ mixed;
    return ((mixed ^ mixed >>> 14) >>> 0) % below;
  };
}

/** Draws something somewhere, and tells of it. */
function draw(guest: TestGuest, next: (below: number) => number): void {
  const x = next(guest.width), y = next(guest.height), rect: Rect = { x, y, width: 1 + next(guest.width - x), height: 1 + next(guest.height - y) };
  const kind = next(6), colours = Array.from({ length: [1, 2, 4, 14, 100, 250][next(6)]! }, () => next(2 ** 24)), each = (colour: (x: number, y: number) => number) => {
    for (let row = 0; row < rect.height; row++) for (let column = 0; column < rect.width; column++) guest.set(rect.x + column, rect.y + row, colour(column, row));
  };
  if (kind === 0) each(() => colours[0]!);
  else if (kind === 1) each(() => next(2 ** 24));
  else if (kind === 2) each((column, row) => column % 256 << 16 | row % 256 << 8);
  else if (kind === 3) each(() => colours[next(colours.length)]!);
  else if (kind === 4) each((column, row) => colours[Math.trunc((column + row * 3) / 17) % colours.length]!);
  else {
    // What is scrolled, as a text console does.
    const by = 1 + next(40), before = (column: number, row: number) => (row < guest.height ? guest.get(column, row) : 0x1234);
    for (let row = 0; row < guest.height; row++) for (let column = 0; column < guest.width; column++) guest.set(column, row, before(column, row + by));
    guest.damage({ x: 0, y: 0, width: guest.width, height: guest.height });
    return;
  }
  guest.damage(rect);
}

const FORMATS: Readonly<Record<string, ViewerFormat>> = {
  'true colour': TRUE_COLOUR,
  'true colour in the upper bytes, big-endian': { bits: 32, depth: 24, bigEndian: true, max: [255, 255, 255], shift: [8, 16, 24] },
  'blue first, big-endian': { bits: 32, depth: 24, bigEndian: true, max: [255, 255, 255], shift: [0, 8, 16] },
  'ten bits a colour': { bits: 32, depth: 30, bigEndian: false, max: [1023, 1023, 1023], shift: [20, 10, 0] },
  '16 bits': { bits: 16, depth: 16, bigEndian: false, max: [31, 63, 31], shift: [11, 5, 0] },
  '16 bits, big-endian': { bits: 16, depth: 15, bigEndian: true, max: [31, 31, 31], shift: [10, 5, 0] },
  '8 bits': { bits: 8, depth: 8, bigEndian: false, max: [7, 7, 3], shift: [0, 3, 6] },
};

const ENCODINGS: Readonly<Record<string, readonly number[]>> = {
  raw: [Encoding.raw], zrle: [Encoding.zrle, Encoding.copyRect], tight: [Encoding.tight, Encoding.copyRect], 'tight at its best': [Encoding.tight, Encoding.compressionLevel9],
};

for (const [format, wanted] of Object.entries(FORMATS)) {
  for (const [encoding, encodings] of Object.entries(ENCODINGS)) {
    test(`the picture is the guest's: ${encoding}, ${format}`, async () => {
      const { screen, guest } = await machine(), { viewer } = await watch(screen, { format: wanted, encodings }), next = numbers(encodings.length * 1000 + wanted.bits + wanted.shift[0]);
      for (let round = 0; round < 12; round++) {
        for (let count = 0; count <= round % 3; count++) draw(guest, next);
        await viewer.until(() => samePicture(viewer, guest, wanted));
      }
      expect(viewer.seen).toContain(encodings[0]!);
    });
  }
}

test('while the guest draws on and the client changes its mind, the last picture is right', async () => {
  const { screen, guest } = await machine(), { viewer } = await watch(screen, { encodings: ENCODINGS['tight']! }), next = numbers(7);
  for (let round = 0; round < 40; round++) {
    draw(guest, next);
    if (round % 8 === 3) viewer.setEncodings(Object.values(ENCODINGS)[next(4)]!);
    const { updates } = viewer;
    if (round % 5 === 0) await viewer.until(() => viewer.updates > updates);
  }
  await viewer.until(() => samePicture(viewer, guest));
});

test('what was scrolled is copied', async () => {
  const { screen, guest } = await machine(), { viewer } = await watch(screen, { encodings: ENCODINGS['zrle']! }), next = numbers(3);
  for (let y = 0; y < guest.height; y++) for (let x = 0; x < guest.width; x++) guest.set(x, y, next(2 ** 24));
  guest.damage({ x: 0, y: 0, width: guest.width, height: guest.height });
  await viewer.until(() => samePicture(viewer, guest));
  for (let y = 0; y < guest.height; y++) for (let x = 0; x < guest.width; x++) guest.set(x, y, y + 16 < guest.height ? guest.get(x, y + 16) : 0);
  guest.damage({ x: 0, y: 0, width: guest.width, height: guest.height });
  await viewer.until(() => samePicture(viewer, guest));
  expect(viewer.last).toEqual([
    { x: 0, y: 0, width: 300, height: 184, encoding: Encoding.copyRect },
    { x: 0, y: 184, width: 300, height: 16, encoding: Encoding.zrle },
  ]);
});

test('what is drawn again as it was costs nothing', async () => {
  const { screen, guest } = await machine(), { viewer, session } = await watch(screen, { encodings: [Encoding.raw] }), all = { x: 0, y: 0, width: guest.width, height: guest.height };
  await viewer.until(() => viewer.updates > 0 && samePicture(viewer, guest));
  const { updates, bytesOut } = session.counters;
  for (let count = 0; count < 5; count++) {
    const before = guest.told.length;
    guest.damage(all);
    await guest.until(() => guest.told.slice(before).some(({ kind }) => kind === 'seen'));
  }
  guest.set(100, 50, 0x123456);
  guest.damage(all);
  await viewer.until(() => samePicture(viewer, guest));
  expect(viewer.last).toEqual([{ x: 100, y: 50, width: 1, height: 1, encoding: Encoding.raw }]);
  expect(session.counters.updates).toBe(updates + 1);
  expect(session.counters.bytesOut - bytesOut).toBe(4 + 12 + 4);
});

test('a client that asks for a part gets that part, and the rest when it asks for it', async () => {
  const { screen, guest } = await machine(), { viewer } = await watch(screen, { encodings: [Encoding.raw], greedy: false });
  await viewer.until(() => viewer.updates === 1 && samePicture(viewer, guest));
  guest.set(10, 10, 1);
  guest.set(200, 100, 2);
  viewer.request(true, { x: 0, y: 0, width: 100, height: 100 });
  guest.damage({ x: 0, y: 0, width: guest.width, height: guest.height });
  await viewer.until(() => viewer.updates === 2);
  expect(viewer.last).toEqual([{ x: 10, y: 10, width: 1, height: 1, encoding: 0 }]);
  viewer.request(true);
  await viewer.until(() => viewer.updates === 3);
  expect(viewer.last).toEqual([{ x: 200, y: 100, width: 1, height: 1, encoding: 0 }]);
});

test('a slow client gets the newest picture, and nothing piles up', async () => {
  const { screen, guest } = await machine(), { session, viewer } = await watch(screen, { encodings: [Encoding.raw, Encoding.continuousUpdates] }), next = numbers(9);
  const wholeBytes = guest.width * guest.height * 4;
  await viewer.until(() => viewer.continuousEnded === 1 && viewer.updates > 0);
  viewer.send(Uint8Array.of(150, 1, 0, 0, 0, 0, 1, 44, 0, 200));
  const { promise, resolve } = Promise.withResolvers<undefined>();
  viewer.held = promise;
  const before = session.counters.bytesOut;
  for (let count = 0; count < 50; count++) {
    const told = guest.told.length;
    draw(guest, next);
    await guest.until(() => guest.told.slice(told).some(({ kind }) => kind === 'seen'));
  }
  expect(session.counters.bytesOut - before).toBeLessThan(3 * wholeBytes);
  viewer.held = undefined;
  resolve(undefined);
  await viewer.until(() => samePicture(viewer, guest));
});

test('continuous updates wait for fences, and end when they are told to', async () => {
  const { screen, guest } = await machine(), { viewer } = await watch(screen, { encodings: [Encoding.zrle, Encoding.continuousUpdates, Encoding.fence], greedy: false }), next = numbers(11);
  await viewer.until(() => viewer.continuousEnded === 1 && viewer.fences.length > 0 && viewer.updates > 0);
  viewer.send(Uint8Array.of(150, 1, 0, 0, 0, 0, 1, 44, 0, 200));
  for (let round = 0; round < 10; round++) {
    draw(guest, next);
    await viewer.until(() => samePicture(viewer, guest));
  }
  expect(viewer.fences.length).toBeGreaterThanOrEqual(10);
  viewer.send(Uint8Array.of(150, 0, 0, 0, 0, 0, 0, 0, 0, 0));
  await viewer.until(() => viewer.continuousEnded === 2);
  // A fence of the client's comes back with its payload, and no update before it.
  const { updates, fences } = viewer, told = guest.told.length;
  draw(guest, () => 0);
  await guest.until(() => guest.told.slice(told).some(({ kind }) => kind === 'seen'));
  viewer.send(Uint8Array.of(248, 0, 0, 0, 0x80, 0, 0, 3, 2, 0xca, 0xfe));
  const before = fences.length;
  await viewer.until(() => fences.length > before);
  expect([...fences.at(-1)]).toEqual([0, 0, 0, 0, 0, 0, 3, 2, 0xca, 0xfe]);
  expect(viewer.updates).toBe(updates);
});

test('versions 3.3 and 3.7, with a password and without', async () => {
  const { screen, guest } = await machine(30, 20);
  for (const version of ['003.003', '003.007', '003.008'] as const) {
    for (const password of [undefined, 'geheim']) {
      const { viewer } = await watch(screen, { version, encodings: [0], ...(password && { password }) }, password ? { password } : {});
      await viewer.until(() => viewer.updates > 0 && samePicture(viewer, guest));
    }
  }
});

test('a wrong password is refused, and after some nobody gets in for a while', async () => {
  const { screen } = await machine(30, 20);
  let now = 0;
  const security = { password: 'geheim', attempts: new Attempts(() => now) };
  for (let count = 0; count < 5; count++) await expect(watch(screen, { encodings: [0], password: 'falsch' }, security)).rejects.toThrow('The password is wrong.');
  await expect(watch(screen, { encodings: [0], password: 'geheim' }, security)).rejects.toThrow('Too many passwords were wrong: try again later.');
  now += 10_001;
  await watch(screen, { encodings: [0], password: 'geheim' }, security);
  await expect(watch(screen, { encodings: [0], password: 'falsch', version: '003.007' }, security)).rejects.toThrow('refused');
});

test('who is not admitted reads why', async () => {
  const { screen } = await machine(30, 20), refuse = say`Somebody else has a session.`;
  for (const version of ['003.003', '003.008'] as const) await expect(watch(screen, { encodings: [0], version }, { refuse })).rejects.toThrow('Somebody else has a session.');
});

test('through TLS with a certificate, with a password and without', async () => {
  const { screen, guest } = await machine(), { private: key, cert } = await generate([{ name: 'commonName', value: 'quarterdeck' }], { keyType: 'ec', algorithm: 'sha256' });
  for (const password of [undefined, 'geheim']) {
    const { viewer } = await watch(screen, { encodings: [Encoding.zrle], ca: cert, ...(password && { password }) }, { pair: await socketPair(), tls: { key, cert }, ...(password && { password }) });
    await viewer.until(() => viewer.updates > 0 && samePicture(viewer, guest));
    draw(guest, numbers(1));
    await viewer.until(() => samePicture(viewer, guest));
  }
  await expect(watch(screen, { encodings: [0], ca: cert, password: 'falsch' }, { pair: await socketPair(), tls: { key, cert }, password: 'geheim' })).rejects.toThrow('The password is wrong.');
  await expect(watch(screen, { encodings: [0], version: '003.003' }, { tls: { key, cert } })).rejects.toThrow('through TLS only');
});

test('sizes: the guest changes its own, clients ask for theirs', async () => {
  const { screen, guest } = await machine(), { viewer, heard } = await watch(screen, { encodings: [Encoding.tight, Encoding.extendedDesktopSize] }), old = await watch(screen, { encodings: [0] });
  await viewer.until(() => samePicture(viewer, guest));
  guest.show(400, 250);
  guest.damage({ x: 0, y: 0, width: 400, height: 250 });
  draw(guest, numbers(5));
  await viewer.until(() => samePicture(viewer, guest));
  expect(viewer.resizes.at(-1)).toEqual({ reason: 0, status: 0, width: 400, height: 250 });
  // One that cannot be told goes on with a part of it.
  await old.viewer.until(() => old.viewer.pixels[150 * 300 + 200] === guest.get(200, 150));
  expect([old.viewer.width, old.viewer.height]).toEqual([300, 200]);

  const wants = (width: number, height: number) => viewer.send(Uint8Array.of(251, 0, width >> 8, width & 255, height >> 8, height & 255, 1, 0, ...new Uint8Array(16)));
  const answers = async (width: number, height: number) => {
    const before = viewer.resizes.length;
    wants(width, height);
    await viewer.until(() => viewer.resizes.length > before);
    return [viewer.resizes.at(-1).reason, viewer.resizes.at(-1).status];
  };
  expect(await answers(1024, 768)).toEqual([1, 4]);
  expect(await answers(400, 250)).toEqual([1, 0]);
  expect(await answers(10, 10)).toEqual([1, 3]);
  screen.sizeFixed = true;
  expect(await answers(800, 600)).toEqual([1, 1]);
  expect(heard.sizes).toEqual([{ width: 1024, height: 768 }, { width: 400, height: 250 }]);
});

test('one that looks before the VM is on goes on looking when it is, and when it is off again', async () => {
  const screen = new Screen(), { viewer } = await watch(screen, { encodings: [Encoding.zrle, Encoding.desktopSize] });
  await viewer.until(() => viewer.updates > 0);
  expect([viewer.width, viewer.height, viewer.pixels.every(pixel => pixel === 0)]).toEqual([1280, 800, true]);
  const guest = new TestGuest(320, 240);
  screen.connect(guest.port);
  draw(guest, numbers(2));
  await viewer.until(() => samePicture(viewer, guest));
  guest.off();
  await viewer.until(() => viewer.width === 320 && viewer.pixels.every(pixel => pixel === 0));
});

test('keys by their places and by their signs, released when their client goes', async () => {
  const { screen, guest } = await machine(), { viewer } = await watch(screen, { encodings: [0, Encoding.qemuExtendedKeyEvent, Encoding.ledState] });
  await viewer.until(() => viewer.acknowledged.includes(Encoding.qemuExtendedKeyEvent) && viewer.leds === 0);
  const qemu = (scancode: number, down: boolean) => viewer.send(Uint8Array.of(255, 0, 0, Number(down), 0, 0, 0, 0, 0, 0, 0, scancode));
  const sign = (keysym: number, down: boolean) => viewer.send(Uint8Array.of(4, Number(down), 0, 0, 0, 0, keysym >> 8, keysym & 255));
  const keys = () => guest.told.flatMap(message => (message.kind === 'key' ? [`${message.code} ${message.down ? 'down' : 'up'}`] : []));
  qemu(0x1e, true); qemu(0x1e, true); qemu(0x1e, false); qemu(0xc8, true);
  sign('%'.charCodeAt(0), true); sign('%'.charCodeAt(0), false); sign(0xff0d, true);
  await guest.until(() => keys().length === 8);
  expect(keys()).toEqual(['30 down', '30 up', '103 down', '42 down', '6 down', '42 up', '6 up', '28 down']);
  guest.post({ kind: 'leds', leds: { numLock: true, capsLock: true, scrollLock: false } });
  await viewer.until(() => viewer.leds === 6);
  sign('a'.charCodeAt(0), true);
  await guest.until(() => keys().length === 11);
  expect(keys().slice(8)).toEqual(['42 down', '30 down', '42 up']);
  viewer.stream.destroy();
  await guest.until(() => guest.told.at(-1).kind === 'watched');
  expect(keys().slice(11).sort()).toEqual(['103 up', '28 up', '30 up']);
});

test('pointers, wheels, more buttons and fingers', async () => {
  const { screen, guest } = await machine(), { viewer } = await watch(screen, { encodings: [0, Encoding.extendedMouseButtons, Encoding.private] });
  await viewer.until(() => viewer.acknowledged.length === 2);
  const point = (mask: number, x: number, y: number, ...more: number[]) => viewer.send(Uint8Array.of(5, mask, x >> 8, x & 255, y >> 8, y & 255, ...more));
  const told = () => guest.told.filter(({ kind }) => kind === 'pointer' || kind === 'touch');
  point(1, 10, 20); point(0, 5000, 20); point(16, 30, 40); point(16 | 64, 30, 40); point(0x84, 1, 2, 3);
  viewer.send(Uint8Array.of(225, 0, 0, 16, 0, 0, 0, 7, 0, 1, 0, 2, 0, 0, 0, 8, 255, 255, 0, 4));
  await guest.until(() => told().length === 6);
  expect(told()).toEqual([
    { kind: 'pointer', head: 0, x: 10, y: 20, buttons: 1 }, { kind: 'pointer', head: 0, x: 299, y: 20, buttons: 0 },
    { kind: 'pointer', head: 0, x: 30, y: 40, buttons: 0, wheelY: 1 }, { kind: 'pointer', head: 0, x: 30, y: 40, buttons: 0, wheelX: 1 },
    { kind: 'pointer', head: 0, x: 1, y: 2, buttons: 4 | 8 | 16 }, { kind: 'touch', head: 0, fingers: [{ id: 7, x: 1, y: 2 }, { id: 8, x: 299, y: 4 }] },
  ]);
  viewer.stream.destroy();
  await guest.until(() => told().length === 8);
  expect(told().slice(6)).toEqual([{ kind: 'pointer', head: 0, x: 1, y: 2, buttons: 0 }, { kind: 'touch', head: 0, fingers: [] }]);
});

test('the console says what it is; others must say that they can', async () => {
  const properties = { monitors: [{ width: 1000, height: 700 }], pixelRatio: 2, colourDepth: 24, pointer: 'touch', keyboardLayout: 'de' }, json = Buffer.from(JSON.stringify(properties));
  const message = Buffer.concat([Uint8Array.of(225, 1, json.length >> 8, json.length & 255), json]), { screen } = await machine();
  const trusted = await watch(screen, { encodings: [0] }, { trusted: true });
  trusted.viewer.send(message);
  trusted.viewer.send(Uint8Array.of(99));
  expect(await trusted.over).toBe('message 99');
  expect(trusted.heard.properties).toEqual([properties]);
  const other = await watch(screen, { encodings: [0] });
  other.viewer.send(message);
  expect(await other.over).toBe('private message');
});

test('a cursor goes to those who draw it, each in its way, and into the picture of the others', async () => {
  const { screen, guest } = await machine(), viewers = [];
  for (const encoding of [Encoding.cursorWithAlpha, Encoding.vmwareCursor, Encoding.cursor, Encoding.raw]) viewers.push((await watch(screen, { encodings: [0, encoding] })).viewer);
  // Half-transparent white, and opaque red.
  const pixels = Uint8Array.of(128, 128, 128, 128, 0, 0, 255, 255);
  guest.post({ kind: 'cursor', head: 0, shape: { width: 2, height: 1, hotX: 1, hotY: 0, pixels } });
  guest.post({ kind: 'cursor-at', head: 0, x: 51, y: 30 });
  const [alpha, vmware, plain, none] = viewers as [TestViewer, TestViewer, TestViewer, TestViewer];
  for (const viewer of [alpha, vmware, plain]) await viewer.until(() => viewer.cursor?.width === 2);
  expect([...alpha.cursor!.bytes]).toEqual([128, 128, 128, 128, 255, 0, 0, 255]);
  expect([...vmware.cursor!.bytes]).toEqual([255, 255, 255, 128, 255, 0, 0, 255]);
  expect([...plain.cursor!.bytes]).toEqual([128, 128, 128, 0, 0, 0, 255, 0, 0b1100_0000].map((byte, at) => (at < 3 ? 128 : byte)));
  await none.until(() => none.pixels[30 * 300 + 50] === 0x80_8080 && none.pixels[30 * 300 + 51] === 0xff_0000);
  guest.post({ kind: 'cursor', head: 0 });
  await none.until(() => samePicture(none, guest));
  await alpha.until(() => alpha.cursor?.width === 0);
});

test('clipboards, in Latin 1 and in UTF-8', async () => {
  const { screen } = await machine(), old = await watch(screen, { encodings: [0] }), modern = await watch(screen, { encodings: [0, Encoding.extendedClipboard] });
  await modern.viewer.until(() => modern.viewer.clipboards.length === 1);
  expect(modern.viewer.clipboards).toEqual(['flags 1f000001']);
  old.session.setClipboard('naïve €\n');
  await old.viewer.until(() => old.viewer.clipboards.length === 1);
  expect(old.viewer.clipboards).toEqual(['naïve ?\n']);
  modern.session.setClipboard('naïve €\n');
  await modern.viewer.until(() => modern.viewer.clipboards.length === 2);
  modern.viewer.send(TestViewer.extended(1 << 25 | 1));
  await modern.viewer.until(() => modern.viewer.clipboards.length === 3);
  expect(modern.viewer.clipboards.slice(1)).toEqual(['flags 8000001', 'naïve €\r\n\0']);
  modern.viewer.send(TestViewer.extended(1 << 27 | 1));
  await modern.viewer.until(() => modern.viewer.clipboards.length === 4);
  expect(modern.viewer.clipboards[3]).toBe('flags 2000001');
  modern.viewer.send(TestViewer.provided('zwei\r\nZeilen'));
  // One that would be far too long unpacked is left out.
  modern.viewer.send(TestViewer.provided('x'.repeat(3_000_000)));
  modern.viewer.send(Uint8Array.of(6, 0, 0, 0, 0, 0, 0, 2, 0xe9, 0x21));
  modern.viewer.send(Uint8Array.of(99));
  await modern.over;
  expect(modern.heard.texts).toEqual(['zwei\nZeilen', 'é!']);
});

test('a client that wants a colour map gets one', async () => {
  const { screen, guest } = await machine(), { viewer } = await watch(screen, { encodings: [0], greedy: false });
  await viewer.until(() => viewer.updates === 1);
  viewer.send(Uint8Array.of(0, 0, 0, 0, 32, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0));
  guest.set(3, 0, 0xff_8000);
  guest.damage({ x: 0, y: 0, width: 10, height: 10 });
  await viewer.until(() => viewer.colourMap !== undefined);
  viewer.request(true);
  await viewer.until(() => viewer.pixels[3] !== 0);
  const [red, green, blue] = [0, 2, 4].map(at => viewer.colourMap!.readUInt16BE(viewer.pixels[3]! * 6 + at) >> 8);
  expect([red, green! > 100 && green! < 156, blue]).toEqual([255, true, 0]);
});

test('whatever a client sends, it is served or hung up on', async () => {
  const { screen, guest } = await machine(64, 64);
  const fuzz = async (bytes: Uint8Array, greeted: boolean) => {
    const { theirs, over } = serve(screen, { trusted: true });
    theirs.on('error', () => theirs.destroy());
    theirs.resume();
    if (greeted) theirs.write(Buffer.from('RFB 003.008\n\u0001\u0001'));
    theirs.end(bytes);
    await over;
  };
  const next = numbers(20), TYPES = [0, 2, 3, 4, 5, 6, 150, 225, 248, 251, 255];
  for (let seed = 0; seed < 300; seed++) {
    const bytes = Uint8Array.from({ length: 1 + next(200) }, () => (next(3) === 0 ? TYPES[next(TYPES.length)]! : next(4) === 0 ? next(256) : next(8)));
    await fuzz(bytes, seed % 10 !== 0);
  }
  const { viewer } = await watch(screen, { encodings: [Encoding.tight] });
  draw(guest, next);
  await viewer.until(() => samePicture(viewer, guest));
});

test('messages that come in pieces hold up nobody', async () => {
  const { screen, guest } = await machine(), { viewer } = await watch(screen, { encodings: [0], greedy: false });
  await viewer.until(() => viewer.updates === 1);
  for (const byte of [4, 1, 0, 0, 0, 0, 0, 0x61, 6, 0, 0, 0, 0, 0, 0, 1, 0x21, 4, 0, 0, 0, 0, 0, 0, 0x61]) {
    viewer.send(Uint8Array.of(byte));
    await new Promise(resolve => { setImmediate(resolve); });
  }
  await guest.until(() => guest.told.filter(({ kind }) => kind === 'key').length === 2);
});

test('a client that asks without reading the answers is not read any further', async () => {
  const { screen } = await machine(64, 64), { theirs, session } = serve(screen);
  theirs.write(Buffer.from('RFB 003.008\n\u0001\u0001'));
  const fence = Buffer.concat([Uint8Array.of(248, 0, 0, 0, 0x80, 0, 0, 0, 64), randomBytes(64)]);
  // It reads nothing, and sends until nobody takes it any more.
  let taken = 0;
  const isStuck = (stream: Duplex) => new Promise<boolean>(resolve => {
    stream.write(fence, () => resolve(false));
    setImmediate(() => setImmediate(() => setImmediate(() => resolve(true))));
  });
  while (!await isStuck(theirs) && taken < 100_000) taken++;
  expect(taken).toBeLessThan(100_000);
  expect(session.counters.bytesOut).toBeLessThan(300_000);
});
