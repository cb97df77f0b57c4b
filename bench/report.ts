/** From measurements to the table. */
import type { Row } from './workloads.ts';

/** What was measured of a row, one figure a run; `wrong` when a result was not the right one. */
export interface Measurement { readonly row: Row; readonly ours: readonly number[]; readonly peer: readonly number[]; readonly wrong: boolean }

export interface Spread { readonly min: number; readonly median: number; readonly max: number }

export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b), middle = sorted.length >> 1;
  const median = sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { min: sorted[0] ?? NaN, median, max: sorted.at(-1) ?? NaN };
}

/** The peer's median by ours, or ours by the peer's where more is better: above 1 means that we are faster, or smaller. */
export function ratioOf({ row, ours, peer }: Measurement): number | undefined {
  if (ours.length === 0 || peer.length === 0) return undefined;
  const ratio = spread(peer).median / spread(ours).median;
  return row.unit === 'MiB/s' ? 1 / ratio : ratio;
}

/** Whether it reaches what its row asks for; undefined where nothing is asked, or there is no peer to tell by. */
export function isReached(measurement: Measurement): boolean | undefined {
  const { row, ours, wrong } = measurement, ratio = ratioOf(measurement);
  if (wrong) return false;
  if (row.limit !== undefined) return spread(ours).max <= row.limit;
  return row.ratio === undefined || ratio === undefined ? undefined : ratio >= row.ratio;
}

const DIGITS = { 's': 2, 'ms': 0, 'MiB': 0, 'MiB/s': 1 } as const;

function figures(values: readonly number[], unit: Row['unit']): string {
  if (values.length === 0) return '–';
  const { min, median, max } = spread(values);
  return `${[min, median, max].map(value => value.toFixed(DIGITS[unit])).join(' / ')} ${unit}`;
}

function goal({ ratio, limit, unit }: Row): string {
  if (limit !== undefined) return `at most ${limit} ${unit}`;
  return ratio === undefined ? '' : ratio.toFixed(1);
}

/** A Markdown table, padded so that it reads well as it is. */
export function table(measurements: readonly Measurement[]): string {
  const rows = measurements.map(measurement => {
    const { row, ours, peer, wrong } = measurement, reached = isReached(measurement);
    const verdict = wrong ? 'WRONG RESULT' : reached === undefined ? '' : reached ? 'yes' : '**no**';
    return [row.title, figures(ours, row.unit), figures(peer, row.unit), ratioOf(measurement)?.toFixed(2) ?? '–', goal(row), verdict];
  });
  const all = [['workload', 'ours (min / median / max)', 'QEMU (min / median / max)', 'ratio', 'to reach', 'reached'], ...rows];
  const widths = all[0]!.map((_, column) => Math.max(...all.map(cells => cells[column]!.length)));
  const line = (cells: readonly string[]) => `| ${cells.map((cell, column) => cell.padEnd(widths[column]!)).join(' | ')} |`;
  return [line(all[0]!), `|${widths.map(width => '-'.repeat(width + 2)).join('|')}|`, ...all.slice(1).map(line)].join('\n');
}

const BEGIN = '<!-- written by `npm run bench -- --write` -->', END = '<!-- end of what is written -->';

/** A document with what is between the two marks replaced. */
export function withReport(document: string, report: string): string {
  const from = document.indexOf(BEGIN), to = document.indexOf(END);
  if (from < 0 || to < from) throw new Error(`the document lacks the marks ${BEGIN} and ${END}`);
  return `${document.slice(0, from + BEGIN.length)}\n\n${report}\n\n${document.slice(to)}`;
}
