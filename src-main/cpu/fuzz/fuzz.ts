/** Fuzzes in a worker, and says which seed it was when the worker hangs. */
import { Worker } from 'node:worker_threads';

export type FuzzKind = 'translate' | 'bytes';
export interface FuzzTask { readonly kind: FuzzKind; readonly seed: number; readonly count: number; readonly progress: Int32Array<SharedArrayBuffer> }
/** What was wrong, and how many regions of translated code were made. */
export interface FuzzReport { readonly failures: readonly string[]; readonly regions: number }

/** Shrinking a failure takes a while, too. */
const STUCK_MS = 120_000, LOOK_MS = 1000;

export function fuzz(kind: FuzzKind, seed: number, count: number): Promise<FuzzReport> {
  const progress = new Int32Array(new SharedArrayBuffer(4)), worker = new Worker(new URL('fuzz-worker.ts', import.meta.url), { workerData: { kind, seed, count, progress } satisfies FuzzTask });
  return new Promise((resolve, reject) => {
    let seen = seed, since = Date.now();
    const watch = setInterval(() => {
      const now = Atomics.load(progress, 0);
      if (now !== seen) { seen = now; since = Date.now(); }
      if (Date.now() - since > STUCK_MS) end({ failures: [`seed ${seen} hangs`], regions: 0 });
    }, LOOK_MS);
    const end = (report: FuzzReport) => { clearInterval(watch); void worker.terminate(); resolve(report); };
    worker.once('message', end);
    worker.once('error', (error: unknown) => { clearInterval(watch); reject(error instanceof Error ? error : new Error(String(error))); });
  });
}
