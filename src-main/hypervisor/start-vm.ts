/** Starts VMs, each in a worker of its own, so that guest code never runs on the engine's thread. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { EngineError, messageOf } from '../../shared/base/errors.ts';
import type { VmStats } from '../../shared/model/vm.ts';
import type { RunningVm, StartVm, VmLaunch, VmListener, VmStop } from './vm-launch.ts';
import { sharedNetwork, type PluggedNic } from './start-network.ts';
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
  readonly nics: readonly PluggedNic[];
  private readonly worker: Worker;
  private readonly listener: VmListener;
  private readonly isProfiled: boolean;
  private readonly waitingForStats = new Map<number, { resolve(stats: VmStats): void; reject(error: Error): void }>();
  private nextId = 1;
  private stop: VmStop | undefined;
  private readonly gone: Promise<void>;

  constructor(launch: VmLaunch, listener: VmListener, stopOnReset: boolean) {
    this.listener = listener;
    this.isProfiled = launch.profile !== undefined;
    this.nics = (launch.nics ?? []).map((spec, place) => sharedNetwork().plug(spec, { name: launch.name, seed: launch.nicSeed ?? launch.name, place }));
    const channels = this.nics.map(({ channel }) => channel);
    this.worker = new Worker(workerFile(), { workerData: { launch, stopOnReset, channels }, transferList: channels.map(({ doorbell }) => doorbell), name: `vm ${launch.name}` });
    void Promise.all(this.nics.map(({ ready }) => ready)).catch((error: unknown) => this.failed(messageOf(error)));
    this.worker.on('message', (message: FromWorker) => this.handle(message));
    this.worker.on('error', error => { this.stop ??= { kind: 'failed', message: `The VM's worker failed: ${messageOf(error)}` }; });
    this.gone = new Promise(resolve => this.worker.once('exit', () => void this.ended().then(resolve)));
  }

  consoleInput(bytes: Uint8Array): void { this.post({ kind: 'input', bytes }); }
  acknowledgeConsole(bytes: number): void { this.post({ kind: 'acknowledge', bytes }); }
  powerButton(): void { this.post({ kind: 'power-button' }); }
  reset(): void { this.post({ kind: 'reset' }); }

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

  /** It cannot run as it should. */
  private failed(message: string): void {
    this.stop ??= { kind: 'failed', message };
    void this.worker.terminate();
  }

  private post(message: ToWorker): void { this.worker.postMessage(message); }

  private handle(message: FromWorker): void {
    switch (message.kind) {
      case 'started': this.listener.started(); break;
      case 'output': this.listener.consoleOutput(message.bytes); break;
      case 'reset-by-guest': this.listener.resetByGuest(); break;
      case 'stats': this.waitingForStats.get(message.id)?.resolve(message.stats); this.waitingForStats.delete(message.id); break;
      case 'profile': this.listener.profiled?.(message.profile); break;
      case 'stopped': this.stop ??= message.stop; break;
      default: message satisfies never;
    }
  }

  private async ended(): Promise<void> {
    for (const waiting of this.waitingForStats.values()) waiting.reject(stopped());
    this.waitingForStats.clear();
    const { stop = { kind: 'failed', message: 'The VM\'s worker ended without a word.' } } = this;
    await Promise.allSettled(this.nics.map(nic => nic.unplug()));
    this.listener.stopped(stop);
  }
}

const stopped = () => new EngineError('vm-stopped', 'The VM is not running.');
