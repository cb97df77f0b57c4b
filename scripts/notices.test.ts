import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { NOTICES, notices } from './notices.ts';

test('THIRD-PARTY-NOTICES.md names what is bundled now (else run: node scripts/notices.ts)', () => {
  expect(readFileSync(NOTICES, 'utf8') === notices()).toBe(true);
});
