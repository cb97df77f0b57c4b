/**
 * Memory balloon (virtio 1.2, 5.5): pages that the guest gives up are zeroes until it takes them back. With a host that can,
 * their memory would be free; Node has no way to give back parts of a SharedArrayBuffer, so that they stay the process's, but cost
 * nothing in a saved state. Left out: free page hinting, page poisoning.
 */
import type { Dma } from '../../memory/dma.ts';
import type { AccessSize } from '../../memory/region.ts';
import { gather, lengthOf, slice } from './buffers.ts';
import type { VirtioCore, VirtioPort } from './virtio-core.ts';

const INFLATE = 0, DEFLATE = 1, STATISTICS = 2, REPORTING = 3;
const F_STATS_QUEUE = 1 << 1, F_DEFLATE_ON_OOM = 1 << 2, F_PAGE_REPORTING = 1 << 5;
const PAGE = 4096, PAGES_IN_MIB = 256;
const TARGET = 0, ACTUAL = 4;
const STATISTIC_BYTES = 10, REQUEST_BYTES_MOST = 0x10000;
const ZEROES = new Uint8Array(0x40000);

/** Tags of statistics that are shown (5.5.6.3). */
const STAT_FREE = 4, STAT_TOTAL = 5, STAT_AVAILABLE = 6;

/** What the guest said of its memory when it was last asked, in bytes. */
export interface GuestMemory { readonly freeBytes: number; readonly totalBytes: number; readonly availableBytes: number }

export interface VirtioBalloonState {
  readonly targetPages: number;
  readonly actualPages: number;
  /** The chain that brings the next statistics once it is given back. */
  readonly statisticsHead: number | null;
  readonly statistics: GuestMemory | null;
}

export class VirtioBalloon implements VirtioCore<VirtioBalloonState> {
  readonly name = 'virtio-balloon';
  readonly deviceId = 5;
  readonly features = F_STATS_QUEUE | F_DEFLATE_ON_OOM | F_PAGE_REPORTING;
  readonly queueSizes = [128, 128, 16, 64];
  readonly config = new Uint8Array(8);
  private readonly dma: Dma;
  private readonly ram: Dma;
  private readonly words = new DataView(this.config.buffer);
  private port!: VirtioPort;
  private statisticsHead: number | null = null;
  private statistics: GuestMemory | null = null;

  /** `dma` is what the queues are in; pages are numbers of `ram`, which no IOMMU hides. */
  constructor({ dma, ram }: { readonly dma: Dma; readonly ram: Dma }) {
    this.dma = dma;
    this.ram = ram;
  }

  attach(port: VirtioPort): void { this.port = port; }

  /** How much the guest is to give up, and how much it has. */
  get targetMib(): number { return this.words.getUint32(TARGET, true) / PAGES_IN_MIB; }
  get actualMib(): number { return this.words.getUint32(ACTUAL, true) / PAGES_IN_MIB; }
  /** As the guest said last; this asks it again. */
  get guestMemory(): GuestMemory | undefined {
    this.askStatistics();
    return this.statistics ?? undefined;
  }

  setTarget(mib: number): void {
    this.words.setUint32(TARGET, mib * PAGES_IN_MIB, true);
    this.port.configurationChanged();
  }

  /** Only how much it has given up is the driver's. */
  configure(offset: number, size: AccessSize, value: number): void {
    if (offset !== ACTUAL || size !== 4) return this.port.fail('configuration was written where it cannot be');
    this.words.setUint32(ACTUAL, value, true);
  }

  notified(number: number): void {
    const queue = this.port.queue(number);
    if (number === STATISTICS && this.statisticsHead !== null) return;
    for (let chain = queue.pop(); chain !== undefined; chain = queue.pop()) {
      if (number === STATISTICS) { this.takeStatistics(gather(this.dma, slice(chain.readable, 0, REQUEST_BYTES_MOST))); this.statisticsHead = chain.head; return; }
      if (number === INFLATE) this.inflate(gather(this.dma, slice(chain.readable, 0, REQUEST_BYTES_MOST)));
      // What is reported is free: the guest reads it as zeroes, or does not care.
      if (number === REPORTING) for (const { address, length } of chain.writable) this.clear(this.dma, address, length);
      queue.complete(chain.head, number === DEFLATE ? 0 : Math.min(lengthOf(chain.writable), 0xffff_ffff));
    }
  }

  private inflate(bytes: Uint8Array) {
    const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at + 4 <= bytes.length; at += 4) this.clear(this.ram, words.getUint32(at, true) * PAGE, PAGE);
  }

  private clear(memory: Dma, address: number, length: number) {
    for (let at = 0; at < length; at += ZEROES.length) memory.write(address + at, ZEROES.subarray(0, Math.min(ZEROES.length, length - at)));
  }

  private takeStatistics(bytes: Uint8Array) {
    const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length), values = new Map<number, number>();
    for (let at = 0; at + STATISTIC_BYTES <= bytes.length; at += STATISTIC_BYTES) values.set(words.getUint16(at, true), Number(words.getBigUint64(at + 2, true)));
    const of = (tag: number) => values.get(tag) ?? 0;
    this.statistics = { freeBytes: of(STAT_FREE), totalBytes: of(STAT_TOTAL), availableBytes: of(STAT_AVAILABLE) };
  }

  /** The driver fills the buffer that it gets back. */
  private askStatistics() {
    if (this.statisticsHead === null) return;
    const head = this.statisticsHead;
    this.statisticsHead = null;
    this.port.queue(STATISTICS).complete(head, 0);
  }

  /** The target stays, as it comes from outside. */
  stop(): void {
    this.words.setUint32(ACTUAL, 0, true);
    this.statisticsHead = null;
    this.statistics = null;
  }

  reset(): void { this.stop(); }

  save(): VirtioBalloonState {
    return { targetPages: this.words.getUint32(TARGET, true), actualPages: this.words.getUint32(ACTUAL, true), statisticsHead: this.statisticsHead, statistics: this.statistics };
  }

  restore({ targetPages, actualPages, statisticsHead, statistics }: VirtioBalloonState): void {
    this.words.setUint32(TARGET, targetPages, true);
    this.words.setUint32(ACTUAL, actualPages, true);
    this.statisticsHead = statisticsHead;
    this.statistics = statistics;
  }
}
