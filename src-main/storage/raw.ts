/**
 * Raw images: the file's bytes are the disk's. An ISO 9660 image is one that is only read, of blocks of 2048 bytes, whose
 * first volume descriptor is in block 16 (ECMA-119, 7.2 and 9.4). Node cannot punch holes: discarding does nothing, and zeroes are
 * stored.
 */
import { EngineError } from '../../shared/base/errors.ts';
import { say } from '../../shared/base/phrase.ts';
import type { DiskFormat, DiskImage, Extent, ImageDetails } from './block-backend.ts';
import { assertInside, unsupported, writeRefused } from './image-errors.ts';
import { ImageFile } from './image-file.ts';

export const SECTOR = 512;
const ZEROES = new Uint8Array(0x100000);
const ISO_BLOCK = 2048;
const ISO_IDENTIFIER = { offset: 16 * ISO_BLOCK + 1, text: 'CD001' } as const;

export class RawImage implements DiskImage {
  readonly format: DiskFormat;
  readonly path: string;
  readonly readOnly: boolean;
  private readonly file: ImageFile;
  private size: number;

  private constructor(file: ImageFile, format: DiskFormat) {
    this.file = file;
    this.format = format;
    this.path = file.path;
    this.readOnly = file.readOnly || format === 'iso';
    this.size = file.sizeBytes;
  }

  /** The file is the image's from then on, unless this throws. */
  static over(file: ImageFile): RawImage {
    checkSize(file, SECTOR);
    return new RawImage(file, 'raw');
  }

  static async overIso(file: ImageFile): Promise<RawImage> {
    checkSize(file, ISO_BLOCK);
    if (!await isIso(file)) throw unsupported(file.path, say`it has no ISO 9660 volume descriptor`);
    return new RawImage(file, 'iso');
  }

  static async open(path: string, options: { readonly readOnly: boolean }): Promise<RawImage> {
    const file = await ImageFile.open(path, options);
    try { return RawImage.over(file); } catch (error) { await file.close(); throw error; }
  }

  get sizeBytes(): number { return this.size; }

  async read(offset: number, into: Uint8Array): Promise<void> {
    assertInside(this, offset, into.length);
    await this.file.read(offset, into);
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    assertInside(this, offset, bytes.length);
    if (this.readOnly) throw writeRefused(this.path);
    await this.file.write(offset, bytes);
  }

  async flush(): Promise<void> { if (!this.readOnly) await this.file.sync(); }

  async zero(offset: number, length: number): Promise<void> {
    for (let at = 0; at < length; at += ZEROES.length) {
      await this.write(offset + at, ZEROES.subarray(0, Math.min(ZEROES.length, length - at)));
    }
  }

  /** The file stays as it is. */
  async discard(): Promise<void> {}

  /** What is a hole cannot be told. */
  extentAt(offset: number): Promise<Extent> { return Promise.resolve({ zero: false, length: this.size - offset }); }

  async details(): Promise<ImageDetails> { return { allocatedBytes: await this.file.allocatedBytes() }; }

  async grow(sizeBytes: number): Promise<void> {
    if (this.readOnly) throw writeRefused(this.path);
    await this.file.extend(sizeBytes);
    this.size = sizeBytes;
  }

  async close(): Promise<void> { await this.file.close(); }
}

export async function isIso(file: ImageFile): Promise<boolean> {
  const { offset, text } = ISO_IDENTIFIER, found = Buffer.alloc(text.length);
  await file.readPadded(offset, found);
  return found.toString('latin1') === text;
}

function checkSize(file: ImageFile, unit: number) {
  if (file.sizeBytes > 0 && file.sizeBytes % unit === 0) return;
  throw new EngineError('disk.size', say`The disk image ${file.path} has ${file.sizeBytes} bytes, which is not a positive multiple of ${unit}.`);
}
