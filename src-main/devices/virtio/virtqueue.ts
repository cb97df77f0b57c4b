/**
 * A split virtqueue (virtio 1.2, 2.7) with indirect descriptors and event indexes. Everything in it was written by the
 * guest, so everything is checked: a queue that breaks the rules stops until the driver resets the device.
 */
import type { Dma } from '../../memory/dma.ts';

const DESC_BYTES = 16;
const NEXT = 1;
const WRITE = 2;
const INDIRECT = 4;
const NO_INTERRUPT = 1;
/** Longest chain through an indirect table; drivers stay below the queue's size. */
const MAX_CHAIN = 1024;

export interface VirtqueueState {
  size: number;
  ready: boolean;
  /** Guest addresses, each as its low and high words. */
  descriptors: [number, number];
  driver: [number, number];
  device: [number, number];
  /** Free-running 16-bit indexes. */
  nextAvailable: number;
  nextUsed: number;
}

export const newQueue = (): VirtqueueState =>
  ({ size: 0, ready: false, descriptors: [0, 0], driver: [0, 0], device: [0, 0], nextAvailable: 0, nextUsed: 0 });

export interface GuestBuffer { readonly address: number; readonly length: number }

/** Buffers that the driver handed over together; all of them are in memory. */
export interface Chain { readonly head: number; readonly readable: readonly GuestBuffer[]; readonly writable: readonly GuestBuffer[] }

export interface VirtqueueIo {
  readonly dma: Dma;
  readonly maxSize: number;
  readonly eventIndexes: () => boolean;
  /** The driver wants to hear of buffers that were used. */
  readonly interrupt: () => void;
  /** The driver broke a rule. */
  readonly broken: (what: string) => void;
}

interface Descriptor { readonly address: number; readonly length: number; readonly flags: number; readonly next: number }
interface Table { readonly address: number; readonly entries: number; readonly indirect: boolean }

const wide = ([low, high]: readonly [number, number]) => high * 2 ** 32 + low;
const distance = (from: number, to: number) => (to - from) & 0xffff;

export class Virtqueue {
  state = newQueue();
  readonly maxSize: number;
  private readonly io: VirtqueueIo;
  private readonly descriptorBytes = new Uint8Array(DESC_BYTES);
  private stopped = false;

  constructor(io: VirtqueueIo) {
    this.io = io;
    this.maxSize = io.maxSize;
  }

  reset(): void { this.restore(newQueue()); }
  restore(state: VirtqueueState): void { this.state = structuredClone(state); this.stopped = false; }

  /** Whether `pop` has something to give. */
  get available(): boolean { return this.usable && this.waiting() !== 0; }

  /** How many chains `pop` has to give. */
  get count(): number { return this.usable ? this.waiting() ?? 0 : 0; }

  /** Takes the next chain that the driver made available. */
  pop(): Chain | undefined {
    if (!this.usable) return undefined;
    const waiting = this.waiting();
    if (waiting === undefined || waiting === 0) return undefined;
    if (waiting > this.state.size) return this.fail('more chains are available than fit the queue');
    const { nextAvailable, size } = this.state;
    const head = this.io.dma.load(this.driver + 4 + 2 * (nextAvailable % size), 2);
    const chain = head === undefined ? this.fail('the driver area is not in memory') : this.walk(head);
    if (chain === undefined) return undefined;
    this.state.nextAvailable = nextAvailable + 1 & 0xffff;
    if (this.io.eventIndexes()) this.io.dma.store(this.device + 4 + 8 * size, 2, this.state.nextAvailable);
    return chain;
  }

  /** The chain at `head` again, as a restored device needs it for what was under way. */
  chainAt(head: number): Chain | undefined { return this.usable ? this.walk(head) : undefined; }

  /** Gives a chain back, with `written` bytes in its writable buffers. */
  complete(head: number, written: number): void { this.completeAll([{ head, written }]); }

