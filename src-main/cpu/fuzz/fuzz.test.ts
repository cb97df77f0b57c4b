/** A little of what `run-fuzz.ts` does for as long as one likes. */
import { expect, test } from 'vitest';
import { fuzz } from './fuzz.ts';

test('random programs end alike interpreted and translated: registers, memory, exceptions and counts', async () => {
  const { failures, regions } = await fuzz('translate', 1, 200);
  expect(failures.join('\n\n')).toBe('');
  expect(regions).toBeGreaterThan(1000);
}, 300_000);

test('no bytes that run as code make the host fail or hang, at EL0 or EL1', async () => {
  const { failures, regions } = await fuzz('bytes', 1, 100);
  expect(failures.join('\n\n')).toBe('');
  expect(regions).toBeGreaterThan(0);
}, 300_000);
