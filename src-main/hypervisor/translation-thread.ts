import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { EngineError } from '../../shared/base/errors.ts';
import type { Machine } from '../cpu/core/machine.ts';
import type { Translation } from '../cpu/core/translation.ts';
import { lowerCompilers } from './compiler-priority.ts';

/** A small young generation: what translating leaves behind is short-lived, and would otherwise pile up. */
const HEAP = { maxYoungGenerationSizeMb: 8 };

/** Gives a machine a thread of its own for translating; it ends with the thread that made it. */
export function startTranslation(machine: Machine): void {
  lowerCompilers();
  const here = import.meta.dirname, file = [join(here, '../engine/translation-worker.js'), join(here, 'translation-worker.ts')].find(existsSync);
  if (file === undefined) throw new EngineError('not-built', 'The translator is not built: run `npm run build` first.');
  const worker = new Worker(file, { workerData: { memory: machine.memory }, name: 'translation', resourceLimits: HEAP });
  worker.on('message', (translation: Translation) => machine.translator.install(translation));
  worker.unref();
  machine.translator.service = hot => worker.postMessage(hot);
}
