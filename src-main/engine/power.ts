/**
 * Turns VMs on and off: the power operations, each the work of a task, and what running VMs tell. The inventory says
 * what should be shown; this says what is running.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { refOf, type Edit, type Inventory } from '../inventory/inventory.ts';
import { removeStateFile } from '../hypervisor/state-file.ts';
import type { MigrateOptions, ReceiveOptions, RunningVm, SnapshotLayers, StartVm, VmListener, VmStop } from '../hypervisor/vm-launch.ts';
import { Emitter } from '../../shared/base/emitter.ts';
import { EngineError } from '../../shared/base/errors.ts';
import type { HostId, VmId } from '../../shared/base/ids.ts';
import { nested, saidBy, say, type Phrase } from '../../shared/base/phrase.ts';
import { presentAttempt } from '../../shared/model/boot-watchdog.ts';
import { isOn, type HostStats } from '../../shared/model/host.ts';
import { withProblem, type DiskSpec, type PowerState, type Vm, type VmStats } from '../../shared/model/vm.ts';
import { checkPowerOn } from './admission.ts';
import { bootsOfStopped, recordBoots } from './boot-records.ts';
import { Console } from './console.ts';
import { CpuScheduler } from './cpu-scheduler.ts';
import type { Datastores } from './datastores.ts';
import type { Engine } from './engine.ts';
import { checkCarriesNone, checkStays, followSystem, stoppedSystem, tellLost, workloadsOn } from './host-systems.ts';
import { checkHere, type KeptOff } from './kept-off.ts';
import type { VmFiles } from './vm-files.ts';
import type { TaskContext } from './task-runner.ts';

const SHUT_DOWN_WAIT_MS = 60_000;
/** How often a VM that is paused as its storage is full looks whether there is room. */
const STORAGE_RETRY_MS = 2000;

/** A VM from power-on to power-off, on whatever host. */
interface Running {
  /** Another one after it moved. */
  vm: RunningVm;
  /** Resolves when the first instruction is about to run; rejects with the reason when it never comes to that. */
  readonly started: PromiseWithResolvers<undefined>;
  /** Resolves when the VM is gone and the inventory says so. */
  readonly gone: PromiseWithResolvers<undefined>;
  readonly cpuGate: SharedArrayBuffer | undefined;
  /** The boot that goes on; one after it is a reset. */
  attempt: number | undefined;
}

/** How a VM moves to another host while it runs. */
export interface Move extends Pick<MigrateOptions, 'rules' | 'signal' | 'progress' | 'switching'> {
  /** The VM as it will be. */
  readonly to: Vm;
  /** It runs there from now on. */
  readonly moved: () => void;
}

/** A guest that comes from another engine. */
export interface Arriving {
  readonly port: MessagePort;
  /** Takes the VM, for ever. Rejects with why not. */
  readonly commit: () => Promise<void>;
  /** Its machine is gone, whether or not it ever ran. */
  readonly ended: (stop: VmStop) => void;
}

export class Power {
  /** A machine is being started, and is gone. */
  readonly launched = new Emitter<{ readonly id: VmId; readonly machine: RunningVm }>();
  readonly gone = new Emitter<VmId>();
  /** It goes on in another one. */
  readonly moved = new Emitter<{ readonly id: VmId; readonly machine: RunningVm }>();
  private readonly inventory: Inventory;
  private readonly startVm: StartVm;
  private readonly files: VmFiles;
  private readonly scheduler: CpuScheduler;
  private readonly keptOff: KeptOff;
  private readonly datastores: Datastores;
  private readonly running = new Map<VmId, Running>();
  private readonly consoles = new Map<VmId, Console>();
  /** Where memory of VMs still is that run elsewhere already. */
  private readonly sources = new Map<VmId, RunningVm>();
  private isClosing = false;
  private readonly retries = new Map<VmId, NodeJS.Timeout>();

