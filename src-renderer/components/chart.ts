/** What charts show, and how their axes and exports read. */
import { perLocale, t } from '../i18n/i18n.ts';
import { csvOf } from './csv.ts';

export interface Point { readonly x: number; readonly y: number }
/** Points in the order of time; `x` is in ms since the epoch. */
export interface Line { readonly key: string; readonly name: string; readonly points: readonly Point[] }

const SECOND = 1000, MINUTE = 60 * SECOND, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
const STEPS = [1, 5, 10, 15, 30].map(n => n * SECOND).concat([1, 2, 5, 10, 15, 30].map(n => n * MINUTE), [1, 2, 3, 6, 12].map(n => n * HOUR), [1, 2, 7, 14, 30, 90].map(n => n * DAY));

/** At most `most` round times, of the local clock. */
export function timeTicks(fromMs: number, toMs: number, most = 7): number[] {
  const step = STEPS.find(each => (toMs - fromMs) / each <= most) ?? 365 * DAY, offset = new Date(fromMs).getTimezoneOffset() * MINUTE;
  const first = Math.ceil((fromMs - offset) / step) * step + offset;
  return Array.from({ length: Math.max(0, Math.floor((toMs - first) / step) + 1) }, (_, n) => first + n * step);
}

const format = (options: Intl.DateTimeFormatOptions) => perLocale(locale => new Intl.DateTimeFormat(locale, options));
const seconds = format({ hour: '2-digit', minute: '2-digit', second: '2-digit' }), minutes = format({ hour: '2-digit', minute: '2-digit' });
const days = format({ day: '2-digit', month: 'short' }), hours = format({ day: '2-digit', month: 'short', hour: '2-digit', minute: '2-digit' });

/** A time as an axis of a span shows it. */
export const timeLabel = (ms: number, spanMs: number): string => (spanMs <= 10 * MINUTE ? seconds : spanMs <= DAY ? minutes : spanMs <= 4 * DAY ? hours : days)().format(ms);

/** The point nearest to a time, no further away than `within`. */
export function nearest(points: readonly Point[], x: number, within: number): Point | undefined {
  let low = 0, high = points.length;
  while (low < high) { const middle = (low + high) >> 1; if ((points[middle]?.x ?? 0) < x) low = middle + 1; else high = middle; }
  const [before, after] = [points[low - 1], points[low]], best = after && (!before || after.x - x < x - before.x) ? after : before;
  return best && Math.abs(best.x - x) <= within ? best : undefined;
}

export interface Summary { readonly latest: number; readonly highest: number; readonly lowest: number; readonly mean: number }
export function summaryOf(points: readonly Point[]): Summary | undefined {
  const last = points.at(-1);
  if (last === undefined) return undefined;
  let highest = -Infinity, lowest = Infinity, sum = 0;
  for (const { y } of points) { highest = Math.max(highest, y); lowest = Math.min(lowest, y); sum += y; }
  return { latest: last.y, highest, lowest, mean: sum / points.length };
}

/** A row for each time at which any line has a point, times in ISO 8601. */
export function toCsv(lines: readonly Line[]): string {
  const at = lines.map(({ points }) => new Map(points.map(({ x, y }) => [x, y]))), times = [...new Set(at.flatMap(map => [...map.keys()]))].sort((a, b) => a - b);
  return csvOf([[t`Time`, ...lines.map(({ name }) => name)], ...times.map(time => [new Date(time).toISOString(), ...at.map(map => String(map.get(time) ?? ''))])]);
}
