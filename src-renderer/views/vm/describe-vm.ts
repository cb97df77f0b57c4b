/** A VM's specification in words, for the summary, the configuration and the wizard's last page. */
import type { GuestSource, VmSpec } from '../../../shared/model/vm.ts';
import { formatMib } from '../../components/format.ts';

type Rows = readonly (readonly [name: string, value: string | undefined])[];

const GUESTS: Record<GuestSource['kind'], string> = { diagnostics: 'Built-in diagnostics', linux: 'Linux kernel', binary: 'Bare binary', firmware: 'Firmware (UEFI)' };
export const guestName = (guest: GuestSource): string => GUESTS[guest.kind];

export function guestRows(guest: GuestSource): Rows {
  const first = ['Guest', guestName(guest)] as const;
  if (guest.kind === 'linux') return [first, ['Kernel', guest.kernelPath], ['Initial RAM disk', guest.initrdPath ?? 'none'], ['Command line', guest.commandLine || 'none']];
  if (guest.kind === 'firmware') return [first, ['Firmware', guest.firmwarePath], ['Variables', guest.variablesPath ?? 'forgotten at power-off']];
  return guest.kind === 'binary' ? [first, ['Image', guest.imagePath]] : [first];
}

export const hardwareRows = ({ cpus, smpMode = 'parallel', memoryMib, disks }: VmSpec): Rows => [
  ['CPU', String(cpus)], ['CPU scheduling', smpMode === 'parallel' ? 'Parallel' : 'Deterministic'], ['Memory', formatMib(memoryMib)],
  ...disks.filter(disk => !disk.cdrom).map((disk, at) => [`Disk ${at + 1}`, `${disk.path}${disk.readOnly ? ' (read only)' : ''}`] as const),
  ...disks.filter(disk => disk.cdrom).map((drive, at) => [`CD drive ${at + 1}`, drive.path || 'empty'] as const),
  ['Disks', disks.length === 0 ? 'none' : undefined],
];
