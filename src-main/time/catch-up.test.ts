import { expect, test } from 'vitest';
import { CatchUp } from './catch-up.ts';

const SECOND = 1e9;

/** Changes the factor whenever that is due, so late, until it stays; says when that was. */
function untilEven(catchUp: CatchUp, lateNs: number): number {
  let nowNs = 0;
  for (let changes = 0; catchUp.factor !== 1; changes++) {
    expect(changes).toBeLessThan(10);
    nowNs = Math.max(nowNs, catchUp.endsNs) + lateNs;
    catchUp.advance(nowNs);
  }
  return nowNs;
}

test('what was missed is made up for within five seconds, or as fast as is allowed', () => {
  const catchUp = new CatchUp();
  expect(catchUp.missed(0, 5 * SECOND, 'catchUp', 3)).toBe(0);
  expect([catchUp.factor, catchUp.endsNs, catchUp.owedNs(2 * SECOND)]).toEqual([2, 5 * SECOND, 3 * SECOND]);
  expect(untilEven(catchUp, 0)).toBe(5 * SECOND);
  const long = new CatchUp();
  long.missed(0, 3600 * SECOND, 'catchUp', 3);
  expect([long.factor, untilEven(long, 0)]).toEqual([3, 1800 * SECOND]);
  const short = new CatchUp();
  short.missed(0, 0.05 * SECOND, 'catchUp', 3);
  expect([short.factor, Math.round(untilEven(short, 0))]).toEqual([1.1, 0.5 * SECOND]);
});

test('who ends it late has gone too far, and goes back slowly until what is left is next to nothing and not forgotten', () => {
  const catchUp = new CatchUp();
  catchUp.missed(0, SECOND, 'catchUp', 3);
  untilEven(catchUp, 2e6);
  expect(Math.abs(catchUp.owedNs(10 * SECOND))).toBeLessThan(200_000);
  expect(catchUp.count).toBe(1);
});

test('it slews, jumps, or lets be; what is missed meanwhile is added', () => {
  const catchUp = new CatchUp();
  expect([catchUp.missed(0, SECOND, 'none', 3), catchUp.factor]).toEqual([0, 1]);
  expect([catchUp.missed(0, SECOND, 'slew', 3), catchUp.factor]).toEqual([0, 1.005]);
  catchUp.missed(SECOND, 2 * SECOND, 'slew', 3);
  expect(catchUp.owedNs(SECOND)).toBeCloseTo(3 * SECOND - 5e6, -3);
  expect(catchUp.missed(SECOND, SECOND, 'jump', 3)).toBeCloseTo(4 * SECOND - 5e6, -3);
  expect([catchUp.factor, catchUp.owedNs(SECOND), catchUp.endsNs]).toEqual([1, 0, Infinity]);
  const saved = new CatchUp();
  saved.missed(0, 4 * SECOND, 'catchUp', 2);
  const restored = new CatchUp();
  restored.restore(7 * SECOND, saved.save(SECOND));
  expect(restored.owedNs(7 * SECOND)).toBeCloseTo(3.2 * SECOND, -3);
});