  constructor({ inventory, startVm, files, keptOff, datastores }: Pick<Engine, 'inventory' | 'files' | 'keptOff' | 'datastores'> & { readonly startVm: StartVm }) {
    this.keptOff = keptOff;
    this.files = files;
    this.inventory = inventory;
    this.datastores = datastores;
    this.scheduler = new CpuScheduler(inventory);
    this.startVm = startVm;
  }

  /** A console outlives the runs of its VM. */
  console(id: VmId): Console {
    this.inventory.vm(id);
    return this.consoleOf(id);
  }

  private consoleOf(id: VmId): Console {
    const known = this.consoles.get(id) ?? new Console();
    this.consoles.set(id, known);
    return known;
  }

  forget(id: VmId): void { this.consoles.delete(id); }

  async stats(id: VmId): Promise<VmStats | null> {
    this.inventory.vm(id);
    const stats = await this.running.get(id)?.vm.stats(), cpu = this.scheduler.stats(id);
    return stats === undefined ? null : { ...stats, ...(cpu && { cpu }) };
  }

  /** Of the VMs that run on a host. */
  cpuStats(host: HostId): HostStats['vms'] {
    return [...this.running.keys()].flatMap(id => {
      const cpu = this.inventory.find('vm', id)?.hostId === host ? this.scheduler.stats(id) : undefined;
      return cpu === undefined ? [] : [{ id, ...cpu }];
    });
  }

  get runningIds(): VmId[] { return [...this.running.keys()]; }

  /** Of a VM that runs; none of any other. */
  nics(id: VmId): RunningVm['nics'] { return this.running.get(id)?.vm.nics ?? []; }

  /** Boots the VM, or goes on where it was suspended. */
  async on(id: VmId, { signal, progress }: TaskContext): Promise<void> {
    const vm = await this.inventory.transact(edit => {
      const off = inState(edit.vm(id), ['poweredOff', 'suspended']);
      if (off.template === true) throw new EngineError('template', say`${off.spec.name} is a template. Deploy a virtual machine from it, or convert it into one.`);
      this.keptOff.checkPowerOn(off);
      checkPowerOn(off, edit);
      const { unwatched: _, ...wanted } = withProblem(off);
      edit.put('vm', { ...wanted, powerState: 'poweringOn' });
      followSystem(edit, id);
      return off;
    });
    // Nothing may be left that the VM could seem to go on from.
    if (vm.powerState === 'poweredOff' && this.files.isSuspended(id)) await removeStateFile(this.files.suspendedState(id));
    const running = this.launch(vm, progress);
    const cancel = () => void running.vm.terminate();
    signal.addEventListener('abort', cancel, { once: true });
    if (signal.aborted) cancel();
    try { await running.started.promise; } finally { signal.removeEventListener('abort', cancel); }
  }

  async shutDownGuest(id: VmId, { signal }: TaskContext): Promise<void> {
    const vm = inState(this.inventory.vm(id), ['poweredOn']);
    checkCarriesNone(vm, this.inventory);
    const running = this.runningVm(vm);
    running.vm.powerButton();
    const wait = AbortSignal.any([signal, AbortSignal.timeout(SHUT_DOWN_WAIT_MS)]);
    await Promise.race([running.gone.promise, aborted(wait)]);
    if (signal.aborted) throw new EngineError('cancelled', 'The task was cancelled.');
    if (wait.aborted) throw new EngineError('guest-ignored', say`${vm.spec.name} did not shut down within ${SHUT_DOWN_WAIT_MS / 1000} seconds. Its guest may not listen to the power button; power it off instead.`);
  }

  /** What its guest makes of it is the guest's own. */
  async pressRestart(id: VmId): Promise<void> {
    await Promise.resolve();
    this.runningVm(inState(this.inventory.vm(id), ['poweredOn'])).vm.restartButton();
  }

  /** Its guest shuts down, then the VM is powered on again. */
  async restartGuest(id: VmId, context: TaskContext): Promise<void> {
    checkStays(this.inventory.vm(id), this.inventory);
    await this.shutDownGuest(id, context);
    await this.on(id, context);
  }

