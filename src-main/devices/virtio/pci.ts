/**
 * Virtio over PCI (virtio 1.2, 4.1), modern only: wraps any core as a PCI function. Each queue, and the configuration, has
 * the MSI-X vector that the driver gives it. Left out: interrupts without MSI-X, queue reset, notification data, shared memory.
 */
import type { Dma } from '../../memory/dma.ts';
import type { AccessSize, GuestErrorSink } from '../../memory/region.ts';
import { hex } from '../../memory/region.ts';
import { BusMaster } from '../pci/bus-master.ts';
import { PciFunction } from '../pci/pci-function.ts';
import { COMMON, DEVICE, ISR, NOTIFY, NOTIFY_MULTIPLIER, VIRTIO_BAR, VIRTIO_BAR_BYTES, virtioCapabilities } from './pci-capabilities.ts';
import type { VirtioCore } from './virtio-core.ts';
import { ACCESS_PLATFORM, VirtioFunction, type VirtioFunctionState, type VirtioInterrupt } from './virtio-function.ts';
import type { Virtqueue } from './virtqueue.ts';

const VENDOR = 0x1af4, FIRST_DEVICE = 0x1040, REVISION = 1, SUBSYSTEM = 0x1100;
const MSIX_BAR = 1;
export const NO_VECTOR = 0xffff;

/** PCI classes by virtio device; others are of none. */
const CLASSES: Readonly<Record<number, number>> = { 1: 0x02_00_00, 2: 0x01_00_00, 3: 0x07_80_00, 8: 0x01_00_00, 16: 0x03_80_00, 18: 0x09_80_00 };
const UNCLASSIFIED = 0x00_ff_00;

interface Field { readonly size: AccessSize; readonly read: (d: VirtioPci) => number; readonly write?: (d: VirtioPci, value: number) => void }

type Area = 'descriptors' | 'driver' | 'device';
const half = (area: Area, word: 0 | 1): Field => ({
  size: 4, read: (d) => d.queue?.state[area][word] ?? 0, write: (d, value) => d.configure((queue) => { queue.state[area][word] = value; }),
});

/** struct virtio_pci_common_cfg (4.1.4.3). */
const COMMON_FIELDS: Readonly<Record<number, Field>> = {
  0x00: { size: 4, read: (d) => d.selected.deviceFeatures, write: (d, value) => { d.selected.deviceFeatures = value; } },
  0x04: { size: 4, read: (d) => (d.virtio.offered[d.selected.deviceFeatures] ?? 0) >>> 0 },
  0x08: { size: 4, read: (d) => d.selected.driverFeatures, write: (d, value) => { d.selected.driverFeatures = value; } },
  0x0c: { size: 4, read: (d) => d.virtio.acceptedFeatures(d.selected.driverFeatures), write: (d, value) => d.accept(value) },
  0x10: { size: 2, read: (d) => d.configVector, write: (d, value) => d.setVector('configuration', value) },
  0x12: { size: 2, read: (d) => d.virtio.queues.length },
  0x14: { size: 1, read: (d) => d.virtio.status, write: (d, value) => d.setStatus(value) },
  0x15: { size: 1, read: (d) => d.virtio.configGeneration },
  0x16: { size: 2, read: (d) => d.selected.queue, write: (d, value) => { d.selected.queue = value; } },
  0x18: { size: 2, read: (d) => (d.queue === undefined ? 0 : d.queue.state.size || d.queue.maxSize), write: (d, value) => d.setQueueSize(value) },
  0x1a: { size: 2, read: (d) => d.vectors[d.selected.queue] ?? NO_VECTOR, write: (d, value) => d.setVector(d.selected.queue, value) },
  0x1c: { size: 2, read: (d) => Number(d.queue?.state.ready ?? false), write: (d, value) => { if (value === 1) d.enableQueue(); } },
  0x1e: { size: 2, read: (d) => d.selected.queue },
  0x20: half('descriptors', 0), 0x24: half('descriptors', 1), 0x28: half('driver', 0), 0x2c: half('driver', 1), 0x30: half('device', 0), 0x34: half('device', 1),
};

interface Selected { deviceFeatures: number; driverFeatures: number; queue: number }
const nothingSelected = (): Selected => ({ deviceFeatures: 0, driverFeatures: 0, queue: 0 });

interface VirtioPciState { readonly selected: Selected; readonly configVector: number; readonly vectors: number[]; readonly function: VirtioFunctionState; readonly core: unknown }

export interface VirtioPciIo<Core extends VirtioCore<unknown>> {
  /** Tells it apart from all other devices of the machine. */
  readonly name: string;
  readonly core: (dma: Dma) => Core;
  readonly guestError: GuestErrorSink;
}

export class VirtioPci<Core extends VirtioCore<unknown> = VirtioCore<unknown>> {
  readonly function: PciFunction;
  readonly core: Core;
  readonly virtio: VirtioFunction;
  selected = nothingSelected();
  configVector = NO_VECTOR;
  vectors: number[];
  private readonly guestError: GuestErrorSink;

