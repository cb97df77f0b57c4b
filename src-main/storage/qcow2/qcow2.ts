/**
 * qcow2 images, versions 2 and 3 (QEMU, docs/interop/qcow2.txt), over a backing image if they have one.
 *
 * Data is written at once; what maps and counts it is kept in memory until a flush, or until there is much of it, and then
 * written so that the file is right at every moment: counts of new clusters, then L2 tables, then the L1 table, then counts of what
 * is no longer used. Under lazy refcounts counts are written when the image is closed. A cluster that a
 * snapshot shares is never written in place; one that became free is not used again while a request that may read it is under way.
 */
import { EngineError } from '../../../shared/base/errors.ts';
import { say, type Phrase } from '../../../shared/base/phrase.ts';
import type { DiskImage, Extent, ImageDetails } from '../block-backend.ts';
import { assertInside, damaged, unsupported, writeRefused } from '../image-errors.ts';
import type { ImageFile } from '../image-file.ts';
import { KeyedMutex, Mutex } from '../mutex.ts';
import { CompressedPlacer, CompressedReader, compress } from './compressed.ts';
import { AT, CORRUPT, DIRTY, l1BytesFor, LAZY_REFCOUNTS, writeBe64, type Qcow2Header } from './header.ts';
import { ClusterMap, clustersOf, type Mapping } from './mapping.ts';
import { Refcounts } from './refcounts.ts';

const MAX_FREED = 4096;
const ZEROES = Buffer.alloc(0x1_0000);

/** A part of a request within one cluster: `at` is where it begins there, `from` where in the request. */
interface Piece { readonly cluster: number; readonly at: number; readonly from: number; readonly length: number }
/** Neighbouring pieces that can be read or written in one go. */
interface Run extends Piece { readonly mapping: Mapping }
interface Freed { readonly cluster: number; readonly since: number }

export class Qcow2Image implements DiskImage {
  readonly format = 'qcow2';
  readonly path: string;
  readonly readOnly: boolean;
  readonly backing: DiskImage | undefined;
  readonly clusterBytes: number;
  readonly file: ImageFile;
  readonly header: Qcow2Header;
  readonly map: ClusterMap;
  readonly refcounts: Refcounts;
  private readonly compressed: CompressedReader;
  private readonly placer: CompressedPlacer;
  private readonly metadata = new Mutex();
  private readonly clusters = new KeyedMutex();
  private readonly requests = new Set<number>();
  private nextRequest = 0;
  private freed: Freed[] = [];
  private isBroken = false;
  private isDirty: boolean;
  private size: number;

  constructor(parts: { file: ImageFile; header: Qcow2Header; map: ClusterMap; refcounts: Refcounts; backing: DiskImage | undefined; sizeBytes: number }) {
    ({ file: this.file, header: this.header, map: this.map, refcounts: this.refcounts, backing: this.backing, sizeBytes: this.size } = parts);
    this.path = this.file.path;
    this.readOnly = this.file.readOnly;
    this.clusterBytes = this.map.clusterBytes;
    this.isDirty = (this.header.incompatible & DIRTY) !== 0n;
    this.placer = new CompressedPlacer(this.refcounts, this.clusterBytes);
    this.compressed = new CompressedReader(this.file, this.clusterBytes, this.header.compression);
  }

  /** The file is the image's from then on, unless this throws. A writer finds the refcounts right: see `check.ts` for those that are not. */
  static async over(file: ImageFile, header: Qcow2Header, options: { backing: DiskImage | undefined; snapshot?: string | undefined; repair?: boolean }): Promise<Qcow2Image> {
    const snapshot = options.snapshot === undefined ? undefined : header.snapshots.find(one => one.id === options.snapshot || one.name === options.snapshot);
    if (options.snapshot !== undefined && snapshot === undefined) throw new EngineError('disk.noSnapshot', say`The disk image ${file.path} has no snapshot "${options.snapshot}".`);
    const { sizeBytes, l1 } = snapshot ?? header;
    if (sizeBytes % 512 !== 0 || sizeBytes === 0 || l1.bytes < l1BytesFor(sizeBytes, header.clusterBits)) throw damaged(file.path, say`a snapshot's L1 table is too small for its size`);
    if (!file.readOnly && (header.incompatible & CORRUPT) !== 0n && options.repair !== true) throw unsupported(file.path, say`it is marked as corrupt; it can be read, or repaired`);
    const [map, refcounts] = [await ClusterMap.load(file, header, l1), await Refcounts.load(file, header, options.repair)];
    return new Qcow2Image({ file, header, map, refcounts, backing: options.backing, sizeBytes });
  }