  async suspend(id: VmId, { signal, progress }: TaskContext): Promise<void> {
    const vm = await this.inventory.transact(edit => {
      const on = inState(edit.vm(id), ['poweredOn']);
      checkCarriesNone(on, edit);
      edit.put('vm', { ...on, powerState: 'suspending' });
      followSystem(edit, id);
      return on;
    });
    const running = this.runningVm(vm);
    try {
      await this.files.makeFolder(id);
      await running.vm.suspend(this.files.suspendedState(id), { signal, progress });
    } catch (error) {
      await this.inventory.transact(edit => { if (edit.vm(id).powerState === 'suspending') edit.put('vm', { ...edit.vm(id), powerState: 'poweredOn' }); followSystem(edit, id); });
      throw error;
    }
    await running.gone.promise;
  }

  /** Of a VM that is powered on. */
  machine(id: VmId): RunningVm { return this.runningVm(inState(this.inventory.vm(id), ['poweredOn'])).vm; }

  /** See `RunningVm.snapshot`. */
  async snapshot(id: VmId, what: SnapshotLayers, record: () => Promise<void>, { signal, progress }: TaskContext): Promise<void> {
    await this.machine(id).snapshot(what, record, { signal, progress });
  }

  /** See `RunningVm.moveDisks`; a path for each disk that moves, in the order of the VM's settings. */
  async moveDisks(id: VmId, paths: readonly (string | undefined)[], record: () => Promise<void>, { signal, progress }: Pick<TaskContext, 'signal' | 'progress'>): Promise<void> {
    await this.machine(id).moveDisks(asRunning(this.inventory.vm(id).spec.disks, paths), record, { signal, progress });
  }

  /** Of a suspended VM, gives its state up. */
  async off(id: VmId): Promise<void> {
    if (this.inventory.vm(id).powerState === 'suspended') { await this.dropState(id); return; }
    const vm = await this.inventory.transact(edit => {
      const on = inState(edit.vm(id), ['poweredOn', 'poweringOn']);
      checkCarriesNone(on, edit);
      edit.put('vm', { ...on, powerState: 'poweringOff' });
      return on;
    });
    const running = this.runningVm(vm);
    await running.vm.terminate();
    await running.gone.promise;
  }

  private async dropState(id: VmId): Promise<void> {
    await this.inventory.transact(edit => {
      const vm = inState(edit.vm(id), ['suspended']);
      edit.put('vm', { ...vm, powerState: 'poweredOff' });
      edit.event({ severity: 'info', type: 'vm.poweredOff', message: say`${vm.spec.name} was powered off; its suspended state was given up.`, target: refOf(vm) });
    });
    await removeStateFile(this.files.suspendedState(id));
  }

  async reset(id: VmId): Promise<void> {
    const vm = inState(this.inventory.vm(id), ['poweredOn']);
    checkCarriesNone(vm, this.inventory);
    this.runningVm(vm).vm.reset();
    await this.inventory.transact(edit => edit.event({ severity: 'info', type: 'vm.reset', message: say`${vm.spec.name} was reset.`, target: refOf(vm) }));
  }

  /** Pulls every plug, as the engine ends. */
  async close(): Promise<void> {
    this.isClosing = true;
    await this.allOff(() => true);
  }

  /** Pulls the plugs that are chosen. */
  async allOff(chosen: (id: VmId) => boolean): Promise<void> {
    await Promise.all([...this.running].map(async ([id, running]) => {
      if (!chosen(id)) return;
      await running.vm.terminate();
      await running.gone.promise;
    }));
  }

  /** All of it but the machine. */
  private preparing(vm: Vm): Running {
    const cpuGate = vm.hostRole === 'smartNic' ? undefined : this.scheduler.add(vm.id), started = Promise.withResolvers<undefined>(), gone = Promise.withResolvers<undefined>();
    // Nobody may be waiting for them when the disk refuses what they record.
    started.promise.catch(() => undefined);
    gone.promise.catch(() => undefined);
    return { started, gone, cpuGate, attempt: vm.boot && presentAttempt(vm.boot)?.number } as Running;
  }

