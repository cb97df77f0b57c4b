/** A guest's file system on qcow2, under a `quarterdeck run` that is killed again and again while the guest writes. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { beforeAll, expect, test } from 'vitest';
import type { DiskBus } from '../../shared/model/vm.ts';
import { fetchGuests, type Guest } from '../../scripts/fetch-guests.ts';
import { convertImage } from '../storage/image-operations.ts';
import { randomNumbers, TestFolder } from '../storage/test-folder.ts';

const MINUTES = 60_000;
const DISK_BYTES = 2 ** 26;

let debian: Guest;
beforeAll(async () => { debian = await fetchGuests('cloud'); }, 10 * MINUTES);

/** Appends numbered records to a log and says each number once it is flushed, with files coming and going around it that nobody flushes. */
const writer = (device: string, log: string) => `mkdir /disk && mount -t ext4 ${device} /disk && n=1 && while [ $n -gt 0 ]; do \
dd if=/dev/urandom of=/disk/other-$((n % 7)) bs=9k count=$((n % 5)) status=none; rm -f /disk/other-$((n * 3 % 7)); \
echo "record $n" >> /disk/${log} && sync /disk/${log} && echo "flushed $n" && n=$((n + 1)) || n=0; done; echo fai''led`;

/** Runs the guest until it said of so many records that they are flushed, and kills it. Gives the last that it said. */
async function killedAfter(records: number, log: string, { image, bus }: { readonly image: string; readonly bus: DiskBus }): Promise<number> {
  const args = ['run', '--kernel', debian.kernel, '--initrd', debian.initrd, '--append', 'console=ttyAMA0 quiet', '--memory', '128M', '--disk', `${image},bus=${bus}`];
  const guest = spawn(process.execPath, [join(import.meta.dirname, '../cli/quarterdeck.ts'), ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const console: string[] = [];
  let flushed = 0;
  createInterface({ input: guest.stdout }).on('line', line => {
    console.push(line);
    const number = /^flushed (\d+)/.exec(line)?.[1];
    if (number !== undefined) flushed = Number(number);
    if (line.startsWith("Enter 'help'")) guest.stdin.write(`${writer(bus === 'nvme' ? '/dev/nvme0n1' : '/dev/vda', log)}\r`);
    if (flushed >= records || line.startsWith('failed')) guest.kill('SIGKILL');
  });
  await once(guest, 'close');
  expect(console.filter(line => /^failed|EXT4-fs (error|warning)|I\/O error/.test(line))).toEqual([]);
  expect(guest.signalCode).toBe('SIGKILL');
  return flushed;
}

/** A tool of e2fsprogs on a file in the folder. */
function tool(folder: TestFolder, name: string, ...args: string[]): Promise<{ code: number; text: string }> {
  return new Promise(resolve => {
    const child = execFile(name, args, { cwd: folder.path('.'), env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` } }, (_, stdout, stderr) => resolve({ code: child.exitCode ?? -1, text: stdout + stderr }));
  });
}

test.each<{ bus: DiskBus; rounds: number }>([{ bus: 'nvme', rounds: 5 }, { bus: 'virtio', rounds: 2 }])('what a guest flushed to $bus is in its file after a kill, image and file system whole, in each of $rounds rounds', async ({ bus, rounds }) => {
  await using folder = await TestFolder.make();
  const random = randomNumbers(5), image = folder.path('disk.qcow2');
  await writeFile(folder.path('made'), '');
  expect((await tool(folder, 'mke2fs', '-q', '-t', 'ext4', 'made', `${DISK_BYTES / 1024}k`)).code).toBe(0);
  await convertImage(folder.path('made'), image, { format: 'qcow2' });
  // A log for each round: what came after its last flush may be there or not.
  const logs = new Map<string, number>();
  for (let round = 0; round < rounds; round++) {
    logs.set(`log-${round}`, await killedAfter(1 + random(20), `log-${round}`, { image, bus }));
    // Leaked clusters (3) are no harm.
    const checked = await folder.qemuImg('check', 'disk.qcow2');
    expect([0, 3], checked.text).toContain(checked.code);
    await folder.qemuImg('convert', '-O', 'raw', 'disk.qcow2', 'raw');
    // The journal is replayed as the next mount would; after that nothing is left to repair.
    const replayed = await tool(folder, 'e2fsck', '-p', 'raw'), left = await tool(folder, 'e2fsck', '-fn', 'raw');
    expect([0, 1], replayed.text).toContain(replayed.code);
    expect(left.code, left.text).toBe(0);
    for (const [log, flushed] of logs) {
      const { text } = await tool(folder, 'debugfs', '-R', `cat /${log}`, 'raw');
      expect(text.split('\n').slice(0, flushed), log).toEqual(Array.from({ length: flushed }, (_, n) => `record ${n + 1}`));
    }
  }
}, 5 * MINUTES);