  get sizeBytes(): number { return this.size; }
  private get isLazy() { return (this.header.compatible & LAZY_REFCOUNTS) !== 0n; }

  /** Features that we do not keep up to date are no longer what they were. */
  async prepareForWriting(): Promise<void> {
    if (this.header.autoclear !== 0n) await this.file.write(AT.autoclear, Buffer.alloc(8));
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    assertInside(this, offset, into.length);
    await this.request(async () => {
      const runs = await this.runsOf(offset, into.length);
      await Promise.all(runs.map(run => this.readRun(run, into.subarray(run.from, run.from + run.length))));
    });
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    this.checkWritable(offset, bytes.length);
    await this.request(async () => {
      const runs = await this.runsOf(offset, bytes.length);
      await Promise.all(runs.map(run => this.writeRun(run, bytes.subarray(run.from, run.from + run.length))));
    });
  }

  async flush(): Promise<void> {
    if (this.readOnly) return;
    await this.metadata.run(() => this.commit());
    await this.file.sync();
  }

  async zero(offset: number, length: number): Promise<void> {
    this.checkWritable(offset, length);
    await this.request(() => this.clear(offset, length, 'zero'));
  }

  async discard(offset: number, length: number): Promise<void> {
    this.checkWritable(offset, length);
    await this.request(() => this.clear(offset, length, 'discard'));
  }

  /** For how many bytes from some offset on it has not even a table. */
  absentFrom(offset: number): number {
    const tableBytes = this.map.entriesPerTable * this.clusterBytes, index = Math.floor(offset / tableBytes);
    return this.map.tableAt(index) === undefined ? Math.min(this.size, (index + 1) * tableBytes) - offset : 0;
  }

  /** What it has of its own from some offset on, and for how many bytes that is so. */
  async ownAt(offset: number): Promise<{ readonly kind: 'none' | 'zero' | 'data'; readonly length: number }> {
    const cluster = Math.floor(offset / this.clusterBytes), absent = this.absentFrom(offset), { kind } = await this.map.lookup(cluster);
    const length = absent > 0 ? absent : Math.min(this.size, (cluster + 1) * this.clusterBytes) - offset;
    return { kind: kind === 'unallocated' ? 'none' : kind === 'zero' ? 'zero' : 'data', length };
  }

  async extentAt(offset: number): Promise<Extent> {
    const { kind, length } = await this.ownAt(offset);
    if (kind !== 'none') return { zero: kind === 'zero', length };
    if (this.backing === undefined || offset >= this.backing.sizeBytes) return { zero: true, length };
    const below = await this.backing.extentAt(offset);
    return { zero: below.zero, length: Math.min(below.length, length) };
  }

  async details(): Promise<ImageDetails> {
    const { version, snapshots, backingFile, compression, incompatible } = this.header;
    return {
      allocatedBytes: await this.file.allocatedBytes(), clusterBytes: this.clusterBytes, variant: `version ${version}, ${compression}`, ...(backingFile !== undefined && { backingFile }),
      snapshots: snapshots.map(({ id, name, sizeBytes, dateMs, vmStateBytes }) => ({ id, name, sizeBytes, dateMs, vmStateBytes })),
      dirty: this.isDirty, corrupt: (incompatible & CORRUPT) !== 0n,
    };
  }

  async close(): Promise<void> {
    try {
      if (!this.readOnly && !this.isBroken) await this.metadata.run(() => this.settle());
    } finally {
      await this.file.close();
      await this.backing?.close();
    }
  }

  /** After a repair: no mark says any more that something is wrong. */
  async markClean(): Promise<void> {
    this.isDirty = this.header.version === 3;
    await this.metadata.run(() => this.settle());
  }

  private async settle() {
    await this.commit();
    await this.refcounts.writeBack(() => this.file.sync());
    if (!this.isDirty) return;
    await this.file.sync();
    await this.setDirty(false);
    await this.file.sync();
  }

