/** How a client wants its pixels (RFC 6143, 7.4), made of 0x00RRGGBB. */
import { ProtocolError } from './byte-reader.ts';
import type { ByteWriter } from './byte-writer.ts';

/** Pixels of a client that wants a colour map: 3 bits of red, 3 of green, 2 of blue. */
const MAPPED = { redMax: 7, greenMax: 7, blueMax: 3, redShift: 5, greenShift: 2, blueShift: 0 };

export interface PixelFormat {
  readonly bitsPerPixel: 8 | 16 | 32;
  readonly depth: number;
  readonly bigEndian: boolean;
  readonly trueColour: boolean;
  readonly redMax: number;
  readonly greenMax: number;
  readonly blueMax: number;
  readonly redShift: number;
  readonly greenShift: number;
  readonly blueShift: number;
}

export const PIXEL_FORMAT_BYTES = 16;
/** That of surfaces. */
export const NATIVE: PixelFormat = { bitsPerPixel: 32, depth: 24, bigEndian: false, trueColour: true, redMax: 255, greenMax: 255, blueMax: 255, redShift: 16, greenShift: 8, blueShift: 0 };

/** Throws a ProtocolError for one that is not legal. */
export function readPixelFormat(bytes: Buffer): PixelFormat {
  const bitsPerPixel = bytes[0]!, depth = bytes[1]!, common = { depth, bigEndian: bytes[2] !== 0 };
  if (bitsPerPixel !== 8 && bitsPerPixel !== 16 && bitsPerPixel !== 32) throw new ProtocolError(`${bitsPerPixel} bits per pixel`);
  if (bytes[3] === 0) return { ...common, ...MAPPED, bitsPerPixel, trueColour: false };
  const format: PixelFormat = {
    ...common, bitsPerPixel, trueColour: true, redMax: bytes.readUInt16BE(4), greenMax: bytes.readUInt16BE(6), blueMax: bytes.readUInt16BE(8),
    redShift: bytes[10]!, greenShift: bytes[11]!, blueShift: bytes[12]!,
  };
  for (const [max, shift] of [[format.redMax, format.redShift], [format.greenMax, format.greenShift], [format.blueMax, format.blueShift]] as const) {
    if ((max & max + 1) !== 0 || max === 0 || shift >= bitsPerPixel || max * 2 ** shift >= 2 ** bitsPerPixel) throw new ProtocolError('pixel format');
  }
  return format;
}

export function writePixelFormat(out: ByteWriter, format: PixelFormat): void {
  out.u8(format.bitsPerPixel).u8(format.depth).u8(Number(format.bigEndian)).u8(Number(format.trueColour));
  out.u16(format.redMax).u16(format.greenMax).u16(format.blueMax).u8(format.redShift).u8(format.greenShift).u8(format.blueShift).zeros(3);
}

/** Of a client that wants a colour map: red, green and blue of 16 bits, for each of 256 pixel values. */
export function colourMap(): readonly (readonly [number, number, number])[] {
  const wide = (value: number, max: number) => Math.round(value * 65535 / max);
  return Array.from({ length: 256 }, (_, pixel) => [wide(pixel >> 5, 7), wide(pixel >> 2 & 7, 7), wide(pixel & 3, 3)] as const);
}

/** Puts `count` pixel values from `from` on into `out`, at `at`. */
export type Packer = (values: Uint32Array, from: number, count: number, out: Uint8Array, at: number) => void;

/** Pixels of one kind in bytes: full ones, ZRLE's compact ones, Tight's. */
export interface PixelBytes { readonly bytes: number; readonly pack: Packer }

/** What a format makes of pixels. */
export class PixelWriter {
  readonly format: PixelFormat;
  /** PIXEL, CPIXEL (RFC 6143, 7.7.5) and TPIXEL (the Tight encoding's). */
  readonly full: PixelBytes;
  readonly compact: PixelBytes;
  readonly tight: PixelBytes;
  private readonly red: Uint32Array;
  private readonly green: Uint32Array;
  private readonly blue: Uint32Array;
  private readonly isNative: boolean;

  constructor(format: PixelFormat) {
    this.format = format;
    const { bitsPerPixel, bigEndian, redMax, greenMax, blueMax, redShift, greenShift, blueShift } = format;
    const table = (max: number, shift: number) => Uint32Array.from({ length: 256 }, (_, value) => Math.round(value * max / 255) * 2 ** shift);
    this.red = table(redMax, redShift);
    this.green = table(greenMax, greenShift);
    this.blue = table(blueMax, blueShift);
    this.isNative = redMax === 255 && greenMax === 255 && blueMax === 255 && redShift === 16 && greenShift === 8 && blueShift === 0;
    this.full = { bytes: bitsPerPixel / 8, pack: packer(bitsPerPixel / 8, bigEndian, 0) };
    const used = (redMax * 2 ** redShift | greenMax * 2 ** greenShift | blueMax * 2 ** blueShift) >>> 0;
    const threeBytes = bitsPerPixel === 32 && format.depth <= 24 && format.trueColour;
    this.compact = threeBytes && used < 2 ** 24 ? { bytes: 3, pack: packer(3, bigEndian, 0) }
      : threeBytes && [redShift, greenShift, blueShift].every(shift => shift >= 8) ? { bytes: 3, pack: packer(3, bigEndian, 8) } : this.full;
    this.tight = threeBytes && format.depth === 24 && redMax === 255 && greenMax === 255 && blueMax === 255 ? { bytes: 3, pack: packRgb(redShift, greenShift, blueShift) } : this.full;
  }

  /** Pixel values of a rectangle of `pixels`, whose rows are `stride` pixels long, one row after the other in `into`. */
  translate(pixels: Int32Array, stride: number, x: number, y: number, width: number, height: number, into: Uint32Array): void {
    const { red, green, blue, isNative } = this;
    for (let row = 0, to = 0; row < height; row++) {
      const from = (y + row) * stride + x;
      if (isNative) {
        for (let at = from; at < from + width; at++) into[to++] = pixels[at]!;
      } else {
        for (let at = from; at < from + width; at++) {
          const pixel = pixels[at]!;
          into[to++] = red[pixel >> 16 & 255]! | green[pixel >> 8 & 255]! | blue[pixel & 255]!;
        }
      }
    }
  }
}

function packer(bytes: number, bigEndian: boolean, shift: number): Packer {
  return (values, from, count, out, at) => {
    for (let index = from, to = at; index < from + count; index++, to += bytes) {
      const value = values[index]! >>> shift;
      if (bytes === 1) out[to] = value;
      else if (bytes === 2) {
        out[to] = bigEndian ? value >>> 8 : value;
        out[to + 1] = bigEndian ? value : value >>> 8;
      } else if (bytes === 3) {
        out[to] = bigEndian ? value >>> 16 : value;
        out[to + 1] = value >>> 8;
        out[to + 2] = bigEndian ? value : value >>> 16;
      } else if (bigEndian) {
        out[to] = value >>> 24;
        out[to + 1] = value >>> 16;
        out[to + 2] = value >>> 8;
        out[to + 3] = value;
      } else {
        out[to] = value;
        out[to + 1] = value >>> 8;
        out[to + 2] = value >>> 16;
        out[to + 3] = value >>> 24;
      }
    }
  };
}

const packRgb = (redShift: number, greenShift: number, blueShift: number): Packer => (values, from, count, out, at) => {
  for (let index = from, to = at; index < from + count; index++, to += 3) {
    const value = values[index]!;
    out[to] = value >>> redShift;
    out[to + 1] = value >>> greenShift;
    out[to + 2] = value >>> blueShift;
  }
};
