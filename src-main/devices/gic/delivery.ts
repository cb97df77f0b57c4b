/**
 * Which interrupts each vCPU has to hear of, and their way into its list registers and back. While a vCPU runs, what it
 * was given lives in its list registers; between `sync` and `flush` it all lives here.
 */
import { isPending, NOBODY, ownerOf, type Interrupt } from './interrupt.ts';
import { foldListRegister, listRegister, type VirtualCpuInterface } from './list-register.ts';

interface Loaded { readonly irq: Interrupt; readonly lr: bigint }

interface Queue {
  readonly cpu: number;
  readonly waiting: Set<Interrupt>;
  /** What is in the list registers while the vCPU runs. */
  loaded: Loaded[];
  /** List registers that may hold something, current or stale. */
  lrsInUse: number;
}

const byUrgency = (a: Interrupt, b: Interrupt) =>
  Number(b.active) - Number(a.active) || a.priority - b.priority || a.intid - b.intid;

export class Delivery {
  private readonly queues: Queue[];
  private readonly queueOf = new Map<Interrupt, Queue>();
  private readonly permitted: (irq: Interrupt) => boolean;
  private readonly kick: (cpu: number) => void;

  /** `permitted` says whether an enabled interrupt may be signalled; `kick` that a running vCPU has to be flushed again. */
  constructor(cpus: number, permitted: (irq: Interrupt) => boolean, kick: (cpu: number) => void) {
    this.queues = Array.from({ length: cpus }, (_, cpu) => ({ cpu, waiting: new Set(), loaded: [], lrsInUse: Infinity }));
    this.permitted = permitted;
    this.kick = kick;
  }

  /** To be called after every change to an interrupt; `busy` is a CPU that will be flushed anyway. */
  update(irq: Interrupt, busy = NOBODY): void {
    const owner = irq.active || this.signalled(irq) ? ownerOf(irq) : NOBODY;
    const now = this.queues[owner];
    const before = this.queueOf.get(irq);
    if (before !== now) this.move(irq, before, now);
    if (now !== undefined && now.cpu !== busy) this.kick(now.cpu);
    if (before !== undefined && before !== now && before.cpu !== busy) this.kick(before.cpu);
  }

  private move(irq: Interrupt, from: Queue | undefined, to: Queue | undefined) {
    from?.waiting.delete(irq);
    to?.waiting.add(irq);
    if (to === undefined) this.queueOf.delete(irq);
    else this.queueOf.set(irq, to);
  }

  flush(cpu: number, into: VirtualCpuInterface): void {
    const queue = this.queues[cpu]!;
    if (queue.waiting.size === 0 && queue.lrsInUse === 0) return;
    const chosen = [...queue.waiting].sort(byUrgency).slice(0, into.lrCount);
    queue.loaded = chosen.map((irq) => ({ irq, lr: listRegister(irq) }));
    queue.loaded.forEach(({ irq, lr }, n) => {
      if (irq.edge) irq.latch = false;
      into.writeLr(n, lr);
    });
    for (let n = chosen.length; n < Math.min(queue.lrsInUse, into.lrCount); n++) into.writeLr(n, 0n);
    queue.lrsInUse = chosen.length;
    into.setUnderflowInterrupt(queue.waiting.size > chosen.length);
  }

  sync(cpu: number, from: VirtualCpuInterface): void {
    const queue = this.queues[cpu]!;
    const { loaded } = queue;
    if (loaded.length === 0) return;
    queue.loaded = [];
    loaded.forEach(({ irq, lr }, n) => {
      foldListRegister(irq, cpu, lr, from.readLr(n));
      this.update(irq, cpu);
    });
  }

  hasLoaded(cpu: number): boolean { return this.queues[cpu]!.loaded.length > 0; }

  /** Whether something waits that would wake a vCPU whose ICC_PMR_EL1 is `priorityMask`. */
  pending(cpu: number, priorityMask: number): boolean {
    for (const irq of this.queues[cpu]!.waiting) if (!irq.active && irq.priority < priorityMask) return true;
    return false;
  }

  /** Forgets everything; the list registers are rewritten at the next flush. */
  clear(): void {
    this.queueOf.clear();
    for (const queue of this.queues) { queue.waiting.clear(); queue.loaded = []; queue.lrsInUse = Infinity; }
  }

  private signalled(irq: Interrupt) { return isPending(irq) && irq.enabled && this.permitted(irq); }
}