  private launch(vm: Vm, progress: (part: number) => void): Running {
    const { id } = vm, running = this.preparing(vm), { started } = running;
    running.vm = this.machineFor(vm, running, { resuming: progress, started: () => void this.recordStarted(id).then(() => started.resolve(undefined), started.reject) });
    this.console(id).poweredOn(running.vm);
    this.launched.emit({ id, machine: running.vm });
    this.running.set(id, running);
    return running;
  }

  /**
   * Goes on with a VM on another host. Resolves when it runs there; rejects when it stays. The engine alone says where it runs: the
   * destination asks before its first instruction, and once it was told that it may not, it never will. With post-copy it resolves when all
   * of its memory is there too, and rejects when the VM stops before.
   */
  async move(id: VmId, { to, moved, ...how }: Move): Promise<void> {
    const vm = inState(this.inventory.vm(id), ['poweredOn']), running = this.runningVm(vm), source = running.vm, { port1, port2 } = new MessageChannel(), whole = Promise.withResolvers<undefined>();
    let hasMoved = false, isOver = false;
    const mayRun = () => {
      if (isOver || this.running.get(id) !== running) return false;
      hasMoved = true;
      running.vm = next;
      this.console(id).poweredOn(next);
      this.moved.emit({ id, machine: next });
      this.sources.set(id, source);
      moved();
      return true;
    };
    const next = this.machineFor(to, running, { started: () => { /* it runs already, for all who look */ } }, { from: source, port: port2, link: how.rules.link, mayRun, whole: () => whole.resolve(undefined) });
    const stay = async () => {
      isOver = true;
      await next.terminate();
    };
    try {
      await source.migrate({ ...how, port: port1, hasMoved: async () => { if (!hasMoved) await stay(); return hasMoved; } });
    } catch (error) {
      // A source that fails after it was left is no concern any more.
      if (!hasMoved) {
        await stay();
        throw error;
      }
    }
    try {
      if (how.rules.postCopy === true) await Promise.race([whole.promise, running.gone.promise.then(() => { throw new EngineError('migration.memoryLost', say`${vm.spec.name} stopped before all of its memory had followed.`); })]);
    } finally {
      this.sources.delete(id);
      await source.terminate();
    }
  }

  /** Where it came from is gone, with whatever of its memory is still there. */
  async loseSource(id: VmId): Promise<void> { await this.sources.get(id)?.terminate(); }

  /** Goes on with a VM in another engine. Resolves when it runs there, and not here any more; rejects when it stays, or its machine is gone. */
  async leave(id: VmId, how: MigrateOptions): Promise<void> {
    const running = this.runningVm(inState(this.inventory.vm(id), ['poweredOn'])), { vm: machine } = running;
    await machine.migrate(how);
    if (this.running.get(id) === running) this.dismiss(id);
    running.gone.resolve(undefined);
    await machine.terminate();
  }

  /**
   * A machine for a guest of another engine's, which comes by the port. It becomes a VM of this engine's with `commit`, before its first
   * instruction; one that never comes to that has `ended`.
   */
  receive(vm: Vm, { port, commit, ended }: Arriving): RunningVm {
    const { id } = vm, running = this.preparing(vm);
    let stop: VmStop | undefined;
    running.vm = this.machineFor(vm, running, { started: () => running.started.resolve(undefined) }, {
      port, mayRun: async () => {
        await commit();
        this.running.set(id, running);
        // Its machine may be gone already: then it lost its power here.
        if (stop !== undefined) { this.stopped(vm, running, stop); return false; }
        this.console(id).poweredOn(running.vm);
        this.launched.emit({ id, machine: running.vm });
        return true;
      },
    }, stopped => {
      stop = stopped;
      if (!this.running.has(id)) this.scheduler.remove(id);
      ended(stopped);
    });
    return running.vm;
  }

