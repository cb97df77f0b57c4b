/** A head as a PNG. */
import { encode } from 'fast-png';
import type { ScreenshotOptions } from './display-messages.ts';
import { drawCursor } from './rfb/cursor.ts';
import type { Head } from './screen.ts';

/** With the guest's cursor, 8 bits a colour. */
export function screenshot(head: Head, { maxWidth = Infinity, maxHeight = Infinity }: ScreenshotOptions): Uint8Array {
  const { width, height } = head.size, all = { x: 0, y: 0, width, height }, pixels = new Int32Array(width * height);
  head.read(all, pixels);
  if (head.cursor && head.cursorCovers) drawCursor(head.cursor, head.cursorCovers, all, pixels);
  const scale = Math.min(1, maxWidth / width, maxHeight / height), toWidth = Math.max(1, Math.round(width * scale)), toHeight = Math.max(1, Math.round(height * scale));
  return encode({ width: toWidth, height: toHeight, channels: 3, depth: 8, data: scaled(pixels, width, height, toWidth, toHeight) });
}

/** Red, green and blue; each pixel is the mean of those that it stands for (a box filter). */
function scaled(pixels: Int32Array, width: number, height: number, toWidth: number, toHeight: number): Uint8Array {
  const out = new Uint8Array(toWidth * toHeight * 3);
  for (let y = 0, to = 0; y < toHeight; y++) {
    const fromY = Math.trunc(y * height / toHeight), endY = Math.max(fromY + 1, Math.trunc((y + 1) * height / toHeight));
    for (let x = 0; x < toWidth; x++) {
      const fromX = Math.trunc(x * width / toWidth), endX = Math.max(fromX + 1, Math.trunc((x + 1) * width / toWidth)), count = (endX - fromX) * (endY - fromY);
      let red = 0, green = 0, blue = 0;
      for (let row = fromY; row < endY; row++) {
        for (let at = row * width + fromX, end = row * width + endX; at < end; at++) {
          const pixel = pixels[at]!;
          red += pixel >> 16 & 255;
          green += pixel >> 8 & 255;
          blue += pixel & 255;
        }
      }
      out[to++] = Math.round(red / count);
      out[to++] = Math.round(green / count);
      out[to++] = Math.round(blue / count);
    }
  }
  return out;
}
