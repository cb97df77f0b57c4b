import { expect, test } from 'vitest';
import { isReached, ratioOf, spread, table, withReport, type Measurement } from './report.ts';

const measured = (row: Partial<Measurement['row']>, ours: number[], peer: number[], wrong = false): Measurement =>
  ({ row: { name: 'loop', title: 'a loop', unit: 's', ...row }, ours, peer, wrong });

test('the spread of an even number of values has the mean of the middle two as its median', () => {
  expect(spread([3, 1, 2])).toEqual({ min: 1, median: 2, max: 3 });
  expect(spread([10, 9, 1, 2])).toEqual({ min: 1, median: 5.5, max: 10 });
});

test('a ratio above 1 means that we are faster', () => {
  expect(ratioOf(measured({}, [1, 2, 9], [4, 4, 4]))).toBe(2);
  expect(ratioOf(measured({ unit: 'MiB/s' }, [4], [2]))).toBe(2);
  expect(ratioOf(measured({}, [1], []))).toBeUndefined();
});

test('what is reached is told only where something is asked for and there is something to tell by', () => {
  expect(isReached(measured({ ratio: 2 }, [1], [2]))).toBe(true);
  expect(isReached(measured({ ratio: 2 }, [1], [1.9]))).toBe(false);
  expect(isReached(measured({ ratio: 2 }, [1], []))).toBeUndefined();
  expect(isReached(measured({}, [1], [1]))).toBeUndefined();
  expect(isReached(measured({ unit: 'MiB', limit: 250 }, [200, 251], []))).toBe(false);
});

test('a wrong result is never good enough', () => {
  const wrong = measured({ ratio: 1 }, [1], [9], true);
  expect(isReached(wrong)).toBe(false);
  expect(table([wrong])).toContain('WRONG RESULT');
});

test('the table is Markdown whose columns line up', () => {
  const lines = table([measured({ ratio: 1 }, [1, 2, 3], [1, 1, 1]), measured({ title: 'a longer title' }, [123], [])]).split('\n');
  expect(new Set(lines.map(line => line.length)).size).toBe(1);
  expect(lines[2]).toMatch(/^\| a loop +\| 1\.00 \/ 2\.00 \/ 3\.00 s +\| 1\.00 \/ 1\.00 \/ 1\.00 s +\| 0\.50 +\| 1\.0 +\| \*\*no\*\* +\|$/);
});

test('a report replaces the one before it', () => {
  const empty = 'Before.\n<!-- written by `npm run bench -- --write` -->\n<!-- end of what is written -->\nAfter.\n';
  const once = withReport(empty, 'first');
  expect(once).toContain('first');
  expect(withReport(once, 'second')).toBe(once.replace('first', 'second'));
  expect(() => withReport('Nothing.', 'report')).toThrow('lacks the marks');
});
