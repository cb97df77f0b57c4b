import type { HostId } from '../base/ids.ts';

/** One emulated server. */
export interface Host {
  readonly id: HostId;
  readonly name: string;
  readonly model: string;
  readonly cpus: number;
  readonly memoryMib: number;
  /** Frequency of the system counter (CNTFRQ_EL0), in Hz. */
  readonly counterHz: number;
  readonly connected: boolean;
}
