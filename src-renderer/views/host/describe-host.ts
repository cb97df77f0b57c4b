/** A host in words. */
import { say, type Phrase } from '../../../shared/base/phrase.ts';
import { capacityMhz, isOn, maintenanceOf, type Host, type HostProfile } from '../../../shared/model/host.ts';
import { formatMib } from '../../components/format.ts';
import { perLocale, plural, t, translate } from '../../i18n/i18n.ts';

type Rows = readonly (readonly [name: string, value: string | undefined])[];

const number = perLocale(locale => new Intl.NumberFormat(locale, { maximumFractionDigits: 2 }));
const threeDigits = perLocale(locale => new Intl.NumberFormat(locale, { maximumSignificantDigits: 3, useGrouping: false }));
/** Three digits, as vSphere has it: `19.2 GHz`. */
export const formatMhz = (mhz: number): string => (mhz >= 1000 ? `${threeDigits().format(mhz / 1000)} GHz` : `${Math.round(mhz)} MHz`);

const MAINTENANCE = { none: say`Connected`, entering: say`Entering Maintenance Mode`, on: say`Maintenance Mode` } as const;
const HEALTH = { booting: say`Booting`, notResponding: say`Not Responding` } as const;
export function stateOf(host: Host): string {
  if (!host.connected) return t`Disconnected`;
  if (!isOn(host)) return t`Powered Off`;
  if (host.health !== undefined) return translate(HEALTH[host.health]);
  return translate(MAINTENANCE[maintenanceOf(host)]);
}

export const processorText = ({ cpus, cpuMhz }: HostProfile): string => plural(cpus, '{n} AArch64 CPU at {0}', '{n} AArch64 CPUs at {0}', formatMhz(cpuMhz));

const WATCHDOG_NAMES: Readonly<Record<HostProfile['watchdog'], Phrase>> = { none: say`none##of watchdogs`, 'SBSA revision 0': say`SBSA revision 0`, 'SBSA revision 1': say`SBSA revision 1` };
export const watchdogName = (watchdog: HostProfile['watchdog']): string => translate(WATCHDOG_NAMES[watchdog]);

const nicText = ({ model, revision, ports, virtualFunctions, cpus = 0, memoryMib = 0 }: HostProfile['nics'][number]): string => [
  t`${model}, revision ${revision}`, plural(ports, '{n} port', '{n} ports'), ...(virtualFunctions === 0 ? [] : [plural(virtualFunctions, '{n} virtual function', '{n} virtual functions')]),
  ...(cpus === 0 ? [] : [plural(cpus, '{n} CPU of its own', '{n} CPUs of its own'), t`${formatMib(memoryMib)} of memory`]),
].join(', ');
/** Devices of a kind, numbered when there are several. */
const numbered = (name: string, texts: readonly string[]): Rows => texts.map((text, at) => [texts.length > 1 ? `${name} ${at + 1}` : name, text]);

export const hardwareRows = (host: HostProfile): Rows => [
  [t`Model`, host.model], [t`Processors`, processorText(host)], [t`CPU capacity`, formatMhz(capacityMhz(host))], [t`Memory`, formatMib(host.memoryMib)], [t`System counter`, `${number().format(host.counterHz / 1e6)} MHz`],
  ...deviceRows(host),
];

export const deviceRows = (host: HostProfile): Rows => [
  [t`Interrupt controller`, host.gic], [t`IOMMU`, host.iommu ? 'SMMUv3' : t`none`], [t`Watchdog`, watchdogName(host.watchdog)],
  ...numbered(t`Network adapter`, host.nics.map(nicText)), ...numbered(t`RDMA adapter`, host.rdmaNics.map(nicText)),
  ...numbered(t`NVMe drive`, host.drives.map(({ model, revision, sizeGib }) => t`${model}, revision ${revision}, ${formatMib(sizeGib * 1024)}`)),
];
