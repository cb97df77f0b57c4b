/** A guest's cursor, as clients that draw it themselves get it, and drawn into the picture for those that do not. */
import { intersection } from '../damage.ts';
import type { CursorShape, Rect } from '../screen-messages.ts';
import type { ByteWriter } from './byte-writer.ts';
import type { PixelWriter } from './pixel-format.ts';
import { Encoding } from './protocol.ts';

/** No shape: the guest shows none, or draws its own. */
const NOTHING: CursorShape = { width: 0, height: 0, hotX: 0, hotY: 0, pixels: new Uint8Array(0) };
/** Of a mask of one bit, from which alpha on a pixel is there. */
const OPAQUE = 128;

/** Appends a rectangle of the best of the encodings that the client has. False when it has none. */
export function putCursor(out: ByteWriter, shape: CursorShape = NOTHING, encodings: ReadonlySet<number>, pixels: PixelWriter): boolean {
  const { width, height, hotX, hotY } = shape, count = width * height;
  const header = (encoding: number) => out.u16(hotX).u16(hotY).u16(width).u16(height).u32(encoding);
  if (encodings.has(Encoding.cursorWithAlpha)) {
    header(Encoding.cursorWithAlpha).u32(Encoding.raw);
    putRgba(out, shape.pixels, count, value => value);
    return true;
  }
  if (encodings.has(Encoding.vmwareCursor)) {
    header(Encoding.vmwareCursor).u8(1).u8(0);
    putRgba(out, shape.pixels, count, (value, alpha) => (alpha === 0 ? 0 : Math.min(255, Math.round(value * 255 / alpha))));
    return true;
  }
  if (!encodings.has(Encoding.cursor)) return false;
  header(Encoding.cursor);
  const words = new Int32Array(count), values = new Uint32Array(count), maskBytes = Math.ceil(width / 8), mask = new Uint8Array(maskBytes * height);
  for (let at = 0; at < count; at++) {
    const [blue, green, red, alpha] = shape.pixels.subarray(at * 4, at * 4 + 4) as unknown as [number, number, number, number];
    if (alpha < OPAQUE) continue;
    words[at] = red << 16 | green << 8 | blue;
    mask[Math.trunc(at / width) * maskBytes + (at % width >> 3)]! |= 128 >> (at % width & 7);
  }
  pixels.translate(words, width, 0, 0, width, height, values);
  const at = out.reserve(count * pixels.full.bytes);
  pixels.full.pack(values, 0, count, out.target, at);
  out.bytes(mask);
  return true;
}

function putRgba(out: ByteWriter, pixels: Uint8Array, count: number, value: (component: number, alpha: number) => number) {
  for (let at = 0; at < count * 4; at += 4) {
    const alpha = pixels[at + 3]!;
    out.u8(value(pixels[at + 2]!, alpha)).u8(value(pixels[at + 1]!, alpha)).u8(value(pixels[at]!, alpha)).u8(alpha);
  }
}

/** Draws one that covers `whole` into the pixels of `rect`. */
export function drawCursor(shape: CursorShape, whole: Rect, rect: Rect, into: Int32Array): void {
  const part = intersection(whole, rect);
  if (part === undefined) return;
  for (let y = part.y; y < part.y + part.height; y++) {
    for (let x = part.x; x < part.x + part.width; x++) {
      const from = ((y - whole.y) * shape.width + x - whole.x) * 4, to = (y - rect.y) * rect.width + x - rect.x, below = into[to]!, rest = 255 - shape.pixels[from + 3]!;
      const mix = (own: number, shift: number) => Math.min(255, own + Math.round((below >> shift & 255) * rest / 255)) << shift;
      into[to] = mix(shape.pixels[from + 2]!, 16) | mix(shape.pixels[from + 1]!, 8) | mix(shape.pixels[from]!, 0);
    }
  }
}
