/** A disk in memory, which answers in a later turn of the event loop. For tests only. */
import type { BlockMedium } from './virtio/block.ts';

export type MemoryDisk = BlockMedium & { flushes: number; broken: boolean };

export function memoryDisk(disk: Uint8Array, readOnly = false): MemoryDisk {
  const later = async () => {
    await new Promise(resolve => { setImmediate(resolve); });
    if (medium.broken) throw new Error('the disk is on fire');
  };
  const medium: MemoryDisk = {
    sizeBytes: disk.length, readOnly, flushes: 0, broken: false,
    async read(offset, into) { await later(); into.set(disk.subarray(offset, offset + into.length)); },
    async write(offset, bytes) { await later(); disk.set(bytes, offset); },
    async flush() { await later(); medium.flushes++; },
    async zero(offset, length) { await later(); disk.fill(0, offset, offset + length); },
    async discard(offset, length) { await later(); disk.fill(0, offset, offset + length); },
  };
  return medium;
}
