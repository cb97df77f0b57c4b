/** What the wizard has been told so far, and what is wrong with it. Pure, so that every rule is tested without a page. */
import * as v from 'valibot';
import type { FileProbe } from '../../../shared/api/engine-api.ts';
import type { DatastoreId, FolderId, HostId } from '../../../shared/base/ids.ts';
import { say, type Phrase } from '../../../shared/base/phrase.ts';
import type { VmPlace } from '../../../shared/model/clone.ts';
import { LOCAL_DATASTORE } from '../../../shared/model/container.ts';
import { USUAL_DISPLAY } from '../../../shared/model/display.ts';
import type { Host } from '../../../shared/model/host.ts';
import { ObjectName } from '../../../shared/model/object-name.ts';
import { SHARE_LEVELS, SHARES } from '../../../shared/model/container.ts';
import { cpuAllocationOf, memoryAllocationOf, USUAL_EFI, VmRequest, type EfiTables, type GuestSource, type SmpMode, type VmSpec } from '../../../shared/model/vm.ts';
import { formatBytes, formatMib } from '../../components/format.ts';
import type { TreeNode } from '../../components/tree.ts';
import { plural, t, translate } from '../../i18n/i18n.ts';
import { idOf } from '../links.ts';
import { allocationDraft, allocationOf, isNormal, newAllocation, type AllocationDraft, type Levels } from '../settings/allocation-draft.ts';
import { displayDraft, displayOf, type DisplayDraft } from '../settings/display-draft.ts';
import { watchdogDraft, watchdogOf, type WatchdogDraft } from '../settings/watchdog-draft.ts';
import { timeDraft, timeOf, type TimeDraft } from '../settings/time-draft.ts';
import { diskDraft, diskOf, hardwareProblems, newDisk, newNic, nicDraft, nicOf, typed, type DiskDraft, type HardwareDraft, type Probes } from '../settings/hardware-draft.ts';

const ROOT_DISK = 'guest.rootDiskPath';

/** Numbers stay as typed until they are checked. */
export interface Draft extends HardwareDraft {
  name: string;
  hostId: HostId | undefined;
  datastoreId: DatastoreId;
  /** `disk` is a Linux kernel whose root is the first disk. */
  guest: GuestSource['kind'] | 'disk';
  kernelPath: string;
  initrdPath: string;
  commandLine: string;
  rootDiskPath: string;
  rootCommandLine: string;
  imagePath: string;
  firmwarePath: string;
  variablesPath: string;
  offersAcpi: boolean;
  /** Of the built-in UEFI, in seconds. */
  bootDelay: string;
  showsBootMenu: boolean;
  efiTables: EfiTables;
  cpus: string;
  /** CPU hot add: none when empty. */
  maxCpus: string;
  smpMode: SmpMode;
  memory: string;
  memoryUnit: 'MiB' | 'GiB';
  iommu: boolean;
  cpuAllocation: AllocationDraft;
  memoryAllocation: AllocationDraft;
  display: DisplayDraft;
  time: TimeDraft;
  bootWatchdog: WatchdogDraft;
}

/** What levels of shares stand for, with the hardware as typed. */
const perUnit = (levels: Levels, units: number): Levels => Object.fromEntries(SHARE_LEVELS.map(level => [level, Math.round(levels[level] * units)])) as Levels;
export const cpuLevels = (cpus: number): Levels => perUnit(SHARES.vmCpu, cpus);
export const memoryLevels = (mib: number): Levels => perUnit(SHARES.vmMemory, mib);

/** What a guest is usually given: an operating system finds a network behind a NAT and a display, and one that is yet to be installed a disk and a drive to install it from. */
const isSystem = (guest: Draft['guest']) => guest !== 'diagnostics' && guest !== 'binary';
const usualNics = (guest: Draft['guest']) => (isSystem(guest) ? [newNic([])] : []);
const usualDisplay = (guest: Draft['guest']) => displayDraft(isSystem(guest) ? USUAL_DISPLAY : undefined);
function usualDisks(guest: Draft['guest']): DiskDraft[] {
  if (guest !== 'uefi' && guest !== 'firmware') return [];
  const disk = newDisk([], 'new');
  return [disk, newDisk([disk], 'cdrom')];
}

