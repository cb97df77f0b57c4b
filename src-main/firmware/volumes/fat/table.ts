/**
 * The file allocation table: which cluster follows which, and which are free (Microsoft FAT specification, "FAT Data Structure" and "FAT32 FSInfo Sector
 * Structure"). Pieces of it are held in memory, and what changed is written to all copies by `commit`. The upper bits of entries, and the first two
 * entries with their dirty flags, stay as they are. Chains of files are remembered as runs of neighbouring clusters, so that long reads are few.
 */
import { say } from '../../../../shared/base/phrase.ts';
import type { DeviceBytes } from '../sector-device.ts';
import { volumeDamaged, volumeFull } from '../volume.ts';
import type { FatGeometry } from './geometry.ts';

const PIECE_BYTES = 0x1_0000, MAX_PIECES = 64, MAX_CHAINS = 32, MAX_RUNS = 4096, FIRST = 2;
const LEAD_SIGNATURE = 0x4161_5252, STRUCTURE_SIGNATURE = 0x6141_7272, FREE = 488, NEXT = 492, UNKNOWN = 0xffff_ffff;

/** Clusters that follow one another on the disk and in a file, whose `at`-th the first of them is. */
export interface Run { readonly at: number; readonly cluster: number; count: number }
/** The part of the table from `offset` on; what lies between the other two changed. */
interface Piece { readonly offset: number; readonly bytes: Buffer; from: number; to: number }

export class FatTable {
  private readonly disk: DeviceBytes;
  private readonly geometry: FatGeometry;
  private readonly bits: number;
  private readonly mask: number;
  private readonly pieces = new Map<number, Piece>();
  private readonly chains = new Map<number, Run[]>();
  private search = FIRST;
  /** How many clusters are free, and whether the FSInfo sector says so. */
  private free: { count: number; readonly stored: boolean; changed: boolean } | undefined;

  constructor(disk: DeviceBytes, geometry: FatGeometry) {
    this.disk = disk;
    this.geometry = geometry;
    this.bits = Number(geometry.kind.slice(3));
    this.mask = this.bits === 12 ? 0xfff : this.bits === 16 ? 0xffff : 0x0fff_ffff;
  }

  private get end() { return this.geometry.clusterCount + FIRST; }

  /** Changes that were not committed are forgotten as well. */
  forget(): void {
    this.pieces.clear();
    this.chains.clear();
    this.free = undefined;
  }

  /** FAT12 fits one piece, so no entry lies in two. */
  private async piece(cluster: number): Promise<Piece> {
    const index = Math.floor(cluster * this.bits / 8 / PIECE_BYTES), found = this.pieces.get(index);
    if (found !== undefined) return found;
    if (this.pieces.size >= MAX_PIECES) await this.evict();
    const offset = index * PIECE_BYTES, tableBytes = Math.ceil(this.end * this.bits / 8 / this.geometry.sectorBytes) * this.geometry.sectorBytes;
    const bytes = Buffer.from(await this.disk.read(this.geometry.fatOffsets[0]! + offset, Math.min(PIECE_BYTES, tableBytes - offset)));
    const piece = { offset, bytes, from: bytes.length, to: 0 };
    this.pieces.set(index, piece);
    return piece;
  }

  private async evict() {
    for (const [index, piece] of this.pieces) {
      await this.writeBack(piece);
      this.pieces.delete(index);
      return;
    }
  }

  private async writeBack(piece: Piece) {
    if (piece.from >= piece.to) return;
    const { sectorBytes, fatOffsets } = this.geometry, from = Math.floor(piece.from / sectorBytes) * sectorBytes, to = Math.min(Math.ceil(piece.to / sectorBytes) * sectorBytes, piece.bytes.length);
    for (const offset of fatOffsets) await this.disk.write(offset + piece.offset + from, piece.bytes.subarray(from, to));
    piece.from = piece.bytes.length;
    piece.to = 0;
  }

  private valueIn({ offset, bytes }: Piece, cluster: number): number {
    const at = Math.floor(cluster * this.bits / 8) - offset;
    if (this.bits === 32) return bytes.readUInt32LE(at) & this.mask;
    const value = bytes.readUInt16LE(at);
    return this.bits === 16 ? value : (cluster & 1) !== 0 ? value >> 4 : value & this.mask;
  }

  private async set(cluster: number, value: number) {
    const piece = await this.piece(cluster), { bytes } = piece, at = Math.floor(cluster * this.bits / 8) - piece.offset;
    if (this.bits === 32) bytes.writeUInt32LE((bytes.readUInt32LE(at) & 0xf000_0000 | value) >>> 0, at);
    else if (this.bits === 16) bytes.writeUInt16LE(value, at);
    else bytes.writeUInt16LE((cluster & 1) !== 0 ? bytes.readUInt16LE(at) & 0xf | value << 4 : bytes.readUInt16LE(at) & 0xf000 | value, at);
    piece.from = Math.min(piece.from, at);
    piece.to = Math.max(piece.to, at + (this.bits === 32 ? 4 : 2));
  }

  isCluster(cluster: number): boolean { return cluster >= FIRST && cluster < this.end; }

  /** Undefined at the end of a chain. */
  async next(cluster: number): Promise<number | undefined> {
    if (!this.isCluster(cluster)) throw volumeDamaged(say`a chain of clusters leads to cluster ${cluster}, which there is not`);
    const value = this.valueIn(await this.piece(cluster), cluster);
    if (value >= this.mask - 7) return undefined;
    if (!this.isCluster(value)) throw volumeDamaged(say`a chain of clusters leads to cluster ${value}, which there is not`);
    return value;
  }

