import { expect, test } from 'vitest';
import { nearest, summaryOf, timeTicks, toCsv } from './chart.ts';

const line = (name: string, ...points: [number, number][]) => ({ key: name, name, points: points.map(([x, y]) => ({ x, y })) });

test('the axis of time has round times, and few of them', () => {
  const from = new Date(2026, 10, 20, 10, 7, 30).getTime();
  expect(timeTicks(from, from + 5 * 60_000).map(ms => new Date(ms).toTimeString().slice(0, 8))).toEqual(['10:08:00', '10:09:00', '10:10:00', '10:11:00', '10:12:00']);
  for (const span of [3000, 3600_000, 86_400_000, 7 * 86_400_000, 365 * 86_400_000]) expect(timeTicks(from, from + span).length).toBeLessThanOrEqual(8);
  expect(new Date(timeTicks(from, from + 86_400_000)[0] ?? 0).getHours() % 6).toBe(0);
});

test('the nearest point is found by its time, if it is near enough', () => {
  const { points } = line('a', [10, 1], [20, 2], [40, 3]);
  expect([nearest(points, 14, 5)?.y, nearest(points, 16, 5)?.y, nearest(points, 30, 5), nearest(points, 99, 100)?.y, nearest([], 1, 9)]).toEqual([1, 2, undefined, 3, undefined]);
});

test('a line is summed up', () => {
  expect(summaryOf(line('a', [1, 4], [2, 8], [3, 6]).points)).toEqual({ latest: 6, highest: 8, lowest: 4, mean: 6 });
  expect(summaryOf([])).toBeUndefined();
});

test('figures are exported with a row for each time, and names cannot break the file', () => {
  expect(toCsv([line('Read, "fast"', [1000, 1.5], [3000, 2]), line('=cmd', [2000, 7])])).toBe(
    'Time,"Read, ""fast""",\'=cmd\r\n1970-01-01T00:00:01.000Z,1.5,\r\n1970-01-01T00:00:02.000Z,,7\r\n1970-01-01T00:00:03.000Z,2,\r\n');
});
