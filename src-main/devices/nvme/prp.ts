/** Physical Region Pages (NVM Express 1.4, 4.3): where in memory a command's data is, as whole pages but for the ends. */
import type { Dma } from '../../memory/dma.ts';
import type { Command } from './command.ts';

export interface Extent { readonly address: number; readonly length: number }

const POINTER_BYTES = 8;
/** Of a list: more than any transfer needs, so that one that leads to itself ends. */
const MOST_PAGES = 64;

/** Undefined when a pointer is not aligned, or a list is not in memory. */
export function extentsOf(dma: Dma, { prp1, prp2 }: Pick<Command, 'prp1' | 'prp2'>, length: number, pageBytes: number): Extent[] | undefined {
  if (prp1 % 4 !== 0) return undefined;
  const first = Math.min(length, pageBytes - prp1 % pageBytes), extents: Extent[] = [{ address: prp1, length: first }], left = length - first;
  if (left === 0) return extents;
  if (left <= pageBytes) return prp2 % pageBytes === 0 ? [...extents, { address: prp2, length: left }] : undefined;
  return addList(dma, extents, prp2, left, pageBytes) ? extents : undefined;
}

/** The last pointer of a page of them leads to the next page, when there is more. */
function addList(dma: Dma, extents: Extent[], list: number, length: number, pageBytes: number): boolean {
  const bytes = new Uint8Array(POINTER_BYTES), pointer = new DataView(bytes.buffer);
  if (list % POINTER_BYTES !== 0) return false;
  let pages = 0;
  for (let at = list, left = length; left > 0;) {
    if (!dma.read(at, bytes)) return false;
    const address = Number(pointer.getBigUint64(0, true)), isLast = (at + POINTER_BYTES) % pageBytes === 0;
    if (address % pageBytes !== 0) return false;
    if (isLast && left > pageBytes) {
      if (++pages > MOST_PAGES) return false;
      at = address;
      continue;
    }
    extents.push({ address, length: Math.min(left, pageBytes) });
    left -= pageBytes;
    at += POINTER_BYTES;
  }
  return true;
}

/** False when a part of it is not in memory. */
export function writeExtents(dma: Dma, extents: readonly Extent[], bytes: Uint8Array): boolean {
  let at = 0;
  for (const { address, length } of extents) {
    if (at >= bytes.length) break;
    if (!dma.write(address, bytes.subarray(at, at + length))) return false;
    at += length;
  }
  return true;
}

export function readExtents(dma: Dma, extents: readonly Extent[], into: Uint8Array): boolean {
  let at = 0;
  for (const { address, length } of extents) {
    if (!dma.read(address, into.subarray(at, at + length))) return false;
    at += length;
  }
  return true;
}
