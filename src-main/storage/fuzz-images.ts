/**
 * Changes images at random, mostly their headers and tables, and opens, reads, checks, repairs and writes them: each ends with
 * data or an `EngineError`. From a shell: `node src-main/storage/fuzz-images.ts SEED COUNT`.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { EngineError } from '../../shared/base/errors.ts';
import { checkImage, convertImage, imageInfo } from './image-operations.ts';
import { openImage } from './open-image.ts';
import { randomBytes, randomNumbers, TestFolder } from './test-folder.ts';

type Random = (limit: number) => number;
const SIZE = 0x10_0000, LONGEST_READ = 0x10_0000;
const EXTREMES = [0, 1, 0x200, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];

/** How many ended with an `EngineError`; anything else that is thrown is thrown on. */
export async function fuzzImages(seed: number, count: number): Promise<number> {
  await using folder = await TestFolder.make();
  const samples = await makeSamples(folder), path = folder.path('fuzzed');
  let refused = 0;
  for (let n = 0; n < count; n++) {
    const random = randomNumbers(seed + n), sample = samples[random(samples.length)]!;
    await writeFile(path, changed(sample, random));
    for (const act of [read, check, write, repair]) {
      await act(path, random).catch((error: unknown) => {
        if (!(error instanceof EngineError)) throw new Error(`seed ${seed + n}, ${act.name}`, { cause: error });
        refused++;
      });
    }
  }
  return refused;
}

async function makeSamples(folder: TestFolder): Promise<Buffer[]> {
  const random = randomNumbers(1), plain = Buffer.alloc(SIZE), samples: Buffer[] = [];
  for (let at = 0; at < SIZE; at += 0x4000) if (random(2) === 0) randomBytes(random, 0x1000).copy(plain, at);
  await writeFile(folder.path('plain.raw'), plain);
  const targets = [
    { format: 'qcow2', clusterBytes: 512 }, { format: 'qcow2', compressed: true }, { format: 'qcow2', compressed: true, compression: 'zstd', clusterBytes: 4096 },
    { format: 'qcow2', lazyRefcounts: true, clusterBytes: 4096 }, { format: 'vmdk' }, { format: 'vmdk', vmdkType: 'streamOptimized' }, { format: 'vmdk', vmdkType: 'monolithicFlat' },
  ] as const;
  for (const target of targets) {
    await convertImage(folder.path('plain.raw'), folder.path('sample'), { ...target, overwrite: true });
    samples.push(await readFile(folder.path('sample')));
  }
  await folder.qemuImg('create', '-f', 'qcow2', '-o', 'cluster_size=4k', '-b', 'plain.raw', '-F', 'raw', 'snapshots');
  await folder.qemuImg('snapshot', '-c', 'one', 'snapshots');
  await folder.qemuIo('snapshots', 'write -P 3 0 200k');
  return [...samples, await readFile(folder.path('snapshots'))];
}

/** Bytes, words or the length; where there are few zeroes around tables and headers are the most likely. */
function changed(sample: Buffer, random: Random): Buffer {
  const bytes = Buffer.from(sample);
  for (let change = 0, changes = 1 + random(6); change < changes; change++) {
    const area = [128, 1024, 0x4_0000, bytes.length][random(4)]!, at = random(Math.max(1, Math.min(area, bytes.length - 8))), word = at - at % 4;
    switch (random(4)) {
      case 0: bytes[at] = random(256); break;
      case 1: bytes.writeUInt32BE(EXTREMES[random(EXTREMES.length)]!, word); break;
      case 2: bytes.writeUInt32LE(EXTREMES[random(EXTREMES.length)]!, word); break;
      default: bytes[at]! ^= 1 << random(8);
    }
  }
  return random(10) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes;
}

async function read(path: string, random: Random): Promise<void> {
  await imageInfo(path);
  await using image = disposable(await openImage(path, { readOnly: true }));
  const { disk } = image, bytes = Buffer.alloc(Math.min(disk.sizeBytes, LONGEST_READ));
  await disk.read(0, bytes);
  await disk.read(Math.floor((disk.sizeBytes - bytes.length) / 512 * random(1000) / 1000) * 512, bytes);
}

async function check(path: string): Promise<void> { await checkImage(path, { signal: AbortSignal.timeout(20_000) }); }

async function repair(path: string): Promise<void> { await checkImage(path, { repair: true, signal: AbortSignal.timeout(20_000) }); }

async function write(path: string, random: Random): Promise<void> {
  await using image = disposable(await openImage(path, { readOnly: false }));
  const { disk } = image;
  if (disk.readOnly) return;
  for (let n = 0; n < 8; n++) {
    const length = Math.min(512 * (1 + random(200)), disk.sizeBytes), at = random(Math.floor(Math.min(disk.sizeBytes - length, SIZE) / 512) + 1) * 512;
    await (random(3) === 0 ? disk.discard(at, length) : disk.write(at, Buffer.alloc(length, n)));
  }
  await disk.flush();
}

const disposable = (disk: Awaited<ReturnType<typeof openImage>>) => ({ disk, [Symbol.asyncDispose]: () => disk.close() });

if (import.meta.main) {
  const [seed = 1, count = 1000] = process.argv.slice(2).map(Number);
  process.stdout.write(`${await fuzzImages(seed, count)} of ${count * 4} steps refused\n`);
}
