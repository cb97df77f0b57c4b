/** A 2D resource of a virtio GPU (virtio 1.2, 5.7.6.8): pixels in the host's memory, which the driver fills from pages of its own. */
import type { Rect, Surface } from '../../display/screen-messages.ts';
import type { Dma } from '../../memory/dma.ts';

export const PIXEL_BYTES = 4;
/** What one costs besides its pixels and its list of pages. */
const OWN_BYTES = 1024;
/** Address, length, and where it begins, of 8 bytes each. */
const PIECE_BYTES = 24;
const LITTLE_ENDIAN = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1;

/** To 0xAARRGGBB, from how the bytes of a pixel look as a little-endian word. */
type Conversion = 'none' | ((word: number) => number);
const SWAPPED: Conversion = word => word >>> 24 | word >>> 8 & 0xff00 | (word & 0xff00) << 8 | word << 24;
const RED_AND_BLUE_SWAPPED: Conversion = word => word & 0xff00_ff00 | word >>> 16 & 0xff | (word & 0xff) << 16;
const ALPHA_FIRST: Conversion = word => word >>> 8 | word << 24;

/** enum virtio_gpu_formats; names say the order of the bytes in memory. */
const FORMATS: Readonly<Record<number, { readonly conversion: Conversion; readonly hasAlpha: boolean }>> = {
  1: { conversion: 'none', hasAlpha: true }, // B8G8R8A8
  2: { conversion: 'none', hasAlpha: false }, // B8G8R8X8
  3: { conversion: SWAPPED, hasAlpha: true }, // A8R8G8B8
  4: { conversion: SWAPPED, hasAlpha: false }, // X8R8G8B8
  67: { conversion: RED_AND_BLUE_SWAPPED, hasAlpha: true }, // R8G8B8A8
  68: { conversion: ALPHA_FIRST, hasAlpha: false }, // X8B8G8R8
  121: { conversion: ALPHA_FIRST, hasAlpha: true }, // A8B8G8R8
  134: { conversion: RED_AND_BLUE_SWAPPED, hasAlpha: false }, // R8G8B8X8
};

export const isFormat = (format: number): boolean => format in FORMATS;

/** Guest memory in pieces, each an address and a length in bytes. */
export type Backing = readonly (readonly [address: number, length: number])[];

export interface GpuResourceState { readonly id: number; readonly format: number; readonly width: number; readonly height: number; readonly pixels: Uint8Array; readonly backing: Backing | null }

export class GpuResource {
  readonly id: number;
  readonly format: number;
  readonly width: number;
  readonly height: number;
  /** As a `Surface` has them, in rows without gaps; the highest byte is alpha where the format has that. */
  readonly memory: SharedArrayBuffer;
  private readonly pixels: Uint8Array;
  private pieces: Backing | undefined;
  /** Where each piece begins, and at last where they end. */
  private starts = new Float64Array(1);

  /** Throws a RangeError where the host has no such memory. */
  constructor({ id, format, width, height }: Pick<GpuResourceState, 'id' | 'format' | 'width' | 'height'>) {
    this.id = id;
    this.format = format;
    this.width = width;
    this.height = height;
    this.memory = new SharedArrayBuffer(width * height * PIXEL_BYTES);
    this.pixels = new Uint8Array(this.memory);
  }

  static restored(state: GpuResourceState): GpuResource {
    const resource = new GpuResource(state);
    resource.pixels.set(state.pixels);
    resource.backing = state.backing ?? undefined;
    return resource;
  }

  /** Host memory that one of this size takes. */
  static bytesOf(width: number, height: number): number { return width * height * PIXEL_BYTES + OWN_BYTES; }
  static backingBytes(pieces: number): number { return pieces * PIECE_BYTES; }
  get bytes(): number { return GpuResource.bytesOf(this.width, this.height) + GpuResource.backingBytes(this.pieces?.length ?? 0); }

  get backing(): Backing | undefined { return this.pieces; }
  set backing(pieces: Backing | undefined) {
    this.pieces = pieces;
    this.starts = new Float64Array((pieces?.length ?? 0) + 1);
    pieces?.forEach(([, length], n) => { this.starts[n + 1] = this.starts[n]! + length; });
  }

  contains({ x, y, width, height }: Rect): boolean { return width > 0 && height > 0 && x + width <= this.width && y + height <= this.height; }

  surface({ x, y, width, height }: Rect): Surface {
    const strideBytes = this.width * PIXEL_BYTES;
    return { pixels: this.memory, offset: y * strideBytes + x * PIXEL_BYTES, strideBytes, width, height };
  }

  /** A copy of its first pixels, opaque where the format has no alpha. */
  copy(width: number, height: number): Uint8Array<ArrayBuffer> {
    const rowBytes = width * PIXEL_BYTES, strideBytes = this.width * PIXEL_BYTES, copy = new Uint8Array(rowBytes * height);
    for (let row = 0; row < height; row++) copy.set(this.pixels.subarray(row * strideBytes, row * strideBytes + rowBytes), row * rowBytes);
    if (!FORMATS[this.format]!.hasAlpha) for (let alpha = 3; alpha < copy.length; alpha += PIXEL_BYTES) copy[alpha] = 0xff;
    return copy;
  }

  /** Takes a part from the backing, where rows are as long as the resource's and the part begins `offset` bytes in. False when it is not in memory, or there is none. */
  transfer(dma: Dma, { x, y, width, height }: Rect, offset: number): boolean {
    const strideBytes = this.width * PIXEL_BYTES, rowBytes = width * PIXEL_BYTES, { conversion } = FORMATS[this.format]!, to = y * strideBytes + x * PIXEL_BYTES;
    if (offset + (height - 1) * strideBytes + rowBytes > (this.starts.at(-1) ?? 0)) return false;
    if (conversion === 'none' && rowBytes === strideBytes) return this.read(dma, offset, this.pixels.subarray(to, to + height * rowBytes));
    for (let row = 0; row < height; row++) {
      const into = this.pixels.subarray(to + row * strideBytes, to + row * strideBytes + rowBytes);
      if (!this.read(dma, offset + row * strideBytes, into)) return false;
      if (conversion !== 'none') convert(into, conversion);
    }
    return true;
  }

  private read(dma: Dma, offset: number, into: Uint8Array): boolean {
    let piece = this.pieceAt(offset);
    for (let at = 0; at < into.length; piece++) {
      const [address, length] = this.pieces![piece]!, skip = offset + at - this.starts[piece]!, part = Math.min(length - skip, into.length - at);
      if (!dma.read(address + skip, into.subarray(at, at + part))) return false;
      at += part;
    }
    return true;
  }

  /** The last one that begins at or before an offset. */
  private pieceAt(offset: number): number {
    let low = 0, high = this.starts.length - 1;
    while (high - low > 1) {
      const middle = low + high >> 1;
      if (this.starts[middle]! <= offset) low = middle; else high = middle;
    }
    return low;
  }

  save(): GpuResourceState { return { id: this.id, format: this.format, width: this.width, height: this.height, pixels: new Uint8Array(this.pixels), backing: this.pieces ?? null }; }
}

function convert(bytes: Uint8Array, conversion: (word: number) => number): void {
  if (LITTLE_ENDIAN) {
    const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / PIXEL_BYTES);
    for (let n = 0; n < words.length; n++) words[n] = conversion(words[n]!);
    return;
  }
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0; at < bytes.length; at += PIXEL_BYTES) words.setUint32(at, conversion(words.getUint32(at, true)), true);
}
