/**
 * vCPUs that run in threads of their own, as the VM's thread sees them. A vCPU is either running, when its CPU's block
 * and list registers are its thread's, or parked, when they are the VM's. See `vcpu-worker.ts` for the other side.
 */
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import { EXIT_REASONS, type ExitReason, type Machine, type MachineOptions } from '../cpu/core/machine.ts';
import type { HotRecord } from '../cpu/core/translation.ts';
import type { RegionModule } from '../cpu/core/translator.ts';
import * as L from '../cpu/layout.ts';
import { hostNowNs } from '../time/host-time.ts';
import type { Vcpu } from './vcpu.ts';
import type { VcpuWorkerData } from './vcpu-worker.ts';
import { workerFile } from './worker-file.ts';

const DOORBELL = (L.MACHINE + L.M_DOORBELL) / 4;

/** One vCPU and its thread. */
class Thread {
  readonly vcpu: Vcpu;
  private readonly words: Int32Array;
  private readonly worker: Worker;
  private readonly port: MessagePort;
  private readonly mailbox: number;
  /** It ended with an error, of which the event loop hears as well. */
  hasFailed = false;
  /** Was started, and what it came back with was not handled yet. */
  private out = false;
  /** Its list registers were taken back. */
  private taken = true;
  private startedNs = 0;
  private ranNs = 0;

  constructor(machine: Machine, options: MachineOptions, vcpu: Vcpu, { hot, samples, cpuTimes }: { readonly hot: (records: readonly HotRecord[]) => void } & Pick<VcpuWorkerData, 'samples' | 'cpuTimes'>) {
    const { id } = vcpu.cpu, { port1, port2 } = new MessageChannel(), { nowNs: _, ...shared } = options;
    this.vcpu = vcpu;
    this.words = new Int32Array(machine.memory.buffer);
    this.mailbox = L.MACHINE + L.M_MAILBOXES + id * L.MAILBOX_BYTES;
    this.worker = new Worker(workerFile('vcpu-worker'), { workerData: { memory: machine.memory, options: shared, id, port: port2, samples, cpuTimes } satisfies VcpuWorkerData, transferList: [port2], name: `vcpu ${id}` });
    this.worker.on('error', error => { throw error; });
    this.worker.unref();
    this.port = port1;
    this.port.on('message', hot);
    this.port.unref();
  }

  /** Its thread has the CPU. */
  get isRunning(): boolean { return this.out && Atomics.load(this.words, this.word(L.MAILBOX_STATE)) === L.RUNNING; }
  get isParked(): boolean { return !this.out; }
  /** Host time for which it ran, in ns. */
  get busyNs(): number { return this.ranNs + (this.out ? hostNowNs() - this.startedNs : 0); }

  start(): void {
    this.vcpu.enter();
    this.out = true;
    this.taken = false;
    this.startedNs = hostNowNs();
    Atomics.store(this.words, this.word(L.MAILBOX_KICK), 0);
    Atomics.store(this.words, this.word(L.MAILBOX_STATE), L.RUNNING);
    Atomics.notify(this.words, this.word(L.MAILBOX_STATE));
  }

  /** Wants it back soon. */
  kick(): void {
    if (!this.out) return;
    const attention = (L.CPU_BASE + this.vcpu.cpu.id * L.CPU_STRIDE + L.ATTENTION) / 4;
    Atomics.store(this.words, this.word(L.MAILBOX_KICK), 1);
    Atomics.store(this.words, attention, 1);
    Atomics.notify(this.words, attention);
  }

  /** Has it back, and its interrupts; what it came back for is handled by `finish`. */
  stop(): void {
    if (!this.out) return;
    this.kick();
    while (this.isRunning) Atomics.wait(this.words, this.word(L.MAILBOX_STATE), L.RUNNING);
    this.takeBack();
  }

  /** It came back: takes its interrupts, and gives the reason. */
  finish(): ExitReason {
    this.takeBack();
    this.out = false;
    this.ranNs += hostNowNs() - this.startedNs;
    const reason = EXIT_REASONS[Atomics.load(this.words, this.word(L.MAILBOX_REASON))];
    this.hasFailed = reason === undefined;
    return reason ?? 'budget';
  }

  adopt(regions: RegionModule): void { this.port.postMessage(regions); }

