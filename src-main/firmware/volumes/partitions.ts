/**
 * The parts of a disk: a GUID partition table, the boot images of a CD or an MBR, whichever is found first. Starts and lengths are in the disk's sectors.
 * What does not lie within the disk is no part of it.
 */
import { readElTorito } from './el-torito.ts';
import { readGpt } from './gpt.ts';
import { mbrPartitions, parseMbr, PROTECTIVE } from './mbr.ts';
import { DeviceBytes, type SectorDevice } from './sector-device.ts';

export type Partition = {
  readonly device: SectorDevice;
  /** From 1, as operating systems count. */
  readonly number: number;
  readonly startSector: number;
  readonly sectorCount: number;
} & (
  | { readonly kind: 'gpt'; readonly typeGuid: string; readonly uniqueGuid: string; readonly name: string }
  /** The signature is the disk's, of 32 bits. */
  | { readonly kind: 'mbr'; readonly type: number; readonly signature: number }
  /** The entry of the boot catalog, from 0, and its platform: 0xef is UEFI. */
  | { readonly kind: 'el-torito'; readonly bootEntry: number; readonly platform: number }
);

export async function readPartitions(device: SectorDevice): Promise<readonly Partition[]> {
  if (device.sectorCount < 2 || device.sectorBytes < 512) return [];
  const mbr = parseMbr(await new DeviceBytes(device).read(0, 512)), isProtective = mbr?.entries.some(({ type }) => type === PROTECTIVE) ?? false;
  const found = (isProtective ? await readGpt(device) : undefined) ?? await readElTorito(device);
  return found ?? (mbr === undefined || isProtective ? [] : await mbrPartitions(device, mbr));
}
