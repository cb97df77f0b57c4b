/**
 * A PCI Express function (PCI Express Base 5.0, chapter 7): configuration space, capabilities and memory BARs. Whoever
 * writes a device gives it regions and gets memory (`dma`) and interrupts (`msix`). Left out: I/O BARs, INTx (no pin),
 * expansion ROMs, error reporting.
 */
import { assert } from '../../../shared/base/errors.ts';
import type { AccessSize, Region } from '../../memory/region.ts';
import type { Device } from '../device.ts';
import { BusMaster, type Attachment } from './bus-master.ts';
import { EXPRESS_ENDPOINT, EXPRESS_INTEGRATED, ExpressEndpoint, PowerManagement, type Capability, type CapabilityOwner } from './capability.ts';
import { CONFIG_BYTES, ConfigSpace, fields } from './config-space.ts';
import { Msix, type MsixState } from './msix.ts';

export const COMMAND = 0x04;
const STATUS_HAS_CAPABILITIES = 1 << 4;
export const MEMORY_SPACE = 1 << 1, BUS_MASTER = 1 << 2;
const COMMAND_BITS = 0x0546;             // memory, master, parity, SERR, INTx disable
const BAR_0 = 0x10, CAPABILITIES = 0x34, FIRST_CAPABILITY = 0x40, EXTENDED = 0x100;
const WIDE = 4, PREFETCHABLE = 8;

/** A type 1 header (7.5.1.3): bus numbers, windows and bridge control; no window for I/O. */
const BRIDGE_FIELDS = { 0x0e: [1, 1], 0x24: [2, 1], 0x26: [2, 1] } as const;
const BRIDGE_WRITABLE = {
  0x18: [1, 0xff], 0x19: [1, 0xff], 0x1a: [1, 0xff], 0x20: [2, 0xfff0], 0x22: [2, 0xfff0], 0x24: [2, 0xfff0], 0x26: [2, 0xfff0],
  0x28: [4, 0xffff_ffff], 0x2c: [4, 0xffff_ffff], 0x3e: [2, 0x0043],
} as const;

export interface BarOptions {
  /** 0 to 5; a 64-bit one takes the next as well. */
  readonly index: number;
  /** A power of two, at least 128. */
  readonly sizeBytes: number;
  readonly region: Region;
  readonly wide?: boolean;
  readonly prefetchable?: boolean;
}

/** The device behind a function. */
export interface PciModel {
  /** Also function-level reset. */
  reset(): void;
  save(): unknown;
  restore(state: unknown): void;
}

export interface PciFunctionOptions {
  /** Tells it apart from all other devices of the machine. */
  readonly name: string;
  readonly vendorId: number;
  readonly deviceId: number;
  readonly revision?: number;
  /** Base class, subclass and programming interface. */
  readonly classCode: number;
  readonly subsystemVendorId?: number;
  readonly subsystemId?: number;
  readonly bars?: readonly BarOptions[];
  /** Besides power management, PCI Express and MSI-X. */
  readonly capabilities?: readonly Capability[];
  /** Messages, with a BAR of their own: `msixBar`, or 4. */
  readonly msixVectors?: number;
  readonly msixBar?: number;
  readonly model: PciModel;
  /** Given where the model's parts need memory before there is a function. */
  readonly dma?: BusMaster;
  /** Instead of an endpoint's. */
  readonly express?: Capability;
  /** It is a bridge: has a type 1 header, and is told when that was written. */
  readonly bridge?: { wrote(): void };
}

export interface PciFunctionState { readonly config: Uint8Array; readonly msix: MsixState | null; readonly model: unknown }

/** A BAR that is decoded now. */
export interface DecodedBar { readonly base: number; readonly sizeBytes: number; readonly region: Region }

interface Placed { readonly at: number; readonly end: number; readonly capability: Capability }