  private checkWritable(offset: number, length: number) {
    assertInside(this, offset, length);
    if (this.readOnly) throw writeRefused(this.path);
    if (this.isBroken) throw damaged(this.path, say`it was found to be corrupt, so nothing is written to it any more`);
  }

  private async request(act: () => Promise<void>): Promise<void> {
    const id = this.nextRequest++;
    this.requests.add(id);
    try { await act(); } finally { this.requests.delete(id); }
  }

  private piecesOf(offset: number, length: number): Piece[] {
    const pieces: Piece[] = [];
    for (let from = 0; from < length;) {
      const at = (offset + from) % this.clusterBytes, part = Math.min(length - from, this.clusterBytes - at);
      pieces.push({ cluster: Math.floor((offset + from) / this.clusterBytes), at, from, length: part });
      from += part;
    }
    return pieces;
  }

  private async runsOf(offset: number, length: number): Promise<Run[]> {
    const runs: Run[] = [];
    for (const piece of this.piecesOf(offset, length)) {
      const mapping = await this.map.lookup(piece.cluster), last = runs.at(-1);
      if (last !== undefined && this.continues(last, mapping)) runs[runs.length - 1] = { ...last, length: last.length + piece.length };
      else runs.push({ ...piece, mapping });
    }
    return runs;
  }

  private continues({ mapping, at, length }: Run, next: Mapping): boolean {
    if (mapping.kind === 'data' && next.kind === 'data') return mapping.exclusive === next.exclusive && mapping.offset + at + length === next.offset;
    return mapping.kind === next.kind && (mapping.kind === 'unallocated' || mapping.kind === 'zero');
  }

  private async readRun({ cluster, at, mapping }: Run, into: Uint8Array): Promise<void> {
    switch (mapping.kind) {
      case 'data': return this.readData(mapping.offset + at, into);
      case 'zero': into.fill(0); return;
      case 'compressed': into.set((await this.compressed.read(mapping)).subarray(at, at + into.length)); return;
      case 'unallocated': return this.readBacking(cluster * this.clusterBytes + at, into);
      default: mapping satisfies never;
    }
  }

  /** The last cluster may end beyond the file. */
  private async readData(offset: number, into: Uint8Array) {
    if (offset >= Math.max(this.refcounts.endBytes, this.file.sizeBytes)) throw damaged(this.path, say`a cluster of it does not lie within the file`);
    await this.file.readPadded(offset, into);
  }

  private async readBacking(offset: number, into: Uint8Array) {
    const there = Math.max(0, Math.min(into.length, (this.backing?.sizeBytes ?? 0) - offset));
    into.fill(0, there);
    if (there > 0) await this.backing?.read(offset, into.subarray(0, there));
  }

  private async writeRun(run: Run, bytes: Uint8Array): Promise<void> {
    if (run.mapping.kind === 'data' && run.mapping.exclusive) return this.writeInPlace(run.mapping.offset + run.at, bytes);
    const pieces = this.piecesOf(run.cluster * this.clusterBytes + run.at, bytes.length);
    await Promise.all(pieces.map(piece => this.writeElsewhere(piece, bytes.subarray(piece.from, piece.from + piece.length))));
  }

  private async writeInPlace(offset: number, bytes: Uint8Array): Promise<void> {
    const { refcounts: { tablePlace }, map: { place }, header: { snapshotTable } } = this;
    const hits = [{ offset: 0, bytes: this.clusterBytes }, tablePlace, place, snapshotTable].some(area => offset < area.offset + area.bytes && area.offset < offset + bytes.length);
    if (hits || offset >= this.refcounts.endBytes) await this.markCorrupt(say`a cluster of it lies where its tables are, or outside the file`);
    await this.file.write(offset, bytes);
  }

  private async markCorrupt(what: Phrase): Promise<never> {
    this.isBroken = true;
    if (this.header.version === 3) await this.writeFeatures(this.header.incompatible | CORRUPT);
    throw damaged(this.path, what);
  }

  private async writeFeatures(incompatible: bigint) {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(incompatible);
    await this.file.write(AT.incompatible, bytes);
  }

