/** Starts VMs, each in a worker of its own, so that guest code never runs on the engine's thread. */
import { MessageChannel, Worker, type MessagePort, type Transferable } from 'node:worker_threads';
import { assert, EngineError, messageOf, saidOf } from '../../shared/base/errors.ts';
import { messageFields, say, type Said } from '../../shared/base/phrase.ts';
import type { EfiVariable } from '../../shared/model/efi.ts';
import type { GuestTimeSpec, TimeChange } from '../../shared/model/guest-time.ts';
import type { BootChange } from '../../shared/model/boot-watchdog.ts';
import type { BootWatchdogSpec, DiskSpec, FrameStats, NicSpec, NicStats, VmStats } from '../../shared/model/vm.ts';
import { macText } from '../fabric/frame.ts';
import type { PortCounters } from '../fabric/switch/virtual-switch.ts';
import type { MigrateOptions, ReceiveOptions, RunningVm, SaveOptions, SnapshotLayers, StartVm, VmLaunch, VmListener, VmStop } from './vm-launch.ts';
import { sharedNetwork, type NicMove, type PluggedNic } from './start-network.ts';
import { workerFile } from './worker-file.ts';
import type { FromWorker, ToWorker } from './worker-messages.ts';

export const startVm: StartVm = (launch, listener, options = {}) => new WorkerVm(launch, listener, options);

interface Asked { resolve(result: unknown): void; reject(error: Error): void; readonly progress: ((part: number) => void) | undefined; readonly record: (() => Promise<void>) | undefined; readonly migration: MigrateOptions | undefined }

class WorkerVm implements RunningVm {
  nics: readonly PluggedNic[];
  readonly screen: MessagePort | undefined;
  private readonly launch: VmLaunch;
  private readonly worker: Worker;
  private readonly listener: VmListener;
  private readonly isProfiled: boolean;
  private readonly asked = new Map<number, Asked>();
  private nextId = 1;
  private stop: VmStop | undefined;
  private readonly gone: Promise<void>;

  /** What it receives its guest from, until it has. */
  private readonly receive: Receiving | undefined;

  constructor(launch: VmLaunch, listener: VmListener, { stopOnReset = false, receive }: NonNullable<Parameters<StartVm>[2]>) {
    this.launch = launch;
    this.listener = listener;
    this.isProfiled = launch.profile !== undefined;
    this.receive = receive && received(receive, launch);
    this.nics = receive?.from === undefined && launch.nics ? launch.nics.map((spec, place) => this.connect(spec, place)) : [];
    const channels = (this.receive?.from === undefined ? this.nics : this.receive.moves).map(({ channel }) => channel), screen = launch.display && new MessageChannel(), screenPort = screen?.port2, receivePort = receive?.port, receiveLink = receive?.link;
    this.screen = screen?.port1;
    this.worker = new Worker(workerFile('vm-worker'), { workerData: { launch, stopOnReset, channels, screenPort, receivePort, receiveLink }, transferList: [...channels.map(({ doorbell }) => doorbell), ...[screenPort, receivePort].filter(each => each !== undefined)], name: `vm ${launch.name}` });
    void Promise.all(this.nics.map(({ ready }) => ready)).catch((error: unknown) => this.failed(saidOf(error)));
    this.worker.on('message', (message: FromWorker) => this.handle(message));
    this.worker.on('error', error => { this.stop ??= { kind: 'failed', ...messageFields(say`The VM's worker failed: ${messageOf(error)}`) }; });
    this.gone = new Promise(resolve => this.worker.once('exit', () => void this.ended().then(resolve)));
  }

  consoleInput(bytes: Uint8Array): void { this.post({ kind: 'input', bytes }); }
  acknowledgeConsole(bytes: number): void { this.post({ kind: 'acknowledge', bytes }); }
  powerButton(): void { this.post({ kind: 'power-button' }); }
  restartButton(): void { this.post({ kind: 'restart-button' }); }
  reset(): void { this.post({ kind: 'reset' }); }

  async plugDisk(slot: number, disk: DiskSpec): Promise<void> { await this.ask(id => ({ kind: 'plug-disk', id, slot, disk })); }

  async plugNic(slot: number, spec: NicSpec): Promise<void> {
    const nic = this.connect({ ...spec, slot }, this.nics.length);
    try {
      await nic.ready;
      await this.ask(id => ({ kind: 'plug-nic', id, slot, channel: nic.channel }), {}, [nic.channel.doorbell]);
    } catch (error) {
      await nic.unplug();
      throw error;
    }
    this.nics = [...this.nics, nic];
  }