export class PciFunction implements Device<PciFunctionState> {
  readonly name: string;
  readonly regions: Readonly<Record<string, Region>>;
  readonly dma: BusMaster;
  readonly config = new ConfigSpace();
  private readonly model: PciModel;
  private readonly bars: readonly BarOptions[];
  private readonly placed: Placed[] = [];
  private readonly power = new PowerManagement();
  private readonly messages: Msix | undefined;
  private readonly bridge: PciFunctionOptions['bridge'];

  constructor(options: PciFunctionOptions) {
    this.name = options.name;
    this.model = options.model;
    this.bridge = options.bridge;
    this.dma = options.dma ?? new BusMaster();
    const bar = options.msixBar ?? 4;
    this.messages = options.msixVectors === undefined ? undefined : new Msix({ vectors: options.msixVectors, bar, dma: this.dma });
    this.bars = [...options.bars ?? [], ...(this.messages ? [{ index: bar, sizeBytes: this.messages.sizeBytes, region: this.messages.region }] : [])];
    this.defineHeader(options);
    this.bars.forEach((each) => this.defineBar(each));
    // A bridge in D3hot could tell of its slot by PME only, which is left out: so it has no power management.
    this.place([...(this.bridge ? [] : [this.power]), options.express ?? new ExpressEndpoint(), ...(this.messages ? [this.messages] : []), ...options.capabilities ?? []]);
    this.regions = { config: this.configRegion(), ...Object.fromEntries(this.bars.map(({ index, region }) => [`bar${index}`, region])) };
  }

  get msix(): Msix {
    assert(this.messages !== undefined, `${this.name} has vectors`);
    return this.messages;
  }

  private get isOn() { return this.bridge !== undefined || this.power.isOn; }
  get command(): number { return this.config.words.getUint16(COMMAND, true); }

  /** Plugs it in, or, with undefined, out. */
  connect(attachment: Attachment | undefined): void {
    this.dma.attachment = attachment;
    const express = this.placed.find(({ capability }) => capability instanceof ExpressEndpoint);
    if (attachment === undefined || express === undefined) return;
    this.config.fix16(express.at + 2, 2 | (attachment.integrated ? EXPRESS_INTEGRATED : EXPRESS_ENDPOINT) << 4);
  }

  /** The BARs that answer, without regard to bridges above. */
  decoded(): DecodedBar[] {
    if ((this.command & MEMORY_SPACE) === 0 || !this.isOn) return [];
    return this.bars.map(({ index, sizeBytes, region, wide }) => {
      const at = BAR_0 + 4 * index, low = (this.config.words.getUint32(at, true) & ~0xf) >>> 0;
      return { base: low + (wide ? this.config.words.getUint32(at + 4, true) * 2 ** 32 : 0), sizeBytes, region };
    });
  }

  /** As after the reset that a bus or the function itself can have. */
  reset(): void {
    this.config.reset();
    this.messages?.clear();
    this.model.reset();
    this.follow();
  }

  save(): PciFunctionState {
    return { config: this.config.bytes.slice(), msix: this.messages?.save() ?? null, model: this.model.save() };
  }

  restore(state: PciFunctionState): void {
    this.config.bytes.set(state.config);
    if (state.msix !== null) this.messages?.restore(state.msix);
    this.follow();
    this.model.restore(state.model);
  }

  private follow() {
    for (const { capability } of this.placed) capability.follow?.();
    this.changed();
  }

  private changed() {
    this.dma.isEnabled = (this.command & BUS_MASTER) !== 0 && this.isOn;
    this.dma.attachment?.changed();
  }

  private configRegion(): Region {
    return {
      read: (offset, size) => {
        const found = this.placed.find(({ at, end }) => offset >= at && offset < end);
        found?.capability.read?.(offset - found.at);
        return this.config.read(offset, size);
      },
      write: (offset, size, value) => this.writeConfig(offset, size, value),
    };
  }

  private writeConfig(offset: number, size: AccessSize, value: number) {
    if (offset + size > CONFIG_BYTES) return;
    this.config.write(offset, size, value);
    if (offset < FIRST_CAPABILITY) {
      this.bridge?.wrote();
      return this.changed();
    }
    for (const { at, end, capability } of this.placed) if (offset < end && offset + size > at) capability.write?.(offset - at);
  }

