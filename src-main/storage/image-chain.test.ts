import { readFile, writeFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { backingPath, commitImage, rebaseImage } from './image-chain.ts';
import { checkImage, convertImage, createImage } from './image-operations.ts';
import { openImage } from './open-image.ts';
import { randomBytes, randomNumbers, TestFolder } from './test-folder.ts';

const SIZE = 0x80_0000;

/** A raw base, and on it two layers that were written and cleared at random; and what the upper one shows. */
async function chain(seed: number) {
  const folder = await TestFolder.make(), random = randomNumbers(seed), shown = randomBytes(random, SIZE), path = (name: string) => folder.path(name);
  await writeFile(path('base'), shown);
  for (const [name, below, format] of [['lower', 'base', 'raw'], ['upper', 'lower', 'qcow2']] as const) {
    await createImage(path(name), { format: 'qcow2', backingFile: path(below), backingFormat: format });
    const image = await openImage(path(name), { readOnly: false });
    for (let n = 0; n < 12; n++) {
      const at = random(SIZE / 512 - 400) * 512, length = (1 + random(400)) * 512;
      if (random(3) === 0) { await image.zero(at, length); shown.fill(0, at, at + length); continue; }
      const bytes = randomBytes(random, length);
      await image.write(at, bytes);
      bytes.copy(shown, at);
    }
    await image.close();
  }
  return { folder, shown, path };
}

test.each([1, 2, 3])('what a layer holds goes to the one below, in which it then is the same (seed %i)', async seed => {
  const { folder, shown, path } = await chain(seed);
  await using _folder = folder;
  await convertImage(path('upper'), path('before.raw'), { format: 'raw' });
  expect((await readFile(path('before.raw'))).equals(shown)).toBe(true);
  await commitImage(path('upper'));
  expect(await folder.qemuImg('compare', 'lower', 'before.raw')).toMatchObject({ code: 0 });
  expect(await folder.qemuImg('compare', 'upper', 'before.raw')).toMatchObject({ code: 0 });
  await commitImage(path('lower'));
  expect((await readFile(path('base'))).equals(shown)).toBe(true);
  for (const name of ['lower', 'upper']) expect(await checkImage(path(name))).toMatchObject({ leaks: 0, corruptions: 0 });
});

test('cut off and done again, nothing is lost', async () => {
  const { folder, shown, path } = await chain(4), abort = new AbortController();
  await using _folder = folder;
  const progress = (part: number) => { if (part > 0.5) abort.abort(new Error('Enough.')); };
  await expect(commitImage(path('upper'), { progress, signal: abort.signal })).rejects.toThrow('Enough.');
  await convertImage(path('upper'), path('between.raw'), { format: 'raw' });
  expect((await readFile(path('between.raw'))).equals(shown)).toBe(true);
  await commitImage(path('upper'));
  expect(await folder.qemuImg('compare', 'lower', 'between.raw')).toMatchObject({ code: 0 });
});

test('an image stands on another one when it is told to, and says so', async () => {
  const { folder, shown, path } = await chain(5);
  await using _folder = folder;
  await commitImage(path('lower'));
  expect(await backingPath(path('upper'))).toBe(path('lower'));
  await rebaseImage(path('upper'), { path: path('base'), format: 'raw' });
  expect([await backingPath(path('upper')), await backingPath(path('base'))]).toEqual([path('base'), undefined]);
  await convertImage(path('upper'), path('after.raw'), { format: 'raw' });
  expect((await readFile(path('after.raw'))).equals(shown)).toBe(true);
  expect(await folder.qemuImg('compare', 'upper', 'after.raw')).toMatchObject({ code: 0 });
});

test('an image with more in its header than we write is not rebased', async () => {
  const { folder, path } = await chain(6);
  await using _folder = folder;
  await folder.qemuImg('create', '-f', 'qcow2', '-F', 'raw', '-b', 'base', 'theirs');
  await expect(rebaseImage(path('theirs'), { path: path('lower'), format: 'qcow2' })).rejects.toThrow('has parts that would be lost');
});

test('an image without a backing file has nothing to write to', async () => {
  await using folder = await TestFolder.make();
  await createImage(folder.path('alone'), { format: 'qcow2', sizeBytes: SIZE });
  await expect(commitImage(folder.path('alone'))).rejects.toThrow('has no backing file that could take what it holds.');
});