  async unplug(slot: number): Promise<void> {
    await this.ask(id => ({ kind: 'unplug', id, slot }));
    const nic = this.nics.find(each => each.slot === slot);
    this.nics = this.nics.filter(each => each !== nic);
    await nic?.unplug();
  }


  async changeMedium(drive: number, path: string | undefined): Promise<void> { await this.ask(id => ({ kind: 'change-medium', id, drive, path })); }
  async setCpus(cpus: number): Promise<void> { await this.ask(id => ({ kind: 'set-cpus', id, cpus })); }
  async setBalloon(mib: number): Promise<void> { await this.ask(id => ({ kind: 'set-balloon', id, mib })); }
  async setTime(time: GuestTimeSpec): Promise<void> { await this.ask(id => ({ kind: 'set-time', id, time })); }
  async setBootWatchdog(spec: BootWatchdogSpec): Promise<void> { await this.ask(id => ({ kind: 'set-boot-watchdog', id, spec })); }
  async changeBoots(change: BootChange): Promise<void> { await this.ask(id => ({ kind: 'change-boots', id, change })); }
  async changeTime(change: TimeChange): Promise<{ readonly stepped: boolean }> { return await this.ask(id => ({ kind: 'change-time', id, change })) as { readonly stepped: boolean }; }

  retryStorage(): void { this.post({ kind: 'room' }); }

  async terminate(): Promise<void> {
    this.stop ??= { kind: 'terminated' };
    if (this.isProfiled) this.post({ kind: 'end' });
    else await this.worker.terminate();
    await this.gone;
  }

  async stats(): Promise<VmStats> {
    const [machine, nics] = await Promise.all([this.ask(id => ({ kind: 'stats', id })) as Promise<Omit<VmStats, 'nics'>>, Promise.all(this.nics.map(statsOf))]);
    return { ...machine, nics };
  }

  async suspend(path: string, options: SaveOptions = {}): Promise<void> { await this.ask(id => ({ kind: 'suspend', id, path }), options); }

  async snapshot(what: SnapshotLayers, record: () => Promise<void>, options: SaveOptions = {}): Promise<void> {
    await this.ask(id => ({ kind: 'snapshot', id, what }), { ...options, record });
  }

  async moveDisks(paths: readonly (string | undefined)[], record: () => Promise<void>, options: SaveOptions = {}): Promise<void> {
    await this.ask(id => ({ kind: 'move-disks', id, paths }), { ...options, record });
  }

  async migrate(options: MigrateOptions): Promise<void> { await this.ask(id => ({ kind: 'migrate', id, port: options.port, rules: options.rules }), { signal: options.signal, migration: options }, [options.port]); }

  private connect(spec: NicSpec, place: number): PluggedNic {
    const { name, nicSeed: seed = name, host } = this.launch;
    return sharedNetwork().plug(spec, { name, seed, place, host });
  }

  private async ask(question: (id: number) => ToWorker, { signal, progress, record, migration }: SaveOptions & { readonly record?: () => Promise<void>; readonly migration?: MigrateOptions } = {}, transfer: readonly Transferable[] = []): Promise<unknown> {
    const id = this.nextId++, cancel = () => this.post({ kind: 'cancel', id });
    if (this.stop !== undefined) throw stopped();
    const answer = new Promise((resolve, reject) => this.asked.set(id, { resolve, reject, progress, record, migration }));
    this.post(question(id), transfer);
    signal?.addEventListener('abort', cancel, { once: true });
    if (signal?.aborted) cancel();
    try { return await answer; } finally { signal?.removeEventListener('abort', cancel); }
  }

  /** It cannot run as it should. */
  private failed(why: Said): void {
    this.stop ??= { kind: 'failed', ...messageFields(why) };
    void this.worker.terminate();
  }

  private async record(id: number): Promise<void> {
    const asked = this.asked.get(id);
    try {
      await asked?.record?.();
      this.post({ kind: 'proceed', id, isRecorded: true });
    } catch (error) {
      this.post({ kind: 'proceed', id, isRecorded: false });
      asked?.reject(error as Error);
      this.asked.delete(id);
    }
  }

  private async tellHasMoved(id: number): Promise<void> { this.post({ kind: 'has-moved', id, hasMoved: await this.asked.get(id)?.migration?.hasMoved() ?? false }); }

