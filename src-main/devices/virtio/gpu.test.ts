import { expect, test } from 'vitest';
import type { CursorShape, Rect, Surface } from '../../display/screen-messages.ts';
import { TestClock } from '../../time/test-clock.ts';
import { deviceContract, type Step } from '../device-contract.ts';
import { EDID_BYTES } from '../display/edid.ts';
import { fuzzRandom } from '../fuzz-random.ts';
import { VirtioGpu } from './gpu.ts';
import { GpuResource } from './gpu-resource.ts';
import { DATA, RAM, RAM_BYTES, TestDriver } from './test-driver.ts';

const CONTROL = 0, CURSOR = 1, F_EDID = 2, CONFIGURATION_CHANGE = 2;
const GET_DISPLAY_INFO = 0x100, CREATE = 0x101, UNREF = 0x102, SET_SCANOUT = 0x103, FLUSH = 0x104, TRANSFER = 0x105, ATTACH = 0x106, DETACH = 0x107, GET_EDID = 0x10a, UPDATE_CURSOR = 0x300, MOVE_CURSOR = 0x301;
const OK = 0x1100, OK_DISPLAY_INFO = 0x1101, OK_EDID = 0x1104, UNSPEC = 0x1200, OUT_OF_MEMORY = 0x1201, BAD_SCANOUT = 0x1202, BAD_RESOURCE = 0x1203, BAD_PARAMETER = 0x1205;
const BGRA = 1, BGRX = 2;
/** Requests at DATA, answers after them, pixels above. */
const ANSWER = DATA + 0x4000, PIXELS = RAM + 0x10000;
const EVENTS_READ = 0x100, EVENTS_CLEAR = 0x104, SCANOUTS = 0x108;
const MODE = { width: 640, height: 400, widthMm: 169, heightMm: 106 };

class GpuRig {
  readonly buffer = new SharedArrayBuffer(RAM_BYTES);
  readonly memory = new Uint8Array(this.buffer);
  readonly gpu: VirtioGpu;
  readonly driver: TestDriver;
  readonly clock: TestClock;
  said: unknown[] = [];

  constructor(clock = new TestClock(), memoryBytes = 2 ** 20) {
    this.clock = clock;
    const made: VirtioGpu[] = [];
    this.driver = new TestDriver(this.buffer, dma => {
      made.push(new VirtioGpu({ dma, heads: 2, modes: [MODE], memoryBytes }));
      return made[0]!;
    });
    this.gpu = made[0]!;
    this.gpu.output = {
      surface: (head, surface) => this.said.push(['surface', head, surface && shown(surface)]), damage: (head, rect) => this.said.push(['damage', head, rect]),
      cursor: (head, shape) => this.said.push(['cursor', head, shape && { ...shape, pixels: [...shape.pixels] }]), cursorAt: (head, x, y) => this.said.push(['cursor at', head, x, y]),
    };
  }

  get device() { return this.driver.device; }
  start(features = F_EDID): void { this.driver.start(features, 2); }

  /** What was said since the last call. */
  heard(): unknown[] { return this.said.splice(0); }

  /** Does a command of words and gives the answer's. */
  do(type: number, words: readonly number[] = [], { queue = CONTROL, flags = 0, fence = 0, answerBytes = 0x1000 } = {}): number[] {
    const all = [type, flags, fence, 0, 7, 0, ...words];
    this.driver.ram.write(ANSWER, new Uint8Array(0x1000));
    all.forEach((word, n) => this.driver.ram.store(DATA + 4 * n, 4, word));
    this.driver.offer([{ address: DATA, length: 4 * all.length }, { address: ANSWER, length: answerBytes, write: true }], 0, queue);
    this.driver.notify(queue);
    return Array.from({ length: (this.driver.used(queue).at(-1)?.written ?? 0) / 4 }, (_, n) => this.driver.ram.load(ANSWER + 4 * n, 4)!);
  }

  /** The type of the answer. */
  ask(type: number, words: readonly number[] = [], queue = CONTROL): number { return this.do(type, words, { queue })[0]!; }

