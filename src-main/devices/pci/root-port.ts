/**
 * A PCI Express root port with a slot: a bridge from bus 0 to the one device that may be behind it (PCI Express Base 5.0,
 * 7.5.1.3). It forwards what its windows hold. Whatever is plugged in or out tells the guest through the slot.
 */
import { assert } from '../../../shared/base/errors.ts';
import type { Dma } from '../../memory/dma.ts';
import type { Alarm, Clock } from '../../time/clock.ts';
import type { Device } from '../device.ts';
import type { Attachment } from './bus-master.ts';
import { BUS_MASTER, MEMORY_SPACE, PciFunction, type DecodedBar, type PciFunctionState } from './pci-function.ts';
import { Slot } from './slot.ts';

// Vendor and device of QEMU's root port, which is known not to need any special treatment.
const VENDOR = 0x1b36, DEVICE = 0x000c;
const CLASS_BRIDGE = 0x06_04_00;
const BUS_NUMBERS = 0x18, MEMORY_WINDOW = 0x20, PREFETCHABLE_WINDOW = 0x24, BRIDGE_CONTROL = 0x3e;
const SECONDARY_BUS_RESET = 1 << 6;
const MIB = 0x10_0000;

export interface RootPortIo {
  readonly slot: number;
  readonly clock: Clock;
  readonly dmaFor: (requesterId: number) => Dma;
  /** What can be reached behind it has changed. */
  readonly changed: () => void;
  /** The guest, or time, let go of what was to be unplugged. */
  readonly ejected: (device: PciFunction) => void;
}

export interface RootPortState {
  readonly function: PciFunctionState;
  /** Name of what is in the slot. */
  readonly plugged: string | null;
  /** When what is to be unplugged goes in any case. */
  readonly pullAtNs: number | null;
}

export class RootPort implements Device<RootPortState> {
  readonly name: string;
  readonly function: PciFunction;
  readonly regions: PciFunction['regions'];
  private readonly io: RootPortIo;
  private readonly slot: Slot;
  private readonly alarm: Alarm;
  private device: PciFunction | undefined;
  private pullAtNs: number | null = null;
  private inReset = false;

  constructor(io: RootPortIo) {
    this.io = io;
    this.name = `pci port ${io.slot}`;
    this.slot = new Slot({ number: io.slot, interrupt: () => this.function.msix.signal(0), powerOff: () => this.powerOff() });
    this.function = new PciFunction({
      name: this.name, vendorId: VENDOR, deviceId: DEVICE, classCode: CLASS_BRIDGE, express: this.slot, msixVectors: 1, msixBar: 0,
      bridge: { wrote: () => this.control() }, model: { reset: () => this.start(), save: () => null, restore: () => {} },
    });
    this.regions = this.function.regions;
    this.alarm = io.clock.alarm(`${this.name} unplug`, () => this.pull());
    this.slot.start(false);
  }

  /** What can be reached in the slot. */
  get present(): PciFunction | undefined { return this.slot.isLinkUp && !this.inReset ? this.device : undefined; }
  get plugged(): PciFunction | undefined { return this.device; }
  get secondaryBus(): number { return this.byte(BUS_NUMBERS + 1); }
  leadsTo(bus: number): boolean { return this.secondaryBus !== 0 && bus >= this.secondaryBus && bus <= this.byte(BUS_NUMBERS + 2); }

  /** BARs behind the port that its windows let through. */
  decoded(): DecodedBar[] {
    if ((this.function.command & MEMORY_SPACE) === 0) return [];
    return (this.present?.decoded() ?? []).filter(({ base, sizeBytes }) => this.windows.some(([from, to]) => base >= from && base + sizeBytes <= to));
  }

  /** Before power-on, it is there from the start. */
  insert(device: PciFunction): void {
    this.connect(device);
    this.slot.start(true);
    this.io.changed();
  }

  /** At run time: the guest is told. */
  plug(device: PciFunction): void {
    this.connect(device);
    device.reset();
    this.slot.filled();
  }

