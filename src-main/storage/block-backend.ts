/** A disk image of any format. Offsets and lengths are in bytes, within the image. A failure rejects. */
export interface BlockBackend {
  /** A multiple of 512. */
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  read(offset: number, into: Uint8Array): Promise<void>;
  write(offset: number, bytes: Uint8Array): Promise<void>;
  /** Resolves when all that was written before is durable. */
  flush(): Promise<void>;
  /** Makes a range read as zeroes. */
  zero(offset: number, length: number): Promise<void>;
  /** The contents of a range are no longer needed. */
  discard(offset: number, length: number): Promise<void>;
  close(): Promise<void>;
}

export const DISK_FORMATS = ['raw', 'qcow2', 'vmdk', 'iso'] as const;
export type DiskFormat = typeof DISK_FORMATS[number];

/** Bytes from some offset on that are of one kind: known to be zero without a look at them, or perhaps not. */
export interface Extent { readonly zero: boolean; readonly length: number }

export interface SnapshotInfo { readonly id: string; readonly name: string; readonly sizeBytes: number; readonly dateMs: number; readonly vmStateBytes: number }

/** What an operator may want to know of an image besides its size. */
export interface ImageDetails {
  /** Bytes on the host's disk. */
  readonly allocatedBytes: number;
  /** What is mapped at once: a cluster or a grain. */
  readonly clusterBytes?: number;
  /** A version or a kind, in the format's own words. */
  readonly variant?: string;
  readonly backingFile?: string;
  readonly snapshots?: readonly SnapshotInfo[];
  readonly dirty?: boolean;
  readonly corrupt?: boolean;
}

/** A backend that is a file (or several) of a known format. */
export interface DiskImage extends BlockBackend {
  readonly path: string;
  readonly format: DiskFormat;
  readonly backing?: DiskImage | undefined;
  extentAt(offset: number): Promise<Extent>;
  details(): Promise<ImageDetails>;
}
