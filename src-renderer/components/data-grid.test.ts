import { expect, test } from 'vitest';
import { csv, isShown, nextSort, rowFilter, sorted, type Column, type Sort } from './data-grid.ts';

interface Row { readonly name: string; readonly size: number }
const columns: readonly Column<Row>[] = [{ key: 'name', label: 'Name', text: row => row.name }, { key: 'size', label: 'Size', text: row => `${row.size} MiB`, sortBy: row => row.size }];
const rows: readonly Row[] = [{ name: 'vm10', size: 9 }, { name: 'Vm2', size: 100 }, { name: 'vm1', size: 9 }];
const names = (sort: Sort | undefined) => sorted(rows, columns, sort).map(row => row.name);

test('text sorts as a person counts, numbers by value, and ties keep their order', () => {
  expect(names({ key: 'name', descending: false })).toEqual(['vm1', 'Vm2', 'vm10']);
  expect(names({ key: 'size', descending: false })).toEqual(['vm10', 'vm1', 'Vm2']);
  expect(names({ key: 'size', descending: true })).toEqual(['Vm2', 'vm10', 'vm1']);
  expect(names(undefined)).toEqual(['vm10', 'Vm2', 'vm1']);
});

test('names that differ only in case tie, and keep their order both ways', () => {
  const twins = [{ name: 'A', size: 1 }, { name: 'a', size: 2 }];
  for (const descending of [false, true]) expect(sorted(twins, columns, { key: 'name', descending }).map(row => row.size)).toEqual([1, 2]);
});

test('a header sorts up, then down, then not at all', () => {
  const up = nextSort(undefined, 'name'), down = nextSort(up, 'name');
  expect([up?.descending, down?.descending, nextSort(down, 'name')]).toEqual([false, true, undefined]);
  expect(nextSort(down, 'size')).toEqual({ key: 'size', descending: false });
});

test('a filter wants all of its words, in any cells', () => {
  const find = rowFilter(columns);
  expect([find(rows, 'VM 100'), find(rows, ' '), find(rows, 'vm x')].map(found => found.map(row => row.name))).toEqual([['Vm2'], ['vm10', 'Vm2', 'vm1'], []]);
});

test('extra columns are shown when they were chosen, others until they were not', () => {
  expect([isShown({ key: 'a' }, { shown: {}, widths: {} }), isShown({ key: 'a', extra: true }, { shown: {}, widths: {} }), isShown({ key: 'a', extra: true }, { shown: { a: true }, widths: {} })]).toEqual([true, false, true]);
});

test('an export quotes what CSV needs quoted, and no spreadsheet takes a cell for a formula', () => {
  const exported = csv([columns[0]!], [{ name: 'a, "b"', size: 0 }, { name: 'two\nlines', size: 0 }, { name: '=1+1', size: 0 }, { name: '@x', size: 0 }, { name: '-5', size: 0 }, { name: '-5+1', size: 0 }]);
  expect(exported).toBe('Name\r\n"a, ""b"""\r\n"two\nlines"\r\n\'=1+1\r\n\'@x\r\n-5\r\n\'-5+1\r\n');
});
