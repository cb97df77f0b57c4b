/** Disks and network adapters as typed, for a new VM and for the settings of one. Numbers stay as typed until they are checked. */
import type { FileProbe } from '../../../shared/api/engine-api.ts';
import { fileName } from '../../../shared/model/hardware-change.ts';
import type { DiskBus, DiskRequest, DiskSpec, NEW_DISK_FORMATS, NicSpec, PortForward } from '../../../shared/model/vm.ts';
import { t, translate } from '../../i18n/i18n.ts';

const MIB = 2 ** 20;

export interface DiskDraft {
  readonly key: number;
  /** The disk as the VM has it; absent of one that is to be added. */
  readonly own?: DiskSpec | undefined;
  source: 'new' | 'image' | 'cdrom';
  path: string;
  size: string;
  sizeUnit: 'MiB' | 'GiB';
  format: typeof NEW_DISK_FORMATS[number];
  bus: DiskBus;
  readOnly: boolean;
  iops: string;
  /** In MiB/s. */
  bandwidth: string;
}

export interface ForwardDraft { readonly key: number; protocol: PortForward['protocol']; hostPort: string; guestPort: string; bind: string }

export interface NicDraft {
  readonly key: number;
  readonly own?: NicSpec | undefined;
  kind: NicSpec['kind'];
  switch: string;
  portGroup: string;
  vlan: string;
  /** Automatic when empty. */
  mac: string;
  connected: boolean;
  forwards: ForwardDraft[];
}

export interface HardwareDraft { disks: DiskDraft[]; nics: NicDraft[] }

export type Probes = ReadonlyMap<string, FileProbe>;

const nextKey = (list: readonly { readonly key: number }[]): number => Math.max(0, ...list.map(({ key }) => key)) + 1;
/** What is not filled in is not a number. */
export const typed = (text: string): number => (text.trim() === '' ? NaN : Number(text));
const shown = (value: number | undefined): string => (value === undefined ? '' : String(value));

export const newDisk = (disks: readonly DiskDraft[], source: DiskDraft['source']): DiskDraft =>
  ({ key: nextKey(disks), source, path: '', size: '16', sizeUnit: 'GiB', format: 'qcow2', bus: 'virtio', readOnly: false, iops: '', bandwidth: '' });

export const newNic = (nics: readonly NicDraft[]): NicDraft =>
  ({ key: nextKey(nics), kind: 'nat', switch: '', portGroup: '', vlan: '', mac: '', connected: true, forwards: [] });

export const newForward = (forwards: readonly ForwardDraft[]): ForwardDraft => ({ key: nextKey(forwards), protocol: 'tcp', hostPort: '', guestPort: '', bind: '' });

export const diskDraft = (own: DiskSpec, key: number): DiskDraft => ({
  ...newDisk([], own.cdrom ? 'cdrom' : 'image'), key, own, path: own.path, bus: own.bus ?? 'virtio', readOnly: own.readOnly,
  iops: shown(own.iopsLimit), bandwidth: shown(own.bytesPerSecondLimit === undefined ? undefined : own.bytesPerSecondLimit / MIB),
});

export function nicDraft(own: NicSpec, key: number): NicDraft {
  const common = { ...newNic([]), key, own, mac: own.mac ?? '', connected: own.connected };
  if (own.kind === 'switch') return { ...common, kind: 'switch', switch: own.switch, portGroup: own.portGroup ?? '', vlan: shown(own.vlan) };
  return { ...common, forwards: own.forwards.map(({ protocol, hostPort, guestPort, bind = '' }, at) => ({ key: at, protocol, hostPort: String(hostPort), guestPort: String(guestPort), bind })) };
}

/** An image's format is settled when it is added: what a guest writes into a raw one must not make it another. */
export function diskOf(draft: DiskDraft, probes: Probes): DiskRequest {
  const { own, source, readOnly, iops, bandwidth } = draft, path = draft.path.trim(), image = probes.get(path)?.image;
  const limits = { ...(iops.trim() && { iopsLimit: typed(iops) }), ...(bandwidth.trim() && { bytesPerSecondLimit: typed(bandwidth) * MIB }) };
  const bus = draft.bus === (own?.bus ?? 'virtio') ? {} : { bus: draft.bus };
  if (source === 'cdrom') return driveOf(path, own, limits);
  if (own) {
    const { iopsLimit: _, bytesPerSecondLimit: __, ...rest } = own;
    return { ...rest, readOnly, ...bus, ...limits };
  }
  if (source === 'new') return { create: { format: draft.format, sizeMib: sizeMib(draft) }, readOnly, ...bus, ...limits };
  return { path, readOnly, ...bus, ...(image && 'format' in image && { format: image.format }), ...limits };
}

/** What the image of a drive is, its first bytes tell. */
function driveOf(path: string, own: DiskSpec | undefined, limits: Partial<DiskSpec>): DiskSpec {
  if (own?.path === path) return own;
  return { path, readOnly: true, cdrom: true, ...limits };
}

