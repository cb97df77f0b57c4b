/** A VM's specification in words, for the summary, the configuration and the wizard's last page. */
import { say, type Phrase } from '../../../shared/base/phrase.ts';
import { DISPLAY_LIMITS, type DisplaySpec, type VncListener } from '../../../shared/model/display.ts';
import { USUAL_WATCHDOG } from '../../../shared/model/boot-watchdog.ts';
import { USUAL_TIME, type GuestTimeSpec } from '../../../shared/model/guest-time.ts';
import { fileName } from '../../../shared/model/hardware-change.ts';
import { USUAL_EFI, VLAN_TRUNK, VM_LIMITS, type BootWatchdogSpec, type DiskRequest, type GuestSource, type NicSpec, type NicStats, type PortForward, type VmRequest } from '../../../shared/model/vm.ts';
import { formatBytes, formatMib } from '../../components/format.ts';
import { plural, t, translate } from '../../i18n/i18n.ts';
import { adapterName } from '../settings/display-draft.ts';
import { watchdogModeName } from '../settings/watchdog-draft.ts';
import { modeName } from '../settings/time-draft.ts';
import { busName, deviceNames, type Probes } from '../settings/hardware-draft.ts';

type Rows = readonly (readonly [name: string, value: string | undefined])[];

const GUESTS: Record<GuestSource['kind'], Phrase> = { uefi: say`Operating system (built-in UEFI)`, diagnostics: say`Built-in diagnostics`, linux: say`Linux kernel`, binary: say`Bare binary`, firmware: say`Firmware file (UEFI)` };
export const guestName = (guest: GuestSource): string => translate(GUESTS[guest.kind]);

export function guestRows(guest: GuestSource): Rows {
  const first = [t`Guest`, guestName(guest)] as const;
  if (guest.kind === 'linux') return [first, [t`Kernel`, guest.kernelPath], [t`Initial RAM disk`, guest.initrdPath ?? t`none`], [t`Command line`, guest.commandLine || t`none`]];
  if (guest.kind === 'uefi') {
    const { delayMs, showMenu } = guest.settings ?? USUAL_EFI, { kernelPath, initrdPath, commandLine } = guest;
    const kernel: Rows = kernelPath === undefined ? [] : [[t`Kernel`, kernelPath], [t`Initial RAM disk`, initrdPath ?? t`none`], [t`Command line`, commandLine || t`none`]];
    return [first, [t`Boot delay`, plural(delayMs / 1000, '{n} second', '{n} seconds')], [t`Boot menu`, showMenu ? t`always shown` : t`on a key`], ...kernel];
  }
  if (guest.kind === 'firmware') return [first, [t`Firmware`, guest.firmwarePath], [t`Variables`, guest.variablesPath ?? t`forgotten at power-off`]];
  return guest.kind === 'binary' ? [first, [t`Image`, guest.imagePath]] : [first];
}

const sentence = (words: readonly (string | undefined | false)[]): string => words.filter(Boolean).join(', ');

/** What a disk is; where something is known of its image, that instead of its folder. */
export function diskText(disk: DiskRequest, probes: Probes = new Map()): string {
  const { bus = 'virtio', readOnly, iopsLimit, bytesPerSecondLimit } = disk;
  const place = [busName(bus), 'slot' in disk && disk.slot !== undefined && t`hot-plug slot ${disk.slot + 1}`, readOnly && t`read only`, iopsLimit !== undefined && t`at most ${iopsLimit} IOPS`, bytesPerSecondLimit !== undefined && t`at most ${formatBytes(bytesPerSecondLimit)}/s`];
  if ('cdrom' in disk && disk.cdrom) return disk.path || t`empty`;
  if ('create' in disk) return sentence([t`New`, disk.create.format, formatMib(disk.create.sizeMib), ...place]);
  const image = probes.get(disk.path)?.image;
  if (!image || 'problem' in image) return sentence([disk.path, disk.format, ...place]);
  const below = image.backingFile === undefined ? undefined : t`on ${fileName(image.backingFile)}`;
  return t`${sentence([fileName(disk.path), image.format, ...place, below])}: ${formatBytes(image.allocatedBytes)} allocated of ${formatBytes(image.sizeBytes)}`;
}

const forwardText = ({ protocol, hostPort, guestPort, bind }: PortForward): string => t`${protocol.toUpperCase()} ${bind === undefined ? hostPort : `${bind}:${hostPort}`} to ${guestPort}`;

/** Where an adapter is plugged in. */
export function networkName(nic: NicSpec): string {
  if (nic.kind === 'nat') return t`NAT`;
  return sentence([`${nic.switch}: ${nic.portGroup ?? 'VM Network'}`, nic.vlan !== undefined && nic.vlan > 0 && (nic.vlan === VLAN_TRUNK ? t`all VLANs` : t`VLAN ${nic.vlan}`)]);
}

