/** Worker entry: answers the store's calls. Commits wait for the disk here, not in the engine's loop. */
import { workerData, type MessagePort } from 'node:worker_threads';
import { pagePort } from '../../shared/api/port.ts';
import { serve } from '../../shared/api/rpc.ts';
import { assert } from '../../shared/base/errors.ts';
import { InventoryDatabase } from './database.ts';
import type { StoreApi } from './store.ts';

const { port } = workerData as { port: MessagePort };
let opened: InventoryDatabase | undefined;

function database(): InventoryDatabase {
  assert(opened, 'the store is open');
  return opened;
}

/** Answers with what `use` returns, or rejects with what it throws. */
const answer = <T>(use: () => T): Promise<T> => new Promise(resolve => resolve(use()));

const api: StoreApi = {
  store: {
    open: path => answer(() => { opened = new InventoryDatabase(path); }),
    contents: () => answer(() => database().contents()),
    commit: writes => answer(() => database().commit(writes)),
    tasks: (limit, before, filter) => answer(() => database().tasks(limit, before, filter)),
    task: id => answer(() => database().task(id)),
    events: query => answer(() => database().events(query)),
    close: () => answer(() => { opened?.close(); }),
  },
};

serve(pagePort(port), api);
