import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { expect, test } from 'vitest';
import { openImage } from './open-image.ts';
import { randomNumbers, TestFolder } from './test-folder.ts';

const RECORD = 4096, RECORDS = 2000;

/** Writes record n at a place that follows from n, with others around it that nobody waits for; prints n once it is flushed. */
const WRITER = `
  const { openImage } = await import(process.argv[1]);
  const disk = await openImage(process.argv[2], { readOnly: false });
  for (let n = Number(process.argv[3]); n < ${RECORDS}; n++) {
    const others = [disk.write(2 ** 26 + (n * 37 % 4000) * 8192, Buffer.alloc(8192, n)), disk.discard(2 ** 26 + (n * 91 % 400) * 65536, 65536)];
    await disk.write((n * 7919 % 8191) * ${RECORD}, Buffer.alloc(${RECORD}, 'record ' + n + '.'));
    await disk.flush();
    process.stdout.write(n + '\\n');
    await Promise.all(others);
  }
  await disk.close();`;

test.each([['64 KiB clusters', 'cluster_size=65536'], ['512 byte clusters', 'cluster_size=512'], ['lazy refcounts', 'lazy_refcounts=on']])('whatever was flushed is there after a kill, and nothing is corrupt (%s)', async (_, options) => {
  await using folder = await TestFolder.make();
  const random = randomNumbers(11), path = folder.path('disk.qcow2');
  let flushed = -1;
  await folder.qemuImg('create', '-f', 'qcow2', '-o', options, 'disk.qcow2', '128M');
  for (let round = 0; round < 5; round++) {
    const writer = spawn(process.execPath, ['--input-type=module', '-e', WRITER, new URL('open-image.ts', import.meta.url).href, path, String(flushed + 1)], { stdio: ['ignore', 'pipe', 'inherit'] });
    const last = flushed + 1 + random(40);
    createInterface({ input: writer.stdout }).on('line', line => { flushed = Number(line); if (flushed === last) writer.kill('SIGKILL'); });
    await once(writer, 'close');
    expect(flushed).toBeGreaterThanOrEqual(last);
    // A copy, as QEMU repairs an image that is marked as dirty. Leaked clusters (3) are no harm.
    await folder.qemuImg('convert', '-f', 'raw', '-O', 'raw', 'disk.qcow2', 'copy.qcow2');
    const checked = await folder.qemuImg('check', ...(options.startsWith('lazy') ? ['-r', 'all'] : []), 'copy.qcow2');
    expect([0, 3], checked.text).toContain(checked.code);
    const disk = await openImage(path, { readOnly: true }), record = Buffer.alloc(RECORD);
    for (let n = 0; n <= flushed; n++) {
      await disk.read(n * 7919 % 8191 * RECORD, record);
      expect(record.equals(Buffer.alloc(RECORD, `record ${n}.`)), `record ${n}`).toBe(true);
    }
    await disk.close();
  }
});