  /** A resource of this size whose pixels are at PIXELS, in two pieces. */
  resource(id: number, width: number, height: number, format = BGRX, at = PIXELS): void {
    const bytes = 4 * width * height, first = 4 * (bytes >> 3);
    expect(this.ask(CREATE, [id, format, width, height])).toBe(OK);
    expect(this.ask(ATTACH, [id, 2, at, 0, first, 0, at + first, 0, bytes - first, 0])).toBe(OK);
  }

  draw(words: readonly number[], at = PIXELS): void { words.forEach((word, n) => this.driver.ram.store(at + 4 * n, 4, word)); }
  outputs(): unknown {
    const { gpu, driver } = this;
    return [this.heard().filter(said => (said as readonly string[])[0] === 'damage'), [0, 1].map(head => gpu.surface(head)).map(surface => surface && shown(surface)), [0, 1].map(head => gpu.cursor(head)), driver.get(EVENTS_READ), driver.status, driver.line, driver.used(CONTROL)];
  }
}

/** What somebody sees of a surface. */
const shown = ({ pixels, offset, strideBytes, width, height }: Surface) =>
  Array.from({ length: height }, (_, row) => [...new Uint32Array(pixels, offset + row * strideBytes, width)]);
const rect = (x: number, y: number, width: number, height: number) => [x, y, width, height];
const started = (memoryBytes?: number) => {
  const rig = new GpuRig(new TestClock(), memoryBytes);
  rig.start();
  return rig;
};
const numbers = (count: number, from = 0) => Array.from({ length: count }, (_, n) => from + n);

test('a driver finds as many scanouts as there are heads, and what is connected', () => {
  const rig = started();
  expect([rig.driver.get(SCANOUTS), rig.driver.get(0x10c)]).toEqual([2, 0]);
  const info = rig.do(GET_DISPLAY_INFO);
  expect([info.length, info[0], info.slice(6, 12), info.slice(12).every(word => word === 0)]).toEqual([6 + 16 * 6, OK_DISPLAY_INFO, [0, 0, 640, 400, 1, 0], true]);
});

test('an EDID is there for heads that are connected, with the feature only', () => {
  const rig = started();
  const [type, , , , , , size, , ...block] = rig.do(GET_EDID, [0, 0]);
  expect([type, size, block.length * 4, block[0], block[1]]).toEqual([OK_EDID, EDID_BYTES, 1024, 0xffff_ff00, 0x00ff_ffff]);
  expect(rig.do(GET_EDID, [1, 0]).slice(0, 7)).toEqual([OK_EDID, 0, 0, 0, 0, 0, 0]);
  expect(rig.ask(GET_EDID, [2, 0])).toBe(BAD_SCANOUT);
  rig.start(0);
  expect(rig.ask(GET_EDID, [0, 0])).toBe(UNSPEC);
});

test('another configuration is told to the driver, who asks what it is and clears the event', () => {
  const rig = started();
  rig.gpu.connect([{ ...MODE, width: 390, height: 844 }, MODE, MODE]);
  expect([rig.driver.get(EVENTS_READ), rig.driver.interrupts & CONFIGURATION_CHANGE]).toEqual([1, CONFIGURATION_CHANGE]);
  expect(rig.do(GET_DISPLAY_INFO).slice(6, 18)).toEqual([0, 0, 390, 844, 1, 0, 390, 0, 640, 400, 1, 0]);
  rig.driver.put(EVENTS_CLEAR, 1);
  expect(rig.driver.get(EVENTS_READ)).toBe(0);
  rig.gpu.connect([]);
  expect(rig.do(GET_DISPLAY_INFO).slice(6).every(word => word === 0)).toBe(true);
});

