/**
 * What of a VM's settings can change while it is on. At once: its name, its allocations of CPU and memory, a disk or an adapter more, one in a slot less, an adapter's cable, what is in a CD drive, CPUs up to what hot add allows,
 * of its display the fixed size, the rules for sessions and the VNC server, of its guest's time all but whether it is scaled, the rules of the boot watchdog.
 * At the next power on: what it boots, limits, port forwards. Everything else is built into the machine that runs.
 */
import type { DiskRequest, DiskSpec, NicSpec, VmRequest, VmSpec } from './vm.ts';
import { say, type Phrase } from '../base/phrase.ts';

export interface RunningChange {
  readonly addedDisks: readonly DiskRequest[];
  /** All of them in slots. */
  readonly removedDisks: readonly DiskSpec[];
  /** What CD drives, counted from 0, are to hold; nothing without a path. */
  readonly media: readonly { readonly drive: number; readonly path: string | undefined }[];
  readonly addedNics: readonly NicSpec[];
  /** All of them in slots. */
  readonly removedNics: readonly NicSpec[];
  /** By the adapter's place among those that the VM has. */
  readonly cables: readonly { readonly nic: number; readonly connected: boolean }[];
  /** How many it is to have, when that changes. */
  readonly cpus?: number;
  /** What cannot be changed now, each a phrase. */
  readonly refused: readonly Phrase[];
}

export const fileName = (path: string): string => path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);

const isDrive = (disk: DiskRequest): boolean => 'cdrom' in disk && disk.cdrom === true;
const drivesOf = ({ disks }: VmRequest) => disks.filter((disk): disk is DiskSpec => isDrive(disk));
const disksOf = <Disk extends DiskRequest>(disks: readonly Disk[]): readonly Disk[] => disks.filter(disk => !isDrive(disk));

const isSameDisk = (a: DiskSpec, b: DiskRequest): boolean => 'path' in b && a.path === b.path && a.slot === b.slot;

/** The disk of `wanted` that a VM has already. */
export const keptDisk = (disk: DiskSpec, wanted: VmRequest): DiskSpec | undefined => wanted.disks.find((other): other is DiskSpec => isSameDisk(disk, other));

const when = (changed: boolean, phrase: Phrase): readonly Phrase[] => (changed ? [phrase] : []);

const displayChanges = (before: VmSpec['display'], wanted: VmRequest['display']): readonly Phrase[] => [
  ...when(before?.adapter !== wanted?.adapter, say`the video adapter`),
  ...when(before !== undefined && wanted !== undefined && before.heads !== wanted.heads, say`the number of displays`),
];

const machineChanges = (before: VmSpec, wanted: VmRequest): readonly Phrase[] => [
  ...when(before.cpus !== wanted.cpus && (before.maxCpus === undefined || wanted.cpus > before.maxCpus), say`the number of CPUs`),
  ...when(before.maxCpus !== wanted.maxCpus, say`CPU hot add`),
  ...when((before.smpMode ?? 'parallel') !== (wanted.smpMode ?? 'parallel'), say`CPU scheduling`),
  ...when((before.iommu ?? false) !== (wanted.iommu ?? false), say`the IOMMU`),
  ...when(before.memoryMib !== wanted.memoryMib, say`memory`),
  ...displayChanges(before.display, wanted.display),
  ...when((before.bootWatchdog?.mode === 'none') !== (wanted.bootWatchdog?.mode === 'none'), say`whether there is a watchdog`),
  ...when((before.time?.scaling ?? false) !== (wanted.time?.scaling ?? false), say`scaling of guest time`),
];

function diskChanges(disk: DiskSpec, wanted: VmRequest): readonly Phrase[] {
  const kept = keptDisk(disk, wanted), name = fileName(disk.path);
  if (kept === undefined) return when(disk.slot === undefined, say`removing ${name}, which was not plugged in while the VM ran`);
  const isOther = (kept.bus ?? 'virtio') !== (disk.bus ?? 'virtio') || kept.readOnly !== disk.readOnly || kept.format !== disk.format;
  return when(isOther, say`the bus, format or write protection of ${name}`);
}

/** For each adapter that a VM has, that of `wanted`: those in slots by their slot, the others in their order. */
export function keptNics(before: readonly NicSpec[], wanted: readonly NicSpec[]): readonly (NicSpec | undefined)[] {
  const onBus = wanted.filter(({ slot }) => slot === undefined);
  let at = 0;
  return before.map(({ slot }) => (slot === undefined ? onBus[at++] : wanted.find(nic => nic.slot === slot)));
}

const placeOf = (nic: NicSpec) => JSON.stringify([nic.mac?.toLowerCase(), ...(nic.kind === 'nat' ? [] : [nic.switch, nic.portGroup, nic.vlan ?? 0])]);

function driveChanges(before: readonly DiskSpec[], wanted: readonly DiskSpec[]): readonly Phrase[] {
  return when(before.length !== wanted.length, before.length < wanted.length ? say`adding a CD/DVD drive` : say`removing a CD/DVD drive`);
}

function nicChanges(before: readonly NicSpec[], wanted: readonly NicSpec[]): readonly Phrase[] {
  return keptNics(before, wanted).flatMap((kept, at) => {
    const nic = before[at];
    if (kept === undefined) return when(nic?.slot === undefined, say`removing network adapter ${at + 1}, which was not plugged in while the VM ran`);
    return when(nic?.kind !== kept.kind || placeOf(nic) !== placeOf(kept), say`the network or MAC address of network adapter ${at + 1}`);
  });
}

export function runningChange(before: VmSpec, wanted: VmRequest): RunningChange {
  const { nics = [] } = before, { nics: wantedNics = [] } = wanted;
  const disks = disksOf(before.disks), drives = drivesOf(before), kept = keptNics(nics, wantedNics), wantedDrives = drivesOf(wanted);
  return {
    ...(before.cpus !== wanted.cpus && { cpus: wanted.cpus }),
    addedDisks: disksOf(wanted.disks).filter(disk => !disks.some(old => isSameDisk(old, disk))),
    media: drives.flatMap(({ path }, drive) => (wantedDrives[drive] === undefined || wantedDrives[drive].path === path ? [] : [{ drive, path: wantedDrives[drive].path || undefined }])),
    removedDisks: disks.filter(disk => disk.slot !== undefined && keptDisk(disk, wanted) === undefined),
    addedNics: wantedNics.filter(nic => !kept.includes(nic)),
    removedNics: nics.filter(({ slot }, at) => slot !== undefined && kept[at] === undefined),
    cables: kept.flatMap((nic, at) => (nic !== undefined && nics[at]?.connected !== nic.connected ? [{ nic: at, connected: nic.connected }] : [])),
    refused: [...machineChanges(before, wanted), ...disks.flatMap(disk => diskChanges(disk, wanted)), ...driveChanges(drives, wantedDrives), ...nicChanges(nics, wantedNics)],
  };
}
