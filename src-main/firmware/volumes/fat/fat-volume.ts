/**
 * FAT12, FAT16 and FAT32 (Microsoft, "FAT: General Overview of On-Disk Format" 1.03) with long names. Every call leaves the disk in order: data is written
 * first, then the table, then the directory; what is deleted leaves its directory first. So whatever ends in the middle of a call loses clusters at
 * most. Flags that say a volume was not unmounted are not touched. Directories end at 65,536 entries, and are remembered until something else is written.
 */
import { say } from '../../../../shared/base/phrase.ts';
import { Mutex } from '../../../storage/mutex.ts';
import { DeviceBytes, type SectorDevice } from '../sector-device.ts';
import {
  badLabel, badName, directoryFull, exists, intoItself, isADirectory, isDamage, isRoot, notADirectory, notEmpty, notFound, tooLarge, volumeDamaged, volumeReadOnly,
  type FileChange, type FileInfo, type Path, type Volume,
} from '../volume.ts';
import {
  ATTRIBUTE, bytesOf, clusterOf, dotSlots, FREE_SLOT, freeSlots, infoOf, isDirectory, MAX_SLOTS, newEntry, parseDirectory, setAttribute, setBytes, setCluster, setTimes, SLOT, slotsOf,
  type Directory, type FatEntry,
} from './directory.ts';
import { readGeometry, type FatGeometry } from './geometry.ts';
import { folded, labelBytes, labelText, shortNameFor, storedName } from './names.ts';
import { FatTable } from './table.ts';

const MAX_FILE = 0xffff_ffff, MAX_DIRECTORIES = 16, MAX_ENTRIES = 16_384, ZERO_BYTES = 0x10_0000, NO_LABEL = 'NO NAME';

/** A file in its directory. */
interface Place { readonly parent: Directory; readonly entry: FatEntry }

export class FatVolume implements Volume {
  readonly kind: FatGeometry['kind'];
  readonly readOnly: boolean;
  readonly totalBytes: number;
  readonly blockBytes: number;
  private readonly disk: DeviceBytes;
  private readonly geometry: FatGeometry;
  private readonly table: FatTable;
  private readonly nowMs: () => number;
  private readonly is32: boolean;
  private readonly turns = new Mutex();
  private readonly directories = new Map<number, Directory>();
  private bootLabel = '';
  private rootLabel: string | undefined;

  private constructor(disk: DeviceBytes, geometry: FatGeometry, nowMs: () => number) {
    this.disk = disk;
    this.geometry = geometry;
    this.nowMs = nowMs;
    this.table = new FatTable(disk, geometry);
    ({ kind: this.kind, clusterBytes: this.blockBytes } = geometry);
    this.readOnly = disk.device.readOnly;
    this.is32 = this.kind === 'fat32';
    this.totalBytes = geometry.clusterCount * geometry.clusterBytes;
  }

  /** Undefined of a device that has no such volume, or one whose root cannot be read. */
  static async open(device: SectorDevice, nowMs: () => number): Promise<FatVolume | undefined> {
    const disk = new DeviceBytes(device);
    if (disk.sizeBytes < 512) return undefined;
    const boot = await disk.read(0, 512), geometry = readGeometry(boot, disk.sizeBytes);
    if (geometry === undefined) return undefined;
    const volume = new FatVolume(disk, geometry, nowMs);
    const at = geometry.labelOffsets[0]!;
    volume.bootLabel = boot[at - 5] === 0x29 ? labelText(boot.subarray(at, at + 11)) : '';
    try { volume.rootLabel = labelOf(await volume.root()); } catch (error) { if (isDamage(error)) return undefined; throw error; }
    return volume;
  }

  get label(): string { return this.rootLabel ?? (this.bootLabel === NO_LABEL ? '' : this.bootLabel); }

  forget(): void {
    this.table.forget();
    this.directories.clear();
  }

  freeBytes(): Promise<number> { return this.alone(async () => await this.table.freeClusters() * this.blockBytes); }

  stat(path: Path): Promise<FileInfo | undefined> {
    return this.alone(async () => {
      if (path.length === 0) return { name: '', directory: true, bytes: 0, readOnly: false, hidden: false, system: false, archive: false, createdMs: 0, accessedMs: 0, modifiedMs: 0 };
      const place = await this.find(path);
      return place && infoOf(place.entry);
    });
  }

  list(path: Path): Promise<readonly FileInfo[]> {
    return this.alone(async () => {
      const directory = await this.directory(path);
      if (directory === undefined) throw await this.find(path) === undefined ? notFound(path) : notADirectory(path);
      return directory.entries.map(infoOf);
    });
  }

