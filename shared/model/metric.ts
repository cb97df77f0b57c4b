/** What is measured of objects: vCenter's counters where it has them, and those of an emulated processor. */
import * as v from 'valibot';
import type { ObjectKind } from './objects.ts';
import type { ObjectRef } from './task.ts';

/** What has figures: VMs and datastores, and everything that VMs are in, whose figures are made of theirs. */
export const METERED_KINDS = ['root', 'datacenter', 'folder', 'cluster', 'host', 'resourcePool', 'vm', 'datastore'] as const satisfies readonly (ObjectKind | 'root')[];
export type MeteredKind = (typeof METERED_KINDS)[number];
export interface MeteredId { readonly kind: MeteredKind; readonly id: string }
export const meteredKey = ({ kind, id }: Pick<ObjectRef, 'kind' | 'id'>): string => `${kind} ${id}`;

/** What many samples become: their mean, their sum, or the last of them. */
export type Rollup = 'average' | 'summation' | 'latest';
export const METRIC_GROUPS = ['cpu', 'memory', 'disk', 'network', 'translator', 'exits', 'system', 'datastore'] as const;
export type MetricGroup = (typeof METRIC_GROUPS)[number];
export type MetricUnit = '%' | 'MHz' | 'MIPS' | 'number' | '/s' | 'MiB' | 'B' | 'B/s' | 'bit/s' | 'ms' | 's';

export interface Metric {
  readonly key: string;
  readonly name: string;
  readonly unit: MetricUnit;
  readonly rollup: Rollup;
  readonly group: MetricGroup;
  /** Which objects have it. */
  readonly of: 'vm' | 'container' | 'both' | 'datastore';
  /** Whether each of an object's devices or causes has it too. */
  readonly perInstance: boolean;
  /** What a container's is of its VMs'; absent where it is not made of theirs. */
  readonly combine?: 'sum' | 'highest';
}

type Rest = Partial<Pick<Metric, 'rollup' | 'of' | 'perInstance' | 'combine'>>;
const row = (key: string, name: string, unit: MetricUnit, { rollup = 'average', of = 'both', perInstance = false, ...rest }: Rest = { combine: 'sum' }): Metric =>
  ({ key, name, unit, rollup, group: (key.startsWith('mem.') ? 'memory' : key.startsWith('net.') ? 'network' : key.split('.')[0]) as MetricGroup, of, perInstance, ...rest });
const SUM = { combine: 'sum' } as const, EACH = { combine: 'sum', perInstance: true } as const, SLOWEST = { combine: 'highest', perInstance: true } as const;

export const METRICS: readonly Metric[] = [
  row('cpu.usage', 'Usage', '%', {}),
  row('cpu.usagemhz', 'Usage in MHz', 'MHz'),
  row('cpu.ready', 'Ready', '%', { of: 'vm' }),
  row('cpu.entitlement', 'Entitlement', 'MHz'),
  row('cpu.mips', 'Speed', 'MIPS'),
  row('cpu.instructions', 'Instructions', 'number', { ...SUM, rollup: 'summation' }),
  row('mem.usage', 'Usage', '%', {}),
  row('mem.granted', 'Granted', 'MiB'),
  row('mem.balloon', 'Balloon', 'MiB'),
  row('mem.balloontarget', 'Balloon target', 'MiB'),
  row('mem.available', 'Available in the guest', 'MiB'),
  row('mem.capacity', 'Capacity', 'MiB', { of: 'container' }),
  row('disk.numberReadAveraged', 'Read operations', '/s', EACH),
  row('disk.numberWriteAveraged', 'Write operations', '/s', EACH),
  row('disk.read', 'Read rate', 'B/s', EACH),
  row('disk.write', 'Write rate', 'B/s', EACH),
  row('disk.totalReadLatency', 'Read latency', 'ms', SLOWEST),
  row('disk.totalWriteLatency', 'Write latency', 'ms', SLOWEST),
  row('disk.errors', 'Errors', 'number', { ...EACH, rollup: 'summation' }),
  row('net.received', 'Receive rate', 'bit/s', EACH),
  row('net.transmitted', 'Transmit rate', 'bit/s', EACH),
  row('net.packetsRx', 'Packets received', '/s', EACH),
  row('net.packetsTx', 'Packets transmitted', '/s', EACH),
  row('net.dropped', 'Packets dropped', '/s', EACH),
  row('translator.regions', 'Regions present', 'number', { ...SUM, rollup: 'latest' }),
  row('translator.made', 'Regions made', 'number', { ...SUM, rollup: 'summation' }),
  row('translator.time', 'Time spent translating', '%'),
  row('exits.count', 'Exits to the hypervisor', '/s', EACH),
  row('system.guestErrors', 'Guest errors', 'number', { ...SUM, rollup: 'summation' }),
  row('system.uptime', 'Up for', 's', { of: 'vm', rollup: 'latest' }),
  row('system.running', 'VMs powered on', 'number', { of: 'container', rollup: 'latest' }),
  row('datastore.capacity', 'Capacity', 'B', { of: 'datastore', rollup: 'latest' }),
  row('datastore.used', 'Used', 'B', { of: 'datastore', rollup: 'latest' }),
  row('datastore.usage', 'Usage', '%', { of: 'datastore', rollup: 'latest' }),
];
const BY_KEY = new Map(METRICS.map(metric => [metric.key, metric]));
export const metricOf = (key: string): Metric | undefined => BY_KEY.get(key);

