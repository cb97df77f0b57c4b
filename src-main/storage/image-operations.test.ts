import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { link, readFile, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { fuzzImages } from './fuzz-images.ts';
import { checkImage, convertImage, createImage, imageInfo, resizeImage, type ConvertOptions } from './image-operations.ts';
import { openImage } from './open-image.ts';
import { randomBytes, randomNumbers, TestFolder } from './test-folder.ts';

const SIZE = 0x40_0200;

async function folderWithDisk() {
  const folder = await TestFolder.make(), random = randomNumbers(6), disk = Buffer.alloc(SIZE);
  for (let at = 0; at < SIZE; at += 0x1_0000) if (random(3) === 0) randomBytes(random, 0x200).copy(disk, at + random(0x10) * 0x200);
  await writeFile(folder.path('disk.raw'), disk);
  return { folder, disk };
}

const TARGETS: readonly [string, ConvertOptions, string[]][] = [
  ['raw', { format: 'raw' }, ['raw']], ['qcow2', { format: 'qcow2' }, ['qcow2']],
  ['compressed qcow2', { format: 'qcow2', compressed: true }, ['qcow2', '-c']], ['qcow2 compressed with zstd', { format: 'qcow2', compressed: true, compression: 'zstd', clusterBytes: 0x20_0000 }, ['qcow2', '-c', '-o', 'compression_type=zstd']],
  ['monolithicSparse VMDK', { format: 'vmdk' }, ['vmdk']], ['monolithicFlat VMDK', { format: 'vmdk', vmdkType: 'monolithicFlat' }, ['vmdk', '-o', 'subformat=monolithicFlat']],
  ['streamOptimized VMDK', { format: 'vmdk', vmdkType: 'streamOptimized' }, ['vmdk', '-o', 'subformat=streamOptimized']],
];

test.each(TARGETS)('a disk goes to %s and back, here and with QEMU', async (_, options, [format, ...rest]) => {
  const { folder, disk } = await folderWithDisk();
  await using _folder = folder;
  await convertImage(folder.path('disk.raw'), folder.path('ours'), options);
  expect(await folder.qemuImg('compare', '-f', 'raw', '-F', format!, 'disk.raw', 'ours')).toMatchObject({ code: 0 });
  expect(await checkImage(folder.path('ours'))).toMatchObject({ leaks: 0, corruptions: 0 });
  await folder.qemuImg('convert', '-f', 'raw', '-O', format!, ...rest, 'disk.raw', 'theirs');
  for (const from of ['ours', 'theirs']) {
    await convertImage(folder.path(from), folder.path('back.raw'), { format: 'raw', overwrite: true });
    expect((await readFile(folder.path('back.raw'))).equals(disk)).toBe(true);
  }
});

test.each(['monolithicSparse', 'monolithicFlat', 'twoGbMaxExtentSparse', 'twoGbMaxExtentFlat'])('a VMDK of QEMU (%s) is written in place', async subformat => {
  const { folder, disk } = await folderWithDisk();
  await using _folder = folder;
  await folder.qemuImg('convert', '-f', 'raw', '-O', 'vmdk', '-o', `subformat=${subformat}`, 'disk.raw', 'disk.vmdk');
  const image = await openImage(folder.path('disk.vmdk'), { readOnly: false }), random = randomNumbers(8);
  for (let n = 0; n < 60; n++) {
    const at = random(SIZE / 512 - 300) * 512, bytes = randomBytes(random, 512 * (1 + random(300)));
    bytes.copy(disk, at);
    await image.write(at, bytes);
    const hole = random(SIZE / 512 - 50) * 512;
    disk.fill(0, hole, hole + 50 * 512);
    await image.zero(hole, 50 * 512);
  }
  await image.flush();
  await image.close();
  await writeFile(folder.path('model.raw'), disk);
  expect(await folder.qemuImg('compare', '-f', 'vmdk', '-F', 'raw', 'disk.vmdk', 'model.raw')).toMatchObject({ code: 0 });
});

test('an image takes no space before it is written, and says what it is', async () => {
  await using folder = await TestFolder.make();
  await createImage(folder.path('big.raw'), { format: 'raw', sizeBytes: 2 ** 40 });
  await createImage(folder.path('top.qcow2'), { format: 'qcow2', backingFile: 'big.raw', lazyRefcounts: true, clusterBytes: 4096 });
  expect(await folder.qemuImg('check', 'top.qcow2')).toMatchObject({ code: 0 });
  const info = await imageInfo(folder.path('top.qcow2'));
  expect(info).toMatchObject({ format: 'qcow2', sizeBytes: 2 ** 40, clusterBytes: 4096, backingFile: 'big.raw', dirty: false, corrupt: false, chain: [{ format: 'raw', sizeBytes: 2 ** 40 }] });
  expect(info.allocatedBytes).toBeLessThan(0x80_0000);
  expect((await imageInfo(folder.path('big.raw'))).allocatedBytes).toBe(0);
  await expect(createImage(folder.path('big.raw'), { format: 'raw', sizeBytes: 512 })).rejects.toThrow('EEXIST');
  await expect(resizeImage(folder.path('big.raw'), 1000)).rejects.toThrow('multiple of 512');
});

test('a conversion that is cancelled leaves nothing behind', async () => {
  const { folder } = await folderWithDisk();
  await using _folder = folder;
  const cancel = new AbortController();
  const converted = convertImage(folder.path('disk.raw'), folder.path('new.qcow2'), { format: 'qcow2', signal: cancel.signal, progress: part => { if (part > 0) cancel.abort(new Error('enough')); } });
  await expect(converted).rejects.toThrow('enough');
  await expect(readFile(folder.path('new.qcow2'))).rejects.toThrow('ENOENT');
});

test('an ISO image is known by its volume descriptor, and is only read', async () => {
  await using folder = await TestFolder.make();
  const iso = Buffer.alloc(20 * 2048);
  iso.write('\x01CD001', 16 * 2048, 'latin1');
  await writeFile(folder.path('disc.iso'), iso);
  await writeFile(folder.path('plain.img'), Buffer.alloc(20 * 2048));
  const image = await openImage(folder.path('disc.iso'), { readOnly: false });
  await expect(image.write(0, Buffer.alloc(512))).rejects.toThrow('open for reading only');
  expect([image.format, image.readOnly]).toEqual(['iso', true]);
  await image.close();
  await expect(openImage(folder.path('plain.img'), { readOnly: true, format: 'iso' })).rejects.toThrow('it has no ISO 9660 volume descriptor');
});

test('an image has one writer, by whatever name, until that closes it', async () => {
  const { folder } = await folderWithDisk();
  await using _folder = folder;
  await link(folder.path('disk.raw'), folder.path('other-name.raw'));
  const writer = await openImage(folder.path('disk.raw'), { readOnly: false });
  await expect(openImage(folder.path('other-name.raw'), { readOnly: false })).rejects.toThrow(`other-name.raw is in use by process ${process.pid}.`);
  await (await openImage(folder.path('disk.raw'), { readOnly: true })).close();
  await writer.close();
  await (await openImage(folder.path('other-name.raw'), { readOnly: false })).close();
});

test.runIf(process.platform === 'linux')('an image that QEMU has open is not written', async () => {
  const { folder } = await folderWithDisk();
  await using _folder = folder;
  const qemu = spawn('qemu-io', ['-f', 'raw', folder.path('disk.raw')], { stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    qemu.stdin.write('length\n');
    await once(qemu.stdout, 'data');
    await expect(openImage(folder.path('disk.raw'), { readOnly: false })).rejects.toThrow('is in use by another program.');
  } finally {
    qemu.stdin.end();
    await once(qemu, 'close');
  }
});

test('images that are broken at random are refused, or read, and nothing else', async () => {
  expect(await fuzzImages(1, 60)).toBeGreaterThan(10);
}, 120_000);