  read(path: Path, offset: number, length: number): Promise<Uint8Array> {
    return this.alone(async () => {
      const { entry } = await this.file(path), count = Math.max(0, Math.min(length, this.sizeOf(entry) - offset));
      if (count === 0) return new Uint8Array(0);
      const parts = await this.extents(entry, offset, count);
      if (parts.length === 1) return await this.disk.read(parts[0]!.offset, count);
      const bytes = Buffer.alloc(count);
      let at = 0;
      for (const part of parts) {
        (await this.disk.read(part.offset, part.length)).copy(bytes, at);
        at += part.length;
      }
      return bytes;
    });
  }

  write(path: Path, offset: number, bytes: Uint8Array): Promise<void> {
    return this.change(async () => {
      const place = await this.file(path), { entry } = place, size = this.sizeOf(entry), end = offset + bytes.length;
      if (bytes.length === 0) return;
      if (end > MAX_FILE) throw tooLarge(path);
      const raw = Buffer.from(entry.raw), grown = { ...entry, raw };
      await this.reserve(grown, end);
      if (offset > size) await this.zero(grown, size, offset);
      await this.put(grown, offset, bytes);
      await this.table.commit();
      setBytes(raw, Math.max(size, end));
      this.touch(raw);
      await this.update(place, raw);
    });
  }

  create(path: Path, directory: boolean): Promise<void> {
    return this.change(async () => {
      const { parent, name } = await this.newPlace(path), raw = newEntry(directory ? ATTRIBUTE.directory : ATTRIBUTE.archive, this.nowMs());
      // The name has its place first, so that a directory that is full costs no cluster.
      const { slot, slots } = await this.makeRoom(parent, name, raw);
      if (directory) await this.makeDirectory(parent, slots.subarray(-SLOT));
      await this.putSlots(parent, slot, slots);
    });
  }

  remove(path: Path): Promise<void> {
    return this.change(async () => {
      const place = await this.place(path), cluster = clusterOf(place.entry, this.is32);
      if (isDirectory(place.entry) && (await this.load(cluster, path)).entries.length > 0) throw notEmpty(path);
      await this.deleteSlots(place);
      if (cluster !== 0) await this.table.release(cluster);
    });
  }

  /** A place that cannot be is found out before anything changes. */
  setInfo(path: Path, { name, path: newPath, bytes, ...info }: FileChange): Promise<void> {
    return this.change(async () => {
      let place = await this.place(path);
      const to = newPath ?? (name === undefined ? path : [...path.slice(0, -1), name]), moves = to.length !== path.length || to.some((part, n) => part !== path[n]);
      if (moves) await this.checkMove(place, path, to);
      if (bytes !== undefined && bytes !== (isDirectory(place.entry) ? 0 : this.sizeOf(place.entry))) place = await this.resize(place, path, bytes);
      const raw = Buffer.from(place.entry.raw);
      for (const attribute of ['readOnly', 'hidden', 'system', 'archive'] as const) if (info[attribute] !== undefined) setAttribute(raw, attribute, info[attribute]);
      setTimes(raw, info);
      if (!raw.equals(place.entry.raw)) place = await this.update(place, raw);
      if (moves) await this.move(place, to);
    });
  }

  setLabel(label: string): Promise<void> {
    return this.change(async () => {
      const bytes = labelBytes(label);
      if (bytes === undefined) throw badLabel(label);
      const root = await this.root(), isNone = labelText(bytes) === '';
      if (isNone && root.label !== undefined) await this.deleteSlots({ parent: root, entry: root.label });
      if (!isNone) {
        const raw = root.label === undefined ? newEntry(ATTRIBUTE.label, this.nowMs()) : Buffer.from(root.label.raw);
        bytes.copy(raw);
        if (root.label !== undefined) await this.update({ parent: root, entry: root.label }, raw);
        else await this.putSlots(root, await this.roomFor(root, 1), raw);
      }
      const stored = isNone ? Buffer.from(NO_LABEL.padEnd(11)) : bytes, [main = 0] = this.geometry.labelOffsets;
      const before = Buffer.from(await this.disk.read(main - 5, 16));
      // A copy that is no copy stays as it is.
      for (const offset of this.geometry.labelOffsets) if (before[0] === 0x29 && before.equals(await this.disk.read(offset - 5, 16))) await this.disk.write(offset, stored);
      this.bootLabel = labelText(stored);
      this.rootLabel = isNone ? undefined : labelText(bytes);
    });
  }