test('a scanout shows a part of a resource: nothing is copied when it is flushed, and what is new is told', () => {
  const rig = started();
  rig.resource(1, 4, 3);
  rig.draw(numbers(12));
  expect(rig.ask(SET_SCANOUT, [...rect(1, 1, 3, 2), 0, 1])).toBe(OK);
  expect(rig.heard()).toEqual([['surface', 0, [[0, 0, 0], [0, 0, 0]]]]);
  const surface = rig.gpu.surface(0)!;
  expect(rig.ask(TRANSFER, [...rect(0, 0, 4, 3), 0, 0, 1, 0])).toBe(OK);
  expect(shown(surface)).toEqual([[5, 6, 7], [9, 10, 11]]);
  expect(rig.ask(FLUSH, [...rect(0, 0, 2, 2), 1, 0])).toBe(OK);
  expect(rig.ask(FLUSH, [...rect(0, 0, 4, 1), 1, 0])).toBe(OK);
  expect(rig.heard()).toEqual([['damage', 0, { x: 0, y: 0, width: 1, height: 1 }]]);
});

test('a part of a resource is taken from where it is in the backing', () => {
  const rig = started();
  rig.resource(1, 4, 4);
  rig.draw(numbers(16, 100));
  rig.ask(SET_SCANOUT, [...rect(0, 0, 4, 4), 0, 1]);
  expect(rig.ask(TRANSFER, [...rect(1, 2, 2, 2), 4 * 9, 0, 1, 0])).toBe(OK);
  expect(shown(rig.gpu.surface(0)!)).toEqual([[0, 0, 0, 0], [0, 0, 0, 0], [0, 109, 110, 0], [0, 113, 114, 0]]);
});

test.each([[1, [0x33, 0x22, 0x11, 0x44]], [2, [0x33, 0x22, 0x11, 0x44]], [3, [0x44, 0x11, 0x22, 0x33]], [4, [0x44, 0x11, 0x22, 0x33]], [67, [0x11, 0x22, 0x33, 0x44]], [134, [0x11, 0x22, 0x33, 0x44]], [68, [0x44, 0x33, 0x22, 0x11]], [121, [0x44, 0x33, 0x22, 0x11]]])('format %i: red, green and blue are 11, 22 and 33', (format, bytes) => {
  const rig = started(), [b0, b1, b2, b3] = bytes as [number, number, number, number];
  rig.resource(1, 2, 1, format);
  rig.driver.ram.write(PIXELS, Uint8Array.of(b0, b1, b2, b3, 0, 0, 0, 0));
  rig.ask(TRANSFER, [...rect(0, 0, 2, 1), 0, 0, 1, 0]);
  rig.ask(SET_SCANOUT, [...rect(0, 0, 2, 1), 0, 1]);
  expect(shown(rig.gpu.surface(0)!)[0]!.map(word => word.toString(16))).toEqual(['44112233', '0']);
  rig.heard();
  rig.ask(UPDATE_CURSOR, [0, 0, 0, 0, 1, 0, 0, 0], CURSOR);
  const alpha = [2, 4, 68, 134].includes(format) ? 0xff : 0x44;
  expect(rig.heard()[0]).toMatchObject(['cursor', 0, { pixels: [0x33, 0x22, 0x11, alpha, 0, 0, 0, alpha === 0xff ? 0xff : 0] }]);
});

test('heads show what they are given until it is taken away, and each hears of its own part', () => {
  const rig = started();
  rig.resource(1, 4, 1);
  rig.resource(2, 1, 1);
  rig.ask(SET_SCANOUT, [...rect(0, 0, 2, 1), 0, 1]);
  rig.ask(SET_SCANOUT, [...rect(2, 0, 2, 1), 1, 1]);
  rig.heard();
  rig.ask(FLUSH, [...rect(1, 0, 2, 1), 1, 0]);
  expect(rig.heard()).toEqual([['damage', 0, { x: 1, y: 0, width: 1, height: 1 }], ['damage', 1, { x: 0, y: 0, width: 1, height: 1 }]]);
  rig.ask(SET_SCANOUT, [...rect(0, 0, 1, 1), 0, 2]);
  rig.ask(UNREF, [1, 0]);
  rig.ask(SET_SCANOUT, [...rect(0, 0, 0, 0), 0, 0]);
  expect(rig.heard()).toEqual([['surface', 0, [[0]]], ['surface', 1, undefined], ['surface', 0, undefined]]);
});

