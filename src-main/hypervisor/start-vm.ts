/** Starts VMs, each in a worker of its own, so that guest code never runs on the engine's thread. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { EngineError, messageOf } from '../../shared/base/errors.ts';
import type { DiskSpec, VmStats } from '../../shared/model/vm.ts';
import type { RunningVm, StartVm, VmLaunch, VmListener, VmStop } from './vm-launch.ts';
import type { FromWorker, ToWorker } from './worker-messages.ts';

/** The worker's bundle, or its source where the engine itself runs from source. */
function workerFile(): string {
  const here = import.meta.dirname;
  const found = [join(here, '../engine/vm-worker.js'), join(here, 'vm-worker.ts')].find(existsSync);
  if (found === undefined) throw new EngineError('not-built', 'The hypervisor is not built: run `npm run build` first.');
  return found;
}

export const startVm: StartVm = (launch, listener, options = {}) => new WorkerVm(launch, listener, options.stopOnReset ?? false);

class WorkerVm implements RunningVm {
  private readonly worker: Worker;
  private readonly listener: VmListener;
  private readonly isProfiled: boolean;
  private readonly waitingForStats = new Map<number, { resolve(stats: VmStats): void; reject(error: Error): void }>();
  private readonly waitingForDone = new Map<number, { resolve(): void; reject(error: Error): void }>();
  private nextId = 1;
  private stop: VmStop | undefined;
  private readonly gone: Promise<void>;

  constructor(launch: VmLaunch, listener: VmListener, stopOnReset: boolean) {
    this.listener = listener;
    this.isProfiled = launch.profile !== undefined;
    this.worker = new Worker(workerFile(), { workerData: { launch, stopOnReset }, name: `vm ${launch.name}` });
    this.worker.on('message', (message: FromWorker) => this.handle(message));
    this.worker.on('error', error => { this.stop ??= { kind: 'failed', message: `The VM's worker failed: ${messageOf(error)}` }; });
    this.gone = new Promise(resolve => this.worker.once('exit', () => { this.ended(); resolve(); }));
  }

  consoleInput(bytes: Uint8Array): void { this.post({ kind: 'input', bytes }); }
  acknowledgeConsole(bytes: number): void { this.post({ kind: 'acknowledge', bytes }); }
  powerButton(): void { this.post({ kind: 'power-button' }); }
  reset(): void { this.post({ kind: 'reset' }); }

  plugDisk(slot: number, disk: DiskSpec): Promise<void> { return this.ask({ kind: 'plug-disk', slot, disk }); }
  unplug(slot: number): Promise<void> { return this.ask({ kind: 'unplug', slot }); }

  async terminate(): Promise<void> {
    this.stop ??= { kind: 'terminated' };
    if (this.isProfiled) this.post({ kind: 'end' });
    else await this.worker.terminate();
    await this.gone;
  }

  stats(): Promise<VmStats> {
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      if (this.stop !== undefined) { reject(stopped()); return; }
      this.waitingForStats.set(id, { resolve, reject });
      this.post({ kind: 'stats', id });
    });
  }

  private ask(request: { kind: 'plug-disk'; slot: number; disk: DiskSpec } | { kind: 'unplug'; slot: number }): Promise<void> {
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      if (this.stop !== undefined) { reject(stopped()); return; }
      this.waitingForDone.set(id, { resolve, reject });
      this.post({ ...request, id });
    });
  }

  private done(id: number, problem?: { code: string; message: string }): void {
    const waiting = this.waitingForDone.get(id);
    this.waitingForDone.delete(id);
    if (problem === undefined) waiting?.resolve();
    else waiting?.reject(new EngineError(problem.code, problem.message));
  }

  private post(message: ToWorker): void { this.worker.postMessage(message); }

  private handle(message: FromWorker): void {
    switch (message.kind) {
      case 'started': this.listener.started(); break;
      case 'output': this.listener.consoleOutput(message.bytes); break;
      case 'reset-by-guest': this.listener.resetByGuest(); break;
      case 'stats': this.waitingForStats.get(message.id)?.resolve(message.stats); this.waitingForStats.delete(message.id); break;
      case 'done': this.done(message.id, message.problem); break;
      case 'profile': this.listener.profiled?.(message.profile); break;
      case 'stopped': this.stop ??= message.stop; break;
      default: message satisfies never;
    }
  }

  private ended(): void {
    for (const waiting of [...this.waitingForStats.values(), ...this.waitingForDone.values()]) waiting.reject(stopped());
    this.waitingForDone.clear();
    this.waitingForStats.clear();
    this.listener.stopped(this.stop ?? { kind: 'failed', message: 'The VM\'s worker ended without a word.' });
  }
}

const stopped = () => new EngineError('vm-stopped', 'The VM is not running.');
