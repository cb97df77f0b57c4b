/**
 * Counts the uses of each cluster, compares that with the refcounts, and makes them right if asked to. What a table says
 * of clusters outside the file is reported, and stays. The image is to be in use by nobody else.
 */
import { EngineError } from '../../../shared/base/errors.ts';
import { step, type CheckResult, type Progress } from '../progress.ts';
import { be64, roundUp, type TablePlace } from './header.ts';
import { ClusterMap, clustersOf, type Mapping } from './mapping.ts';
import type { Qcow2Image } from './qcow2.ts';

const PAGE = 0x1_0000;
const LISTED = 20;

/** A count for each cluster, in memory only where there are any. */
class Counts {
  private readonly pages = new Map<number, Uint32Array>();
  highest = 0;

  add(cluster: number): void {
    const key = Math.floor(cluster / PAGE), page = this.pages.get(key) ?? new Uint32Array(PAGE);
    this.pages.set(key, page);
    page[cluster % PAGE]!++;
    this.highest = Math.max(this.highest, cluster);
  }

  get(cluster: number): number { return this.pages.get(Math.floor(cluster / PAGE))?.[cluster % PAGE] ?? 0; }
  *pagesUsed(): Iterable<number> { for (const key of this.pages.keys()) yield key * PAGE; }
}

export interface CheckOptions extends Progress { readonly repair?: boolean }

/** With `repair` the image is open for writing, by `Qcow2Image.over` with `repair` on. */
export async function checkQcow2(image: Qcow2Image, options: CheckOptions = {}): Promise<CheckResult> {
  const check = new Check(image, options);
  await check.count();
  const result = await check.compare();
  if (options.repair === true && !image.readOnly) await image.markClean();
  return result;
}

class Check {
  private readonly image: Qcow2Image;
  private readonly options: CheckOptions;
  private readonly counts = new Counts();
  private readonly problems: string[] = [];
  private readonly endBytes: number;
  private readonly result = { leaks: 0, corruptions: 0, leaksFixed: 0, corruptionsFixed: 0 };

  constructor(image: Qcow2Image, options: CheckOptions) {
    this.image = image;
    this.options = options;
    this.endBytes = roundUp(image.file.sizeBytes, image.clusterBytes);
  }

  async count(): Promise<void> {
    const { header, refcounts, map, clusterBytes } = this.image;
    this.area({ offset: 0, bytes: clusterBytes }, 'the header');
    this.area(refcounts.tablePlace, 'the refcount table');
    for (const offset of refcounts.blockOffsets) this.area({ offset, bytes: clusterBytes }, 'a refcount block');
    this.area(header.snapshotTable, 'the snapshot table');
    await this.countMap(map, 'the disk');
    for (const snapshot of header.snapshots) await this.countMap(await ClusterMap.load(this.image.file, header, snapshot.l1), `snapshot ${snapshot.id}`);
    if (header.bitmapDirectory !== undefined) await this.countBitmaps(header.bitmapDirectory, header.bitmapDirectory.count);
  }

  private area({ offset, bytes }: TablePlace, what: string): void {
    if (offset + bytes > this.endBytes) return this.corrupt(`${what} does not lie within the file`);
    for (let at = Math.floor(offset / this.image.clusterBytes) * this.image.clusterBytes; at < offset + bytes; at += this.image.clusterBytes) this.counts.add(at / this.image.clusterBytes);
  }

  private corrupt(what: string): void {
    this.result.corruptions++;
    this.list(what);
  }

  private list(what: string) { if (this.problems.length < LISTED) this.problems.push(what); }

  /** What cannot be read, or makes no sense, is one corruption. */
  private async attempt<T>(what: string, act: () => T | Promise<T>): Promise<T | undefined> {
    try { return await act(); } catch (error) {
      if (!(error instanceof EngineError)) throw error;
      this.corrupt(what);
      return undefined;
    }
  }

  private async countMap(map: ClusterMap, name: string): Promise<void> {
    this.area(map.place, `the L1 table of ${name}`);
    const seen = new Set<number>();
    for (let index = 0; index < map.tableCount; index++) {
      if (index % 64 === 0) step(this.options, index / map.tableCount);
      const table = await this.attempt(`an L2 table of ${name} does not lie where a cluster can`, () => map.tableAt(index));
      if (table === undefined) continue;
      this.area({ offset: table.offset, bytes: this.image.clusterBytes }, `an L2 table of ${name}`);
      if (seen.has(table.offset)) this.corrupt(`${name} uses an L2 table twice`);
      else await this.countTable(map, table.offset, name);
      seen.add(table.offset);
    }
  }

  private async countTable(map: ClusterMap, offset: number, name: string): Promise<void> {
    const bytes = await this.attempt(`an L2 table of ${name} cannot be read`, () => map.tableBytes(offset));
    for (let n = 0; bytes !== undefined && n < map.entriesPerTable; n++) {
      const mapping = this.decoded(map, bytes, n);
      if (mapping === undefined) this.corrupt(`a cluster of ${name} does not lie where a cluster can`);
      else for (const cluster of clustersOf(mapping, this.image.clusterBytes)) this.area({ offset: cluster * this.image.clusterBytes, bytes: 1 }, `a cluster of ${name}`);
    }
  }