  flush(): Promise<void> { return this.alone(() => this.disk.device.flush()); }

  /** After a failure nothing is remembered, as it may not be what the disk has. */
  private alone<T>(act: () => Promise<T>): Promise<T> {
    return this.turns.run(async () => { try { return await act(); } catch (error) { this.forget(); throw error; } });
  }

  private change(act: () => Promise<void>): Promise<void> {
    return this.alone(async () => {
      if (this.readOnly) throw volumeReadOnly();
      await act();
      await this.table.commit();
    });
  }

  private get rootCluster() { return this.geometry.rootCluster; }

  private root(): Promise<Directory> { return this.load(this.rootCluster, []); }

  /** Undefined where there is no such directory. */
  private async directory(path: Path): Promise<Directory | undefined> {
    let at = await this.root();
    for (const [n, name] of path.entries()) {
      const entry = entryOf(at, name);
      if (entry === undefined || !isDirectory(entry)) return undefined;
      at = await this.load(clusterOf(entry, this.is32), path.slice(0, n + 1));
    }
    return at;
  }

  private async find(path: Path): Promise<Place | undefined> {
    const parent = await this.directory(path.slice(0, -1)), entry = parent && entryOf(parent, path.at(-1)!);
    return parent && entry && { parent, entry };
  }

  private async place(path: Path): Promise<Place> {
    if (path.length === 0) throw isRoot();
    const place = await this.find(path);
    if (place === undefined) throw notFound(path);
    return place;
  }

  private async file(path: Path): Promise<Place> {
    if (path.length === 0) throw isADirectory(path);
    const place = await this.place(path);
    if (isDirectory(place.entry)) throw isADirectory(path);
    return place;
  }

  /** Where a file may be made: a directory that is there, and a name that is not. */
  private async newPlace(path: Path, itself?: Place): Promise<{ readonly parent: Directory; readonly name: string }> {
    if (path.length === 0) throw isRoot();
    const parent = await this.directory(path.slice(0, -1)), wanted = path.at(-1)!, name = storedName(wanted);
    if (parent === undefined) throw notFound(path.slice(0, -1));
    if (name === undefined || name === '.' || name === '..') throw badName(wanted);
    const there = entryOf(parent, name);
    if (there !== undefined && !(itself?.parent.cluster === parent.cluster && itself.entry.slot === there.slot)) throw exists(path);
    return { parent, name };
  }

  private async load(cluster: number, path: Path): Promise<Directory> {
    const known = this.directories.get(cluster);
    if (known !== undefined) return known;
    if (cluster === 0 && path.length > 0) throw volumeDamaged(say`the directory ${path.join('\\')} has no clusters`);
    const directory = parseDirectory(cluster, cluster === 0 ? Buffer.from(await this.disk.read(this.geometry.rootOffset, this.geometry.rootEntries * SLOT)) : await this.directoryBytes(cluster));
    this.directories.set(cluster, directory);
    const held = () => [...this.directories.values()].reduce((total, { entries }) => total + entries.length, 0);
    while (this.directories.size > 1 && (this.directories.size > MAX_DIRECTORIES || held() > MAX_ENTRIES)) this.directories.delete(this.directories.keys().next().value!);
    return directory;
  }

  /** All that the chain has. */
  private async directoryBytes(first: number): Promise<Buffer> {
    const most = MAX_SLOTS * SLOT / this.blockBytes, seen = new Set<number>(), parts: Buffer[] = [];
    for (let cluster: number | undefined = first; cluster !== undefined; cluster = await this.table.next(cluster)) {
      if (seen.has(cluster) || seen.size >= most || !this.table.isCluster(cluster)) throw volumeDamaged(say`the clusters of a directory have no end`);
      seen.add(cluster);
    }
    for (const { cluster, count } of await this.table.runs(first, 0, seen.size)) parts.push(await this.disk.read(this.offsetOf(cluster), count * this.blockBytes));
    return Buffer.concat(parts);
  }

  private offsetOf(cluster: number): number { return this.geometry.dataOffset + (cluster - 2) * this.blockBytes; }

  private sizeOf(entry: FatEntry): number {
    const size = bytesOf(entry);
    if (size > this.totalBytes) throw volumeDamaged(say`the file ${entry.name} is larger than the volume`);
    return size;
  }

