/**
 * The PC's partition table in sector 0 (UEFI 2.10, 5.2), and logical partitions in an extended one, each with a table of its own that leads to the
 * next. A sector whose entries do not lie within the disk is no table but code.
 */
import { DevicePart, type SectorDevice } from './sector-device.ts';
import type { Partition } from './partitions.ts';

const TABLE = 446, ENTRY_BYTES = 16, SIGNATURE = 440, MAX_LOGICAL = 128;
const EXTENDED: readonly number[] = [0x05, 0x0f, 0x85];
export const PROTECTIVE = 0xee;

export interface MbrEntry { readonly type: number; readonly startSector: number; readonly sectorCount: number }
export interface Mbr { readonly signature: number; readonly entries: readonly MbrEntry[] }

/** All four entries, those that are not used with type 0. */
export function parseMbr(sector: Buffer): Mbr | undefined {
  if (sector.readUInt16LE(510) !== 0xaa55) return undefined;
  const entries = [0, 1, 2, 3].map(n => TABLE + n * ENTRY_BYTES).map(at => ({ active: sector[at]!, type: sector[at + 4]!, startSector: sector.readUInt32LE(at + 8), sectorCount: sector.readUInt32LE(at + 12) }));
  return entries.every(({ active }) => (active & 0x7f) === 0) ? { signature: sector.readUInt32LE(SIGNATURE), entries: entries.map(({ active: _, ...entry }) => entry) } : undefined;
}

const isUsed = ({ type, sectorCount }: MbrEntry) => type !== 0 && sectorCount !== 0;

export async function mbrPartitions(device: SectorDevice, { signature, entries }: Mbr): Promise<readonly Partition[]> {
  const inside = ({ startSector, sectorCount }: MbrEntry) => startSector > 0 && startSector + sectorCount <= device.sectorCount;
  if (!entries.filter(isUsed).every(inside)) return [];
  const partition = (number: number, { type, startSector, sectorCount }: MbrEntry): Partition =>
    ({ kind: 'mbr', number, type, signature, startSector, sectorCount, device: new DevicePart(device, startSector, sectorCount) });
  const primary = entries.flatMap((entry, n) => (isUsed(entry) && !EXTENDED.includes(entry.type) ? [partition(n + 1, entry)] : []));
  const extended = entries.find(entry => isUsed(entry) && EXTENDED.includes(entry.type)), logical = extended === undefined ? [] : await logicalIn(device, extended);
  return [...primary, ...logical.filter(inside).map((entry, n) => partition(5 + n, entry))];
}

/** Each table has its partition first, counted from the table, and then the next table, counted from the extended partition. */
async function logicalIn(device: SectorDevice, extended: MbrEntry): Promise<MbrEntry[]> {
  const found: MbrEntry[] = [], seen = new Set<number>(), end = extended.startSector + extended.sectorCount;
  for (let at = extended.startSector; at < end && !seen.has(at) && seen.size < MAX_LOGICAL;) {
    seen.add(at);
    const table = parseMbr(Buffer.from(await device.read(at, 1)));
    if (table === undefined) break;
    const own = table.entries.find(entry => isUsed(entry) && !EXTENDED.includes(entry.type)), next = table.entries.find(entry => isUsed(entry) && EXTENDED.includes(entry.type));
    if (own !== undefined && at + own.startSector + own.sectorCount <= end) found.push({ ...own, startSector: at + own.startSector });
    if (next === undefined) break;
    at = extended.startSector + next.startSector;
  }
  return found;
}