  /** What is told of it counts while the VM runs in it. */
  private machineFor(vm: Vm, running: Running, told: Pick<VmListener, 'started' | 'resuming'>, receive?: ReceiveOptions, ended?: (stop: VmStop) => void): RunningVm {
    const { id, hostId, spec } = vm, serial = this.consoleOf(id), { counterHz, watchdog } = this.inventory.host(hostId);
    const isCurrent = () => running.vm === machine && this.running.get(id) === running;
    const machine: RunningVm = this.startVm({
      name: spec.name, cpus: spec.cpus, maxCpus: spec.maxCpus, smpMode: spec.smpMode, memoryMib: spec.memoryMib, iommu: spec.iommu === true, counterHz, guest: spec.guest, disks: spec.disks, ...(spec.nics && { nics: spec.nics }), host: hostId, nicSeed: id, display: spec.display,
      time: spec.time, bootWatchdog: spec.bootWatchdog, boots: vm.boot, efiVariables: vm.efiVariables, cpuGate: running.cpuGate, ...(vm.hostRole === 'host' && watchdog === 'SBSA revision 0' && { watchdogRevision: 0 }),
      resumeFrom: receive === undefined && this.files.isSuspended(id) ? this.files.suspendedState(id) : undefined,
    }, {
      ...told,
      keepEfiVariables: efiVariables => this.inventory.transact(edit => { edit.put('vm', { ...edit.vm(id), efiVariables }); }),
      roomFor: path => this.datastores.roomFor(path),
      storageFull: path => this.recordFull(id, path),
      storageHasRoom: () => this.recordRoom(id),
      consoleOutput: bytes => serial.output(bytes),
      booted: record => {
        if (!isCurrent()) return;
        const next = record.attempts.at(-1)?.number, isReset = running.attempt !== undefined && next !== running.attempt;
        running.attempt = next;
        recordBoots(this.inventory, id, record);
        if (isReset) void this.loseWorkloads(id);
      },
      // A reset by the watchdog is told with the stage that it came in.
      resetByGuest: byWatchdog => { if (!byWatchdog) this.inventory.eventually(edit => edit.event({ severity: 'info', type: 'vm.reset', message: say`${spec.name} was reset by its guest.`, target: refOf(vm) })); },
      stopped: stop => {
        if (isCurrent()) this.stopped(vm, running, stop);
        ended?.(stop);
      },
    }, receive && { receive });
    return machine;
  }

  /** It does not run here any more. */
  private dismiss(id: VmId): void {
    this.consoleOf(id).poweredOff();
    this.gone.emit(id);
    this.running.delete(id);
    this.stopRetries(id);
    this.scheduler.remove(id);
  }

  private stopped({ id, spec: { name } }: Vm, { started, gone }: Running, stop: VmStop): void {
    this.dismiss(id);
    const carries = this.isHostOn(id);
    void this.recordStopped(id, stop).then(async () => {
      if (carries) await this.loseWorkloads(id);
      started.reject(new EngineError('not-started', stop.kind === 'failed' ? saidBy(stop) : say`${name} stopped before it ran.`));
      gone.resolve(undefined);
    }, gone.reject);
  }

  /** It is paused, and tries again now and then. */
  private recordFull(id: VmId, path: string): void {
    this.stopRetries(id);
    this.retries.set(id, setInterval(() => this.running.get(id)?.vm.retryStorage(), STORAGE_RETRY_MS).unref());
    this.inventory.eventually(edit => {
      const vm = edit.vm(id);
      edit.put('vm', withProblem(vm, say`It is paused: there is no room for ${path}. It goes on when there is.`));
      edit.event({ severity: 'error', type: 'vm.paused', message: say`${vm.spec.name} was paused: there is no room for ${path}.`, target: refOf(vm) });
    });
  }

  private recordRoom(id: VmId): void {
    this.stopRetries(id);
    this.inventory.eventually(edit => {
      const vm = withProblem(edit.vm(id));
      edit.put('vm', vm);
      edit.event({ severity: 'info', type: 'vm.wentOn', message: say`${vm.spec.name} went on: there is room for its disks again.`, target: refOf(vm) });
    });
  }

  private stopRetries(id: VmId): void {
    clearInterval(this.retries.get(id));
    this.retries.delete(id);
  }

