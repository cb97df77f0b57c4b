/** A guest that does anything to a SCSI host, by seed. Whatever it does, nothing throws, hangs, or touches memory outside the RAM. */
import { expect, test } from 'vitest';
import { GuestRam } from '../../memory/guest-ram.ts';
import { fuzzRandom, type FuzzRandom } from '../fuzz-random.ts';
import { memoryDisk } from '../memory-disk.ts';
import { CDROM, DISK, ScsiUnit } from '../scsi/scsi-unit.ts';
import { VirtioMmio } from './mmio.ts';
import { VirtioScsi } from './scsi.ts';

const RAM = 0x4000_0000, RAM_BYTES = 0x10000, GUARD = 0x10000, STEPS = 8000, PAGE = 0x1000;
const QUEUES = 6, ENTRIES = 8, REGISTERS_OF_OTHERS = 0x0900_0000;
const OPCODES = [
  0x00, 0x03, 0x08, 0x0a, 0x12, 0x1a, 0x1b, 0x1e, 0x25, 0x28, 0x2a, 0x2b, 0x2f, 0x35, 0x41, 0x42, 0x43, 0x46, 0x4a, 0x51, 0x5a, 0x88, 0x8a, 0x8f, 0x91, 0x93, 0x9e, 0xa0, 0xa8, 0xaa, 0xaf, 0xbb, 0xbd,
] as const;

function build() {
  const buffer = new SharedArrayBuffer(2 * GUARD + RAM_BYTES), ram = new GuestRam({ buffer, byteOffset: GUARD, sizeBytes: RAM_BYTES, base: RAM });
  const media = [memoryDisk(new Uint8Array(0x4000)), memoryDisk(new Uint8Array(0x2000), true), memoryDisk(new Uint8Array(0x2000), true)] as const;
  const units = [new ScsiUnit({ type: DISK, medium: media[0], serial: 'a' }), new ScsiUnit({ type: DISK, medium: media[1], serial: 'b' }), new ScsiUnit({ type: CDROM, medium: media[2], serial: 'c' })] as const;
  const scsi = new VirtioScsi({ dma: ram, units }), errors: string[] = [];
  const device = new VirtioMmio({ name: 'virtio0', core: scsi, dma: ram, line: { set: () => { /* nobody looks */ } }, guestError: what => { errors.push(what); } });
  return { buffer, ram, media, units, scsi, device, errors };
}
type All = ReturnType<typeof build>;

const wild = (r: FuzzRandom) => r.pick([() => RAM + r.below(RAM_BYTES), () => RAM + RAM_BYTES - r.below(64), () => REGISTERS_OF_OTHERS + r.below(PAGE), () => r.next()])();
const address = (r: FuzzRandom) => (r.below(20) === 0 ? wild(r) : RAM + 0xb000 + r.below(0x3000));
const value = (r: FuzzRandom) => r.pick([() => r.next(), () => r.below(40), () => 0, () => 0xffff_ffff, () => address(r), () => 2 ** r.below(32)])();
const put = ({ device }: All, at: number, v: number) => device.regions.registers.write(at, 4, v >>> 0);

function bringUp(all: All) {
  for (const status of [0, 3]) put(all, 0x70, status);
  [[0x24, 0], [0x20, 2], [0x24, 1], [0x20, 1], [0x70, 11]].forEach(([at, v]) => put(all, at!, v!));
  for (let queue = 0; queue < QUEUES; queue++) {
    const at = RAM + queue * PAGE;
    all.ram.write(at, new Uint8Array(PAGE));
    [[0x30, queue], [0x38, ENTRIES], [0x80, at], [0x84, 0], [0x90, at + 0x400], [0x94, 0], [0xa0, at + 0x800], [0xa4, 0], [0x44, 1]].forEach(([register, v]) => put(all, register!, v!));
  }
  put(all, 0x70, 15);
}

