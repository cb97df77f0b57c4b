import { expect, test } from 'vitest';
import { TestClock } from '../../time/test-clock.ts';
import { deviceContract, type Step } from '../device-contract.ts';
import { fuzzRandom } from '../fuzz-random.ts';
import { INPUT_KINDS, type InputKindName } from './input-kinds.ts';
import { VirtioInput } from './input.ts';
import { DATA, QUEUE_SIZE, RAM, RAM_BYTES, TestDriver } from './test-driver.ts';

const EVENTS = 0, STATUS = 1, CONFIG = 0x100;
const SYN = [0, 0, 0], KEY_A = 30, KEY_B = 48, LED = 0x11;
/** Buffers of the event queue, and what the driver says of lights. */
const BUFFERS = DATA, LIGHTS = DATA + 0x1000;

class InputRig {
  readonly buffer = new SharedArrayBuffer(RAM_BYTES);
  readonly memory = new Uint8Array(this.buffer);
  readonly input: VirtioInput;
  readonly driver: TestDriver;
  readonly clock: TestClock;

  constructor(kind: InputKindName = 'keyboard', clock = new TestClock()) {
    this.clock = clock;
    const made: VirtioInput[] = [];
    this.driver = new TestDriver(this.buffer, dma => {
      made.push(new VirtioInput({ dma, kind }));
      return made[0]!;
    });
    this.input = made[0]!;
  }

  get device() { return this.driver.device; }
  start(): void { this.driver.start(0, 2); }

  /** Gives buffers for so many events; the driver remembers in guest memory how many it gave. */
  give(count: number): void {
    const { driver } = this, given = driver.ram.load(TestDriver.queue(EVENTS).driver + 2, 2)!;
    for (let n = given; n < given + count; n++) driver.offer([{ address: BUFFERS + 8 * (n % QUEUE_SIZE), length: 8, write: true }], n % QUEUE_SIZE, EVENTS);
    driver.notify(EVENTS);
  }

  /** The last events that came, at most as many as the queue has buffers, from the one after `seen`. */
  events(seen = 0): number[][] {
    const { ram } = this.driver, used = this.driver.used(EVENTS);
    return used.slice(Math.max(seen, used.length - QUEUE_SIZE)).map(({ head }) => { const at = BUFFERS + 8 * head; return [ram.load(at, 2)!, ram.load(at + 2, 2)!, ram.load(at + 4, 4)! | 0]; });
  }
  get seen(): number { return this.driver.used(EVENTS).length; }

  /** What comes of something, with room for it. */
  after(act: () => void): number[][] {
    this.give(QUEUE_SIZE - (this.driver.ram.load(TestDriver.queue(EVENTS).driver + 2, 2)! - this.seen));
    const { seen } = this;
    act();
    return this.events(seen);
  }

  light(code: number, value: number, type = LED): void {
    this.driver.ram.store(LIGHTS, 4, type | code << 16);
    this.driver.ram.store(LIGHTS + 4, 4, value);
    this.driver.offer([{ address: LIGHTS, length: 8 }], 0, STATUS);
    this.driver.notify(STATUS);
  }

  /** What the driver is told when it selects. */
  select(select: number, subselect = 0): number[] {
    const { registers } = this.device.regions;
    registers.write(CONFIG, 1, select);
    registers.write(CONFIG + 1, 1, subselect);
    return Array.from({ length: registers.read(CONFIG + 2, 1) }, (_, n) => registers.read(CONFIG + 8 + n, 1));
  }

  outputs(): unknown { return [this.events(), this.seen, this.input.leds, this.driver.status, this.driver.line, this.driver.used(STATUS), this.driver.get(CONFIG + 8)]; }
}

const started = (kind?: InputKindName) => {
  const rig = new InputRig(kind);
  rig.start();
  return rig;
};
const bits = (bytes: readonly number[]) => bytes.flatMap((byte, at) => Array.from({ length: 8 }, (_, bit) => bit).filter(bit => (byte & 1 << bit) !== 0).map(bit => 8 * at + bit));
const text = (bytes: readonly number[]) => String.fromCharCode(...bytes);

