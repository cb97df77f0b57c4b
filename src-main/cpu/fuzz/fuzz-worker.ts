/** Checks seed after seed in a thread that can be ended when a seed hangs. */
import { parentPort, workerData } from 'node:worker_threads';
import { Agreement } from './agreement.ts';
import { AnyBytes } from './bytes.ts';
import type { FuzzReport, FuzzTask } from './fuzz.ts';

const { kind, seed, count, progress } = workerData as FuzzTask;
const make = () => (kind === 'translate' ? new Agreement() : new AnyBytes());
const failures: string[] = [];
let checker = make(), regions = 0;

for (let at = seed; at < seed + count; at++) {
  Atomics.store(progress, 0, at);
  try {
    const failure = checker.check(at);
    if (failure !== undefined) failures.push(failure);
  } catch (error) {
    failures.push(`seed ${at}: ${error instanceof Error ? error.stack ?? error.message : String(error)}`);
    regions += checker.regions;
    checker = make();
  }
}
parentPort?.postMessage({ failures, regions: regions + checker.regions } satisfies FuzzReport);
