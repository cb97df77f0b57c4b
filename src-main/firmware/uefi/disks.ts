/** The disks that firmware finds, their partitions and file systems, as ranges of sectors. Nothing is open between two calls. */
import { assert } from '../../../shared/base/errors.ts';
import { openVolume } from '../volumes/open-volume.ts';
import { readPartitions } from '../volumes/partitions.ts';
import type { SectorDevice } from '../volumes/sector-device.ts';
import type { Volume } from '../volumes/volume.ts';
import { cdrom, hardDrive, type DevicePath } from './device-path.ts';

/** What firmware needs of an image; `storage` has it. */
export interface DiskMedium { readonly sizeBytes: number; readonly readOnly: boolean; read(offset: number, into: Uint8Array): Promise<void>; write(offset: number, bytes: Uint8Array): Promise<void>; flush(): Promise<void> }

/** A disk or a drive, in its place on the board. */
export interface FirmwareDisk {
  readonly name: string;
  readonly path: DevicePath;
  readonly isCdrom: boolean;
  /** What is in it now. */
  readonly medium: () => DiskMedium | undefined;
}

/** All of a disk, or a partition of it. */
export interface DiskRange { readonly disk: number; readonly startSector: number; readonly sectorCount: number; readonly isPartition: boolean }
export interface DisksState { readonly known: readonly [bigint, DiskRange][]; readonly media: readonly { readonly bytes: number; readonly id: number }[] }

/** What was found on a disk. */
export interface FoundRange { readonly range: DiskRange; readonly path: DevicePath }

const CD_BLOCK = 2048, DISK_BLOCK = 512;

export class Disks {
  private disks: readonly FirmwareDisk[] = [];
  /** Ranges by the addresses of their interfaces. */
  private known = new Map<bigint, DiskRange>();
  private volumes = new Map<string, Promise<Volume | undefined>>();
  /** Of each disk: how large its medium was when it was last looked at, and its number. */
  private media: { bytes: number; id: number }[] = [];

  /** Those that the machine has now. */
  take(disks: readonly FirmwareDisk[]): void {
    this.disks = disks;
    this.media = disks.map(disk => ({ bytes: disk.medium()?.sizeBytes ?? -1, id: 1 }));
  }

  get count(): number { return this.disks.length; }
  disk(number: number): FirmwareDisk {
    const disk = this.disks[number];
    assert(disk !== undefined, 'the disk is there');
    return disk;
  }

  facts({ disk }: DiskRange): { readonly removable: boolean; readonly readOnly: boolean; readonly isPresent: boolean; readonly blockBytes: number } {
    const { isCdrom, medium } = this.disk(disk), image = medium();
    return { removable: isCdrom, readOnly: isCdrom || (image?.readOnly ?? true), isPresent: image !== undefined, blockBytes: isCdrom ? CD_BLOCK : DISK_BLOCK };
  }

  /** Another one once another medium is in the drive. */
  mediaId({ disk }: DiskRange): number {
    const known = this.media[disk]!, bytes = this.disk(disk).medium()?.sizeBytes ?? -1;
    if (bytes !== known.bytes) {
      this.media[disk] = { bytes, id: known.id + 1 };
      this.volumes = new Map([...this.volumes].filter(([key]) => !key.startsWith(`${disk}:`)));
    }
    return this.media[disk]!.id;
  }

  know(address: bigint, range: DiskRange): void { this.known.set(address, range); }
  at(address: bigint): DiskRange | undefined { return this.known.get(address); }

  whole(disk: number): DiskRange {
    const { isCdrom, medium } = this.disk(disk);
    return { disk, startSector: 0, sectorCount: Math.floor((medium()?.sizeBytes ?? 0) / (isCdrom ? CD_BLOCK : DISK_BLOCK)), isPartition: false };
  }

  /** The disk itself, then its partitions. What cannot be read has none. */
  async find(disk: number): Promise<FoundRange[]> {
    const range = this.whole(disk), { path } = this.disk(disk);
    if (range.sectorCount === 0) return [{ range, path }];
    const partitions = await readPartitions(this.device(range)).catch(() => []);
    return [{ range, path }, ...partitions.map(partition => {
      const { number, startSector, sectorCount } = partition;
      const node = partition.kind === 'el-torito' ? cdrom(partition.bootEntry, startSector, sectorCount) : hardDrive({ number, startSector, sectorCount, signature: partition.kind === 'gpt' ? partition.uniqueGuid : partition.signature });
      return { range: { disk, startSector, sectorCount, isPartition: true }, path: [...path, node] };
    })];
  }

  /** The file system in a range, if there is one that is known. */
  volume(range: DiskRange): Promise<Volume | undefined> {
    const key = `${range.disk}:${range.startSector}:${this.mediaId(range)}`;
    let volume = this.volumes.get(key);
    if (volume === undefined) this.volumes.set(key, volume = openVolume(this.device(range)).catch(() => undefined));
    return volume;
  }

  async readBytes(range: DiskRange, offset: number, length: number): Promise<Uint8Array> {
    const bytes = new Uint8Array(length), medium = this.disk(range.disk).medium();
    assert(medium !== undefined, 'a medium is in the drive');
    await medium.read(range.startSector * this.facts(range).blockBytes + offset, bytes);
    return bytes;
  }

  /** What file systems remember of the disk may be wrong then. */
  async writeBytes(range: DiskRange, offset: number, bytes: Uint8Array): Promise<void> {
    const medium = this.disk(range.disk).medium();
    assert(medium !== undefined, 'a medium is in the drive');
    await medium.write(range.startSector * this.facts(range).blockBytes + offset, bytes);
    this.forget();
  }

  async flush({ disk }: DiskRange): Promise<void> { await this.disk(disk).medium()?.flush(); }

  /** An OS has the disks now. */
  forget(): void { this.volumes = new Map(); }

  reset(): void {
    this.known = new Map();
    this.forget();
  }
  save(): DisksState { return { known: [...this.known], media: this.media }; }
  restore(state: DisksState): void {
    this.known = new Map(state.known);
    this.media = [...state.media];
    this.forget();
  }

  private device(range: DiskRange): SectorDevice {
    const { blockBytes: sectorBytes, readOnly } = this.facts(range);
    return {
      sectorBytes, sectorCount: range.sectorCount, readOnly,
      read: (sector, count) => sector + count > range.sectorCount ? Promise.reject(new Error('beyond the end')) : this.readBytes(range, sector * sectorBytes, count * sectorBytes),
      write: async (sector, bytes) => {
        const medium = this.disk(range.disk).medium();
        if (medium === undefined || sector * sectorBytes + bytes.length > range.sectorCount * sectorBytes) throw new Error('beyond the end');
        await medium.write((range.startSector + sector) * sectorBytes, bytes);
      },
      flush: () => this.flush(range),
    };
  }
}

