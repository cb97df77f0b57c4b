/**
 * The disks of a running VM: each image opened, limited and counted, in its place on the board or in a slot. A snapshot puts a new
 * layer on top of each image while the devices go on with what they have.
 */
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { EngineError, messageOf } from '../../shared/base/errors.ts';
import { say } from '../../shared/base/phrase.ts';
import type { DiskBus, DiskSpec, DiskStats } from '../../shared/model/vm.ts';
import { allotted } from '../storage/allotted.ts';
import type { BlockBackend, DiskImage } from '../storage/block-backend.ts';
import { createImage } from '../storage/image-operations.ts';
import { metered, noCounters, type MeteredBackend } from '../storage/metered.ts';
import { Mirror } from '../storage/mirror.ts';
import { openImage } from '../storage/open-image.ts';
import { patient } from '../storage/patient.ts';
import type { Progress } from '../storage/progress.ts';
import { throttled, type Timer } from '../storage/throttled.ts';
import { hostNowNs } from '../time/host-time.ts';

const timer: Timer = { get nowNs() { return hostNowNs(); }, sleep: async ns => { await wait(ns / 1e6); } };

/** Whom images ask for room on the datastores that they are on. */
export interface DiskRoom {
  /** How many bytes more the image may take, for now. */
  readonly ask: (path: string) => Promise<number>;
  /** Resolves when there may be room again for an image that there was none for. */
  readonly wait: (path: string) => Promise<void>;
}

/** A backend whose image can be another one from some moment on. */
class Replaceable implements BlockBackend {
  image: DiskImage;
  /** While it is copied to another one. */
  mirror: Mirror | undefined;
  readonly readOnly: boolean;
  private readonly underWay = new Set<Promise<void>>();
  constructor(image: DiskImage, readOnly: boolean) {
    this.image = image;
    this.readOnly = readOnly;
  }
  get sizeBytes(): number { return this.image.sizeBytes; }
  read(offset: number, into: Uint8Array): Promise<void> { return this.image.read(offset, into); }
  write(offset: number, bytes: Uint8Array): Promise<void> { return this.change(offset, bytes.length, disk => disk.write(offset, bytes)); }
  flush(): Promise<void> { return this.image.flush(); }
  zero(offset: number, length: number): Promise<void> { return this.change(offset, length, disk => disk.zero(offset, length)); }
  discard(offset: number, length: number): Promise<void> { return this.change(offset, length, disk => disk.discard(offset, length)); }
  close(): Promise<void> { return this.image.close(); }

  /** Changes that were begun without the mirror; none are once there is one. */
  async settled(): Promise<void> { await Promise.allSettled(this.underWay); }

  private async change(offset: number, length: number, change: (disk: BlockBackend) => Promise<void>): Promise<void> {
    if (this.mirror !== undefined) { await this.mirror.change(offset, length, change); return; }
    const changing = change(this.image);
    this.underWay.add(changing);
    try { await changing; } finally { this.underWay.delete(changing); }
  }
}

/** One disk as the board takes it. */
export class VmDisk {
  readonly bus: DiskBus;
  private readonly slot: number | undefined;
  readonly medium: MeteredBackend;
  private path: string;
  private format: DiskSpec['format'];
  private isReleased = false;
  private readonly replaceable: Replaceable;
  /** Images under the layers that were added. */
  private readonly below: { readonly path: string; readonly format: DiskSpec['format'] }[] = [];

  private constructor(spec: DiskSpec, image: DiskImage, { room, readOnly }: { readonly room: DiskRoom; readonly readOnly: boolean }) {
    const { path, format, bus = 'virtio', slot } = spec;
    this.bus = bus;
    this.slot = slot;
    this.path = path;
    this.format = format;
    const replaceable = this.replaceable = new Replaceable(image, readOnly);
    const within = allotted(replaceable, { taken: async () => (await replaceable.image.details()).allocatedBytes, ask: () => room.ask(this.path) });
    this.medium = limited(patient(within, () => room.wait(this.path)), spec);
  }

  static async open(spec: DiskSpec, room: DiskRoom): Promise<VmDisk> {
    const image = await openImage(spec.path, spec);
    return new VmDisk(spec, image, { room, readOnly: image.readOnly });
  }

  /** While somebody else writes to it: nothing is to be read or written before `takeUp`. */
  static async openLater(spec: DiskSpec, room: DiskRoom): Promise<VmDisk> { return new VmDisk(spec, await openImage(spec.path, { ...spec, readOnly: true }), { room, readOnly: spec.readOnly }); }

  get stats(): DiskStats { return { path: this.path, bus: this.bus, slot: this.slot, ...this.medium.counters() }; }
  async close(): Promise<void> {
    await this.dropMirror();
    if (!this.isReleased) await this.medium.close();
  }

