import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openVolume } from './open-volume.ts';
import { readPartitions, type Partition } from './partitions.ts';
import { TestDisk, Workshop } from './test-disk.ts';

const MIB = 2 ** 20;
const ESP = 'c12a7328-f81f-11d2-ba4b-00a0c93ec93b', LINUX = '0fc63daf-8483-4772-8e79-3d69d8477de4', OWN = '1b0e5b2c-3d4f-4a67-8899-aabbccddeeff';
const GPT = `label: gpt\nfirst-lba: 34\nstart=2048, size=32768, type=${ESP}, uuid=${OWN}, name="EFI system €"\nstart=40960, size=8192, type=${LINUX}, name=root\n`;

let shop: Workshop;
beforeAll(async () => { shop = await Workshop.make(); });
afterAll(() => shop[Symbol.asyncDispose]());

async function disk(name: string, script: string, mib = 32) {
  const path = await shop.empty(name, mib * MIB);
  await shop.run('sfdisk', ['-q', path], script);
  return path;
}

async function partitionsOf(path: string, sectorBytes = 512): Promise<readonly Omit<Partition, 'device'>[]> {
  await using device = await TestDisk.open(path, sectorBytes);
  return (await readPartitions(device)).map(({ device: part, ...partition }) => {
    expect(part.sectorCount).toBe(partition.sectorCount);
    return partition;
  });
}

const OF_GPT = [
  { kind: 'gpt', number: 1, startSector: 2048, sectorCount: 32768, typeGuid: ESP, uniqueGuid: OWN, name: 'EFI system €' },
  { kind: 'gpt', number: 2, startSector: 40960, sectorCount: 8192, typeGuid: LINUX, uniqueGuid: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/) as string, name: 'root' },
];

async function changed(from: string, to: string, change: (bytes: Buffer) => Buffer | undefined) {
  const bytes = await readFile(from);
  await writeFile(shop.path(to), change(bytes) ?? bytes);
  return shop.path(to);
}

test('a GUID partition table has types, names and GUIDs as others write them', async () => {
  expect(await partitionsOf(await disk('gpt', GPT))).toEqual(OF_GPT);
});

test('the copy at the end counts when the header or the array is damaged, even on a disk that grew; two damaged ones are none', async () => {
  const good = await disk('good', GPT), last = 32 * MIB - 512;
  expect(await partitionsOf(await changed(good, 'header', bytes => { bytes[512 + 60]! ^= 1; return undefined; }))).toEqual(OF_GPT);
  expect(await partitionsOf(await changed(good, 'array', bytes => { bytes[1024 + 5]! ^= 1; return undefined; }))).toEqual(OF_GPT);
  const grown = (bytes: Buffer) => { bytes[1024 + 5]! ^= 1; return Buffer.concat([bytes, Buffer.alloc(MIB)]); };
  expect(await partitionsOf(await changed(good, 'grown', grown))).toEqual(OF_GPT);
  expect(await partitionsOf(await changed(good, 'both', bytes => { bytes[512 + 60]! ^= 1; bytes[last + 60]! ^= 1; return undefined; }))).toEqual([]);
});

test('a GUID partition table counts only behind a protective MBR, and what lies beyond the disk is left out', async () => {
  const good = await disk('protected', GPT);
  expect(await partitionsOf(await changed(good, 'unprotected', bytes => { bytes.fill(0, 446, 510); return undefined; }))).toEqual([]);
  expect(await partitionsOf(await changed(good, 'short', bytes => bytes.subarray(0, 20 * MIB)))).toEqual([OF_GPT[0]]);
});

test('an MBR has primary and logical partitions, with the disk\'s signature', async () => {
  const path = await disk('mbr', 'label: dos\nlabel-id: 0x12ab34cd\nstart=2048, size=4096, type=ef\nstart=8192, size=40960, type=5\nstart=10240, size=2048, type=83\nstart=14336, size=4096, type=c\n');
  const row = (number: number, type: number, startSector: number, sectorCount: number) => ({ kind: 'mbr', number, type, signature: 0x12ab34cd, startSector, sectorCount });
  expect(await partitionsOf(path)).toEqual([row(1, 0xef, 2048, 4096), row(5, 0x83, 10240, 2048), row(6, 0x0c, 14336, 4096)]);
  // The second logical partition's table leads back to the first's.
  const looped = await changed(path, 'looped', bytes => { const second = bytes.readUInt32LE(8192 * 512 + 446 + 16 + 8); bytes.fill(0, (8192 + second) * 512 + 446 + 16, (8192 + second) * 512 + 446 + 32); bytes[(8192 + second) * 512 + 446 + 16 + 4] = 5; bytes.writeUInt32LE(1, (8192 + second) * 512 + 446 + 16 + 12); return undefined; });
  expect((await partitionsOf(looped)).length).toBe(3);
  expect(await partitionsOf(await changed(path, 'too-short', bytes => bytes.subarray(0, 4096 * 512)))).toEqual([]);
});

test.each([512, 2048])('a CD\'s boot image is a partition with its file system, on sectors of %i bytes', async (sectorBytes) => {
  await shop.fat('efi.img', 1440);
  await writeFile(shop.path('text'), 'from the image');
  await shop.run('mcopy', ['-i', 'efi.img', 'text', '::/TEXT']);
  await shop.run('mkdir', ['-p', 'tree']);
  await shop.run('cp', ['efi.img', 'tree/efi.img']);
  await shop.run('xorriso', ['-as', 'mkisofs', '-quiet', '-o', 'boot.iso', '-e', 'efi.img', '-no-emul-boot', 'tree']);
  await using device = await TestDisk.open(shop.path('boot.iso'), sectorBytes);
  const [partition, ...others] = await readPartitions(device);
  expect([partition, others]).toMatchObject([{ kind: 'el-torito', number: 1, bootEntry: 0, platform: 0xef, sectorCount: 1440 * 1024 / sectorBytes }, []]);
  const volume = await openVolume(partition!.device);
  expect([volume?.kind, Buffer.from(await volume!.read(['text'], 0, 100)).toString()]).toEqual(['fat12', 'from the image']);
});

test('a disk without any table has no partitions', async () => {
  expect(await partitionsOf(await shop.empty('nothing', MIB))).toEqual([]);
  expect(await partitionsOf(await shop.fat('floppy', 1440))).toEqual([]);
  expect(await partitionsOf(await shop.empty('tiny', 512))).toEqual([]);
});