export const newDraft = (hostId: HostId | undefined): Draft => ({
  name: '', hostId, datastoreId: LOCAL_DATASTORE, guest: 'uefi', kernelPath: '', initrdPath: '', commandLine: 'console=ttyAMA0',
  rootDiskPath: '', rootCommandLine: 'console=ttyAMA0 root=/dev/vda rw', imagePath: '', firmwarePath: '', variablesPath: '', offersAcpi: true, bootDelay: String(USUAL_EFI.delayMs / 1000), showsBootMenu: USUAL_EFI.showMenu, efiTables: 'both',
  cpus: '1', maxCpus: '', smpMode: 'parallel', memory: '512', memoryUnit: 'MiB', iommu: false, cpuAllocation: newAllocation(), memoryAllocation: newAllocation(), disks: usualDisks('uefi'), nics: usualNics('uefi'), display: usualDisplay('uefi'), time: timeDraft(), bootWatchdog: watchdogDraft(),
});

/** A VM's settings, to be changed. */
export function draftOf(spec: VmSpec, hostId: HostId): Draft {
  const { name, cpus, maxCpus, smpMode = 'parallel', memoryMib, iommu = false, guest, disks, nics = [], display, time, bootWatchdog } = spec, isWholeGib = memoryMib % 1024 === 0;
  return {
    ...newDraft(hostId), name, guest: guest.kind,
    ...(guest.kind === 'linux' && { kernelPath: guest.kernelPath, initrdPath: guest.initrdPath ?? '', commandLine: guest.commandLine }),
    ...(guest.kind === 'uefi' && { kernelPath: guest.kernelPath ?? '', initrdPath: guest.initrdPath ?? '', commandLine: guest.commandLine ?? '', bootDelay: String((guest.settings ?? USUAL_EFI).delayMs / 1000), showsBootMenu: (guest.settings ?? USUAL_EFI).showMenu, efiTables: guest.settings?.tables ?? 'both' }),
    ...(guest.kind === 'binary' && { imagePath: guest.imagePath }),
    ...(guest.kind === 'firmware' && { firmwarePath: guest.firmwarePath, variablesPath: guest.variablesPath ?? '', offersAcpi: guest.acpi !== false }),
    cpus: String(cpus), maxCpus: maxCpus === undefined ? '' : String(maxCpus), smpMode, memory: String(isWholeGib ? memoryMib / 1024 : memoryMib), memoryUnit: isWholeGib ? 'GiB' : 'MiB', iommu,
    cpuAllocation: allocationDraft(cpuAllocationOf(spec), cpuLevels(cpus)), memoryAllocation: allocationDraft(memoryAllocationOf(spec), memoryLevels(memoryMib)),
    disks: disks.map((disk, at) => diskDraft(disk, at + 1)), nics: nics.map((nic, at) => nicDraft(nic, at + 1)), display: displayDraft(display), time: timeDraft(time), bootWatchdog: watchdogDraft(bootWatchdog),
  };
}

/** Gives the draft what the guest now chosen usually has, unless the operator changed that. */
export function followGuest(draft: Draft, before: Draft['guest'], now: Draft['guest']): void {
  if (JSON.stringify(draft.disks) === JSON.stringify(usualDisks(before))) draft.disks = usualDisks(now);
  if (JSON.stringify(draft.nics) === JSON.stringify(usualNics(before))) draft.nics = usualNics(now);
  if (JSON.stringify(draft.display) === JSON.stringify(usualDisplay(before))) draft.display = usualDisplay(now);
}

export interface WizardPage { readonly id: 'type' | 'name' | 'host' | 'storage' | 'compatibility' | 'guest' | 'hardware' | 'review'; readonly title: Phrase }

export const FIRST_PAGE: WizardPage = { id: 'type', title: say`Select a creation type` };
export const PAGES: readonly WizardPage[] = [
  FIRST_PAGE,
  { id: 'name', title: say`Select a name and folder` },
  { id: 'host', title: say`Select a compute resource` },
  { id: 'storage', title: say`Select storage` },
  { id: 'compatibility', title: say`Select compatibility` },
  { id: 'guest', title: say`Select a guest` },
  { id: 'hardware', title: say`Customize hardware` },
  { id: 'review', title: say`Ready to complete` },
];

