/**
 * What a client's framebuffer holds, so that only what differs from it is sent. Pixels are 0x00RRGGBB. What an update is made of
 * is copied from the guest's memory at once, so that the guest may draw on while it is encoded.
 */
import { around, areaOf, bottom, right } from '../damage.ts';
import type { Rect } from '../screen-messages.ts';

/** Gives the pixels of `rect`, one row after the other. */
export type ReadPixels = (rect: Rect, into: Int32Array) => void;

/** A rectangle that has what was at (`fromX`, `fromY`) before. */
export interface Copy extends Rect { readonly fromX: number; readonly fromY: number }
export interface Changes { readonly copies: readonly Copy[]; readonly rects: readonly Rect[] }

const TILE = 64;
/** Below these nobody looks for what was scrolled: pixels that differ, and rows that are found again. */
const SCROLL_PIXELS = 16 * 1024, SCROLL_ROWS = 16;

/** Shared by all of a thread: it is filled and read at once. */
let fresh = new Int32Array(0);

export class Picture {
  readonly width: number;
  readonly height: number;
  readonly pixels: Int32Array;

  constructor(width: number, height: number) {
    this.width = width;
    this.height = height;
    this.pixels = new Int32Array(width * height);
  }

  get bounds(): Rect { return { x: 0, y: 0, width: this.width, height: this.height }; }

  /** Takes in what is within `damage`, and says what of it is new; all of `unknown` is, which the client does not have. Copies come before all others, in their order, so that they are looked for only as long as there are none. */
  update(read: ReadPixels, damage: readonly Rect[], unknown: readonly Rect[], findScrolls: boolean): Changes {
    const copies: Copy[] = [], rects: Rect[] = [];
    for (const rect of unknown) {
      this.load(read, rect);
      this.store(rect, rect);
      rects.push(rect);
    }
    for (const rect of damage) {
      this.load(read, rect);
      let changed = this.changed(rect);
      if (findScrolls && rects.length === 0 && changed.reduce((sum, each) => sum + areaOf(each), 0) >= SCROLL_PIXELS) {
        const copy = this.findScroll(rect, changed.reduce(around));
        if (copy !== undefined) {
          this.copy(copy);
          copies.push(copy);
          changed = this.changed(rect);
        }
      }
      for (const each of changed) this.store(rect, each);
      rects.push(...changed);
    }
    return { copies, rects };
  }

  private load(read: ReadPixels, rect: Rect) {
    if (fresh.length < areaOf(rect)) fresh = new Int32Array(areaOf(rect));
    read(rect, fresh);
  }

  private store(loaded: Rect, part: Rect) {
    for (let y = part.y; y < bottom(part); y++) {
      const from = (y - loaded.y) * loaded.width + part.x - loaded.x;
      this.pixels.set(fresh.subarray(from, from + part.width), y * this.width + part.x);
    }
  }

  /** Where what was loaded differs: rectangles within tiles, joined where they lie side by side. */
  private changed(rect: Rect): Rect[] {
    const all: Rect[] = [];
    let above: Rect[] = [];
    for (let y = rect.y; y < bottom(rect); y += TILE) {
      const height = Math.min(TILE, bottom(rect) - y), row: Rect[] = [];
      for (let x = rect.x; x < right(rect); x += TILE) {
        const part = this.changedIn(rect, { x, y, width: Math.min(TILE, right(rect) - x), height });
        if (part !== undefined) joinOrPush(row, part);
      }
      const here: Rect[] = [];
      for (const part of row) {
        const upper = above.find(each => worthJoining(each, part));
        if (upper === undefined) { all.push(part); here.push(part); continue; }
        const both = around(upper, part);
        all[all.indexOf(upper)] = both;
        above = above.filter(each => each !== upper);
        here.push(both);
      }
      above = here;
    }
    return all;
  }

  private changedIn(loaded: Rect, tile: Rect): Rect | undefined {
    const { pixels } = this, last = tile.width - 1;
    let minX = tile.width, maxX = -1, minY = -1, maxY = -1;
    for (let row = 0; row < tile.height; row++) {
      const mine = (tile.y + row) * this.width + tile.x, theirs = (tile.y + row - loaded.y) * loaded.width + tile.x - loaded.x;
      let from = 0;
      while (from <= last && pixels[mine + from] === fresh[theirs + from]) from++;
      if (from > last) continue;
      let to = last;
      while (to > maxX && pixels[mine + to] === fresh[theirs + to]) to--;
      if (from < minX) minX = from;
      if (to > maxX) maxX = to;
      if (minY < 0) minY = row;
      maxY = row;
    }
    return minY < 0 ? undefined : { x: tile.x + minX, y: tile.y + minY, width: maxX - minX + 1, height: maxY - minY + 1 };
  }

  /** Rows of what was loaded, in the columns and rows of `part`, that the client has some rows above or below. */
  private findScroll(loaded: Rect, part: Rect): Copy | undefined {
    const places = new Map<number, number>(), votes = new Map<number, number>();
    for (let y = part.y; y < bottom(part); y++) {
      const hash = hashOf(this.pixels, y * this.width + part.x, part.width);
      places.set(hash, places.has(hash) ? -1 : y);
    }
    const loadedAt = (y: number) => (y - loaded.y) * loaded.width + part.x - loaded.x;
    for (let y = part.y; y < bottom(part); y++) {
      const place = places.get(hashOf(fresh, loadedAt(y), part.width)) ?? -1;
      if (place >= 0 && place !== y) votes.set(place - y, (votes.get(place - y) ?? 0) + 1);
    }
    const [distance, count] = [...votes].reduce((best, each) => (each[1] > best[1] ? each : best), [0, 0]);
    if (count < SCROLL_ROWS / 2) return undefined;
    let best: Copy | undefined;
    for (let y = part.y, from = y; y <= bottom(part); y++) {
      const source = y + distance;
      if (y < bottom(part) && source >= 0 && source < this.height && this.sameRow(source * this.width + part.x, loadedAt(y), part.width)) continue;
      if (y - from >= Math.max(SCROLL_ROWS, (best?.height ?? 0) + 1)) best = { x: part.x, y: from, width: part.width, height: y - from, fromX: part.x, fromY: from + distance };
      from = y + 1;
    }
    return best;
  }

  private sameRow(mine: number, theirs: number, width: number): boolean {
    for (let at = 0; at < width; at++) if (this.pixels[mine + at] !== fresh[theirs + at]) return false;
    return true;
  }

  private copy({ x, y, width, height, fromX, fromY }: Copy) {
    for (let step = 0; step < height; step++) {
      const row = fromY > y ? step : height - 1 - step, from = (fromY + row) * this.width + fromX;
      this.pixels.copyWithin((y + row) * this.width + x, from, from + width);
    }
  }
}

/** Rectangles cost bytes of their own, and what lies between costs too. */
function worthJoining(a: Rect, b: Rect): boolean {
  return areaOf(around(a, b)) <= 1.25 * (areaOf(a) + areaOf(b)) + 256;
}

function joinOrPush(row: Rect[], part: Rect) {
  const before = row.at(-1);
  if (before !== undefined && worthJoining(before, part)) row[row.length - 1] = around(before, part);
  else row.push(part);
}

function hashOf(pixels: Int32Array, at: number, count: number): number {
  let hash = 0x811c_9dc5;
  for (let index = at; index < at + count; index++) hash = Math.imul(hash ^ pixels[index]!, 0x0100_0193) + (hash >>> 15) | 0;
  return hash;
}
