/** Which charts the overview of an object has. */
import { say, type Phrase } from '../../../shared/base/phrase.ts';
import { metricOf, type MeteredKind, type MetricUnit } from '../../../shared/model/metric.ts';

export interface OverviewChart { readonly title: Phrase; readonly metrics: readonly string[]; readonly unit: MetricUnit; readonly stacked?: boolean }
const chart = (title: Phrase, metrics: readonly string[], rest: Pick<OverviewChart, 'stacked'> = {}): OverviewChart => ({ title, metrics, unit: metricOf(metrics[0] ?? '')?.unit ?? 'number', ...rest });

const CPU = chart(say`CPU usage`, ['cpu.usage']), SPEED = chart(say`Speed in MIPS (millions of instructions per second)`, ['cpu.mips']);
const DEVICES = [chart(say`Disk throughput`, ['disk.read', 'disk.write']), chart(say`Disk latency`, ['disk.totalReadLatency', 'disk.totalWriteLatency']), chart(say`Network throughput`, ['net.received', 'net.transmitted'])];
const INSIDE = [chart(say`Exits to the hypervisor`, ['exits.count']), chart(say`Time spent translating`, ['translator.time'])];
type Charts = readonly [OverviewChart, ...OverviewChart[]];
const WITHOUT_CAPACITY: Charts = [SPEED, chart(say`Memory granted`, ['mem.granted', 'mem.balloon']), ...DEVICES, ...INSIDE, chart(say`VMs powered on`, ['system.running'])];
const WITH_CAPACITY: Charts = [CPU, chart(say`Memory usage`, ['mem.usage']), ...WITHOUT_CAPACITY];

export const OVERVIEW: Readonly<Record<MeteredKind, Charts>> = {
  vm: [CPU, SPEED, chart(say`Memory`, ['mem.granted', 'mem.available', 'mem.balloon']), ...DEVICES, ...INSIDE],
  host: WITH_CAPACITY, cluster: WITH_CAPACITY, datacenter: WITH_CAPACITY, root: WITH_CAPACITY, folder: WITHOUT_CAPACITY, resourcePool: WITHOUT_CAPACITY,
  datastore: [chart(say`Usage`, ['datastore.usage']), chart(say`Space`, ['datastore.used', 'datastore.capacity'])],
};
