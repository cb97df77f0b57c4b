/** A VM's side of its screen, with its devices and their drivers, and somebody at the other end of the port. */
import { MessageChannel } from 'node:worker_threads';
import { afterEach, expect, test } from 'vitest';
import type { DisplayConfiguration } from '../../shared/model/display.ts';
import { PciFunction } from '../devices/pci/pci-function.ts';
import { RootPort } from '../devices/pci/root-port.ts';
import { VirtioGpu } from '../devices/virtio/gpu.ts';
import { VirtioInput } from '../devices/virtio/input.ts';
import type { InputKindName } from '../devices/virtio/input-kinds.ts';
import { DATA, RAM_BYTES, TestDriver } from '../devices/virtio/test-driver.ts';
import type { VirtioCore } from '../devices/virtio/virtio-core.ts';
import type { FromScreen, ToScreen } from '../display/screen-messages.ts';
import { BoardDisplay } from '../host/display.ts';
import type { GuestRam } from '../memory/guest-ram.ts';
import { TestClock } from '../time/test-clock.ts';
import { VmScreen } from './screen.ts';

const HEAD = { width: 100, height: 50, widthMm: 26, heightMm: 13 };
const CREATE = 0x101, SET_SCANOUT = 0x103, FLUSH = 0x104, UPDATE_CURSOR = 0x300;
let channel: MessageChannel;
afterEach(() => { channel.port1.close(); channel.port2.close(); });

function driven<Core extends VirtioCore<unknown>>(build: (dma: GuestRam) => Core) {
  const made: Core[] = [], driver = new TestDriver(new SharedArrayBuffer(RAM_BYTES), dma => { made.push(build(dma)); return made[0]!; });
  driver.start(0, 2);
  return { core: made[0]!, driver };
}

function build(frames?: SharedArrayBuffer) {
  const gpu = driven(dma => new VirtioGpu({ dma, heads: 2, modes: [HEAD] })), input = (kind: InputKindName) => driven(dma => new VirtioInput({ dma, kind }));
  const keyboard = input('keyboard'), pointer = input('tablet'), clock = new TestClock();
  const pointerPort = new RootPort({ slot: 8, clock, dmaFor: () => gpu.driver.ram, changed: () => { /* nobody looks */ }, ejected: () => { /* nothing is */ } });
  pointerPort.insert(new PciFunction({ name: 'in the slot', vendorId: 1, deviceId: 1, classCode: 0, model: { reset: () => { /* no state */ }, save: () => null, restore: () => { /* no state */ } } }));
  const adapter = frames ? { framebuffer: { mode: HEAD, base: 0, wrote: () => { /* nobody listens */ }, surface: { pixels: frames, offset: 0, strideBytes: 400, width: 100, height: 50 } } } : { gpu: gpu.core };
  const display = new BoardDisplay({ keyboard: keyboard.core, pointer: pointer.core, pointerPort, ...adapter }), heard: FromScreen[] = [];
  const running = { progress: 0 };
  channel = new MessageChannel();
  const screen = new VmScreen({ port: channel.port2, display, progress: () => running.progress });
  let changed: () => void = () => { /* nobody waits */ }, pointers = 0;
  channel.port1.on('message', (message: FromScreen) => { heard.push(message); changed(); });
  screen.open();
  const until = async (isSo: () => boolean) => { while (!isSo()) await new Promise<void>(resolve => { changed = resolve; }); };
  const say = (message: ToScreen) => channel.port1.postMessage(message);
  const configure = (configuration: DisplayConfiguration) => say({ kind: 'configure', configuration });
  /** All that came until now, by a change that is told after it. */
  const all = async (...messages: readonly ToScreen[]): Promise<FromScreen[]> => {
    for (const message of messages) say(message);
    pointers++;
    const heads = display.configuration.heads, widthMm = 100 + pointers;
    configure({ ...display.configuration, heads: heads.length > 0 && !frames ? [{ ...heads[0]!, widthMm }, ...heads.slice(1)] : heads, ...(frames && { pointer: display.configuration.pointer === 'mouse' ? 'touch' : 'mouse' }) });
    await until(() => heard.some(message => message.kind === 'configured' && (frames ? true : message.configuration.heads[0]?.widthMm === widthMm)));
    return heard.splice(0).filter(({ kind }) => kind !== 'configured');
  };
  const command = (type: number, words: readonly number[], queue = 0) => {
    [type, 0, 0, 0, 0, 0, ...words].forEach((word, n) => gpu.driver.ram.store(DATA + 4 * n, 4, word));
    gpu.driver.offer([{ address: DATA, length: 24 + 4 * words.length }], 0, queue);
    gpu.driver.notify(queue);
    screen.flush();
  };
  const show = (head: number, width = 100, height = 50) => { command(CREATE, [head + 1, 2, width, height]); command(SET_SCANOUT, [0, 0, width, height, head, head + 1]); };
  const draw = (x: number, y: number, head = 0) => command(FLUSH, [x, y, 1, 1, head + 1, 0]);
  /** Type, code and value of what a device's driver was given. */
  const events = ({ driver }: { readonly driver: TestDriver }) => driver.used(0).map(({ head }) => [0, 2, 4].map(at => driver.ram.load(DATA + 8 * head + at, at === 4 ? 4 : 2)!));
  const give = ({ driver }: { readonly driver: TestDriver }) => { for (let n = 0; n < 8; n++) driver.offer([{ address: DATA + 8 * n, length: 8, write: true }], n); driver.notify(0); };
  return { display, screen, heard, until, say, configure, all, command, show, draw, events, give, gpu, keyboard, pointer, running };
}

