/**
 * Changes file systems and partition tables at random, where they have their tables and directories, and does all that can be done with what is left:
 * each ends with data, without a volume, or with an `EngineError`. From a shell: `node src-main/firmware/volumes/fuzz-volumes.ts SEED COUNT`.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { EngineError } from '../../../shared/base/errors.ts';
import { randomNumbers } from '../../storage/test-folder.ts';
import { openVolume } from './open-volume.ts';
import { readPartitions } from './partitions.ts';
import type { SectorDevice } from './sector-device.ts';
import { Workshop } from './test-disk.ts';
import type { Volume } from './volume.ts';

type Random = (limit: number) => number;
const EXTREMES = [0, 1, 2, 3, 0x20, 0xff, 0xfff, 0xffff, 0x0fff_ffff, 0x7fff_ffff, 0xffff_ffff], MAX_FILES = 60, MAX_DEPTH = 6;

const FILES = [['a', 10], ['inner/A somewhat longer name.text', 9000], ['inner/deeper/b', 70_000], ['inner/deeper/c.txt', 0]] as const;

class MemoryDisk implements SectorDevice {
  readonly readOnly = false;
  readonly sectorBytes: number;
  readonly bytes: Buffer;
  constructor(bytes: Buffer, sectorBytes: number) { this.bytes = bytes; this.sectorBytes = sectorBytes; }
  get sectorCount(): number { return Math.floor(this.bytes.length / this.sectorBytes); }
  read(sector: number, count: number): Promise<Uint8Array> {
    if (!(sector >= 0 && count >= 0 && sector + count <= this.sectorCount)) return Promise.reject(new RangeError(`no sectors ${sector} and ${count} more`));
    return Promise.resolve(Uint8Array.prototype.slice.call(this.bytes, sector * this.sectorBytes, (sector + count) * this.sectorBytes));
  }
  write(sector: number, bytes: Uint8Array): Promise<void> {
    if (!(sector >= 0 && sector * this.sectorBytes + bytes.length <= this.bytes.length)) return Promise.reject(new RangeError(`no room at sector ${sector}`));
    this.bytes.set(bytes, sector * this.sectorBytes);
    return Promise.resolve();
  }
  flush(): Promise<void> { return Promise.resolve(); }
}

/** How many had a volume still, and how many requests were refused. */
export async function fuzzVolumes(seed: number, count: number): Promise<{ readonly volumes: number; readonly refused: number }> {
  await using shop = await Workshop.make();
  const samples = await makeSamples(shop), result = { volumes: 0, refused: 0 };
  for (let n = 0; n < count; n++) {
    const random = randomNumbers(seed + n), { bytes, sectorBytes } = samples[random(samples.length)]!, disk = new MemoryDisk(changed(bytes, random), sectorBytes);
    try {
      for (const device of [disk, ...(await readPartitions(disk)).slice(0, 4).map(partition => partition.device)]) {
        const volume = await openVolume(device);
        if (volume === undefined) continue;
        result.volumes++;
        await use(volume, random, () => { result.refused++; });
      }
    } catch (error) { throw new Error(`seed ${seed + n}`, { cause: error }); }
  }
  return result;
}

async function makeSamples(shop: Workshop): Promise<{ readonly bytes: Buffer; readonly sectorBytes: number }[]> {
  await mkdir(shop.path('tree/inner/deeper'), { recursive: true });
  for (const [name, length] of FILES) await writeFile(shop.path(`tree/${name}`), Buffer.alloc(length, name));
  const samples: { bytes: Buffer; sectorBytes: number }[] = [];
  for (const [kib, ...options] of [[720, '-F', '12'], [4200, '-F', '16', '-s', '1'], [1024, '-F', '32', '-s', '1'], [9000, '-F', '16', '-S', '2048', '-s', '1']] as const) {
    const name = `fat-${samples.length}`;
    await shop.fat(name, kib, ...options);
    const bytes = await readFile(shop.path(name));
    await fill((await openVolume(new MemoryDisk(bytes, 512)))!);
    samples.push({ bytes, sectorBytes: 512 });
  }
  for (const options of [['-R'], ['-J'], ['--norock', '-e', 'fat-0', '-no-emul-boot']] as const) {
    await writeFile(shop.path('tree/fat-0'), samples[0]!.bytes);
    await shop.run('xorriso', ['-as', 'mkisofs', '-quiet', ...options, '-o', 'sample.iso', 'tree']);
    samples.push({ bytes: await readFile(shop.path('sample.iso')), sectorBytes: 2048 });
  }
  for (const label of ['gpt', 'dos']) {
    await shop.empty('disk', 2 ** 20);
    await shop.run('sfdisk', ['-q', 'disk'], label === 'gpt' ? 'label: gpt\nstart=64, size=1440\n' : 'label: dos\nstart=8, size=40\nstart=64, size=1800, type=5\nstart=70, size=1440, type=83\n');
    const bytes = await readFile(shop.path('disk'));
    samples[0]!.bytes.copy(bytes, (label === 'gpt' ? 64 : 70) * 512);
    samples.push({ bytes, sectorBytes: 512 });
  }
  return samples;
}

