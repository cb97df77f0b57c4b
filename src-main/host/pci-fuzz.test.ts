/**
 * A guest that does anything to PCI Express and the SMMU, by seed: configuration space, BARs, MSI-X tables, virtio queues,
 * tables and commands in RAM. Whatever it does, nothing throws, hangs, or touches memory outside the RAM.
 */
import { expect, test } from 'vitest';
import type { Ipa } from '../../shared/base/ids.ts';
import { POINTERS, USUAL_DISPLAY } from '../../shared/model/display.ts';
import { fuzzRandom, type FuzzRandom } from '../devices/fuzz-random.ts';
import { memoryDisk } from '../devices/memory-disk.ts';
import { GITS_TRANSLATER, PCI_ECAM, PCI_WINDOW, RAM_BASE, SMMU } from '../firmware/board-map.ts';
import { GuestRam } from '../memory/guest-ram.ts';
import { TestClock } from '../time/test-clock.ts';
import { Board } from './board.ts';

const RAM_BYTES = 0x10000, GUARD = 0x10000, STEPS = 3000;

/** Numbers that mean something to somebody. */
const value = (r: FuzzRandom) => r.pick([
  () => r.next(), () => r.below(256), () => 0, () => 0xffff_ffff, () => RAM_BASE + r.below(RAM_BYTES), () => RAM_BASE + 0x1000 * r.below(RAM_BYTES / 0x1000) + r.pick([1, 3, 0x443, 0x441, 0xb, 5]),
  () => PCI_WINDOW.base + 0x1000 * r.below(64), () => GITS_TRANSLATER, () => SMMU.base + r.below(0x200), () => r.pick([0x46, 0x1046, 0x12, 0x03, 0x04]), () => 2 ** r.below(32), () => RAM_BASE + RAM_BYTES - r.below(16),
])();

function build(memory: SharedArrayBuffer) {
  const ram = new GuestRam({ buffer: memory, byteOffset: GUARD, sizeBytes: RAM_BYTES, base: RAM_BASE });
  const medium = memoryDisk(new Uint8Array(0x10000));
  const clock = new TestClock();
  const board = new Board({
    ram, clock, cpus: 1, iommu: true, disks: [{ medium, bus: 'virtio' }], display: USUAL_DISPLAY, wallMs: () => 0, random: (length) => new Uint8Array(length), consoleOutput: () => {}, kick: () => {},
  });
  return { board, ram, clock, medium };
}

/** What a driver would do first, so that the rest has something to break. */
function bringUp({ board, ram }: ReturnType<typeof build>, r: FuzzRandom) {
  const poke = (at: number, v: number, size: 1 | 2 | 4 = 4) => { if (!ram.store(at, size, v)) board.bus.write(at as Ipa, size, BigInt(v)); };
  const disk = PCI_ECAM.base + (1 << 15), bar = PCI_WINDOW.base;
  poke(disk + 0x20, bar);
  poke(disk + 0x14, bar + 0x4000);
  poke(disk + 4, 6, 2);
  for (let at = 0x40; at < 0x100; at += 4) if (board.bus.read((disk + at) as Ipa, 1) === 0x11n) poke(disk + at + 2, 0x8000, 2);
  for (let word = 0; word < 8; word++) poke(bar + 0x4000 + 4 * word, word % 4 === 0 ? RAM_BASE + 4 * word : 0);
  for (const status of [0, 3, 11]) { poke(bar + 8, 1); poke(bar + 0xc, 3); poke(bar + 0x14, status, 1); }
  [RAM_BASE, 0, RAM_BASE + 0x1000, 0, RAM_BASE + 0x2000, 0].forEach((v, word) => poke(bar + 0x20 + 4 * word, v));
  poke(bar + 0x18, 8, 2);
  poke(bar + 0x1c, 1, 2);
  poke(bar + 0x14, 15, 1);
  [[0x80, RAM_BASE + 0x4000], [0x88, 6], [0x90, RAM_BASE + 0x8000 | 4], [0xa0, RAM_BASE + 0x9000 | 4]].forEach(([at, v]) => poke(SMMU.base + at!, v!));
  if (r.below(2) === 0) return poke(SMMU.base + 0x20, 0);
  // The disk's stream sees RAM where it is, by way of three levels of tables.
  const store = (at: number, low: number, high = 0) => { poke(RAM_BASE + at, low); poke(RAM_BASE + at + 4, high); };
  store(0x4200, RAM_BASE + 0x6000 | 0xb);
  store(0x6000, (25 | 1 << 31) >>> 0, 7 << 16 | 1 << 13 | 1 << 9 | 5);
  store(0x6008, RAM_BASE + 0x7000);
  store(0x7008, RAM_BASE + 0xa000 | 3);
  store(0xa000, RAM_BASE + 0xb000 | 3);
  for (let page = 0; page < 16; page++) store(0xb000 + 8 * page, RAM_BASE + 0x1000 * page | 0x443);
  poke(SMMU.base + 0x20, 0xd);
}

