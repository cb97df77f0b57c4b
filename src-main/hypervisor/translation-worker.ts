/** A VM's second thread: translates hot code while the guest runs on. */
import { parentPort, workerData } from 'node:worker_threads';
import { translateRecords, type HotRecord } from '../cpu/core/translation.ts';
import { lowerTranslator } from './compiler-priority.ts';

const { memory } = workerData as { memory: WebAssembly.Memory };
lowerTranslator();
const view = new DataView(memory.buffer);

/** Each batch is answered, if only with nothing. */
parentPort?.on('message', (hot: readonly HotRecord[]) => parentPort?.postMessage(translateRecords(view, hot)));