  /** From the `from`-th cluster of a chain on, at most `count`; fewer when it ends before. */
  async runs(first: number, from: number, count: number): Promise<Run[]> {
    const runs = this.chain(first, from);
    for (let last = runs[runs.length - 1]!; last.at + last.count < from + count; last = runs[runs.length - 1]!) {
      const next = await this.next(last.cluster + last.count - 1);
      if (next === undefined) break;
      if (next === last.cluster + last.count) last.count++;
      else {
        runs.push({ at: last.at + last.count, cluster: next, count: 1 });
        if (runs.length > MAX_RUNS && runs[0]!.at + runs[0]!.count <= from) runs.splice(0, Math.min(runs.length - 1, MAX_RUNS / 2));
      }
    }
    return runs.filter(run => run.at < from + count && run.at + run.count > from)
      .map(run => { const at = Math.max(run.at, from); return { at, cluster: run.cluster + at - run.at, count: Math.min(run.at + run.count, from + count) - at }; });
  }

  /** What is known of it, from its beginning or at least from `from` on. */
  private chain(first: number, from: number): Run[] {
    const known = this.chains.get(first);
    this.chains.delete(first);
    if (this.chains.size >= MAX_CHAINS) this.chains.delete(this.chains.keys().next().value!);
    if (known !== undefined && known.length > MAX_RUNS) known.splice(0, (known.findIndex(run => run.at + run.count > from) + known.length) % known.length);
    const runs = known !== undefined && known[0]!.at <= from ? known : [{ at: 0, cluster: first, count: 1 }];
    if (!this.isCluster(first)) throw volumeDamaged(say`a chain of clusters begins at cluster ${first}, which there is not`);
    this.chains.set(first, runs);
    return runs;
  }

  /** Takes free clusters, near the end of a chain that they become a part of; gives the first of them. */
  async allocate(count: number, last?: number): Promise<number> {
    if (this.free === undefined) await this.loadFree();
    const found = await this.findFree(count, last === undefined ? this.search : last + 1);
    let before = last;
    for (const { cluster, count: length } of found) {
      for (let n = cluster; n < cluster + length; n++) {
        if (before !== undefined) await this.set(before, n);
        before = n;
      }
    }
    await this.set(before!, this.mask);
    this.search = before! + 1;
    await this.adjustFree(-count);
    return found[0]!.cluster;
  }

  /** Looks at every cluster once. */
  private async findFree(count: number, start: number): Promise<Run[]> {
    const found: Run[] = [];
    let missing = count, cluster = this.isCluster(start) ? start : FIRST;
    for (let left = this.geometry.clusterCount; left > 0 && missing > 0; left--) {
      if (this.valueIn(this.pieces.get(Math.floor(cluster * this.bits / 8 / PIECE_BYTES)) ?? await this.piece(cluster), cluster) === 0) {
        const last = found.at(-1);
        if (last !== undefined && last.cluster + last.count === cluster) last.count++;
        else found.push({ at: 0, cluster, count: 1 });
        missing--;
      }
      cluster = cluster + 1 < this.end ? cluster + 1 : FIRST;
    }
    if (missing > 0) throw volumeFull();
    return found;
  }

  /** Gives a chain's clusters back. One that is damaged is given back as far as it can be followed. */
  async release(first: number): Promise<void> {
    let count = 0;
    for (let cluster = first; this.isCluster(cluster);) {
      const next = this.valueIn(await this.piece(cluster), cluster);
      if (next === 0) break;
      await this.set(cluster, 0);
      count++;
      cluster = next;
    }
    this.chains.clear();
    await this.adjustFree(count);
  }

  /** Makes a cluster the last of its chain; what followed is given back. */
  async cut(last: number): Promise<void> {
    const rest = this.valueIn(await this.piece(last), last);
    await this.set(last, this.mask);
    await this.release(rest);
  }

  async freeClusters(): Promise<number> { return (this.free ?? await this.loadFree() ?? await this.countFree()).count; }

  /** What FSInfo says, where it says something that can be. */
  private async loadFree() {
    const info = await this.info();
    const count = info?.readUInt32LE(FREE) ?? UNKNOWN, next = info?.readUInt32LE(NEXT) ?? 0;
    if (this.isCluster(next)) this.search = next;
    if (count <= this.geometry.clusterCount) this.free = { count, stored: true, changed: false };
    return this.free;
  }

  private async info(): Promise<Buffer | undefined> {
    const { fsInfoOffset } = this.geometry;
    if (fsInfoOffset === undefined) return undefined;
    const info = Buffer.from(await this.disk.read(fsInfoOffset, 512));
    return info.readUInt32LE(0) === LEAD_SIGNATURE && info.readUInt32LE(484) === STRUCTURE_SIGNATURE ? info : undefined;
  }

  private async countFree() {
    let count = 0;
    for (let cluster = FIRST; cluster < this.end;) {
      const piece = await this.piece(cluster), end = Math.min(this.end, Math.floor((piece.offset + piece.bytes.length) * 8 / this.bits));
      for (; cluster < end; cluster++) if (this.valueIn(piece, cluster) === 0) count++;
    }
    return this.free = { count, stored: false, changed: false };
  }

  private async adjustFree(by: number) {
    const free = this.free ?? await this.loadFree();
    if (free === undefined) return;
    free.count = Math.max(0, Math.min(free.count + by, this.geometry.clusterCount));
    free.changed = true;
  }

  /** Writes what changed. */
  async commit(): Promise<void> {
    for (const piece of this.pieces.values()) await this.writeBack(piece);
    if (this.free?.changed !== true) return;
    this.free.changed = false;
    const info = this.free.stored ? await this.info() : undefined;
    if (info === undefined) return;
    info.writeUInt32LE(this.free.count, FREE);
    info.writeUInt32LE(Math.min(this.search, this.end - 1), NEXT);
    await this.disk.write(this.geometry.fsInfoOffset!, info);
  }
}