/** mtools takes a small FAT32 for a FAT12. */
async function fill(volume: Volume): Promise<void> {
  for (const path of ['inner', 'inner/deeper']) await volume.create(path.split('/'), true);
  for (const [name, length] of FILES) {
    await volume.create(name.split('/'), false);
    await volume.write(name.split('/'), 0, Buffer.alloc(length, name));
  }
}

/** Where there is something, as that is tables, directories and names; much of it at the beginning. */
function changed(sample: Buffer, random: Random): Buffer {
  const bytes = Buffer.from(sample);
  for (let change = 0, changes = 1 + random(8); change < changes; change++) {
    let at = random([64, 512, 0x1000, 0x1_2000, bytes.length][random(5)]!);
    for (let tries = 0; tries < 4000 && bytes[at] === 0; tries++) at = (at + 1) % bytes.length;
    const word = Math.min(at - at % 4, bytes.length - 4);
    switch (random(4)) {
      case 0: bytes[at] = random(256); break;
      case 1: bytes.writeUInt32LE(EXTREMES[random(EXTREMES.length)]!, word); break;
      case 2: bytes.writeUInt16LE(EXTREMES[random(EXTREMES.length)]! & 0xffff, word); break;
      default: bytes[at]! ^= 1 << random(8);
    }
  }
  return random(20) === 0 ? bytes.subarray(0, random(bytes.length)) : bytes;
}

async function use(volume: Volume, random: Random, refused: () => void): Promise<void> {
  const allowed = async <T>(act: Promise<T>): Promise<T | undefined> => {
    try { return await act; } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      refused();
      return undefined;
    }
  };
  const paths: string[][] = [];
  const walk = async (path: string[]) => {
    for (const { name, directory } of await allowed(volume.list(path)) ?? []) {
      if (paths.length >= MAX_FILES) return;
      paths.push([...path, name]);
      if (directory && path.length < MAX_DEPTH) await walk([...path, name]);
    }
  };
  await walk([]);
  await allowed(volume.freeBytes());
  for (const path of paths) {
    await allowed(volume.stat(path));
    await allowed(volume.read(path, random(20_000), 0x10_0000));
  }
  for (let n = 0; n < 12; n++) {
    const path = paths[random(Math.max(1, paths.length))] ?? [], fresh = [...path.slice(0, -1), `new file ${random(5)}`];
    switch (random(7)) {
      case 0: await allowed(volume.write(path, random(10_000), Buffer.alloc(random(5000), 1))); break;
      case 1: await allowed(volume.create(fresh, random(2) === 0)); break;
      case 2: await allowed(volume.remove(path)); break;
      case 3: await allowed(volume.setInfo(path, { bytes: random(20_000) })); break;
      case 4: await allowed(volume.setInfo(path, { path: [...(paths[random(Math.max(1, paths.length))] ?? []), `moved ${random(5)}`] })); break;
      case 5: await allowed(volume.setInfo(path, { name: `renamed ${random(5)}`, hidden: true, modifiedMs: random(2 ** 32) * 1000 })); break;
      default: await allowed(volume.setLabel(`LABEL ${random(5)}`));
    }
  }
}

if (import.meta.main) {
  const [seed = 1, count = 1000] = process.argv.slice(2).map(Number);
  console.log(await fuzzVolumes(seed, count));
}
