/** Spreadsheets run what begins like this; an apostrophe keeps it text. Numbers are left alone. */
const FORMULA = /^[=+\-@\t\r]/, NUMBER = /^[+-]?\d+(\.\d+)?(e[+-]?\d+)?$/i;

function cell(text: string): string {
  const safe = FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text;
  return /[",\r\n]|^\s|\s$/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** A table by RFC 4180, which no spreadsheet takes for formulas. */
export const csvOf = (rows: readonly (readonly string[])[]): string => rows.map(cells => `${cells.map(cell).join(',')}\r\n`).join('');
