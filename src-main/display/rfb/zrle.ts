/** ZRLE (RFC 6143, 7.7.6): tiles of 64 by 64 with palettes and run lengths, in one zlib stream. */
import { ByteWriter } from './byte-writer.ts';
import type { Encoder } from './encoder.ts';
import { Palette } from './palette.ts';
import type { PixelBytes, PixelWriter } from './pixel-format.ts';
import { Encoding } from './protocol.ts';
import { ZlibStream } from './zlib-stream.ts';

const TILE = 64;
const MAX_PACKED = 16, MAX_PALETTE = 127;
const PLAIN_RLE = 128;

export class Zrle implements Encoder {
  readonly encoding = Encoding.zrle;
  readonly maxWidth = 4096;
  readonly maxPixels = 2 ** 18;
  private readonly zlib: ZlibStream;
  private readonly palette = new Palette();

  constructor(level: number) { this.zlib = new ZlibStream(level); }

  async encode(out: ByteWriter, { compact }: PixelWriter, values: Uint32Array, width: number, height: number): Promise<void> {
    const tiles = new ByteWriter(width * height);
    for (let y = 0; y < height; y += TILE) {
      for (let x = 0; x < width; x += TILE) this.tile(tiles, compact, values, width, x, y, Math.min(TILE, width - x), Math.min(TILE, height - y));
    }
    const compressed = await this.zlib.compress(tiles.take());
    out.u32(compressed.length).bytes(compressed);
  }

  setLevel(level: number): Promise<void> { return this.zlib.setLevel(level); }
  close(): void { this.zlib.close(); }

  private tile(out: ByteWriter, pixel: PixelBytes, values: Uint32Array, stride: number, x: number, y: number, width: number, height: number) {
    const { palette } = this, pixels = width * height, few = palette.fill(values, stride, x, y, width, height, MAX_PALETTE);
    if (few && palette.count === 1) {
      out.u8(1);
      this.putPalette(out, pixel);
      return;
    }
    const { runs, singles } = countRuns(values, stride, x, y, width, height);
    // In bytes, of each way; long runs take a little more.
    const raw = pixels * pixel.bytes, plainRuns = (runs + singles) * (pixel.bytes + 1);
    const paletteBytes = palette.count * pixel.bytes, paletteRuns = few ? paletteBytes + 2 * runs + singles : Infinity;
    const bits = palette.count <= 2 ? 1 : palette.count <= 4 ? 2 : 4, rowBytes = Math.ceil(width * bits / 8);
    const packed = few && palette.count <= MAX_PACKED ? paletteBytes + rowBytes * height : Infinity;
    const least = Math.min(raw, plainRuns, paletteRuns, packed);
    if (least === packed) {
      out.u8(palette.count);
      this.putPalette(out, pixel);
      this.putPacked(out, values, stride, x, y, width, height, bits);
    } else if (least === paletteRuns || least === plainRuns) {
      const indexed = least === paletteRuns;
      out.u8(indexed ? PLAIN_RLE + palette.count : PLAIN_RLE);
      if (indexed) this.putPalette(out, pixel);
      this.putRuns(out, pixel, values, stride, x, y, width, height, indexed);
    } else {
      out.u8(0);
      for (let row = y; row < y + height; row++) {
        const at = out.reserve(width * pixel.bytes);
        pixel.pack(values, row * stride + x, width, out.target, at);
      }
    }
  }

  private putPalette(out: ByteWriter, pixel: PixelBytes) {
    const at = out.reserve(this.palette.count * pixel.bytes);
    pixel.pack(this.palette.values, 0, this.palette.count, out.target, at);
  }

  private putPacked(out: ByteWriter, values: Uint32Array, stride: number, x: number, y: number, width: number, height: number, bits: number) {
    for (let row = y; row < y + height; row++) {
      let byte = 0, filled = 0;
      for (let at = row * stride + x, end = at + width; at < end; at++) {
        byte = byte << bits | this.palette.indexOf(values[at]!);
        filled += bits;
        if (filled < 8) continue;
        out.u8(byte);
        byte = filled = 0;
      }
      if (filled > 0) out.u8(byte << 8 - filled);
    }
  }

  /** Runs go on over the ends of rows. */
  private putRuns(out: ByteWriter, pixel: PixelBytes, values: Uint32Array, stride: number, x: number, y: number, width: number, height: number, indexed: boolean) {
    const one = new Uint32Array(1);
    const put = (value: number, length: number) => {
      if (indexed) {
        const index = this.palette.indexOf(value);
        if (length === 1) { out.u8(index); return; }
        out.u8(index | 128);
      } else {
        one[0] = value;
        const at = out.reserve(pixel.bytes);
        pixel.pack(one, 0, 1, out.target, at);
      }
      let left = length - 1;
      for (; left >= 255; left -= 255) out.u8(255);
      out.u8(left);
    };
    let value = values[y * stride + x]!, length = 0;
    for (let row = y; row < y + height; row++) {
      for (let at = row * stride + x, end = at + width; at < end; at++) {
        const next = values[at]!;
        if (next === value) { length++; continue; }
        put(value, length);
        value = next;
        length = 1;
      }
    }
    put(value, length);
  }
}

/** Runs of two and more, and pixels that stand alone. */
function countRuns(values: Uint32Array, stride: number, x: number, y: number, width: number, height: number): { readonly runs: number; readonly singles: number } {
  let runs = 0, singles = 0, length = 0, value = values[y * stride + x]!;
  for (let row = y; row < y + height; row++) {
    for (let at = row * stride + x, end = at + width; at < end; at++) {
      const next = values[at]!;
      if (next === value) { length++; continue; }
      if (length === 1) singles++; else runs++;
      value = next;
      length = 1;
    }
  }
  if (length === 1) singles++; else runs++;
  return { runs, singles };
}
