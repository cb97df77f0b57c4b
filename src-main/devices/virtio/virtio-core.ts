import type { AccessSize } from '../../memory/region.ts';
import type { Virtqueue } from './virtqueue.ts';

/** What a core sees of the transport that it hangs on. */
export interface VirtioPort {
  queue(index: number): Virtqueue;
  /** The driver broke a rule of this device: it has to reset it. */
  fail(what: string): void;
  /** Its own features that the driver chose. */
  negotiated(): number;
  /** The driver is running. */
  isLive(): boolean;
  /** `config` has changed by itself: the driver is told. */
  configurationChanged(): void;
}

/** A virtio device without its transport. */
export interface VirtioCore<State> {
  readonly name: string;
  /** Virtio 1.2, chapter 5. */
  readonly deviceId: number;
  /** Feature bits of its own, below 24. */
  readonly features: number;
  /** Largest size of each queue. */
  readonly queueSizes: readonly number[];
  /** Its configuration space. */
  readonly config: Uint8Array;
  attach(port: VirtioPort): void;
  /** Buffers may be available in a queue, and the driver is running. */
  notified(queue: number): void;
  /** The driver wrote to the configuration space; without it, that is an error of the driver. */
  configure?(offset: number, size: AccessSize, value: number): void;
  /** The driver reset the device: what is under way is dropped, and what comes from outside stays. */
  stop(): void;
  reset(): void;
  save(): State;
  /** The queues are as they were when `state` was saved. */
  restore(state: State): void;
}
