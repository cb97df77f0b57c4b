/** Regions cover what was added, within bounds of their own, and give it back in parts. */
import { expect, test } from 'vitest';
import { areaOf, intersection, Region, without } from './damage.ts';
import type { Rect } from './screen-messages.ts';

const SIZE = 60;
let state = 1;
const next = (below: number) => { state = Math.imul(state, 1_103_515_245) + 12_345 >>> 0; return (state >>> 8) % below; };
const randomRect = (most: number): Rect => { const x = next(SIZE), y = next(SIZE); return { x, y, width: 1 + next(Math.min(most, SIZE - x)), height: 1 + next(Math.min(most, SIZE - y)) }; };
const cells = (rects: readonly Rect[]) => {
  const all = new Set<number>();
  for (const { x, y, width, height } of rects) for (let row = y; row < y + height; row++) for (let column = x; column < x + width; column++) all.add(row * SIZE + column);
  return all;
};

test('a region covers all that was added, and gives each part once it is asked for', () => {
  for (let round = 0; round < 200; round++) {
    const region = new Region(), added = Array.from({ length: 1 + next(80) }, () => randomRect(round % 2 === 0 ? 4 : SIZE));
    for (const rect of added) region.add(rect);
    region.add({ x: 3, y: 3, width: 0, height: 5 });
    const before = cells(region.rects), wanted = cells(added);
    expect(region.rects.length).toBeLessThanOrEqual(24);
    expect([...wanted].every(cell => before.has(cell))).toBe(true);
    const within = randomRect(SIZE), taken = cells(region.take(within)), rest = cells(region.rects);
    expect([...taken].every(cell => cells([within]).has(cell))).toBe(true);
    expect([...wanted].every(cell => taken.has(cell) || rest.has(cell))).toBe(true);
    expect(region.take({ x: 0, y: 0, width: SIZE, height: SIZE }).length > 0).toBe(rest.size > 0);
    expect(region.isEmpty).toBe(true);
  }
});

test('what lies apart stays apart', () => {
  const region = new Region();
  region.add({ x: 0, y: 0, width: 2, height: 2 });
  region.add({ x: 50, y: 50, width: 2, height: 2 });
  region.add({ x: 2, y: 0, width: 2, height: 2 });
  expect(region.rects.map(areaOf).toSorted()).toEqual([4, 8]);
  expect(region.touches({ x: 10, y: 10, width: 30, height: 30 })).toBe(false);
});

test('a rectangle without a hole is what is left around it', () => {
  for (let round = 0; round < 200; round++) {
    const rect = randomRect(SIZE), hole = randomRect(SIZE), rest = without(rect, hole), cut = intersection(rect, hole);
    expect(rest.reduce((sum, each) => sum + areaOf(each), 0)).toBe(areaOf(rect) - (cut ? areaOf(cut) : 0));
    expect(cells(rest).size).toBe(areaOf(rect) - (cut ? areaOf(cut) : 0));
  }
});
