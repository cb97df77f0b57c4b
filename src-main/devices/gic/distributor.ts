/** The Distributor (IHI 0069, 12.9): one security state (GICD_CTLR.DS = 1), affinity routing always on, no 1 of N. */
import type { GuestErrorSink, Region } from '../../memory/region.ts';
import { constant, identification, registerFrame, type Register } from '../device.ts';
import { newInterrupt, NOBODY, type Interrupt } from './interrupt.ts';
import { interruptRegisters, type Bank } from './interrupt-registers.ts';

export const SPI_COUNT = 256;
const WORDS = 1 + SPI_COUNT / 32;

// GICD_CTLR
const ENABLE_GROUPS = 0b11;
const ARE = 1 << 4;
const DS = 1 << 6;

// GICD_TYPER: 16 bits of INTID with LPIs, affinity level 3 valid, no 1 of N.
const TYPER = (WORDS - 1) | 1 << 17 | 15 << 19 | 1 << 24 | 1 << 25;

export const IIDR_ARM = 0x0000_043b;

/** GICx_PIDR4-7, PIDR0-3 and CIDR0-3 from 0xffd0, for part number 0x4`part`; PIDR2 says GICv3. */
export const peripheralId = (part: number): readonly number[] =>
  [0x44, 0, 0, 0, part, 0xb4, 0x3b, 0, 0x0d, 0xf0, 0x05, 0xb1];

const REGISTERS: readonly Register<Distributor>[] = [
  { at: 0x0000, name: 'GICD_CTLR', read: (d) => d.groups | ARE | DS, write: (d, value) => d.enableGroups(value & ENABLE_GROUPS) },
  constant(0x0004, 'GICD_TYPER', TYPER),
  constant(0x0008, 'GICD_IIDR', IIDR_ARM),
  constant(0x000c, 'GICD_TYPER2'),
  constant(0x0010, 'GICD_STATUSR'),
  ...interruptRegisters('GICD', 0, WORDS),
  // Legacy routing, reserved when affinity routing is on.
  constant(0x0800, 'GICD_ITARGETSR', 0, 8 * WORDS),
  constant(0x0f00, 'GICD_SGIR'),
  constant(0x0f10, 'GICD_CPENDSGIR', 0, 4),
  constant(0x0f20, 'GICD_SPENDSGIR', 0, 4),
  { at: 0x6100, name: 'GICD_IROUTER', count: 2 * SPI_COUNT, read: (d, index) => d.route(index), write: (d, value, index) => d.setRoute(index, value) },
  identification(0xffd0, 'GICD_PIDR', peripheralId(0x92)),
];

export interface DistributorState { groups: number; spis: Interrupt[]; routes: number[] }

const resetState = (): DistributorState => ({
  groups: 0,
  spis: Array.from({ length: SPI_COUNT }, (_, n) => newInterrupt(32 + n, 0)),
  routes: new Array<number>(2 * SPI_COUNT).fill(0),
});

export interface DistributorIo {
  readonly cpus: number;
  changed(irq: Interrupt): void;
  /** Any interrupt may have become deliverable, or stopped being so. */
  allChanged(): void;
  readonly guestError: GuestErrorSink;
}

export class Distributor implements Bank {
  readonly name = 'gic distributor';
  readonly frame: Region;
  private readonly io: DistributorIo;
  private state = resetState();

  constructor(io: DistributorIo) {
    this.io = io;
    this.frame = registerFrame<Distributor>(this, REGISTERS, io.guestError);
  }

  /** GICD_CTLR.EnableGrp0 and EnableGrp1. */
  get groups(): number { return this.state.groups; }
  get spis(): readonly Interrupt[] { return this.state.spis; }

  enableGroups(groups: number): void { this.state.groups = groups; this.io.allChanged(); }
  changed(irq: Interrupt): void { this.io.changed(irq); }

  /** Word 0 belongs to the Redistributors. */
  interrupts(word: number): readonly Interrupt[] {
    return word === 0 ? [] : this.state.spis.slice(32 * (word - 1), 32 * word);
  }

  /** Low and high words of GICD_IROUTER<n>, by turns. */
  route(index: number): number { return this.state.routes[index]!; }

  setRoute(index: number, value: number): void {
    this.state.routes[index] = value & (index % 2 === 0 ? 0x00ff_ffff : 0xff);
    const irq = this.state.spis[index >> 1]!;
    irq.target = this.cpuAt(this.route(index & ~1), this.route(index | 1));
    this.io.changed(irq);
  }

  private cpuAt(affinity: number, aff3: number) { return affinity < this.io.cpus && aff3 === 0 ? affinity : NOBODY; }

  reset(): void { this.state = resetState(); }
  save(): DistributorState { return structuredClone(this.state); }
  restore(state: DistributorState): void { this.state = structuredClone(state); }
}
