/** Parts of a picture, as few rectangles: what was drawn anew, or is asked for. In pixels. */
import type { Rect } from './screen-messages.ts';

/** More are made fewer, by taking in what lies between. */
const MAX_RECTS = 24;

export const right = (rect: Rect): number => rect.x + rect.width;
export const bottom = (rect: Rect): number => rect.y + rect.height;
export const areaOf = (rect: Rect): number => rect.width * rect.height;
export const rectOf = (x: number, y: number, toX: number, toY: number): Rect => ({ x, y, width: toX - x, height: toY - y });

/** The part that both have, or undefined. */
export function intersection(a: Rect, b: Rect): Rect | undefined {
  const x = Math.max(a.x, b.x), y = Math.max(a.y, b.y), toX = Math.min(right(a), right(b)), toY = Math.min(bottom(a), bottom(b));
  return toX > x && toY > y ? rectOf(x, y, toX, toY) : undefined;
}

/** The least rectangle around both. */
export const around = (a: Rect, b: Rect): Rect => rectOf(Math.min(a.x, b.x), Math.min(a.y, b.y), Math.max(right(a), right(b)), Math.max(bottom(a), bottom(b)));

export const contains = (outer: Rect, inner: Rect): boolean => inner.x >= outer.x && inner.y >= outer.y && right(inner) <= right(outer) && bottom(inner) <= bottom(outer);

/** Up to four rectangles: `rect` without what `hole` covers. */
export function without(rect: Rect, hole: Rect): Rect[] {
  const cut = intersection(rect, hole);
  if (cut === undefined) return [rect];
  return [
    rectOf(rect.x, rect.y, right(rect), cut.y), rectOf(rect.x, bottom(cut), right(rect), bottom(rect)),
    rectOf(rect.x, cut.y, cut.x, bottom(cut)), rectOf(right(cut), cut.y, right(rect), bottom(cut)),
  ].filter(({ width, height }) => width > 0 && height > 0);
}

/** Covers at least what was added, and bounded in its length. Rectangles may overlap. */
export class Region {
  private list: Rect[] = [];

  get isEmpty(): boolean { return this.list.length === 0; }
  get rects(): readonly Rect[] { return this.list; }

  add(rect: Rect): void {
    if (!(rect.width > 0 && rect.height > 0) || this.list.some(own => contains(own, rect))) return;
    this.list = this.list.filter(own => !contains(rect, own));
    let added = rect;
    // Whoever costs nothing more together goes together.
    for (let at = 0; at < this.list.length;) {
      const own = this.list[at]!, both = around(own, added);
      if (areaOf(both) > areaOf(own) + areaOf(added)) { at++; continue; }
      this.list.splice(at, 1);
      added = both;
      at = 0;
    }
    this.list.push(added);
    while (this.list.length > MAX_RECTS) this.joinTwo();
  }

  clear(): void { this.list = []; }

  /** Whether any of it lies within. */
  touches(within: Rect): boolean { return this.list.some(own => intersection(own, within) !== undefined); }

  /** Gives what lies within, and keeps the rest. */
  take(within: Rect): Rect[] {
    const all = this.list, taken = all.flatMap(own => intersection(own, within) ?? []);
    this.list = [];
    for (const own of all) for (const rest of without(own, within)) this.add(rest);
    return taken;
  }

  /** Joins the newest with whom it wastes the least. */
  private joinTwo() {
    const added = this.list.pop()!;
    let best = 0, least = Infinity;
    this.list.forEach((own, at) => {
      const waste = areaOf(around(own, added)) - areaOf(own) - areaOf(added);
      if (waste < least) { least = waste; best = at; }
    });
    const both = around(this.list[best]!, added);
    this.list = this.list.filter((own, at) => at !== best && !contains(both, own));
    this.list.push(both);
  }
}
