/**
 * Directories of FAT: slots of 32 bytes, in which a file has its short entry and before it, last part first, those of its long name (Microsoft FAT
 * specification, "FAT Directory Structure"). Dates and times are DOS's, from 1980 to 2107, without a time zone; 0 is none.
 */
import type { FileInfo } from '../volume.ts';
import { checksum, folded, shortText } from './names.ts';

export const SLOT = 32, MAX_SLOTS = 65_536, FREE_SLOT = 0xe5;
export const ATTRIBUTE = { readOnly: 0x01, hidden: 0x02, system: 0x04, label: 0x08, directory: 0x10, archive: 0x20 } as const;
const LONG = 0x0f, KINDS = 0x3f, LAST_PART = 0x40, PART_UNITS = 13, MAX_PARTS = 20;
/** Where the units of a part's name are. */
const UNITS = [1, 3, 5, 7, 9, 14, 16, 18, 20, 22, 24, 28, 30] as const;
/** Where an entry has what. */
const AT = { attributes: 11, caseFlags: 12, createdTenths: 13, createdTime: 14, createdDate: 16, accessedDate: 18, clusterHigh: 20, modifiedTime: 22, modifiedDate: 24, cluster: 26, bytes: 28 } as const;

/** A file's: its first slot, how many, and the short entry itself. */
export interface FatEntry { readonly name: string; readonly short: string; readonly slot: number; readonly slots: number; readonly raw: Buffer }

export interface Directory {
  /** Its first cluster; 0 is the root of FAT12 and FAT16. */
  readonly cluster: number;
  readonly capacity: number;
  readonly bytes: Buffer;
  /** The first slot that never was used, or the capacity. */
  readonly end: number;
  readonly entries: readonly FatEntry[];
  readonly label: FatEntry | undefined;
  readonly byName: ReadonlyMap<string, FatEntry>;
}

export function parseDirectory(cluster: number, bytes: Buffer): Directory {
  const capacity = Math.floor(bytes.length / SLOT), entries: FatEntry[] = [], byName = new Map<string, FatEntry>();
  let label: FatEntry | undefined, parts: string[] = [], sum = -1, expected = 0, slot = 0;
  const forgetParts = () => { parts = []; expected = 0; };
  for (; slot < capacity && bytes[slot * SLOT] !== 0; slot++) {
    const raw = bytes.subarray(slot * SLOT, (slot + 1) * SLOT), kind = raw[AT.attributes]! & KINDS, order = raw[0]!;
    if (order === FREE_SLOT) { forgetParts(); continue; }
    if (kind === LONG) {
      if ((order & LAST_PART) !== 0) { parts = []; expected = order & ~LAST_PART; sum = raw[13]!; }
      if (expected === 0 || expected > MAX_PARTS || (order & ~LAST_PART) !== expected || raw[13] !== sum) { forgetParts(); continue; }
      parts.unshift(unitsOf(raw));
      expected--;
      continue;
    }
    const short = raw.toString('latin1', 0, 11), isLong = parts.length > 0 && expected === 0 && checksum(short) === sum, name = isLong ? parts.join('').split('\0')[0]! : shortText(raw);
    const slots = isLong ? parts.length + 1 : 1, entry = { name, short, slot: slot + 1 - slots, slots, raw: Buffer.from(raw) };
    forgetParts();
    if ((kind & ATTRIBUTE.label) !== 0) { label ??= entry; continue; }
    if (name === '' || name === '.' || name === '..') continue;
    entries.push(entry);
    for (const key of [folded(shortText(raw)), folded(name)]) if (!byName.has(key) || key === folded(name)) byName.set(key, entry);
  }
  return { cluster, capacity, bytes, end: slot, entries, label, byName };
}

const unitsOf = (raw: Buffer) => UNITS.map(at => String.fromCharCode(raw.readUInt16LE(at))).join('');

/** The slots of a file: its long name's, if it needs one, and the short entry. */
export function slotsOf(name: string, { short, isWhole }: { readonly short: string; readonly isWhole: boolean }, entry: Buffer): Buffer {
  const last = Buffer.from(entry), parts = isWhole ? 0 : Math.ceil(name.length / PART_UNITS);
  last.write(short, 0, 'latin1');
  last[AT.caseFlags] = 0;
  return Buffer.concat([...Array.from({ length: parts }, (_, n) => longSlot(name, parts - 1 - n, parts, checksum(short))), last]);
}

function longSlot(name: string, part: number, parts: number, sum: number): Buffer {
  const slot = Buffer.alloc(SLOT);
  slot[0] = part + 1 | (part === parts - 1 ? LAST_PART : 0);
  slot[AT.attributes] = LONG;
  slot[13] = sum;
  // The name, a 0 where there is room for it, and then what is no character.
  UNITS.forEach((at, n) => { const index = part * PART_UNITS + n; slot.writeUInt16LE(index < name.length ? name.charCodeAt(index) : index === name.length ? 0 : 0xffff, at); });
  return slot;
}

