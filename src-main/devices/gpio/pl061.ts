/**
 * Arm PrimeCell GPIO PL061 (DDI 0190). Eight pins; on this board all are inputs, and what the guest drives goes nowhere.
 * Left out: the alternate functions behind GPIOAFSEL.
 */
import type { GuestErrorSink, Region } from '../../memory/region.ts';
import { identification, registerFrame, type Device, type Line, type Register } from '../device.ts';

export interface Pl061State {
  /** Levels that the outside drives, one bit a pin. */
  inputs: number;
  driven: number;
  dir: number;
  is: number;
  ibe: number;
  iev: number;
  ie: number;
  afsel: number;
  /** Edges seen and not cleared. */
  edges: number;
}

const RESET: Pl061State = { inputs: 0, driven: 0, dir: 0, is: 0, ibe: 0, iev: 0, ie: 0, afsel: 0, edges: 0 };

type Plain = 'dir' | 'is' | 'ibe' | 'iev' | 'ie' | 'afsel';
const plain = (at: number, name: string, key: Plain): Register<Pl061> =>
  ({ at, name, read: (d) => d.get(key), write: (d, value) => d.set(key, value & 0xff) });

const REGISTERS: readonly Register<Pl061>[] = [
  // Bits 9:2 of the address are a mask of the pins meant, so that one pin can be written alone.
  { at: 0x000, name: 'GPIODATA', count: 256, read: (d, mask) => d.pins & mask, write: (d, value, mask) => d.drive(value, mask) },
  plain(0x400, 'GPIODIR', 'dir'),
  plain(0x404, 'GPIOIS', 'is'),
  plain(0x408, 'GPIOIBE', 'ibe'),
  plain(0x40c, 'GPIOIEV', 'iev'),
  plain(0x410, 'GPIOIE', 'ie'),
  { at: 0x414, name: 'GPIORIS', read: (d) => d.raised },
  { at: 0x418, name: 'GPIOMIS', read: (d) => d.raised & d.get('ie') },
  { at: 0x41c, name: 'GPIOIC', write: (d, value) => d.clearEdges(value) },
  plain(0x420, 'GPIOAFSEL', 'afsel'),
  identification(0xfe0, 'GPIOPeriphID', [0x61, 0x10, 0x04, 0x00]),
  identification(0xff0, 'GPIOPCellID', [0x0d, 0xf0, 0x05, 0xb1]),
];

export class Pl061 implements Device<Pl061State> {
  readonly name = 'pl061';
  readonly regions: { readonly registers: Region };
  private readonly line: Line;
  private state = { ...RESET };

  constructor(io: { readonly line: Line; readonly guestError: GuestErrorSink }) {
    this.line = io.line;
    this.regions = { registers: registerFrame(this, REGISTERS, io.guestError) };
  }

  /** The wire that drives one pin from outside. */
  pin(number: number): Line { return { set: (level) => this.setInput(1 << number, level) }; }

  get pins(): number { return this.state.driven & this.state.dir | this.state.inputs & ~this.state.dir; }

  get raised(): number {
    const { is, iev, edges } = this.state;
    return edges & ~is | ~(this.pins ^ iev) & is & 0xff;
  }

  get(key: Plain): number { return this.state[key]; }
  set(key: Plain, value: number): void { this.state[key] = value; this.sync(); }
  clearEdges(pins: number): void { this.state.edges &= ~pins; this.sync(); }
  drive(value: number, mask: number): void {
    this.state.driven = this.state.driven & ~mask | value & mask & this.state.dir;
    this.sync();
  }

  private setInput(pin: number, level: boolean) {
    const { inputs, dir, ibe, iev, is } = this.state;
    if (((inputs & pin) !== 0) === level) return;
    this.state.inputs ^= pin;
    const wanted = (ibe & pin) !== 0 || ((iev & pin) !== 0) === level;
    if (wanted) this.state.edges |= pin & ~dir & ~is;
    this.sync();
  }

  private sync() { this.line.set((this.raised & this.state.ie) !== 0); }

  reset(): void { this.state = { ...RESET }; this.sync(); }
  save(): Pl061State { return { ...this.state }; }
  restore(state: Pl061State): void { this.state = { ...state }; this.sync(); }
}