  /** Gives chains back at once: the driver sees all of them or none. */
  completeAll(chains: readonly { readonly head: number; readonly written: number }[]): void {
    if (!this.usable) return;
    const { nextUsed, size } = this.state, { dma } = this.io, after = nextUsed + chains.length & 0xffff;
    const stored = chains.every(({ head, written }, n) => {
      const element = this.device + 4 + 8 * ((nextUsed + n & 0xffff) % size);
      return dma.store(element, 4, head) && dma.store(element + 4, 4, written);
    });
    if (!stored || !dma.store(this.device + 2, 2, after)) {
      this.fail('the device area is not in memory');
      return;
    }
    this.state.nextUsed = after;
    if (this.interruptWanted(nextUsed, after)) this.io.interrupt();
  }

  private get usable() { return this.state.ready && !this.stopped; }
  private get driver() { return wide(this.state.driver); }
  private get device() { return wide(this.state.device); }

  private waiting(): number | undefined {
    const index = this.io.dma.load(this.driver + 2, 2);
    return index === undefined ? this.fail('the driver area is not in memory') : distance(this.state.nextAvailable, index);
  }

  /** With event indexes the driver names the used index after which it wants to hear, else it may want nothing. */
  private interruptWanted(before: number, after: number): boolean {
    if (!this.io.eventIndexes()) return ((this.io.dma.load(this.driver, 2) ?? 0) & NO_INTERRUPT) === 0;
    return distance(before, this.io.dma.load(this.driver + 4 + 2 * this.state.size, 2) ?? before) < distance(before, after);
  }

  private walk(head: number): Chain | undefined {
    const chain: { head: number; readable: GuestBuffer[]; writable: GuestBuffer[] } = { head, readable: [], writable: [] };
    let table: Table = { address: wide(this.state.descriptors), entries: this.state.size, indirect: false };
    let index = head;
    for (let steps = 0; steps < Math.min(table.entries, MAX_CHAIN); steps++) {
      if (index >= table.entries) return this.fail('a descriptor is beyond its table');
      const descriptor = this.descriptor(table, index);
      if (descriptor === undefined) return this.fail('a descriptor table is not in memory');
      if ((descriptor.flags & INDIRECT) !== 0) {
        if (table.indirect || (descriptor.flags & NEXT) !== 0) return this.fail('an indirect table hangs in a chain');
        if (descriptor.length === 0 || descriptor.length % DESC_BYTES !== 0) return this.fail('an indirect table has no whole length');
        table = { address: descriptor.address, entries: descriptor.length / DESC_BYTES, indirect: true };
        index = 0;
        steps = -1;
        continue;
      }
      const problem = this.addBuffer(chain, descriptor);
      if (problem !== undefined) return this.fail(problem);
      if ((descriptor.flags & NEXT) === 0) return chain;
      index = descriptor.next;
    }
    return this.fail('a chain of descriptors has no end');
  }

  private addBuffer(chain: { readable: GuestBuffer[]; writable: GuestBuffer[] }, { address, length, flags }: Descriptor): string | undefined {
    const isWritable = (flags & WRITE) !== 0;
    if (!this.io.dma.reaches(address, length, isWritable ? 'write' : 'read')) return 'a buffer is not in memory';
    if (isWritable) chain.writable.push({ address, length });
    else if (chain.writable.length > 0) return 'a readable buffer follows a writable one';
    else chain.readable.push({ address, length });
    return undefined;
  }

  private descriptor(table: Table, index: number): Descriptor | undefined {
    const words = new DataView(this.descriptorBytes.buffer);
    if (!this.io.dma.read(table.address + DESC_BYTES * index, this.descriptorBytes)) return undefined;
    return {
      address: words.getUint32(4, true) * 2 ** 32 + words.getUint32(0, true), length: words.getUint32(8, true),
      flags: words.getUint16(12, true), next: words.getUint16(14, true),
    };
  }

  private fail(what: string): undefined {
    this.stopped = true;
    this.io.broken(what);
    return undefined;
  }
}