  private defineHeader(o: PciFunctionOptions) {
    this.config.define({
      at: 0,
      bytes: fields(0x40, {
        0: [2, o.vendorId], 2: [2, o.deviceId], 6: [2, STATUS_HAS_CAPABILITIES], 8: [4, o.classCode << 8 | (o.revision ?? 0)],
        ...(o.bridge ? BRIDGE_FIELDS : { 0x2c: [2, o.subsystemVendorId ?? 0], 0x2e: [2, o.subsystemId ?? 0] }),
      }),
      writable: fields(0x40, { 4: [2, COMMAND_BITS], 0x0c: [1, 0xff], 0x3c: [1, 0xff], ...(o.bridge && BRIDGE_WRITABLE) }),
      clears: fields(0x40, { 6: [2, 0xf900], ...(o.bridge && { 0x1e: [2, 0xf900] }) }),
    });
  }

  private defineBar({ index, sizeBytes, wide, prefetchable }: BarOptions) {
    assert(sizeBytes >= 128 && Number.isInteger(Math.log2(sizeBytes)), 'a BAR has the size of a power of two');
    const mask = BigInt.asUintN(64, -BigInt(sizeBytes)), low = Number(mask & 0xffff_ffffn);
    const flags = (wide ? WIDE : 0) | (prefetchable ? PREFETCHABLE : 0);
    this.config.define({ at: BAR_0 + 4 * index, bytes: fields(4, { 0: [4, flags] }), writable: fields(4, { 0: [4, low] }) });
    if (wide) this.config.define({ at: BAR_0 + 4 * index + 4, bytes: new Uint8Array(4), writable: fields(4, { 0: [4, Number(mask >> 32n)] }) });
  }

  /** Lays the capabilities out one after the other and links them, plain ones and extended ones. */
  private place(capabilities: readonly Capability[]) {
    let at = FIRST_CAPABILITY, extendedAt = EXTENDED, link = CAPABILITIES, extendedLink: number | undefined;
    for (const capability of capabilities) {
      const { extended, id, bytes, writable, clears } = capability, isExtended = extended !== undefined;
      const base = isExtended ? extendedAt : at, all = bytes.slice(), end = base + bytes.length;
      all.set(isExtended ? [id & 0xff, id >> 8, extended, 0] : [id, 0]);
      this.config.define({ at: base, bytes: all, ...(writable && { writable }), ...(clears && { clears }) });
      if (!isExtended) this.config.fix16(link, this.config.words.getUint16(link, true) & (link === CAPABILITIES ? 0xff00 : 0x00ff) | (link === CAPABILITIES ? base : base << 8));
      else if (extendedLink !== undefined) this.config.fix16(extendedLink + 2, this.config.words.getUint16(extendedLink + 2, true) | base << 4);
      if (isExtended) { extendedLink = base; extendedAt = end + 3 & ~3; } else { link = base; at = end + 3 & ~3; }
      assert(at <= EXTENDED && extendedAt <= CONFIG_BYTES, 'the capabilities fit the configuration space');
      this.placed.push({ at: base, end, capability });
      capability.attach?.(this.ownerAt(base, bytes.length));
    }
  }

  private ownerAt(at: number, length: number): CapabilityOwner {
    const bar = (index: number) => this.bars.find((each) => each.index === index);
    return {
      window: new DataView(this.config.bytes.buffer, at, length),
      resetFunction: () => this.reset(),
      changed: () => this.changed(),
      readBar: (index, offset, size) => { const found = bar(index); return found !== undefined && offset + size <= found.sizeBytes ? found.region.read(offset, size) : 0; },
      writeBar: (index, offset, size, value) => { const found = bar(index); if (found !== undefined && offset + size <= found.sizeBytes) found.region.write(offset, size, value); },
    };
  }
}
