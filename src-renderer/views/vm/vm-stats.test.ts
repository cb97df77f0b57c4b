import { expect, test } from 'vitest';
import { SPAN_MS, withSample, type History, type StatsSample } from './vm-stats.ts';

const at = (atMs: number, upNs = atMs * 1e6): StatsSample => ({ atMs, stats: { upNs, instructions: 0, mips: 0, cpuUsage: 0, exits: {}, translator: { regions: 0, made: 0, ms: 0 }, guestErrors: 0, disks: [], nics: [], balloonMib: 0, balloonTargetMib: 0 } });
const times = (history: History) => history.map(sample => sample.atMs);

test('samples are kept for two minutes', () => {
  const history = [1000, 2000, SPAN_MS + 1500].reduce<History>((before, ms) => withSample(before, at(ms)), []);
  expect(times(history)).toEqual([2000, SPAN_MS + 1500]);
});

test('a VM that was powered on again has a new history', () => {
  expect(times(withSample([at(5000), at(6000)], at(7000, 10)))).toEqual([7000]);
});
