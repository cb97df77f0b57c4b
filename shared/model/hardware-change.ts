/**
 * What of a VM's settings can change while it is on. At once: its name, its allocations of CPU and memory, a disk more, a disk in a slot less, an adapter's cable, what is in a CD drive.
 * At the next power on: what it boots, limits, port forwards. Everything else is built into the machine that runs.
 */
import type { DiskRequest, DiskSpec, NicSpec, VmRequest, VmSpec } from './vm.ts';

export interface RunningChange {
  readonly addedDisks: readonly DiskRequest[];
  /** All of them in slots. */
  readonly removedDisks: readonly DiskSpec[];
  /** What CD drives, counted from 0, are to hold; nothing without a path. */
  readonly media: readonly { readonly drive: number; readonly path: string | undefined }[];
  readonly cables: readonly { readonly nic: number; readonly connected: boolean }[];
  /** What cannot be changed now, each a phrase. */
  readonly refused: readonly string[];
}

export const fileName = (path: string): string => path.slice(Math.max(path.lastIndexOf('/'), path.lastIndexOf('\\')) + 1);

const isDrive = (disk: DiskRequest): boolean => 'cdrom' in disk && disk.cdrom === true;
const drivesOf = ({ disks }: VmRequest) => disks.filter((disk): disk is DiskSpec => isDrive(disk));
const disksOf = <Disk extends DiskRequest>(disks: readonly Disk[]): readonly Disk[] => disks.filter(disk => !isDrive(disk));

const isSameDisk = (a: DiskSpec, b: DiskRequest): boolean => 'path' in b && a.path === b.path && a.slot === b.slot;

/** The disk of `wanted` that a VM has already. */
export const keptDisk = (disk: DiskSpec, wanted: VmRequest): DiskSpec | undefined => wanted.disks.find((other): other is DiskSpec => isSameDisk(disk, other));

const when = (changed: boolean, phrase: string): readonly string[] => (changed ? [phrase] : []);

const machineChanges = (before: VmSpec, wanted: VmRequest): readonly string[] => [
  ...when(before.cpus !== wanted.cpus, 'the number of CPUs'),
  ...when((before.smpMode ?? 'parallel') !== (wanted.smpMode ?? 'parallel'), 'CPU scheduling'),
  ...when((before.iommu ?? false) !== (wanted.iommu ?? false), 'the IOMMU'),
  ...when(before.memoryMib !== wanted.memoryMib, 'memory'),
];

function diskChanges(disk: DiskSpec, wanted: VmRequest): readonly string[] {
  const kept = keptDisk(disk, wanted), name = fileName(disk.path);
  if (kept === undefined) return when(disk.slot === undefined, `removing ${name}, which was not plugged in while the VM ran`);
  const isOther = (kept.bus ?? 'virtio') !== (disk.bus ?? 'virtio') || kept.readOnly !== disk.readOnly || kept.format !== disk.format;
  return when(isOther, `the bus, format or write protection of ${name}`);
}

const placeOf = (nic: NicSpec) => JSON.stringify([nic.mac?.toLowerCase(), ...(nic.kind === 'nat' ? [] : [nic.switch, nic.portGroup, nic.vlan ?? 0])]);

function driveChanges(before: readonly DiskSpec[], wanted: readonly DiskSpec[]): readonly string[] {
  return when(before.length !== wanted.length, `${before.length < wanted.length ? 'adding' : 'removing'} a CD/DVD drive`);
}

function nicChanges(before: readonly NicSpec[], wanted: readonly NicSpec[]): readonly string[] {
  if (before.length !== wanted.length) return [`${before.length < wanted.length ? 'adding' : 'removing'} a network adapter`];
  return before.flatMap((nic, at) => when(wanted[at] === undefined || nic.kind !== wanted[at].kind || placeOf(nic) !== placeOf(wanted[at]), `the network or MAC address of network adapter ${at + 1}`));
}

export function runningChange(before: VmSpec, wanted: VmRequest): RunningChange {
  const { nics = [] } = before, { nics: wantedNics = [] } = wanted;
  const disks = disksOf(before.disks), drives = drivesOf(before), wantedDrives = drivesOf(wanted);
  return {
    addedDisks: disksOf(wanted.disks).filter(disk => !disks.some(old => isSameDisk(old, disk))),
    media: drives.flatMap(({ path }, drive) => (wantedDrives[drive] === undefined || wantedDrives[drive].path === path ? [] : [{ drive, path: wantedDrives[drive].path || undefined }])),
    removedDisks: disks.filter(disk => disk.slot !== undefined && keptDisk(disk, wanted) === undefined),
    cables: wantedNics.flatMap(({ connected }, nic) => (nics[nic] !== undefined && nics[nic].connected !== connected ? [{ nic, connected }] : [])),
    refused: [...machineChanges(before, wanted), ...disks.flatMap(disk => diskChanges(disk, wanted)), ...driveChanges(drives, wantedDrives), ...nicChanges(nics, wantedNics)],
  };
}
