import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { assemble, disassemble } from '../cpu/asm/assembler.ts';
import { GuestSession } from './guest-session.ts';
import { SampleQueue } from './sampler.ts';
import { Vm } from './vm.ts';
import type { VmProfile } from './profile.ts';

const ENTRY = 0x4008_0000;
/** CPU 0 turns CPU 1 on, where there is one; then both are busy for ever, in the loop at `again`. */
const BUSY = `
  mov x0, #0xc4000003
  mov x1, #1
  adr x2, busy
  hvc #0
busy:
  mov x3, #0
again:
  add x3, x3, #1
  eor x4, x3, x3, lsl #3
  udiv x5, x4, x3
  cbnz x3, again
  hvc #0`;
const LOOP = BigInt(ENTRY + 4 * 6), LOOP_INSTRUCTIONS = 4;

/** Profile of a guest that runs until this many instructions of it were translated, and until each CPU ran. */
async function profileUntil(instructions: number, options: { readonly cpus: number; readonly smpMode: 'parallel' | 'deterministic' }): Promise<VmProfile> {
  const vm = new Vm({
    ...options, memoryMib: 64, counterHz: 62_500_000, boot: { kind: 'binary', image: () => assemble(BUSY, ENTRY) }, disks: [], profile: { regions: 3 },
    wake: () => { /* driven by hand */ }, consoleOutput: () => { /* it prints nothing */ },
  });
  try {
    for (;;) {
      vm.resume();
      for (let slices = 0; slices < 64; slices++) vm.runSlice();
      const profile = vm.profile() as VmProfile;
      if (profile.translated.instructions > instructions && profile.cpus.every(cpu => cpu.instructions > 1e6)) return profile;
      await new Promise(resolve => { setImmediate(resolve); });
    }
  } finally {
    await vm.end();
  }
}

test.each([{ cpus: 1, smpMode: 'parallel' }, { cpus: 2, smpMode: 'parallel' }, { cpus: 2, smpMode: 'deterministic' }] as const)('a busy loop of $cpus $smpMode CPUs is the hottest region', async options => {
  const { cpus, hottest, samples, translated, interpreted, levels, translator, exits } = await profileUntil(20e6, options);
  expect(hottest[0]).toMatchObject({ address: LOOP, el: 1, translated: LOOP_INSTRUCTIONS });
  expect(hottest[0]?.instructions).toBeGreaterThan(0.9 * (translated.instructions + interpreted.instructions));
  expect(hottest[0]?.listing.find(line => line.address === LOOP)).toMatchObject({ word: new DataView(assemble('add x3, x3, #1').buffer).getUint32(0, true), instructions: hottest[0]?.instructions });
  expect(hottest[0]?.listing.map(line => disassemble(line.word, line.address))).toContain(`cbnz x3, 0x${LOOP.toString(16)}`);
  expect(cpus).toHaveLength(options.cpus);
  // What is not in a sample yet is less than two turns of each CPU.
  const counted = cpus.reduce((sum, cpu) => sum + cpu.instructions, 0), sampled = translated.instructions + interpreted.instructions;
  expect(sampled).toBeLessThanOrEqual(counted);
  expect(sampled).toBeGreaterThan(counted - options.cpus * 200_000);
  expect(samples).toBeGreaterThan(sampled / 100_000);
  expect([levels[0]?.instructions, levels[1]?.instructions]).toEqual([0, sampled]);
  // CPUs in threads may both find that it is hot.
  expect(translator).toMatchObject({ regions: translator.modules, instructions: LOOP_INSTRUCTIONS * translator.regions, present: translator.regions });
  expect(translator.bytes).toBeGreaterThan(0);
  expect(exits.hvc).toBe(1);
}, 60_000);

test('a profiled VM that is terminated gives its profile first, and one that is not has none', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'quarterdeck-')), imagePath = join(folder, 'busy.bin');
  await writeFile(imagePath, assemble(BUSY, ENTRY));
  try {
    const ends = [{ profile: { regions: 1 } }, {}].map(async options => {
      const session = new GuestSession({ guest: { kind: 'binary', imagePath }, ...options });
      while ((await session.vm.stats()).instructions < 1e6) { /* it runs */ }
      await session.vm.terminate();
      return { stop: await session.stopped, hottest: session.profile?.hottest.map(region => region.address) };
    });
    expect(await Promise.all(ends)).toEqual([{ stop: { kind: 'terminated' }, hottest: [LOOP] }, { stop: { kind: 'terminated' }, hottest: undefined }]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('a full queue takes no more samples, and gives them in order, addresses whole', () => {
  const queue = new SampleQueue(), reader = new SampleQueue(queue.buffer), sample = (n: number) => ({ pc: 0xffff_8000_0867_1010n + BigInt(n), el: 1, host: n, instructions: 20_000 + n, ns: n / 8 });
  let pushed = 0;
  while (queue.push(sample(pushed))) pushed += 1;
  expect(reader.shift()).toEqual(sample(0));
  expect(queue.push(sample(pushed))).toBe(true);
  for (let n = 1; n <= pushed; n++) expect(reader.shift()).toEqual(sample(n));
  expect(reader.shift()).toBeUndefined();
});
