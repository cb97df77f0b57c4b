/** Encodings of rectangles. An encoder is a client's own for as long as it is connected, as zlib streams go on from one rectangle to the next. */
import type { ByteWriter } from './byte-writer.ts';
import type { PixelWriter } from './pixel-format.ts';
import { Encoding } from './protocol.ts';
import { Tight } from './tight.ts';
import { Zrle } from './zrle.ts';

export interface Encoder {
  readonly encoding: number;
  /** A larger rectangle is sent as several. */
  readonly maxWidth: number;
  readonly maxPixels: number;
  /** Appends what follows a rectangle's header. `values` are its pixel values, as `pixels` has translated them, one row after the other. */
  encode(out: ByteWriter, pixels: PixelWriter, values: Uint32Array, width: number, height: number): Promise<void>;
  /** Of zlib, 1 to 9. */
  setLevel(level: number): Promise<void>;
  close(): void;
}

class Raw implements Encoder {
  readonly encoding = Encoding.raw;
  readonly maxWidth = 65535;
  readonly maxPixels = 2 ** 22;

  encode(out: ByteWriter, { full }: PixelWriter, values: Uint32Array, width: number, height: number): Promise<void> {
    const at = out.reserve(width * height * full.bytes);
    full.pack(values, 0, width * height, out.target, at);
    return Promise.resolve();
  }

  setLevel(): Promise<void> { return Promise.resolve(); }
  close(): void { /* holds nothing */ }
}

const MAKERS = { [Encoding.raw]: () => new Raw(), [Encoding.tight]: (level: number) => new Tight(level), [Encoding.zrle]: (level: number) => new Zrle(level) };
export type PictureEncoding = keyof typeof MAKERS;

/** Whether there is an encoder for it. */
export const isPictureEncoding = (encoding: number): encoding is PictureEncoding => Object.hasOwn(MAKERS, encoding);

/** A new one, with zlib's level. */
export const makeEncoder = (encoding: PictureEncoding, level: number): Encoder => MAKERS[encoding](level);
