/** A UUID that follows from what names a machine, so that it is the same at each power-on (RFC 9562, version 8: a hash of one's own). */
import { createHash } from 'node:crypto';

export function machineUuid(seed: string): string {
  const bytes = createHash('sha256').update(`quarterdeck machine ${seed}`).digest().subarray(0, 16);
  bytes[6] = bytes[6]! & 0x0f | 0x80;
  bytes[8] = bytes[8]! & 0x3f | 0x80;
  return bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}
