import { expect, test } from 'vitest';
import { LiveHistory } from './live-history.ts';

const SECOND = 1000, CHUNK = 300 * SECOND, START = CHUNK * 100;

test('an hour of seconds is kept, also of figures that never change', () => {
  const history = new LiveHistory();
  for (let n = 1; n <= 4000; n++) history.add(START + n * SECOND, { 'cpu.mips': n, 'mem.granted': 512 });
  const now = START + 4000 * SECOND;
  for (const [key, last] of [['cpu.mips', 4000], ['mem.granted', 512]] as const) {
    const { atMs, values } = history.points(key, now - 3600 * SECOND, now);
    expect([atMs.length, atMs[0], values.at(-1)]).toEqual([3600, now - 3599 * SECOND, last]);
  }
  expect(history.points('cpu.mips', 0, now).atMs.length).toBeLessThan(4200);
});

test('what ends is rolled up by the kind of figure, and a figure that is missing now and then counts as often as it was there', () => {
  const history = new LiveHistory();
  for (let n = 1; n <= 300; n++) history.add(START + n * SECOND, { 'cpu.mips': n, 'cpu.instructions': 2, 'translator.regions': n, ...(n > 200 && { 'mem.available': 7 }) });
  expect(history.add(START + 301 * SECOND, {})).toEqual({ endMs: START + CHUNK, values: { 'cpu.mips': [150.5, 300], 'cpu.instructions': [600, 300], 'translator.regions': [300, 300], 'mem.available': [7, 100] } });
});

test('a sample that comes late is left out', () => {
  const history = new LiveHistory();
  history.add(START + 2 * SECOND, { 'cpu.mips': 2 });
  history.add(START + SECOND, { 'cpu.mips': 1 });
  expect(history.points('cpu.mips', 0, START + CHUNK).values).toEqual([2]);
});