  /** Where bytes of a file lie that its clusters have. */
  private async extents(entry: FatEntry, offset: number, length: number): Promise<{ readonly offset: number; readonly length: number }[]> {
    const { blockBytes } = this, from = Math.floor(offset / blockBytes), count = Math.ceil((offset + length) / blockBytes) - from;
    const runs = await this.table.runs(clusterOf(entry, this.is32), from, count), last = runs.at(-1);
    if (last === undefined || last.at + last.count < from + count) throw volumeDamaged(say`the file ${entry.name} has fewer clusters than its length needs`);
    return runs.map(run => {
      const start = Math.max(run.at * blockBytes, offset), end = Math.min((run.at + run.count) * blockBytes, offset + length);
      return { offset: this.offsetOf(run.cluster) + start - run.at * blockBytes, length: end - start };
    });
  }

  private async put(entry: FatEntry, offset: number, bytes: Uint8Array): Promise<void> {
    let at = 0;
    for (const part of await this.extents(entry, offset, bytes.length)) {
      await this.disk.write(part.offset, bytes.subarray(at, at + part.length));
      at += part.length;
    }
  }

  private async zero(entry: FatEntry, from: number, to: number): Promise<void> {
    const zeroes = new Uint8Array(Math.min(ZERO_BYTES, to - from));
    for (let at = from; at < to; at += zeroes.length) await this.put(entry, at, zeroes.subarray(0, Math.min(zeroes.length, to - at)));
  }

  /** Gives a file the clusters that as many bytes need. One that has more than its length needs uses those first. */
  private async reserve(entry: FatEntry, bytes: number): Promise<void> {
    const first = clusterOf(entry, this.is32), size = this.sizeOf(entry), need = Math.ceil(bytes / this.blockBytes), from = Math.max(1, Math.ceil(size / this.blockBytes)) - 1;
    if (bytes <= size) return;
    const last = first === 0 ? undefined : (await this.table.runs(first, from, need - from)).at(-1), have = last === undefined ? 0 : last.at + last.count;
    if (last === undefined && (first !== 0 || size > 0)) throw volumeDamaged(say`the file ${entry.name} has fewer clusters than its length needs`);
    if (have >= need) return;
    const added = await this.table.allocate(need - have, last && last.cluster + last.count - 1);
    if (first === 0) setCluster(entry.raw, added, this.is32);
  }

  private async resize(place: Place, path: Path, bytes: number): Promise<Place> {
    const { entry } = place, raw = Buffer.from(entry.raw), size = this.sizeOf(entry), first = clusterOf(entry, this.is32), changed = { ...entry, raw };
    if (isDirectory(entry)) throw isADirectory(path);
    if (bytes > MAX_FILE) throw tooLarge(path);
    this.touch(raw);
    if (bytes > size) {
      await this.reserve(changed, bytes);
      await this.zero(changed, size, bytes);
      await this.table.commit();
      setBytes(raw, bytes);
      return await this.update(place, raw);
    }
    const keep = Math.ceil(bytes / this.blockBytes), last = keep === 0 ? undefined : (await this.table.runs(first, keep - 1, 1))[0]?.cluster;
    if (keep > 0 && last === undefined) throw volumeDamaged(say`the file ${entry.name} has fewer clusters than its length needs`);
    setBytes(raw, bytes);
    if (keep === 0) setCluster(raw, 0, this.is32);
    const shorter = await this.update(place, raw);
    if (last !== undefined) await this.table.cut(last);
    else if (first !== 0) await this.table.release(first);
    return shorter;
  }

  private async move(place: Place, to: Path): Promise<void> {
    const { entry } = place, { parent, name } = await this.newPlace(to, place), isElsewhere = parent.cluster !== place.parent.cluster;
    const { slot, slots } = await this.makeRoom(parent, name, entry.raw, isElsewhere ? undefined : entry);
    await this.putSlots(parent, slot, slots);
    await this.deleteSlots({ parent: isElsewhere ? place.parent : await this.load(parent.cluster, to.slice(0, -1)), entry });
    if (!isDirectory(entry) || !isElsewhere) return;
    const moved = await this.load(clusterOf(entry, this.is32), to), up = Buffer.from(moved.bytes.subarray(SLOT, 2 * SLOT));
    if (up.toString('latin1', 0, 11) !== '..'.padEnd(11)) return;
    setCluster(up, this.asParent(parent), this.is32);
    await this.putSlots(moved, 1, up);
  }

