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
