/**
 * A guest that does anything to any device of the board, by seed: registers of all of them, and virtio rings in RAM whose
 * descriptors loop, are huge, lie outside RAM or point at device registers. Nothing throws, hangs, or touches memory
 * outside the RAM, and what comes out of it can still be saved and restored. Without an SMMU, so that all addresses arrive.
 */
import { expect, test } from 'vitest';
import type { Ipa } from '../../shared/base/ids.ts';
import { DISPLAY_ADAPTERS, POINTERS, USUAL_DISPLAY } from '../../shared/model/display.ts';
import { DISK_BUSES, VIRTIO_BUSES } from '../../shared/model/vm.ts';
import { fuzzRandom, type FuzzRandom } from '../devices/fuzz-random.ts';
import { memoryDisk } from '../devices/memory-disk.ts';
import { FRAME_RING_BYTES, FrameRing } from '../fabric/frame-ring.ts';
import { NO_OFFLOAD, type Mac } from '../fabric/frame.ts';
import {
  FLASH, FW_CFG, GIC_DISTRIBUTOR, GIC_ITS, GIC_REDISTRIBUTORS, GITS_TRANSLATER, GPIO, PCI_ECAM, PCI_WINDOW, RAM_BASE, RTC, UART, VIRTIO_SLOTS, virtioSlot, WATCHDOG,
} from '../firmware/board-map.ts';
import { GuestRam } from '../memory/guest-ram.ts';
import type { SystemCounter } from '../time/system-counter.ts';
import { TestClock } from '../time/test-clock.ts';
import { Board } from './board.ts';

const RAM_BYTES = 0x80000, GUARD = 0x10000, STEPS = 8000, PHASE = 100, DISK_BYTES = 0x10000;
/** Of RAM, for the rings of one queue: descriptors, then the driver's area, then the device's. */
const RINGS_BYTES = 0x2000, DRIVER = 0x1000, DEVICE = 0x1800, QUEUE_ENTRIES = 8, WRITABLE_FROM = 3;
const FLASH_BYTES = 0x40000;
const RANGES = [{ base: FLASH.base, size: FLASH_BYTES }, GIC_DISTRIBUTOR, GIC_ITS, { base: GIC_REDISTRIBUTORS.base, size: 0x40000 }, UART, RTC, FW_CFG, GPIO, WATCHDOG.control, WATCHDOG.refresh, PCI_ECAM, { base: PCI_WINDOW.base, size: 0x10_0000 }, { base: virtioSlot(0).base, size: VIRTIO_SLOTS * 0x200 }];

/** A tick each nanosecond. */
const counterOf = (clock: TestClock): SystemCounter => ({ hz: 1e9, get count() { return BigInt(clock.nowNs); }, nsAt: Number });

interface Queue { readonly device: string; readonly rings: number; readonly notify: () => void }

class FuzzedBoard {
  readonly board: Board;
  readonly ram: GuestRam;
  readonly clock = new TestClock();
  readonly sent = new FrameRing(new SharedArrayBuffer(FRAME_RING_BYTES), 0);
  readonly received = new FrameRing(new SharedArrayBuffer(FRAME_RING_BYTES), 0);
  queues: readonly Queue[] = [];
  private readonly r: FuzzRandom;

  constructor(memory: SharedArrayBuffer, r: FuzzRandom) {
    this.r = r;
    this.ram = new GuestRam({ buffer: memory, byteOffset: GUARD, sizeBytes: RAM_BYTES, base: RAM_BASE });
    this.board = new Board({
      ram: this.ram, clock: this.clock, cpus: 2, virtioBus: r.pick(VIRTIO_BUSES), disks: (['virtio-mmio', 'cdrom', ...DISK_BUSES, ...DISK_BUSES] as const).map((bus) => ({ bus, medium: memoryDisk(new Uint8Array(DISK_BYTES)) })),
      nics: [{ mac: [0x52, 0x54, 0, 1, 2, 3] as unknown as Mac, mtu: 1500, tx: this.sent, rx: this.received, filterChanged: () => {} }],
      display: { ...USUAL_DISPLAY, adapter: r.pick(DISPLAY_ADAPTERS), heads: 2, fixedSize: { width: 320, height: 200 } },
      flash: [{ contents: new Uint8Array(FLASH_BYTES), showsArray: () => {}, changed: () => {} }],
      watchdog: { counter: counterOf(this.clock), ws1: { set: () => {} } },
      wallMs: () => 0, random: (length) => new Uint8Array(length), consoleOutput: () => {}, virtioConsoleOutput: () => {}, kick: () => {},
    });
  }

  poke(at: number, value: number, size: 1 | 2 | 4 | 8 = 4): void { this.board.bus.write(at as Ipa, size, BigInt(value)); }
  peek(at: number, size: 1 | 2 | 4 | 8 = 4): number { return Number(this.board.bus.read(at as Ipa, size)); }

