/** What a virtual machine is, as the console shows it and the inventory keeps it. */
import * as v from 'valibot';
import type { DatastoreId, FolderId, HostId, ResourcePoolId, SnapshotId, VmId } from '../base/ids.ts';
import { fixed, problemFields, say, type Phrase, type Problem, type Said } from '../base/phrase.ts';
import { Allocation, SHARES } from './container.ts';
import { DisplaySpec } from './display.ts';
import type { EfiVariable } from './efi.ts';
import type { HostRole } from './host.ts';
import { BOOT_LIMITS, WATCHDOG_MODES, type BootRecord } from './boot-watchdog.ts';
import type { Migration } from './migration.ts';
import { integerWithin, numberWithin } from './number-within.ts';
import { GuestTimeSpec, type GuestTimeStats } from './guest-time.ts';
import type { Labels } from './labels.ts';
import type { Given } from './peer.ts';
import { NAME_LENGTH, ObjectName } from './object-name.ts';

export const VM_LIMITS = { nameLength: NAME_LENGTH, cpus: { min: 1, max: 8 }, memoryMib: { min: 64, max: 3072 }, disks: 8, nics: 8, newDiskMib: { min: 1, max: 2 * 1024 * 1024 }, hotPlugSlots: 8 } as const;

const filePath = (missing: Phrase) => v.pipe(v.string(), v.trim(), v.minLength(1, fixed(missing)));

/** A device tree, ACPI tables made of it, or both: Linux takes the device tree then, unless it is told otherwise. */
export const EFI_TABLES = ['both', 'acpi', 'deviceTree'] as const;
export type EfiTables = (typeof EFI_TABLES)[number];

/** How the built-in UEFI behaves; the usual way when absent. */
export const EfiSettings = v.object({
  /** How long one can ask for the boot menu, in ms. */
  delayMs: integerWithin(say`The boot delay in milliseconds`, { min: 0, max: 60_000 }),
  /** The boot menu is shown whether or not somebody asks for it. */
  showMenu: v.boolean(),
  /** What an operating system is told of the hardware by; both when absent. */
  tables: v.optional(v.picklist(EFI_TABLES)),
});
export type EfiSettings = v.InferOutput<typeof EfiSettings>;
export const USUAL_EFI: EfiSettings = { delayMs: 1000, showMenu: false };

/** What the VM boots. Paths are files on the machine the engine runs on. */
export const GuestSource = v.variant('kind', [
  /** Whatever is on its disks, by the built-in UEFI; or a Linux `Image`, by its EFI stub. */
  v.object({ kind: v.literal('uefi'), settings: v.optional(EfiSettings), kernelPath: v.optional(v.string()), initrdPath: v.optional(v.string()), commandLine: v.optional(v.string()) }),
  /** The built-in bare-metal diagnostics program; needs no files. */
  v.object({ kind: v.literal('diagnostics') }),
  /** A Linux arm64 `Image` (plain or gzip), booted directly. */
  v.object({ kind: v.literal('linux'), kernelPath: filePath(say`Choose the kernel file.`), initrdPath: v.optional(v.string()), commandLine: v.string() }),
  /** A headerless binary, loaded at RAM + 0x80000 and entered with the device tree's address in x0. */
  v.object({ kind: v.literal('binary'), imagePath: filePath(say`Choose the image file.`) }),
  /** A firmware volume in flash, as EDK2's, with the file that it keeps its variables in; they are forgotten without one. Where `acpi` is false it offers its guest the device tree only. */
  v.object({ kind: v.literal('firmware'), firmwarePath: filePath(say`Choose the firmware file.`), variablesPath: v.optional(filePath(say`Choose the firmware variables file.`)), acpi: v.optional(v.boolean()) }),
]);
export type GuestSource = v.InferOutput<typeof GuestSource>;

/** A configuration that the VM can boot instead of the one in its settings. */
export const BootBank = v.object({ id: v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,40}$/)), name: ObjectName, guest: GuestSource });
export type BootBank = v.InferOutput<typeof BootBank>;