  /** Asks the guest to let go of it, which it does by switching off the slot's power; `pullAfterNs` later it goes anyway. */
  unplug(pullAfterNs: number): void {
    if (this.device === undefined) return;
    this.pullAtNs = this.io.clock.nowNs + pullAfterNs;
    this.alarm.set(this.pullAtNs);
    if (this.slot.isPowered) this.slot.pressButton();
    else this.pull();
  }

  /** Takes it out, whatever the guest is doing with it. */
  pull(): void {
    const { device } = this;
    if (device === undefined) return;
    this.release();
    device.connect(undefined);
    device.reset();
    this.device = undefined;
    this.slot.emptied();
    this.io.ejected(device);
  }

  /** Takes out what is in the slot and puts it, or what `change` makes of it, in again in one moment. A guest sees the link go down and up, and looks anew. */
  replug(change: () => void): void {
    const { device } = this;
    assert(device !== undefined, `${this.name} holds something`);
    this.release();
    device.connect(undefined);
    device.reset();
    this.device = undefined;
    this.slot.emptied();
    change();
    this.connect(device);
    this.slot.inserted();
  }

  private connect(device: PciFunction) {
    assert(this.device === undefined, `${this.name} is empty`);
    this.device = device;
    device.connect(this.attachment());
  }

  private attachment(): Attachment {
    const { io, function: bridge } = this, requesterId = () => this.secondaryBus << 8, dma = () => this.memory();
    return {
      integrated: false, get requesterId() { return requesterId(); }, get dma() { return dma(); },
      changed: () => { if (bridge.dma.attachment !== undefined) io.changed(); },
    };
  }

  private memory(): Dma | undefined {
    const forwards = (this.function.command & BUS_MASTER) !== 0 && this.present !== undefined;
    return forwards ? this.io.dmaFor(this.secondaryBus << 8) : undefined;
  }

  private powerOff() {
    if (this.pullAtNs !== null) this.pull();
    else this.device?.reset();
  }

  private release() {
    this.pullAtNs = null;
    this.alarm.clear();
  }

  /** Secondary Bus Reset holds what is behind in reset while it is set. */
  private control() {
    const inReset = (this.byte(BRIDGE_CONTROL) & SECONDARY_BUS_RESET) !== 0;
    if (inReset && !this.inReset) this.device?.reset();
    this.inReset = inReset;
  }

  private get windows(): readonly (readonly [number, number])[] {
    const { words } = this.function.config, half = (at: number) => (words.getUint16(at, true) >>> 4) * MIB;
    const upper = (at: number) => words.getUint32(at, true) * 2 ** 32;
    return [
      [half(MEMORY_WINDOW), half(MEMORY_WINDOW + 2) + MIB],
      [half(PREFETCHABLE_WINDOW) + upper(0x28), half(PREFETCHABLE_WINDOW + 2) + upper(0x2c) + MIB],
    ];
  }

  private byte(at: number) { return this.function.config.bytes[at]!; }

  private start() {
    this.release();
    this.inReset = false;
    this.slot.start(this.device !== undefined);
  }

  /** What was to be unplugged is gone after it. */
  reset(): void {
    if (this.pullAtNs !== null) this.pull();
    this.function.reset();
  }

  save(): RootPortState { return { function: this.function.save(), plugged: this.device?.name ?? null, pullAtNs: this.pullAtNs }; }

  restore(state: RootPortState): void {
    assert((this.device?.name ?? null) === state.plugged, `${this.name} holds ${state.plugged ?? 'nothing'}, as the saved one`);
    this.function.restore(state.function);
    this.inReset = (this.byte(BRIDGE_CONTROL) & SECONDARY_BUS_RESET) !== 0;
    this.release();
    if (state.pullAtNs === null) return;
    this.pullAtNs = state.pullAtNs;
    this.alarm.set(state.pullAtNs);
  }
}
