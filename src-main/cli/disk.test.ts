import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { TestFolder } from '../storage/test-folder.ts';

function disk(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return new Promise(resolve => {
    const child = execFile(process.execPath, [join(import.meta.dirname, 'quarterdeck.ts'), 'disk', ...args], (_, stdout, stderr) => resolve({ code: child.exitCode ?? -1, stdout, stderr }));
  });
}

test('an image is made, grown, converted and checked from a shell', async () => {
  await using folder = await TestFolder.make();
  const image = folder.path('disk.qcow2'), copy = folder.path('disk.vmdk');
  expect((await disk('create', image, '1G')).stdout).toContain('size       1 GiB (1073741824 bytes)');
  expect(JSON.parse((await disk('resize', image, '2G', '--json')).stdout)).toMatchObject({ sizeBytes: 2 ** 31, format: 'qcow2' });
  expect(JSON.parse((await disk('convert', image, copy, '--format', 'vmdk', '--json')).stdout)).toMatchObject({ sizeBytes: 2 ** 31, variant: 'monolithicSparse' });
  expect(await disk('check', copy)).toMatchObject({ code: 0, stdout: `${copy}: nothing is wrong.\n`, stderr: '' });
});

test('check ends with 3 for leaks, 2 for corruption, and 0 once they are repaired', async () => {
  await using folder = await TestFolder.make();
  const image = folder.path('disk.qcow2');
  await disk('create', image, '1M');
  const bytes = await readFile(image), block = Number(bytes.readBigUInt64BE(Number(bytes.readBigUInt64BE(48))));
  bytes.writeUInt16BE(1, block + 2 * 100);
  await writeFile(image, bytes);
  expect((await disk('check', image)).code).toBe(3);
  bytes.writeUInt16BE(0, block);
  await writeFile(image, bytes);
  expect((await disk('check', image)).code).toBe(2);
  expect((await disk('check', image, '--repair')).code).toBe(0);
  expect((await disk('check', image)).code).toBe(0);
});

test('a failure is one sentence', async () => {
  expect(await disk('info', '/nowhere/disk')).toMatchObject({ code: 1, stderr: expect.stringMatching(/^quarterdeck: The disk image \/nowhere\/disk cannot be opened: [^\n]+\.\n$/) as string });
});
