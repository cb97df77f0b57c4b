import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { MAX_FRAME_BYTES, NO_OFFLOAD, plainFrame } from './frame.ts';
import { FRAME_RING_BYTES, FrameRing } from './frame-ring.ts';
import { Random } from './random.ts';

function rings() {
  const memory = new SharedArrayBuffer(FRAME_RING_BYTES), rung = { producer: 0, consumer: 0 };
  return { rung, producer: new FrameRing(memory, 0, () => { rung.consumer++; }), consumer: new FrameRing(memory, 0, () => { rung.producer++; }) };
}

test('frames of all sizes come out as they went in, over many turns of the ring', () => {
  const { producer, consumer } = rings(), random = new Random(3), expected: number[][] = [], seen: number[][] = [];
  for (let n = 0; n < 4000; n++) {
    const length = random.below(random.next() < 0.1 ? MAX_FRAME_BYTES : 2000) + 1, first = random.below(256);
    if (producer.push(length, NO_OFFLOAD, into => into.fill(first))) expected.push([length, first]);
    for (let left = random.below(3); left > 0; left--) {
      const frame = consumer.peek();
      if (frame === undefined) break;
      seen.push([frame.bytes.length, frame.bytes.at(-1)]);
      consumer.shift();
    }
  }
  for (let frame = consumer.peek(); frame !== undefined; frame = consumer.peek()) {
    seen.push([frame.bytes.length, frame.bytes.at(-1)]);
    consumer.shift();
  }
  expect(seen).toEqual(expected);
});

test('what hardware is to do goes with a frame', () => {
  const { producer, consumer } = rings(), offload = { needsChecksum: true, checksumStart: 34, checksumOffset: 16, segmentation: 'tcp6', segmentBytes: 1440 } as const;
  producer.pushFrame({ bytes: Uint8Array.of(1, 2, 3), offload });
  expect(consumer.peek()).toEqual({ bytes: Uint8Array.of(1, 2, 3), offload });
});

test('a sleeping consumer is rung for once, and does not sleep over a frame', () => {
  const { producer, consumer, rung } = rings();
  expect(consumer.sleep()).toBe(true);
  producer.pushFrame(plainFrame(new Uint8Array(60)));
  producer.pushFrame(plainFrame(new Uint8Array(60)));
  expect([rung.consumer, consumer.sleep()]).toEqual([1, false]);
});

test('a full ring refuses, and rings for the producer when half of it is free', () => {
  const { producer, consumer, rung } = rings();
  let pushed = 0;
  while (producer.pushFrame(plainFrame(new Uint8Array(1500)))) pushed++;
  expect([producer.hasRoom(), rung.producer, pushed > 600]).toEqual([false, 0, true]);
  for (let n = 0; n < pushed; n++) { consumer.peek(); consumer.shift(); }
  expect([producer.hasRoom(), rung.producer]).toEqual([true, 1]);
});

test('between two threads nothing is lost or changed', async () => {
  const memory = new SharedArrayBuffer(FRAME_RING_BYTES), count = 20_000;
  const code = `
    const { workerData } = require('node:worker_threads');
    import(workerData.module).then(({ FrameRing }) => {
      const ring = new FrameRing(workerData.memory, 0), offload = { needsChecksum: false, checksumStart: 0, checksumOffset: 0, segmentation: 'none', segmentBytes: 0 };
      for (let n = 0; n < ${count}; n++) while (!ring.push(4 + n % 3000, offload, into => { into.fill(n); new DataView(into.buffer, into.byteOffset).setUint32(0, n); })) {}
    });`;
  const worker = new Worker(code, { eval: true, workerData: { memory, module: new URL('./frame-ring.ts', import.meta.url).href } });
  const ring = new FrameRing(memory, 0);
  try {
    for (let n = 0; n < count;) {
      const frame = ring.peek();
      if (frame === undefined) { await new Promise(resolve => { setImmediate(resolve); }); continue; }
      const { bytes } = frame, isRight = bytes.length === 4 + n % 3000 && new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) === n && (bytes.length === 4 || bytes.at(-1) === (n & 255));
      if (!isRight) expect.fail(`frame ${n} is wrong`);
      ring.shift();
      n++;
    }
  } finally { await worker.terminate(); }
});
