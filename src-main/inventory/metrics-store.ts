/** The file of figures as the engine sees it: asynchronous, in a worker of its own. */
import { Worker } from 'node:worker_threads';
import { pagePort } from '../../shared/api/port.ts';
import { connect } from '../../shared/api/rpc.ts';
import type { MetricSeries } from '../../shared/model/metric.ts';
import type { RolledUp, StoredQuery } from './metrics-database.ts';

/** What the worker answers. */
export interface MetricsApi {
  metrics: {
    /** Whether a file that could not be used was set aside. */
    open(): Promise<boolean>;
    rollUp(atMs: number, rows: readonly RolledUp[]): Promise<void>;
    query(query: StoredQuery): Promise<MetricSeries[]>;
    close(): Promise<void>;
  };
}

/** Beside the bundle in dist; the source itself where the code runs from its sources. */
const WORKER = new URL(import.meta.url.endsWith('.ts') ? './metrics-worker.ts' : '../engine/metrics-worker.js', import.meta.url);

export class MetricsStore {
  readonly isRenewed: boolean;
  private readonly worker: Worker;
  private readonly calls: MetricsApi['metrics'];

  private constructor(worker: Worker, calls: MetricsApi['metrics'], isRenewed: boolean) {
    this.worker = worker;
    this.calls = calls;
    this.isRenewed = isRenewed;
  }

  static async open(path: string): Promise<MetricsStore> {
    const { port1, port2 } = new MessageChannel();
    const worker = new Worker(WORKER, { workerData: { port: port2, path }, transferList: [port2] });
    const { metrics } = connect<MetricsApi, object>(pagePort(port1)).api;
    try { return new MetricsStore(worker, metrics, await metrics.open()); } catch (error) {
      await worker.terminate();
      throw error;
    }
  }

  rollUp(atMs: number, rows: readonly RolledUp[]): Promise<void> { return this.calls.rollUp(atMs, rows); }
  query(query: StoredQuery): Promise<MetricSeries[]> { return this.calls.query(query); }

  async close(): Promise<void> {
    await this.calls.close();
    await this.worker.terminate();
  }
}
