import { expect, test } from 'vitest';
import { randomNumbers } from '../storage/test-folder.ts';
import { multiplierOf, ScaledCounter } from './scaled-counter.ts';

test('pieces join without a step, and a value is reached at the first count of the host that has it', () => {
  const random = randomNumbers(7);
  let counter = ScaledCounter.same, host = 0n;
  for (let n = 0; n < 10_000; n++) {
    host += BigInt(random(2 ** 31)) * BigInt(1 + random(1000));
    const guest = counter.at(host);
    counter = ScaledCounter.through(host, guest, multiplierOf(random(10) === 0 ? 1 : 0.01 + random(1e6) / 1e4));
    expect(counter.at(host)).toBe(guest);
    const later = host + BigInt(random(2 ** 31)), at = counter.hostAt(counter.at(later) + 1n)!;
    expect(at).toBeGreaterThan(later);
    expect(counter.at(at)).toBeGreaterThan(counter.at(later));
    expect(counter.at(at - 1n)).toBeLessThanOrEqual(counter.at(later));
  }
});

test('one that stands still reaches nothing more', () => {
  const counter = ScaledCounter.through(1000n, 500n, 0n);
  expect([counter.at(1000n), counter.at(10n ** 12n), counter.hostAt(500n), counter.hostAt(501n)]).toEqual([500n, 500n, 0n, undefined]);
});
