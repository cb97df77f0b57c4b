/**
 * The disks of a running VM: each image opened, limited and counted, in its place on the board or in a slot. A snapshot puts a new
 * layer on top of each image while the devices go on with what they have.
 */
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { EngineError } from '../../shared/base/errors.ts';
import type { DiskBus, DiskSpec } from '../../shared/model/vm.ts';
import type { BlockBackend } from '../storage/block-backend.ts';
import { createImage } from '../storage/image-operations.ts';
import { metered, type BlockCounters, type MeteredBackend } from '../storage/metered.ts';
import { openImage } from '../storage/open-image.ts';
import { throttled, type Timer } from '../storage/throttled.ts';
import { hostNowNs } from '../time/host-time.ts';

const timer: Timer = { get nowNs() { return hostNowNs(); }, sleep: async ns => { await wait(ns / 1e6); } };

/** A backend whose image can be another one from some moment on. */
class Replaceable implements BlockBackend {
  image: BlockBackend;
  constructor(image: BlockBackend) { this.image = image; }
  get sizeBytes(): number { return this.image.sizeBytes; }
  get readOnly(): boolean { return this.image.readOnly; }
  read(offset: number, into: Uint8Array): Promise<void> { return this.image.read(offset, into); }
  write(offset: number, bytes: Uint8Array): Promise<void> { return this.image.write(offset, bytes); }
  flush(): Promise<void> { return this.image.flush(); }
  zero(offset: number, length: number): Promise<void> { return this.image.zero(offset, length); }
  discard(offset: number, length: number): Promise<void> { return this.image.discard(offset, length); }
  close(): Promise<void> { return this.image.close(); }
}

/** One disk as the board takes it. */
export class VmDisk {
  readonly bus: DiskBus;
  readonly medium: MeteredBackend;
  private path: string;
  private format: DiskSpec['format'];
  private readonly replaceable: Replaceable;
  /** Images under the layers that were added. */
  private readonly below: { readonly path: string; readonly format: DiskSpec['format'] }[] = [];

  private constructor({ path, format, bus = 'virtio', iopsLimit, bytesPerSecondLimit }: DiskSpec, image: BlockBackend) {
    this.bus = bus;
    this.path = path;
    this.format = format;
    this.replaceable = new Replaceable(image);
    const isLimited = iopsLimit !== undefined || bytesPerSecondLimit !== undefined;
    this.medium = metered(isLimited ? throttled(this.replaceable, { iops: iopsLimit, bytesPerSecond: bytesPerSecondLimit }, timer) : this.replaceable, timer);
  }

  static async open(spec: DiskSpec): Promise<VmDisk> { return new VmDisk(spec, await openImage(spec.path, spec)); }

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

async function formatOf(path: string): Promise<NonNullable<DiskSpec['format']>> {
  const image = await openImage(path, { readOnly: true });
  try { return image.format; } finally { await image.close(); }
}

export class VmDisks {
  /** Those that the VM was turned on with, in their order. */
  readonly fixed: readonly VmDisk[];
  readonly slots = new Map<number, VmDisk>();

  private constructor(fixed: readonly VmDisk[]) { this.fixed = fixed; }

  /** All of them, or none with a reason. */
  static async open(specs: readonly DiskSpec[]): Promise<VmDisks> {
    const fixed: VmDisk[] = [], disks = new VmDisks(fixed);
    try {
      for (const spec of specs) {
        const disk = await VmDisk.open(spec);
        if (spec.slot === undefined) fixed.push(disk);
        else disks.slots.set(spec.slot, disk);
      }
    } catch (error) {
      await disks.close();
      throw error;
    }
    return disks;
  }

  async openInSlot(slot: number, spec: DiskSpec): Promise<VmDisk> {
    if (this.slots.has(slot)) throw new EngineError('pci.slot-taken', `There is something in PCI slot ${slot}.`);
    const disk = await VmDisk.open(spec);
    this.slots.set(slot, disk);
    return disk;
  }

  async closeSlot(slot: number): Promise<void> {
    const disk = this.slots.get(slot);
    this.slots.delete(slot);
    await disk?.medium.close();
  }

  /** A layer for each disk that has a path, in the order of `counters`: all of them, or none with a reason. Disks are idle. */
  async addLayers(paths: readonly (string | undefined)[]): Promise<void> {
    const added: VmDisk[] = [];
    try {
      for (const [at, disk] of this.all.entries()) {
        const path = paths[at];
        if (path === undefined) continue;
        await disk.addLayer(path);
        added.push(disk);
      }
    } catch (error) {
      for (const disk of added) await disk.removeLayer();
      throw error;
    }
  }

  async removeLayers(paths: readonly (string | undefined)[]): Promise<void> {
    for (const [at, disk] of this.all.entries()) if (paths[at] !== undefined) await disk.removeLayer();
  }

  /** What was done with each, first those that are fixed, then by slot. */
  get counters(): readonly BlockCounters[] { return this.all.map(disk => disk.medium.counters()); }

  async close(): Promise<void> { for (const disk of this.all) await disk.medium.close(); }

  private get all(): readonly VmDisk[] { return [...this.fixed, ...[...this.slots].sort(([a], [b]) => a - b).map(([, disk]) => disk)]; }
}
