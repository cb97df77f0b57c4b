import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { randomBytes, randomNumbers } from '../../../storage/test-folder.ts';
import { fuzzVolumes } from '../fuzz-volumes.ts';
import { openVolume } from '../open-volume.ts';
import { TestDisk, Workshop } from '../test-disk.ts';
import type { FileChange, Volume } from '../volume.ts';

const MIB = 2 ** 20, GIB = 2 ** 30;
const WHEN = Date.UTC(2024, 1, 29, 12, 34, 56);

let shop: Workshop;
beforeAll(async () => { shop = await Workshop.make(); });
afterAll(() => shop[Symbol.asyncDispose]());

/** What the others' checker finds wrong rejects. */
const check = (name: string) => shop.run('fsck.fat', ['-n', shop.path(name)]);
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();
const pattern = (length: number, seed = 1) => randomBytes(randomNumbers(seed), Math.ceil(length / 4) * 4).subarray(0, length);

const KINDS = [
  { kind: 'fat12', kib: 160, options: ['-F', '12'] }, { kind: 'fat12', kib: 1440, options: ['-F', '12'] }, { kind: 'fat12', kib: 32_000, options: ['-F', '12', '-s', '16'] },
  { kind: 'fat16', kib: 16_384, options: ['-F', '16', '-s', '4'] }, { kind: 'fat16', kib: 40_000, options: ['-F', '16', '-S', '2048'] },
  { kind: 'fat32', kib: 34_000, options: ['-F', '32', '-s', '1'] }, { kind: 'fat32', kib: 300_000, options: ['-F', '32'] }, { kind: 'fat32', kib: 64 * 2 ** 20, options: ['-F', '32'] },
] as const;

test.each(KINDS)('what mtools put onto $kind of $kib KiB ($options) is read, and what is written mtools reads', async ({ kind, kib, options }) => {
  const name = `${kind}-${kib}`, path = await shop.fat(name, kib, '-n', 'A LABEL', ...options), content = pattern(60_000);
  await writeFile(shop.path('content'), content);
  await shop.run('mmd', ['-i', name, '::/EFI', '::/EFI/A directory']);
  await shop.run('mcopy', ['-i', name, 'content', '::/EFI/A directory/A long name with Ünïcode.content']);
  await using disk = await TestDisk.open(path);
  const volume = (await openVolume(disk, { nowMs: () => WHEN }))!, root = await volume.list([]);
  expect([volume.kind, volume.label, volume.readOnly, root.map(({ name: file, directory }) => [file, directory])]).toEqual([kind, 'A LABEL', false, [['EFI', true]]]);
  const free = await volume.freeBytes(), theirs = ['efi', 'a DIRECTORY', 'a long name with ünïcode.CONTENT'];
  expect(await volume.stat(theirs)).toMatchObject({ name: 'A long name with Ünïcode.content', bytes: 60_000, directory: false });
  expect(Buffer.from(await volume.read(theirs, 0, 100_000))).toEqual(content);
  expect(Buffer.from(await volume.read(theirs, 777, 12_345))).toEqual(content.subarray(777, 777 + 12_345));

  await volume.create(['EFI', 'made'], true);
  await volume.create(['EFI', 'made', 'Another name, with 漢字.txt'], false);
  await volume.write(['EFI', 'made', 'Another name, with 漢字.txt'], 10_000, content.subarray(0, 20_000));
  await volume.flush();
  await check(name);
  await shop.run('mcopy', ['-o', '-i', name, '::/EFI/made/ANOTHE~1.TXT', 'back']);
  expect(await readFile(shop.path('back'))).toEqual(Buffer.concat([Buffer.alloc(10_000), content.subarray(0, 20_000)]));
  expect(await volume.stat(['EFI', 'made', 'another name, with 漢字.txt'])).toMatchObject({ createdMs: WHEN, modifiedMs: WHEN, accessedMs: Date.UTC(2024, 1, 29), archive: true });
  await volume.remove(['EFI', 'made', 'ANOTHE~1.TXT']);
  await volume.remove(['EFI', 'made']);
  expect(await volume.freeBytes()).toBe(free);
  await check(name);
}, 60_000);