test('a cursor is shown, moved and hidden; its hot spot is within it', () => {
  const rig = started();
  rig.resource(1, 2, 1, BGRA);
  rig.draw([0x8000_0001, 0xff00_0002]);
  rig.ask(TRANSFER, [...rect(0, 0, 2, 1), 0, 0, 1, 0]);
  rig.ask(UPDATE_CURSOR, [1, 10, 20, 0, 1, 99, 0, 0], CURSOR);
  const shape = { width: 2, height: 1, hotX: 1, hotY: 0, pixels: [1, 0, 0, 0x80, 2, 0, 0, 0xff] };
  expect(rig.heard()).toEqual([['cursor', 1, shape], ['cursor at', 1, 10, 20]]);
  rig.ask(UNREF, [1, 0]);
  rig.ask(MOVE_CURSOR, [1, 0xffff_fffe, 5, 0, 0, 0, 0, 0], CURSOR);
  rig.ask(UPDATE_CURSOR, [1, 0, 0, 0, 0, 0, 0, 0], CURSOR);
  expect(rig.heard()).toEqual([['cursor at', 1, -2, 5], ['cursor', 1, undefined], ['cursor at', 1, 0, 0]]);
});

test('a fence comes back with the answer, with its context, also of what failed', () => {
  const rig = started();
  expect(rig.do(GET_DISPLAY_INFO, [], { flags: 1, fence: 0x1234 }).slice(0, 6)).toEqual([OK_DISPLAY_INFO, 1, 0x1234, 0, 7, 0]);
  expect(rig.do(UNREF, [5, 0], { flags: 1, fence: 9 })).toEqual([BAD_RESOURCE, 1, 9, 0, 7, 0]);
  expect(rig.do(UNREF, [5, 0], { fence: 9 })).toEqual([BAD_RESOURCE, 0, 0, 0, 0, 0]);
});

