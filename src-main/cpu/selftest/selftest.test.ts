/** C programs on our CPU and on the reference. */
import { expect, test } from 'vitest';
import { build, emulate, reference, VARIANTS } from './selftest.ts';

test.each(VARIANTS)('the self-tests built with %s have the digests that they have under qemu-aarch64', variant => {
  const program = build(variant), expected = reference(program), translated = emulate(program, true);
  expect(expected.split('\n').length).toBeGreaterThan(20);
  expect(emulate(program, false).output).toBe(expected);
  expect(translated.output).toBe(expected);
  expect(translated.regions).toBeGreaterThan(20);
}, 120_000);
