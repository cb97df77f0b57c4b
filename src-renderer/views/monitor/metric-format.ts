/** How metrics and their figures read. */
import { instanceName, metricOf, seriesOf, type Metric, type MetricGroup, type MetricUnit } from '../../../shared/model/metric.ts';
import { formatBytes, formatDuration, formatMib, formatRate } from '../../components/format.ts';

const short = new Intl.NumberFormat('en', { maximumSignificantDigits: 3, notation: 'compact' });
const FORMATS: Readonly<Record<MetricUnit, (value: number) => string>> = {
  '%': value => `${Number(value.toPrecision(3))} %`, 'MHz': value => `${short.format(value)} MHz`, 'MIPS': value => `${short.format(value)} MIPS`, 'number': value => short.format(value), '/s': value => `${short.format(value)}/s`,
  'MiB': formatMib, 'B': formatBytes, 'B/s': value => formatRate(value, 'B'), 'bit/s': value => formatRate(value, 'bit'), 'ms': value => `${Number(value.toPrecision(3))} ms`, 's': value => formatDuration(value * 1000),
};
export const formatMetric = (unit: MetricUnit): ((value: number) => string) => FORMATS[unit];

/** The least that a scale shows, so that noise does not look like load. */
const LEAST: Readonly<Record<MetricUnit, number>> = { '%': 100, 'MHz': 100, 'MIPS': 10, 'number': 10, '/s': 10, 'MiB': 64, 'B': 1e6, 'B/s': 5000, 'bit/s': 1000, 'ms': 1, 's': 60 };
export const leastOf = (unit: MetricUnit): number => LEAST[unit];

export const GROUP_NAMES: Readonly<Record<MetricGroup, string>> = {
  cpu: 'CPU', memory: 'Memory', disk: 'Disk', network: 'Network', translator: 'Translator', exits: 'Exits', system: 'System', datastore: 'Datastore',
};
export const metricTitle = ({ group, name }: Metric): string => `${GROUP_NAMES[group]}: ${name}`;

/** A line's name among those of other metrics. */
export function lineName(key: string): string {
  const { metric, instance } = seriesOf(key), name = metricOf(metric)?.name ?? metric;
  return instance === '' ? name : `${name}, ${instanceName(instance)}`;
}
