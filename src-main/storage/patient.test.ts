import { expect, test } from 'vitest';
import { allotted } from './allotted.ts';
import type { BlockBackend } from './block-backend.ts';
import { isFull, patient } from './patient.ts';

const MIB = 2 ** 20;

/** An image that takes what is written to it, whatever was there, as far as its disk has room. */
class Growing implements BlockBackend {
  readonly sizeBytes = 64 * MIB;
  readonly readOnly = false;
  taken = 0;
  roomBytes = Infinity;
  error = 'ENOSPC';
  read(): Promise<void> { return Promise.resolve(); }
  write(_: number, bytes: Uint8Array): Promise<void> { return this.take(bytes.length); }
  flush(): Promise<void> { return this.take(0); }
  zero(): Promise<void> { return this.take(0); }
  discard(_: number, length: number): Promise<void> { this.taken -= length; return Promise.resolve(); }
  close(): Promise<void> { return Promise.resolve(); }
  private async take(bytes: number): Promise<void> {
    await Promise.resolve();
    if (this.taken + bytes > this.roomBytes) throw Object.assign(new Error('the disk refuses'), { code: this.error });
    this.taken += bytes;
  }
}

test('what has no room waits, and is done as soon as there is some', async () => {
  const image = new Growing(), asked: (() => void)[] = [], backend = patient(image, () => new Promise(resolve => { asked.push(resolve); }));
  image.roomBytes = MIB;
  await backend.write(0, new Uint8Array(MIB));
  let isDone = false;
  const written = backend.write(MIB, new Uint8Array(MIB)).then(() => { isDone = true; });
  while (asked.length < 1) await Promise.resolve();
  asked[0]?.();
  while (asked.length < 2) await Promise.resolve();
  expect([isDone, image.taken]).toEqual([false, MIB]);
  image.roomBytes = 2 * MIB;
  asked[1]?.();
  await written;
  expect([isDone, image.taken, asked.length]).toEqual([true, 2 * MIB, 2]);
});

test('any other failure is the guest’s', async () => {
  const image = new Growing();
  image.roomBytes = 0;
  image.error = 'EIO';
  await expect(patient(image, () => Promise.reject(new Error('nobody waits'))).write(0, new Uint8Array(512))).rejects.toThrow('the disk refuses');
});

test('an image takes no more than it is allotted, and asks only when that may be used up', async () => {
  const image = new Growing(), capacity = 8 * MIB;
  let questions = 0;
  const backend = allotted(image, { taken: () => Promise.resolve(image.taken), ask: () => { questions += 1; return Promise.resolve(Math.max(0, Math.min(2 * MIB, capacity - image.taken))); } });
  const failures: unknown[] = [];
  for (let at = 0; at < 32; at++) await backend.write(at * MIB / 2, new Uint8Array(MIB / 2)).catch((error: unknown) => { failures.push(error); });
  expect([image.taken, failures.every(isFull)]).toEqual([capacity, true]);
  expect(failures).toHaveLength(16);
  expect(questions).toBeLessThan(12 + 16);
  await backend.discard(0, 4 * MIB);
  await backend.write(0, new Uint8Array(MIB));
  expect(image.taken).toBe(5 * MIB);
});

test('what is written where room was taken before uses nothing up', async () => {
  const image = new Growing();
  let questions = 0;
  image.write = () => Promise.resolve();
  const backend = allotted(image, { taken: () => Promise.resolve(image.taken), ask: () => { questions += 1; return Promise.resolve(2 * MIB); } });
  for (let n = 0; n < 200; n++) await backend.write(0, new Uint8Array(MIB / 2));
  expect(questions).toBe(1);
});
