/** Worker entry: answers the calls of the store of figures. */
import { workerData, type MessagePort } from 'node:worker_threads';
import { pagePort } from '../../shared/api/port.ts';
import { serve } from '../../shared/api/rpc.ts';
import { MetricsDatabase } from './metrics-database.ts';
import type { MetricsApi } from './metrics-store.ts';

const { port, path } = workerData as { port: MessagePort; path: string };
let opened: MetricsDatabase | undefined;
const database = (): MetricsDatabase => opened ??= new MetricsDatabase(path);

/** Answers with what `use` returns, or rejects with what it throws. */
const answer = <T>(use: () => T): Promise<T> => new Promise(resolve => resolve(use()));

const api: MetricsApi = {
  metrics: {
    open: () => answer(() => database().isRenewed),
    rollUp: (atMs, rows) => answer(() => database().rollUp(atMs, rows)),
    query: query => answer(() => database().query(query)),
    close: () => answer(() => { opened?.close(); }),
  },
};

serve(pagePort(port), api);
