/** A console's text drawn on a screen, in characters of 8 by 16 pixels, in the middle of it. */
import { inflateRawSync } from 'node:zlib';
import { GLYPHS } from './font.ts';
import type { FirmwareScreen } from './protocols/graphics.ts';
import type { TextMode, TextView } from './text-screen.ts';

const WIDTH = 8, HEIGHT = 16, RECORD = 2 + HEIGHT, PIXEL = 4;
const STANDARD: TextMode = { columns: 80, rows: 25 };
/** Modes that UEFI names (12.4), of which the second has a height that few screens have. */
const NAMED: readonly TextMode[] = [{ columns: 80, rows: 50 }, { columns: 100, rows: 31 }];
/** EFI's colours as screens have had them since the CGA. */
const COLORS = [0x000000, 0x0000aa, 0x00aa00, 0x00aaaa, 0xaa0000, 0xaa00aa, 0xaa5500, 0xaaaaaa, 0x555555, 0x5555ff, 0x55ff55, 0x55ffff, 0xff5555, 0xff55ff, 0xffff55, 0xffffff] as const;
const CURSOR_ROWS = 2;

let glyphs: ReadonlyMap<string, Uint8Array> | undefined;
function glyphOf(char: string): Uint8Array {
  if (glyphs === undefined) {
    const bytes = inflateRawSync(Buffer.from(GLYPHS, 'base64'));
    glyphs = new Map(Array.from({ length: bytes.length / RECORD }, (_, n) => [String.fromCharCode(bytes.readUInt16LE(n * RECORD)), bytes.subarray(n * RECORD + 2, (n + 1) * RECORD)]));
  }
  return glyphs.get(char) ?? glyphs.get('?')!;
}

/** Those that the screen has room for, and those that all consoles have. */
export function textModes(screen: FirmwareScreen | undefined): readonly TextMode[] {
  const fits = ({ columns, rows }: TextMode) => screen !== undefined && columns * WIDTH <= screen.width && rows * HEIGHT <= screen.height;
  return [STANDARD, ...NAMED.filter(fits)];
}

export class ScreenView implements TextView {
  private readonly screen: FirmwareScreen;
  private readonly words: Uint32Array;
  private cursorAt: { readonly column: number; readonly row: number } | undefined;
  private size: TextMode = STANDARD;

  constructor(screen: FirmwareScreen) {
    this.screen = screen;
    const { pixels: { buffer, byteOffset, byteLength } } = screen;
    this.words = new Uint32Array(buffer, byteOffset, byteLength / PIXEL);
  }

  resize(size: TextMode): void { this.size = size; }

  put(column: number, row: number, char: string, attribute: number): void {
    this.hideCursor();
    const glyph = glyphOf(char), ink = COLORS[attribute & 0xf]!, paper = COLORS[attribute >> 4 & 7]!, stride = this.screen.strideBytes / PIXEL, start = this.start(column, row);
    if (start < 0) return;
    for (let y = 0; y < HEIGHT; y++) for (let x = 0; x < WIDTH; x++) this.words[start + y * stride + x] = (glyph[y]! & 0x80 >> x) !== 0 ? ink : paper;
    this.drawn(column, row, 1, 1);
  }

  scroll(attribute: number): void {
    this.hideCursor();
    const { columns, rows } = this.size, stride = this.screen.strideBytes / PIXEL, from = this.start(0, 0), width = columns * WIDTH;
    if (from < 0) return;
    for (let y = 0; y < rows * HEIGHT; y++) {
      const at = from + y * stride;
      if (y < (rows - 1) * HEIGHT) this.words.copyWithin(at, at + HEIGHT * stride, at + HEIGHT * stride + width);
      else this.words.fill(COLORS[attribute >> 4 & 7]!, at, at + width);
    }
    this.drawn(0, 0, columns, rows);
  }

  clear(attribute: number): void {
    this.cursorAt = undefined;
    this.words.fill(COLORS[attribute >> 4 & 7]!);
    this.screen.drawn(0, 0, this.screen.width, this.screen.height);
  }

  cursor(column: number, row: number, isVisible: boolean): void {
    this.hideCursor();
    if (!isVisible) return;
    this.cursorAt = { column, row };
    this.invertCursor();
  }

  private hideCursor() {
    if (this.cursorAt !== undefined) this.invertCursor();
    this.cursorAt = undefined;
  }

  private invertCursor() {
    const { column, row } = this.cursorAt!, stride = this.screen.strideBytes / PIXEL, start = this.start(column, row);
    if (start < 0) return;
    for (let y = HEIGHT - CURSOR_ROWS; y < HEIGHT; y++) for (let x = 0; x < WIDTH; x++) this.words[start + y * stride + x]! ^= 0xaaaaaa;
    this.drawn(column, row, 1, 1);
  }

  /** The first pixel of a character's place; below 0 for one that the screen does not have. */
  private start(column: number, row: number): number {
    const { width, height, strideBytes } = this.screen, x = this.left + column * WIDTH, y = this.top + row * HEIGHT;
    return x < 0 || y < 0 || x + WIDTH > width || y + HEIGHT > height ? -1 : y * strideBytes / PIXEL + x;
  }
  private get left() { return Math.floor((this.screen.width - this.size.columns * WIDTH) / 2); }
  private get top() { return Math.floor((this.screen.height - this.size.rows * HEIGHT) / 2); }
  private drawn(column: number, row: number, columns: number, rows: number) { this.screen.drawn(this.left + column * WIDTH, this.top + row * HEIGHT, columns * WIDTH, rows * HEIGHT); }
}