/** Where a VM stands in the tree of VMs: at its datacenter, or in a folder there. */
export interface Location { readonly kind: 'datacenter' | 'folder'; readonly id: string }

/** The datacenters of the tree of VMs, with the folders in each: every one is a location. */
export const locations = (nodes: readonly TreeNode[]): readonly TreeNode[] => nodes.flatMap(node => (idOf(node.id).kind === 'datacenter' ? [node] : locations(node.children ?? [])));

/** What the engine is told of a location, besides the pool that was asked for. */
export const placeAt = (location: Location | undefined, { poolId }: VmPlace, datastoreId: DatastoreId): VmPlace =>
  ({ ...(location?.kind === 'folder' && { folderId: location.id as FolderId }), ...(poolId !== undefined && { poolId }), datastoreId });

/** What the draft is judged against. A path that is not in `probes` has not been looked at yet. */
export interface DraftContext {
  readonly takenNames: readonly string[];
  readonly hosts: readonly Host[];
  readonly probes: Probes;
}

/** What is wrong, by field; a field's name is its path in `VmRequest`, or `hostId`. */
export type Problems = ReadonlyMap<string, string>;

export const memoryMib = (draft: Draft): number => typed(draft.memory) * (draft.memoryUnit === 'GiB' ? 1024 : 1);

function guestOf(draft: Draft): GuestSource {
  const { guest: kind, kernelPath, initrdPath, commandLine, imagePath, firmwarePath } = draft, variablesPath = draft.variablesPath.trim();
  const initrd = initrdPath.trim() ? { initrdPath: initrdPath.trim() } : {};
  if (kind === 'linux') return { kind, kernelPath, commandLine, ...initrd };
  if (kind === 'uefi') return efiOf(draft);
  if (kind === 'disk') return { kind: 'linux', kernelPath, commandLine: draft.rootCommandLine, ...initrd };
  if (kind === 'firmware') return { kind, firmwarePath, ...(variablesPath && { variablesPath }), ...(!draft.offersAcpi && { acpi: false }) };
  return kind === 'binary' ? { kind, imagePath } : { kind };
}

/** Settings that are the usual ones are left out; a kernel is started instead of what is on disks. */
function efiOf({ bootDelay, showsBootMenu, efiTables, kernelPath, initrdPath, commandLine }: Draft): GuestSource {
  const settings = { delayMs: typed(bootDelay) * 1000, showMenu: showsBootMenu, ...(efiTables !== 'both' && { tables: efiTables }) }, kernel = kernelPath.trim(), initrd = initrdPath.trim();
  return {
    kind: 'uefi', ...((settings.delayMs !== USUAL_EFI.delayMs || settings.showMenu || efiTables !== 'both') && { settings }),
    ...(kernel && { kernelPath: kernel, ...(initrd && { initrdPath: initrd }), commandLine }),
  };
}

const rootDisk = (draft: Draft) => (draft.guest === 'disk' ? [{ ...newDisk([], 'image'), path: draft.rootDiskPath }] : []);

/** All disks in their order. */
export const disksOf = (draft: Draft) => [...rootDisk(draft), ...draft.disks];

const allocationsOf = (draft: Draft): Pick<VmRequest, 'cpuAllocation' | 'memoryAllocation'> => ({
  ...(!isNormal(draft.cpuAllocation) && { cpuAllocation: allocationOf(draft.cpuAllocation, cpuLevels(typed(draft.cpus))) }),
  ...(!isNormal(draft.memoryAllocation) && { memoryAllocation: allocationOf(draft.memoryAllocation, memoryLevels(memoryMib(draft))) }),
});