  /** Into a new cluster, around it what was there before. */
  private writeElsewhere(piece: Piece, bytes: Uint8Array): Promise<void> {
    return this.clusters.run(piece.cluster, async () => {
      const old = await this.map.lookup(piece.cluster);
      if (old.kind === 'data' && old.exclusive) return this.writeInPlace(old.offset + piece.at, bytes);
      const { offset, isFresh } = await this.metadata.run(() => this.newCluster());
      try {
        await this.fill(offset, piece, old, bytes, isFresh);
      } catch (error) {
        await this.metadata.run(() => this.refcounts.change(offset / this.clusterBytes, -1));
        throw error;
      }
      await this.metadata.run(() => this.remap(piece.cluster, { kind: 'data', offset, exclusive: true }));
    });
  }

  private async newCluster() {
    await this.announce();
    const end = this.refcounts.endBytes, offset = await this.refcounts.allocate();
    return { offset, isFresh: offset >= end };
  }

  private async fill(offset: number, piece: Piece, old: Mapping, bytes: Uint8Array, isFresh: boolean): Promise<void> {
    const isBlank = old.kind === 'zero' || (old.kind === 'unallocated' && piece.cluster * this.clusterBytes >= (this.backing?.sizeBytes ?? 0));
    if (bytes.length === this.clusterBytes || (isBlank && isFresh)) { await this.file.write(offset + piece.at, bytes); return; }
    const whole = Buffer.alloc(this.clusterBytes);
    if (!isBlank) await this.readRun({ cluster: piece.cluster, at: 0, from: 0, length: whole.length, mapping: old }, whole);
    whole.set(bytes, piece.at);
    await this.file.write(offset, whole);
  }

  /** Zeroes or forgets a range; parts of clusters are zeroed by writing. */
  private async clear(offset: number, length: number, how: 'zero' | 'discard'): Promise<void> {
    const tableBytes = this.map.entriesPerTable * this.clusterBytes;
    for (let at = offset; at < offset + length;) {
      const part = Math.min(offset + length, (Math.floor(at / tableBytes) + 1) * tableBytes) - at;
      const isBlank = this.map.tableAt(Math.floor(at / tableBytes)) === undefined && at >= (this.backing?.sizeBytes ?? 0);
      if (!isBlank) for (const piece of this.piecesOf(at, part)) await this.clearPiece(piece, how);
      at += part;
    }
  }

  private async clearPiece(piece: Piece, how: 'zero' | 'discard'): Promise<void> {
    const isWhole = piece.at === 0 && (piece.length === this.clusterBytes || piece.cluster * this.clusterBytes + piece.length === this.size);
    const hidesBacking = piece.cluster * this.clusterBytes < (this.backing?.sizeBytes ?? 0), canForget = !hidesBacking || this.header.version === 3;
    if (!isWhole || !canForget) {
      if (how === 'zero') await this.writeZeroes(piece);
      return;
    }
    const to: Mapping = hidesBacking ? { kind: 'zero', offset: undefined } : { kind: 'unallocated' };
    await this.clusters.run(piece.cluster, async () => {
      const old = await this.map.lookup(piece.cluster);
      if (old.kind === to.kind && (old.kind !== 'zero' || old.offset === undefined)) return;
      await this.metadata.run(async () => { await this.announce(); await this.remap(piece.cluster, to); });
    });
  }

  private async writeZeroes({ cluster, at, length }: Piece): Promise<void> {
    const offset = cluster * this.clusterBytes + at;
    if ((await this.extentAt(offset)).zero) return;
    for (let done = 0; done < length; done += ZEROES.length) await this.write(offset + done, ZEROES.subarray(0, Math.min(ZEROES.length, length - done)));
  }

  /** Under lazy refcounts the image is marked before the first change of what it maps. */
  private async announce(): Promise<void> {
    if (!this.isLazy || this.isDirty) return;
    await this.setDirty(true);
    await this.file.sync();
  }

  private async setDirty(dirty: boolean) {
    await this.writeFeatures(dirty ? this.header.incompatible | DIRTY : this.header.incompatible & ~(DIRTY | CORRUPT));
    this.isDirty = dirty;
  }

  private async remap(cluster: number, to: Mapping): Promise<void> {
    await this.ownTable(Math.floor(cluster / this.map.entriesPerTable));
    const old = await this.map.lookup(cluster);
    await this.map.put(cluster, to);
    this.free(old);
    if (this.freed.length > MAX_FREED || this.map.isFullOfChanges || this.refcounts.isFullOfChanges) await this.commit();
  }