export const BootWatchdogSpec = v.object({
  mode: v.picklist(WATCHDOG_MODES),
  /** How long the operating system has for its first refresh, and then from one to the next until it says otherwise, in seconds of guest time: both stages of the watchdog. */
  timeoutS: numberWithin(say`The time of the boot watchdog`, BOOT_LIMITS.timeoutS),
  /** A boot is good when nothing has reset the VM for so many seconds, by its own clock, after the operating system took the watchdog over. */
  goodAfterS: numberWithin(say`The time until a boot is good`, BOOT_LIMITS.goodAfterS),
  /** So many attempts in a row that were not good make the VM boot its next good bank. */
  failures: integerWithin(say`The number of failed boots`, BOOT_LIMITS.failures),
  banks: v.pipe(v.array(BootBank), v.maxLength(BOOT_LIMITS.banks, fixed(say`A VM has at most ${BOOT_LIMITS.banks} boot banks.`)), v.check(banks => new Set(banks.map(({ id }) => id)).size === banks.length, fixed(say`Two boot banks are the same.`))),
});
export type BootWatchdogSpec = v.InferOutput<typeof BootWatchdogSpec>;

/** What a disk hangs on, all of them on PCI. */
export const DISK_BUSES = ['virtio', 'nvme', 'scsi'] as const;
export const DiskBus = v.picklist(DISK_BUSES);
export type DiskBus = v.InferOutput<typeof DiskBus>;

/** Where virtio devices other than disks and adapters are. */
export const VIRTIO_BUSES = ['mmio', 'pci'] as const;
export type VirtioBus = (typeof VIRTIO_BUSES)[number];

export const DISK_FORMATS = ['raw', 'qcow2', 'vmdk', 'iso'] as const;

const limit = (what: Phrase) => v.optional(v.pipe(v.number(fixed(say`${what} must be a number.`)), v.minValue(1, fixed(say`${what} must be at least 1.`))));

/** The hot-plug slot that a device is in, counted from 0; on bus 0 otherwise. */
const HotPlugSlot = v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(VM_LIMITS.hotPlugSlots - 1)));

const DiskFields = v.object({
  path: v.pipe(v.string(), v.trim()), readOnly: v.boolean(), bus: v.optional(DiskBus), cdrom: v.optional(v.boolean()), format: v.optional(v.picklist(DISK_FORMATS)),
  iopsLimit: limit(say`The limit of operations a second`), bytesPerSecondLimit: limit(say`The limit of bytes a second`),
  slot: HotPlugSlot,
});

/**
 * A disk image; virtio when it has no bus. Without a format, its first bytes tell it. A CD drive is on SCSI and read-only
 * whatever else is said, and its path is '' while it is empty.
 */
export const DiskSpec = v.pipe(
  DiskFields,
  v.forward(v.check(({ path, cdrom }) => cdrom === true || path !== '', fixed(say`Choose the disk image file.`)), ['path']),
  v.forward(v.check(({ slot, cdrom }) => cdrom !== true || slot === undefined, fixed(say`A CD drive cannot be in a hot-plug slot.`)), ['slot']),
  v.transform(disk => (disk.cdrom ? { ...disk, readOnly: true } : disk)));
export type DiskSpec = v.InferOutput<typeof DiskSpec>;

const port = (what: Phrase) => integerWithin(what, { min: 1, max: 65535 });

/** A port of the machine the engine runs on, which leads to one of the guest. */
export const PortForward = v.object({
  protocol: v.picklist(['tcp', 'udp']),
  hostPort: port(say`A host port`),
  guestPort: port(say`A guest port`),
  /** The address it is opened at; loopback when absent. */
  bind: v.optional(v.pipe(v.string(), v.trim(), v.minLength(1, fixed(say`Enter an address.`)))),
});
export type PortForward = v.InferOutput<typeof PortForward>;

/** A limit of rate, each way. */
export const RateLimit = v.object({ bitsPerSecond: v.pipe(v.number(), v.minValue(1)), burstBytes: v.pipe(v.number(), v.integer(), v.minValue(1)) });
export type RateLimit = v.InferOutput<typeof RateLimit>;

export const VLAN_TRUNK = 4095;