/** Whether objects of a kind can have a metric. */
export const isMetricOf = ({ of }: Metric, kind: MeteredKind): boolean => (kind === 'datastore' ? of === 'datastore' : of === 'both' || of === (kind === 'vm' ? 'vm' : 'container'));

/** A metric of one object, or of one of its instances: `disk.read` of all disks, `disk.read#slot-2` of one. */
export const seriesKey = (metric: string, instance = ''): string => (instance === '' ? metric : `${metric}#${instance}`);
export function seriesOf(key: string): { readonly metric: string; readonly instance: string } {
  const at = key.indexOf('#');
  return at < 0 ? { metric: key, instance: '' } : { metric: key.slice(0, at), instance: key.slice(at + 1) };
}

/** Instances of disks, by the fixed place or the slot: the same for as long as the disk is there. */
export function diskInstances(disks: readonly { readonly slot?: number | undefined }[]): string[] {
  let place = 0;
  return disks.map(({ slot }) => (slot === undefined ? `disk-${place++}` : `slot-${slot}`));
}

/** How an instance reads: of a disk, an adapter, or the cause of an exit. */
export function instanceName(instance: string): string {
  const [, kind, number] = /^(disk|slot|nic)-(\d+)$/.exec(instance) ?? [];
  if (kind === undefined) return instance;
  const words = { disk: 'Disk', slot: 'Disk in slot', nic: 'Network adapter' } as const;
  return `${words[kind as keyof typeof words]} ${Number(number) + 1}`;
}

/** How long an hour of single seconds and what they are rolled up to are kept, finest first; the same as vCenter's. */
export const LIVE = { intervalMs: 1000, keptMs: 3600_000 } as const;
const MINUTE_MS = 60_000, HOUR_MS = 60 * MINUTE_MS, DAY_MS = 24 * HOUR_MS;
export const LEVELS = [
  { intervalMs: 5 * MINUTE_MS, keptMs: DAY_MS },
  { intervalMs: 30 * MINUTE_MS, keptMs: 7 * DAY_MS },
  { intervalMs: 2 * HOUR_MS, keptMs: 30 * DAY_MS },
  { intervalMs: DAY_MS, keptMs: 365 * DAY_MS },
] as const;

/** Values of one object at one time, by the keys of their series. */
export type Values = Readonly<Record<string, number>>;

/** Each value is of the interval that ends at its time. */
export interface MetricSeries { readonly object: MeteredId; readonly key: string; readonly intervalMs: number; readonly atMs: readonly number[]; readonly values: readonly number[] }

const time = (what: string) => v.pipe(v.number(`${what} is a number.`), v.integer(`${what} is a whole number.`), v.minValue(0, `${what} is not negative.`));
export const MeteredId = v.object({ kind: v.picklist(METERED_KINDS, 'Objects of this kind have no figures.'), id: v.pipe(v.string('An id is text.'), v.maxLength(64)) });
export const MetricQuery = v.pipe(v.object({
  objects: v.pipe(v.array(MeteredId), v.minLength(1, 'Choose an object.'), v.maxLength(50, 'At most 50 objects can be compared.')),
  metrics: v.pipe(v.array(v.pipe(v.string(), v.check(key => BY_KEY.has(key), 'There is no such metric.'))), v.minLength(1, 'Choose a metric.'), v.maxLength(50, 'At most 50 metrics can be asked for.')),
  /** All of them when absent; '' is the object itself. */
  instances: v.optional(v.array(v.pipe(v.string(), v.maxLength(64)))),
  fromMs: time('The beginning'), toMs: time('The end'),
  /** The finest that is kept for so long when absent. */
  intervalMs: v.optional(v.picklist([LIVE.intervalMs, ...LEVELS.map(({ intervalMs }) => intervalMs)], 'Nothing is kept at this interval.')),
}), v.forward(v.check(({ fromMs, toMs }) => toMs > fromMs, 'The end is after the beginning.'), ['toMs']));
export type MetricQuery = v.InferOutput<typeof MetricQuery>;