  /** The L2 table is there, and no snapshot's. */
  private async ownTable(index: number): Promise<void> {
    const old = this.map.tableAt(index);
    if (old?.exclusive === true) return;
    await this.map.putTable(index, await this.refcounts.allocate());
    if (old !== undefined) this.freed.push({ cluster: old.offset / this.clusterBytes, since: this.nextRequest });
  }

  private free(mapping: Mapping): void {
    for (const cluster of clustersOf(mapping, this.clusterBytes)) this.freed.push({ cluster, since: this.nextRequest });
    if (mapping.kind === 'compressed') this.compressed.forget(mapping.offset);
  }

  /** Writes the tables; called by one at a time. What it must not lose in a crash of the host has a barrier between. */
  private async commit(): Promise<void> {
    if (!this.map.hasChanges && this.freed.length === 0 && !this.refcounts.hasChanges) return;
    const barrier = () => this.file.sync();
    await this.file.extend(this.refcounts.endBytes);
    if (!this.isLazy) await this.refcounts.writeBack(barrier);
    else if (this.refcounts.isFullOfChanges) await this.refcounts.writeBack(() => Promise.resolve());
    await this.map.writeBack(barrier);
    await this.releaseFreed(barrier);
  }

  /** Whoever may still read a cluster has begun before it was freed. */
  private async releaseFreed(barrier: () => Promise<void>): Promise<void> {
    const [oldest = this.nextRequest] = this.requests;
    const free = this.freed.filter(({ since }) => since <= oldest), outgrown = this.refcounts.outgrown.splice(0);
    this.freed = this.freed.filter(({ since }) => since > oldest);
    if (free.length === 0 && outgrown.length === 0) return;
    await barrier();
    for (const cluster of [...free.map(one => one.cluster), ...outgrown]) {
      await this.refcounts.change(cluster, -1);
      if (await this.refcounts.get(cluster) === 0) this.map.forgetTable(cluster * this.clusterBytes);
    }
    if (!this.isLazy) await this.refcounts.writeBack(() => Promise.resolve());
  }

  /** A whole cluster of an image that is being made, compressed if that makes it smaller. One at a time. */
  async writeCompressed(offset: number, bytes: Uint8Array): Promise<void> {
    this.checkWritable(offset, bytes.length);
    const packed = await compress(bytes, this.header.compression);
    if (packed.length >= this.clusterBytes - 512) return this.write(offset, bytes);
    await this.metadata.run(async () => {
      await this.announce();
      const at = await this.placer.place(packed.length);
      await this.file.write(at, packed);
      await this.remap(offset / this.clusterBytes, { kind: 'compressed', offset: at, length: packed.length });
    });
  }

  /** What becomes visible reads as zeroes, also where the backing image reaches further. */
  async grow(sizeBytes: number): Promise<void> {
    if (this.readOnly) throw writeRefused(this.path);
    const from = this.size, shown = Math.min(sizeBytes, this.backing?.sizeBytes ?? 0);
    if (this.header.version === 2 && (this.header.snapshots.length > 0 || shown > from)) throw new EngineError('disk.resize', say`The disk image ${this.path} cannot grow: it is of version 2, and has snapshots or a larger backing file.`);
    await this.metadata.run(() => this.makeRoom(sizeBytes));
    this.size = sizeBytes;
    if (shown > from) await this.zero(from, shown - from);
    await this.flush();
  }

  private async makeRoom(sizeBytes: number): Promise<void> {
    const bytes = l1BytesFor(sizeBytes, this.header.clusterBits), old = this.map.place, header = Buffer.alloc(24);
    await this.announce();
    if (bytes > old.bytes) {
      const offset = await this.refcounts.allocate(Math.ceil(bytes / this.clusterBytes));
      await this.commit();
      await this.map.moveL1(offset, bytes);
      for (let at = 0; at < old.bytes; at += this.clusterBytes) this.freed.push({ cluster: (old.offset + at) / this.clusterBytes, since: this.nextRequest });
    }
    await this.file.sync();
    await this.file.read(AT.size, header);
    writeBe64(header, 0, sizeBytes);
    header.writeUInt32BE(this.map.place.bytes / 8, AT.l1 - AT.size);
    writeBe64(header, AT.l1 - AT.size + 4, this.map.place.offset);
    await this.file.write(AT.size, header);
    await this.commit();
  }
}
