/**
 * Keeps a VM within what its gate lets it use, from the VM's own thread: it says how long the VM may run now, counts what
 * that took, and waits when all is used up. The guest's clock goes on meanwhile, as on any host with too few CPUs, unless it is
 * to catch up with what it misses.
 */
import { hostNowNs } from '../time/host-time.ts';
import { threadCpuNs } from '../time/thread-time.ts';
import { CpuGate } from './cpu-gate.ts';
import type { Vm } from './vm.ts';

/** A run shorter than this costs more than it does; what is used beyond what is left is missing later. */
const SHORTEST_NS = 2e6;

export class Throttle {
  private readonly gate: CpuGate | undefined;
  private readonly vm: Vm;
  private threads = { cpuNs: 0, busyNs: 0 };
  /** The thread's time that was counted. It is known late, so that none may be left out from one run to the next. */
  private countedNs = threadCpuNs();

  /** Without a gate the VM is on no host, and nothing is counted. */
  constructor(gate: SharedArrayBuffer | undefined, vm: Vm) {
    this.gate = gate && new CpuGate(gate);
    this.vm = vm;
  }

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

  /** Waits until there is more, or until `woken`. */
  async wait(woken: Promise<void>): Promise<void> {
    const { gate, vm } = this, startedNs = hostNowNs(), waiting = Math.min(vm.threadCount, vm.runnableCount), standsStill = vm.time.catchesUp;
    if (standsStill) vm.pause();
    await Promise.race([gate?.granted(), woken]);
    if (standsStill) vm.resume();
    gate?.account(0, waiting * (hostNowNs() - startedNs));
  }
}
