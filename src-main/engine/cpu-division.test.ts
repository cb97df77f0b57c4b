import { expect, test } from 'vitest';
import { divide, type Claim, type Division, type Group } from './cpu-division.ts';

const claim = (demand: number, rest: Partial<Claim> = {}): Claim => ({ shares: 1000, reservation: 0, limit: Infinity, demand, ...rest });
const group = (children: readonly Division[], rest: Partial<Group> = {}): Group => ({ shares: 1000, reservation: 0, limit: Infinity, children, ...rest });
const parts = (capacity: number, ...roots: Division[]) => { const result = divide(capacity, roots); return roots.map(root => Math.round((result.get(root) ?? NaN) * 1000) / 1000); };

test.each<[string, number, Division[], number[]]>([
  ['what is wanted when there is enough', 100, [claim(30), claim(20)], [30, 20]],
  ['by shares when there is not', 100, [claim(100, { shares: 500 }), claim(100, { shares: 1500 })], [25, 75]],
  ['what one does not want to the others, by their shares', 100, [claim(10), claim(100), claim(100, { shares: 2000 })], [10, 30, 60]],
  ['at least what is reserved', 100, [claim(100, { reservation: 80 }), claim(100, { shares: 3000 })], [80, 20]],
  ['a reservation that is not wanted to the others', 100, [claim(10, { reservation: 80 }), claim(100)], [10, 90]],
  ['no more than the limit', 100, [claim(100, { limit: 25 }), claim(50)], [25, 50]],
  ['a limit below the reservation', 100, [claim(100, { reservation: 50, limit: 25 }), claim(100)], [25, 75]],
  ['the same part of every promise when there is less than was promised', 50, [claim(100, { reservation: 75 }), claim(100, { reservation: 25 })], [37.5, 12.5]],
  ['nothing of nothing', 0, [claim(100), claim(100)], [0, 0]],
  ['nothing to one that wants nothing', 100, [claim(0), claim(100)], [0, 100]],
])('gives %s', (_, capacity, roots, expected) => { expect(parts(capacity, ...roots)).toEqual(expected); });

test('a group gets its part however many are in it, and divides that by their shares', () => {
  const [one, other] = [claim(100, { shares: 1000 }), claim(100, { shares: 3000 })], alone = claim(100), pool = group([one, other]);
  const result = divide(100, [pool, alone]);
  expect([pool, alone, one, other].map(each => result.get(each))).toEqual([50, 50, 12.5, 37.5]);
});

test('a group wants no more than those in it, and no more than its limit', () => {
  expect(parts(100, group([claim(10), claim(5)]), claim(100))).toEqual([15, 85]);
  expect(parts(100, group([claim(90), claim(90)], { limit: 40 }), claim(100))).toEqual([40, 60]);
});

test('what is reserved for one in a group is reserved for the group', () => {
  const inner = claim(100, { reservation: 60 }), result = divide(100, [group([inner, claim(100)], { shares: 1 }), claim(100)]);
  expect(result.get(inner)).toBe(60);
});

test('a thousand claims take up all there is and no more', () => {
  const roots = Array.from({ length: 1000 }, (_, at) => claim(at % 7 + 1, { shares: at % 11 + 1, reservation: at % 3, limit: at % 5 + 1 }));
  const result = divide(2000, roots);
  expect([...result.values()].reduce((total, each) => total + each, 0)).toBeCloseTo(2000, 6);
});
