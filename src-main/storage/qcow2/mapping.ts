/** L1 and L2 tables (qcow2.txt, "Cluster mapping"): where each cluster of the disk lies. L2 tables are loaded when needed. */
import { damaged } from '../image-errors.ts';
import type { ImageFile } from '../image-file.ts';
import { TableCache } from '../table-cache.ts';
import { writeBe64, type TablePlace } from './header.ts';
import { say } from '../../../shared/base/phrase.ts';

const COPIED = 0x8000_0000, COMPRESSED = 0x4000_0000, OFFSET_HIGH = 0x00ff_ffff;
const CACHE_BYTES = 0x80_0000, MIN_TABLES = 8;

/** `offset` is in the file. A compressed cluster has `length` bytes at most. */
export type Mapping =
  | { readonly kind: 'unallocated' }
  | { readonly kind: 'zero'; readonly offset: number | undefined }
  | { readonly kind: 'data'; readonly offset: number; readonly exclusive: boolean }
  | { readonly kind: 'compressed'; readonly offset: number; readonly length: number };

const UNALLOCATED: Mapping = { kind: 'unallocated' };

/** An entry as it is in a table. */
export function entryOf(mapping: Mapping, clusterBits: number): Buffer {
  const entry = Buffer.alloc(8);
  switch (mapping.kind) {
    case 'unallocated': break;
    case 'zero': writeBe64(entry, 0, (mapping.offset ?? 0) + 1); break;
    case 'data': writeBe64(entry, 0, mapping.offset); if (mapping.exclusive) entry[0]! |= 0x80; break;
    case 'compressed': {
      const sectors = Math.floor((mapping.offset + mapping.length - 1) / 512) - Math.floor(mapping.offset / 512);
      entry.writeBigUInt64BE(1n << 62n | BigInt(sectors) << BigInt(70 - clusterBits) | BigInt(mapping.offset));
      break;
    }
    default: mapping satisfies never;
  }
  return entry;
}

export class ClusterMap {
  readonly clusterBytes: number;
  private readonly file: ImageFile;
  private readonly clusterBits: number;
  private readonly hasZeroFlag: boolean;
  private l1: Buffer;
  private l1Offset: number;
  private readonly l2: TableCache;
  private readonly changedL1 = new Set<number>();

  private constructor(file: ImageFile, header: { clusterBits: number; version: 2 | 3 }, l1Offset: number, l1: Buffer) {
    this.file = file;
    this.clusterBits = header.clusterBits;
    this.clusterBytes = 2 ** header.clusterBits;
    this.hasZeroFlag = header.version === 3;
    this.l1 = l1;
    this.l1Offset = l1Offset;
    this.l2 = new TableCache(Math.max(MIN_TABLES, CACHE_BYTES / this.clusterBytes), offset => file.bytes(offset, this.clusterBytes));
  }

  static async load(file: ImageFile, header: { clusterBits: number; version: 2 | 3 }, place: TablePlace): Promise<ClusterMap> {
    const l1 = Buffer.alloc(place.bytes);
    await file.readPadded(place.offset, l1);
    return new ClusterMap(file, header, place.offset, l1);
  }

  get place(): TablePlace { return { offset: this.l1Offset, bytes: this.l1.length }; }
  get entriesPerTable(): number { return this.clusterBytes / 8; }
  get tableCount(): number { return this.l1.length / 8; }
  get hasChanges(): boolean { return this.l2.hasChanges || this.changedL1.size > 0; }
  get isFullOfChanges(): boolean { return this.l2.isFullOfChanges; }

  /** Where an L2 table lies, and whether nothing else uses it. */
  tableAt(index: number): { readonly offset: number; readonly exclusive: boolean } | undefined {
    const high = this.l1.readUInt32BE(index * 8), low = this.l1.readUInt32BE(index * 8 + 4);
    const offset = ((high & OFFSET_HIGH) * 0x1_0000_0000 + low) - low % 512;
    if (offset === 0) return undefined;
    if (offset % this.clusterBytes !== 0) throw damaged(this.file.path, say`one of its L2 tables does not lie where a cluster can`);
    return { offset, exclusive: high >= COPIED };
  }

