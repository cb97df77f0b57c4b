/** A host in words. */
import { capacityMhz, isOn, maintenanceOf, type Host, type HostProfile } from '../../../shared/model/host.ts';
import { formatMib, plural } from '../../components/format.ts';

type Rows = readonly (readonly [name: string, value: string | undefined])[];

const number = new Intl.NumberFormat('en', { maximumFractionDigits: 2 });
/** Three digits, as vSphere has it: `19.2 GHz`. */
export const formatMhz = (mhz: number): string => (mhz >= 1000 ? `${Number((mhz / 1000).toPrecision(3))} GHz` : `${Math.round(mhz)} MHz`);

export function stateOf(host: Host): string {
  if (!host.connected) return 'Disconnected';
  if (!isOn(host)) return 'Powered Off';
  return { none: 'Connected', entering: 'Entering Maintenance Mode', on: 'Maintenance Mode' }[maintenanceOf(host)];
}

export const processorText = ({ cpus, cpuMhz }: HostProfile): string => `${plural(cpus, 'AArch64 CPU')} at ${formatMhz(cpuMhz)}`;

const functions = (count: number) => (count === 0 ? '' : `, ${plural(count, 'virtual function')}`);
const nicText = ({ model, revision, ports, virtualFunctions }: HostProfile['nics'][number]): string => `${model}, revision ${revision}, ${plural(ports, 'port')}${functions(virtualFunctions)}`;
/** Devices of a kind, numbered when there are several. */
const numbered = (name: string, texts: readonly string[]): Rows => texts.map((text, at) => [texts.length > 1 ? `${name} ${at + 1}` : name, text]);

export const hardwareRows = (host: HostProfile): Rows => [
  ['Model', host.model], ['Processors', processorText(host)], ['CPU capacity', formatMhz(capacityMhz(host))], ['Memory', formatMib(host.memoryMib)], ['System counter', `${number.format(host.counterHz / 1e6)} MHz`],
  ...deviceRows(host),
];

export const deviceRows = (host: HostProfile): Rows => [
  ['Interrupt controller', host.gic], ['IOMMU', host.iommu ? 'SMMUv3' : 'none'], ['Watchdog', host.watchdog],
  ...numbered('Network adapter', host.nics.map(nicText)), ...numbered('RDMA adapter', host.rdmaNics.map(nicText)),
  ...numbered('NVMe drive', host.drives.map(({ model, revision, sizeGib }) => `${model}, revision ${revision}, ${formatMib(sizeGib * 1024)}`)),
];
