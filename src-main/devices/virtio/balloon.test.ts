import { expect, test } from 'vitest';
import { TestClock } from '../../time/test-clock.ts';
import { deviceContract, type Step } from '../device-contract.ts';
import { fuzzRandom } from '../fuzz-random.ts';
import { VirtioBalloon } from './balloon.ts';
import { DATA, RAM, RAM_BYTES, TestDriver } from './test-driver.ts';

const INFLATE = 0, DEFLATE = 1, STATISTICS = 2, QUEUES = 3;
const PAGE = 4096, TARGET = 0x100, ACTUAL = 0x104, CONFIGURATION_CHANGE = 2;
/** Queue n is at RAM + n * 0x1000; lists are at DATA. */
const GIVEN = RAM + 0x10000, STATS = DATA + 0x1000;

class BalloonRig {
  readonly buffer = new SharedArrayBuffer(RAM_BYTES);
  readonly memory = new Uint8Array(this.buffer);
  readonly balloon: VirtioBalloon;
  readonly driver: TestDriver;
  readonly clock: TestClock;

  constructor(clock = new TestClock()) {
    this.clock = clock;
    const made: VirtioBalloon[] = [];
    this.driver = new TestDriver(this.buffer, dma => {
      made.push(new VirtioBalloon({ dma }));
      return made[0]!;
    });
    this.balloon = made[0]!;
  }

  get device() { return this.driver.device; }
  start(): void { this.driver.start(6, QUEUES); }

  /** Tells of pages by their addresses. */
  give(queue: number, ...addresses: readonly number[]): void {
    addresses.forEach((address, n) => this.driver.ram.store(DATA + 4 * n, 4, address / PAGE));
    this.driver.offer([{ address: DATA, length: 4 * addresses.length }], 0, queue);
    this.driver.notify(queue);
  }

  /** Tells how memory is used, by tags. */
  tell(values: Readonly<Record<number, number>>): void {
    const entries = Object.entries(values);
    entries.forEach(([tag, value], n) => {
      this.driver.ram.store(STATS + 10 * n, 2, Number(tag));
      [value >>> 0, Math.floor(value / 2 ** 32)].forEach((word, k) => this.driver.ram.store(STATS + 10 * n + 2 + 4 * k, 4, word));
    });
    this.driver.offer([{ address: STATS, length: 10 * entries.length }], 0, STATISTICS);
    this.driver.notify(STATISTICS);
  }

  first(address: number): number { return this.driver.ram.load(address, 4)!; }
  outputs(): unknown {
    const { balloon, driver } = this;
    return [balloon.targetMib, balloon.actualMib, balloon.guestMemory, driver.get(TARGET), driver.line, driver.status, [INFLATE, DEFLATE, STATISTICS].map(queue => driver.used(queue)), this.first(GIVEN)];
  }
}

const started = () => {
  const rig = new BalloonRig();
  rig.start();
  return rig;
};

test('a target from outside is told to the driver, who says how much it gave up', () => {
  const rig = started();
  rig.balloon.setTarget(3);
  expect([rig.driver.get(TARGET), rig.driver.interrupts]).toEqual([768, CONFIGURATION_CHANGE]);
  rig.driver.put(ACTUAL, 512);
  expect([rig.balloon.targetMib, rig.balloon.actualMib]).toEqual([3, 2]);
});

test('pages that are given up are zeroes, and only those', () => {
  const rig = started();
  rig.driver.ram.write(GIVEN, new Uint8Array(4 * PAGE).fill(7));
  rig.give(INFLATE, GIVEN, GIVEN + 2 * PAGE);
  expect([0, 1, 2, 3].map(n => rig.first(GIVEN + n * PAGE) & 0xff)).toEqual([0, 7, 0, 7]);
  expect([rig.first(GIVEN + PAGE - 4), rig.driver.used(INFLATE)]).toEqual([0, [{ head: 0, written: 0 }]]);
});

test('pages that are taken back keep what is in them by then', () => {
  const rig = started();
  rig.give(INFLATE, GIVEN);
  rig.driver.ram.store(GIVEN, 4, 5);
  rig.give(DEFLATE, GIVEN);
  expect([rig.first(GIVEN), rig.driver.used(DEFLATE).length]).toEqual([5, 1]);
});