const nicFields = {
  /** Follows from the VM and the NIC's place or slot when absent. */
  mac: v.optional(v.pipe(v.string(), v.trim(), v.regex(/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/i, fixed(say`A MAC address is written as 52:54:00:12:34:56, and is not one of a group.`)))),
  limit: v.optional(RateLimit),
  /** Whether the cable is plugged in. */
  connected: v.boolean(),
  slot: HotPlugSlot,
};

/** A virtio NIC: behind its own NAT, or at a port of a virtual switch. */
export const NicSpec = v.variant('kind', [
  v.object({ kind: v.literal('nat'), forwards: v.array(PortForward), ...nicFields }),
  v.object({
    kind: v.literal('switch'), switch: v.pipe(v.string(), v.trim(), v.minLength(1, fixed(say`Choose a switch.`))),
    /** `VM Network` when absent. */
    portGroup: v.optional(v.string()),
    /** Of a port group that does not exist yet: 0 for none, 4095 for all of them with their tags. */
    vlan: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(VLAN_TRUNK))),
    ...nicFields,
  }),
]);
export type NicSpec = v.InferOutput<typeof NicSpec>;

/** How vCPUs run: a thread for each, or taking turns by instruction count, so that a run can be repeated exactly. */
export const SMP_MODES = ['parallel', 'deterministic'] as const;
export const SmpMode = v.picklist(SMP_MODES);
export type SmpMode = v.InferOutput<typeof SmpMode>;

export const VmSpec = v.object({
  name: ObjectName,
  cpus: integerWithin(say`CPU count`, VM_LIMITS.cpus),
  /** CPU hot add: how many it can have while it runs. They cannot change while it is on when absent. */
  maxCpus: v.optional(integerWithin(say`The most CPUs`, VM_LIMITS.cpus)),
  /** Parallel when absent. */
  smpMode: v.optional(SmpMode),
  memoryMib: integerWithin(say`Memory in MiB`, VM_LIMITS.memoryMib),
  /** Its part of its host's CPUs, in MHz, and memory, in MiB; normal shares, no reservation and no limit when absent. */
  cpuAllocation: v.optional(Allocation),
  memoryAllocation: v.optional(Allocation),
  /** Whether the guest has an SMMU between PCI devices and memory; none when absent. */
  iommu: v.optional(v.boolean()),
  guest: GuestSource,
  disks: v.pipe(v.array(DiskSpec), v.maxLength(VM_LIMITS.disks, fixed(say`A VM has at most ${VM_LIMITS.disks} disks.`))),
  /** None when absent. */
  nics: v.optional(v.pipe(v.array(NicSpec), v.maxLength(VM_LIMITS.nics, fixed(say`A VM has at most ${VM_LIMITS.nics} network adapters.`)))),
  /** Only its serial port when absent. */
  display: v.optional(DisplaySpec),
  /** How its guest's time goes; as the host's, and still with the VM, when absent. */
  time: v.optional(GuestTimeSpec),
  /** One that only the guest uses when absent. */
  bootWatchdog: v.optional(BootWatchdogSpec),
});
export type VmSpec = v.InferOutput<typeof VmSpec>;

export const cpuAllocationOf = ({ cpus, cpuAllocation }: Pick<VmSpec, 'cpus' | 'cpuAllocation'>): Allocation => cpuAllocation ?? { shares: SHARES.vmCpu.normal * cpus, reservation: 0 };
export const memoryAllocationOf = ({ memoryMib, memoryAllocation }: Pick<VmSpec, 'memoryMib' | 'memoryAllocation'>): Allocation => memoryAllocation ?? { shares: SHARES.vmMemory.normal * memoryMib, reservation: 0 };

/** vSphere's words for a VM's power state. */
export type PowerState = 'poweredOff' | 'poweringOn' | 'poweredOn' | 'poweringOff' | 'suspending' | 'suspended';

/** What images are made as: both take space as they are written. */
export const NEW_DISK_FORMATS = ['qcow2', 'raw'] as const;