  /** What drivers would do first, so that the rest has something to break. */
  bringUp(): void {
    this.board.reset();
    this.ram.write(RAM_BASE, new Uint8Array(RAM_BYTES / 2));
    let rings = RAM_BASE;
    const nextRings = () => { const at = rings; rings += RINGS_BYTES; return at; };
    this.queues = [...this.board.virtio.flatMap((_, slot) => this.bringUpMmio(virtioSlot(slot).base, nextRings)), ...this.bringUpPci(nextRings)];
    expect(rings).toBeLessThanOrEqual(RAM_BASE + RAM_BYTES / 2);
  }

  private bringUpMmio(base: number, nextRings: () => number): Queue[] {
    for (const status of [0, 3]) this.poke(base + 0x70, status);
    for (const word of [0, 1]) { this.poke(base + 0x14, word); this.poke(base + 0x24, word); this.poke(base + 0x20, this.peek(base + 0x10)); }
    this.poke(base + 0x70, 11);
    const queues: Queue[] = [];
    for (let n = 0; this.poke(base + 0x30, n), this.peek(base + 0x34) > 0; n++) {
      const at = nextRings();
      this.poke(base + 0x38, QUEUE_ENTRIES);
      this.poke(base + 0x80, at);
      this.poke(base + 0x90, at + DRIVER);
      this.poke(base + 0xa0, at + DEVICE);
      this.poke(base + 0x44, 1);
      queues.push({ device: `virtio-mmio ${this.peek(base + 8)}`, rings: at, notify: () => this.poke(base + 0x50, n) });
    }
    this.poke(base + 0x70, 15);
    return queues;
  }

  /** Each function of bus 0 gets an MiB of the window, in which its BARs are. */
  private bringUpPci(nextRings: () => number): Queue[] {
    const queues: Queue[] = [];
    for (let device = 1; device < 32; device++) {
      const config = PCI_ECAM.base + (device << 15), bars = PCI_WINDOW.base + device * 0x8000;
      const vendor = this.peek(config, 2);
      if (vendor === 0xffff || (this.peek(config + 0xc) & 0x7f0000) !== 0) continue;
      [0x10, 0x14, 0x20].forEach((bar, n) => this.poke(config + bar, bars + n * 0x4000 % 0x8000));
      for (const high of [0x24, ...(vendor === 0x1af4 ? [] : [0x14])]) this.poke(config + high, 0);
      this.poke(config + 4, 6, 2);
      for (let at = 0x40; at < 0x100; at += 4) if (this.peek(config + at, 1) === 0x11) this.poke(config + at + 2, 0x8000, 2);
      if (vendor === 0x1af4) queues.push(...this.bringUpVirtioPci(`virtio-pci ${this.peek(config + 2, 2) - 0x1040}`, bars, nextRings));
    }
    return queues;
  }

  private bringUpVirtioPci(device: string, base: number, nextRings: () => number): Queue[] {
    for (const status of [0, 3]) this.poke(base + 0x14, status, 1);
    for (const word of [0, 1]) { this.poke(base, word); this.poke(base + 8, word); this.poke(base + 0xc, this.peek(base + 4)); }
    this.poke(base + 0x14, 11, 1);
    const queues: Queue[] = [];
    for (let n = 0, count = this.peek(base + 0x12, 2); n < count; n++) {
      const at = nextRings();
      this.poke(base + 0x16, n, 2);
      this.poke(base + 0x18, QUEUE_ENTRIES, 2);
      [at, 0, at + DRIVER, 0, at + DEVICE, 0].forEach((value, word) => this.poke(base + 0x20 + 4 * word, value));
      this.poke(base + 0x1c, 1, 2);
      queues.push({ device, rings: at, notify: () => this.poke(base + 0x3000 + 4 * n, n, 2) });
    }
    this.poke(base + 0x14, 15, 1);
    return queues;
  }

  step(): void {
    const { r, board, ram, clock } = this;
    r.pick([
      () => { const { base, size } = r.pick(RANGES); this.poke(base + this.offset(size), this.value(), r.pick([1, 2, 4, 4, 8])); },
      () => { const { base, size } = r.pick(RANGES); this.peek(base + this.offset(size), r.pick([1, 2, 4, 4, 8])); },
      () => this.useQueue(), () => this.useQueue(), () => this.useQueue(), () => this.useQueue(),
      () => { ram.store(RAM_BASE + 4 * r.below(RAM_BYTES / 4), 4, this.value()); },
      () => { board.type(new Uint8Array(r.below(40))); board.virtioConsole!.type(new Uint8Array(r.below(40))); },
      () => { this.received.pushFrame({ bytes: new Uint8Array(14 + r.below(3000)).fill(r.pick([0xff, 0x52])), offload: NO_OFFLOAD }); this.takeFrames(); board.pollNics(); },
      () => clock.runTo(clock.nowNs + r.below(1e8)), () => this.useDisplay(),
    ])();
  }

