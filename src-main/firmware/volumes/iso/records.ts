/**
 * Directory records of ISO 9660 (ECMA-119, 9.1) with what System Use Sharing Protocol (IEEE P1281) and Rock Ridge (IEEE P1282) put behind the name: a name as
 * POSIX has it, times, links, and directories that lie elsewhere. Where a record's system use goes on somewhere else it is read there.
 */
import { say } from '../../../../shared/base/phrase.ts';
import { volumeDamaged } from '../volume.ts';

const FIXED = 33, HIDDEN = 1, DIRECTORY = 2, MULTI_EXTENT = 0x80, MAX_CONTINUATIONS = 16, MAX_READS = 65_536, CONTINUES = 1;
const TIME = { created: 1, modified: 2, accessed: 4, long: 0x80 } as const;
const LINK = { current: 2, parent: 4, root: 8 } as const;

export type ReadBlocks = (offset: number, length: number) => Promise<Buffer>;
export interface IsoRecord {
  readonly name: string; readonly directory: boolean; readonly hidden: boolean;
  /** Whether the next record has more of the same file. */
  readonly goesOn: boolean;
  readonly interleaved: boolean;
  readonly extent: { readonly block: number; readonly bytes: number };
  readonly createdMs: number; readonly accessedMs: number; readonly modifiedMs: number;
  /** What a symbolic link says, '/' first where it begins at the root. */
  readonly link: string | undefined;
  /** A directory that is listed elsewhere. */
  readonly isMoved: boolean;
}

/** How names are written: `skip` is what comes before Rock Ridge's fields. */
export type Naming = { readonly kind: 'plain' | 'joliet' } | { readonly kind: 'rock-ridge'; readonly skip: number };
interface SystemUse { name?: string; link?: string; moved?: boolean; child?: number; times: Partial<Record<'createdMs' | 'accessedMs' | 'modifiedMs', number>> }

/** Without . and .. */
export async function readRecords(directory: Buffer, blockBytes: number, naming: Naming, read: ReadBlocks): Promise<IsoRecord[]> {
  const found: IsoRecord[] = [];
  let reads = 0;
  const readOn: ReadBlocks = (offset, length) => {
    if (++reads > MAX_READS) throw volumeDamaged(say`a directory record has no end`);
    return read(offset, length);
  };
  for (let at = 0; at + FIXED < directory.length;) {
    const length = directory[at]!, record = directory.subarray(at, at + length);
    if (length === 0) { at = (Math.floor(at / blockBytes) + 1) * blockBytes; continue; }
    at += length;
    if (record.length < FIXED + 1 || FIXED + record[32]! > record.length) throw volumeDamaged(say`a directory record is too short`);
    if (record[32] === 1 && record[33]! <= 1) continue;
    found.push(await recordOf(record, naming, readOn, blockBytes));
  }
  return found;
}

async function recordOf(record: Buffer, naming: Naming, read: ReadBlocks, blockBytes: number): Promise<IsoRecord> {
  const flags = record[25]!, nameBytes = record.subarray(FIXED, FIXED + record[32]!), recordedMs = shortTime(record, 18);
  const use = naming.kind === 'rock-ridge' ? await systemUse(areaOf(record, naming.skip), read, blockBytes) : { times: {} } as SystemUse;
  const at = { block: record.readUInt32LE(2) + record[1]!, bytes: record.readUInt32LE(10) }, isChild = use.child !== undefined;
  return {
    name: use.name ?? plainName(nameBytes, naming.kind === 'joliet'), directory: isChild || (flags & DIRECTORY) !== 0, hidden: (flags & HIDDEN) !== 0, goesOn: (flags & MULTI_EXTENT) !== 0,
    interleaved: record[26] !== 0, extent: isChild ? await relocated(use.child!, read, blockBytes) : at,
    createdMs: recordedMs, accessedMs: recordedMs, modifiedMs: recordedMs, ...use.times, link: use.link, isMoved: use.moved ?? false,
  };
}

/** Where a directory that lies elsewhere says that it is: its own first record. */
async function relocated(block: number, read: ReadBlocks, blockBytes: number) {
  const self = await read(block * blockBytes, FIXED + 1);
  return { block: self.readUInt32LE(2) + self[1]!, bytes: self.readUInt32LE(10) };
}

/** Without its version, and without a dot that ends it. */
function plainName(bytes: Buffer, isUcs2: boolean): string {
  const text = isUcs2 ? Buffer.from(bytes.subarray(0, bytes.length & ~1)).swap16().toString('utf16le') : bytes.toString('latin1');
  return text.replace(/;\d*$/, '').replace(/\.$/, '');
}

