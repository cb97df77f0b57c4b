/** What is measured of objects: vCenter's counters where it has them, and those of an emulated processor. */
import * as v from 'valibot';
import type { ObjectKind } from './objects.ts';
import type { ObjectRef } from './task.ts';
import { fixed, say, type Phrase, type Said } from '../base/phrase.ts';

/** What has figures: VMs and datastores, and everything that VMs are in, whose figures are made of theirs. */
export const METERED_KINDS = ['root', 'datacenter', 'folder', 'cluster', 'host', 'resourcePool', 'vm', 'datastore'] as const satisfies readonly (ObjectKind | 'root')[];
export type MeteredKind = (typeof METERED_KINDS)[number];
export interface MeteredId { readonly kind: MeteredKind; readonly id: string }
export const meteredKey = ({ kind, id }: Pick<ObjectRef, 'kind' | 'id'>): string => `${kind} ${id}`;

/** What many samples become: their mean, their sum, or the last of them. */
export type Rollup = 'average' | 'summation' | 'latest';
export const METRIC_GROUPS = ['cpu', 'memory', 'disk', 'network', 'translator', 'exits', 'time', 'system', 'datastore'] as const;
export type MetricGroup = (typeof METRIC_GROUPS)[number];
/** As a cause names them behind a metric's name. */
export const METRIC_GROUP_WORDS: Readonly<Record<MetricGroup, Phrase>> = {
  cpu: say`cpu`, memory: say`memory`, disk: say`disk`, network: say`network`, translator: say`translator`, exits: say`exits`, time: say`time`, system: say`system`, datastore: say`datastore`,
};
export type MetricUnit = '%' | 'MHz' | 'MIPS' | 'number' | '/s' | 'MiB' | 'B' | 'B/s' | 'bit/s' | 'µs' | 'ms' | 's' | '×' | 'ppm';

