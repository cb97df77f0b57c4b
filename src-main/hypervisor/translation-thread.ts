import { Worker } from 'node:worker_threads';
import type { Machine } from '../cpu/core/machine.ts';
import type { HotRecord, Translation } from '../cpu/core/translation.ts';
import { lowerCompilers } from './compiler-priority.ts';
import { workerFile } from './worker-file.ts';

/** A small young generation: what translating leaves behind is short-lived, and would otherwise pile up. A smaller one is collected every 2 ms while a guest warms up. */
const HEAP = { maxYoungGenerationSizeMb: 12 };

/** Records in one module: making it takes a few milliseconds. */
const BATCH = 24;
/** Batches under way: one that is made, and one so that the thread never waits. */
const UNDER_WAY = 2;

/** Gives a machine a thread of its own for translating; it ends with the thread that made it. */
export function startTranslation(machine: Machine): void {
  lowerCompilers();
  const worker = new Worker(workerFile('translation-worker'), { workerData: { memory: machine.memory }, name: 'translation', resourceLimits: HEAP });
  // The newest first: what became hot long ago may have cooled down again.
  const waiting: HotRecord[] = [];
  let underWay = 0;
  const send = () => {
    if (underWay >= UNDER_WAY || waiting.length === 0) return;
    const batch = machine.translator.due(waiting.splice(-BATCH));
    if (batch.length === 0) { send(); return; }
    underWay += 1;
    worker.postMessage(batch);
  };
  worker.on('message', (translation: Translation | undefined) => {
    underWay -= 1;
    send();
    if (translation !== undefined) machine.translator.install(translation);
  });
  // Without its translator a VM is slow, but whole.
  worker.on('error', (error) => {
    machine.translator.service = undefined;
    process.emitWarning(`A VM's translator stopped, so that the VM goes on slowly: ${error instanceof Error ? error.stack ?? error.message : String(error)}`);
  });
  worker.unref();
  machine.translator.service = (hot) => { waiting.push(...hot); send(); };
}
