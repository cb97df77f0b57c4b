/**
 * Refcounts of an image's clusters: a table of blocks (qcow2.txt, "Host cluster management"), and the allocator that
 * follows from them. Everything here is called by one at a time; nothing is written before `writeBack`.
 */
import { EngineError } from '../../../shared/base/errors.ts';
import { say } from '../../../shared/base/phrase.ts';
import { damaged } from '../image-errors.ts';
import type { ImageFile } from '../image-file.ts';
import { TableCache } from '../table-cache.ts';
import { AT, be64, roundUp, writeBe64, type Qcow2Header, type TablePlace } from './header.ts';

type RefcountHeader = Pick<Qcow2Header, 'clusterBits' | 'refcountOrder' | 'refcountTable'>;

const CACHE_BYTES = 0x40_0000, MIN_TABLES = 8;
const MAX_TABLE_BYTES = 0x80_0000;

export class Refcounts {
  /** The end of the last cluster that was ever in use: what lies beyond reads as zeroes. */
  endBytes: number;
  /** No cluster below is allocated. */
  floor = 0;
  private readonly file: ImageFile;
  private readonly clusterBytes: number;
  private readonly bits: number;
  private readonly blocks: TableCache;
  private readonly place: { offset: number; bytes: number; moved: boolean };
  /** Offsets of blocks. */
  private table: Float64Array;
  private readonly changedEntries = new Set<number>();
  private hint = 0;

  private constructor(file: ImageFile, header: RefcountHeader, table: Float64Array) {
    this.file = file;
    this.clusterBytes = 2 ** header.clusterBits;
    this.bits = 2 ** header.refcountOrder;
    this.place = { ...header.refcountTable, moved: false };
    this.table = table;
    this.endBytes = roundUp(file.sizeBytes, this.clusterBytes);
    this.blocks = new TableCache(Math.max(MIN_TABLES, CACHE_BYTES / this.clusterBytes), offset => this.file.bytes(offset, this.clusterBytes));
  }

  /** A table's bad entries count as absent when `repair` is on. */
  static async load(file: ImageFile, header: RefcountHeader, repair = false): Promise<Refcounts> {
    const raw = Buffer.alloc(header.refcountTable.bytes);
    await file.readPadded(header.refcountTable.offset, raw);
    const table = new Float64Array(raw.length / 8), clusterBytes = 2 ** header.clusterBits;
    for (let n = 0; n < table.length; n++) {
      const offset = be64(raw, n * 8);
      if (offset === 0 || (offset % clusterBytes === 0 && offset + clusterBytes <= file.sizeBytes)) table[n] = offset;
      else if (!repair) throw damaged(file.path, say`a block of its refcounts does not lie within the file`);
    }
    const refcounts = new Refcounts(file, header, table);
    if (repair) table.forEach((offset, n) => { if (offset !== be64(raw, n * 8)) refcounts.changedEntries.add(n); });
    return refcounts;
  }

  get isFullOfChanges(): boolean { return this.blocks.isFullOfChanges; }
  get hasChanges(): boolean { return this.blocks.hasChanges || this.changedEntries.size > 0; }
  get tablePlace(): TablePlace { return this.place; }
  get blockOffsets(): readonly number[] { return [...this.table].filter(offset => offset !== 0); }
  get maxCount(): number { return this.bits >= 53 ? Number.MAX_SAFE_INTEGER : 2 ** this.bits - 1; }
  /** Clusters that the blocks there are can count. */
  get capacity(): number { return this.table.length * this.perBlock; }
  get clustersPerBlock(): number { return this.perBlock; }

  private get perBlock(): number { return this.clusterBytes * 8 / this.bits; }
  private rangeOf(cluster: number): number { return Math.floor(cluster / this.perBlock); }

  hasBlockFor(cluster: number): boolean { return (this.table[this.rangeOf(cluster)] ?? 0) !== 0; }

  private async block(range: number) {
    const offset = this.table[range] ?? 0;
    return offset === 0 ? undefined : this.blocks.get(offset);
  }

  async get(cluster: number): Promise<number> {
    const block = await this.block(this.rangeOf(cluster));
    return block === undefined ? 0 : this.read(block.bytes, cluster % this.perBlock);
  }

  async set(cluster: number, count: number): Promise<void> {
    if (count > this.maxCount) throw new EngineError('disk.refcount', say`The disk image ${this.file.path} cannot count more than ${this.maxCount} uses of a cluster.`);
    await this.addBlock(this.rangeOf(cluster));
    const block = (await this.block(this.rangeOf(cluster)))!;
    this.put(block.bytes, cluster % this.perBlock, count);
    this.blocks.touch(block);
    if (count === 0) this.hint = Math.min(this.hint, cluster);
    else this.endBytes = Math.max(this.endBytes, (cluster + 1) * this.clusterBytes);
  }

  async change(cluster: number, by: 1 | -1): Promise<void> {
    const count = await this.get(cluster) + by;
    if (count < 0) throw damaged(this.file.path, say`a cluster that is in use counts as free`);
    await this.set(cluster, count);
  }

