/**
 * Hosted sparse extents of VMDK (Virtual Disk Format 5.0, "Hosted Sparse Extents", "Stream-Optimized Compressed Sparse
 * Extents"): grains, found by a grain directory and its tables, of which there may be a second copy. A stream-optimized one
 * is only read. Grains that are discarded keep their place. Offsets in the tables are in sectors.
 */
import { promisify } from 'node:util';
import { inflate } from 'node:zlib';
import type { Extent } from '../block-backend.ts';
import { damaged, unsupported, writeRefused } from '../image-errors.ts';
import type { ImageFile } from '../image-file.ts';
import { KeyedMutex, Mutex } from '../mutex.ts';
import { TableCache } from '../table-cache.ts';
import { SECTOR } from './descriptor.ts';
import { say } from '../../../shared/base/phrase.ts';

const decompress = promisify(inflate);
export const MAGIC = 0x564d444b, GD_AT_END = 0xffff_ffff_ffff_ffffn;
export const FLAG = { newLines: 1, redundant: 2, zeroGrains: 4, compressed: 0x1_0000, markers: 0x2_0000 } as const;
export const TABLE_ENTRIES = 512;
const TABLE_BYTES = TABLE_ENTRIES * 4, ZERO_GRAIN = 1, CACHED_TABLES = 1024, MAX_DIRECTORY = 0x100_0000, MAX_GRAIN = 0x100_0000;

export interface SparseHeader {
  readonly flags: number; readonly capacityBytes: number; readonly grainBytes: number;
  readonly directory: number; readonly redundantDirectory: number; readonly descriptor: { readonly offset: number; readonly bytes: number };
}

export async function readSparseHeader(file: ImageFile): Promise<SparseHeader> {
  const first = Buffer.alloc(SECTOR);
  await file.readPadded(0, first);
  const isAtEnd = first.readBigUInt64LE(56) === GD_AT_END;
  const raw = isAtEnd ? await file.bytes(Math.max(0, file.sizeBytes - 2 * SECTOR), SECTOR) : first;
  if (raw.readUInt32LE(0) !== MAGIC) throw damaged(file.path, isAtEnd ? say`its footer is missing` : say`it is no sparse extent`);
  const version = raw.readUInt32LE(4), sectors = (at: number) => Number(raw.readBigUInt64LE(at)) * SECTOR, flags = raw.readUInt32LE(8);
  if (version < 1 || version > 3) throw unsupported(file.path, say`it is of VMDK version ${version}`);
  if ((flags & FLAG.compressed) !== 0 && raw.readUInt16LE(77) !== 1) throw unsupported(file.path, say`it is compressed in a way that is not known`);
  const header = {
    flags, capacityBytes: sectors(12), grainBytes: sectors(20), directory: sectors(56), redundantDirectory: (flags & FLAG.redundant) !== 0 ? sectors(48) : 0,
    descriptor: { offset: Number(first.readBigUInt64LE(28)) * SECTOR, bytes: Number(first.readBigUInt64LE(36)) * SECTOR },
  };
  checkHeader(file, header, raw.readUInt32LE(44));
  return header;
}

function checkHeader(file: ImageFile, header: SparseHeader, tableEntries: number) {
  const { capacityBytes, grainBytes, directory, redundantDirectory } = header;
  if (tableEntries !== TABLE_ENTRIES) throw damaged(file.path, say`its grain tables are said to have ${tableEntries} entries`);
  if (grainBytes < 8 * SECTOR || grainBytes > MAX_GRAIN || !Number.isInteger(Math.log2(grainBytes))) throw damaged(file.path, say`its grains are said to have ${grainBytes} bytes`);
  if (capacityBytes === 0 || !Number.isSafeInteger(capacityBytes)) throw damaged(file.path, say`it is said to have ${capacityBytes} bytes`);
  const bytes = directoryEntries(header) * 4;
  if (bytes > MAX_DIRECTORY) throw damaged(file.path, say`its grain directory is said to have ${bytes} bytes`);
  for (const offset of [directory, redundantDirectory]) if (offset + bytes > file.sizeBytes) throw damaged(file.path, say`its grain directory does not lie within the file`);
}