/** A file system as anyone thinks of one: upper-case paths to what they hold. */
class Model {
  readonly files = new Map<string, { name: string; bytes: Buffer | undefined }>();
  private readonly key = (path: readonly string[]) => path.join('/').toUpperCase();
  at(path: readonly string[]) { return this.files.get(this.key(path)); }
  put(path: readonly string[], bytes: Buffer | undefined) { this.files.set(this.key(path), { name: path.at(-1)!, bytes }); }
  delete(path: readonly string[]) { this.files.delete(this.key(path)); }
  below(path: readonly string[]) { return [...this.files].filter(([key]) => key.startsWith(`${this.key(path)}/`)); }
  move(from: readonly string[], to: readonly string[]) {
    const moved = this.at(from)!, inner = this.below(from);
    this.delete(from);
    for (const [key] of inner) this.files.delete(key);
    this.put(to, moved.bytes);
    for (const [key, file] of inner) this.files.set(this.key(to) + key.slice(this.key(from).length), file);
  }
}

const NAMES = ['a', 'B.TXT', 'readme.txt', 'A long name of a file', 'a long name of another file', 'The same beginning 1', 'The same beginning 2', 'The same beginning 3', '.hidden', 'two.dots.here', 'Ärger', '漢字', 'x'.repeat(200), 'plus+comma,', 'spaces  in it'];

