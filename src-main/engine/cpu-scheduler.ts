/**
 * Divides each host's CPUs among the VMs that run on it, again and again: looks at what each used and wanted, and grants it
 * its part of the time that has passed since (decision 16). A VM that would get all that it can use whatever others do is
 * not looked after at all.
 */
import type { HostId, VmId } from '../../shared/base/ids.ts';
import type { Host } from '../../shared/model/host.ts';
import type { CpuStats, Vm } from '../../shared/model/vm.ts';
import { CpuGate } from '../hypervisor/cpu-gate.ts';
import type { Inventory } from '../inventory/inventory.ts';
import { hostNowNs } from '../time/host-time.ts';
import { divide, type Division } from './cpu-division.ts';
import { CpuTrees, threadsOf, type CpuTree, type Wish } from './cpu-tree.ts';

const PERIOD_MS = 100;
/** When the engine comes late, more than this is not made up for. */
const LONGEST_NS = 4e6 * PERIOD_MS;
/** What a VM is taken to want beyond what it wanted before, and what an idle one begins with, as parts of a CPU. */
const GROWTH = 1.2, HEAD_START = 0.05;
/** For each CPU, how much of what was granted may be left over: what is used is only known to some milliseconds. */
const SLACK_NS = 10e6;
/** Over what time figures are smoothed. */
const SMOOTH_NS = 1e9;
const EXACT = 1e-9;

/** Figures of a VM, in CPUs. */
interface Rates { readonly used: number; readonly wanted: number; readonly entitled: number }

class Member {
  readonly gate = new CpuGate();
  private last = { usedNs: 0, wantedNs: 0 };
  /** What is left although it wanted to run: the engine's machine gave its processors to others. */
  owedNs = 0;
  private looks = 0;
  /** What it wanted since the last look, in CPUs. */
  private now = 0;
  /** In total; all it likes when absent. */
  private grantedNs: number | undefined;
  rates: Rates = { used: 0, wanted: 0, entitled: 0 };

  /** What it used and wanted since the last look. */
  look(threads: number, spanNs: number): void {
    this.looks += 1;
    const { usedNs, wantedNs } = this.gate, used = (usedNs - this.last.usedNs) / spanNs, wanted = (wantedNs - this.last.wantedNs) / spanNs;
    this.last = { usedNs, wantedNs };
    this.smooth(spanNs, { used, wanted: Math.max(used, wanted) });
    this.now = Math.max(used, wanted);
    this.owedNs = Math.max(0, Math.min(this.leftNs, this.owedNs * Math.min(1, this.now / threads) + (wanted - used) * spanNs));
  }
  /** What was granted and is not used; negative when it took more. */
  get leftNs(): number { return this.grantedNs === undefined ? 0 : this.grantedNs - this.last.usedNs; }
  /** What it is likely to want next beyond what it has, in CPUs. */
  demand(threads: number, spanNs: number): number { return Math.min(threads, Math.max(0, Math.min(threads, this.now * GROWTH + HEAD_START) - this.leftNs / spanNs)); }

  open(entitled: number, spanNs: number): void {
    if (this.grantedNs !== undefined) this.gate.open();
    this.grantedNs = undefined;
    this.smooth(spanNs, { entitled });
  }

  /** In CPUs; `entitled` is what of it answers a demand. */
  grant(amount: number, entitled: number, { spanNs, threads }: { spanNs: number; threads: number }): void {
    const ns = amount * spanNs, most = this.last.usedNs + ns + this.owedNs + SLACK_NS * threads;
    this.grantedNs = Math.min((this.grantedNs ?? this.last.usedNs) + ns, most);
    this.gate.allow(this.grantedNs);
    this.smooth(spanNs, { entitled });
  }

  private smooth(spanNs: number, now: Partial<Rates>): void {
    const weight = Math.max(1 / this.looks, 1 - Math.exp(-spanNs / SMOOTH_NS)), blend = (before: number, after = before) => before + weight * (after - before), { used, wanted, entitled } = this.rates;
    this.rates = { used: blend(used, now.used), wanted: blend(wanted, now.wanted), entitled: blend(entitled, now.entitled) };
  }
}