export interface Metric {
  readonly key: string;
  readonly name: Phrase;
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
const row = (key: string, name: Phrase, unit: MetricUnit, { rollup = 'average', of = 'both', perInstance = false, ...rest }: Rest = { combine: 'sum' }): Metric =>
  ({ key, name, unit, rollup, group: (key.startsWith('mem.') ? 'memory' : key.startsWith('net.') ? 'network' : key.split('.')[0]) as MetricGroup, of, perInstance, ...rest });
const SUM = { combine: 'sum' } as const, EACH = { combine: 'sum', perInstance: true } as const, SLOWEST = { combine: 'highest', perInstance: true } as const;

export const METRICS: readonly Metric[] = [
  row('cpu.usage', say`Usage`, '%', {}),
  row('cpu.usagemhz', say`Usage in MHz`, 'MHz'),
  row('cpu.ready', say`Ready`, '%', { of: 'vm' }),
  row('cpu.entitlement', say`Entitlement`, 'MHz'),
  row('cpu.mips', say`Speed`, 'MIPS'),
  row('cpu.instructions', say`Instructions`, 'number', { ...SUM, rollup: 'summation' }),
  row('mem.usage', say`Usage`, '%', {}),
  row('mem.granted', say`Granted`, 'MiB'),
  row('mem.balloon', say`Balloon`, 'MiB'),
  row('mem.balloontarget', say`Balloon target`, 'MiB'),
  row('mem.available', say`Available in the guest`, 'MiB'),
  row('mem.capacity', say`Capacity`, 'MiB', { of: 'container' }),
  row('disk.numberReadAveraged', say`Read operations`, '/s', EACH),
  row('disk.numberWriteAveraged', say`Write operations`, '/s', EACH),
  row('disk.read', say`Read rate`, 'B/s', EACH),
  row('disk.write', say`Write rate`, 'B/s', EACH),
  row('disk.totalReadLatency', say`Read latency`, 'ms', SLOWEST),
  row('disk.totalWriteLatency', say`Write latency`, 'ms', SLOWEST),
  row('disk.errors', say`Errors`, 'number', { ...EACH, rollup: 'summation' }),
  row('net.received', say`Receive rate`, 'bit/s', EACH),
  row('net.transmitted', say`Transmit rate`, 'bit/s', EACH),
  row('net.packetsRx', say`Packets received`, '/s', EACH),
  row('net.packetsTx', say`Packets transmitted`, '/s', EACH),
  row('net.dropped', say`Packets dropped`, '/s', EACH),
  row('translator.regions', say`Regions present`, 'number', { ...SUM, rollup: 'latest' }),
  row('translator.made', say`Regions made`, 'number', { ...SUM, rollup: 'summation' }),
  row('translator.time', say`Time spent translating`, '%'),
  row('exits.count', say`Exits to the hypervisor`, '/s', EACH),
  row('time.guest', say`Guest time`, 's', { of: 'vm', rollup: 'latest' }),
  row('time.host', say`Host time`, 's', { of: 'vm', rollup: 'latest' }),
  row('time.rate', say`Effective rate`, '×', { of: 'vm' }),
  row('time.drift', say`Drift`, 'ppm', { of: 'vm' }),
  row('time.behind', say`To catch up with`, 'ms', { of: 'vm', rollup: 'latest' }),
  row('time.traps', say`Accesses performed`, '/s', { of: 'vm' }),
  row('time.trapCost', say`Cost of an access`, 'µs', { of: 'vm' }),
  row('time.interrupts', say`Timer interrupts`, '/s', { of: 'vm' }),
  row('time.lateness', say`Timer lateness`, 'µs', { of: 'vm' }),
  row('system.guestErrors', say`Guest errors`, 'number', { ...SUM, rollup: 'summation' }),
  row('system.uptime', say`Up for`, 's', { of: 'vm', rollup: 'latest' }),
  row('system.running', say`VMs powered on`, 'number', { of: 'container', rollup: 'latest' }),
  row('datastore.capacity', say`Capacity`, 'B', { of: 'datastore', rollup: 'latest' }),
  row('datastore.used', say`Used`, 'B', { of: 'datastore', rollup: 'latest' }),
  row('datastore.usage', say`Usage`, '%', { of: 'datastore', rollup: 'latest' }),
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
export function instanceName(instance: string): Said {
  const [, kind, number] = /^(disk|slot|nic|nic-slot)-(\d+)$/.exec(instance) ?? [];
  const at = Number(number) + 1;
  switch (kind) {
    case 'disk': return say`Disk ${at}`;
    case 'slot': return say`Disk in slot ${at}`;
    case 'nic': return say`Network adapter ${at}`;
    case 'nic-slot': return say`Network adapter in slot ${at}`;
    default: return instance;
  }
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

const time = (what: Phrase) => v.pipe(v.number(fixed(say`${what} is a number.`)), v.integer(fixed(say`${what} is a whole number.`)), v.minValue(0, fixed(say`${what} is not negative.`)));
export const MeteredId = v.object({ kind: v.picklist(METERED_KINDS, fixed(say`Objects of this kind have no figures.`)), id: v.pipe(v.string(fixed(say`An id is text.`)), v.maxLength(64)) });
export const MetricQuery = v.pipe(v.object({
  objects: v.pipe(v.array(MeteredId), v.minLength(1, fixed(say`Choose an object.`)), v.maxLength(50, fixed(say`At most 50 objects can be compared.`))),
  metrics: v.pipe(v.array(v.pipe(v.string(), v.check(key => BY_KEY.has(key), fixed(say`There is no such metric.`)))), v.minLength(1, fixed(say`Choose a metric.`)), v.maxLength(50, fixed(say`At most 50 metrics can be asked for.`))),
  /** All of them when absent; '' is the object itself. */
  instances: v.optional(v.array(v.pipe(v.string(), v.maxLength(64)))),
  fromMs: time(say`The beginning`), toMs: time(say`The end`),
  /** The finest that is kept for so long when absent. */
  intervalMs: v.optional(v.picklist([LIVE.intervalMs, ...LEVELS.map(({ intervalMs }) => intervalMs)], fixed(say`Nothing is kept at this interval.`))),
}), v.forward(v.check(({ fromMs, toMs }) => toMs > fromMs, fixed(say`The end is after the beginning.`)), ['toMs']));
export type MetricQuery = v.InferOutput<typeof MetricQuery>;