/** As many free slots in a row; where none are, behind all others. */
export function freeSlots({ bytes, end }: Directory, count: number): number {
  let free = 0;
  for (let slot = 0; slot < end; slot++) {
    free = bytes[slot * SLOT] === FREE_SLOT ? free + 1 : 0;
    if (free === count) return slot + 1 - count;
  }
  return end - free;
}

export const isDirectory = ({ raw }: FatEntry): boolean => (raw[AT.attributes]! & ATTRIBUTE.directory) !== 0;
export const bytesOf = ({ raw }: FatEntry): number => raw.readUInt32LE(AT.bytes);
/** FAT12 and FAT16 may have something else in the upper half. */
export const clusterOf = ({ raw }: FatEntry, is32: boolean): number => raw.readUInt16LE(AT.cluster) + (is32 ? raw.readUInt16LE(AT.clusterHigh) * 0x1_0000 : 0);

export function setCluster(raw: Buffer, cluster: number, is32: boolean): void {
  raw.writeUInt16LE(cluster & 0xffff, AT.cluster);
  if (is32) raw.writeUInt16LE(cluster >>> 16, AT.clusterHigh);
}

export const setBytes = (raw: Buffer, bytes: number): void => { raw.writeUInt32LE(bytes, AT.bytes); };

export function newEntry(attributes: number, nowMs: number): Buffer {
  const raw = Buffer.alloc(SLOT);
  raw[AT.attributes] = attributes;
  setTimes(raw, { createdMs: nowMs, accessedMs: nowMs, modifiedMs: nowMs });
  return raw;
}

/** The two entries with which each directory but the root begins. */
export function dotSlots(entry: Buffer, cluster: number, parent: number, is32: boolean): Buffer {
  return Buffer.concat(([['.', cluster], ['..', parent]] as const).map(([name, to]) => {
    const dot = Buffer.from(entry);
    dot.write(name.padEnd(11), 0, 'latin1');
    setCluster(dot, to, is32);
    return dot;
  }));
}

export function infoOf(entry: FatEntry): FileInfo {
  const { raw, name } = entry, has = (bit: number) => (raw[AT.attributes]! & bit) !== 0, directory = isDirectory(entry), word = (at: number) => raw.readUInt16LE(at);
  return {
    name, directory, bytes: directory ? 0 : bytesOf(entry), readOnly: has(ATTRIBUTE.readOnly), hidden: has(ATTRIBUTE.hidden), system: has(ATTRIBUTE.system), archive: has(ATTRIBUTE.archive),
    createdMs: milliseconds(word(AT.createdDate), word(AT.createdTime), raw[AT.createdTenths]), accessedMs: milliseconds(word(AT.accessedDate), 0), modifiedMs: milliseconds(word(AT.modifiedDate), word(AT.modifiedTime)),
  };
}

export function setAttribute(raw: Buffer, name: 'readOnly' | 'hidden' | 'system' | 'archive', on: boolean): void {
  raw[AT.attributes] = on ? raw[AT.attributes]! | ATTRIBUTE[name] : raw[AT.attributes]! & ~ATTRIBUTE[name];
}

export function setTimes(raw: Buffer, { createdMs, accessedMs, modifiedMs }: Partial<Pick<FileInfo, 'createdMs' | 'accessedMs' | 'modifiedMs'>>): void {
  if (createdMs !== undefined) {
    const { date, time, tenths } = dosTime(createdMs);
    raw.writeUInt16LE(date, AT.createdDate);
    raw.writeUInt16LE(time, AT.createdTime);
    raw[AT.createdTenths] = tenths;
  }
  if (accessedMs !== undefined) raw.writeUInt16LE(dosTime(accessedMs).date, AT.accessedDate);
  if (modifiedMs !== undefined) {
    const { date, time } = dosTime(modifiedMs);
    raw.writeUInt16LE(date, AT.modifiedDate);
    raw.writeUInt16LE(time, AT.modifiedTime);
  }
}

/** `tenths` are units of 10 ms, up to two seconds. */
const milliseconds = (date: number, time: number, tenths = 0): number =>
  (date === 0 ? 0 : Date.UTC(1980 + (date >> 9), (date >> 5 & 15) - 1, date & 31, time >> 11, time >> 5 & 63, (time & 31) * 2) + tenths * 10);

function dosTime(ms: number): { readonly date: number; readonly time: number; readonly tenths: number } {
  const at = new Date(ms), year = at.getUTCFullYear();
  if (!(year >= 1980)) return { date: 0, time: 0, tenths: 0 };
  if (year > 2107) return dosTime(Date.UTC(2107, 11, 31, 23, 59, 59, 990));
  const seconds = at.getUTCSeconds();
  return {
    date: year - 1980 << 9 | at.getUTCMonth() + 1 << 5 | at.getUTCDate(), time: at.getUTCHours() << 11 | at.getUTCMinutes() << 5 | seconds >> 1,
    tenths: (seconds & 1) * 100 + Math.floor(at.getUTCMilliseconds() / 10),
  };
}