/** What the number of CPUs or an allocation asks for that the VM could not use, or that its host does not have. */
function allocationProblems({ cpus, maxCpus = cpus, memoryMib: mib, cpuAllocation, memoryAllocation }: VmRequest, host: Host | undefined): readonly (readonly [field: string, problem: string | false])[] {
  const { reservation = 0, limit } = cpuAllocation ?? {}, mostMhz = cpus * (host?.cpuMhz ?? NaN);
  return [
    ['maxCpus', maxCpus < cpus && plural(cpus, 'It has {n} CPU.', 'It has {n} CPUs.')],
    ['cpuAllocation.reservation', host !== undefined && reservation > mostMhz && t`Its CPUs have ${mostMhz} MHz on ${host.name}.`],
    ['cpuAllocation.limit', limit !== undefined && (limit === 0 ? t`A CPU limit is at least 1 MHz.` : reservation > limit && t`The limit is below the reservation.`)],
    ['memoryAllocation.reservation', (memoryAllocation?.reservation ?? 0) > mib && t`It has ${mib} MiB of memory.`],
    ['memoryAllocation.limit', memoryAllocation?.limit !== undefined && memoryAllocation.limit < mib && t`It has ${mib} MiB of memory; a limit is not below that.`],
  ];
}

/** What is asked for, as typed; only without problems is it a `VmRequest`. */
export function requestOf(draft: Draft, probes: Probes): VmRequest {
  const display = displayOf(draft.display), time = timeOf(draft.time), bootWatchdog = watchdogOf(draft.bootWatchdog);
  return {
    name: draft.name.trim(), cpus: typed(draft.cpus), ...(draft.maxCpus.trim() && { maxCpus: typed(draft.maxCpus) }), smpMode: draft.smpMode, memoryMib: memoryMib(draft), ...(draft.iommu && { iommu: true }), ...allocationsOf(draft), guest: guestOf(draft),
    disks: disksOf(draft).map(disk => diskOf(disk, probes)), ...(draft.nics.length > 0 && { nics: draft.nics.map(nicOf) }), ...(display && { display }), ...(time && { time }), ...(bootWatchdog && { bootWatchdog }),
  };
}

/** Why a VM cannot have this name; absent when it can. */
export function nameProblem(name: string, taken: readonly string[]): string | undefined {
  const result = v.safeParse(ObjectName, name);
  if (!result.success) return translate(result.issues[0].message);
  const same = taken.find(other => other.toLocaleLowerCase('en') === result.output.toLocaleLowerCase('en'));
  return same === undefined ? undefined : t`There is already a virtual machine named "${same}".`;
}

/** Why the VM does not fit on a host; absent when it does. */
export function hostProblem(host: Host | undefined, cpus: number, mib: number): string | undefined {
  if (!host) return t`Choose a host.`;
  if (!host.connected) return t`${host.name} is not connected.`;
  if (cpus > host.cpus) return plural(host.cpus, '{0} has {n} CPU, the virtual machine asks for {1}.', '{0} has {n} CPUs, the virtual machine asks for {1}.', host.name, cpus);
  return mib > host.memoryMib ? t`${host.name} has ${formatMib(host.memoryMib)} of memory, the virtual machine asks for ${formatMib(mib)}.` : undefined;
}

/** An `own` disk is the VM's already, however it is now. */
export type FileUse = 'kernel' | 'initrd' | 'image' | 'disk' | 'own';

/** Why a file cannot be used; absent when it can or has not been looked at. */
export function fileProblem(use: FileUse, probe: FileProbe | undefined): string | undefined {
  if (!probe || use === 'own') return undefined;
  if (probe.problem) return translate(probe.problemPhrase ?? probe.problem);
  if (!probe.exists) return t`There is no such file.`;
  if (probe.what === 'directory') return t`This is a folder. Choose a file in it.`;
  if (probe.sizeBytes === 0) return t`This file is empty.`;
  if (use === 'kernel' && probe.what !== 'linux-image' && probe.what !== 'gzip') return t`This is not a Linux arm64 Image, plain or gzip.`;
  return use === 'initrd' && probe.what === 'linux-image' ? t`This is a kernel, not an initial RAM disk.` : undefined;
}

/** A disk image's format, and how much of what it can hold it takes. */
export function describeImage({ image }: FileProbe): string | undefined {
  if (!image || 'problem' in image) return undefined;
  return t`${image.format}, ${formatBytes(image.sizeBytes)}, ${formatBytes(image.allocatedBytes)} allocated`;
}