test.each<readonly [string, number, number, readonly number[]]>([
  ['an unknown command', UNSPEC, 0x999, []], ['a 3D command', UNSPEC, 0x200, [0, 0]], ['a cursor on the control queue', UNSPEC, UPDATE_CURSOR, numbers(8)],
  ['a resource 0', BAD_RESOURCE, CREATE, [0, BGRX, 1, 1]], ['one that is there', BAD_RESOURCE, CREATE, [1, BGRX, 1, 1]], ['an unknown format', BAD_PARAMETER, CREATE, [2, 5, 1, 1]],
  ['no width', BAD_PARAMETER, CREATE, [2, BGRX, 0, 1]], ['no height', BAD_PARAMETER, CREATE, [2, BGRX, 1, 0]], ['too wide', BAD_PARAMETER, CREATE, [2, BGRX, 0xffff_ffff, 1]], ['too large', OUT_OF_MEMORY, CREATE, [2, BGRX, 1024, 1024]],
  ['a command cut short', BAD_PARAMETER, CREATE, [2, BGRX, 1]], ['dropping what is not there', BAD_RESOURCE, UNREF, [2, 0]],
  ['a second backing', UNSPEC, ATTACH, [1, 1, PIXELS, 0, 16, 0]], ['an empty backing', BAD_PARAMETER, ATTACH, [9, 0]], ['fewer pieces than said', BAD_PARAMETER, ATTACH, [9, 2, PIXELS, 0, 16, 0]],
  ['too many pieces', BAD_PARAMETER, ATTACH, [9, 0xffff_ffff, PIXELS, 0, 16, 0]], ['a backing outside memory', BAD_PARAMETER, ATTACH, [9, 1, 0, 0, 16, 0]], ['a backing beyond 2^53', BAD_PARAMETER, ATTACH, [9, 1, 0, 0xffff_ffff, 16, 0]],
  ['a backing of none', BAD_RESOURCE, ATTACH, [8, 1, PIXELS, 0, 16, 0]], ['detaching nothing', UNSPEC, DETACH, [9, 0]], ['a transfer of nothing', UNSPEC, TRANSFER, [...rect(0, 0, 1, 1), 0, 0, 9, 0]],
  ['a transfer outside', BAD_PARAMETER, TRANSFER, [...rect(3, 0, 2, 1), 0, 0, 1, 0]], ['an empty transfer', BAD_PARAMETER, TRANSFER, [...rect(0, 0, 0, 1), 0, 0, 1, 0]], ['a transfer that wraps', BAD_PARAMETER, TRANSFER, [...rect(0xffff_ffff, 0, 2, 1), 0, 0, 1, 0]],
  ['a transfer beyond the backing', BAD_PARAMETER, TRANSFER, [...rect(0, 0, 4, 4), 4, 0, 1, 0]], ['a transfer from far away', BAD_PARAMETER, TRANSFER, [...rect(0, 0, 1, 1), 0, 0xffff_ffff, 1, 0]],
  ['a scanout that is not there', BAD_SCANOUT, SET_SCANOUT, [...rect(0, 0, 1, 1), 2, 1]], ['a scanout of none', BAD_RESOURCE, SET_SCANOUT, [...rect(0, 0, 1, 1), 0, 8]], ['a scanout outside', BAD_PARAMETER, SET_SCANOUT, [...rect(1, 1, 4, 1), 0, 1]], ['an empty scanout', BAD_PARAMETER, SET_SCANOUT, [...rect(0, 0, 0, 0), 0, 1]],
  ['a flush outside', BAD_PARAMETER, FLUSH, [...rect(0, 0, 5, 1), 1, 0]], ['a flush of none', BAD_RESOURCE, FLUSH, [...rect(0, 0, 1, 1), 8, 0]],
])('%s is refused as the standard says', (_, answer, type, words) => {
  const rig = started();
  rig.resource(1, 4, 4);
  rig.ask(CREATE, [9, BGRX, 1, 1]);
  rig.heard();
  expect(rig.do(type, words)).toEqual([answer, 0, 0, 0, 0, 0]);
  expect([rig.heard(), rig.driver.status & 0x40]).toEqual([[], 0]);
});

test('a cursor of none, of no scanout, or as large as a screen is refused', () => {
  const rig = started();
  rig.ask(CREATE, [1, BGRA, 513, 1]);
  expect([[0, 0, 0, 0, 2, 0, 0, 0], [2, 0, 0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0, 0, 0]].map(words => rig.ask(UPDATE_CURSOR, words, CURSOR))).toEqual([BAD_RESOURCE, BAD_SCANOUT, BAD_PARAMETER]);
  expect([rig.ask(MOVE_CURSOR, [2, 0, 0, 0, 0, 0, 0, 0], CURSOR), rig.ask(GET_DISPLAY_INFO, [], CURSOR), rig.heard()]).toEqual([BAD_SCANOUT, UNSPEC, []]);
});

test('resources take no more of the host\'s memory than they may, and give it back', () => {
  const rig = started(2 * GpuResource.bytesOf(16, 16) + GpuResource.backingBytes(1));
  const create = (id: number) => rig.ask(CREATE, [id, BGRX, 16, 16]);
  expect([create(1), create(2), create(3)]).toEqual([OK, OK, OUT_OF_MEMORY]);
  expect([rig.ask(ATTACH, [1, 1, PIXELS, 0, 16, 0]), rig.ask(ATTACH, [2, 1, PIXELS, 0, 16, 0]), rig.ask(DETACH, [1, 0]), rig.ask(ATTACH, [2, 1, PIXELS, 0, 16, 0])]).toEqual([OK, OUT_OF_MEMORY, OK, OK]);
  expect([rig.ask(UNREF, [2, 0]), create(3), create(4)]).toEqual([OK, OK, OUT_OF_MEMORY]);
  rig.start();
  expect([create(1), create(2), create(3)]).toEqual([OK, OK, OUT_OF_MEMORY]);
});

