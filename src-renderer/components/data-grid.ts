import { perLocale } from '../i18n/i18n.ts';
import { csvOf } from './csv.ts';

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
  /** Only shown when it was chosen. */
  readonly extra?: true;
}

export interface Sort { readonly key: string; readonly descending: boolean }

/** What an operator changed of a grid: columns shown or not, and widths in pixels, by their keys. */
export interface GridLayout { readonly shown: Readonly<Record<string, boolean>>; readonly widths: Readonly<Record<string, number>> }
export const USUAL_LAYOUT: GridLayout = { shown: {}, widths: {} };

export const isShown = ({ key, extra }: Pick<Column<never>, 'key' | 'extra'>, { shown }: GridLayout): boolean => shown[key] ?? extra !== true;

const collator = perLocale(locale => new Intl.Collator(locale, { numeric: true, sensitivity: 'base' }));

/** The rows in the order of `sort`; rows that tie keep the order they came in. Each value is looked up once. */
export function sorted<Row>(rows: readonly Row[], columns: readonly Column<Row>[], sort: Sort | undefined): readonly Row[] {
  const column = columns.find(({ key }) => key === sort?.key);
  if (!column || !sort) return rows;
  const value = column.sortBy ?? column.text, sign = sort.descending ? -1 : 1, values = rows.map(value), rank = ranks(values);
  const order = rows.map((_, at) => at).sort((a, b) => sign * (rank(values[a]!) - rank(values[b]!)) || a - b);
  return order.map(at => rows[at]!);
}

/** Numbers stand for themselves; texts are compared once each, however often they occur. */
function ranks(values: readonly (number | string)[]): (value: number | string) => number {
  if (values.every(value => typeof value === 'number')) return Number;
  const places = new Map<string, number>(), { compare } = collator();
  let place = 0, before: string | undefined;
  for (const text of [...new Set(values.map(String))].sort(compare)) {
    if (before !== undefined && compare(before, text) !== 0) place++;
    places.set(text, place);
    before = text;
  }
  return value => places.get(String(value)) ?? 0;
}

/** What a click on a column's header makes of the sort: ascending, then descending, then none. */
export function nextSort(sort: Sort | undefined, key: string): Sort | undefined {
  if (sort?.key !== key) return { key, descending: false };
  return sort.descending ? undefined : { key, descending: true };
}

/** Finds rows whose cells have every one of the words; what a row says is put together when it is first looked at. */
export function rowFilter<Row extends object>(columns: readonly Column<Row>[]): (rows: readonly Row[], typed: string) => readonly Row[] {
  const texts = new WeakMap<Row, string>();
  const textOf = (row: Row) => {
    let text = texts.get(row);
    if (text === undefined) texts.set(row, text = columns.map(column => column.text(row)).join('\n').toLowerCase());
    return text;
  };
  return (rows, typed) => {
    const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
    return words.length === 0 ? rows : rows.filter(row => words.every(word => textOf(row).includes(word)));
  };
}

/** What of the rows is shown, below a line of headings. */
export function csv<Row>(columns: readonly Column<Row>[], rows: readonly Row[]): string {
  const own = columns.filter(column => !column.actions);
  return csvOf([own.map(column => column.label), ...rows.map(row => own.map(column => column.text(row)))]);
}