export const directoryEntries = ({ capacityBytes, grainBytes }: { capacityBytes: number; grainBytes: number }): number => Math.ceil(capacityBytes / (grainBytes * TABLE_ENTRIES));

export class SparseExtent {
  readonly header: SparseHeader;
  private readonly file: ImageFile;
  private readonly directory: Uint32Array;
  private readonly redundant: Uint32Array | undefined;
  private readonly tables: TableCache;
  private readonly metadata = new Mutex();
  private readonly grains = new KeyedMutex();
  private end: number;
  private recent: { offset: number; bytes: Promise<Buffer> } | undefined;

  private constructor(file: ImageFile, header: SparseHeader, directory: Uint32Array, redundant: Uint32Array | undefined) {
    this.file = file;
    this.header = header;
    this.directory = directory;
    this.redundant = redundant;
    this.end = Math.ceil(file.sizeBytes / header.grainBytes) * header.grainBytes;
    this.tables = new TableCache(CACHED_TABLES, offset => file.bytes(offset, TABLE_BYTES));
  }

  static async over(file: ImageFile): Promise<SparseExtent> {
    const header = await readSparseHeader(file), entries = directoryEntries(header);
    const load = async (offset: number) => {
      const bytes = await file.bytes(offset, entries * 4);
      return Uint32Array.from({ length: entries }, (_, n) => bytes.readUInt32LE(n * 4));
    };
    return new SparseExtent(file, header, await load(header.directory), header.redundantDirectory === 0 ? undefined : await load(header.redundantDirectory));
  }

  get isStream(): boolean { return (this.header.flags & FLAG.compressed) !== 0; }
  get sizeBytes(): number { return this.header.capacityBytes; }
  private get isWritable() { return !this.file.readOnly && !this.isStream; }

  /** Where a grain lies; 0 when it reads as zeroes. */
  private async lookup(grain: number): Promise<number> {
    const table = this.directory[Math.floor(grain / TABLE_ENTRIES)] ?? 0;
    if (table === 0) return 0;
    const sector = (await this.tables.get(table * SECTOR)).bytes.readUInt32LE(grain % TABLE_ENTRIES * 4);
    return sector === ZERO_GRAIN ? 0 : sector * SECTOR;
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    await Promise.all(this.split(offset, into, async (grain, at, part) => {
      const place = await this.lookup(grain);
      if (place === 0) part.fill(0);
      else if (this.isStream) part.set((await this.grainAt(place)).subarray(at, at + part.length));
      else if (place + at + part.length > Math.max(this.end, this.file.sizeBytes)) throw damaged(this.file.path, say`a grain does not lie within the file`);
      else await this.file.readPadded(place + at, part);
    }));
  }

  private split(offset: number, bytes: Uint8Array, act: (grain: number, at: number, part: Uint8Array) => Promise<void>): Promise<void>[] {
    const { grainBytes } = this.header, under: Promise<void>[] = [];
    for (let done = 0; done < bytes.length;) {
      const at = (offset + done) % grainBytes, length = Math.min(grainBytes - at, bytes.length - done);
      under.push(act(Math.floor((offset + done) / grainBytes), at, bytes.subarray(done, done + length)));
      done += length;
    }
    return under;
  }

  private grainAt(offset: number): Promise<Buffer> {
    if (this.recent?.offset !== offset) this.recent = { offset, bytes: this.unpack(offset) };
    return this.recent.bytes;
  }

  /** A grain marker: its sector, the bytes that follow, and these. */
  private async unpack(offset: number): Promise<Buffer> {
    const marker = await this.file.bytes(offset, 12), length = marker.readUInt32LE(8), { grainBytes } = this.header;
    if (length > 2 * grainBytes) throw damaged(this.file.path, say`a compressed grain is said to have ${length} bytes`);
    const bytes = await decompress(await this.file.bytes(offset + 12, length), { maxOutputLength: grainBytes }).catch(() => { throw damaged(this.file.path, say`a grain cannot be decompressed`); });
    return bytes.length === grainBytes ? bytes : Buffer.concat([bytes, Buffer.alloc(grainBytes - bytes.length)]);
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    if (!this.isWritable) throw writeRefused(this.file.path);
    await Promise.all(this.split(offset, bytes, (grain, at, part) => this.grains.run(grain, () => this.writeGrain(grain, at, part))));
  }