const macText = (mac: string | undefined) => (mac === undefined ? t`MAC address automatic` : t`MAC address ${mac}`);

export const nicText = (nic: NicSpec, stats?: NicStats): string => sentence([
  networkName(nic), nic.connected ? t`connected` : t`disconnected`, macText(stats?.mac ?? nic.mac), ...(nic.kind === 'nat' ? nic.forwards.map(forwardText) : []),
]);

const SESSIONS: Readonly<Record<DisplaySpec['sessions'], Phrase>> = { share: say`shared`, takeOver: say`a new one takes over`, refuse: say`one at a time` };

function listenerText({ at, password, tls }: VncListener): string {
  const place = at.kind === 'unix' ? at.path : at.port === 0 ? t`a free TCP port on loopback` : t`TCP port ${at.port} on loopback`;
  return sentence([place, password !== undefined && t`with a password`, tls === true && 'TLS']);
}

function displayRows(display: DisplaySpec | undefined): Rows {
  if (display === undefined) return [[t`Display`, t`none`]];
  const { adapter, heads, fixedSize, sessions, unwatched, vnc } = display;
  return [
    [t`Display`, sentence([adapterName(adapter), plural(heads, '{n} display', '{n} displays'), fixedSize ? `${fixedSize.width} × ${fixedSize.height}` : t`size follows the client`])],
    [t`Display sessions`, sentence([translate(SESSIONS[sessions]), unwatched === 'suspend' && t`suspended when nobody looks`])], [t`VNC server`, vnc && listenerText(vnc)],
  ];
}

function timeRows({ scaling, rate, afterStop, afterSuspend }: GuestTimeSpec = USUAL_TIME): Rows {
  const rules = [scaling && t`scaled, at a rate of ${rate}`, afterStop !== 'none' && t`held up: ${modeName(afterStop)}`, afterSuspend !== 'none' && t`suspended: ${modeName(afterSuspend)}`];
  return rules.some(rule => rule !== false) ? [[t`Guest time`, sentence(rules)]] : [];
}

function watchdogRows({ mode, timeoutS, failures, banks }: BootWatchdogSpec = USUAL_WATCHDOG): Rows {
  const rules = [watchdogModeName(mode), mode === 'boot' && t`reset after ${timeoutS} s`, mode === 'boot' && plural(failures, 'falls back after {n} failed boot', 'falls back after {n} failed boots'), banks.length > 0 && plural(banks.length, '{n} boot bank', '{n} boot banks')];
  return mode === 'guest' && banks.length === 0 ? [] : [[t`Boot watchdog`, sentence(rules)]];
}

/** The board that a guest finds. */
export const platformRows = (): Rows => [
  [t`Board`, t`QEMU virt compatible`], [t`Interrupt controller`, t`GICv3 with ITS`], [t`Serial port`, t`PL011, ttyAMA0`], [t`Power##of a machine`, t`PSCI 1.1, PL061 power button`],
];

/** How much may be on it. */
export const versionRows = (): Rows => [
  [t`CPUs`, t`up to ${VM_LIMITS.cpus.max}`], [t`Memory`, t`up to ${formatMib(VM_LIMITS.memoryMib.max)}`],
  [t`Disks and drives`, t`up to ${VM_LIMITS.disks}, on virtio, NVMe or SCSI`], [t`Network adapters`, t`up to ${VM_LIMITS.nics}, virtio`], [t`Displays`, t`up to ${DISPLAY_LIMITS.heads.max}, virtio-gpu or framebuffer`],
];

const processorRows = ({ cpus, maxCpus, smpMode = 'parallel', memoryMib, iommu }: VmRequest): Rows => [
  [t`CPU`, maxCpus === undefined ? String(cpus) : t`${cpus}, up to ${maxCpus} while it runs`], [t`CPU scheduling`, smpMode === 'parallel' ? t`Parallel` : t`Deterministic`], ...(iommu ? [[t`IOMMU`, 'SMMUv3'] as const] : []), [t`Memory`, formatMib(memoryMib)],
];

export function hardwareRows(spec: VmRequest, { probes, nics = [] }: { readonly probes?: Probes; readonly nics?: readonly NicStats[] } = {}): Rows {
  const names = deviceNames(spec.disks);
  return [
    ...processorRows(spec),
    ...spec.disks.map((disk, at) => [names[at] ?? '', diskText(disk, probes)] as const), [t`Disks`, spec.disks.length === 0 ? t`none` : undefined],
    ...(spec.nics ?? []).map((nic, at) => [t`Network adapter ${at + 1}`, nicText(nic, nics[at])] as const), [t`Network adapters`, spec.nics?.length ? undefined : t`none`], ...displayRows(spec.display), ...timeRows(spec.time), ...watchdogRows(spec.bootWatchdog),
  ];
}
