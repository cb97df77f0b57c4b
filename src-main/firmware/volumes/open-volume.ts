/** Finds out which file system a device has. */
import { FatVolume } from './fat/fat-volume.ts';
import { IsoVolume } from './iso/iso-volume.ts';
import type { SectorDevice } from './sector-device.ts';
import type { Volume } from './volume.ts';

export interface VolumeOptions {
  /** What files that are written have as their time. */
  readonly nowMs?: () => number;
}

/** Undefined where there is no file system that we know, or one too damaged to be read. */
export async function openVolume(device: SectorDevice, { nowMs = Date.now }: VolumeOptions = {}): Promise<Volume | undefined> {
  return await FatVolume.open(device, nowMs) ?? await IsoVolume.open(device);
}
