/**
 * Locality-specific interrupts (IHI 0069, chapter 5). Each is known once an ITS maps it or a pending table holds it.
 * Its enable and priority are cached from the configuration table in guest memory until an INV or INVALL; pending bits
 * are kept here, read from the pending table when a CPU enables its LPIs and put back when it disables them.
 */
import type { Dma } from '../../memory/dma.ts';
import { FIRST_LPI, newInterrupt, PRIORITY_MASK, type Interrupt } from './interrupt.ts';
import type { Redistributor } from './redistributor.ts';

/** One beyond the last INTID: 16 bits of them. */
export const LPI_END = 0x10000;

export interface LpisIo {
  readonly dma: Dma;
  readonly redistributors: readonly Redistributor[];
  changed(irq: Interrupt): void;
}

export class Lpis {
  private readonly io: LpisIo;
  private known = new Map<number, Interrupt>();

  constructor(io: LpisIo) { this.io = io; }

  /** An LPI is being mapped to a CPU. */
  map(intid: number, cpu: number): void {
    const irq = this.known.get(intid) ?? this.add(intid, cpu);
    irq.target = cpu;
    this.configure(irq);
  }

  /** A message came for it. A CPU that has not enabled its LPIs loses it. */
  raise(intid: number): void {
    const irq = this.known.get(intid);
    if (irq === undefined || !this.io.redistributors[irq.target]!.lpisEnabled) return;
    irq.latch = true;
    this.io.changed(irq);
  }

  clear(intid: number): void {
    const irq = this.known.get(intid);
    if (irq === undefined) return;
    irq.latch = false;
    this.io.changed(irq);
  }

  move(intid: number, cpu: number): void {
    const irq = this.known.get(intid);
    if (irq === undefined) return;
    irq.target = cpu;
    this.configure(irq);
  }

  moveAll(from: number, to: number): void {
    for (const irq of this.of(from)) this.move(irq.intid, to);
  }

  discard(intid: number): void {
    this.clear(intid);
    this.known.delete(intid);
  }

  reconfigure(intid: number): void {
    const irq = this.known.get(intid);
    if (irq !== undefined) this.configure(irq);
  }

  reconfigureAll(cpu: number): void {
    for (const irq of this.of(cpu)) this.configure(irq);
  }

  /** A CPU enabled or disabled its LPIs. */
  switched(cpu: number, on: boolean): void {
    const table = this.io.redistributors[cpu]!.pendingTable;
    if (!on) this.putBack(cpu, table.address);
    else if (!table.zero) this.fetch(cpu, table.address);
    this.reconfigureAll(cpu);
  }

  allChanged(): void { for (const irq of this.known.values()) this.io.changed(irq); }

  private of(cpu: number) { return [...this.known.values()].filter((irq) => irq.target === cpu); }

  private add(intid: number, cpu: number) {
    const irq: Interrupt = { ...newInterrupt(intid, cpu), group: 1 };
    this.known.set(intid, irq);
    return irq;
  }

  private configure(irq: Interrupt) {
    const { address, end } = this.io.redistributors[irq.target]!.configurationTable;
    const byte = irq.intid < end ? this.io.dma.load(address + irq.intid - FIRST_LPI, 1) ?? 0 : 0;
    irq.enabled = (byte & 1) !== 0;
    irq.priority = byte & PRIORITY_MASK;
    this.io.changed(irq);
  }

  private fetch(cpu: number, address: number) {
    const table = new Uint8Array(LPI_END / 8);
    if (!this.io.dma.read(address, table)) return;
    for (let at = FIRST_LPI / 8; at < table.length; at++) {
      for (let bit = 0; table[at]! >> bit !== 0; bit++) if ((table[at]! >> bit & 1) !== 0) this.latch(8 * at + bit, cpu);
    }
  }

  private latch(intid: number, cpu: number) {
    const irq = this.known.get(intid) ?? this.add(intid, cpu);
    irq.target = cpu;
    irq.latch = true;
  }

  private putBack(cpu: number, address: number) {
    for (const irq of this.of(cpu)) {
      const at = address + (irq.intid >> 3);
      const bit = 1 << (irq.intid & 7);
      const byte = this.io.dma.load(at, 1) ?? 0;
      this.io.dma.store(at, 1, irq.latch ? byte | bit : byte & ~bit);
      irq.latch = false;
    }
  }

  reset(): void { this.known.clear(); }
  save(): Interrupt[] { return structuredClone([...this.known.values()]); }
  restore(state: readonly Interrupt[]): void {
    this.known = new Map(structuredClone(state).map((irq) => [irq.intid, irq]));
  }
}
