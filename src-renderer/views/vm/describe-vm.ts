/** A VM's specification in words, for the summary, the configuration and the wizard's last page. */
import { fileName } from '../../../shared/model/hardware-change.ts';
import { VLAN_TRUNK, type DiskRequest, type GuestSource, type NicSpec, type NicStats, type PortForward, type VmRequest } from '../../../shared/model/vm.ts';
import { formatBytes, formatMib } from '../../components/format.ts';
import { busName, deviceNames, type Probes } from '../settings/hardware-draft.ts';

type Rows = readonly (readonly [name: string, value: string | undefined])[];

const GUESTS: Record<GuestSource['kind'], string> = { diagnostics: 'Built-in diagnostics', linux: 'Linux kernel', binary: 'Bare binary', firmware: 'Firmware (UEFI)' };
export const guestName = (guest: GuestSource): string => GUESTS[guest.kind];

export function guestRows(guest: GuestSource): Rows {
  const first = ['Guest', guestName(guest)] as const;
  if (guest.kind === 'linux') return [first, ['Kernel', guest.kernelPath], ['Initial RAM disk', guest.initrdPath ?? 'none'], ['Command line', guest.commandLine || 'none']];
  if (guest.kind === 'firmware') return [first, ['Firmware', guest.firmwarePath], ['Variables', guest.variablesPath ?? 'forgotten at power-off']];
  return guest.kind === 'binary' ? [first, ['Image', guest.imagePath]] : [first];
}

const sentence = (words: readonly (string | undefined | false)[]): string => words.filter(Boolean).join(', ');

/** What a disk is; where something is known of its image, that instead of its folder. */
export function diskText(disk: DiskRequest, probes: Probes = new Map()): string {
  const { bus = 'virtio', readOnly, iopsLimit, bytesPerSecondLimit } = disk;
  const place = [busName(bus), 'slot' in disk && disk.slot !== undefined && `hot-plug slot ${disk.slot + 1}`, readOnly && 'read only', iopsLimit !== undefined && `at most ${iopsLimit} IOPS`, bytesPerSecondLimit !== undefined && `at most ${formatBytes(bytesPerSecondLimit)}/s`];
  if ('cdrom' in disk && disk.cdrom) return disk.path || 'empty';
  if ('create' in disk) return sentence(['New', disk.create.format, formatMib(disk.create.sizeMib), ...place]);
  const image = probes.get(disk.path)?.image;
  if (!image || 'problem' in image) return sentence([disk.path, disk.format, ...place]);
  const below = image.backingFile === undefined ? undefined : `on ${fileName(image.backingFile)}`;
  return `${sentence([fileName(disk.path), image.format, ...place, below])}: ${formatBytes(image.allocatedBytes)} allocated of ${formatBytes(image.sizeBytes)}`;
}

const forwardText = ({ protocol, hostPort, guestPort, bind }: PortForward): string => `${protocol.toUpperCase()} ${bind === undefined ? '' : `${bind}:`}${hostPort} to ${guestPort}`;

/** Where an adapter is plugged in. */
export function networkName(nic: NicSpec): string {
  if (nic.kind === 'nat') return 'NAT';
  return sentence([`${nic.switch}: ${nic.portGroup ?? 'VM Network'}`, nic.vlan !== undefined && nic.vlan > 0 && (nic.vlan === VLAN_TRUNK ? 'all VLANs' : `VLAN ${nic.vlan}`)]);
}

export const nicText = (nic: NicSpec, stats?: NicStats): string => sentence([
  networkName(nic), nic.connected ? 'connected' : 'disconnected', `MAC address ${stats?.mac ?? nic.mac ?? 'automatic'}`, ...(nic.kind === 'nat' ? nic.forwards.map(forwardText) : []),
]);

const processorRows = ({ cpus, smpMode = 'parallel', memoryMib, iommu }: VmRequest): Rows => [
  ['CPU', String(cpus)], ['CPU scheduling', smpMode === 'parallel' ? 'Parallel' : 'Deterministic'], ...(iommu ? [['IOMMU', 'SMMUv3'] as const] : []), ['Memory', formatMib(memoryMib)],
];

export function hardwareRows(spec: VmRequest, { probes, nics = [] }: { readonly probes?: Probes; readonly nics?: readonly NicStats[] } = {}): Rows {
  const names = deviceNames(spec.disks);
  return [
    ...processorRows(spec),
    ...spec.disks.map((disk, at) => [names[at] ?? '', diskText(disk, probes)] as const), ['Disks', spec.disks.length === 0 ? 'none' : undefined],
    ...(spec.nics ?? []).map((nic, at) => [`Network adapter ${at + 1}`, nicText(nic, nics[at])] as const), ['Network adapters', spec.nics?.length ? undefined : 'none'],
  ];
}