  private decoded(map: ClusterMap, bytes: Buffer, n: number): Mapping | undefined {
    try { return map.decode(bytes, n); } catch { return undefined; }
  }

  /** Bitmaps that we keep as they are (qcow2.txt, "Bitmaps"). */
  private async countBitmaps(directory: TablePlace, count: number): Promise<void> {
    this.area(directory, 'the bitmap directory');
    const bytes = await this.attempt('the bitmap directory cannot be read', () => this.image.file.bytes(directory.offset, directory.bytes));
    for (let at = 0, n = 0; bytes !== undefined && n < count && at + 24 <= bytes.length; n++) {
      const place = { offset: be64(bytes, at), bytes: bytes.readUInt32BE(at + 8) * 8 };
      this.area(place, 'a bitmap table');
      const table = await this.attempt('a bitmap table cannot be read', () => place.offset + place.bytes > this.endBytes ? undefined : this.image.file.bytes(place.offset, place.bytes));
      for (let entry = 0; table !== undefined && entry < table.length; entry += 8) {
        const offset = Math.floor(be64(table, entry) % 2 ** 56 / 512) * 512;
        if (offset !== 0) this.area({ offset, bytes: this.image.clusterBytes }, 'a part of a bitmap');
      }
      at += roundUp(24 + bytes.readUInt16BE(at + 18) + bytes.readUInt32BE(at + 20), 8);
    }
  }

  async compare(): Promise<CheckResult> {
    const wrong = await this.wrongCounts(), { refcounts } = this.image;
    if (this.options.repair === true) {
      refcounts.floor = Math.max(this.endBytes / this.image.clusterBytes, this.counts.highest + 1);
      for (const { cluster, expected, found } of wrong) {
        await refcounts.set(cluster, expected);
        if (found > expected) this.result.leaksFixed++; else this.result.corruptionsFixed++;
      }
    }
    await this.compareOwners();
    return { ...this.result, problems: this.problems };
  }

  private async wrongCounts() {
    const { refcounts } = this.image, wrong: { cluster: number; expected: number; found: number }[] = [], perBlock = refcounts.clustersPerBlock, unit = Math.min(perBlock, PAGE);
    const ranges = new Set([...this.counts.pagesUsed()].flatMap(page => Array.from({ length: PAGE / unit }, (_, n) => page + n * unit)));
    for (let first = 0; first < refcounts.capacity; first += perBlock) if (refcounts.hasBlockFor(first)) for (let part = 0; part < perBlock; part += unit) ranges.add(first + part);
    for (const first of [...ranges].sort((a, b) => a - b)) {
      step(this.options, 1);
      for (let cluster = first; cluster < first + unit; cluster++) {
        const expected = this.counts.get(cluster), found = await refcounts.get(cluster);
        if (expected === found) continue;
        wrong.push({ cluster, expected, found });
        if (found > expected) { this.result.leaks++; this.list(`cluster ${cluster} counts ${found} uses, and has ${expected}`); }
        else this.corrupt(`cluster ${cluster} counts ${found} uses, and has ${expected}`);
      }
    }
    return wrong;
  }

  /** The flags that say that a cluster may be written in place. */
  private async compareOwners(): Promise<void> {
    const { map, clusterBytes } = this.image, seen = new Set<number>();
    for (let index = 0; index < map.tableCount; index++) {
      const table = await Promise.resolve().then(() => map.tableAt(index)).catch(() => undefined);
      if (table === undefined) continue;
      const isOnly = this.counts.get(table.offset / clusterBytes) === 1;
      if (table.exclusive !== isOnly) this.wrongOwner(() => map.setExclusive(index, isOnly));
      if (!seen.has(table.offset)) await this.compareTable(index, table.offset);
      seen.add(table.offset);
    }
  }

  private async compareTable(index: number, offset: number): Promise<void> {
    const { map, clusterBytes } = this.image, bytes = await map.tableBytes(offset).catch(() => undefined);
    for (let n = 0; bytes !== undefined && n < map.entriesPerTable; n++) {
      const mapping = this.decoded(map, bytes, n);
      if (mapping?.kind !== 'data') continue;
      const exclusive = this.counts.get(mapping.offset / clusterBytes) === 1;
      if (mapping.exclusive === exclusive) continue;
      this.wrongOwner(() => undefined);
      if (this.options.repair === true) await map.put(index * map.entriesPerTable + n, { ...mapping, exclusive });
    }
  }

  private wrongOwner(fix: () => void): void {
    this.corrupt('a cluster is marked as shared and is not, or the other way round');
    if (this.options.repair !== true) return;
    fix();
    this.result.corruptionsFixed++;
  }
}
