/** What all virtio transports share (virtio 1.2, chapter 2): status, feature negotiation, queues and the two interrupts. */
import type { Dma } from '../../memory/dma.ts';
import type { GuestErrorSink } from '../../memory/region.ts';
import type { VirtioCore } from './virtio-core.ts';
import { Virtqueue, type VirtqueueState } from './virtqueue.ts';

const DRIVER_OK = 4;
const FEATURES_OK = 8;
const NEEDS_RESET = 0x40;

export const USED_BUFFER = 1;
export const CONFIGURATION_CHANGE = 2;

const EVENT_INDEX = 1 << 29;
const INDIRECT_DESCRIPTORS = 1 << 28;
/** VIRTIO_F_VERSION_1, in the high word. */
const VERSION_1 = 1 << 0;
/** VIRTIO_F_ACCESS_PLATFORM, in the high word: an IOMMU may be in the way. */
export const ACCESS_PLATFORM = 1 << 1;

export interface VirtioFunctionState {
  status: number;
  interrupts: number;
  driverFeatures: [number, number];
  generation: number;
  queues: VirtqueueState[];
}

/** What an interrupt is about: the queue of this number, or the configuration. */
export type VirtioInterrupt = number | 'configuration';

export interface VirtioFunctionIo {
  readonly dma: Dma;
  readonly interrupt: (source: VirtioInterrupt) => void;
  /** `interrupts` is another. */
  readonly interruptsChanged?: () => void;
  /** Features of the transport, in the high word. */
  readonly transportFeatures?: number;
  readonly guestError: GuestErrorSink;
}

export class VirtioFunction {
  readonly core: VirtioCore<unknown>;
  readonly queues: readonly Virtqueue[];
  readonly offered: readonly [number, number];
  private readonly io: VirtioFunctionIo;
  private currentStatus = 0;
  private raised = 0;
  private generation = 0;
  private driverFeatures: [number, number] = [0, 0];

  constructor(core: VirtioCore<unknown>, io: VirtioFunctionIo) {
    this.core = core;
    this.io = io;
    this.offered = [core.features | EVENT_INDEX | INDIRECT_DESCRIPTORS, VERSION_1 | (io.transportFeatures ?? 0)];
    this.queues = core.queueSizes.map((maxSize, queue) => new Virtqueue({
      dma: io.dma, maxSize, eventIndexes: () => (this.driverFeatures[0] & EVENT_INDEX) !== 0,
      interrupt: () => this.raise(USED_BUFFER, queue), broken: (what) => this.fail(what),
    }));
    core.attach({
      queue: (index) => this.queues[index]!, fail: (what) => this.fail(what), negotiated: () => this.driverFeatures[0], isLive: () => this.live,
      configurationChanged: () => this.configurationChanged(),
    });
  }

  get status(): number { return this.currentStatus; }
  get interrupts(): number { return this.raised; }
  /** Differs when the configuration was changed in between. */
  get configGeneration(): number { return this.generation; }
  get live(): boolean { return (this.currentStatus & (DRIVER_OK | NEEDS_RESET)) === DRIVER_OK; }

  setDriverFeatures(word: 0 | 1, bits: number): void {
    if ((this.currentStatus & FEATURES_OK) === 0) this.driverFeatures[word] = bits;
  }

  acceptedFeatures(word: number): number { return (this.driverFeatures[word] ?? 0) >>> 0; }

  /** Writing zero resets. FEATURES_OK stays clear when the driver chose what was not offered, or a legacy device. */
  setStatus(value: number): void {
    if (value === 0) return this.reset();
    const wasLive = this.live;
    const refused = (value & FEATURES_OK) !== 0 && !this.featuresAcceptable;
    this.currentStatus |= refused ? value & ~FEATURES_OK : value;
    if (!wasLive && this.live) this.queues.forEach((_, queue) => this.notify(queue));
  }

  notify(queue: number): void {
    if (this.live && this.queues[queue]?.state.ready) this.core.notified(queue);
  }

  acknowledge(interrupts: number): void { this.raised &= ~interrupts; this.sync(); }

  fail(what: string): void {
    this.io.guestError(`${this.core.name}: ${what}`);
    this.currentStatus |= NEEDS_RESET;
    if ((this.currentStatus & DRIVER_OK) !== 0) this.raise(CONFIGURATION_CHANGE, 'configuration');
  }

  private configurationChanged() {
    this.generation = this.generation + 1 & 0xff;
    if ((this.currentStatus & DRIVER_OK) !== 0) this.raise(CONFIGURATION_CHANGE, 'configuration');
  }

  private get featuresAcceptable() {
    const [low, high] = this.driverFeatures;
    return (low & ~this.offered[0]) === 0 && (high & ~this.offered[1]) === 0 && (high & VERSION_1) !== 0;
  }

  private raise(interrupt: number, source: VirtioInterrupt) {
    this.raised |= interrupt;
    this.sync();
    this.io.interrupt(source);
  }

  private sync() { this.io.interruptsChanged?.(); }

  reset(): void {
    this.currentStatus = 0;
    this.raised = 0;
    this.driverFeatures = [0, 0];
    for (const queue of this.queues) queue.reset();
    this.core.stop();
    this.sync();
  }

  save(): VirtioFunctionState {
    return {
      status: this.currentStatus, interrupts: this.raised, driverFeatures: [...this.driverFeatures], generation: this.generation,
      queues: this.queues.map((queue) => structuredClone(queue.state)),
    };
  }

  restore(state: VirtioFunctionState): void {
    this.currentStatus = state.status;
    this.raised = state.interrupts;
    this.driverFeatures = [...state.driverFeatures];
    this.generation = state.generation;
    this.queues.forEach((queue, index) => queue.restore(state.queues[index]!));
    this.sync();
  }
}
