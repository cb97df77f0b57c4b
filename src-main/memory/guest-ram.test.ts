import { expect, test } from 'vitest';
import { GuestRam } from './guest-ram.ts';

const BASE = 0x4000_0000;
const rig = () => {
  const buffer = new SharedArrayBuffer(0x3000);
  const ram = new GuestRam({ buffer, byteOffset: 0x1000, sizeBytes: 0x1000, base: BASE });
  const written: [number, number][] = [];
  ram.onDmaWrite = (address, length) => written.push([address, length]);
  return { ram, written, all: new Uint8Array(buffer) };
};

test('RAM is a window of the shared memory, little-endian', () => {
  const { ram, all } = rig();
  expect(ram.store(BASE + 1, 4, 0x1122_3344)).toBe(true);
  expect([...all.subarray(0x1001, 0x1005)]).toEqual([0x44, 0x33, 0x22, 0x11]);
  expect([ram.load(BASE + 1, 1), ram.load(BASE + 1, 2), ram.load(BASE + 1, 4)]).toEqual([0x44, 0x3344, 0x1122_3344]);
});

test('nothing outside the window can be reached, whatever the guest says', () => {
  const { ram, all } = rig();
  for (const address of [BASE - 1, BASE + 0xffe, BASE + 0x1000, 0, 2 ** 64, -1, NaN, Infinity]) {
    expect([ram.load(address, 4), ram.store(address, 4, -1), ram.view(address, 4), ram.read(address, new Uint8Array(4)), ram.reaches(address, 4), ram.write(address, new Uint8Array(4).fill(1))])
      .toEqual([undefined, false, undefined, false, false, false]);
  }
  expect(ram.view(BASE, -1)).toBeUndefined();
  expect(all.every((byte) => byte === 0)).toBe(true);
});

test('the CPU hears of all that devices write', () => {
  const { ram, written } = rig();
  ram.store(BASE + 8, 2, 1);
  ram.write(BASE + 16, new Uint8Array(32));
  ram.write(BASE + 0x1000, new Uint8Array(1));
  expect(written).toEqual([[BASE + 8, 2], [BASE + 16, 32]]);
});
