import { expect, test } from 'vitest';
import { best, fuzzyScore } from './fuzzy.ts';

const find = (typed: string) => best(typed, ['Power On', 'Power Off', 'Take Snapshot…', 'web-01', 'old-web', 'Theme: Dark'], text => text, 9);

test('beginnings come before words, words before what is inside them, and gaps last', () => {
  expect(find('web')).toEqual(['web-01', 'old-web']);
  expect(find('on')[0]).toBe('Power On');
  expect(find('tksn')).toEqual(['Take Snapshot…']);
});

test('every word must fit', () => {
  expect([find('power off'), find('dark theme'), find('power web')]).toEqual([['Power Off'], ['Theme: Dark'], []]);
  expect(fuzzyScore('xyz', 'web')).toBeUndefined();
});