  private async writeGrain(grain: number, at: number, part: Uint8Array): Promise<void> {
    const place = await this.lookup(grain);
    if (place !== 0 && (place < this.header.descriptor.offset + this.header.descriptor.bytes || place + at + part.length > this.end)) throw damaged(this.file.path, say`a grain does not lie within the file`);
    if (place !== 0) return this.file.write(place + at, part);
    const fresh = await this.metadata.run(() => { const offset = this.end; this.end += this.header.grainBytes; return Promise.resolve(offset); });
    await this.file.write(fresh + at, part);
    await this.metadata.run(() => this.map(grain, fresh));
  }

  private async map(grain: number, offset: number): Promise<void> {
    const index = Math.floor(grain / TABLE_ENTRIES);
    if (this.directory[index] === 0) throw damaged(this.file.path, say`it lacks a grain table`);
    for (const sector of [this.directory[index]!, this.redundant?.[index] ?? 0]) if (sector !== 0) await this.put(sector * SECTOR, grain % TABLE_ENTRIES, offset / SECTOR);
    if (this.tables.isFullOfChanges) await this.commit();
  }

  private async put(tableOffset: number, n: number, sector: number) {
    const table = await this.tables.get(tableOffset);
    table.bytes.writeUInt32LE(sector, n * 4);
    this.tables.touch(table);
  }

  /** Grains are in the file, and the file is as long as they need, before a table names them. */
  private async commit(): Promise<void> {
    if (!this.tables.hasChanges) return;
    await this.file.extend(this.end);
    await this.file.sync();
    await this.tables.writeBack(table => this.file.write(table.offset, table.bytes));
  }

  async flush(): Promise<void> {
    if (!this.isWritable) return;
    await this.metadata.run(() => this.commit());
    await this.file.sync();
  }

  async extentAt(offset: number): Promise<Extent> {
    const { grainBytes, capacityBytes } = this.header, grain = Math.floor(offset / grainBytes), index = Math.floor(grain / TABLE_ENTRIES);
    const end = this.directory[index] === 0 ? (index + 1) * TABLE_ENTRIES * grainBytes : (grain + 1) * grainBytes;
    return { zero: await this.lookup(grain) === 0, length: Math.min(end, capacityBytes) - offset };
  }

  allocatedBytes(): Promise<number> { return this.file.allocatedBytes(); }

  async close(): Promise<void> {
    try { await this.flush(); } finally { await this.file.close(); }
  }

  /** Grains that lie outside the file or that two places share, and tables that differ from their copies. */
  async *problems(): AsyncIterable<string> {
    const seen = new Set<number>();
    for (const [index, sector] of this.directory.entries()) {
      if (sector === 0) continue;
      const table = await this.tableOrProblem(sector), copy = this.redundant === undefined ? undefined : await this.tableOrProblem(this.redundant[index]!);
      if (table === undefined) { yield `grain table ${index} does not lie within the file`; continue; }
      if (this.redundant !== undefined && copy?.equals(table) !== true) yield `grain table ${index} differs from its copy`;
      for (let n = 0; n < TABLE_ENTRIES; n++) {
        const grain = table.readUInt32LE(n * 4);
        if (grain <= ZERO_GRAIN) continue;
        if (grain * SECTOR >= this.file.sizeBytes) yield `grain ${index * TABLE_ENTRIES + n} does not lie within the file`;
        else if (seen.has(grain)) yield `grain ${index * TABLE_ENTRIES + n} shares its place with another`;
        seen.add(grain);
      }
    }
  }

  private async tableOrProblem(sector: number): Promise<Buffer | undefined> {
    return sector * SECTOR + TABLE_BYTES > this.file.sizeBytes ? undefined : this.file.bytes(sector * SECTOR, TABLE_BYTES);
  }
}
