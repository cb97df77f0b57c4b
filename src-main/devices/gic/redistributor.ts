/**
 * One Redistributor (IHI 0069, 12.10 and 12.11): its own SGIs and PPIs, and where a CPU's LPIs are configured and kept
 * pending. Two 64 KiB frames; there are no virtual LPIs. GICR_WAKER is remembered, and asleep or not makes no difference.
 */
import type { GuestErrorSink, Region } from '../../memory/region.ts';
import { constant, identification, registerFrame, type Register } from '../device.ts';
import { IIDR_ARM, peripheralId } from './distributor.ts';
import { newInterrupt, type Interrupt } from './interrupt.ts';
import { interruptRegisters, type Bank } from './interrupt-registers.ts';

export const REDISTRIBUTOR_SIZE = 0x20000;
const SGI_FRAME = 0x10000;

// GICR_CTLR: CES says that EnableLPIs can be cleared again.
const ENABLE_LPIS = 1 << 0;
const CES = 1 << 1;

const TYPER_PLPIS = 1 << 0;
const TYPER_LAST = 1 << 4;
const PROCESSOR_SLEEP = 1 << 1;
const CHILDREN_ASLEEP = 1 << 2;
const PENDBASER_PTZ = 1 << 30;

/** A 64-bit register as its low and high words. */
export type Wide = [low: number, high: number];

const REGISTERS: readonly Register<Redistributor>[] = [
  { at: 0x0000, name: 'GICR_CTLR', read: (d) => CES | Number(d.lpisEnabled), write: (d, value) => d.enableLpis((value & ENABLE_LPIS) !== 0) },
  constant(0x0004, 'GICR_IIDR', IIDR_ARM),
  { at: 0x0008, name: 'GICR_TYPER', count: 2, read: (d, word) => d.typer[word]!, write: () => {} },
  constant(0x0010, 'GICR_STATUSR'),
  { at: 0x0014, name: 'GICR_WAKER', read: (d) => d.waker, write: (d, value) => d.setSleep((value & PROCESSOR_SLEEP) !== 0) },
  { at: 0x0070, name: 'GICR_PROPBASER', count: 2, read: (d, word) => d.propbaser[word]!, write: (d, value, word) => d.setBase('propbaser', word, value) },
  { at: 0x0078, name: 'GICR_PENDBASER', count: 2, read: (d, word) => d.pendbaser[word]!, write: (d, value, word) => d.setBase('pendbaser', word, value) },
  constant(0x00c0, 'GICR_SYNCR'),
  identification(0xffd0, 'GICR_PIDR', peripheralId(0x93)),
  ...interruptRegisters('GICR', SGI_FRAME, 1),
];

export interface RedistributorState { privates: Interrupt[]; lpisEnabled: boolean; asleep: boolean; propbaser: Wide; pendbaser: Wide }

const resetState = (cpu: number): RedistributorState => ({
  privates: Array.from({ length: 32 }, (_, intid) => newInterrupt(intid, cpu)),
  lpisEnabled: false, asleep: true, propbaser: [0, 0], pendbaser: [0, 0],
});

export interface RedistributorIo {
  readonly cpus: number;
  changed(irq: Interrupt): void;
  lpisSwitched(cpu: number, on: boolean): void;
  readonly guestError: GuestErrorSink;
}

export class Redistributor implements Bank {
  readonly name: string;
  readonly frame: Region;
  private readonly cpu: number;
  private readonly io: RedistributorIo;
  private state: RedistributorState;

  constructor(cpu: number, io: RedistributorIo) {
    this.cpu = cpu;
    this.io = io;
    this.name = `gic redistributor ${cpu}`;
    this.state = resetState(cpu);
    this.frame = registerFrame<Redistributor>(this, REGISTERS, io.guestError);
  }

  get privates(): readonly Interrupt[] { return this.state.privates; }
  get lpisEnabled(): boolean { return this.state.lpisEnabled; }
  get propbaser(): Readonly<Wide> { return this.state.propbaser; }
  /** PTZ is write-only. */
  get pendbaser(): Readonly<Wide> { return [this.state.pendbaser[0], this.state.pendbaser[1] & ~PENDBASER_PTZ]; }
  get waker(): number { return this.state.asleep ? PROCESSOR_SLEEP | CHILDREN_ASLEEP : 0; }
  get typer(): Wide {
    const last = this.cpu === this.io.cpus - 1 ? TYPER_LAST : 0;
    return [TYPER_PLPIS | last | this.cpu << 8, this.cpu];
  }

  /** Address of the configuration byte of LPI 8192, and the first INTID beyond the table. */
  get configurationTable(): { readonly address: number; readonly end: number } {
    const [low, high] = this.state.propbaser;
    return { address: (high & 0xf_ffff) * 2 ** 32 + ((low & 0xffff_f000) >>> 0), end: 2 ** Math.min(16, (low & 0x1f) + 1) };
  }

  /** Address of the pending bit of INTID 0, and whether the table is known to be zero. */
  get pendingTable(): { readonly address: number; readonly zero: boolean } {
    const [low, high] = this.state.pendbaser;
    return { address: (high & 0xf_ffff) * 2 ** 32 + ((low & 0xffff_0000) >>> 0), zero: (high & PENDBASER_PTZ) !== 0 };
  }

  interrupts(): readonly Interrupt[] { return this.state.privates; }
  changed(irq: Interrupt): void { this.io.changed(irq); }
  setSleep(asleep: boolean): void { this.state.asleep = asleep; }

  enableLpis(on: boolean): void {
    if (on === this.state.lpisEnabled) return;
    this.state.lpisEnabled = on;
    this.io.lpisSwitched(this.cpu, on);
  }

  /** The tables stay where they are while LPIs are enabled. */
  setBase(register: 'propbaser' | 'pendbaser', word: number, value: number): void {
    if (this.state.lpisEnabled) return this.io.guestError(`${this.name}: ${register} written with LPIs enabled`);
    this.state[register][word] = value;
  }

  reset(): void { this.state = resetState(this.cpu); }
  save(): RedistributorState { return structuredClone(this.state); }
  restore(state: RedistributorState): void { this.state = structuredClone(state); }
}