test.each<{ readonly seed: number; readonly kib: number; readonly options: readonly string[]; readonly sectorBytes?: number }>([
  { seed: 1, kib: 720, options: ['-F', '12', '-s', '1'] }, { seed: 2, kib: 2880, options: ['-F', '12'] }, { seed: 3, kib: 9000, options: ['-F', '16', '-s', '1'] },
  { seed: 4, kib: 40_000, options: ['-F', '16'], sectorBytes: 4096 }, { seed: 5, kib: 34_000, options: ['-F', '32', '-s', '1'] }, { seed: 6, kib: 8 * 2 ** 20, options: ['-F', '32'] },
])('after 400 random operations of seed $seed, $options of $kib KiB holds what a model does, for us, mtools and fsck', async ({ seed, kib, options, sectorBytes }) => {
  const image = `random-${seed}`, path = await shop.fat(image, kib, ...options), random = randomNumbers(seed), model = new Model(), most = kib * 1024 / 8;
  await using disk = await TestDisk.open(path, sectorBytes);
  const volume = (await openVolume(disk))!;
  const directories = () => [[], ...[...model.files].filter(([, { bytes }]) => bytes === undefined).map(([key]) => key.split('/'))];
  const anywhere = () => { const all = directories(); return [...all[random(all.length)]!, NAMES[random(NAMES.length)]!]; };
  const existing = () => { const all = [...model.files.keys()]; return all.length === 0 ? anywhere() : all[random(all.length)]!.split('/'); };
  const fails = async (act: Promise<unknown>, code: string) => { await expect(act).rejects.toMatchObject({ code: `volume.${code}` }); };

  const create = async () => {
    const at = anywhere(), directory = random(3) === 0;
    if (model.at(at) !== undefined) return await fails(volume.create(at, directory), 'exists');
    await volume.create(at, directory);
    model.put(at, directory ? undefined : Buffer.alloc(0));
  };
  const write = async () => {
    const at = existing(), found = model.at(at), offset = random(Math.min(20_000, most)), bytes = pattern(1 + random(Math.min(30_000, most)), random(1000));
    if (found?.bytes === undefined) return await fails(volume.write(at, offset, bytes), found === undefined ? 'notFound' : 'isADirectory');
    await volume.write(at, offset, bytes);
    const whole = Buffer.alloc(Math.max(found.bytes.length, offset + bytes.length));
    found.bytes.copy(whole);
    bytes.copy(whole, offset);
    found.bytes = whole;
  };
  const resize = async () => {
    const at = existing(), found = model.at(at), length = random(Math.min(40_000, most));
    if (found?.bytes === undefined) return;
    await volume.setInfo(at, { bytes: length });
    found.bytes = Buffer.concat([found.bytes, Buffer.alloc(length)]).subarray(0, length);
  };
  const remove = async () => {
    const at = existing();
    if (model.at(at) === undefined) return await fails(volume.remove(at), 'notFound');
    if (model.below(at).length > 0) return await fails(volume.remove(at), 'notEmpty');
    await volume.remove(at);
    model.delete(at);
  };
  const move = async () => {
    const from = existing(), to = random(2) === 0 ? anywhere() : [...from.slice(0, -1), NAMES[random(NAMES.length)]!], there = model.at(to), same = from.join('/').toUpperCase() === to.join('/').toUpperCase();
    const change: FileChange = to.length === from.length && random(2) === 0 && from.slice(0, -1).every((name, n) => name === to[n]) ? { name: to.at(-1) } : { path: to };
    if (model.at(from) === undefined) return await fails(volume.setInfo(from, change), 'notFound');
    if (there !== undefined && !same) return await fails(volume.setInfo(from, change), 'exists');
    if (to.length > from.length && from.every((name, n) => name.toUpperCase() === to[n]!.toUpperCase())) return await fails(volume.setInfo(from, change), 'intoItself');
    await volume.setInfo(from, change);
    model.move(from, to);
  };
  const compare = async (at: readonly string[], fresh: Volume) => {
    for (const info of await fresh.list(at)) {
      const file = model.at([...at, info.name])!;
      expect([info.name, info.directory, info.bytes]).toEqual([file.name, file.bytes === undefined, file.bytes?.length ?? 0]);
      if (info.directory) await compare([...at, info.name], fresh);
      else expect(file.bytes!.equals(await fresh.read([...at, info.name], 0, info.bytes + 10))).toBe(true);
      found++;
    }
  };
  let found = 0;

  for (let n = 0; n < 400; n++) {
    try { await [create, create, write, write, resize, remove, move][random(7)]!(); } catch (error) {
      // The smallest of them is full at times, and then nothing changed.
      if ((error as { code?: string }).code !== 'volume.full') throw error;
      const at = existing();
      if (model.at(at) !== undefined && model.below(at).length === 0) { await volume.remove(at); model.delete(at); }
    }
    if (random(20) === 0) volume.forget();
  }
  await volume.setLabel(`Seed ${seed}`);
  await check(image);
  for (const reader of [volume, (await openVolume(disk))!]) {
    found = 0;
    await compare([], reader);
    expect([found, reader.label]).toEqual([model.files.size, `SEED ${seed}`]);
  }
  expect(await shop.run('mlabel', ['-s', '-i', image, '::'])).toContain(`SEED ${seed}`);
  await shop.run('mcopy', ['-s', '-i', image, '::/', `out-${seed}`]);
  const theirs = await readdir(shop.path(`out-${seed}`), { recursive: true });
  expect(theirs.length).toBe(model.files.size);
  for (const name of theirs) {
    // mtools has no names in Unicode without a locale, so files are told by what they hold.
    if (/^[\x20-\x5e\x60-\x7e]+$/.test(name) && (await stat(join(shop.path(`out-${seed}`), name))).isFile()) expect(model.at(name.split('/'))!.bytes!.equals(await readFile(join(shop.path(`out-${seed}`), name)))).toBe(true);
  }
}, 120_000);

test('a large file is read in pieces with one look at the disk for each, and its clusters are looked up once', async () => {
  const path = await shop.fat('kernel', 64 * 1024, '-F', '32', '-s', '1'), content = pattern(35 * MIB);
  await writeFile(shop.path('content'), content);
  await shop.run('mcopy', ['-i', 'kernel', 'content', '::/vmlinuz']);
  await using disk = await TestDisk.open(path);
  const volume = (await openVolume(disk))!, parts: Uint8Array[] = [];
  for (let at = 0; at < content.length; at += 0x1_0000) parts.push(await volume.read(['vmlinuz'], at, 0x1_0000));
  expect(Buffer.concat(parts).equals(content)).toBe(true);
  expect(disk.reads).toBeLessThan(content.length / 0x1_0000 + 20);
}, 60_000);

