/** What a virtual machine is, as the console shows it and the inventory keeps it. */
import * as v from 'valibot';
import type { HostId, VmId } from '../base/ids.ts';

export const VM_LIMITS = { nameLength: 80, cpus: { min: 1, max: 8 }, memoryMib: { min: 64, max: 3072 }, disks: 8 } as const;

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
export const DISK_BUSES = ['virtio', 'nvme', 'scsi'] as const;
export const DiskBus = v.picklist(DISK_BUSES);
export type DiskBus = v.InferOutput<typeof DiskBus>;

/** A disk image; virtio when it has no bus. A CD drive is on SCSI and read-only whatever else is said, and has no path while it is empty. */
export const DiskSpec = v.pipe(
  v.object({ path: v.pipe(v.string(), v.trim()), readOnly: v.boolean(), bus: v.optional(DiskBus), cdrom: v.optional(v.boolean()) }),
  v.forward(v.check(({ path, cdrom }) => cdrom === true || path !== '', 'Choose the disk image file.'), ['path']));
export type DiskSpec = v.InferOutput<typeof DiskSpec>;

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
});
export type VmSpec = v.InferOutput<typeof VmSpec>;

/** vSphere's words for a VM's power state. */
export type PowerState = 'poweredOff' | 'poweringOn' | 'poweredOn' | 'poweringOff' | 'suspending' | 'suspended';

export interface Vm {
  readonly id: VmId;
  readonly hostId: HostId;
  readonly spec: VmSpec;
  readonly powerState: PowerState;
  /** Why the VM last stopped, when that was not the operator's wish; one sentence. */
  readonly problem?: string;
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