  async end(): Promise<void> {
    this.port.close();
    await this.worker.terminate();
  }

  private takeBack(): void {
    if (this.taken) return;
    this.taken = true;
    this.vcpu.takeBack();
  }

  private word(field: number): number { return (this.mailbox + field) / 4; }
}

export interface ParallelIo {
  /** Handles an exit of a vCPU that is parked. */
  readonly leave: (vcpu: Vcpu, reason: ExitReason) => void;
  /** Whether vCPUs may be started; an exit may have ended that. */
  readonly mayRun: () => boolean;
  /** Whether interrupts of this vCPU are in its list registers. */
  readonly hasLoaded: (cpu: number) => boolean;
  /** Where a vCPU's thread leaves its samples, if it is to take any. */
  readonly samplesOf: (cpu: number) => SharedArrayBuffer | undefined;
}

export class ParallelVcpus {
  private readonly threads: readonly Thread[];
  private readonly words: Int32Array;
  /** What each thread had of a processor, in ns. */
  private readonly cpuTimes: BigInt64Array<SharedArrayBuffer>;
  private readonly io: ParallelIo;

  constructor(machine: Machine, options: MachineOptions, vcpus: readonly Vcpu[], io: ParallelIo) {
    this.words = new Int32Array(machine.memory.buffer);
    this.io = io;
    this.cpuTimes = new BigInt64Array(new SharedArrayBuffer(8 * vcpus.length));
    this.threads = vcpus.map(vcpu => new Thread(machine, options, vcpu, { hot: hot => machine.translator.service?.(hot), samples: io.samplesOf(vcpu.cpu.id), cpuTimes: this.cpuTimes.buffer }));
    machine.translator.share = regions => {
      for (const thread of this.threads) thread.adopt(regions);
      Atomics.add(this.words, (L.MACHINE + L.M_REGIONS) / 4, 1);
    };
  }

  /** Handles what vCPUs came back for and starts those that can run. Then waits, if any runs, until one comes back, at most for `longestMs()`. False when none runs. */
  serve(longestMs: () => number): boolean {
    const rung = Atomics.load(this.words, DOORBELL);
    while (this.pass()) { /* an exit of one vCPU may concern those before it */ }
    if (!this.threads.some(t => t.isRunning)) return !this.threads.every(t => t.isParked);
    Atomics.wait(this.words, DOORBELL, rung, Math.max(0, longestMs()));
    return true;
  }

  /** Whether there was an exit. */
  private pass(): boolean {
    let left = false;
    for (const thread of this.threads) {
      if (thread.isRunning) continue;
      if (!thread.isParked) {
        left = true;
        this.io.leave(thread.vcpu, thread.finish());
      }
      if (this.io.mayRun() && !thread.hasFailed && thread.vcpu.runnable) thread.start();
    }
    return left;
  }

  /** vCPUs whose CPU may be looked at. */
  get parked(): readonly Vcpu[] { return this.threads.filter(t => t.isParked).map(t => t.vcpu); }
  /** Of all threads together: what they had of a processor, and for how long they ran. */
  get times(): { readonly cpuNs: number; readonly busyNs: number } { return { cpuNs: this.threads.reduce((sum, _, id) => sum + Number(Atomics.load(this.cpuTimes, id)), 0), busyNs: this.busyNs }; }
  get busyNs(): number { return this.threads.reduce((sum, t) => sum + t.busyNs, 0); }

  /** Something is there for a vCPU to hear of. */
  kick(cpu: number): void { this.threads[cpu]?.kick(); }

  /** Takes back every interrupt that a running vCPU has in its list registers, so that the GIC knows their state. */
  settle(): void {
    for (const thread of this.threads) if (this.io.hasLoaded(thread.vcpu.cpu.id)) thread.stop();
  }

  /** Parks all of them. What they came back for is handled, unless it is `dropped`. */
  park(dropped = false): void {
    for (const thread of this.threads) thread.kick();
    for (const thread of this.threads) thread.stop();
    for (const thread of this.threads) {
      if (thread.isParked) continue;
      const reason = thread.finish();
      if (!dropped) this.io.leave(thread.vcpu, reason);
    }
  }

  async end(): Promise<void> { await Promise.all(this.threads.map(t => t.end())); }
}