const point = (x: number, y: number) => ({ x, y, width: 1, height: 1 });

test('nothing is told while nobody looks but what the configuration is', async () => {
  const { all, show, draw, until, heard } = build();
  await until(() => heard.length === 1);
  expect(heard.splice(0)).toEqual([{ kind: 'configured', configuration: { heads: [HEAD], pointer: 'mouse' } }]);
  show(0);
  draw(1, 1);
  expect(await all()).toEqual([]);
});

test('who begins to look is told of all that is, and of all of each head as new', async () => {
  const { all, show, command } = build();
  show(0, 60, 40);
  command(CREATE, [9, 1, 2, 1]);
  command(UPDATE_CURSOR, [0, 7, 8, 0, 9, 1, 0, 0], 1);
  const told = await all({ kind: 'watched', watched: true });
  expect(told.map(({ kind }) => kind)).toEqual(['surface', 'cursor', 'cursor-at', 'surface', 'cursor', 'cursor-at', 'leds', 'damage']);
  expect(told[0]).toMatchObject({ head: 0, surface: { strideBytes: 240, width: 60, height: 40 } });
  expect(told.slice(1)).toEqual([
    { kind: 'cursor', head: 0, shape: { width: 2, height: 1, hotX: 1, hotY: 0, pixels: new Uint8Array(8) } }, { kind: 'cursor-at', head: 0, x: 7, y: 8 },
    { kind: 'surface', head: 1 }, { kind: 'cursor', head: 1 }, { kind: 'cursor-at', head: 1, x: 0, y: 0 },
    { kind: 'leds', leds: { numLock: false, capsLock: false, scrollLock: false } }, { kind: 'damage', parts: [{ head: 0, rects: [{ x: 0, y: 0, width: 60, height: 40 }] }] },
  ]);
});

test('what is drawn while the last was not seen is told together, without what is within other parts', async () => {
  const { all, show, draw, say, command } = build();
  show(0);
  await all({ kind: 'watched', watched: true });
  draw(1, 1);
  draw(3, 3);
  draw(1, 1);
  expect(await all()).toEqual([]);
  expect(await all({ kind: 'seen' })).toEqual([{ kind: 'damage', parts: [{ head: 0, rects: [point(1, 1), point(3, 3)] }] }]);
  say({ kind: 'seen' });
  expect(await all()).toEqual([]);
  draw(5, 5);
  draw(6, 6);
  command(FLUSH, [6, 5, 2, 2, 1, 0]);
  expect(await all()).toEqual([{ kind: 'damage', parts: [{ head: 0, rects: [point(5, 5)] }] }]);
  expect(await all({ kind: 'seen' })).toEqual([{ kind: 'damage', parts: [{ head: 0, rects: [{ x: 6, y: 5, width: 2, height: 2 }] }] }]);
});

test('of many parts only what they are all in is told', async () => {
  const { all, show, draw } = build();
  show(0);
  await all({ kind: 'watched', watched: true });
  for (let n = 0; n < 17; n++) draw(2 * n, n);
  expect(await all({ kind: 'seen' })).toEqual([{ kind: 'damage', parts: [{ head: 0, rects: [{ x: 0, y: 0, width: 33, height: 17 }] }] }]);
});

test('a guest that changes what it shows again and again is told of once', async () => {
  const { all, show, command } = build();
  show(0);
  await all({ kind: 'watched', watched: true });
  command(CREATE, [5, 2, 10, 10]);
  for (let n = 0; n < 100; n++) command(SET_SCANOUT, [0, 0, 10, 10, 0, n % 2 === 0 ? 1 : 5]);
  expect(await all()).toEqual([]);
  const told = await all({ kind: 'seen' });
  expect(told.map(({ kind }) => kind)).toEqual(['surface', 'damage']);
  expect(told[0]).toMatchObject({ surface: { strideBytes: 40 } });
});

