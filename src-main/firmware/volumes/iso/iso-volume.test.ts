import { mkdir, readFile, symlink, utimes, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openVolume } from '../open-volume.ts';
import { TestDisk, Workshop } from '../test-disk.ts';

const LONG = 'a long name with Ünïcode and spaces, which ISO 9660 alone does not have.text', WHEN = Date.UTC(2021, 4, 6, 7, 8, 10);

let shop: Workshop;
beforeAll(async () => {
  shop = await Workshop.make();
  await mkdir(shop.path('tree/EFI/BOOT'), { recursive: true });
  await mkdir(shop.path('tree/1/2/3/4/5/6/7/8/9/10'), { recursive: true });
  await writeFile(shop.path('tree/1/2/3/4/5/6/7/8/9/10/deep'), 'far below');
  await writeFile(shop.path('tree/EFI/BOOT/BOOTAA64.EFI'), 'program');
  await writeFile(shop.path(`tree/${LONG}`), 'long');
  await writeFile(shop.path('tree/empty'), '');
  await writeFile(shop.path('tree/large'), Buffer.from(Uint8Array.from({ length: 300_000 }, (_, n) => n * n >> 3)));
  await symlink('EFI/BOOT', shop.path('tree/boot'));
  await symlink('round', shop.path('tree/round'));
  for (let n = 0; n < 300; n++) await writeFile(shop.path(`tree/EFI/file-${n}-of-many`), String(n));
  await utimes(shop.path('tree/EFI/BOOT/BOOTAA64.EFI'), WHEN / 1000, WHEN / 1000);
}, 60_000);
afterAll(() => shop[Symbol.asyncDispose]());

const iso = async (name: string, ...options: string[]) => {
  await shop.run('xorriso', ['-as', 'mkisofs', '-quiet', '-V', 'A_LABEL', ...options, '-o', name, 'tree']);
  return await TestDisk.open(shop.path(name), 2048);
};
const text = (bytes: Uint8Array) => Buffer.from(bytes).toString();

test.each([['-R'], ['-J', '-joliet-long'], ['-R', '-J']])('files, names and times are those that were put onto an image with %s', async (...options) => {
  await using disk = await iso(`${options.join('')}.iso`, ...options);
  const volume = (await openVolume(disk))!, names = (await volume.list([])).map(({ name }) => name);
  expect([volume.kind, volume.label, volume.readOnly, volume.blockBytes, volume.totalBytes <= disk.sectorCount * 2048, await volume.freeBytes()]).toEqual(['iso9660', 'A_LABEL', true, 2048, true, 0]);
  expect(names).toEqual(expect.arrayContaining(['EFI', 'empty', 'large', '1']));
  expect(names.some(name => name.startsWith('a long name with Ünïcode'))).toBe(true);
  expect((await volume.list(['EFI'])).length).toBe(301);
  expect(text(await volume.read(['efi', 'file-217-of-many'], 0, 100))).toBe('217');
  expect(await volume.stat(['efi', 'boot', 'bootaa64.efi'])).toMatchObject({ name: 'BOOTAA64.EFI', directory: false, bytes: 7, readOnly: true, modifiedMs: WHEN });
  expect(text(await volume.read(['1', '2', '3', '4', '5', '6', '7', '8', '9', '10', 'deep'], 4, 100))).toBe('below');
  expect(await volume.read(['large'], 123_456, 70_000)).toEqual(Buffer.from(Uint8Array.from({ length: 300_000 }, (_, n) => n * n >> 3)).subarray(123_456, 193_456));
  expect([await volume.read(['empty'], 0, 10), await volume.read(['large'], 400_000, 10)].map(({ length }) => length)).toEqual([0, 0]);
});

test('symbolic links lead on, and those that lead nowhere are no files', async () => {
  await using disk = await iso('links.iso', '-R');
  const volume = (await openVolume(disk))!;
  expect(text(await volume.read(['boot', 'BOOTAA64.EFI'], 0, 10))).toBe('program');
  expect(await volume.stat(['boot'])).toMatchObject({ name: 'boot', directory: true });
  expect([await volume.stat(['round']), await volume.stat(['boot', 'none']), await volume.stat(['empty', 'none'])]).toEqual([undefined, undefined, undefined]);
  expect((await volume.list([])).map(({ name }) => name)).not.toContain('round');
});

test('without either kind of names there are those of ISO 9660', async () => {
  await using disk = await iso('plain.iso', '--norock', '-iso-level', '1');
  const volume = (await openVolume(disk))!;
  expect(text(await volume.read(['Efi', 'Boot', 'BootAA64.efi'], 0, 10))).toBe('program');
});

test('a file of several extents is read across their borders', async () => {
  await mkdir(shop.path('parts'));
  for (const [name, letter] of [['PARTA', 'a'], ['PARTB', 'b']] as const) await writeFile(shop.path(`parts/${name}`), letter.repeat(4096));
  await shop.run('xorriso', ['-as', 'mkisofs', '-quiet', '--norock', '-iso-level', '1', '-o', 'parts.iso', 'parts']);
  const bytes = await readFile(shop.path('parts.iso')), first = bytes.indexOf('PARTA'), second = bytes.indexOf('PARTB');
  // The record says that the next has more of the same file.
  bytes[first - 8]! |= 0x80;
  bytes.write('PARTA', second);
  await writeFile(shop.path('parts.iso'), bytes);
  await using disk = await TestDisk.open(shop.path('parts.iso'), 2048);
  const volume = (await openVolume(disk))!;
  expect((await volume.list([])).map(({ name, bytes: length }) => [name, length])).toEqual([['PARTA', 8192]]);
  expect(text(await volume.read(['parta'], 4090, 12))).toBe('aaaaaabbbbbb');
});

test('what cannot be is said: writing, a file as a directory, a file that there is not', async () => {
  await using disk = await iso('refused.iso', '-R');
  const volume = (await openVolume(disk))!;
  await expect(volume.write(['empty'], 0, new Uint8Array(1))).rejects.toMatchObject({ code: 'volume.readOnly' });
  await expect(volume.list(['empty'])).rejects.toMatchObject({ code: 'volume.notADirectory' });
  await expect(volume.read(['EFI'], 0, 1)).rejects.toMatchObject({ code: 'volume.isADirectory' });
  await expect(volume.read(['EFI', 'x'], 0, 1)).rejects.toMatchObject({ code: 'volume.notFound' });
});