test('pages that are zeroes are not written to', () => {
  const rig = started(), written: number[] = [];
  rig.driver.ram.store(GIVEN + PAGE, 4, 1);
  rig.driver.ram.onDmaWrite = address => { written.push(address); };
  rig.give(INFLATE, GIVEN, GIVEN + PAGE);
  expect(written.filter(address => address >= GIVEN)).toEqual([GIVEN + PAGE]);
});

test('pages that are not in memory are no error: there is nothing to give up', () => {
  const rig = started();
  rig.give(INFLATE, 0, RAM + RAM_BYTES, 0xffff_ffff * PAGE);
  expect([rig.driver.used(INFLATE).length, rig.driver.status & 0x40]).toEqual([1, 0]);
});

test('statistics are shown as they were told, and asked for by giving the buffer back', () => {
  const rig = started();
  expect(rig.balloon.guestMemory).toBeUndefined();
  rig.balloon.askStatistics();
  rig.tell({ 4: 1000, 5: 5 * 2 ** 32, 6: 3000, 0: 9 });
  expect([rig.balloon.guestMemory, rig.driver.used(STATISTICS)]).toEqual([{ freeBytes: 1000, totalBytes: 5 * 2 ** 32, availableBytes: 3000 }, []]);
  rig.balloon.askStatistics();
  rig.balloon.askStatistics();
  expect(rig.driver.used(STATISTICS)).toEqual([{ head: 0, written: 0 }]);
  rig.tell({ 4: 2000 });
  expect(rig.balloon.guestMemory).toEqual({ freeBytes: 2000, totalBytes: 0, availableBytes: 0 });
});

test('a driver that resets the device has given up nothing; the target stays', () => {
  const rig = started();
  rig.balloon.setTarget(1);
  rig.driver.put(ACTUAL, 256);
  rig.tell({ 4: 1000 });
  rig.start();
  expect([rig.balloon.targetMib, rig.balloon.actualMib, rig.balloon.guestMemory]).toEqual([1, 0, undefined]);
});

test('the target is not the driver\'s to write', () => {
  const rig = started();
  rig.driver.put(TARGET, 5);
  expect([rig.balloon.targetMib, rig.driver.status & 0x40]).toEqual([0, 0x40]);
});

test.each([1, 2, 3, 4])('whatever a guest does, nothing throws: seed %i', seed => {
  const r = fuzzRandom(seed), rig = started(), { driver } = rig, value = () => r.pick([r.next(), r.below(64), 0, DATA + r.below(0x1000), RAM + RAM_BYTES - r.below(8), 2 ** r.below(32)]);
  for (let n = 0; n < 4000; n++) {
    if (n % 50 === 0) rig.start();
    r.pick([
      () => rig.give(r.below(2), value(), GIVEN + PAGE * r.below(16)), () => rig.tell({ [r.below(12)]: value(), [r.below(12)]: value() }), () => rig.balloon.askStatistics(), () => rig.balloon.setTarget(r.below(100)),
      () => driver.ram.store(RAM + 4 * r.below(0x3000 / 4), 4, value()), () => driver.put(r.pick([TARGET, ACTUAL, 4 * r.below(0x50)]), value()), () => driver.notify(r.below(4)),
      () => { driver.offer([{ address: value(), length: r.below(0x4000), write: r.below(2) === 0 }], r.below(8), r.below(3)); },
    ])();
  }
  rig.device.restore(structuredClone(rig.device.save()));
  expect(rig.driver.errors.length).toBeGreaterThan(0);
});

const step = (act: (rig: BalloonRig) => void): Step => rig => act(rig as unknown as BalloonRig);
deviceContract('virtio-balloon', clock => new BalloonRig(clock), [
  step(rig => { rig.driver.ram.store(GIVEN, 4, 7); rig.start(); }), step(rig => rig.tell({ 4: 1000, 6: 2000 })), step(rig => rig.driver.put(ACTUAL, 256)), step(rig => rig.give(INFLATE, GIVEN)),
  step(rig => rig.balloon.askStatistics()), step(rig => rig.tell({ 4: 500 })), step(rig => rig.give(DEFLATE, GIVEN)), step(rig => rig.driver.acknowledge()), step(rig => rig.driver.put(TARGET, 1)),
]);
