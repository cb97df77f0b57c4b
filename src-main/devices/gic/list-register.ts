/** ICH_LR<n>_EL2 (IHI 0069, 12.4.6): an interrupt as a virtual CPU interface holds it. No interrupt here is backed by hardware. */
import { FIRST_LPI, isPending, type Interrupt } from './interrupt.ts';

const ACTIVE = 1n << 63n;
const PENDING = 1n << 62n;
const GROUP = 60n;
const PRIORITY = 48n;
const EOI = 1n << 41n;

/** The list registers of one vCPU, as the CPU model keeps them. */
export interface VirtualCpuInterface {
  readonly lrCount: number;
  readLr(n: number): bigint;
  writeLr(n: number, value: bigint): void;
  /** ICH_HCR_EL2.UIE: whether to leave the guest when at most one list register is still in use, since more wait. */
  setUnderflowInterrupt(on: boolean): void;
}

/**
 * A level-sensitive interrupt asks to leave the guest when it is done, for its wire to be looked at again; until then it
 * is never pending as well as active.
 */
export function listRegister(irq: Interrupt): bigint {
  const pending = isPending(irq) && (irq.edge || !irq.active);
  return BigInt(irq.intid) | BigInt(irq.priority) << PRIORITY | BigInt(irq.group) << GROUP
    | (irq.edge ? 0n : EOI) | (pending ? PENDING : 0n) | (irq.active ? ACTIVE : 0n);
}

/** Takes back what became of an interrupt that was given to a vCPU as `before` and is now `after`. LPIs are never active. */
export function foldListRegister(irq: Interrupt, cpu: number, before: bigint, after: bigint): void {
  const taken = (before & PENDING) !== 0n && (after & PENDING) === 0n;
  if (irq.edge) irq.latch ||= (after & PENDING) !== 0n;
  else if (taken) irq.latch = false;
  irq.active = (after & ACTIVE) !== 0n && irq.intid < FIRST_LPI;
  if (irq.active) irq.activeOn = cpu;
}
