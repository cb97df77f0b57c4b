import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { StateFile, writeStateFile, type SavedMachine } from './state-file.ts';
import type { VmState } from './vm.ts';

const MIB = 2 ** 20;
const machine: SavedMachine = { cpus: 2, memoryMib: 8, counterHz: 62_500_000, smpMode: 'parallel', devices: ['uart', 'rtc'], flashBytes: [] };
// Any plain object will do: what is in it is the devices' own.
const state = { clockNs: 5e9, board: { gic: new Map([[32, { pending: true }]]), nvme: new Uint8Array([1, 2, 3]) } } as unknown as VmState;
let folder: string, path: string;
beforeEach(async () => { folder = await mkdtemp(join(tmpdir(), 'quarterdeck-state-')); path = join(folder, 'vm.state'); });
afterEach(() => rm(folder, { recursive: true }));

function memory(): Uint8Array {
  const ram = new Uint8Array(new SharedArrayBuffer(8 * MIB));
  ram.set(randomBytes(3000), 2 * MIB - 1500);
  ram.fill(7, 5 * MIB, 6 * MIB);
  return ram;
}

async function readBack(): Promise<{ state: VmState; ram: Uint8Array }> {
  const file = await StateFile.open(path), ram = new Uint8Array(8 * MIB);
  try { file.check(machine); return { state: await file.readInto(ram), ram }; } finally { await file.close(); }
}

test('a machine comes back as it was, and its file is small where memory is', async () => {
  const ram = memory();
  await writeStateFile(path, machine, state, ram);
  const back = await readBack();
  expect(back.state).toEqual(state);
  expect(Buffer.from(back.ram).equals(Buffer.from(ram))).toBe(true);
  expect((await stat(path)).size).toBeLessThan(20_000);
  expect(await readdir(folder)).toEqual(['vm.state']);
});

test('a file with any byte changed, or cut off anywhere, is refused in one sentence', async () => {
  await writeStateFile(path, machine, state, memory());
  const good = await readFile(path);
  for (let at = 0; at < good.length; at += at < 400 ? 1 : 97) {
    const bad = Buffer.from(good);
    bad[at]! ^= 1 << at % 8;
    await writeFile(path, bad);
    await expect(readBack(), `byte ${at}`).rejects.toThrow(/(is damaged, and was not used|is not a saved state)\.$/);
  }
  for (const length of [0, 5, 18, 60, good.length >> 1, good.length - 1]) {
    await writeFile(path, good.subarray(0, length));
    await expect(readBack(), `${length} bytes`).rejects.toThrow(/(is damaged, and was not used|is not a saved state)\.$/);
  }
  await writeFile(path, Buffer.concat([good, good]));
  await expect(readBack()).rejects.toThrow(/is damaged/);
});

test('a machine that is not the one that was saved is refused, with what differs', async () => {
  await writeStateFile(path, machine, state, memory());
  const file = await StateFile.open(path);
  expect(() => file.check({ ...machine, cpus: 4 })).toThrow(/its CPUs are 2, and this one's 4\.$/);
  expect(() => file.check({ ...machine, devices: ['uart'] })).toThrow(/its devices are uart,rtc/);
  await file.close();
});

test('what was given up leaves no file, and one that cannot be written says so', async () => {
  await expect(writeStateFile(path, machine, state, memory(), { signal: AbortSignal.abort() })).rejects.toThrow('The task was cancelled.');
  expect(await readdir(folder)).toEqual([]);
  await expect(writeStateFile(join(folder, 'none', 'vm.state'), machine, state, memory())).rejects.toThrow(/could not be written to .*ENOENT/);
});
