import { expect, test } from 'vitest';
import { PRESETS, rateOf, stepOf, STEPS } from './rate-scale.ts';

test('a slider goes from the lowest rate to the highest, and its steps are where they were read', () => {
  expect([rateOf(STEPS.min), rateOf(0), rateOf(STEPS.max)]).toEqual([0.01, 1, 100]);
  for (let step = STEPS.min; step <= STEPS.max; step++) expect(stepOf(rateOf(step))).toBe(step);
  for (const preset of PRESETS) expect(Math.abs(rateOf(stepOf(preset)) / preset - 1)).toBeLessThan(0.06);
});
