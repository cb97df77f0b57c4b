/** Compressed clusters: raw deflate or a zstd frame each, not aligned, and followed by whatever comes next. */
import { promisify } from 'node:util';
import { constants, deflateRaw, inflateRaw, zstdCompress, zstdDecompress } from 'node:zlib';
import { damaged } from '../image-errors.ts';
import type { ImageFile } from '../image-file.ts';
import { roundUp } from './header.ts';
import type { Refcounts } from './refcounts.ts';
import { say } from '../../../shared/base/phrase.ts';

const CACHED = 8;
/** QEMU inflates with a window of 4 KiB. */
const WINDOW_BITS = 12;
const ZSTD_MAGIC = 0xfd2fb528, FRAME_HEADER_BYTES = 5;

const inflate = promisify(inflateRaw), deflate = promisify(deflateRaw);
const unpack: (bytes: Uint8Array, options: { maxOutputLength: number }) => Promise<Buffer> = promisify(zstdDecompress);
const pack: (bytes: Uint8Array) => Promise<Buffer> = promisify(zstdCompress);

export type Compression = 'zlib' | 'zstd';

export async function compress(bytes: Uint8Array, how: Compression): Promise<Buffer> {
  return how === 'zlib' ? deflate(bytes, { windowBits: WINDOW_BITS, level: 6 }) : pack(bytes);
}

/** The last few that were read, decompressed. */
export class CompressedReader {
  private readonly file: ImageFile;
  private readonly clusterBytes: number;
  private readonly how: Compression;
  private readonly recent = new Map<number, Promise<Buffer>>();

  constructor(file: ImageFile, clusterBytes: number, how: Compression) {
    this.file = file;
    this.clusterBytes = clusterBytes;
    this.how = how;
  }

  read({ offset, length }: { readonly offset: number; readonly length: number }): Promise<Buffer> {
    const known = this.recent.get(offset);
    if (known !== undefined) return known;
    const bytes = this.decompress(offset, length);
    this.recent.set(offset, bytes);
    bytes.catch(() => this.recent.delete(offset));
    for (const old of this.recent.keys()) if (this.recent.size > CACHED) this.recent.delete(old);
    return bytes;
  }

  /** Its place may become something else's. */
  forget(offset: number): void { this.recent.delete(offset); }

  private async decompress(offset: number, length: number): Promise<Buffer> {
    if (offset + length > this.file.sizeBytes + 511) throw damaged(this.file.path, say`a compressed cluster does not lie within the file`);
    const bytes = Buffer.alloc(length);
    await this.file.readPadded(offset, bytes);
    const whole = await this.expand(bytes).catch(() => { throw damaged(this.file.path, say`a compressed cluster cannot be decompressed`); });
    if (whole.length !== this.clusterBytes) throw damaged(this.file.path, say`a compressed cluster is too short`);
    return whole;
  }

  private async expand(bytes: Buffer): Promise<Buffer> {
    const options = { maxOutputLength: this.clusterBytes };
    return this.how === 'zlib' ? inflate(bytes, { ...options, finishFlush: constants.Z_SYNC_FLUSH }) : unpack(firstFrame(bytes), options);
  }
}

/** The frame at the beginning, without what follows it (RFC 8878, 3.1.1). */
function firstFrame(bytes: Buffer): Buffer {
  if (bytes.readUInt32LE(0) !== ZSTD_MAGIC) throw new Error('no frame');
  const descriptor = bytes[4]!, single = descriptor >> 5 & 1, sizeFlag = descriptor >> 6;
  let at = FRAME_HEADER_BYTES + (single === 1 ? 0 : 1) + [0, 1, 2, 4][descriptor & 3]! + (sizeFlag === 0 ? single : 2 ** sizeFlag);
  for (let last = false; !last;) {
    const block = bytes.readUIntLE(at, 3), isRepeated = (block >> 1 & 3) === 1;
    last = (block & 1) === 1;
    at += 3 + (isRepeated ? 1 : block >> 3);
  }
  return bytes.subarray(0, at + ((descriptor >> 2 & 1) === 1 ? 4 : 0));
}

/** Where compressed clusters go, one behind the other; each cluster of the file counts those that reach into it. */
export class CompressedPlacer {
  private readonly refcounts: Refcounts;
  private readonly clusterBytes: number;
  private end = 0;

  constructor(refcounts: Refcounts, clusterBytes: number) {
    this.refcounts = refcounts;
    this.clusterBytes = clusterBytes;
  }

  /** Behind the one before, if that leaves room or the next cluster of the file is free. */
  async place(length: number): Promise<number> {
    const room = roundUp(this.end, this.clusterBytes) - this.end, first = Math.floor(this.end / this.clusterBytes);
    const fresh = length > room ? await this.refcounts.allocate() : undefined;
    const continues = room > 0 && await this.refcounts.get(first) < this.refcounts.maxCount && (fresh === undefined || fresh === (first + 1) * this.clusterBytes);
    const at = continues ? this.end : fresh ?? await this.refcounts.allocate();
    if (continues) await this.refcounts.change(first, 1);
    this.end = at + length;
    return at;
  }
}
