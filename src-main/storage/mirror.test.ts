/** Images that are copied while somebody writes to them, checked against a copy in memory. */
import { expect, test } from 'vitest';
import type { BlockBackend, DiskImage } from './block-backend.ts';
import { createImage, withImage } from './image-operations.ts';
import { Mirror } from './mirror.ts';
import { openImage } from './open-image.ts';
import { randomBytes, randomNumbers, TestFolder } from './test-folder.ts';

const MIB = 2 ** 20, SECTOR = 512, SIZE = 12 * MIB;

type Change = (disk: BlockBackend) => Promise<void>;
/** A random change, and what it does to a copy in memory. */
function randomChange(random: (limit: number) => number, expected: Buffer): { readonly at: number; readonly length: number; readonly change: Change } {
  const length = SECTOR * (1 + random(random(4) === 0 ? 1500 : 64)), at = SECTOR * random((SIZE - length) / SECTOR), what = random(8);
  if (what === 0) { expected.fill(0, at, at + length); return { at, length, change: disk => disk.zero(at, length) }; }
  const bytes = randomBytes(random, length);
  bytes.copy(expected, at);
  return { at, length, change: disk => disk.write(at, bytes) };
}
const contents = async (image: DiskImage) => { const bytes = Buffer.alloc(SIZE); await image.read(0, bytes); return bytes; };

test.each([['raw', false, 1], ['qcow2', false, 2], ['qcow2', true, 3]] as const)('a %s image (with a backing file: %s) that is written to all the time is alike at the end', async (format, isBacked, seed) => {
  await using folder = await TestFolder.make();
  const random = randomNumbers(seed), expected = Buffer.alloc(SIZE), paths = { source: folder.path('source'), target: folder.path('target') };
  if (isBacked) {
    await createImage(folder.path('base'), { format: 'raw', sizeBytes: SIZE });
    await withImage(folder.path('base'), { readOnly: false }, async base => { for (let n = 0; n < 20; n++) await randomChange(random, expected).change(base); });
  }
  for (const path of Object.values(paths)) await createImage(path, { format, ...(isBacked ? { backingFile: folder.path('base'), backingFormat: 'raw' } : { sizeBytes: SIZE }) });
  const source = await openImage(paths.source, { readOnly: false }), target = await openImage(paths.target, { readOnly: false });
  for (let n = 0; n < 30; n++) await randomChange(random, expected).change(source);
  const mirror = new Mirror(source, target), parts: number[] = [];
  let isCopied = false, during = 0;
  const copying = mirror.copy({ progress: part => parts.push(part) }).then(() => { isCopied = true; });
  // Several at a time, as a guest has them; in memory they are in the order in which they were asked for.
  const writer = async () => {
    for (let n = 0; n < 40 || !isCopied; n++) {
      const { at, length, change } = randomChange(random, expected);
      await mirror.change(at, length, change);
      if (!isCopied) during += 1;
    }
  };
  await Promise.all([copying, ...Array.from({ length: 4 }, writer)]);
  await mirror.finish();
  expect(during).toBeGreaterThan(0);
  expect(parts[0]).toBe(0);
  expect((await contents(source)).equals(expected)).toBe(true);
  expect((await contents(target)).equals(expected)).toBe(true);
  await source.close();
  await target.close();
});

test('what an image does not have is not copied, and a target that fails is told by the copy, not by writes', async () => {
  await using folder = await TestFolder.make();
  for (const name of ['source', 'target']) await createImage(folder.path(name), { format: 'qcow2', sizeBytes: 2 ** 40 });
  const source = await openImage(folder.path('source'), { readOnly: false }), target = await openImage(folder.path('target'), { readOnly: false });
  await source.write(2 ** 39, Buffer.alloc(4096, 7));
  await new Mirror(source, target).copy();
  expect((await target.details()).allocatedBytes).toBeLessThan(MIB);
  await target.close();
  const mirror = new Mirror(source, target);
  await expect(mirror.copy()).rejects.toThrow();
  await mirror.change(0, 4096, disk => disk.write(0, Buffer.alloc(4096, 1)));
  const read = Buffer.alloc(4096);
  await source.read(0, read);
  expect(read[0]).toBe(1);
  await expect(mirror.finish()).rejects.toThrow();
  await source.close();
});
