/** A guest that does anything to an NVMe controller, by seed. Whatever it does, nothing throws, hangs, or touches memory outside the RAM. */
import { expect, test } from 'vitest';
import { GuestRam } from '../../memory/guest-ram.ts';
import { fuzzRandom, type FuzzRandom } from '../fuzz-random.ts';
import { memoryDisk } from '../memory-disk.ts';
import { Nvme } from './nvme.ts';

const RAM = 0x4000_0000, RAM_BYTES = 0x10000, GUARD = 0x10000, STEPS = 4000, PAGE = 0x1000;
const ENABLED = 1 | 6 << 16 | 4 << 20, REGISTERS_OF_OTHERS = 0x0900_0000;

function build() {
  const buffer = new SharedArrayBuffer(2 * GUARD + RAM_BYTES), ram = new GuestRam({ buffer, byteOffset: GUARD, sizeBytes: RAM_BYTES, base: RAM });
  const nvme = new Nvme({ name: 'nvme', serial: 'S1', media: [memoryDisk(new Uint8Array(0x4000)), memoryDisk(new Uint8Array(0x2000), true)], guestError: () => { /* all of it is */ } });
  nvme.function.connect({ requesterId: 8, integrated: true, dma: ram, changed: () => { /* nobody decodes */ } });
  return { buffer, ram, nvme };
}
type All = ReturnType<typeof build>;

const page = (r: FuzzRandom) => RAM + PAGE * r.below(RAM_BYTES / PAGE);
/** Where data may be said to be. */
const pointer = (r: FuzzRandom) => r.pick([() => page(r), () => page(r), () => RAM + 4 * r.below(RAM_BYTES / 4), () => page(r) + PAGE - 8, () => RAM + RAM_BYTES - r.below(64), () => REGISTERS_OF_OTHERS + r.below(PAGE), () => r.next(), () => 0])();
const value = (r: FuzzRandom) => r.pick([() => r.next(), () => r.below(16), () => 0, () => 0xffff_ffff, () => r.below(9) | 7 << 16, () => pointer(r), () => 2 ** r.below(32)])();

/** The admin queue at the start of RAM, and queue n behind it. */
function bringUp({ nvme }: All) {
  const put = (at: number, v: number) => nvme.function.regions.bar0!.write(at, 4, v);
  nvme.function.regions.config!.write(4, 2, 6);
  put(0x14, 0);
  put(0x24, 15 | 15 << 16);
  [RAM, 0, RAM + PAGE, 0].forEach((v, word) => put(0x28 + 4 * word, v));
  put(0x14, ENABLED);
}

function store({ ram }: All, at: number, words: readonly number[]) { words.forEach((word, n) => ram.store(at + 4 * n, 4, word)); }

/** Mostly a command that means something, with anything in its fields. */
function entry(all: All, r: FuzzRandom) {
  const at = page(r) + 64 * r.below(16), isAdmin = at < RAM + PAGE, op = r.pick(isAdmin ? [0, 1, 1, 2, 4, 5, 5, 6, 8, 9, 10, 12, r.below(256)] : [0, 1, 2, 5, 8, 9, r.below(256)]);
  const isQueue = isAdmin && (op === 1 || op === 5), queue = 1 + r.below(4);
  store(all, at, [op | r.pick([0, 0, 0, 0, r.below(256)]) << 8 | r.below(0x10000) << 16, r.pick([1, 1, 2, 0, 0xffff_ffff, value(r)]), 0, 0, 0, 0, pointer(r), r.pick([0, 0, 0, r.next()]), pointer(r), r.pick([0, 0, 0, r.next()])]);
  store(all, at + 40, isQueue ? [queue | 7 << 16, 3 | r.pick([queue, queue, r.below(12)]) << 16] : [r.pick([r.below(40), value(r)]), r.pick([0, 4, value(r)]), r.pick([r.below(40), value(r)]), r.pick([0, value(r)])]);
}

function step(all: All, r: FuzzRandom) {
  const { bar0, config } = all.nvme.function.regions;
  r.pick([
    () => entry(all, r), () => entry(all, r), () => entry(all, r),
    () => bar0!.write(0x1000 + 4 * r.below(12), 4, r.below(16)), () => bar0!.write(0x1000, 4, r.below(16)), () => bar0!.write(0x1000, 4, r.below(16)), () => bar0!.write(0x1004, 4, r.below(16)),
    () => bar0!.write(r.pick([r.below(0x4000), 4 * r.below(0x500)]), r.pick([1, 2, 4, 4]), value(r)),
    () => { bar0!.read(r.below(0x4000), r.pick([1, 2, 4])); },
    () => { if (r.below(20) === 0) bar0!.write(0x14, 4, r.pick([0, ENABLED, ENABLED | 1 << 14, value(r)])); },
    () => all.ram.store(RAM + 8 * r.below(RAM_BYTES / 8), 4, pointer(r)),
    () => { if (r.below(50) === 0) config!.write(4, 2, r.pick([0, 2, 4, 6])); },
  ])();
}

test.each([1, 2, 3, 4, 5, 6, 7, 8])('seed %i', async seed => {
  const r = fuzzRandom(seed), all = build(), bytes = new Uint8Array(all.buffer);
  for (let n = 0; n < STEPS; n++) {
    if (n % 500 === 0) bringUp(all);
    step(all, r);
    if (n % 32 === 0) await new Promise(resolve => { setImmediate(resolve); });
  }
  const saved = structuredClone(all.nvme.function.save());
  await all.nvme.idle();
  expect([bytes.subarray(0, GUARD), bytes.subarray(GUARD + RAM_BYTES)].every(guard => guard.every(byte => byte === 0))).toBe(true);
  all.nvme.function.restore(saved);
  await all.nvme.idle();
  all.nvme.function.reset();
});