const KINDS: Record<FileProbe['what'], (size: string) => Phrase> = {
  'linux-image': size => say`Linux arm64 kernel, ${size}.`, gzip: size => say`Gzip file, ${size}.`, cpio: size => say`Cpio archive, ${size}.`, directory: size => say`Folder, ${size}.`, other: size => say`File, ${size}.`,
};

/** What was found at a path, for the line below its field; the same for what is to be a disk. */
export const describeFile = (probe: FileProbe): string => translate(KINDS[probe.what](formatBytes(probe.sizeBytes)));
export function describeDisk(probe: FileProbe): string {
  const image = describeImage(probe);
  return image === undefined ? describeFile(probe) : t`Disk image: ${image}.`;
}

/** The fields that hold paths now in use. */
export function filesOf(draft: Draft): readonly { readonly field: string; readonly use: FileUse; readonly path: string }[] {
  const files = guestFiles(draft), root = draft.guest === 'disk' ? [{ field: ROOT_DISK, use: 'disk', path: draft.rootDiskPath } as const] : [];
  const disks = draft.disks.flatMap(({ source, own, path }, index) => (source === 'new' || path.trim() === '' && source === 'cdrom' ? [] : [{ field: `disks.${index}.path`, use: own ? 'own' as const : 'disk' as const, path }]));
  return [...root, ...files, ...disks].map(file => ({ ...file, path: file.path.trim() }));
}

function guestFiles(draft: Draft): readonly { readonly field: string; readonly use: FileUse; readonly path: string }[] {
  switch (draft.guest) {
    case 'linux': case 'disk': return [{ field: 'guest.kernelPath', use: 'kernel', path: draft.kernelPath }, { field: 'guest.initrdPath', use: 'initrd', path: draft.initrdPath }];
    case 'uefi': return draft.kernelPath.trim() === '' ? [] : [{ field: 'guest.kernelPath', use: 'kernel', path: draft.kernelPath }, { field: 'guest.initrdPath', use: 'initrd', path: draft.initrdPath }];
    case 'binary': return [{ field: 'guest.imagePath', use: 'image', path: draft.imagePath }];
    // Where there are no variables yet, their file is made.
    case 'firmware': return [{ field: 'guest.firmwarePath', use: 'image', path: draft.firmwarePath }];
    case 'diagnostics': return [];
    default: return draft.guest satisfies never;
  }
}

/** The field of a path in the specification: its first disk may be the root, which stands on the guest's page. */
function fieldOf(draft: Draft, path: string): string {
  const disk = /^disks\.(\d+)(.*)$/.exec(path), shift = rootDisk(draft).length;
  if (disk === null || shift === 0) return path;
  return Number(disk[1]) < shift ? ROOT_DISK : `disks.${Number(disk[1]) - shift}${disk[2] ?? ''}`;
}

/** Everything wrong with the draft: the schema's word first, then what only the inventory and the files can tell. */
export function problemsOf(draft: Draft, context: DraftContext): Problems {
  const spec = requestOf(draft, context.probes);
  const found = new Map<string, string>();
  const note = (field: string, problem: string | undefined) => { if (problem && !found.has(field)) found.set(field, problem); };
  for (const issue of v.safeParse(VmRequest, spec).issues ?? []) note(fieldOf(draft, v.getDotPath(issue) ?? ''), translate(issue.message));
  note('name', nameProblem(draft.name, context.takenNames));
  const host = context.hosts.find(({ id }) => id === draft.hostId);
  note('hostId', hostProblem(host, 0, 0));
  if (host?.connected) {
    note('cpus', hostProblem(host, spec.cpus, 0));
    note('memoryMib', hostProblem(host, 0, spec.memoryMib));
  }
  for (const [field, problem] of allocationProblems(spec, host)) note(field, problem || undefined);
  for (const { field, use, path } of filesOf(draft)) note(field, fileProblem(use, context.probes.get(path)));
  for (const [field, problem] of hardwareProblems(draft, context.probes)) note(field, problem);
  return found;
}

/** The page on which a field stands. */
export function pageOf(field: string): WizardPage['id'] {
  if (field === 'name') return 'name';
  if (field === 'hostId') return 'host';
  return field.startsWith('guest') ? 'guest' : 'hardware';
}