  async lookup(cluster: number): Promise<Mapping> {
    const table = this.tableAt(Math.floor(cluster / this.entriesPerTable));
    if (table === undefined) return UNALLOCATED;
    const { bytes } = await this.l2.get(table.offset);
    return this.decode(bytes, cluster % this.entriesPerTable);
  }

  decode(table: Buffer, index: number): Mapping {
    const high = table.readUInt32BE(index * 8), low = table.readUInt32BE(index * 8 + 4);
    if ((high & COMPRESSED) !== 0) return this.decodeCompressed(table.readBigUInt64BE(index * 8));
    const offset = ((high & OFFSET_HIGH) * 0x1_0000_0000 + low) - low % 512, exclusive = high >= COPIED;
    if (offset % this.clusterBytes !== 0) throw damaged(this.file.path, say`a cluster of it does not lie where a cluster can`);
    if (this.hasZeroFlag && (low & 1) !== 0) return { kind: 'zero', offset: offset === 0 ? undefined : offset };
    return offset === 0 ? UNALLOCATED : { kind: 'data', offset, exclusive };
  }

  private decodeCompressed(entry: bigint): Mapping {
    const offsetBits = BigInt(70 - this.clusterBits), sectors = Number(entry >> offsetBits & (1n << BigInt(this.clusterBits - 8)) - 1n) + 1;
    const offset = Number(entry & (1n << offsetBits) - 1n);
    return { kind: 'compressed', offset, length: sectors * 512 - offset % 512 };
  }

  /** The L2 table of a cluster must be there, and be this map's alone. */
  async put(cluster: number, mapping: Mapping): Promise<void> {
    const table = await this.l2.get(this.tableAt(Math.floor(cluster / this.entriesPerTable))!.offset);
    entryOf(mapping, this.clusterBits).copy(table.bytes, cluster % this.entriesPerTable * 8);
    this.l2.touch(table);
  }

  /** Gives a range of clusters a new L2 table, with what is in the old one if there is one. */
  async putTable(index: number, offset: number): Promise<void> {
    const old = this.tableAt(index), bytes = Buffer.alloc(this.clusterBytes);
    if (old !== undefined) (await this.l2.get(old.offset)).bytes.copy(bytes);
    this.l2.add(offset, bytes);
    writeBe64(this.l1, index * 8, offset);
    this.l1[index * 8]! |= 0x80;
    this.changedL1.add(index);
  }

  /** An L2 table as it is, for checking. */
  async tableBytes(offset: number): Promise<Buffer> { return (await this.l2.get(offset)).bytes; }

  /** For repairs: says who owns an L2 table. */
  setExclusive(index: number, exclusive: boolean): void {
    this.l1[index * 8] = (this.l1[index * 8]! & 0x7f) | (exclusive ? 0x80 : 0);
    this.changedL1.add(index);
  }

  forgetTable(offset: number): void { this.l2.remove(offset); }

  async writeBack(barrier: () => Promise<void>): Promise<void> {
    if (this.l2.hasChanges) {
      await this.l2.writeBack(table => this.file.write(table.offset, table.bytes));
      if (this.changedL1.size > 0) await barrier();
    }
    for (const index of this.changedL1) await this.file.write(this.l1Offset + index * 8, this.l1.subarray(index * 8, index * 8 + 8));
    this.changedL1.clear();
  }

  /** A longer L1 table at a new place; the caller points the header to it. */
  async moveL1(offset: number, bytes: number): Promise<void> {
    const l1 = Buffer.alloc(bytes);
    this.l1.copy(l1);
    await this.file.write(offset, l1);
    this.l1 = l1;
    this.l1Offset = offset;
  }
}

/** Clusters of the file that a mapping uses; a compressed one shares them with others. */
export function clustersOf(mapping: Mapping, clusterBytes: number): number[] {
  if (mapping.kind === 'unallocated' || mapping.offset === undefined) return [];
  if (mapping.kind !== 'compressed') return [mapping.offset / clusterBytes];
  const first = Math.floor(mapping.offset / clusterBytes), last = Math.floor((mapping.offset + mapping.length - 1) / clusterBytes);
  return Array.from({ length: last - first + 1 }, (_, n) => first + n);
}
