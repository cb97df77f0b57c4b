/** Figures of objects over a range of time, kept up to date: each second where the range ends now and is short. */
import { computed, onBeforeUnmount, shallowRef, watch } from 'vue';
import { saidOf } from '../../../shared/base/errors.ts';
import { say } from '../../../shared/base/phrase.ts';
import { LEVELS, LIVE, meteredKey, seriesOf, type MeteredId, type Values } from '../../../shared/model/metric.ts';
import { translate } from '../../i18n/i18n.ts';
import type { Line, Point } from '../../components/chart.ts';
import { useConnection } from '../../stores/connection.ts';
import { usePerformance } from '../../stores/performance.ts';
import { lineName } from './metric-format.ts';

const MINUTE = 60_000, HOUR = 60 * MINUTE, DAY = 24 * HOUR;
/** Those that end now, with the interval that they are shown in. */
export const RANGES = {
  live: { label: say`Live`, spanMs: 5 * MINUTE, intervalMs: LIVE.intervalMs }, hour: { label: say`Last hour`, spanMs: HOUR, intervalMs: LIVE.intervalMs },
  day: { label: say`Last day`, spanMs: DAY, intervalMs: LEVELS[0].intervalMs }, week: { label: say`Last week`, spanMs: 7 * DAY, intervalMs: LEVELS[1].intervalMs },
  month: { label: say`Last month`, spanMs: 30 * DAY, intervalMs: LEVELS[2].intervalMs }, year: { label: say`Last year`, spanMs: 365 * DAY, intervalMs: LEVELS[3].intervalMs },
} as const;
export type RangeName = keyof typeof RANGES;
export type Range = RangeName | { readonly fromMs: number; readonly toMs: number };

/** Points with what they are of, and as a line with its name. */
interface Measured { readonly key: string; readonly interval: number; readonly object: MeteredId; readonly series: string; readonly points: Point[] }
export interface MetricLine extends Measured, Line { readonly points: Point[] }
const REFRESH_MS = MINUTE;

export function useSeries(asked: () => { readonly objects: readonly MeteredId[]; readonly metrics: readonly string[]; readonly range: Range }) {
  const [performance, connection] = [usePerformance(), useConnection()];
  const lines = shallowRef<readonly Measured[]>([]), toMs = shallowRef(Date.now()), problem = shallowRef<string>(), loaded = shallowRef(false);
  const range = computed(() => asked().range), spanMs = computed(() => (typeof range.value === 'string' ? RANGES[range.value].spanMs : range.value.toMs - range.value.fromMs));
  const intervalMs = computed(() => (typeof range.value === 'string' ? RANGES[range.value].intervalMs : lines.value[0]?.interval ?? LIVE.intervalMs));
  const isLive = () => range.value === 'live' || range.value === 'hour';
  let stop: (() => void)[] = [], generation = 0;

  async function load() {
    const { objects, metrics } = asked(), mine = ++generation, at = range.value, end = typeof at === 'string' ? Date.now() : at.toMs, begin = typeof at === 'string' ? end - spanMs.value : at.fromMs;
    if (objects.length === 0 || metrics.length === 0) { lines.value = []; loaded.value = true; return; }
    try {
      const found = await performance.query({ objects: [...objects], metrics: [...metrics], fromMs: Math.max(0, Math.floor(begin)), toMs: Math.ceil(end), ...(typeof at === 'string' && { intervalMs: RANGES[at].intervalMs }) });
      if (mine !== generation) return;
      lines.value = found.map(({ object, key, intervalMs: interval, atMs, values }) => ({ ...lineOf(object, key, atMs.map((x, n) => ({ x, y: values[n] ?? 0 }))), interval }));
      [toMs.value, problem.value] = [end, undefined];
    } catch (error) { if (mine === generation) problem.value = translate(saidOf(error)); }
    if (mine === generation) loaded.value = true;
  }

  /** Lines are drawn anew when their list is another one; their points are added in place. */
  function take({ object, atMs, values }: { readonly object: MeteredId; readonly atMs: number; readonly values: Values }) {
    if (!loaded.value) return;
    const { metrics } = asked(), known = new Map(lines.value.map(line => [line.key, line])), from = atMs - spanMs.value;
    for (const [series, y] of Object.entries(values)) {
      if (!metrics.includes(seriesOf(series).metric)) continue;
      const fresh = { ...lineOf(object, series, []), interval: LIVE.intervalMs }, line = known.get(fresh.key) ?? fresh;
      known.set(line.key, line);
      if ((line.points.at(-1)?.x ?? 0) < atMs) line.points.push({ x: atMs, y });
      const old = line.points.findIndex(({ x }) => x > from);
      if (old > 0) line.points.splice(0, old);
    }
    [lines.value, toMs.value] = [[...known.values()], Math.max(toMs.value, atMs)];
  }

  function unwatch() { for (const each of stop) each(); stop = []; }
  function start() {
    unwatch();
    loaded.value = false;
    if (isLive()) stop = asked().objects.map(object => performance.watch(object, take));
    void load();
  }
  watch(() => JSON.stringify(asked()), start, { immediate: true });
  watch(() => connection.connected, now => { if (now) void load(); });
  const timer = setInterval(() => { if (typeof range.value === 'string' && !isLive() && !document.hidden) void load(); }, REFRESH_MS);
  onBeforeUnmount(() => { unwatch(); clearInterval(timer); });

  const named = computed(() => lines.value.map((line): MetricLine => ({ ...line, name: lineName(line.series) })));
  return { lines: named, problem, loaded, intervalMs, toMs: computed(() => (typeof range.value === 'string' ? toMs.value : range.value.toMs)), fromMs: computed(() => (typeof range.value === 'string' ? toMs.value - spanMs.value : range.value.fromMs)) };
}

const lineOf = (object: MeteredId, series: string, points: Point[]): Omit<Measured, 'interval'> => ({ key: `${meteredKey(object)} ${series}`, object, series, points });