/** Behind the name, which is padded to an odd length. */
function areaOf(record: Buffer, skip: number): Buffer {
  const names = record[32]!;
  return record.subarray(FIXED + names + (names % 2 === 0 ? 1 : 0) + skip);
}

/** How many bytes come before the fields, when a root's first record says that there are fields. */
export function fieldsBegin(root: Buffer): number | undefined {
  const record = root.subarray(0, root[0]), area = record.length < FIXED + 1 ? Buffer.alloc(0) : areaOf(record, 0);
  for (const at of [0, 15]) if (area.length >= at + 7 && area.toString('latin1', at, at + 2) === 'SP' && area[at + 4] === 0xbe && area[at + 5] === 0xef) return area[at + 6]!;
  return undefined;
}

async function systemUse(first: Buffer, read: ReadBlocks, blockBytes: number): Promise<SystemUse> {
  const use: SystemUse = { times: {} }, parts = { name: [] as Buffer[], link: [] as string[], isOpen: false };
  for (let area: Buffer | undefined = first, n = 0; area !== undefined; n++) {
    if (n > MAX_CONTINUATIONS) throw volumeDamaged(say`a directory record has no end`);
    let next: Buffer | undefined;
    for (let at = 0; at + 4 <= area.length;) {
      const signature = area.toString('latin1', at, at + 2), length = area[at + 2]!, field = area.subarray(at, at + length);
      if (length < 4 || field.length < length || signature === 'ST') break;
      if (signature === 'CE' && length >= 28) next = await read(field.readUInt32LE(4) * blockBytes + field.readUInt32LE(12), Math.min(field.readUInt32LE(20), blockBytes));
      else takeField(signature, field, use, parts);
      at += length;
    }
    area = next;
  }
  if (parts.name.length > 0) use.name = Buffer.concat(parts.name).toString('utf8');
  if (parts.link.length > 0) use.link = parts.link.join('/').replace(/^\/\//, '/');
  return use;
}

function takeField(signature: string, field: Buffer, use: SystemUse, parts: { readonly name: Buffer[]; readonly link: string[]; isOpen: boolean }) {
  // The flags of NM for . and .. are those of directories that are left out.
  if (signature === 'NM' && field.length >= 5) parts.name.push(field.subarray(5));
  else if (signature === 'SL' && field.length >= 5) linkParts(field.subarray(5), parts);
  else if (signature === 'RE') use.moved = true;
  else if (signature === 'CL' && field.length >= 12) use.child = field.readUInt32LE(4);
  else if (signature === 'TF' && field.length >= 5) takeTimes(field, use);
}

function linkParts(components: Buffer, parts: { readonly link: string[]; isOpen: boolean }) {
  for (let at = 0; at + 2 <= components.length; at += 2 + components[at + 1]!) {
    const flags = components[at]!, text = (flags & LINK.root) !== 0 ? '/' : (flags & LINK.parent) !== 0 ? '..' : (flags & LINK.current) !== 0 ? '.' : components.toString('utf8', at + 2, at + 2 + components[at + 1]!);
    if (parts.isOpen) parts.link.push(`${parts.link.pop() ?? ''}${text}`);
    else parts.link.push(text);
    parts.isOpen = (flags & CONTINUES) !== 0;
  }
}

function takeTimes(field: Buffer, use: SystemUse) {
  const flags = field[4]!, isLong = (flags & TIME.long) !== 0, size = isLong ? 17 : 7;
  let at = 5;
  for (const [bit, name] of [[TIME.created, 'createdMs'], [TIME.modified, 'modifiedMs'], [TIME.accessed, 'accessedMs']] as const) {
    if ((flags & bit) === 0) continue;
    if (at + size > field.length) return;
    use.times[name] = isLong ? longTime(field, at) : shortTime(field, at);
    at += size;
  }
}

/** ECMA-119, 9.1.5; the last byte is the time zone in quarters of an hour. */
const shortTime = (bytes: Buffer, at: number): number => (bytes[at + 1] === 0 ? 0
  : Date.UTC(1900 + bytes[at]!, bytes[at + 1]! - 1, bytes[at + 2], bytes[at + 3], bytes[at + 4], bytes[at + 5]) - bytes.readInt8(at + 6) * 900_000);

/** ECMA-119, 8.4.26.1: digits. */
function longTime(bytes: Buffer, at: number): number {
  const [, year, month, day, hour, minute, second, hundredths] = (/^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)$/.exec(bytes.toString('latin1', at, at + 16)) ?? []).map(Number);
  return year === undefined || year === 0 ? 0 : Date.UTC(year, month! - 1, day, hour, minute, second, hundredths! * 10) - bytes.readInt8(at + 16) * 900_000;
}
