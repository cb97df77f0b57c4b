import type { HostId } from '../base/ids.ts';
import type { Labels } from './labels.ts';
import type { Place } from './place.ts';

/** One emulated server. */
export interface Host extends Labels {
  readonly id: HostId;
  /** A datacenter, a host folder or a cluster. */
  readonly parent: Place;
  readonly name: string;
  readonly model: string;
  readonly cpus: number;
  readonly memoryMib: number;
  /** Frequency of the system counter (CNTFRQ_EL0), in Hz. */
  readonly counterHz: number;
  readonly connected: boolean;
}