function step({ board, ram, clock }: ReturnType<typeof build>, r: FuzzRandom) {
  const poke = (at: number, v: number) => board.bus.write(at as Ipa, r.pick([1, 2, 4, 4, 8]), BigInt(v));
  const smmu = () => SMMU.base + r.pick([4 * r.below(64), 0x20, 0x98, 0x9c, 0x80, 0x88, 0x90, 0x1_00ac]);
  const device = () => PCI_ECAM.base + r.pick([1 << 15, 16 << 15, 17 << 15, 24 << 15, 1 << 20, r.below(PCI_ECAM.size) & ~0xfff]);
  r.pick([
    () => poke(device() + r.pick([4, 0x10, 0x14, 0x18, 0x20, 0x24, 0x40, 0x48, 0x50, 0x60, r.below(0x140)]) % 0x1000, value(r)),
    () => { board.bus.read((device() + r.below(0x1000)) as Ipa, r.pick([1, 2, 4, 8])); },
    () => poke(PCI_WINDOW.base + r.below(0x6000), value(r)),
    () => poke(PCI_WINDOW.base + 0x3000, 0),
    () => { board.bus.read((PCI_WINDOW.base + r.below(0x6000)) as Ipa, r.pick([1, 2, 4])); },
    () => poke(smmu(), value(r)),
    () => { board.bus.read(smmu() as Ipa, 4); },
    () => { ram.store(RAM_BASE + 4 * r.below(RAM_BYTES / 4), 4, value(r)); },
    () => { ram.store(RAM_BASE + 0x1002, 2, ram.load(RAM_BASE + 0x1002, 2)! + r.below(3)); },
    () => { const at = RAM_BASE + 16 * r.below(8); ram.store(at, 4, value(r)); ram.store(at + 4, 4, r.pick([0, 0, 0, value(r)])); ram.store(at + 8, 4, r.pick([16, 512, 1, value(r)])); ram.store(at + 12, 4, r.below(8) | r.below(10) << 16); },
    () => { const slot = r.below(2), port = board.pci.ports[slot]!; if (port.plugged === undefined) board.plug(slot, () => board.diskFunction(`extra-${slot}`, 'virtio', build(new SharedArrayBuffer(2 * GUARD + RAM_BYTES)).medium)); else void board.unplug(slot, 1e9); },
    () => { board.display!.configure({ heads: [], pointer: r.pick(POINTERS) }); },
    () => clock.runTo(clock.nowNs + r.below(1e9)),
  ])();
}

test.each([1, 2, 3, 4, 5, 6, 7, 8])('seed %i', async (seed) => {
  const r = fuzzRandom(seed), memory = new SharedArrayBuffer(2 * GUARD + RAM_BYTES), all = build(memory), bytes = new Uint8Array(memory);
  bringUp(all, r);
  for (let n = 0; n < STEPS; n++) {
    step(all, r);
    if (n % 64 === 0) await new Promise((resolve) => { setImmediate(resolve); });
    if (n % 100 === 99) bringUp(all, r);
  }
  await all.board.disksIdle();
  expect([bytes.subarray(0, GUARD), bytes.subarray(GUARD + RAM_BYTES)].every((guard) => guard.every((byte) => byte === 0))).toBe(true);
  const saved = structuredClone(all.board.save());
  all.board.restore(saved);
  await all.board.disksIdle();
  all.board.reset();
});
