/** How metrics and their figures read. */
import { say, type Phrase } from '../../../shared/base/phrase.ts';
import { instanceName, metricOf, seriesOf, type Metric, type MetricGroup, type MetricUnit, type Rollup } from '../../../shared/model/metric.ts';
import { formatBytes, formatDuration, formatMib, formatRate } from '../../components/format.ts';
import { perLocale, t, translate } from '../../i18n/i18n.ts';

const exact = perLocale(locale => new Intl.NumberFormat(locale, { maximumSignificantDigits: 3, useGrouping: false }));
const short = perLocale(locale => new Intl.NumberFormat(locale, { maximumSignificantDigits: 3, notation: 'compact' }));
const FORMATS: Readonly<Record<MetricUnit, (value: number) => string>> = {
  '%': value => `${exact().format(value)} %`, 'MHz': value => `${short().format(value)} MHz`, 'MIPS': value => `${short().format(value)} MIPS`, 'number': value => short().format(value), '/s': value => `${short().format(value)}/s`,
  'MiB': formatMib, 'B': formatBytes, 'B/s': value => formatRate(value, 'B'), 'bit/s': value => formatRate(value, 'bit'), 'ms': value => `${exact().format(value)} ms`, 's': value => formatDuration(value * 1000), 'µs': value => `${exact().format(value)} µs`, '×': value => `× ${exact().format(value)}`, 'ppm': value => `${short().format(value)} ppm`,
};
export const formatMetric = (unit: MetricUnit): ((value: number) => string) => FORMATS[unit];

/** The least that a scale shows, so that noise does not look like load. */
const LEAST: Readonly<Record<MetricUnit, number>> = { '%': 100, 'MHz': 100, 'MIPS': 10, 'number': 10, '/s': 10, 'MiB': 64, 'B': 1e6, 'B/s': 5000, 'bit/s': 1000, 'ms': 1, 's': 60, 'µs': 10, '×': 1, 'ppm': 100 };
export const leastOf = (unit: MetricUnit): number => LEAST[unit];

export const GROUP_NAMES: Readonly<Record<MetricGroup, Phrase>> = {
  cpu: say`CPU`, memory: say`Memory`, disk: say`Disk`, network: say`Network`, translator: say`Translator`, exits: say`Exits`, time: say`Guest time`, system: say`System`, datastore: say`Datastore`,
};
export const ROLLUPS: Readonly<Record<Rollup, Phrase>> = { average: say`average`, summation: say`summation`, latest: say`latest` };
export const unitName = (unit: MetricUnit): string => (unit === 'number' ? t`number` : unit);
export const metricTitle = ({ group, name }: Metric): string => `${translate(GROUP_NAMES[group])}: ${translate(name)}`;

/** A line's name among those of other metrics. */
export function lineName(key: string): string {
  const { metric, instance } = seriesOf(key), name = translate(metricOf(metric)?.name ?? metric);
  return instance === '' ? name : `${name}, ${translate(instanceName(instance))}`;
}