test('a driver that resets the device leaves nothing on the heads; what is connected stays', () => {
  const rig = started();
  rig.gpu.connect([{ ...MODE, width: 800 }]);
  rig.resource(1, 2, 1, BGRA);
  rig.ask(SET_SCANOUT, [...rect(0, 0, 2, 1), 0, 1]);
  rig.ask(UPDATE_CURSOR, [0, 0, 0, 0, 1, 0, 0, 0], CURSOR);
  rig.heard();
  rig.start();
  expect([rig.heard(), rig.gpu.surface(0), rig.driver.get(EVENTS_READ), rig.gpu.modes[0]!.width]).toEqual([[['surface', 0, undefined], ['cursor', 0, undefined]], undefined, 0, 800]);
});

test('a device that was restored shows the same, from memory of its own', () => {
  const rig = started(), next = new GpuRig();
  rig.resource(1, 2, 1, BGRA);
  rig.draw([5, 0xff00_0006]);
  rig.ask(TRANSFER, [...rect(0, 0, 2, 1), 0, 0, 1, 0]);
  rig.ask(SET_SCANOUT, [...rect(1, 0, 1, 1), 1, 1]);
  rig.ask(UPDATE_CURSOR, [1, 3, 4, 0, 1, 0, 0, 0], CURSOR);
  rig.gpu.connect([MODE, MODE]);
  next.memory.set(rig.memory);
  next.device.restore(structuredClone(rig.device.save()));
  expect([next.gpu.surface(0), shown(next.gpu.surface(1)!), next.gpu.cursor(1)]).toEqual([undefined, [[0xff00_0006]], { x: 3, y: 4, shape: { width: 2, height: 1, hotX: 0, hotY: 0, pixels: Uint8Array.of(5, 0, 0, 0, 6, 0, 0, 0xff) } }]);
  expect(next.gpu.surface(1)!.pixels).not.toBe(rig.gpu.surface(1)!.pixels);
  expect([next.gpu.modes.length, next.driver.get(EVENTS_READ), next.ask(CREATE, [1, BGRX, 1, 1])]).toEqual([2, 1, BAD_RESOURCE]);
});

test('configuration is written where it can be', () => {
  const rig = started();
  rig.driver.put(SCANOUTS, 1);
  expect([rig.driver.get(SCANOUTS), rig.driver.status & 0x40]).toEqual([2, 0x40]);
});

