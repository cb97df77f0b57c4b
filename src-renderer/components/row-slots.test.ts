import { expect, test } from 'vitest';
import { RowSlots } from './row-slots.ts';

test('rows keep their elements while they are in view, and those that come take the elements of those that left', () => {
  const slots = new RowSlots(), before = slots.place(['a', 'b', 'c']), after = slots.place(['b', 'c', 'd']);
  expect(after.slice(0, 2)).toEqual(before.slice(1));
  expect(after[2]).toBe(before[0]);
  expect(slots.place(['new', 'b', 'c', 'd']).slice(1)).toEqual(after);
});

test('as many elements as rows were ever in view at once are enough', () => {
  const slots = new RowSlots(), seen = new Set<number>();
  for (let top = 0; top < 1000; top += 7) for (const slot of slots.place(Array.from({ length: 30 }, (_, at) => top + at))) seen.add(slot);
  expect(seen.size).toBe(30);
});

test('an element that has the focus is not given to another row', () => {
  const slots = new RowSlots(), [focused] = slots.place([1, 2, 3]);
  expect(slots.place([4, 5, 6], focused)).not.toContain(focused);
});
