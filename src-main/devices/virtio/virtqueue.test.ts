import { describe, expect, test } from 'vitest';
import { EVENT_INDEX, DATA, QUEUE_SIZE, RAM, RAM_BYTES, TestDriver } from './test-driver.ts';
import { VirtioRng } from './rng.ts';

const NEEDS_RESET = 0x40;
const INDIRECT = 4;
const { descriptors, driver } = TestDriver.queue(0);

function started(features = 0) {
  const rig = new TestDriver(new SharedArrayBuffer(RAM_BYTES), (dma) => new VirtioRng({ dma, random: (length) => new Uint8Array(length).fill(7) }));
  rig.start(features);
  return rig;
}

test('buffers are filled in the order of their chain and given back', () => {
  const rig = started();
  rig.offer([{ address: DATA, length: 3, write: true }, { address: DATA + 16, length: 5, write: true }]);
  rig.notify();
  expect([rig.used(), [...rig.ram.view(DATA, 22)!]])
    .toEqual([[{ head: 0, written: 8 }], [7, 7, 7, ...new Array<number>(13).fill(0), 7, 7, 7, 7, 7, 0]]);
});

test('the ring goes round many times', () => {
  const rig = started(EVENT_INDEX);
  for (let n = 0; n < 70_000; n++) {
    rig.offer([{ address: DATA, length: 1, write: true }], n % QUEUE_SIZE);
    rig.notify();
  }
  expect([rig.used().length, rig.errors]).toEqual([70_000 & 0xffff, []]);
});

test('an indirect table stands for its chain', () => {
  const rig = started();
  rig.descriptor(DATA + 0x100, { address: DATA, length: 2, write: true }, 1);
  rig.descriptor(DATA + 0x110, { address: DATA + 8, length: 4, write: true });
  rig.descriptor(descriptors, { address: DATA + 0x100, length: 32 }, undefined, INDIRECT);
  rig.makeAvailable(0);
  rig.notify();
  expect(rig.used()).toEqual([{ head: 0, written: 6 }]);
});

test('the driver hears of used buffers unless it does not want to', () => {
  const rig = started();
  const once = () => { rig.offer([{ address: DATA, length: 1, write: true }]); rig.notify(); };
  once();
  expect([rig.line, rig.interrupts]).toEqual([true, 1]);
  rig.acknowledge();
  expect(rig.line).toBe(false);
  rig.ram.store(driver, 2, 1);
  once();
  expect(rig.line).toBe(false);
});

test('with event indexes it hears when the index that it named is used', () => {
  const rig = started(EVENT_INDEX);
  rig.ram.store(driver + 4 + 2 * QUEUE_SIZE, 2, 2);
  const heard = [0, 1, 2, 3].map((head) => {
    rig.offer([{ address: DATA, length: 1, write: true }], head);
    rig.notify();
    const { line } = rig;
    rig.acknowledge();
    return line;
  });
  expect(heard).toEqual([false, false, true, false]);
});

test('features that were not offered, and legacy drivers, are refused', () => {
  const rig = started();
  const accepted = (low: number, high: number) => {
    rig.put(0x70, 0);
    rig.put(0x24, 0); rig.put(0x20, low);
    rig.put(0x24, 1); rig.put(0x20, high);
    rig.put(0x70, 11);
    return (rig.status & 8) !== 0;
  };
  expect([accepted(0, 1), accepted(1, 1), accepted(0, 3), accepted(0, 0)]).toEqual([true, false, false, false]);
});

describe('a driver that breaks the rules has to reset the device, and is counted:', () => {
  const broken: Record<string, (rig: TestDriver) => void> = {
    'a loop': (rig) => { rig.descriptor(descriptors, { address: DATA, length: 1, write: true }, 0); rig.makeAvailable(0); },
    'a head beyond the table': (rig) => rig.makeAvailable(QUEUE_SIZE),
    'a next beyond the table': (rig) => { rig.descriptor(descriptors, { address: DATA, length: 1, write: true }, 9); rig.makeAvailable(0); },
    'a buffer outside memory': (rig) => rig.offer([{ address: RAM + RAM_BYTES - 1, length: 2, write: true }]),
    'a buffer that wraps round': (rig) => rig.offer([{ address: 2 ** 64 - 4096, length: 8192, write: true }]),
    'readable after writable': (rig) => rig.offer([{ address: DATA, length: 1, write: true }, { address: DATA, length: 1 }]),
    'a nested indirect table': (rig) => {
      rig.descriptor(DATA, { address: DATA, length: 16 }, undefined, INDIRECT);
      rig.descriptor(descriptors, { address: DATA, length: 16 }, undefined, INDIRECT);
      rig.makeAvailable(0);
    },
    'an indirect table of odd length': (rig) => { rig.descriptor(descriptors, { address: DATA, length: 15 }, undefined, INDIRECT); rig.makeAvailable(0); },
    'an indirect table outside memory': (rig) => { rig.descriptor(descriptors, { address: 0, length: 16 }, undefined, INDIRECT); rig.makeAvailable(0); },
    'more chains than the queue holds': (rig) => { rig.ram.store(driver + 2, 2, 100); },
  };
  for (const [what, offend] of Object.entries(broken)) {
    test(what, () => {
      const rig = started();
      offend(rig);
      rig.notify();
      expect([rig.status & NEEDS_RESET, rig.errors.length, rig.interrupts & 2, rig.used()]).toEqual([NEEDS_RESET, 1, 2, []]);
      rig.start();
      rig.offer([{ address: DATA, length: 1, write: true }]);
      rig.notify();
      expect([rig.status & NEEDS_RESET, rig.used()]).toEqual([0, [{ head: 0, written: 1 }]]);
    });
  }

  test('queues outside memory', () => {
    const rig = started();
    for (const area of [0x90, 0xa0]) {
      rig.start();
      rig.offer([{ address: DATA, length: 1, write: true }]);
      rig.put(0x44, 0);
      rig.put(0x38, QUEUE_SIZE);
      rig.put(0x80, descriptors);
      rig.put(0x90, driver);
      rig.put(0xa0, TestDriver.queue(0).device);
      rig.put(area, 0x1000);
      rig.put(0x44, 1);
      rig.notify();
      expect(rig.status & NEEDS_RESET).toBe(NEEDS_RESET);
    }
  });
});