  constructor({ name, core: build, guestError }: VirtioPciIo<Core>) {
    const dma = new BusMaster(), core = this.core = build(dma);
    this.guestError = (what) => guestError(`${name}: ${what}`);
    this.virtio = new VirtioFunction(core, { dma, guestError: this.guestError, transportFeatures: ACCESS_PLATFORM, interrupt: (source) => this.interrupt(source) });
    this.vectors = this.noVectors();
    this.function = new PciFunction({
      name, dma, vendorId: VENDOR, deviceId: FIRST_DEVICE + core.deviceId, revision: REVISION, classCode: CLASSES[core.deviceId] ?? UNCLASSIFIED,
      subsystemVendorId: VENDOR, subsystemId: SUBSYSTEM, msixVectors: core.queueSizes.length + 1, msixBar: MSIX_BAR, capabilities: virtioCapabilities(core.config.length),
      bars: [{ index: VIRTIO_BAR, sizeBytes: VIRTIO_BAR_BYTES, wide: true, prefetchable: true, region: { read: (offset, size) => this.read(offset, size), write: (offset, size, value) => this.write(offset, size, value) } }],
      model: { reset: () => this.reset(), save: () => this.save(), restore: (state) => this.restore(state as VirtioPciState) },
    });
  }

  get queue(): Virtqueue | undefined { return this.virtio.queues[this.selected.queue]; }

  accept(bits: number): void {
    const word = this.selected.driverFeatures;
    if (word === 0 || word === 1) this.virtio.setDriverFeatures(word, bits);
    else if (bits !== 0) this.guestError('accepted features that do not exist');
  }

  /** A queue is set up while it is not enabled. */
  configure(change: (queue: Virtqueue) => void): void {
    if (this.queue === undefined || this.queue.state.ready) return this.guestError('set up a queue that is missing or enabled');
    change(this.queue);
  }

  setQueueSize(size: number): void {
    this.configure((queue) => {
      if (size === 0 || size > queue.maxSize || (size & (size - 1)) !== 0) return this.guestError(`a queue cannot have ${size} entries`);
      queue.state.size = size;
    });
  }

  enableQueue(): void {
    this.configure((queue) => {
      queue.state.size ||= queue.maxSize;
      queue.state.ready = true;
    });
  }

  /** A vector that does not exist reads back as none, which tells the driver. */
  setVector(source: VirtioInterrupt, value: number): void {
    const vector = value < this.function.msix.vectors ? value : NO_VECTOR;
    if (source === 'configuration') this.configVector = vector;
    else if (source < this.vectors.length) this.vectors[source] = vector;
  }

  setStatus(value: number): void {
    if (value === 0) this.forget();
    this.virtio.setStatus(value);
  }

  private interrupt(source: VirtioInterrupt) {
    const vector = source === 'configuration' ? this.configVector : this.vectors[source]!;
    if (vector !== NO_VECTOR) this.function.msix.signal(vector);
  }

  private read(offset: number, size: AccessSize): number {
    if (offset >= NOTIFY) return 0;
    if (offset >= DEVICE) return this.readConfig(offset - DEVICE, size);
    if (offset >= ISR) return offset === ISR ? this.takeInterrupts() : 0;
    const field = COMMON_FIELDS[offset - COMMON];
    if (field !== undefined && size <= field.size) return (field.read(this) & (size === 4 ? -1 : (1 << 8 * size) - 1)) >>> 0;
    this.guestError(`read of ${size} at ${hex(offset)}`);
    return 0;
  }

  private write(offset: number, size: AccessSize, value: number): void {
    if (offset >= NOTIFY) return this.virtio.notify((offset - NOTIFY) / NOTIFY_MULTIPLIER);
    if (offset >= DEVICE && this.core.configure !== undefined) return this.core.configure(offset - DEVICE, size, value);
    const field = COMMON_FIELDS[offset - COMMON];
    if (offset >= ISR || field?.write === undefined || size !== field.size) return this.guestError(`write of ${size} at ${hex(offset)}`);
    field.write(this, value);
  }

  private readConfig(offset: number, size: AccessSize): number {
    const { config } = this.core;
    let value = 0;
    for (let n = size - 1; n >= 0; n--) value = value * 256 + (config[offset + n] ?? 0);
    return value;
  }

  /** Reading them clears them. */
  private takeInterrupts(): number {
    const { interrupts } = this.virtio;
    this.virtio.acknowledge(interrupts);
    return interrupts;
  }

  private noVectors(): number[] { return this.virtio.queues.map(() => NO_VECTOR); }

  private forget() {
    this.selected = nothingSelected();
    this.configVector = NO_VECTOR;
    this.vectors = this.noVectors();
  }

  private reset() {
    this.setStatus(0);
    this.core.reset();
  }

  private save(): VirtioPciState {
    return { selected: { ...this.selected }, configVector: this.configVector, vectors: [...this.vectors], function: this.virtio.save(), core: this.core.save() };
  }

  private restore(state: VirtioPciState) {
    this.selected = { ...state.selected };
    this.configVector = state.configVector;
    this.vectors = [...state.vectors];
    this.virtio.restore(state.function);
    this.core.restore(state.core);
  }
}
