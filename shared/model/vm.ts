/** What a virtual machine is, as the console shows it and the inventory keeps it. */
import * as v from 'valibot';
import type { HostId, SnapshotId, VmId } from '../base/ids.ts';

export const VM_LIMITS = { nameLength: 80, cpus: { min: 1, max: 8 }, memoryMib: { min: 64, max: 3072 }, disks: 8, nics: 8 } as const;

export const VmName = v.pipe(v.string(), v.trim(),
  v.minLength(1, 'Enter a name.'),
  v.maxLength(VM_LIMITS.nameLength, `A name has at most ${VM_LIMITS.nameLength} characters.`),
  v.regex(/^[^/\\%\u0000-\u001f]*$/, 'A name cannot contain /, \\, % or control characters.'));

const filePath = (what: string) => v.pipe(v.string(), v.trim(), v.minLength(1, `Choose the ${what} file.`));

/** What the VM boots. Paths are files on the machine the engine runs on. */
export const GuestSource = v.variant('kind', [
  /** The built-in bare-metal diagnostics program; needs no files. */
  v.object({ kind: v.literal('diagnostics') }),
  /** A Linux arm64 `Image` (plain or gzip), booted directly. */
  v.object({ kind: v.literal('linux'), kernelPath: filePath('kernel'), initrdPath: v.optional(v.string()), commandLine: v.string() }),
  /** A headerless binary, loaded at RAM + 0x80000 and entered with the device tree's address in x0. */
  v.object({ kind: v.literal('binary'), imagePath: filePath('image') }),
]);
export type GuestSource = v.InferOutput<typeof GuestSource>;

/** What a disk hangs on, all of them on PCI. */
export const DISK_BUSES = ['virtio', 'nvme'] as const;
export const DiskBus = v.picklist(DISK_BUSES);
export type DiskBus = v.InferOutput<typeof DiskBus>;

export const DISK_FORMATS = ['raw', 'qcow2', 'vmdk', 'iso'] as const;

const limit = (what: string) => v.optional(v.pipe(v.number(`${what} must be a number.`), v.minValue(1, `${what} must be at least 1.`)));

/** A disk image; virtio when it has no bus. Without a format, its first bytes tell it. */
export const DiskSpec = v.object({
  path: filePath('disk image'), readOnly: v.boolean(), bus: v.optional(DiskBus), format: v.optional(v.picklist(DISK_FORMATS)),
  iopsLimit: limit('The limit of operations a second'), bytesPerSecondLimit: limit('The limit of bytes a second'),
  /** The hot-plug slot that it is in, counted from 0; on bus 0 otherwise. */
  slot: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(7))),
});
export type DiskSpec = v.InferOutput<typeof DiskSpec>;

const port = (what: string) => v.pipe(v.number(`${what} must be a number.`), v.integer(`${what} must be a whole number.`), v.minValue(1, `${what} must be at least 1.`), v.maxValue(65535, `${what} must be at most 65535.`));

/** A port of the machine the engine runs on, which leads to one of the guest. */
export const PortForward = v.object({
  protocol: v.picklist(['tcp', 'udp']),
  hostPort: port('A host port'),
  guestPort: port('A guest port'),
  /** The address it is opened at; loopback when absent. */
  bind: v.optional(v.pipe(v.string(), v.trim(), v.minLength(1, 'Enter an address.'))),
});
export type PortForward = v.InferOutput<typeof PortForward>;

/** A limit of rate, each way. */
export const RateLimit = v.object({ bitsPerSecond: v.pipe(v.number(), v.minValue(1)), burstBytes: v.pipe(v.number(), v.integer(), v.minValue(1)) });
export type RateLimit = v.InferOutput<typeof RateLimit>;

export const VLAN_TRUNK = 4095;

