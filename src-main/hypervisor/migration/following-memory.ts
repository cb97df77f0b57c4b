/** A guest's memory that follows it from another host while it runs: whoever needs a page that is not there has it asked for, and waits. */
import type { MessagePort } from 'node:worker_threads';
import { assert } from '../../../shared/base/errors.ts';
import type { Pa } from '../../../shared/base/ids.ts';
import { PAGE_BYTES } from '../../cpu/core/dirty-log.ts';
import type { Machine } from '../../cpu/core/machine.ts';
import { MissingPages } from '../../cpu/core/missing-pages.ts';
import type { GuestRam } from '../../memory/guest-ram.ts';
import { hostNowNs } from '../../time/host-time.ts';
import type { VcpuPages } from '../vcpu.ts';
import { damaged } from './messages.ts';
import { memoryLost, PageReceiver } from './page-receiver.ts';

export interface FollowingIo {
  readonly machine: Machine;
  readonly ram: GuestRam;
  /** Where that is in the machine's memory. */
  readonly first: Pa;
  /** A vCPU that waited may be able to go on. */
  readonly wake: () => void;
}

export class FollowingMemory implements VcpuPages {
  private readonly io: FollowingIo;
  private readonly pages: MissingPages;
  private receiver: PageReceiver | undefined;
  private waitedNs = 0;
  private readonly over = Promise.withResolvers<undefined>();

  /** A bit for each page that is missing. Nothing of the guest's may have been looked at yet. */
  constructor(io: FollowingIo, missing: Uint8Array) {
    this.io = io;
    this.pages = new MissingPages(io.machine.memory, io.first, io.ram.sizeBytes);
    if (missing.length !== bitmapBytes(this.pages.pages)) throw damaged();
    this.over.promise.catch(() => { /* nobody may be waiting for it */ });
    this.pages.mark(pagesIn(missing));
    io.ram.awaits = (address, length) => this.await(address - io.ram.base, length);
    io.machine.awaitMemory = pa => this.await(pa - io.first, 1);
  }

  /** Resolves when all of it is there; rejects when some of it never will be. */
  get whole(): Promise<undefined> { return this.over.promise; }
  get missingCount(): number { return this.pages.count; }
  /** Of all vCPUs and devices together. */
  get waitedMs(): number { return this.waitedNs / 1e6; }

  /** The guest runs here from now on, and what is missing comes by this port. */
  receiveFrom(far: MessagePort, link: SharedArrayBuffer | undefined): void {
    const { machine, first, ram, wake } = this.io;
    this.receiver = new PageReceiver({ memory: machine.memory, first, bytes: ram.sizeBytes, far, link }, {
      arrived: wake, whole: () => { void this.close(); this.over.resolve(undefined); wake(); }, lost: error => { this.pages.lose(); this.over.reject(error); wake(); },
    });
  }

  want(page: number): void { this.ask([page - this.io.first / PAGE_BYTES]); }
  isMissing(page: number): boolean { return this.pages.has(page - this.io.first / PAGE_BYTES); }
  waited(ns: number): void { this.waitedNs += ns; }

  /** What did not come does not count any more: the machine starts anew. */
  forget(): void {
    this.pages.forget();
    this.ask([]);
  }

  async close(): Promise<void> {
    this.io.ram.awaits = undefined;
    this.io.machine.awaitMemory = undefined;
    await this.receiver?.end();
  }

  private ask(pages: readonly number[]): void { this.receiver?.ask({ pages, waitedMs: this.waitedMs }); }

  private await(at: number, length: number): void {
    if (length === 0 || this.pages.count === 0) return;
    const lacking: number[] = [], last = Math.floor((at + length - 1) / PAGE_BYTES);
    for (let page = Math.floor(at / PAGE_BYTES); page <= last; page++) if (this.pages.has(page)) lacking.push(page);
    if (lacking.length === 0) return;
    assert(this.receiver !== undefined, 'nothing looks at memory before it can follow');
    const sinceNs = hostNowNs();
    this.ask(lacking);
    for (const page of lacking) {
      this.pages.await(page);
      if (this.pages.isLost && this.pages.has(page)) throw memoryLost();
    }
    this.waited(hostNowNs() - sinceNs);
  }
}

export const bitmapBytes = (pages: number): number => Math.ceil(pages / 8);

export function bitmapOf(pages: Iterable<number>, count: number): Uint8Array {
  const bitmap = new Uint8Array(bitmapBytes(count));
  for (const page of pages) bitmap[page >> 3]! |= 1 << (page & 7);
  return bitmap;
}

export function* pagesIn(bitmap: Uint8Array): Generator<number> {
  for (let at = 0; at < bitmap.length; at++) for (let bit = 0; bitmap[at]! >> bit !== 0; bit++) if ((bitmap[at]! >> bit & 1) !== 0) yield 8 * at + bit;
}
