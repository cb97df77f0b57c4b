/** Finds what changed of a framebuffer that guest code writes to as it likes, by a copy of how it was. */
import type { Rect, Surface } from '../display/screen-messages.ts';

const PIXEL_BYTES = 4, TILE_WIDTH = 64, TILE_HEIGHT = 16;

export class FramebufferWatch {
  private readonly surface: Surface;
  private readonly now: Uint8Array;
  private readonly then: Uint8Array;

  constructor(surface: Surface) {
    this.surface = surface;
    this.now = new Uint8Array(surface.pixels, surface.offset, surface.strideBytes * surface.height);
    this.then = this.now.slice();
  }

  /** Parts that are not as they were at the last call: for each band of lines one, as wide as it has to be. */
  changed(): Rect[] {
    const { height } = this.surface, rects: Rect[] = [];
    for (let y = 0; y < height; y += TILE_HEIGHT) {
      const rect = this.changedIn(y, Math.min(TILE_HEIGHT, height - y));
      if (rect !== undefined) rects.push(rect);
    }
    return rects;
  }

  private changedIn(y: number, height: number): Rect | undefined {
    const { strideBytes, width } = this.surface, from = y * strideBytes, to = from + height * strideBytes;
    if (Buffer.compare(this.now.subarray(from, to), this.then.subarray(from, to)) === 0) return undefined;
    let first = width, end = 0;
    for (let x = 0; x < width; x += TILE_WIDTH) {
      if (!this.tileChanged(x, y, height)) continue;
      first = Math.min(first, x);
      end = Math.min(width, x + TILE_WIDTH);
    }
    this.then.set(this.now.subarray(from, to), from);
    return end > first ? { x: first, y, width: end - first, height } : { x: 0, y, width, height };
  }

  private tileChanged(x: number, y: number, height: number): boolean {
    const { strideBytes, width } = this.surface, bytes = Math.min(TILE_WIDTH, width - x) * PIXEL_BYTES;
    for (let line = y; line < y + height; line++) {
      const at = line * strideBytes + x * PIXEL_BYTES;
      if (Buffer.compare(this.now.subarray(at, at + bytes), this.then.subarray(at, at + bytes)) !== 0) return true;
    }
    return false;
  }
}