  private recordStarted(id: VmId): Promise<void> {
    return this.inventory.transact(edit => {
      const vm = edit.vm(id);
      // Power off may have been asked for meanwhile.
      if (vm.powerState === 'poweringOn') edit.put('vm', { ...vm, powerState: 'poweredOn', poweredOnMs: Date.now() });
      followSystem(edit, id);
      edit.event({ severity: 'info', type: 'vm.poweredOn', message: say`${vm.spec.name} was powered on.`, target: refOf(vm) });
    });
  }

  private recordStopped(id: VmId, stop: VmStop): Promise<void> {
    return this.inventory.transact(edit => {
      markStopped(edit, bootsOfStopped(edit.vm(id), stop, Date.now()), stop, this.files.isSuspended(id));
      // When the engine ends, hosts stay as they are, and go on when it starts.
      if (!this.isClosing) stoppedSystem(edit, id, stop);
    });
  }

  /** Unless its host was powered off before, with all that is on it. */
  private isHostOn(id: VmId): boolean {
    const vm = this.inventory.find('vm', id), host = vm && this.inventory.find('host', vm.hostId);
    return host !== undefined && isOn(host);
  }

  /** What ran on a host whose own system went down goes down with it. */
  private async loseWorkloads(id: VmId): Promise<void> {
    const vm = this.inventory.find('vm', id);
    if (vm?.hostRole !== 'host' || this.isClosing) return;
    const lost = new Set(workloadsOn(this.inventory, vm.hostId).map(each => each.id));
    if (lost.size === 0) return;
    this.inventory.eventually(edit => tellLost(edit, vm.hostId, lost.size));
    await this.allOff(other => lost.has(other));
  }

  private runningVm(vm: Vm): Running {
    const running = this.running.get(vm.id);
    if (!running) throw new EngineError('not-running', say`${vm.spec.name} is not running.`);
    return running;
  }
}

/** A VM that could not go on from its state still has it. */
function markStopped(edit: Edit, vm: Vm, stop: VmStop, isSuspended: boolean): void {
  edit.put('vm', { ...(stop.kind === 'failed' ? withProblem(vm, saidBy(stop)) : vm), powerState: isSuspended ? 'suspended' : 'poweredOff' });
  if (stop.kind === 'failed') edit.event({ severity: 'error', type: 'vm.failed', message: say`${vm.spec.name} failed: ${nested(saidBy(stop))}`, target: refOf(vm) });
  else if (stop.kind === 'suspended') edit.event({ severity: 'info', type: 'vm.suspended', message: say`${vm.spec.name} was suspended.`, target: refOf(vm) });
  else edit.event({ severity: 'info', type: 'vm.poweredOff', message: stop.kind === 'terminated' ? say`${vm.spec.name} was powered off.` : say`${vm.spec.name} was powered off by its guest.`, target: refOf(vm) });
}

const IS: Readonly<Record<PowerState, (name: string) => Phrase>> = {
  poweredOff: name => say`${name} is powered off.`, poweringOn: name => say`${name} is being powered on.`, poweredOn: name => say`${name} is powered on.`,
  poweringOff: name => say`${name} is being powered off.`, suspending: name => say`${name} is being suspended.`, suspended: name => say`${name} is suspended.`,
};

export function inState(vm: Vm, wanted: readonly PowerState[]): Vm {
  checkHere(vm);
  if (!wanted.includes(vm.powerState)) throw new EngineError('wrong-state', IS[vm.powerState](vm.spec.name));
  return vm;
}

const aborted = (signal: AbortSignal): Promise<void> => new Promise(resolve => {
  if (signal.aborted) resolve();
  else signal.addEventListener('abort', () => resolve(), { once: true });
});

/** What belongs to each disk, in the order in which a running VM has them: first those that are fixed, then by slot. */
export function asRunning<T>(disks: readonly DiskSpec[], each: readonly T[]): T[] {
  const inOrder = disks.map(({ slot = -1 }, at) => ({ slot, of: each[at] as T })).sort((a, b) => a.slot - b.slot);
  return inOrder.map(({ of }) => of);
}