test('a hole in a large FAT32 is filled, and a file ends at 4 GiB', async () => {
  const path = await shop.fat('wide', 200 * 2 ** 20, '-F', '32', '-s', '64');
  await using disk = await TestDisk.open(path);
  const volume = (await openVolume(disk))!;
  await volume.create(['f'], false);
  await volume.write(['f'], 40 * MIB, Buffer.from('behind'));
  expect([text(await volume.read(['f'], 40 * MIB, 10)), (await volume.read(['f'], 39 * MIB, MIB)).every(byte => byte === 0), volume.totalBytes > 199 * GIB]).toEqual(['behind', true, true]);
  await expect(volume.write(['f'], 4 * GIB - 2, Buffer.alloc(3))).rejects.toMatchObject({ code: 'volume.tooLarge' });
  await check('wide');
}, 60_000);

test('a directory grows to its limits, with aliases that differ', async () => {
  const path = await shop.fat('many', 2880, '-F', '12', '-r', '112');
  await using disk = await TestDisk.open(path);
  const volume = (await openVolume(disk))!;
  await volume.create(['D'], true);
  for (let n = 0; n < 300; n++) await volume.create(['d', `The same long beginning, and then ${n}`], false);
  expect((await volume.list(['d'])).length).toBe(300);
  expect(new Set((await shop.run('mdir', ['-b', '-i', 'many', '::/d'])).trim().split('\n')).size).toBe(300);
  const fill = async () => { for (let n = 0; n < 200; n++) await volume.create([`F${n}`], false); };
  await expect(fill()).rejects.toMatchObject({ code: 'volume.full' });
  expect((await volume.list([])).length).toBe(112);
  await check('many');
}, 60_000);

test('what is renamed in place changes its case, attributes and times are kept, and a full volume changes nothing', async () => {
  const path = await shop.fat('small', 160);
  await using disk = await TestDisk.open(path);
  const volume = (await openVolume(disk))!;
  await volume.create(['file.txt'], false);
  await volume.write(['file.txt'], 0, Buffer.from('content'));
  await volume.setInfo(['FILE.TXT'], { name: 'File.TXT', readOnly: true, hidden: true, system: true, archive: false, createdMs: WHEN + 1230, modifiedMs: WHEN, accessedMs: WHEN });
  expect(await volume.list([])).toEqual([{ name: 'File.TXT', directory: false, bytes: 7, readOnly: true, hidden: true, system: true, archive: false, createdMs: WHEN + 1230, modifiedMs: WHEN, accessedMs: Date.UTC(2024, 1, 29) }]);
  const free = await volume.freeBytes();
  await expect(volume.write(['file.txt'], 0, Buffer.alloc(free + 5000))).rejects.toMatchObject({ code: 'volume.full' });
  expect([await volume.freeBytes(), text(await volume.read(['file.txt'], 0, 100))]).toEqual([free, 'content']);
  await volume.setLabel('');
  expect([volume.label, (await openVolume(disk))!.label]).toEqual(['', '']);
  await expect(volume.setLabel('far too long a label')).rejects.toMatchObject({ code: 'volume.name' });
  for (const name of ['a/b', 'a:b', '', '...', 'x'.repeat(256)]) await expect(volume.create([name], false)).rejects.toMatchObject({ code: 'volume.name' });
  await check('small');
});

test('a volume that was not unmounted is still marked so', async () => {
  const path = await shop.fat('dirty', 34_000, '-F', '32'), bytes = await readFile(path);
  bytes[0x41] = 1;
  const table = bytes.readUInt16LE(14) * 512;
  bytes.writeUInt32LE(0x07ff_ffff, table + 4);
  await writeFile(path, bytes);
  await using disk = await TestDisk.open(path);
  const volume = (await openVolume(disk))!;
  await volume.create(['f'], false);
  await volume.write(['f'], 0, Buffer.alloc(5000));
  await volume.setLabel('LABEL');
  const after = await readFile(path);
  expect([after[0x41], after.readUInt32LE(table + 4)]).toEqual([1, 0x07ff_ffff]);
});

test('1,000 volumes and disks that were changed at random give data, no volume or a sentence', async () => {
  const { volumes, refused } = await fuzzVolumes(1, 1000);
  expect([volumes > 300, refused > 300]).toEqual([true, true]);
}, 120_000);
