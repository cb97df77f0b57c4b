/** The disks of a running VM, as its images change under the device. */
import { expect, test } from 'vitest';
import { createImage, withImage } from '../storage/image-operations.ts';
import { randomBytes, randomNumbers, TestFolder } from '../storage/test-folder.ts';
import { VmDisk } from './vm-disks.ts';

const PIECE = 4096, PIECES = 512, ROOM = { ask: () => Promise.resolve(2 ** 30), wait: () => Promise.resolve() };

test('a disk that is moved while writes are under way has all of them at its new place', async () => {
  await using folder = await TestFolder.make();
  const random = randomNumbers(3), expected = randomBytes(random, PIECE * PIECES), paths = [folder.path('before'), folder.path('after')] as const;
  for (const path of paths) await createImage(path, { format: 'qcow2', sizeBytes: expected.length });
  const disk = await VmDisk.open({ path: paths[0], readOnly: false }, ROOM), piece = (n: number) => expected.subarray(n * PIECE, (n + 1) * PIECE);
  // When the first is there, the others are under way.
  const before = Array.from({ length: PIECES }, (_, n) => disk.medium.write(n * PIECE, piece(n)));
  await Promise.race(before);
  const moving = disk.mirrorTo(paths[1], {});
  await moving;
  await Promise.all(before);
  const again = randomBytes(random, PIECE);
  again.copy(piece(7));
  await disk.medium.write(7 * PIECE, again);
  await disk.finishMirror();
  await disk.useMirror();
  expect(disk.stats.path).toBe(paths[1]);
  await disk.close();
  const found = Buffer.alloc(expected.length);
  await withImage(paths[1], { readOnly: true }, image => image.read(0, found));
  expect(found.equals(expected)).toBe(true);
});