  /** Its image stays as it is from now on, and `path` is made to take what changes. Nothing is under way. */
  async addLayer(path: string): Promise<void> {
    const { replaceable, format } = this, below = replaceable.image;
    await below.flush();
    await createImage(path, { format: 'qcow2', backingFile: resolve(this.path), backingFormat: format ?? (await formatOf(this.path)) });
    await below.close();
    try { replaceable.image = await openImage(path, { format: 'qcow2', readOnly: false }); } catch (error) {
      replaceable.image = await openImage(this.path, { format, readOnly: false });
      await rm(path, { force: true });
      throw error;
    }
    this.below.push({ path: this.path, format: this.format });
    this.path = path;
    this.format = 'qcow2';
  }

  /** Lets others write to its image. Nothing is under way, until `takeUp`. */
  async release(): Promise<void> {
    const { image, readOnly } = this.replaceable;
    if (readOnly || this.isReleased) return;
    if (!image.readOnly) await image.flush();
    await image.close();
    this.isReleased = true;
  }

  /** Opens its image as it is now, unless it still has it. */
  async takeUp(): Promise<void> {
    const { replaceable, path, format } = this;
    if (replaceable.readOnly || !this.isReleased && !replaceable.image.readOnly) return;
    await this.release();
    replaceable.image = await openImage(path, { format, readOnly: false });
    this.isReleased = false;
  }

  /** Copies its image to one that was made for it, and from then on writes to both, until `dropMirror` or `useMirror`. */
  async mirrorTo(path: string, options: Progress): Promise<void> {
    const { replaceable } = this, mirror = new Mirror(replaceable.image, await openImage(path, { readOnly: false }));
    replaceable.mirror = mirror;
    await replaceable.settled();
    await mirror.copy(options).catch((error: unknown) => { throw notCopied(path, error, options); });
  }

  /** Nothing is under way: the other image is whole, and may be used. */
  async finishMirror(): Promise<void> {
    const { mirror } = this.replaceable;
    await mirror?.finish().catch((error: unknown) => { throw notCopied(mirror.target.path, error); });
  }

  async useMirror(): Promise<void> {
    const { replaceable } = this, { image, mirror } = replaceable;
    if (mirror === undefined) return;
    replaceable.mirror = undefined;
    replaceable.image = mirror.target;
    this.path = mirror.target.path;
    this.format = mirror.target.format;
    // What it was is nobody's any more, whatever becomes of closing it.
    await image.close().catch(() => undefined);
  }

  async dropMirror(): Promise<void> {
    const { mirror } = this.replaceable;
    this.replaceable.mirror = undefined;
    await mirror?.target.close().catch(() => undefined);
  }

  /** Takes the layer away again, to which nothing was written. */
  async removeLayer(): Promise<void> {
    const below = this.below.pop(), { replaceable, path } = this;
    if (below === undefined) return;
    await replaceable.image.close();
    replaceable.image = await openImage(below.path, { ...below, readOnly: false });
    await rm(path, { force: true });
    this.path = below.path;
    this.format = below.format;
  }
}

function notCopied(path: string, error: unknown, { signal }: Progress = {}): Error {
  if (signal?.aborted) return new EngineError('cancelled', 'The task was cancelled.');
  return error instanceof EngineError ? error : new EngineError('disk.not-copied', say`The disk could not be copied to ${path}: ${messageOf(error)}.`);
}

/** A CD drive as the board takes it. */
export class VmDrive {
  readonly bus = 'cdrom';
  medium: MeteredBackend | undefined;
  private path = '';
  private readonly spec: DiskSpec;

  private constructor(spec: DiskSpec) { this.spec = spec; }

  static async open(spec: DiskSpec): Promise<VmDrive> {
    const drive = new VmDrive(spec);
    if (spec.path !== '') await drive.change(spec.path, spec.format);
    return drive;
  }

  /** Takes another image, or none, and gives the one before, which is still open. */
  async change(path: string | undefined, format?: DiskSpec['format']): Promise<BlockBackend | undefined> {
    const next = path === undefined ? undefined : limited(await openImage(path, { format, readOnly: true }), this.spec), { medium } = this;
    this.medium = next;
    this.path = path ?? '';
    return medium;
  }

  /** Of the medium that is in it. */
  get stats(): DiskStats { return { path: this.path, bus: this.bus, ...this.medium?.counters() ?? noCounters() }; }
  async close(): Promise<void> { await this.medium?.close(); }
}

function limited(image: BlockBackend, { iopsLimit, bytesPerSecondLimit }: DiskSpec): MeteredBackend {
  const isLimited = iopsLimit !== undefined || bytesPerSecondLimit !== undefined;
  return metered(isLimited ? throttled(image, { iops: iopsLimit, bytesPerSecond: bytesPerSecondLimit }, timer) : image, timer);
}

async function formatOf(path: string): Promise<NonNullable<DiskSpec['format']>> {
  const image = await openImage(path, { readOnly: true });
  try { return image.format; } finally { await image.close(); }
}

