import { expect, test } from 'vitest';
import type { BlockBackend } from './block-backend.ts';
import { metered } from './metered.ts';
import { throttled } from './throttled.ts';

/** A disk of zeroes in no time, but for its last sector, which fails. */
const memory: BlockBackend = {
  sizeBytes: 0x1000, readOnly: false,
  read: (offset, into) => { if (offset >= 0xe00) return Promise.reject(new Error('a bad sector')); into.fill(0); return Promise.resolve(); },
  write: () => Promise.resolve(), flush: () => Promise.resolve(), zero: () => Promise.resolve(), discard: () => Promise.resolve(), close: () => Promise.resolve(),
};

class HandClock {
  nowNs = 0;
  sleep(ns: number): Promise<void> { this.nowNs += ns; return Promise.resolve(); }
}

test('operations beyond a second\'s worth wait for their turn', async () => {
  const clock = new HandClock(), disk = throttled(memory, { iops: 10 }, clock), endsMs: number[] = [];
  for (let n = 0; n < 14; n++) { await disk.read(0, new Uint8Array(512)); endsMs.push(clock.nowNs / 1e6); }
  expect(endsMs.slice(9)).toEqual([0, 0, 100, 200, 300]);
});

test('a request larger than a second\'s worth passes, and those behind it pay', async () => {
  const clock = new HandClock(), disk = throttled(memory, { bytesPerSecond: 1024 }, clock);
  await disk.write(0, new Uint8Array(4096));
  expect(clock.nowNs).toBe(0);
  await disk.flush();
  expect(clock.nowNs).toBe(3e9);
});

test('what is done is counted, and failures apart', async () => {
  const clock = new HandClock(), disk = metered({ ...memory, read: async (offset, into) => { clock.nowNs += 5; await memory.read(offset, into); } }, clock);
  await disk.read(0, new Uint8Array(1024));
  await disk.write(0, new Uint8Array(512));
  await disk.flush();
  await disk.discard(0, 512);
  await expect(disk.read(0xe00, new Uint8Array(512))).rejects.toThrow('a bad sector');
  expect(disk.counters()).toEqual({ reads: 1, writes: 1, flushes: 1, discards: 1, errors: 1, readBytes: 1024, writtenBytes: 512, discardedBytes: 512, readNs: 5, writeNs: 0, flushNs: 0 });
});
