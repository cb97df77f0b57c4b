/** A backend that takes its time: token buckets that hold a second's worth, so that a burst of that length passes at once. */
import type { BlockBackend } from './block-backend.ts';
import { Mutex } from './mutex.ts';

export interface Limits { readonly iops?: number | undefined; readonly bytesPerSecond?: number | undefined }
export interface Timer { readonly nowNs: number; sleep(ns: number): Promise<void> }

const SECOND_NS = 1e9;

/** May go below nothing: whoever comes next waits until it is paid back. */
class Bucket {
  private readonly perSecond: number;
  private level: number;
  private sinceNs: number;

  constructor(perSecond: number, nowNs: number) {
    this.perSecond = perSecond;
    this.level = perSecond;
    this.sinceNs = nowNs;
  }

  /** How long to wait until it is not below nothing. */
  waitNs(nowNs: number): number {
    this.level = Math.min(this.perSecond, this.level + (nowNs - this.sinceNs) / SECOND_NS * this.perSecond);
    this.sinceNs = nowNs;
    return this.level >= 0 ? 0 : Math.ceil(-this.level / this.perSecond * SECOND_NS);
  }

  take(amount: number): void { this.level -= amount; }
}

/** Flushes count as operations; a zeroed or discarded range counts no bytes. */
export function throttled(backend: BlockBackend, { iops, bytesPerSecond }: Limits, timer: Timer): BlockBackend {
  const operations = iops === undefined ? undefined : new Bucket(iops, timer.nowNs), bytes = bytesPerSecond === undefined ? undefined : new Bucket(bytesPerSecond, timer.nowNs);
  const turn = new Mutex();
  const paid = (amount: number) => turn.run(async () => {
    for (;;) {
      const ns = Math.max(operations?.waitNs(timer.nowNs) ?? 0, bytes?.waitNs(timer.nowNs) ?? 0);
      if (ns <= 0) break;
      await timer.sleep(ns);
    }
    operations?.take(1);
    bytes?.take(amount);
  });
  return {
    get sizeBytes() { return backend.sizeBytes; },
    readOnly: backend.readOnly,
    read: async (offset, into) => { await paid(into.length); await backend.read(offset, into); },
    write: async (offset, data) => { await paid(data.length); await backend.write(offset, data); },
    flush: async () => { await paid(0); await backend.flush(); },
    zero: async (offset, length) => { await paid(0); await backend.zero(offset, length); },
    discard: async (offset, length) => { await paid(0); await backend.discard(offset, length); },
    close: () => backend.close(),
  };
}
