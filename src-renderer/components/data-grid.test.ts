import { expect, test } from 'vitest';
import { nextSort, sorted, type Column } from './data-grid.ts';

interface Row { readonly name: string; readonly mib: number }
const columns: readonly Column<Row>[] = [
  { key: 'name', label: 'Name', text: row => row.name },
  { key: 'memory', label: 'Memory', text: row => `${row.mib} MiB`, sortBy: row => row.mib },
];
const rows: readonly Row[] = [{ name: 'vm10', mib: 512 }, { name: 'vm9', mib: 1024 }, { name: 'a', mib: 512 }];

test('text sorts by its numbers, figures by their value, ties keep their order', () => {
  expect(sorted(rows, columns, { key: 'name', descending: false }).map(row => row.name)).toEqual(['a', 'vm9', 'vm10']);
  expect(sorted(rows, columns, { key: 'memory', descending: true }).map(row => row.name)).toEqual(['vm9', 'vm10', 'a']);
});

test('a header goes from ascending to descending to unsorted', () => {
  const first = nextSort(undefined, 'name');
  const second = nextSort(first, 'name');
  expect([first, second, nextSort(second, 'name')]).toEqual([{ key: 'name', descending: false }, { key: 'name', descending: true }, undefined]);
});
