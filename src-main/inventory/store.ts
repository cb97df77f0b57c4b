/** The inventory's file as the engine sees it: asynchronous, in a worker of its own. */
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { Page } from '../../shared/api/engine-api.ts';
import { pagePort } from '../../shared/api/port.ts';
import { connect } from '../../shared/api/rpc.ts';
import { EngineError, messageOf } from '../../shared/base/errors.ts';
import type { EventId } from '../../shared/base/ids.ts';
import { say } from '../../shared/base/phrase.ts';
import type { InventoryEvent } from '../../shared/model/event.ts';
import type { Task, TaskFilter } from '../../shared/model/task.ts';
import type { Contents, EventQuery, Write } from './database.ts';

/** What the worker answers. */
export interface StoreApi {
  store: {
    open(path: string): Promise<void>;
    contents(): Promise<Contents>;
    commit(writes: readonly Write[]): Promise<EventId[]>;
    tasks(limit: number, before?: string, filter?: TaskFilter): Promise<Page<Task>>;
    task(id: string): Promise<Task | undefined>;
    events(query: EventQuery): Promise<Page<InventoryEvent>>;
    close(): Promise<void>;
  };
}

type Calls = Omit<StoreApi['store'], 'open' | 'contents'>;

/** Beside the bundle in dist; the source itself where the code runs from its sources. */
const WORKER = new URL(import.meta.url.endsWith('.ts') ? './store-worker.ts' : '../engine/store-worker.js', import.meta.url);

export class Store implements Calls {
  /** What the file held when it was opened or reloaded. */
  contents: Contents;
  private readonly worker: Worker;
  private readonly calls: StoreApi['store'];

  private constructor(worker: Worker, calls: StoreApi['store'], contents: Contents) {
    this.worker = worker;
    this.calls = calls;
    this.contents = contents;
  }

  static async open(path: string): Promise<Store> {
    try { await mkdir(dirname(path), { recursive: true }); } catch (error) {
      throw new EngineError('no-data-folder', say`The data folder ${dirname(path)} cannot be made: ${messageOf(error)}.`);
    }
    const { port1, port2 } = new MessageChannel();
    const worker = new Worker(WORKER, { workerData: { port: port2 }, transferList: [port2] });
    const { store } = connect<StoreApi, object>(pagePort(port1)).api;
    try {
      await store.open(path);
      return new Store(worker, store, await store.contents());
    } catch (error) {
      await worker.terminate();
      throw error;
    }
  }

  async reload(): Promise<void> { this.contents = await this.calls.contents(); }
  commit(writes: readonly Write[]): Promise<EventId[]> { return this.calls.commit(writes); }
  tasks(limit: number, before?: string, filter?: TaskFilter): Promise<Page<Task>> { return this.calls.tasks(limit, before, filter); }
  task(id: string): Promise<Task | undefined> { return this.calls.task(id); }
  events(query: EventQuery): Promise<Page<InventoryEvent>> { return this.calls.events(query); }

  async close(): Promise<void> {
    await this.calls.close();
    await this.worker.terminate();
  }
}
