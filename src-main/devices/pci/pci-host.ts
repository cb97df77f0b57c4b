/**
 * The root complex: a host bridge, endpoints of its own and root ports on bus 0, reached through ECAM (PCI Express Base 5.0,
 * 7.2.2). What a guest places in the MMIO window answers on the bus from then on. A read of what is not there is all ones.
 * Left out: I/O space, switches, several segments, access between functions.
 */
import { assert } from '../../../shared/base/errors.ts';
import type { Disposable } from '../../../shared/base/disposable.ts';
import type { Bus } from '../../memory/bus.ts';
import type { Dma } from '../../memory/dma.ts';
import { hex, type AccessSize, type GuestErrorSink, type Region } from '../../memory/region.ts';
import type { Clock } from '../../time/clock.ts';
import type { Device } from '../device.ts';
import { PciFunction, type DecodedBar } from './pci-function.ts';
import { RootPort } from './root-port.ts';

const VENDOR = 0x1b36, HOST_BRIDGE = 0x0008, CLASS_HOST_BRIDGE = 0x06_00_00;
/** Devices of bus 0: the bridge, endpoints, root ports, and endpoints for which there was no room before those. */
export const FIRST_PORT = 16, DEVICES = 32;

export interface PciHostIo<A extends number> {
  readonly bus: Bus<A>;
  readonly window: { readonly base: number; readonly size: number };
  readonly slots: number;
  readonly clock: Clock;
  /** Memory for a requester. */
  readonly dmaFor: (requesterId: number) => Dma;
  readonly ejected?: (device: PciFunction) => void;
  readonly guestError: GuestErrorSink;
}

interface Mapped extends DecodedBar { readonly mapping: Disposable }

export class PciHost<A extends number> implements Device<null> {
  readonly name = 'pci host';
  readonly regions: { readonly ecam: Region };
  readonly ports: readonly RootPort[];
  private readonly io: PciHostIo<A>;
  /** By device number. */
  private readonly functions: (PciFunction | undefined)[] = [];
  private mapped: Mapped[] = [];

  constructor(io: PciHostIo<A>) {
    this.io = io;
    assert(io.slots <= DEVICES - FIRST_PORT, 'bus 0 has room for every port');
    this.regions = { ecam: { read: (offset, size) => this.read(offset, size), write: (offset, size, value) => this.write(offset, size, value) } };
    this.attach(new PciFunction({ name: 'pci host bridge', vendorId: VENDOR, deviceId: HOST_BRIDGE, classCode: CLASS_HOST_BRIDGE, model: { reset: () => {}, save: () => null, restore: () => {} } }), 0);
    this.ports = Array.from({ length: io.slots }, (_, slot) => new RootPort({
      slot, clock: io.clock, dmaFor: io.dmaFor, changed: () => this.remap(), ejected: (device) => io.ejected?.(device),
    }));
    this.ports.forEach((port, slot) => this.attach(port.function, FIRST_PORT + slot));
  }

  /** Puts an endpoint on bus 0, before power-on, and gives its device number. */
  add(device: PciFunction): number {
    const number = Array.from({ length: DEVICES }, (_, n) => n).find((n) => this.functions[n] === undefined);
    assert(number !== undefined, 'bus 0 has room for every device');
    this.attach(device, number);
    return number;
  }

  private attach(device: PciFunction, number: number) {
    this.functions[number] = device;
    const requesterId = number << 3, dma = this.io.dmaFor(requesterId);
    device.connect({ requesterId, integrated: true, dma, changed: () => this.remap() });
  }

  private read(offset: number, size: AccessSize): number {
    return this.at(offset)?.regions.config!.read(offset & 0xfff, size) ?? 2 ** (8 * size) - 1;
  }

  private write(offset: number, size: AccessSize, value: number): void {
    this.at(offset)?.regions.config!.write(offset & 0xfff, size, value);
  }

  /** The function that a configuration address means. */
  private at(offset: number): PciFunction | undefined {
    const bus = offset >>> 20, device = offset >>> 15 & 31;
    if ((offset >>> 12 & 7) !== 0) return undefined;
    if (bus === 0) return this.functions[device];
    const port = this.ports.find((each) => each.leadsTo(bus));
    return port?.secondaryBus === bus && device === 0 ? port.present : undefined;
  }

  /** Maps what answers now, and nothing else. Of two that would answer at one address the first has it. */
  private remap() {
    const wanted = this.decoded(), isSame = (a: DecodedBar, b: DecodedBar) => a.base === b.base && a.region === b.region;
    this.mapped = this.mapped.filter((old) => {
      const stays = wanted.some((bar) => isSame(bar, old));
      if (!stays) old.mapping.dispose();
      return stays;
    });
    for (const bar of wanted) if (!this.mapped.some((old) => isSame(old, bar))) this.map(bar);
  }

  private map(bar: DecodedBar) {
    if (this.mapped.some((other) => bar.base < other.base + other.sizeBytes && other.base < bar.base + bar.sizeBytes)) {
      return this.io.guestError(`${this.name}: two BARs at ${hex(bar.base)}`);
    }
    this.mapped.push({ ...bar, mapping: this.io.bus.map(bar.base as A, bar.sizeBytes, bar.region) });
  }

  private decoded(): DecodedBar[] {
    const { base: from, size } = this.io.window;
    return [...this.functions.flatMap((each) => each?.decoded() ?? []), ...(this.ports as readonly RootPort[] | undefined ?? []).flatMap((port) => port.decoded())]
      .filter(({ base, sizeBytes }) => base >= from && base + sizeBytes <= from + size);
  }

  /** Everything that has state, in the order in which it is restored. */
  get devices(): Device<unknown>[] {
    const endpoints = this.functions.filter((each, number) => each !== undefined && (number < FIRST_PORT || number >= FIRST_PORT + this.ports.length)) as PciFunction[];
    return [this, ...endpoints, ...this.ports, ...this.ports.flatMap((port) => port.plugged ?? [])];
  }

  reset(): void { this.remap(); }
  save(): null { return null; }
  restore(): void { this.remap(); }
}