  private useDisplay() {
    const { r } = this, display = this.board.display!, mode = { width: 320, height: 200 + r.below(9), widthMm: 80, heightMm: 50 };
    display.keyboard.key(r.below(256), r.below(2) === 0);
    display.configure({ heads: Array.from({ length: r.below(3) }, () => mode), pointer: r.pick(POINTERS) });
    for (let head = 0; head < display.heads; head++) {
      const surface = display.surface(head);
      if (surface !== undefined) expect(surface.offset + surface.strideBytes * (surface.height - 1) + 4 * surface.width).toBeLessThanOrEqual(surface.pixels.byteLength);
    }
  }

  private takeFrames() { while (this.sent.peek() !== undefined) this.sent.shift(); }

  /** Devices that gave buffers back since they were brought up. */
  get answered(): readonly string[] { return this.queues.filter(({ rings }) => this.ram.load(rings + DEVICE + 2, 2) !== 0).map(({ device }) => device); }

  /** A few chains, sound more often than not: a device that was lied to is deaf until its driver resets it. */
  private useQueue() {
    const { r, ram } = this, { rings, notify } = r.pick(this.queues), chains = 1 + r.below(3), lies = r.below(15) === 0;
    const maybe = (lie: () => number, truth: number) => (lies && r.below(4) === 0 ? lie() : truth);
    for (let entry = 0; entry < QUEUE_ENTRIES; entry++) {
      const at = rings + 16 * entry, last = entry === QUEUE_ENTRIES - 1;
      ram.store(at, 4, maybe(() => this.value(), this.buffer()));
      ram.store(at + 4, 4, maybe(() => this.value(), 0));
      ram.store(at + 8, 4, maybe(() => this.value(), r.pick([1, 8, 16, 24, 51, 108, 512, 4096])));
      ram.store(at + 12, 2, maybe(() => r.below(0x10000), (entry >= WRITABLE_FROM ? 2 : 0) | (last ? 0 : r.below(4) && 1)));
      ram.store(at + 14, 2, maybe(() => r.below(0x10000), (entry + 1) % QUEUE_ENTRIES));
      this.header(ram.load(at, 4)!);
    }
    const index = ram.load(rings + DRIVER + 2, 2)!;
    for (let n = 0; n < chains; n++) ram.store(rings + DRIVER + 4 + 2 * ((index + n) % QUEUE_ENTRIES), 2, maybe(() => r.below(0x10000), r.below(QUEUE_ENTRIES)));
    ram.store(rings + DRIVER + 2, 2, index + maybe(() => r.below(0x10000), chains));
    notify();
  }

  /** Above the rings. */
  private buffer() { return RAM_BASE + RAM_BYTES / 2 + this.r.below(RAM_BYTES / 2 - 0x1000) & ~15; }

  /** Requests begin with small numbers. */
  private header(at: number) { for (let word = 0; word < 4; word++) this.ram.store(at + 4 * word, 4, this.r.pick([0, 0, 1, this.r.below(16), this.r.below(256)])); }

  private offset(size: number) { return this.r.pick([this.r.below(size), this.r.below(0x200), 4 * this.r.below(0x80)]) & ~this.r.pick([0, 3, 3, 7]); }

  /** Numbers that mean something to somebody. */
  private value(): number {
    const { r } = this;
    return r.pick([
      () => r.next(), () => r.below(256), () => 0, () => 0xffff_ffff, () => RAM_BASE + r.below(RAM_BYTES), () => RAM_BASE + RAM_BYTES - r.below(16), () => RAM_BASE - r.below(16),
      () => PCI_WINDOW.base + 0x1000 * r.below(64), () => GITS_TRANSLATER, () => UART.base, () => GIC_ITS.base + r.below(0x200), () => 2 ** r.below(32),
    ])() >>> 0;
  }
}

test.each(Array.from({ length: 8 }, (_, n) => n + 1))('seed %i', async (seed) => {
  const memory = new SharedArrayBuffer(2 * GUARD + RAM_BYTES), bytes = new Uint8Array(memory), r = fuzzRandom(seed), fuzzed = new FuzzedBoard(memory, r);
  const answered = new Set<string>();
  for (let n = 0; n < STEPS; n++) {
    if (n % PHASE === 0) fuzzed.bringUp();
    fuzzed.step();
    if (n % PHASE === PHASE - 1) fuzzed.answered.forEach((device) => answered.add(device));
    if (n % 32 === 0) await new Promise((resolve) => { setImmediate(resolve); });
  }
  const { board } = fuzzed;
  await board.disksIdle();
  expect([bytes.subarray(0, GUARD), bytes.subarray(GUARD + RAM_BYTES)].every((guard) => guard.every((byte) => byte === 0))).toBe(true);
  expect(answered).toEqual(new Set(fuzzed.queues.map(({ device }) => device)));
  board.restore(structuredClone(board.save()));
  for (let n = 0; n < PHASE; n++) fuzzed.step();
  await board.disksIdle();
});