test('a driver asks what it is', () => {
  const keyboard = started(), tablet = started('tablet'), touch = started('touch');
  expect([keyboard, tablet, touch].map(rig => [text(rig.select(1)), text(rig.select(2)), rig.select(3)])).toEqual([
    ['Quarterdeck Keyboard', 'qdk-keyboard', [6, 0, 0xf4, 0x1a, 1, 0, 1, 0]], ['Quarterdeck Tablet', 'qdk-tablet', [6, 0, 0xf4, 0x1a, 2, 0, 1, 0]], ['Quarterdeck Touchscreen', 'qdk-touch', [6, 0, 0xf4, 0x1a, 3, 0, 1, 0]],
  ]);
  expect([bits(keyboard.select(0x11, 1)).length, bits(keyboard.select(0x11, LED)), bits(keyboard.select(0x11, 0x14)), keyboard.select(0x11, 3), keyboard.select(0x10)]).toEqual([248, [0, 1, 2], [0, 1], [], []]);
  expect([bits(tablet.select(0x11, 1)), bits(tablet.select(0x11, 2)), bits(tablet.select(0x11, 3)), tablet.select(0x12, 1)]).toEqual([[0x110, 0x111, 0x112, 0x113, 0x114], [6, 8, 11, 12], [0, 1], [0, 0, 0, 0, 0xff, 0x7f, 0, 0, ...Array<number>(12).fill(0)]]);
  expect([bits(touch.select(0x10)), bits(touch.select(0x11, 1)), bits(touch.select(0x11, 3)), touch.select(0x12, 0x2f)[4], touch.select(0x12, 0x30), touch.select(0x77)]).toEqual([[1], [0x14a], [0, 1, 0x2f, 0x35, 0x36, 0x39], 9, [], []]);
});

test('keys come one report each, twice the same is nothing, and so is what no keyboard has', () => {
  const rig = started();
  expect(rig.after(() => { rig.input.key(KEY_A, true); rig.input.key(KEY_A, true); rig.input.key(KEY_A, false); rig.input.key(KEY_B, false); rig.input.key(0x110, true); rig.input.key(-1, true); rig.input.key(NaN, true); }))
    .toEqual([[1, KEY_A, 1], SYN, [1, KEY_A, 0], SYN]);
});

test('a tablet says where, which buttons, and how far its wheels were turned', () => {
  const rig = started('tablet');
  expect(rig.after(() => rig.input.point(100, 200, 0))).toEqual([[3, 0, 100], [3, 1, 200], SYN]);
  expect(rig.after(() => rig.input.point(100, 300, 0b10001))).toEqual([[3, 1, 300], [1, 0x110, 1], [1, 0x114, 1], SYN]);
  expect(rig.after(() => rig.input.point(100, 300, 0b1, 1, 2))).toEqual([[1, 0x114, 0], [2, 12, 120], [2, 6, 1], [2, 11, -240], [2, 8, -2], SYN]);
  expect(rig.after(() => rig.input.point(-5, 1e9, 1))).toEqual([[3, 0, 0], [3, 1, 32767], SYN]);
  expect(rig.after(() => rig.input.point(0, 40000, 1))).toEqual([]);
});

test('fine turns of a wheel add up to steps', () => {
  const rig = started('tablet'), turn = () => rig.after(() => rig.input.point(0, 0, 0, 0, -0.4));
  expect([turn(), turn(), turn()]).toEqual([[[2, 11, 48], SYN], [[2, 11, 48], SYN], [[2, 11, 48], [2, 8, 1], SYN]]);
  expect(rig.after(() => rig.input.point(0, 0, 0, Infinity, NaN))).toEqual([[2, 12, 12000], [2, 6, 100], SYN]);
});

test('fingers have slots while they are down', () => {
  const rig = started('touch');
  expect(rig.after(() => rig.input.touch([{ id: 7, x: 10, y: 20 }]))).toEqual([[3, 0x2f, 0], [3, 0x39, 0], [3, 0x35, 10], [3, 0x36, 20], [3, 0, 10], [3, 1, 20], [1, 0x14a, 1], SYN]);
  expect(rig.after(() => rig.input.touch([{ id: 7, x: 10, y: 21 }, { id: 9, x: 10, y: 21 }]))).toEqual([[3, 0x2f, 0], [3, 0x36, 21], [3, 0x2f, 1], [3, 0x39, 1], [3, 0x35, 10], [3, 0x36, 21], [3, 1, 21], SYN]);
  // The first is lifted, and a third one comes in the same moment: it gets a slot that was free.
  expect(rig.after(() => rig.input.touch([{ id: 9, x: 10, y: 21 }, { id: 3, x: 1, y: 5 }]))).toEqual([[3, 0x2f, 0], [3, 0x39, -1], [3, 0x2f, 2], [3, 0x39, 2], [3, 0x35, 1], [3, 0x36, 5], SYN]);
  expect(rig.after(() => rig.input.touch([]))).toEqual([[3, 0x2f, 1], [3, 0x39, -1], [3, 0x2f, 2], [3, 0x39, -1], [1, 0x14a, 0], SYN]);
});