  /** The offset of so many clusters in a row, each now used once. */
  async allocate(clusters = 1): Promise<number> {
    for (;;) {
      const first = await this.freeRun(clusters);
      let range = this.rangeOf(first);
      const last = this.rangeOf(first + clusters - 1);
      while (range <= last && (this.table[range] ?? 0) !== 0) range++;
      if (range <= last) {
        await (range < this.table.length ? this.addBlock(range, Math.max(first, range * this.perBlock)) : this.growTable(range));
        continue;
      }
      for (let n = 0; n < clusters; n++) await this.set(first + n, 1);
      if (clusters === 1) this.hint = first + 1;
      return first * this.clusterBytes;
    }
  }

  private async freeRun(clusters: number): Promise<number> {
    let first = Math.max(this.hint, this.floor);
    for (let at = first; ;) {
      const block = await this.block(this.rangeOf(at)), end = (this.rangeOf(at) + 1) * this.perBlock;
      for (; at < end; at++) {
        if (block !== undefined && this.read(block.bytes, at % this.perBlock) !== 0) first = at + 1;
        else if (at + 1 - first === clusters) return first;
      }
    }
  }

  /** A block that counts itself, when a free cluster of its own range is given. */
  private async addBlock(range: number, own?: number): Promise<void> {
    if (range >= this.table.length) await this.growTable(range);
    if (this.table[range] !== 0) return;
    const offset = own === undefined ? await this.allocate() : own * this.clusterBytes;
    // The allocator may have needed the same block.
    if (this.table[range] !== 0) return this.set(offset / this.clusterBytes, 0);
    this.table[range] = offset;
    this.changedEntries.add(range);
    this.blocks.add(offset, Buffer.alloc(this.clusterBytes));
    if (own !== undefined) await this.set(own, 1);
  }

  private async growTable(range: number): Promise<void> {
    const old = { ...this.place }, bytes = roundUp(Math.ceil((range + 2) * 1.5) * 8, this.clusterBytes);
    if (bytes > MAX_TABLE_BYTES) throw new EngineError('disk.full', say`The disk image ${this.file.path} cannot become larger: its refcount table has its greatest size.`);
    const table = new Float64Array(bytes / 8);
    table.set(this.table);
    this.table = table;
    const offset = await this.allocate(bytes / this.clusterBytes);
    Object.assign(this.place, { offset, bytes, moved: true });
    for (let at = 0; at < old.bytes; at += this.clusterBytes) this.outgrown.push((old.offset + at) / this.clusterBytes);
  }

  /** Clusters of tables that have moved; free once the table is written. */
  readonly outgrown: number[] = [];

  /** After this, whatever is counted in memory is counted in the file. `barrier` makes what is written so far durable. */
  async writeBack(barrier: () => Promise<void>): Promise<void> {
    if (!this.hasChanges) return;
    await this.blocks.writeBack(block => this.file.write(block.offset, block.bytes));
    await barrier();
    if (this.changedEntries.size === 0) return;
    await (this.place.moved ? this.writeMovedTable(barrier) : this.writeEntries());
    await barrier();
    this.changedEntries.clear();
  }

  private async writeEntries() {
    for (const range of this.changedEntries) {
      const entry = Buffer.alloc(8);
      writeBe64(entry, 0, this.table[range]!);
      await this.file.write(this.place.offset + range * 8, entry);
    }
  }

  private async writeMovedTable(barrier: () => Promise<void>) {
    const bytes = Buffer.alloc(this.place.bytes), pointer = Buffer.alloc(12);
    this.table.forEach((offset, n) => writeBe64(bytes, n * 8, offset));
    await this.file.write(this.place.offset, bytes);
    await barrier();
    writeBe64(pointer, 0, this.place.offset);
    pointer.writeUInt32BE(this.place.bytes / this.clusterBytes, 8);
    await this.file.write(AT.refcountTable, pointer);
    this.place.moved = false;
  }

  /** Entries of less than a byte begin at the least significant bit. */
  private read(block: Buffer, n: number): number {
    switch (this.bits) {
      case 64: return be64(block, n * 8);
      case 32: return block.readUInt32BE(n * 4);
      case 16: return block.readUInt16BE(n * 2);
      default: return block[Math.floor(n * this.bits / 8)]! >> (n * this.bits % 8) & (2 ** this.bits - 1);
    }
  }

  private put(block: Buffer, n: number, count: number) {
    if (this.bits === 64) { writeBe64(block, n * 8, count); return; }
    if (this.bits === 32) { block.writeUInt32BE(count, n * 4); return; }
    if (this.bits === 16) { block.writeUInt16BE(count, n * 2); return; }
    const at = Math.floor(n * this.bits / 8), shift = n * this.bits % 8, mask = (2 ** this.bits - 1) << shift;
    block[at] = (block[at]! & ~mask) | count << shift;
  }
}
