import type { AccessSize } from './region.ts';

/**
 * Memory as a bus master reaches it. Addresses come from guests, so any number may be given: an address outside
 * memory answers `undefined` or `false`, and never throws. Values are little-endian.
 */
export interface Dma {
  load(address: number, size: AccessSize): number | undefined;
  store(address: number, size: AccessSize, value: number): boolean;
  /** The bytes themselves, not a copy, and not to be written to. */
  view(address: number, length: number): Uint8Array | undefined;
  write(address: number, bytes: Uint8Array): boolean;
}