test('the eleventh finger is not felt', () => {
  const rig = started('touch');
  rig.input.touch(Array.from({ length: 12 }, (_, id) => ({ id, x: id, y: 0 })));
  expect(rig.input.save().is.contacts.map(contact => contact?.finger)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test('a report comes whole or not at all: it waits for room', () => {
  const rig = started('tablet');
  rig.give(3);
  rig.input.point(1, 2, 1);
  expect(rig.seen).toBe(0);
  rig.give(1);
  expect(rig.events()).toEqual([[3, 0, 1], [3, 1, 2], [1, 0x110, 1], SYN]);
});

test('keys that were typed while there was no room come in their order', () => {
  const rig = started();
  for (const [code, isDown] of [[KEY_A, true], [KEY_A, false], [KEY_B, true], [KEY_B, false]] as const) rig.input.key(code, isDown);
  expect(rig.after(() => { /* there is room now */ })).toEqual([]);
  expect(rig.events()).toEqual([[1, KEY_A, 1], SYN, [1, KEY_A, 0], SYN, [1, KEY_B, 1], SYN, [1, KEY_B, 0], SYN]);
});

test('of movements while there was no room only the last place is told', () => {
  const rig = started('tablet');
  rig.input.point(0, 0, 1);
  for (let n = 1; n < 1000; n++) rig.input.point(n, n, 1);
  rig.give(QUEUE_SIZE);
  expect(rig.events()).toEqual([[1, 0x110, 1], SYN, [3, 0, 999], [3, 1, 999], SYN]);
});

test('what waits is bounded, and nothing is stuck afterwards', () => {
  const rig = started();
  for (let n = 0; n < 2000; n++) rig.input.key(KEY_A, n % 2 === 0);
  rig.input.key(KEY_B, true);
  expect(rig.input.save().waiting.length).toBe(512);
  const down = new Set<number>();
  for (let n = 0; n < 300; n++) for (const [type, code, value] of rig.after(() => { /* more came as there was room */ })) { if (type === 1) { if (value) down.add(code!); else down.delete(code!); } }
  rig.events().forEach(([type, code, value]) => { if (type === 1) { if (value) down.add(code!); else down.delete(code!); } });
  expect([[...down], rig.input.save().waiting.length, rig.input.save().told]).toEqual([[KEY_B], 0, rig.input.save().is]);
});

test('all is let go of when nobody is there, in several reports if need be', () => {
  const rig = started();
  for (let code = 1; code <= 9; code++) rig.after(() => rig.input.key(code, true));
  rig.after(() => rig.input.release());
  rig.give(QUEUE_SIZE);
  rig.give(QUEUE_SIZE);
  expect(rig.input.save().told.keys).toEqual([]);
  const touch = started('touch');
  touch.after(() => touch.input.touch([{ id: 1, x: 0, y: 0 }]));
  expect(touch.after(() => touch.input.release())).toEqual([[3, 0x2f, 0], [3, 0x39, -1], [1, 0x14a, 0], SYN]);
});

test('a driver that resets the device finds nothing down, and without one nothing is', () => {
  const rig = started();
  rig.input.key(KEY_A, true);
  rig.light(1, 1);
  const lights: unknown[] = [];
  rig.input.ledsChanged = leds => { lights.push(leds); };
  rig.driver.put(0x70, 0);
  rig.input.key(KEY_B, true);
  rig.start();
  expect([rig.after(() => rig.input.key(KEY_B, false)), lights]).toEqual([[], [{ numLock: false, capsLock: false, scrollLock: false }]]);
});

test('lights are told when they change', () => {
  const rig = started(), told: unknown[] = [];
  rig.input.ledsChanged = leds => { told.push(leds); };
  rig.light(1, 1);
  rig.light(1, 1);
  rig.light(7, 1);
  rig.light(0, 1, 4);
  rig.light(1, 0);
  expect(told).toEqual([{ numLock: false, capsLock: true, scrollLock: false }, { numLock: false, capsLock: false, scrollLock: false }]);
  expect(rig.driver.used(STATUS).length).toBe(5);
});

test('a buffer that no event fits, or another field of the configuration, is an error of the driver', () => {
  const rig = started();
  rig.driver.offer([{ address: BUFFERS, length: 7, write: true }], 0, EVENTS);
  rig.driver.offer([{ address: BUFFERS, length: 8, write: true }], 1, EVENTS);
  rig.input.key(KEY_A, true);
  expect(rig.driver.status & 0x40).toBe(0x40);
  rig.start();
  rig.driver.put(CONFIG + 8, 1);
  expect(rig.driver.status & 0x40).toBe(0x40);
});

test.each([1, 2, 3, 4, 5, 6])('whatever a guest and its operator do, reports are whole and nothing is stuck: seed %i', seed => {
  const r = fuzzRandom(seed), rig = started(r.pick(INPUT_KINDS)), { driver, input } = rig;
  const value = () => r.pick([() => r.next(), () => r.below(64), () => 0, () => DATA + r.below(0x1000), () => RAM + RAM_BYTES - r.below(8)])();
  const place = () => r.pick([r.below(40000), -1, NaN, Infinity, r.below(100)]);
  for (let n = 0; n < 4000; n++) {
    if (n % 200 === 0 || (driver.status & 0x40) !== 0) { rig.start(); rig.give(r.below(QUEUE_SIZE)); }
    r.pick([
      () => { if (input.kind === 'keyboard') input.key(r.below(300), r.below(2) === 0); },
      () => { if (input.kind === 'tablet') input.point(place(), place(), r.next(), place(), r.below(5) - 2); },
      () => { if (input.kind === 'touch') input.touch(Array.from({ length: r.below(14) }, () => ({ id: r.below(20), x: place(), y: place() }))); },
      () => input.release(), () => { if (rig.seen === driver.ram.load(TestDriver.queue(EVENTS).driver + 2, 2)) rig.give(1 + r.below(QUEUE_SIZE - 1)); },
      () => { if (r.below(40) === 0) driver.ram.store(RAM + 4 * r.below(0x2000 / 4), 4, value()); }, () => rig.light(r.below(5), r.below(2), r.pick([LED, 4, value()])),
      () => { if (r.below(40) === 0) driver.put(r.pick([CONFIG, CONFIG + 4, 4 * r.below(0x50)]), value()); }, () => { rig.select(r.below(0x20), r.below(0x40)); },
    ])();
  }
  rig.device.restore(structuredClone(rig.device.save()));
  rig.start();
  expect(input.save()).toMatchObject({ waiting: [], is: { keys: [] }, told: { keys: [] } });
});

const step = (act: (rig: InputRig) => void): Step => rig => act(rig as unknown as InputRig);
const common = [step(rig => rig.start()), step(rig => rig.give(3))], then = [step(rig => rig.give(4)), step(rig => { rig.select(1); }), step(rig => rig.input.release()), step(rig => rig.driver.acknowledge()), step(rig => rig.give(3)), step(rig => rig.driver.put(CONFIG + 8, 1))];
deviceContract('keyboard', clock => new InputRig('keyboard', clock), [...common, ...[KEY_A, KEY_B, KEY_A].map((code, n) => step(rig => rig.input.key(code, n < 2))), step(rig => rig.light(2, 1)), ...then]);
deviceContract('tablet', clock => new InputRig('tablet', clock), [...common, step(rig => rig.input.point(5, 6, 1, 0.5, 0.75)), step(rig => rig.input.point(7, 6, 0, 0.5, 0)), ...then]);
deviceContract('touch screen', clock => new InputRig('touch', clock), [...common, step(rig => rig.input.touch([{ id: 4, x: 1, y: 2 }])), step(rig => rig.input.touch([{ id: 5, x: 1, y: 2 }])), step(rig => rig.input.touch([{ id: 5, x: 1, y: 3 }])), ...then]);