export class VmDisks {
  /** Those that the VM was turned on with, in their order. */
  readonly fixed: readonly (VmDisk | VmDrive)[];
  readonly slots = new Map<number, VmDisk>();

  private readonly room: DiskRoom;

  private constructor(fixed: readonly (VmDisk | VmDrive)[], room: DiskRoom) {
    this.fixed = fixed;
    this.room = room;
  }

  /** All of them, or none with a reason; with `later` while another VM has them, until `takeUp`. */
  static async open(specs: readonly DiskSpec[], room: DiskRoom, { later = false }: { readonly later?: boolean } = {}): Promise<VmDisks> {
    const fixed: (VmDisk | VmDrive)[] = [], disks = new VmDisks(fixed, room), openDisk = (spec: DiskSpec) => (later ? VmDisk.openLater(spec, room) : VmDisk.open(spec, room));
    try {
      for (const spec of specs) {
        if (spec.cdrom) fixed.push(await VmDrive.open(spec));
        else if (spec.slot === undefined) fixed.push(await openDisk(spec));
        else disks.slots.set(spec.slot, await openDisk(spec));
      }
    } catch (error) {
      await disks.close();
      throw error;
    }
    return disks;
  }

  async openInSlot(slot: number, spec: DiskSpec): Promise<VmDisk> {
    if (spec.cdrom) throw new EngineError('disk.no-slot', 'A CD drive cannot be plugged in; a VM has those that it was turned on with.');
    if (this.slots.has(slot)) throw new EngineError('pci.slot-taken', say`There is something in PCI slot ${slot}.`);
    const disk = await VmDisk.open({ ...spec, slot }, this.room);
    this.slots.set(slot, disk);
    return disk;
  }

  async closeSlot(slot: number): Promise<void> {
    const disk = this.slots.get(slot);
    this.slots.delete(slot);
    await disk?.close();
  }

  /** By its number among the CD drives, from 0. */
  driveAt(number: number): VmDrive {
    const drives = this.fixed.filter(disk => disk.bus === 'cdrom'), drive = drives[number];
    if (drive === undefined) throw new EngineError('disk.no-drive', say`There is no CD drive ${number}; the VM has ${drives.length}.`);
    return drive;
  }

  /** A layer for each disk that has a path, in the order of `stats`: all of them, or none with a reason. Disks are idle. */
  async addLayers(paths: readonly (string | undefined)[]): Promise<void> {
    const added: VmDisk[] = [];
    try {
      for (const [at, disk] of this.all.entries()) {
        const path = paths[at];
        if (path === undefined || disk.bus === 'cdrom') continue;
        await disk.addLayer(path);
        added.push(disk);
      }
    } catch (error) {
      for (const disk of added) await disk.removeLayer();
      throw error;
    }
  }

  async removeLayers(paths: readonly (string | undefined)[]): Promise<void> {
    for (const [at, disk] of this.all.entries()) if (paths[at] !== undefined && disk.bus !== 'cdrom') await disk.removeLayer();
  }

  /**
   * Copies the image of each disk that has a path, in the order of `stats`, to that one while it is used; then both are written to, until
   * `useMirrors` or `dropMirrors`.
   */
  async mirrorTo(paths: readonly (string | undefined)[], { signal, progress }: Progress): Promise<void> {
    const chosen = this.all.flatMap((disk, at) => { const path = paths[at]; return path === undefined || disk.bus === 'cdrom' ? [] : [{ disk, path }]; });
    for (const [done, { disk, path }] of chosen.entries()) await disk.mirrorTo(path, { signal, progress: part => progress?.((done + part) / chosen.length) });
  }
  /** Disks are idle. */
  async finishMirrors(): Promise<void> { for (const disk of this.all) if (disk.bus !== 'cdrom') await disk.finishMirror(); }
  async useMirrors(): Promise<void> { for (const disk of this.all) if (disk.bus !== 'cdrom') await disk.useMirror(); }
  async dropMirrors(): Promise<void> { for (const disk of this.all) if (disk.bus !== 'cdrom') await disk.dropMirror(); }

  /** Another VM may have them. They are idle, until `takeUp`. */
  async release(): Promise<void> { for (const disk of this.all) if (disk.bus !== 'cdrom') await disk.release(); }
  async takeUp(): Promise<void> { for (const disk of this.all) if (disk.bus !== 'cdrom') await disk.takeUp(); }

  /** What was done with each, first those that are fixed, then by slot. */
  get stats(): readonly DiskStats[] { return this.all.map(disk => disk.stats); }

  async close(): Promise<void> { for (const disk of this.all) await disk.close(); }

  private get all(): readonly (VmDisk | VmDrive)[] { return [...this.fixed, ...[...this.slots].sort(([a], [b]) => a - b).map(([, disk]) => disk)]; }
}