  /** A directory does not come to lie within itself. */
  private async checkMove(place: Place, from: Path, to: Path) {
    await this.newPlace(to, place);
    for (let length = 1; length < to.length && isDirectory(place.entry); length++) {
      const above = await this.directory(to.slice(0, length));
      if (above?.cluster === clusterOf(place.entry, this.is32)) throw intoItself(from);
    }
  }

  /** What .. says of the root. */
  private asParent({ cluster }: Directory): number { return cluster === this.rootCluster ? 0 : cluster; }

  private async makeDirectory(parent: Directory, entry: Buffer): Promise<void> {
    const cluster = await this.table.allocate(1), first = Buffer.alloc(this.blockBytes);
    setCluster(entry, cluster, this.is32);
    dotSlots(entry, cluster, this.asParent(parent), this.is32).copy(first);
    await this.disk.write(this.offsetOf(cluster), first);
    await this.table.commit();
  }

  /** A file's slots and where they go. `itself` will be gone. */
  private async makeRoom(parent: Directory, name: string, raw: Buffer, itself?: FatEntry): Promise<{ readonly slot: number; readonly slots: Buffer }> {
    const taken = new Set(parent.entries.map(({ short }) => short));
    if (itself !== undefined) taken.delete(itself.short);
    const slots = slotsOf(name, shortNameFor(name, short => taken.has(short)), raw);
    return { slot: await this.roomFor(parent, slots.length / SLOT), slots };
  }

  /** The directory grows when it has to. */
  private async roomFor(directory: Directory, count: number): Promise<number> {
    const slot = freeSlots(directory, count), missing = slot + count - directory.capacity, clusters = Math.ceil(missing * SLOT / this.blockBytes);
    if (missing <= 0) return slot;
    const { cluster, capacity } = directory, have = capacity * SLOT / this.blockBytes;
    if (cluster === 0 || slot + count > MAX_SLOTS) throw directoryFull();
    const [last] = await this.table.runs(cluster, have - 1, 1);
    let added: number | undefined = await this.table.allocate(clusters, last!.cluster);
    for (const zeroes = Buffer.alloc(this.blockBytes); added !== undefined; added = await this.table.next(added)) await this.disk.write(this.offsetOf(added), zeroes);
    await this.table.commit();
    this.directories.delete(cluster);
    return slot;
  }

  /** What follows the last entry says so, if there is anything. */
  private async putSlots({ cluster, end, capacity }: Directory, slot: number, slots: Buffer): Promise<void> {
    const behind = slot + slots.length / SLOT;
    if (behind > end && behind < capacity) await this.putBytes(cluster, behind * SLOT, Buffer.alloc(SLOT));
    await this.putBytes(cluster, slot * SLOT, slots);
    this.directories.delete(cluster);
  }

  private async putBytes(cluster: number, offset: number, bytes: Buffer): Promise<void> {
    if (cluster === 0) return await this.disk.write(this.geometry.rootOffset + offset, bytes);
    const { blockBytes } = this;
    for (let at = 0; at < bytes.length;) {
      const n = Math.floor((offset + at) / blockBytes), within = (offset + at) % blockBytes, length = Math.min(bytes.length - at, blockBytes - within), [run] = await this.table.runs(cluster, n, 1);
      await this.disk.write(this.offsetOf(run!.cluster) + within, bytes.subarray(at, at + length));
      at += length;
    }
  }

  private async deleteSlots({ parent, entry }: Place): Promise<void> {
    const { slot, slots } = entry, bytes = Buffer.from(parent.bytes.subarray(slot * SLOT, (slot + slots) * SLOT));
    for (let n = 0; n < slots; n++) bytes[n * SLOT] = FREE_SLOT;
    await this.putBytes(parent.cluster, slot * SLOT, bytes);
    this.directories.delete(parent.cluster);
  }

  /** Another short entry in the same slot. The directory is remembered with it. */
  private async update({ parent, entry }: Place, raw: Buffer): Promise<Place> {
    const at = (entry.slot + entry.slots - 1) * SLOT;
    await this.putBytes(parent.cluster, at, raw);
    raw.copy(parent.bytes, at);
    raw.copy(entry.raw);
    return { parent, entry };
  }

  private touch(raw: Buffer): void {
    const nowMs = this.nowMs();
    setTimes(raw, { accessedMs: nowMs, modifiedMs: nowMs });
    setAttribute(raw, 'archive', true);
  }
}

const labelOf = ({ label }: Directory): string | undefined => label && labelText(label.raw);

const entryOf = ({ byName }: Directory, name: string): FatEntry | undefined => byName.get(folded(name)) ?? byName.get(folded(storedName(name) ?? name));