export const sizeMib = ({ size, sizeUnit }: Pick<DiskDraft, 'size' | 'sizeUnit'>): number => typed(size) * (sizeUnit === 'GiB' ? 1024 : 1);

export function nicOf(draft: NicDraft): NicSpec {
  const { kind, own, connected, portGroup, vlan } = draft, mac = draft.mac.trim();
  const common = { connected, ...(own?.slot !== undefined && { slot: own.slot }), ...(mac && { mac }), ...(own?.limit && { limit: own.limit }) };
  if (kind === 'nat') return { kind, forwards: draft.forwards.map(forwardOf), ...common };
  return { kind, switch: draft.switch.trim(), ...(portGroup.trim() && { portGroup: portGroup.trim() }), ...(vlan.trim() && { vlan: typed(vlan) }), ...common };
}

const forwardOf = ({ protocol, hostPort, guestPort, bind }: ForwardDraft): PortForward =>
  ({ protocol, hostPort: typed(hostPort), guestPort: typed(guestPort), ...(bind.trim() && { bind: bind.trim() }) });

/** What no schema says, by field. */
export function hardwareProblems({ disks, nics }: HardwareDraft, probes: Probes): readonly (readonly [field: string, problem: string])[] {
  return [...disks.flatMap((disk, at) => diskProblems(disk, at, { disks, probes })), ...repeatedPorts(nics)];
}

function diskProblems(disk: DiskDraft, at: number, { disks, probes }: { disks: readonly DiskDraft[]; probes: Probes }): readonly (readonly [string, string])[] {
  if (disk.own || disk.source !== 'image') return [];
  const path = disk.path.trim(), image = probes.get(path)?.image, field = `disks.${at}.path`;
  const first = disks.findIndex(other => other.source === 'image' && other.path.trim() === path);
  return [
    ...(path !== '' && first < at ? [[field, t`Disk ${first + 1} has this image already.`] as const] : []),
    ...(image && 'problem' in image ? [[field, translate(image.problemPhrase ?? image.problem)] as const] : []),
    ...(image && 'format' in image && image.format === 'iso' && !disk.readOnly ? [[field, t`${fileName(path)} is an ISO image, which can only be read: tick Read only.`] as const] : []),
  ];
}

function repeatedPorts(nics: readonly NicDraft[]): readonly (readonly [string, string])[] {
  const seen = new Set<string>();
  return nics.flatMap(({ kind, forwards }, nic) => (kind === 'switch' ? [] : forwards.flatMap(({ protocol, hostPort, bind }, at) => {
    const port = `${protocol} ${hostPort.trim()} ${bind.trim() || '127.0.0.1'}`, isRepeated = hostPort.trim() !== '' && seen.has(port);
    seen.add(port);
    return isRepeated ? [[`nics.${nic}.forwards.${at}.hostPort`, t`${protocol.toUpperCase()} port ${hostPort.trim()} is forwarded twice.`] as const] : [];
  })));
}

const BUS_NAMES: Readonly<Record<string, string>> = { virtio: 'virtio', nvme: 'NVMe', scsi: 'SCSI', cdrom: 'SCSI' };
export const busName = (bus: DiskBus | 'cdrom'): string => BUS_NAMES[bus] ?? bus.toUpperCase();

/** What people call the disks of a VM, by their places: `Disk 2`, `CD/DVD drive 1`. */
export function deviceNames(disks: readonly object[]): readonly string[] {
  const numbers = deviceNumbers(disks);
  return disks.map((disk, at) => (isDrive(disk) ? t`CD/DVD drive ${numbers[at] ?? 0}` : t`Disk ${numbers[at] ?? 0}`));
}

/** Disks and drives are counted apart. */
export function deviceNumbers(disks: readonly object[]): readonly number[] {
  const count = { disks: 0, drives: 0 };
  return disks.map(disk => (isDrive(disk) ? ++count.drives : ++count.disks));
}

const isDrive = (disk: object): boolean => ('source' in disk ? disk.source === 'cdrom' : 'cdrom' in disk && disk.cdrom === true);

/** What Linux calls the disks that are there from the start; those in slots get their names as it finds them. */
export function linuxNames(disks: readonly Pick<DiskDraft, 'bus' | 'own' | 'source'>[]): readonly (string | undefined)[] {
  const seen = new Map<DiskBus, number>();
  let drives = 0;
  return disks.map(({ bus, own, source }) => {
    if (own?.slot !== undefined) return undefined;
    if (source === 'cdrom') return `sr${drives++}`;
    const at = seen.get(bus) ?? 0, letter = String.fromCharCode(97 + at);
    seen.set(bus, at + 1);
    // NVMe disks are namespaces of one controller.
    return bus === 'nvme' ? `nvme0n${at + 1}` : `${bus === 'virtio' ? 'vd' : 'sd'}${letter}`;
  });
}
