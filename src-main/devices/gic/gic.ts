/**
 * A GICv3 (IHI 0069): Distributor, a Redistributor for each CPU, and an ITS. The CPU interface is the vCPU's own, through
 * list registers: `flush` before it runs, `sync` when it comes back. State is saved while no vCPU runs. Registers may be
 * reached by one while others run, who then have to be synced for that.
 */
import { assert } from '../../../shared/base/errors.ts';
import type { Dma } from '../../memory/dma.ts';
import type { AccessSize, GuestErrorSink, Region } from '../../memory/region.ts';
import type { Device, Line } from '../device.ts';
import { Delivery } from './delivery.ts';
import { Distributor, SPI_COUNT, type DistributorState } from './distributor.ts';
import { FIRST_LPI, type Interrupt } from './interrupt.ts';
import { Its, type ItsState } from './its.ts';
import type { VirtualCpuInterface } from './list-register.ts';
import { Lpis } from './lpis.ts';
import { Redistributor, REDISTRIBUTOR_SIZE, type RedistributorState } from './redistributor.ts';

export interface GicState {
  distributor: DistributorState;
  redistributors: RedistributorState[];
  lpis: Interrupt[];
  its: ItsState;
}

export interface GicIo {
  readonly cpus: number;
  readonly dma: Dma;
  /** A vCPU has something new to hear of: if it runs it has to be flushed again, if it waits it has to wake. */
  readonly kick: (cpu: number) => void;
  /** Syncs vCPUs that run with loaded list registers: called before registers are reached. */
  readonly settle?: () => void;
  readonly guestError: GuestErrorSink;
}

export class Gic implements Device<GicState> {
  readonly name = 'gic';
  readonly regions: { readonly distributor: Region; readonly redistributors: Region; readonly its: Region };
  readonly its: Its;
  private readonly distributor: Distributor;
  private readonly redistributors: readonly Redistributor[];
  private readonly lpis: Lpis;
  private readonly delivery: Delivery;

  constructor(io: GicIo) {
    const changed = (irq: Interrupt) => this.delivery.update(irq);
    this.delivery = new Delivery(io.cpus, (irq) => this.permits(irq), io.kick);
    this.distributor = new Distributor({ ...io, changed, allChanged: () => this.updateAll() });
    this.redistributors = Array.from({ length: io.cpus }, (_, cpu) =>
      new Redistributor(cpu, { ...io, changed, lpisSwitched: (which, on) => this.lpis.switched(which, on) }));
    this.lpis = new Lpis({ dma: io.dma, redistributors: this.redistributors, changed });
    this.its = new Its({ ...io, lpis: this.lpis });
    this.regions = {
      distributor: settled(this.distributor.frame, io.settle), redistributors: settled(sideBySide(this.redistributors), io.settle), its: settled(this.its.frames, io.settle),
    };
  }

  /** The wire of shared peripheral interrupt `n`, whose INTID is 32 + n. */
  spi(n: number): Line {
    assert(n >= 0 && n < SPI_COUNT, `there is an SPI ${n}`);
    return { set: (level) => this.setLine(this.distributor.spis[n]!, level) };
  }

  /** The wire of a CPU's private interrupt with this INTID, 16 to 31. */
  ppi(cpu: number, intid: number): Line {
    assert(intid >= 16 && intid < 32, `there is a PPI ${intid}`);
    return { set: (level) => this.setLine(this.redistributors[cpu]!.privates[intid]!, level) };
  }

  /** A CPU wrote ICC_SGI1R_EL1, or ICC_SGI0R_EL1 for group 0. */
  sgi(from: number, value: bigint, group: 0 | 1 = 1): void {
    const intid = Number(value >> 24n & 0xfn);
    for (const cpu of sgiTargets(from, value, this.redistributors.length)) {
      const irq = this.redistributors[cpu]!.privates[intid]!;
      if (irq.group !== group) continue;
      irq.latch = true;
      this.delivery.update(irq);
    }
  }

  /** Loads a vCPU's list registers, just before it runs. */
  flush(cpu: number, into: VirtualCpuInterface): void { this.delivery.flush(cpu, into); }

  /** Takes back what the vCPU did with them, just after it ran. */
  sync(cpu: number, from: VirtualCpuInterface): void { this.delivery.sync(cpu, from); }

  /** Whether interrupts of this CPU are in its list registers. */
  hasLoaded(cpu: number): boolean { return this.delivery.hasLoaded(cpu); }

  /** Whether an interrupt waits that is more urgent than the CPU's ICC_PMR_EL1, and so ends its WFI. */
  highestPendingExists(cpu: number, priorityMask = 0x100): boolean { return this.delivery.pending(cpu, priorityMask); }

  private setLine(irq: Interrupt, level: boolean) {
    if (irq.line === level) return;
    irq.line = level;
    if (level && irq.edge) irq.latch = true;
    this.delivery.update(irq);
  }

  private permits(irq: Interrupt) {
    if ((this.distributor.groups >> irq.group & 1) === 0) return false;
    return irq.intid < FIRST_LPI || this.redistributors[irq.target]!.lpisEnabled;
  }

  private updateAll() {
    for (const irq of this.distributor.spis) this.delivery.update(irq);
    for (const { privates } of this.redistributors) for (const irq of privates) this.delivery.update(irq);
    this.lpis.allChanged();
  }

  /** Takes every wire for low: all that drives them is reset as well. */
  reset(): void {
    this.distributor.reset();
    for (const redistributor of this.redistributors) redistributor.reset();
    this.lpis.reset();
    this.its.reset();
    this.delivery.clear();
  }

  save(): GicState {
    return {
      distributor: this.distributor.save(), redistributors: this.redistributors.map((each) => each.save()),
      lpis: this.lpis.save(), its: this.its.save(),
    };
  }

  restore(state: GicState): void {
    this.distributor.restore(state.distributor);
    this.redistributors.forEach((each, cpu) => each.restore(state.redistributors[cpu]!));
    this.lpis.restore(state.lpis);
    this.its.restore(state.its);
    this.delivery.clear();
    this.updateAll();
  }
}

function settled(frame: Region, settle: (() => void) | undefined): Region {
  if (settle === undefined) return frame;
  return {
    read: (offset, size) => { settle(); return frame.read(offset, size); },
    write: (offset, size, value) => { settle(); frame.write(offset, size, value); },
  };
}

function sideBySide(redistributors: readonly Redistributor[]): Region {
  const frameAt = (offset: number) => redistributors[Math.floor(offset / REDISTRIBUTOR_SIZE)]!.frame;
  return {
    read: (offset: number, size: AccessSize) => frameAt(offset).read(offset % REDISTRIBUTOR_SIZE, size),
    write: (offset: number, size: AccessSize, value: number) => frameAt(offset).write(offset % REDISTRIBUTOR_SIZE, size, value),
  };
}

/** ICC_SGI1R_EL1: every CPU but the sender, or those of a target list in cluster 0.0.0, where all CPUs are. */
function sgiTargets(from: number, value: bigint, cpus: number): readonly number[] {
  const all = Array.from({ length: cpus }, (_, cpu) => cpu);
  if ((value >> 40n & 1n) !== 0n) return all.filter((cpu) => cpu !== from);
  const elsewhere = (value & 0x00ff_f0ff_00ff_0000n) !== 0n;
  return elsewhere ? [] : all.filter((cpu) => (value >> BigInt(cpu) & 1n) !== 0n);
}