  /** With the guest come its NICs. */
  private async takeGuest(): Promise<void> {
    const { receive } = this;
    let mayRun = false, why: Said | undefined;
    try { mayRun = this.stop === undefined && await receive?.mayRun() === true; } catch (error) { why = saidOf(error); }
    if (mayRun && receive?.from !== undefined) {
      this.nics = receive.from.nics;
      receive.from.nics = [];
      for (const { take } of receive.moves) take().catch((error: unknown) => this.failed(saidOf(error)));
    }
    this.post({ kind: 'may-run', mayRun, ...(why !== undefined && { why }) });
  }

  /** Where nobody knows, the file system says when it is full. */
  private async grant(id: number, path: string): Promise<void> {
    const bytes = await this.listener.roomFor?.(path).catch(() => undefined) ?? Infinity;
    this.post({ kind: 'granted-room', id, bytes });
  }

  private async keepVariables(id: number, variables: readonly EfiVariable[]): Promise<void> {
    const areKept = await Promise.resolve(this.listener.keepEfiVariables?.(variables)).then(() => true, () => false);
    this.post({ kind: 'variables-kept', id, areKept });
  }

  private post(message: ToWorker, transfer: readonly Transferable[] = []): void { this.worker.postMessage(message, transfer); }

  private handle(message: FromWorker): void {
    switch (message.kind) {
      case 'started': this.listener.started(); break;
      case 'output': this.listener.consoleOutput(message.bytes); break;
      case 'reset-by-guest': this.listener.resetByGuest(message.byWatchdog); break;
      case 'boots': this.listener.booted?.(message.record); break;
      case 'keep-variables': void this.keepVariables(message.id, message.variables); break;
      case 'ask-room': void this.grant(message.id, message.path); break;
      case 'full': this.listener.storageFull?.(message.path); break;
      case 'room-again': this.listener.storageHasRoom?.(); break;
      case 'resuming': this.listener.resuming?.(message.part); break;
      case 'progress': this.asked.get(message.id)?.progress?.(message.part); break;
      case 'prepared': void this.record(message.id); break;
      case 'migration': this.asked.get(message.id)?.migration?.progress(message.figures); break;
      case 'switching': this.asked.get(message.id)?.migration?.switching(); break;
      case 'has-moved?': void this.tellHasMoved(message.id); break;
      case 'may-run?': void this.takeGuest(); break;
      case 'memory-whole': this.receive?.whole?.(); break;
      case 'answer': this.asked.get(message.id)?.resolve(message.result); this.asked.delete(message.id); break;
      case 'refusal': this.asked.get(message.id)?.reject(new EngineError(message.code, message.said)); this.asked.delete(message.id); break;
      case 'profile': this.listener.profiled?.(message.profile); break;
      case 'stopped': this.stop ??= message.stop; break;
      default: message satisfies never;
    }
  }

  private async ended(): Promise<void> {
    for (const asked of this.asked.values()) asked.reject(stopped());
    this.asked.clear();
    const { stop = { kind: 'failed', ...messageFields(say`The VM's worker ended without a word.`) } } = this;
    await Promise.allSettled(this.nics.map(nic => nic.unplug()));
    this.listener.stopped(stop);
  }
}

type Receiving = ReceiveOptions & { readonly from: WorkerVm | undefined; readonly moves: readonly NicMove[] };
function received(receive: ReceiveOptions, { host, nics = [] }: VmLaunch): Receiving {
  const { from } = receive;
  if (from === undefined) return { ...receive, from, moves: [] };
  assert(from instanceof WorkerVm, 'a VM of this process');
  const isFixed = ({ slot }: { readonly slot?: number | undefined }) => slot === undefined, fixed = nics.filter(isFixed), fixedBefore = from.nics.filter(isFixed);
  const specOf = (nic: PluggedNic): NicSpec => (isFixed(nic) ? fixed[fixedBefore.indexOf(nic)] : nics.find(({ slot }) => slot === nic.slot)) ?? nic.spec;
  return { ...receive, from, moves: from.nics.map(nic => nic.move({ host, spec: specOf(nic) })) };
}

async function statsOf(nic: PluggedNic): Promise<NicStats> {
  const { hostPorts } = await nic.ready, { in: sent, out: received } = await nic.counters();
  return { mac: macText(nic.mac), ...(nic.slot !== undefined && { slot: nic.slot }), hostPorts, sent: framesOf(sent), received: framesOf(received) };
}

const framesOf = ({ frames, bytes, drops }: PortCounters['in']): FrameStats => ({ frames, bytes, drops: Object.values(drops).reduce((sum, count) => sum + count, 0) });

const stopped = () => new EngineError('vm-stopped', 'The VM is not running.');
