/**
 * Keeps a VM within what its gate lets it use, from the VM's own thread: it says how long the VM may run now, counts what
 * that took, and waits when all is used up. The guest's clock goes on meanwhile, as on any host with too few CPUs, unless it is
 * to catch up with what it misses.
 */
import { setTimeout as wait } from 'node:timers/promises';
import { hostNowNs } from '../time/host-time.ts';
import { threadCpuNs } from '../time/thread-time.ts';
import { CpuGate } from './cpu-gate.ts';
import type { Vm } from './vm.ts';

/** A run shorter than this costs more than it does; what is used beyond what is left is missing later. */
const SHORTEST_NS = 2e6;
/** Parts of the time, as QEMU has them for what it calls auto-converge. */
const FIRST_REST = 0.2, NEXT_REST = 0.1, MOST_REST = 0.99;

export class Throttle {
  private readonly gate: CpuGate | undefined;
  private readonly vm: Vm;
  private rests = 0;
  private threads = { cpuNs: 0, busyNs: 0 };
  /** The thread's time that was counted. It is known late, so that none may be left out from one run to the next. */
  private countedNs = threadCpuNs();

  /** Without a gate the VM is on no host, and nothing is counted. */
  constructor(gate: SharedArrayBuffer | undefined, vm: Vm) {
    this.gate = gate && new CpuGate(gate);
    this.vm = vm;
  }

  /** A guest that changes memory faster than it can be copied runs for less of the time, each time that this is said. */
  slowDown(): void { this.rests = Math.min(MOST_REST, this.rests === 0 ? FIRST_REST : this.rests + NEXT_REST); }
  fullSpeed(): void { this.rests = 0; }
  /** For what part of the time the guest is kept from running. */
  get slowed(): number { return this.rests; }

  /** All is used up. */
  get isShut(): boolean { return this.gate !== undefined && this.gate.leftNs <= 0; }

  /** Runs the VM for `mostNs` or less; says whether it is busy, which one that has to wait is. */
  run(mostNs: number, runFor: (ns: number) => boolean): boolean {
    const { gate, vm } = this;
    if (gate === undefined) return runFor(mostNs);
    if (this.isShut) return true;
    const startedNs = hostNowNs(), busy = runFor(Math.min(mostNs, Math.max(SHORTEST_NS, gate.leftNs / vm.threadCount)));
    this.account(gate, hostNowNs() - startedNs);
    if (this.isShut) vm.hold();
    return busy;
  }

  /** What the thread did since is not the guest's doing. */
  forget(): void { this.countedNs = threadCpuNs(); }

  /** What vCPUs in threads of their own used counts with what their VM's thread did for them. */
  private account(gate: CpuGate, wallNs: number): void {
    const { threadTimes } = this.vm, before = this.threads, cpuNs = threadCpuNs() - this.countedNs;
    this.countedNs += cpuNs;
    if (threadTimes === undefined) { gate.account(cpuNs, Math.max(cpuNs, wallNs)); return; }
    this.threads = threadTimes;
    gate.account(threadTimes.cpuNs - before.cpuNs + cpuNs, threadTimes.busyNs - before.busyNs + cpuNs);
  }

  /** After a guest that is slowed down ran for so long. Its clock goes on. */
  async rest(ranNs: number): Promise<void> {
    if (this.rests === 0) return;
    this.vm.hold();
    await wait(ranNs * this.rests / (1 - this.rests) / 1e6);
  }

  /** Waits until there is more, or until `woken`. */
  async wait(woken: Promise<void>): Promise<void> {
    const { gate, vm } = this, startedNs = hostNowNs(), waiting = Math.min(vm.threadCount, vm.runnableCount), standsStill = vm.time.catchesUp;
    if (standsStill) vm.pause();
    await Promise.race([gate?.granted(), woken]);
    if (standsStill) vm.resume();
    gate?.account(0, waiting * (hostNowNs() - startedNs));
  }
}