const of = ({ claims }: CpuTree, vm: Vm, result: ReadonlyMap<Division, number>): number => result.get(claims.get(vm.id) as Division) ?? 0;

export class CpuScheduler {
  private readonly inventory: Inventory;
  private readonly members = new Map<VmId, Member>();
  private timer: NodeJS.Timeout | undefined;
  private lastNs = 0;

  constructor(inventory: Inventory) { this.inventory = inventory; }

  /** The gate of a VM that is about to run. */
  add(id: VmId): SharedArrayBuffer {
    const member = new Member();
    this.members.set(id, member);
    if (this.timer === undefined) {
      this.lastNs = hostNowNs();
      this.timer = setInterval(() => this.tick(), PERIOD_MS).unref();
    }
    return member.gate.buffer;
  }

  remove(id: VmId): void {
    this.members.delete(id);
    if (this.members.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  /** Of a VM that runs. */
  stats(id: VmId): CpuStats | undefined {
    const member = this.members.get(id), vm = this.inventory.find('vm', id);
    if (member === undefined || vm === undefined) return undefined;
    const { cpuMhz } = this.inventory.host(vm.hostId), { used, wanted, entitled } = member.rates;
    return { cpuMhz: Math.round(used * cpuMhz), entitledMhz: Math.round(entitled * cpuMhz), cpuReadyPart: Math.min(1, Math.max(0, wanted - used) / threadsOf(vm)) };
  }

  private tick(): void {
    const nowNs = hostNowNs(), spanNs = nowNs - this.lastNs;
    if (spanNs <= 0) return;
    this.lastNs = nowNs;
    const running = [...this.members.keys()].flatMap(id => this.inventory.find('vm', id) ?? []), trees = new CpuTrees(this.inventory, running);
    for (const vm of running) this.members.get(vm.id)?.look(threadsOf(vm), spanNs);
    for (const [hostId, vms] of Map.groupBy(running, vm => vm.hostId)) this.divideHost(trees, hostId, vms, Math.min(spanNs, LONGEST_NS));
  }

  private divideHost(trees: CpuTrees, hostId: HostId, vms: readonly Vm[], spanNs: number): void {
    const host = this.inventory.find('host', hostId);
    if (host === undefined) return;
    const member = (vm: Vm) => this.members.get(vm.id) as Member, divided = (cpus: number, wish: (vm: Vm) => Wish) => dividedAmong({ trees, host, vms }, cpus, wish);
    // The rest of what the engine's machine did not give to one must not go to the others, or shares would not hold.
    const owed = vms.reduce((sum, vm) => sum + member(vm).owedNs, 0) / spanNs, cpus = Math.max(0, host.cpus - owed);
    const atWorst = divided(host.cpus, vm => ({ demand: threadsOf(vm) }));
    const entitled = divided(cpus, vm => ({ demand: member(vm).demand(threadsOf(vm), spanNs) }));
    // What nobody asked for is divided as well, so that whoever wakes up need not wait for the next time.
    const granted = divided(cpus, vm => ({ demand: Math.max(entitled(vm), threadsOf(vm) - Math.max(0, member(vm).leftNs) / spanNs), reservation: entitled(vm) }));
    for (const vm of vms) {
      const threads = threadsOf(vm);
      if (atWorst(vm) >= threads - EXACT) member(vm).open(entitled(vm), spanNs);
      else member(vm).grant(granted(vm), entitled(vm), { spanNs, threads });
    }
  }
}

/** What each VM gets of so many CPUs of its host. */
function dividedAmong({ trees, host, vms }: { trees: CpuTrees; host: Host; vms: readonly Vm[] }, cpus: number, wish: (vm: Vm) => Wish): (vm: Vm) => number {
  const tree = trees.of(host, vms, wish), result = divide(cpus, tree.roots);
  return vm => of(tree, vm, result);
}
