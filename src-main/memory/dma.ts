import type { AccessSize } from './region.ts';

/**
 * Memory as a bus master reaches it: RAM itself, or what an IOMMU shows of it. Addresses come from guests, so any number may be given: an address outside
 * memory answers `undefined` or `false`, and never throws. Values are little-endian.
 */
export interface Dma {
  load(address: number, size: AccessSize): number | undefined;
  store(address: number, size: AccessSize, value: number): boolean;
  /** Fills `into` from memory, all of it or nothing. */
  read(address: number, into: Uint8Array): boolean;
  /** Writes all of `bytes`, or nothing. */
  write(address: number, bytes: Uint8Array): boolean;
  /** Whether `read`, or `write`, of a range would succeed. */
  reaches(address: number, length: number, how: 'read' | 'write'): boolean;
}
