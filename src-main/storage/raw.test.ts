import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { RawImage } from './raw.ts';

let folder: string;
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'quarterdeck-raw-')); });
afterEach(() => rm(folder, { recursive: true }));

async function image(bytes: number) {
  const path = join(folder, 'disk.img');
  await writeFile(path, new Uint8Array(bytes).fill(7));
  return path;
}

test('what is written is in the file, and can be read', async () => {
  const path = await image(4096);
  const disk = await RawImage.open(path, { readOnly: false });
  await disk.write(512, Uint8Array.of(1, 2, 3));
  await disk.zero(1024, 100);
  await disk.flush();
  const back = new Uint8Array(4);
  await disk.read(511, back);
  await disk.close();
  const file = await readFile(path);
  expect([[...back], disk.sizeBytes, file[514], file[1123], file[1124]]).toEqual([[7, 1, 2, 3], 4096, 3, 0, 7]);
});

test('a read-only image refuses writes and stays as it is', async () => {
  const path = await image(512);
  const disk = await RawImage.open(path, { readOnly: true });
  await expect(disk.write(0, Uint8Array.of(1))).rejects.toThrow();
  await disk.close();
  expect((await readFile(path))[0]).toBe(7);
});

test('an image that became shorter fails instead of inventing data', async () => {
  const path = await image(1024);
  const disk = await RawImage.open(path, { readOnly: false });
  await writeFile(path, new Uint8Array(512));
  await expect(disk.read(512, new Uint8Array(512))).rejects.toThrow(/shorter/);
  await disk.close();
});

test('what cannot be a disk is refused in one sentence', async () => {
  await expect(RawImage.open(join(folder, 'none.img'), { readOnly: true })).rejects.toThrow(/^The disk image .*none\.img cannot be opened: .*ENOENT/);
  await expect(RawImage.open(await image(1000), { readOnly: true })).rejects.toThrow(/has 1000 bytes, which is not a positive multiple of 512\.$/);
  await expect(RawImage.open(await image(0), { readOnly: true })).rejects.toThrow(/has 0 bytes/);
  await expect(RawImage.open(folder, { readOnly: true })).rejects.toThrow(/is not a regular file\.$/);
});