/** A disk whose image is yet to be made, in the VM's folder. */
export const NewDiskSpec = v.object({
  ...v.omit(DiskFields, ['path', 'cdrom', 'format', 'slot']).entries,
  create: v.object({ format: v.picklist(NEW_DISK_FORMATS), sizeMib: integerWithin(say`The size of a new disk in MiB`, VM_LIMITS.newDiskMib) }),
});
export type NewDiskSpec = v.InferOutput<typeof NewDiskSpec>;

export type DiskRequest = DiskSpec | NewDiskSpec;
const hasCreate = (input: unknown): boolean => typeof input === 'object' && input !== null && 'create' in input;

/** What a VM is to become; the same as `VmSpec` once the images of its new disks are made. */
export const VmRequest = v.object({
  ...VmSpec.entries,
  disks: v.pipe(v.array(v.lazy((input): v.GenericSchema<DiskRequest> => (hasCreate(input) ? NewDiskSpec : DiskSpec))), v.maxLength(VM_LIMITS.disks, fixed(say`A VM has at most ${VM_LIMITS.disks} disks.`))),
});
export type VmRequest = v.InferOutput<typeof VmRequest>;

/** What can be done with many VMs at once. */
export const BULK_OPERATIONS = ['powerOn', 'shutDownGuest', 'restartGuest', 'powerOff', 'suspend', 'reset', 'delete'] as const;
export type BulkOperation = (typeof BULK_OPERATIONS)[number];

/** How long a deleted VM stays in the bin, in days; then it is deleted from disk when the engine starts. */
export const BIN_DAYS = 30;

/** Until when a VM in the bin is kept, in ms since the epoch. */
export const keptUntilMs = ({ deletedMs = 0 }: Pick<Vm, 'deletedMs'>): number => deletedMs + BIN_DAYS * 24 * 3600 * 1000;

export const SnapshotEdit = v.object({ name: ObjectName, description: v.pipe(v.string(), v.maxLength(1024, fixed(say`A description has at most 1024 characters.`))) });
export type SnapshotEdit = v.InferOutput<typeof SnapshotEdit>;
export const SnapshotRequest = v.object({ ...SnapshotEdit.entries, memory: v.boolean() });
export type SnapshotRequest = v.InferOutput<typeof SnapshotRequest>;

/** What a VM was at one time: its hardware, its disks, and, when it ran and that was wanted, its memory. */
export interface Snapshot {
  readonly id: SnapshotId;
  readonly name: string;
  readonly description: string;
  readonly createdMs: number;
  readonly parentId?: SnapshotId;
  readonly memory: boolean;
  /** Only there while a clone is made from it. */
  readonly temporary?: boolean;
  /** Its disks are never written to again. */
  readonly spec: VmSpec;
  readonly efiVariables?: readonly EfiVariable[];
}

/** Its problem is why it last stopped, when that was not the operator's wish. */
export interface Vm extends Labels, Partial<Problem> {
  readonly id: VmId;
  readonly hostId: HostId;
  /** Its VM folder; in its host's datacenter itself when absent. */
  readonly folderId?: FolderId;
  /** Its resource pool; that of its host or cluster when absent. */
  readonly poolId?: ResourcePoolId;
  /** Where its files are; in the engine's data folder when absent. */
  readonly datastoreId?: DatastoreId;
  /** It is its host's own system. */
  readonly hostRole?: HostRole;
  /** Only copied, never powered on. */
  readonly template?: boolean;
  /** The snapshot of another VM that its disks stand on: it is a linked clone. */
  readonly base?: { readonly vmId: VmId; readonly snapshotId: SnapshotId };
  /** It was suspended as nobody looked at its display; the next session resumes it. */
  readonly unwatched?: boolean;
  /** Layers of its disks can become one when it is off. */
  readonly needsConsolidation?: boolean;
  readonly spec: VmSpec;
  readonly powerState: PowerState;
  /** Oldest first. */
  readonly snapshots?: readonly Snapshot[];
  /** The snapshot that the VM's present state goes on from; the newest one that was taken or gone back to. */
  readonly currentSnapshotId?: SnapshotId;
  readonly createdMs: number;
  /** Since when it is in the bin; absent while it is in the inventory. */
  readonly deletedMs?: number;
  /** When the VM was last powered on, in ms since the epoch; absent when it never was. */
  readonly poweredOnMs?: number;
  /** What became of its boots; nothing yet when absent. */
  readonly boot?: BootRecord;
  /** It stands still: whether another engine took it is not known. */
  readonly given?: Given;
  /** Its last moves to other hosts, the newest first. */
  readonly migrations?: readonly Migration[];
  /** What its built-in UEFI keeps. */
  readonly efiVariables?: readonly EfiVariable[];
}

