/** Which charts the overview of an object has. */
import { metricOf, type MeteredKind, type MetricUnit } from '../../../shared/model/metric.ts';

export interface OverviewChart { readonly title: string; readonly metrics: readonly string[]; readonly unit: MetricUnit; readonly stacked?: boolean }
const chart = (title: string, metrics: readonly string[], rest: Pick<OverviewChart, 'stacked'> = {}): OverviewChart => ({ title, metrics, unit: metricOf(metrics[0] ?? '')?.unit ?? 'number', ...rest });

const CPU = chart('CPU usage', ['cpu.usage']), SPEED = chart('Speed in MIPS (millions of instructions per second)', ['cpu.mips']);
const DEVICES = [chart('Disk throughput', ['disk.read', 'disk.write']), chart('Disk latency', ['disk.totalReadLatency', 'disk.totalWriteLatency']), chart('Network throughput', ['net.received', 'net.transmitted'])];
const INSIDE = [chart('Exits to the hypervisor', ['exits.count']), chart('Time spent translating', ['translator.time'])];
const WITHOUT_CAPACITY = [SPEED, chart('Memory granted', ['mem.granted', 'mem.balloon']), ...DEVICES, ...INSIDE, chart('VMs powered on', ['system.running'])];
const WITH_CAPACITY = [CPU, chart('Memory usage', ['mem.usage']), ...WITHOUT_CAPACITY];

export const OVERVIEW: Readonly<Record<MeteredKind, readonly OverviewChart[]>> = {
  vm: [CPU, SPEED, chart('Memory', ['mem.granted', 'mem.available', 'mem.balloon']), ...DEVICES, ...INSIDE],
  host: WITH_CAPACITY, cluster: WITH_CAPACITY, datacenter: WITH_CAPACITY, root: WITH_CAPACITY, folder: WITHOUT_CAPACITY, resourcePool: WITHOUT_CAPACITY,
  datastore: [chart('Usage', ['datastore.usage']), chart('Space', ['datastore.used', 'datastore.capacity'])],
};
