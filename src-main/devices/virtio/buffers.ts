/** Moving bytes between a device and the scattered buffers of a chain, which are known to be in memory. */
import type { Dma } from '../../memory/dma.ts';
import type { GuestBuffer } from './virtqueue.ts';

export const lengthOf = (buffers: readonly GuestBuffer[]): number => buffers.reduce((sum, buffer) => sum + buffer.length, 0);

/** The part of the buffers that begins `from` bytes in and is `length` bytes long, or what there is of it. */
export function slice(buffers: readonly GuestBuffer[], from: number, length = Infinity): GuestBuffer[] {
  const parts: GuestBuffer[] = [];
  let skip = from;
  let left = length;
  for (const buffer of buffers) {
    const taken = Math.min(Math.max(0, buffer.length - skip), left);
    if (taken > 0) parts.push({ address: buffer.address + skip, length: taken });
    skip = Math.max(0, skip - buffer.length);
    left -= taken;
  }
  return parts;
}

/** A copy of what the buffers hold. */
export function gather(dma: Dma, buffers: readonly GuestBuffer[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(lengthOf(buffers));
  let at = 0;
  for (const { address, length } of buffers) {
    dma.read(address, bytes.subarray(at, at + length));
    at += length;
  }
  return bytes;
}

/** Fills the buffers from the front and says how many bytes went in. */
export function scatter(dma: Dma, buffers: readonly GuestBuffer[], bytes: Uint8Array): number {
  let at = 0;
  for (const { address, length } of slice(buffers, 0, bytes.length)) {
    dma.write(address, bytes.subarray(at, at + length));
    at += length;
  }
  return at;
}