/** Mostly a request that means something, with anything in its fields. */
function request(all: All, r: FuzzRandom, at: number, queue: number) {
  const bytes = new Uint8Array(51), isControl = queue === 0, target = r.pick([0, 0, 1, 2, r.below(256)]), place = isControl ? 8 : 0;
  if (isControl) [bytes[0], bytes[4], bytes[16]] = [r.pick([0, 0, 0, 1, 2, r.below(256)]), r.below(10), r.below(8)];
  else {
    for (let n = 0; n < 12; n++) bytes[20 + n] = r.pick([0, 0, 0, 0, 0, r.below(4), r.below(256)]);
    [bytes[8], bytes[19]] = [r.below(8), r.pick([...OPCODES, r.below(256)])];
  }
  bytes.set([r.pick([1, 1, 1, 1, r.below(256)]), target, 0x40, r.pick([0, 0, 0, 1])], place);
  all.ram.write(at, bytes);
}

function offer(all: All, r: FuzzRandom) {
  const queue = r.below(QUEUES), base = RAM + queue * PAGE, head = r.below(ENTRIES), header = RAM + 0x8000 + 64 * r.below(64), out = r.pick([0, 0, 24, 512, r.below(0x2000)]), back = r.pick([0, 36, 512, r.below(0x2000)]);
  request(all, r, header, queue);
  const parts = [
    ...(queue === 1 ? [] : [[header, r.below(20) === 0 ? r.below(64) : queue === 0 ? 24 : 51, 0]]), ...(out === 0 ? [] : [[address(r), out, 0]]),
    [RAM + 0xa000 + r.below(0x100), r.below(20) === 0 ? r.below(128) : 108, 2], ...(back === 0 ? [] : [[address(r), back, 2]]),
  ] as [number, number, number][];
  parts.forEach(([where, length, flags], n) => {
    const at = base + 16 * ((head + n) % ENTRIES), hasNext = n + 1 < parts.length || r.below(100) === 0;
    [where, 0, length, r.below(200) === 0 ? r.next() : flags | (hasNext ? 1 : 0) | (head + n + 1) % ENTRIES << 16].forEach((word, k) => all.ram.store(at + 4 * k, 4, word));
  });
  const index = all.ram.load(base + 0x402, 2)!;
  all.ram.store(base + 0x404 + 2 * (index % ENTRIES), 2, head);
  all.ram.store(base + 0x402, 2, index + 1);
  put(all, 0x50, queue);
}

function step(all: All, r: FuzzRandom) {
  r.pick([
    () => offer(all, r), () => offer(all, r), () => offer(all, r), () => offer(all, r), () => offer(all, r), () => offer(all, r),
    () => { if (r.below(10) === 0) put(all, r.pick([0x114, 0x118, 0x100 + 4 * r.below(12), 4 * r.below(0x40)]), value(r)); },
    () => { all.device.regions.registers.read(4 * r.below(0x60), 4); },
    () => { if (r.below(10) === 0) all.ram.store(RAM + 4 * r.below(RAM_BYTES / 4), 4, value(r)); },
    () => { if (r.below(10) === 0) all.units[2].change(r.pick([undefined, all.media[2], all.media[1]])); },
    () => { if (r.below(10) === 0) r.pick([() => all.scsi.unplug(1), () => all.scsi.plug(1, all.units[1])])(); },
    () => { all.media[r.below(3)]!.broken = r.below(4) === 0; },
  ])();
}

test.each([1, 2, 3, 4, 5, 6, 7, 8])('seed %i', async seed => {
  const r = fuzzRandom(seed), all = build(), bytes = new Uint8Array(all.buffer);
  for (let n = 0; n < STEPS; n++) {
    if (n % 100 === 0 || (all.device.function.status & 0x40) !== 0) bringUp(all);
    step(all, r);
    if (n % 4 === 0) await new Promise(resolve => { setImmediate(resolve); });
  }
  const saved = structuredClone(all.device.save());
  await all.scsi.idle();
  expect([bytes.subarray(0, GUARD), bytes.subarray(GUARD + RAM_BYTES)].every(guard => guard.every(byte => byte === 0))).toBe(true);
  all.device.restore(saved);
  await all.scsi.idle();
  all.device.reset();
});