const nicFields = {
  /** Follows from the VM and the NIC's place when absent. */
  mac: v.optional(v.pipe(v.string(), v.trim(), v.regex(/^[0-9a-f][02468ace](:[0-9a-f]{2}){5}$/i, 'A MAC address is written as 52:54:00:12:34:56, and is not one of a group.'))),
  limit: v.optional(RateLimit),
  /** Whether the cable is plugged in. */
  connected: v.boolean(),
};

/** A virtio NIC: behind its own NAT, or at a port of a virtual switch. */
export const NicSpec = v.variant('kind', [
  v.object({ kind: v.literal('nat'), forwards: v.array(PortForward), ...nicFields }),
  v.object({
    kind: v.literal('switch'), switch: v.pipe(v.string(), v.trim(), v.minLength(1, 'Choose a switch.')),
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

const integer = (what: string, { min, max }: { min: number; max: number }) => v.pipe(v.number(`${what} must be a number.`),
  v.integer(`${what} must be a whole number.`), v.minValue(min, `${what} must be at least ${min}.`), v.maxValue(max, `${what} must be at most ${max}.`));

export const VmSpec = v.object({
  name: VmName,
  cpus: integer('CPU count', VM_LIMITS.cpus),
  /** Parallel when absent. */
  smpMode: v.optional(SmpMode),
  memoryMib: integer('Memory in MiB', VM_LIMITS.memoryMib),
  guest: GuestSource,
  disks: v.pipe(v.array(DiskSpec), v.maxLength(VM_LIMITS.disks, `A VM has at most ${VM_LIMITS.disks} disks.`)),
  /** None when absent. */
  nics: v.optional(v.pipe(v.array(NicSpec), v.maxLength(VM_LIMITS.nics, `A VM has at most ${VM_LIMITS.nics} network adapters.`))),
});
export type VmSpec = v.InferOutput<typeof VmSpec>;

/** vSphere's words for a VM's power state. */
export type PowerState = 'poweredOff' | 'poweringOn' | 'poweredOn' | 'poweringOff' | 'suspending' | 'suspended';

export const SnapshotRequest = v.object({ name: VmName, description: v.pipe(v.string(), v.maxLength(1024, 'A description has at most 1024 characters.')), memory: v.boolean() });
export type SnapshotRequest = v.InferOutput<typeof SnapshotRequest>;

/** What a VM was at one time: its hardware, its disks, and, when it ran and that was wanted, its memory. */
export interface Snapshot {
  readonly id: SnapshotId;
  readonly name: string;
  readonly description: string;
  readonly createdMs: number;
  readonly parentId?: SnapshotId;
  readonly memory: boolean;
  /** Its disks are never written to again. */
  readonly spec: VmSpec;
}

export interface Vm {
  readonly id: VmId;
  readonly hostId: HostId;
  readonly spec: VmSpec;
  readonly powerState: PowerState;
  /** Why the VM last stopped, when that was not the operator's wish; one sentence. */
  readonly problem?: string;
  /** Oldest first. */
  readonly snapshots?: readonly Snapshot[];
  /** The snapshot that the VM's present state goes on from; the newest one that was taken or gone back to. */
  readonly currentSnapshotId?: SnapshotId;
  readonly createdMs: number;
  /** When the VM was last powered on, in ms since the epoch; absent when it never was. */
  readonly poweredOnMs?: number;
}

/** Live figures of a running VM, since power-on unless they say otherwise. */
export interface VmStats {
  readonly upNs: number;
  readonly instructions: number;
  /** Guest instructions per second over the last sampling interval, in millions. */
  readonly mips: number;
  /** Part of the host CPU time that the vCPUs used over the last interval, 0 to 1 for each vCPU. */
  readonly cpuUsage: number;
  /** Exits to the hypervisor by cause, for example `wfi`, `mmio`, `hvc`, `sysreg`. */
  readonly exits: Readonly<Record<string, number>>;
  /** Accesses the guest made that the architecture or a device does not define. */
  readonly guestErrors: number;
}
