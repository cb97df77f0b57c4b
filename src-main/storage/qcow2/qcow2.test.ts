import { copyFile, readFile, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import type { BlockBackend } from '../block-backend.ts';
import { checkImage, imageInfo, resizeImage } from '../image-operations.ts';
import { openImage } from '../open-image.ts';
import { randomBytes, randomNumbers, TestFolder } from '../test-folder.ts';

const SIZE = 0x30_0000;
type Random = (limit: number) => number;

const contents = async (disk: BlockBackend) => { const all = Buffer.alloc(disk.sizeBytes); await disk.read(0, all); return all; };

/** Several requests at once, each on a part of the disk of its own, and the same on a model. */
async function exercise(disk: BlockBackend, model: Buffer, random: Random, rounds: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const lanes = 4, lane = model.length / lanes;
    await Promise.all(Array.from({ length: lanes }, async (_, n) => {
      const at = n * lane + random(lane / 512) * 512, length = Math.min((1 + random(random(4) === 0 ? 600 : 8)) * 512, (n + 1) * lane - at);
      switch (random(5)) {
        case 0: model.fill(0, at, at + length); await disk.zero(at, length); break;
        case 1: await disk.discard(at, length); await disk.read(at, model.subarray(at, at + length)); break;
        case 2: { const back = Buffer.alloc(length); await disk.read(at, back); expect(back.equals(model.subarray(at, at + length))).toBe(true); break; }
        default: { const bytes = randomBytes(random, length); bytes.copy(model, at); await disk.write(at, bytes); }
      }
    }));
    if (random(8) === 0) await disk.flush();
  }
}

async function expectRight(folder: TestFolder, name: string, model: Buffer) {
  expect(await folder.qemuImg('check', name)).toMatchObject({ code: 0 });
  await writeFile(folder.path('model.raw'), model);
  expect(await folder.qemuImg('compare', '-F', 'raw', name, 'model.raw')).toMatchObject({ code: 0 });
  expect(await checkImage(folder.path(name))).toMatchObject({ leaks: 0, corruptions: 0 });
}

test.each([
  ['512 byte clusters', 'cluster_size=512'], ['64 KiB clusters', 'cluster_size=65536'], ['2 MiB clusters', 'cluster_size=2M'], ['version 2', 'compat=0.10'],
  ['lazy refcounts', 'lazy_refcounts=on'], ['refcounts of 1 bit', 'refcount_bits=1'], ['refcounts of 64 bits', 'refcount_bits=64,cluster_size=4k'], ['preallocated clusters', 'preallocation=metadata'],
])('an image of QEMU with %s is written as QEMU would read it', async (_, options) => {
  await using folder = await TestFolder.make();
  await folder.qemuImg('create', '-f', 'qcow2', '-o', options, 'disk.qcow2', String(SIZE));
  const model = Buffer.alloc(SIZE), random = randomNumbers(7);
  for (let session = 0; session < 3; session++) {
    const disk = await openImage(folder.path('disk.qcow2'), { readOnly: false });
    await exercise(disk, model, random, 60);
    await disk.close();
    await expectRight(folder, 'disk.qcow2', model);
  }
});

test.each(['compat=1.1', 'compat=0.10', 'compat=1.1,cluster_size=4096'])('an overlay (%s) hides a shorter backing image of another format, which stays as it is', async options => {
  await using folder = await TestFolder.make();
  const random = randomNumbers(3), model = Buffer.alloc(SIZE), base = randomBytes(random, SIZE / 2 + 512);
  base.copy(model);
  await writeFile(folder.path('base.raw'), base);
  await folder.qemuImg('create', '-f', 'qcow2', '-b', 'base.raw', '-F', 'raw', 'middle.qcow2');
  await folder.qemuImg('create', '-f', 'qcow2', '-o', options, '-b', 'middle.qcow2', '-F', 'qcow2', 'top.qcow2', String(SIZE));
  const disk = await openImage(folder.path('top.qcow2'), { readOnly: false });
  await exercise(disk, model, random, 120);
  await disk.close();
  await expectRight(folder, 'top.qcow2', model);
  expect((await readFile(folder.path('base.raw'))).equals(base)).toBe(true);
  expect((await imageInfo(folder.path('top.qcow2'))).chain.map(below => below.format)).toEqual(['qcow2', 'raw']);
});

test.each(['zlib', 'zstd'])('clusters compressed with %s are read, and overwritten elsewhere', async kind => {
  await using folder = await TestFolder.make();
  const random = randomNumbers(5), model = Buffer.alloc(SIZE);
  for (let at = 0; at < SIZE; at += 4096) if (random(3) > 0) randomBytes(random, 1024).copy(model, at);
  await writeFile(folder.path('plain.raw'), model);
  await folder.qemuImg('convert', '-c', '-f', 'raw', '-O', 'qcow2', '-o', `compression_type=${kind}`, 'plain.raw', 'disk.qcow2');
  const disk = await openImage(folder.path('disk.qcow2'), { readOnly: false });
  expect((await contents(disk)).equals(model)).toBe(true);
  await exercise(disk, model, random, 60);
  await disk.close();
  await expectRight(folder, 'disk.qcow2', model);
});