/** The VM with a problem, or without its last one. */
export function withProblem(vm: Vm, problem?: Said): Vm {
  const { problem: _p, problemPhrase: _q, ...rest } = vm;
  return { ...rest, ...(problem !== undefined && problemFields(problem)) };
}

/** Live figures of a running VM, since power-on unless they say otherwise. */
export interface VmStats {
  readonly upNs: number;
  readonly instructions: number;
  /** Guest instructions per second over the last sampling interval, in millions. */
  readonly mips: number;
  /** Part of the host CPU time that the vCPUs used over the last interval, 0 to 1 for each vCPU. */
  readonly cpuUsage: number;
  /** Of the host's CPUs over the last second or so; absent of a VM that is on no host. */
  readonly cpu?: CpuStats;
  /** Exits to the hypervisor by cause, for example `wfi`, `mmio`, `hvc`, `sysreg`. */
  readonly exits: Readonly<Record<string, number>>;
  /** Regions of translated code that are there, and what was made since the VM's thread began, in the time that this took. */
  readonly translator: { readonly regions: number; readonly made: number; readonly ms: number };
  /** Accesses the guest made that the architecture or a device does not define. */
  readonly guestErrors: number;
  /** How much of its memory the guest gave up, and how much it is to. */
  readonly balloonMib: number;
  readonly balloonTargetMib: number;
  /** As the guest said last; absent when it has no driver for the balloon. */
  readonly guestMemory?: { readonly freeBytes: number; readonly totalBytes: number; readonly availableBytes: number };
  readonly time: GuestTimeStats;
  /** Until the guest's watchdog resets the VM, and since its boot began, in ns of guest time and of the VM's clock. None without a watchdog. */
  readonly watchdog?: WatchdogStats;
  /** Those that are on bus 0 in the order of the specification, then those in slots. */
  readonly disks: readonly DiskStats[];
  readonly nics: readonly NicStats[];
}

/** A guest's watchdog as it is now. */
export interface WatchdogStats {
  /** Undefined while it is not armed. */
  readonly leftNs?: number;
  /** Its first stage is over: the guest was told. */
  readonly isLate: boolean;
  /** Of this boot, by the VM's clock. */
  readonly sinceNs: number;
}

/** What a VM has of its host's CPUs. */
export interface CpuStats {
  /** What it used. */
  readonly cpuMhz: number;
  /** What it is due with what it wants now. */
  readonly entitledMhz: number;
  /** Part of the time that its vCPUs waited although they could run, 0 to 1. */
  readonly cpuReadyPart: number;
}

/** What was done with a disk. Zeroed ranges count with discarded ones; a time is the sum of what each operation took. */
export interface DiskStats {
  /** '' of an empty CD drive. */
  readonly path: string;
  readonly bus: DiskBus | 'cdrom';
  readonly slot?: number | undefined;
  readonly reads: number; readonly writes: number; readonly flushes: number; readonly discards: number; readonly errors: number;
  readonly readBytes: number; readonly writtenBytes: number;
  readonly readNs: number; readonly writeNs: number; readonly flushNs: number;
}

export interface FrameStats { readonly frames: number; readonly bytes: number; readonly drops: number }

/** `sent` comes from the guest. */
export interface NicStats {
  readonly mac: string;
  /** See `NicSpec`. */
  readonly slot?: number | undefined;
  /** Ports of the engine's machine, in the order of the forwards. */
  readonly hostPorts: readonly number[];
  readonly sent: FrameStats;
  readonly received: FrameStats;
  /** The file of a capture that is under way. */
  readonly capturePath?: string | undefined;
}