test.each([1, 2, 3, 4, 5, 6, 7, 8])('whatever a guest does, nothing throws, memory is bounded, and heads show what is there: seed %i', seed => {
  const r = fuzzRandom(seed), rig = started(2 ** 16), { driver } = rig;
  const types = [GET_DISPLAY_INFO, CREATE, CREATE, UNREF, SET_SCANOUT, SET_SCANOUT, FLUSH, TRANSFER, TRANSFER, ATTACH, ATTACH, DETACH, GET_EDID, UPDATE_CURSOR, MOVE_CURSOR];
  const value = () => r.pick([() => r.below(4), () => r.below(4), () => r.below(64), () => 0, () => r.next(), () => PIXELS + r.below(0x1000), () => RAM + RAM_BYTES - r.below(64), () => 2 ** r.below(32)])() >>> 0;
  const small = () => r.below(5), some = (count: number) => Array.from({ length: r.below(20) === 0 ? r.below(40) : count }, value);
  const bodies: Readonly<Record<number, () => number[]>> = {
    [CREATE]: () => [small(), r.pick([1, 2, 3, 4, 67, 68, 121, 134, r.below(200)]), r.below(80), r.below(80)], [ATTACH]: () => [small(), 1 + r.below(2), PIXELS, 0, r.below(0x4000), 0, PIXELS, 0, r.below(0x4000), 0],
    [SET_SCANOUT]: () => [r.below(20), r.below(20), r.below(60), r.below(60), r.below(3), small()], [TRANSFER]: () => [r.below(9), r.below(9), r.below(60), r.below(60), r.below(0x400), 0, small(), 0], [FLUSH]: () => [r.below(9), r.below(9), r.below(60), r.below(60), small(), 0],
    [UPDATE_CURSOR]: () => [r.below(3), value(), value(), 0, small(), value(), value(), 0],
  };
  let answered = 0;
  const good = () => { const type = r.pick(types); answered += Number(rig.ask(type, bodies[type]?.() ?? some(8), type >= UPDATE_CURSOR ? CURSOR : CONTROL) === OK); };
  for (let n = 0; n < 4000; n++) {
    if ((driver.status & 0x40) !== 0 || n % 100 === 0) rig.start(r.below(2) * F_EDID);
    r.pick([
      good, good, good, good, () => { rig.ask(r.pick([...types, value()]), some(8), r.below(2)); },
      () => { const type = r.pick(types); rig.do(type, bodies[type]?.() ?? some(8), { answerBytes: r.pick([0, 1, 24, 30]) }); },
      () => { if (r.below(40) === 0) driver.ram.store(RAM + 4 * r.below(0x2000 / 4), 4, value()); },
      () => { if (r.below(20) === 0) driver.put(r.pick([EVENTS_READ, EVENTS_CLEAR, 4 * r.below(0x50)]), value()); },
      () => { if (r.below(20) === 0) { driver.offer([{ address: value(), length: r.below(0x4000), write: r.below(2) === 0 }], r.below(8), r.below(2)); driver.notify(r.below(3)); } },
      () => rig.gpu.connect(Array.from({ length: r.below(4) }, () => MODE)),
    ])();
    for (const [, , part] of rig.heard() as [string, number, Rect | CursorShape | undefined][]) expect(part === undefined || typeof part === 'object' || typeof part === 'number').toBe(true);
    for (const head of [0, 1]) { const surface = rig.gpu.surface(head); if (surface) expect(surface.offset + surface.strideBytes * (surface.height - 1) + 4 * surface.width).toBeLessThanOrEqual(surface.pixels.byteLength); }
  }
  const state = structuredClone(rig.gpu.save());
  expect(state.resources.reduce((sum, { pixels }) => sum + pixels.length, 0)).toBeLessThanOrEqual(2 ** 16);
  rig.device.restore(structuredClone(rig.device.save()));
  expect(rig.gpu.save()).toEqual(state);
  expect(answered).toBeGreaterThan(100);
});

const step = (act: (rig: GpuRig) => void): Step => rig => act(rig as unknown as GpuRig);
deviceContract('virtio-gpu', clock => new GpuRig(clock), [
  step(rig => rig.start()), step(rig => { rig.draw(numbers(16, 7)); rig.do(CREATE, [1, 3, 4, 4]); }), step(rig => rig.do(ATTACH, [1, 1, PIXELS, 0, 64, 0])), step(rig => rig.do(TRANSFER, [...rect(1, 1, 2, 2), 4, 0, 1, 0])),
  step(rig => rig.do(SET_SCANOUT, [...rect(0, 1, 4, 2), 1, 1])), step(rig => rig.do(FLUSH, [...rect(0, 0, 4, 4), 1, 0])), step(rig => rig.do(UPDATE_CURSOR, [0, 3, 3, 0, 1, 2, 2, 0], { queue: CURSOR })), step(rig => rig.do(MOVE_CURSOR, [0, 9, 9, 0, 0, 0, 0, 0], { queue: CURSOR })),
  step(rig => rig.gpu.connect([MODE, MODE])), step(rig => rig.driver.acknowledge()), step(rig => rig.driver.put(EVENTS_CLEAR, 1)), step(rig => rig.gpu.connect([MODE])), step(rig => rig.do(TRANSFER, [...rect(0, 0, 4, 4), 0, 0, 1, 0])), step(rig => rig.do(DETACH, [1, 0])), step(rig => rig.do(UNREF, [1, 0])), step(rig => rig.driver.put(SCANOUTS, 1)),
]);