test('writing leaves internal snapshots as they were, and each can be opened', async () => {
  await using folder = await TestFolder.make();
  const random = randomNumbers(9), model = Buffer.alloc(SIZE), kept: Buffer[] = [];
  await folder.qemuImg('create', '-f', 'qcow2', 'disk.qcow2', String(SIZE));
  for (const name of ['first', 'second', 'last']) {
    const disk = await openImage(folder.path('disk.qcow2'), { readOnly: false });
    await exercise(disk, model, random, 50);
    await disk.close();
    kept.push(Buffer.from(model));
    await folder.qemuImg('snapshot', '-c', name, 'disk.qcow2');
  }
  const disk = await openImage(folder.path('disk.qcow2'), { readOnly: false });
  await exercise(disk, model, random, 50);
  await disk.close();
  await expectRight(folder, 'disk.qcow2', model);
  const { snapshots } = await imageInfo(folder.path('disk.qcow2'));
  expect(snapshots?.map(one => one.name)).toEqual(['first', 'second', 'last']);
  for (const [n, { name }] of snapshots!.entries()) {
    const old = await openImage(folder.path('disk.qcow2'), { readOnly: false, snapshot: name });
    expect([old.readOnly, (await contents(old)).equals(kept[n]!)]).toEqual([true, true]);
    await old.close();
  }
  await expect(openImage(folder.path('disk.qcow2'), { readOnly: true, snapshot: 'none' })).rejects.toThrow('has no snapshot "none".');
});

test('lazy refcounts that were not written are counted when the image is opened again', async () => {
  await using folder = await TestFolder.make();
  await folder.qemuImg('create', '-f', 'qcow2', '-o', 'lazy_refcounts=on', 'disk.qcow2', String(SIZE));
  const model = Buffer.alloc(SIZE), disk = await openImage(folder.path('disk.qcow2'), { readOnly: false });
  await exercise(disk, model, randomNumbers(4), 40);
  await disk.flush();
  await copyFile(folder.path('disk.qcow2'), folder.path('cut.qcow2'));
  await disk.close();
  expect((await imageInfo(folder.path('cut.qcow2'))).dirty).toBe(true);
  const again = await openImage(folder.path('cut.qcow2'), { readOnly: false });
  await again.write(0, model.subarray(0, 512));
  await again.close();
  await expectRight(folder, 'cut.qcow2', model);
});

test('an image grows, and shows zeroes where its backing image is longer', async () => {
  await using folder = await TestFolder.make();
  await writeFile(folder.path('base.raw'), Buffer.alloc(SIZE, 1));
  await folder.qemuImg('create', '-f', 'qcow2', '-o', 'cluster_size=512', '-b', 'base.raw', '-F', 'raw', 'disk.qcow2', '100000');
  await resizeImage(folder.path('disk.qcow2'), 2 * SIZE);
  const model = Buffer.alloc(2 * SIZE);
  model.fill(1, 0, 100352);
  await expectRight(folder, 'disk.qcow2', model);
  await expect(resizeImage(folder.path('disk.qcow2'), SIZE)).rejects.toThrow('it can grow, but not shrink');
});

test('leaks and wrong refcounts are found and made right', async () => {
  await using folder = await TestFolder.make();
  const path = folder.path('disk.qcow2'), model = Buffer.alloc(SIZE);
  await folder.qemuImg('create', '-f', 'qcow2', '-o', 'compat=1.1', 'disk.qcow2', String(SIZE));
  const disk = await openImage(path, { readOnly: false });
  await exercise(disk, model, randomNumbers(2), 40);
  await disk.close();
  const bytes = await readFile(path), block = Number(bytes.readBigUInt64BE(Number(bytes.readBigUInt64BE(48))));
  bytes.writeUInt16BE(0, block + 2 * 5);
  bytes.writeUInt16BE(3, block + 2 * 6);
  bytes.writeUInt16BE(1, block + 2 * 900);
  await writeFile(path, bytes);
  expect(await checkImage(path)).toMatchObject({ leaks: 2, corruptions: 1 });
  expect(await checkImage(path, { repair: true })).toMatchObject({ leaksFixed: 2, corruptionsFixed: 1 });
  await expectRight(folder, 'disk.qcow2', model);
});

test('what is not supported is refused in a sentence that names it', async () => {
  await using folder = await TestFolder.make();
  await folder.qemuImg('create', '-f', 'qcow2', '-o', 'data_file=data.raw', 'external.qcow2', '1M');
  await folder.qemuImg('create', '-f', 'qcow2', '-o', 'extended_l2=on', 'extended.qcow2', '1M');
  await folder.qemuImg('create', '-f', 'qcow2', 'strange.qcow2', '1M');
  const strange = await readFile(folder.path('strange.qcow2'));
  strange.writeBigUInt64BE(1n << 40n, 72);
  await writeFile(folder.path('strange.qcow2'), strange);
  strange.writeUInt32BE(1, 32);
  await writeFile(folder.path('secret.qcow2'), strange);
  await folder.qemuImg('create', '-f', 'qcow2', 'loop.qcow2', '1M');
  await folder.qemuImg('create', '-f', 'qcow2', '-b', 'loop.qcow2', '-F', 'qcow2', 'above.qcow2');
  await folder.qemuImg('rebase', '-u', '-b', 'above.qcow2', '-F', 'qcow2', 'loop.qcow2');
  const refused = (name: string, sentence: string) => expect(openImage(folder.path(name), { readOnly: true })).rejects.toThrow(sentence);
  await refused('external.qcow2', 'it uses an external data file');
  await refused('extended.qcow2', 'it uses extended L2 entries');
  await refused('secret.qcow2', 'it is encrypted');
  await refused('strange.qcow2', 'it needs a feature that is not known (bit 40)');
  await refused('loop.qcow2', 'is its own backing file');
});
