/** A column of a `DataGrid`. */
export interface Column<Row> {
  readonly key: string;
  readonly label: string;
  /** Plain text of the cell, and what it sorts by unless `sortBy` says otherwise. */
  readonly text: (row: Row) => string;
  readonly sortBy?: (row: Row) => number | string;
  /** Cells hold buttons, by which nobody sorts. */
  readonly actions?: true;
  /** CSS width; columns without one share what is left. */
  readonly width?: string;
}

export interface Sort { readonly key: string; readonly descending: boolean }

const collator = new Intl.Collator('en', { numeric: true, sensitivity: 'base' });

/** The rows in the order of `sort`; rows that tie keep the order they came in. */
export function sorted<Row>(rows: readonly Row[], columns: readonly Column<Row>[], sort: Sort | undefined): readonly Row[] {
  const column = columns.find(({ key }) => key === sort?.key);
  if (!column || !sort) return rows;
  const value = column.sortBy ?? column.text;
  const sign = sort.descending ? -1 : 1;
  return [...rows].sort((a, b) => sign * compare(value(a), value(b)));
}

function compare(a: number | string, b: number | string): number {
  return typeof a === 'number' && typeof b === 'number' ? a - b : collator.compare(String(a), String(b));
}

/** What a click on a column's header makes of the sort: ascending, then descending, then none. */
export function nextSort(sort: Sort | undefined, key: string): Sort | undefined {
  if (sort?.key !== key) return { key, descending: false };
  return sort.descending ? undefined : { key, descending: true };
}