test('a head that goes off is told without damage', async () => {
  const { all, show, command } = build();
  show(0);
  await all({ kind: 'watched', watched: true }, { kind: 'seen' });
  command(SET_SCANOUT, [0, 0, 0, 0, 0, 0]);
  expect(await all()).toEqual([{ kind: 'surface', head: 0 }]);
});

test('a pointer is on the axes of all heads in a row, as large as the guest has made them, with buttons in their order', async () => {
  const { all, configure, until, display, show, give, events, pointer } = build();
  configure({ heads: [HEAD, HEAD], pointer: 'mouse' });
  await until(() => display.configuration.heads.length === 2);
  show(0, 200, 100);
  give(pointer);
  await all({ kind: 'pointer', head: 1, x: 0, y: 0, buttons: 2 }, { kind: 'pointer', head: 7, x: 5, y: 5, buttons: 1 });
  // 200.5 of 300 pixels across, 0.5 of 100 down; the middle button.
  expect(events(pointer)).toEqual([[3, 0, 21899], [3, 1, 163], [1, 0x112, 1], [0, 0, 0]]);
});

test('the same configuration is nothing; another pointer takes the place of the one that is there', async () => {
  const { configure, display, heard, until } = build();
  await until(() => heard.length === 1);
  heard.splice(0);
  configure({ heads: [HEAD], pointer: 'mouse' });
  configure({ heads: [HEAD, HEAD, HEAD], pointer: 'touch' });
  await until(() => heard.length > 0);
  expect([heard.splice(0), display.pointer.kind]).toEqual([[{ kind: 'configured', configuration: { heads: [HEAD, HEAD], pointer: 'touch' } }], 'touch']);
  configure({ heads: [], pointer: 'mouse' });
  configure({ heads: [HEAD], pointer: 'mouse' });
  await until(() => heard.length === 2);
  expect([display.configuration.heads.length, display.pointer.kind]).toEqual([1, 'tablet']);
});

test('keys that are down are let go of when nobody looks any more', async () => {
  const { all, give, events, keyboard } = build();
  give(keyboard);
  await all({ kind: 'watched', watched: true }, { kind: 'key', code: 30, down: true }, { kind: 'watched', watched: false });
  expect(events(keyboard)).toEqual([[1, 30, 1], [0, 0, 0], [1, 30, 0], [0, 0, 0]]);
});

test('they are as well when whoever looked is gone', async () => {
  const { all, give, events, keyboard } = build();
  give(keyboard);
  await all({ kind: 'watched', watched: true }, { kind: 'key', code: 30, down: true });
  const gone = new Promise<void>(resolve => { channel.port2.once('close', () => resolve()); });
  channel.port1.close();
  await gone;
  expect(events(keyboard).slice(2)).toEqual([[1, 30, 0], [0, 0, 0]]);
});

test('while the machine is saved nothing changes; what came then is done afterwards', async () => {
  const { screen, say, give, events, keyboard, until, heard, configure } = build();
  give(keyboard);
  screen.hold();
  say({ kind: 'key', code: 30, down: true });
  configure({ heads: [{ ...HEAD, width: 90 }], pointer: 'mouse' });
  await new Promise<void>(resolve => { channel.port2.once('message', () => resolve()); });
  await new Promise<void>(resolve => { setImmediate(resolve); });
  expect(events(keyboard)).toEqual([]);
  screen.goOn();
  await until(() => heard.some(message => message.kind === 'configured' && message.configuration.heads[0]!.width === 90));
  expect(events(keyboard)).toEqual([[1, 30, 1], [0, 0, 0]]);
});

test('a framebuffer is looked at while somebody looks and the guest runs', async () => {
  const pixels = new SharedArrayBuffer(400 * 50), words = new Uint32Array(pixels), { until, heard, say, running, configure } = build(pixels);
  say({ kind: 'watched', watched: true });
  await until(() => heard.some(({ kind }) => kind === 'damage'));
  expect(heard.at(-1)).toEqual({ kind: 'damage', parts: [{ head: 0, rects: [{ x: 0, y: 0, width: 100, height: 50 }] }] });
  heard.splice(0);
  words[100 * 20 + 99] = 1;
  running.progress++;
  say({ kind: 'seen' });
  await until(() => heard.length > 0);
  expect(heard.splice(0)).toEqual([{ kind: 'damage', parts: [{ head: 0, rects: [{ x: 64, y: 16, width: 36, height: 16 }] }] }]);
  configure({ heads: [{ ...HEAD, width: 640 }], pointer: 'mouse' });
  configure({ heads: [{ ...HEAD, width: 640 }], pointer: 'touch' });
  await until(() => heard.length > 0);
  expect(heard).toEqual([{ kind: 'configured', configuration: { heads: [HEAD], pointer: 'touch' } }]);
  say({ kind: 'watched', watched: false });
});
