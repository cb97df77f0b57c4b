import { expect, test } from 'vitest';
import { speak } from '../i18n/i18n.ts';
import { formatBytes, formatCount, formatDuration, formatMib, formatTime, formatWait, formatRate } from './format.ts';

test('sizes keep three digits and no false precision', () => {
  expect([0, 1023, 1536, 104_857_600, 5_000_000_000].map(formatBytes)).toEqual(['0 B', '1023 B', '1.5 KiB', '100 MiB', '4.66 GiB']);
  expect([512, 3072].map(formatMib)).toEqual(['512 MiB', '3 GiB']);
});

test('durations show their two largest units', () => {
  expect([999, 61_000, 3_660_000, 90_000_000].map(formatDuration)).toEqual(['0 s', '1 min 1 s', '1 h 1 min', '1 d 1 h']);
});

test('waits are exact while they are short', () => {
  expect([3.2, 1240, 61_000].map(formatWait)).toEqual(['3 ms', '1.2 s', '1 min 1 s']);
});

test('rates are in decimal units', () => {
  expect([formatRate(0, 'B'), formatRate(1536, 'B'), formatRate(12_345_678, 'bit')]).toEqual(['0 B/s', '1.54 kB/s', '12.3 Mbit/s']);
});

test('figures are written as in the language spoken', async () => {
  const time = new Date(2026, 10, 5, 14, 7, 9).getTime(), all = () => [formatBytes(1536), formatWait(1240), formatDuration(3_660_000), formatCount(12_345), formatTime(time)];
  expect(all()).toEqual(['1.5 KiB', '1.2 s', '1 h 1 min', '12,345', '05/11/2026, 14:07:09']);
  await speak('de');
  expect(all()).toEqual(['1,5 KiB', '1,2 s', '1 Std. 1 Min.', '12.345', '05.11.26, 14:07:09']);
  await speak('en');
});
