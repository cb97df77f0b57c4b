/**
 * The registers that the Distributor has for SPIs and each Redistributor for its SGIs and PPIs, at the same offsets in
 * their frames (IHI 0069, 12.9 and 12.11). Bit n of word w is interrupt 32 w + n.
 */
import { constant, type Register } from '../device.ts';
import { isPending, PRIORITY_MASK, type Interrupt } from './interrupt.ts';

/** A frame that holds interrupts. */
export interface Bank {
  readonly name: string;
  /** Up to 32 of them; none where the frame has no interrupts of its own. */
  interrupts(word: number): readonly Interrupt[];
  changed(irq: Interrupt): void;
}

/** The rows for `words` words of interrupts, with the frame's first register at `base`. */
export function interruptRegisters(prefix: 'GICD' | 'GICR', base: number, words: number): readonly Register<Bank>[] {
  const read = (get: (irq: Interrupt) => boolean) => (bank: Bank, word: number) =>
    bank.interrupts(word).reduce((bits, irq, n) => (get(irq) ? bits | 1 << n : bits), 0);

  const row = (at: number, name: string, get: (irq: Interrupt) => boolean, write: Register<Bank>['write']): Register<Bank> =>
    ({ at: base + at, name: `${prefix}_${name}`, count: words, read: read(get), write: write! });

  /** Does something to each interrupt whose bit is one. */
  const ones = (act: (irq: Interrupt) => void) => (bank: Bank, value: number, word: number) =>
    bank.interrupts(word).forEach((irq, n) => { if ((value >>> n & 1) !== 0) { act(irq); bank.changed(irq); } });

  const group = (bank: Bank, value: number, word: number) =>
    bank.interrupts(word).forEach((irq, n) => { irq.group = (value >>> n & 1) !== 0 ? 1 : 0; bank.changed(irq); });

  return [
    row(0x080, 'IGROUPR', (irq) => irq.group === 1, group),
    row(0x100, 'ISENABLER', (irq) => irq.enabled, ones((irq) => { irq.enabled = true; })),
    row(0x180, 'ICENABLER', (irq) => irq.enabled, ones((irq) => { irq.enabled = false; })),
    row(0x200, 'ISPENDR', isPending, ones((irq) => { irq.latch = true; })),
    row(0x280, 'ICPENDR', isPending, ones((irq) => { irq.latch = false; })),
    row(0x300, 'ISACTIVER', (irq) => irq.active, ones(activate)),
    row(0x380, 'ICACTIVER', (irq) => irq.active, ones((irq) => { irq.active = false; })),
    { at: base + 0x400, name: `${prefix}_IPRIORITYR`, count: 8 * words, byLane: true, read: readPriorities, write: writePriorities },
    { at: base + 0xc00, name: `${prefix}_ICFGR`, count: 2 * words, read: readTriggers, write: writeTriggers },
    // With one security state there is nothing to modify and no non-secure access to control.
    constant(base + 0xd00, `${prefix}_IGRPMODR`, 0, words),
    constant(base + 0xe00, `${prefix}_NSACR`, 0, 2 * words),
  ];
}

function activate(irq: Interrupt) {
  if (!irq.active) irq.activeOn = irq.target;
  irq.active = true;
}

const four = (bank: Bank, index: number) => bank.interrupts(index >> 3).slice(4 * (index & 7), 4 * (index & 7) + 4);
const sixteen = (bank: Bank, index: number) => bank.interrupts(index >> 1).slice(16 * (index & 1), 16 * (index & 1) + 16);

const readPriorities = (bank: Bank, index: number) =>
  four(bank, index).reduce((bytes, irq, n) => bytes | irq.priority << 8 * n, 0);

const writePriorities = (bank: Bank, value: number, index: number) =>
  four(bank, index).forEach((irq, n) => { irq.priority = value >>> 8 * n & PRIORITY_MASK; bank.changed(irq); });

const readTriggers = (bank: Bank, index: number) =>
  sixteen(bank, index).reduce((bits, irq, n) => (irq.edge ? bits | 2 << 2 * n : bits), 0);

/** SGIs are edge-triggered whatever is written. */
const writeTriggers = (bank: Bank, value: number, index: number) =>
  sixteen(bank, index).forEach((irq, n) => {
    if (irq.intid >= 16) irq.edge = (value >>> 2 * n & 2) !== 0;
    bank.changed(irq);
  });
