/** The Tight encoding (of rfbproto): fill, palettes and copied pixels in zlib streams of their own. JPEG, which loses, is never sent. */
import { ByteWriter } from './byte-writer.ts';
import type { Encoder } from './encoder.ts';
import { Palette } from './palette.ts';
import type { PixelWriter } from './pixel-format.ts';
import { Encoding } from './protocol.ts';
import { ZlibStream } from './zlib-stream.ts';

/** Compression control: in its low four bits streams to reset, in its high four the way. */
const FILL = 0x80, FILTER = 0x40;
const PALETTE_FILTER = 1;
/** Of the streams, which are for pixels, for indexes of one bit, and of eight. */
const COPY = 0, MONO = 1, INDEXED = 2;
/** Fewer bytes go uncompressed. */
const LEAST_COMPRESSED = 12;
const MAX_PALETTE = 256;

export class Tight implements Encoder {
  readonly encoding = Encoding.tight;
  readonly maxWidth = 2048;
  readonly maxPixels = 2 ** 16;
  private readonly palette = new Palette();
  private readonly streams: (ZlibStream | undefined)[] = [];
  /** Those whose next use says that they begin anew. */
  private resets = 0;
  private level: number;

  constructor(level: number) { this.level = level; }

  async encode(out: ByteWriter, { tight, full }: PixelWriter, values: Uint32Array, width: number, height: number): Promise<void> {
    const { palette } = this, pixels = width * height;
    // An index is worth it where pixels are longer, and there are fewer of them in the palette than in the picture.
    const few = palette.fill(values, width, 0, 0, width, height, full.bytes === 1 ? 2 : Math.min(MAX_PALETTE, Math.max(2, pixels >> 2)));
    if (few && palette.count === 1) {
      out.u8(FILL);
      const at = out.reserve(tight.bytes);
      tight.pack(values, 0, 1, out.target, at);
      return;
    }
    if (few) await this.putIndexed(out, values, width, height, (to, at) => tight.pack(palette.values, 0, palette.count, to, at), tight.bytes);
    else {
      const bytes = new Uint8Array(pixels * tight.bytes);
      tight.pack(values, 0, pixels, bytes, 0);
      this.control(out, COPY, 0);
      await this.putData(out, COPY, bytes);
    }
  }

  /** Streams begin anew with it, which the client is told. */
  setLevel(level: number): Promise<void> {
    if (level === this.level) return Promise.resolve();
    this.level = level;
    this.streams.forEach((stream, at) => {
      if (stream === undefined) return;
      stream.close();
      this.streams[at] = undefined;
      this.resets |= 1 << at;
    });
    return Promise.resolve();
  }

  close(): void { for (const stream of this.streams) stream?.close(); }

  private control(out: ByteWriter, stream: number, filter: number) {
    out.u8(this.resets | stream << 4 | filter);
    this.resets = 0;
  }

  private async putIndexed(out: ByteWriter, values: Uint32Array, width: number, height: number, pack: (to: Uint8Array, at: number) => void, pixelBytes: number) {
    const { palette } = this, mono = palette.count === 2, stream = mono ? MONO : INDEXED;
    this.control(out, stream, FILTER);
    out.u8(PALETTE_FILTER).u8(palette.count - 1);
    const at = out.reserve(palette.count * pixelBytes);
    pack(out.target, at);
    await this.putData(out, stream, mono ? this.bits(values, width, height) : Uint8Array.from({ length: width * height }, (_, index) => palette.indexOf(values[index]!)));
  }

  /** One bit for each pixel, rows in whole bytes. */
  private bits(values: Uint32Array, width: number, height: number): Uint8Array {
    const rowBytes = Math.ceil(width / 8), bytes = new Uint8Array(rowBytes * height), zero = this.palette.values[0]!;
    for (let y = 0; y < height; y++) {
      for (let x = 0; x < width; x++) if (values[y * width + x] !== zero) bytes[y * rowBytes + (x >> 3)]! |= 128 >> (x & 7);
    }
    return bytes;
  }

  private async putData(out: ByteWriter, stream: number, bytes: Uint8Array) {
    if (bytes.length < LEAST_COMPRESSED) { out.bytes(bytes); return; }
    const compressed = await (this.streams[stream] ??= new ZlibStream(this.level)).compress(bytes);
    putCompactLength(out, compressed.length);
    out.bytes(compressed);
  }
}

/** 7, 7 and 8 bits, the lowest first; a byte's highest bit says that another follows. */
function putCompactLength(out: ByteWriter, length: number) {
  if (length < 0x80) out.u8(length);
  else if (length < 0x4000) out.u8(length & 0x7f | 0x80).u8(length >> 7);
  else out.u8(length & 0x7f | 0x80).u8(length >> 7 & 0x7f | 0x80).u8(length >> 14);
}
