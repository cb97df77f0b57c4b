/**
 * Memory balloon (virtio 1.2, 5.5): pages that the guest gives up are zeroes until it takes them back. With a host that can,
 * their memory would be free; Node has no way to give back a part of a SharedArrayBuffer, so that they stay the process's, but
 * they cost nothing in a saved state. Left out: free page hinting, page poisoning, and free page reporting, which would cost the
 * time of zeroing and free nothing.
 */
import type { Dma } from '../../memory/dma.ts';
import type { AccessSize } from '../../memory/region.ts';
import { gather, slice } from './buffers.ts';
import type { VirtioCore, VirtioPort } from './virtio-core.ts';

const INFLATE = 0, STATISTICS = 2;
const F_STATS_QUEUE = 1 << 1, F_DEFLATE_ON_OOM = 1 << 2;
const PAGE = 4096, PAGES_IN_MIB = 256;
const TARGET = 0, ACTUAL = 4;
const STATISTIC_BYTES = 10, REQUEST_BYTES_MOST = 0x10000;
const ZEROES = new Uint8Array(PAGE);

/** Tags of statistics that are shown (5.5.6.3). */
const STAT_FREE = 4, STAT_TOTAL = 5, STAT_AVAILABLE = 6;

/** What the guest said of its memory, in bytes. */
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
  readonly features = F_STATS_QUEUE | F_DEFLATE_ON_OOM;
  readonly queueSizes = [128, 128, 16];
  readonly config = new Uint8Array(8);
  private readonly dma: Dma;
  private readonly page = new Uint8Array(PAGE);
  private readonly pageWords = new BigUint64Array(this.page.buffer);
  private readonly words = new DataView(this.config.buffer);
  private port!: VirtioPort;
  private statisticsHead: number | null = null;
  private statistics: GuestMemory | null = null;

  /** No IOMMU may be in the way: pages have the numbers that they have in RAM. */
  constructor({ dma }: { readonly dma: Dma }) { this.dma = dma; }

  attach(port: VirtioPort): void { this.port = port; }

  /** How much the guest is to give up, and how much it did. */
  get targetMib(): number { return this.words.getUint32(TARGET, true) / PAGES_IN_MIB; }
  get actualMib(): number { return this.words.getUint32(ACTUAL, true) / PAGES_IN_MIB; }
  /** As it said last. */
  get guestMemory(): GuestMemory | undefined { return this.statistics ?? undefined; }

  setTarget(mib: number): void {
    this.words.setUint32(TARGET, mib * PAGES_IN_MIB, true);
    this.port.configurationChanged();
  }

  /** Has the guest say anew what its memory is: it fills the buffer that it gets back. */
  askStatistics(): void {
    if (this.statisticsHead === null) return;
    const head = this.statisticsHead;
    this.statisticsHead = null;
    this.port.queue(STATISTICS).complete(head, 0);
  }

  /** Only how much it has given up is the driver's. */
  configure(offset: number, size: AccessSize, value: number): void {
    if (offset !== ACTUAL || size !== 4) return this.port.fail('configuration was written where it cannot be');
    this.words.setUint32(ACTUAL, value, true);
  }

  notified(number: number): void {
    if (number === STATISTICS) return this.takeStatistics();
    const queue = this.port.queue(number);
    for (let chain = queue.pop(); chain !== undefined; chain = queue.pop()) {
      if (number === INFLATE) this.inflate(gather(this.dma, slice(chain.readable, 0, REQUEST_BYTES_MOST)));
      queue.complete(chain.head, 0);
    }
  }

  /** Pages that are zeroes already are not written to, as a host has no memory for those that never were. */
  private inflate(bytes: Uint8Array) {
    const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let at = 0; at + 4 <= bytes.length; at += 4) {
      const address = words.getUint32(at, true) * PAGE;
      if (this.dma.read(address, this.page) && this.pageWords.some(word => word !== 0n)) this.dma.write(address, ZEROES);
    }
  }

  private takeStatistics() {
    const chain = this.statisticsHead === null ? this.port.queue(STATISTICS).pop() : undefined;
    if (chain === undefined) return;
    const bytes = gather(this.dma, slice(chain.readable, 0, REQUEST_BYTES_MOST)), words = new DataView(bytes.buffer), values = new Map<number, number>();
    for (let at = 0; at + STATISTIC_BYTES <= bytes.length; at += STATISTIC_BYTES) values.set(words.getUint16(at, true), Number(words.getBigUint64(at + 2, true)));
    const of = (tag: number) => values.get(tag) ?? 0;
    this.statistics = { freeBytes: of(STAT_FREE), totalBytes: of(STAT_TOTAL), availableBytes: of(STAT_AVAILABLE) };
    this.statisticsHead = chain.head;
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
