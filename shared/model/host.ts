/** Emulated servers: what they are built of, and what an operator does with them. */
import * as v from 'valibot';
import type { HostId, VmId } from '../base/ids.ts';
import { fixed, say, type Phrase } from '../base/phrase.ts';
import type { Labels } from './labels.ts';
import { integerWithin, numberWithin } from './number-within.ts';
import { ObjectName } from './object-name.ts';
import type { Place } from './place.ts';
import type { CpuStats } from './vm.ts';

const amount = (what: Phrase, [min, max]: readonly [number, number]) => integerWithin(what, { min, max });
const text = (what: Phrase, missing: Phrase) => v.pipe(v.string(fixed(say`${what} must be text.`)), v.trim(), v.minLength(1, fixed(missing)), v.maxLength(80, fixed(say`${what} has at most 80 characters.`)));

export const HOST_LIMITS = { cpus: [1, 64], cpuMhz: [100, 5000], memoryMib: [512, 262_144], counterHz: [1_000_000, 1_000_000_000], devices: 8, ports: [1, 4], virtualFunctions: [0, 64], driveGib: [1, 16_384], smartNicCpus: [0, 8], smartNicMemoryMib: [0, 3072] } as const;

export const GIC_VERSIONS = ['GICv3', 'GICv4', 'GICv4.1'] as const;
export const WATCHDOGS = ['none', 'SBSA revision 0', 'SBSA revision 1'] as const;

/** A network adapter of the server; `revision` is the hardware's. */
export const HostNic = v.object({
  model: text(say`The model of a network adapter`, say`Enter the model of a network adapter.`), revision: text(say`The revision of a network adapter`, say`Enter the revision of a network adapter.`),
  ports: amount(say`The number of ports`, HOST_LIMITS.ports), virtualFunctions: amount(say`The number of virtual functions`, HOST_LIMITS.virtualFunctions),
  /** With CPUs and memory of its own it is a SmartNIC; none when absent. */
  cpus: v.optional(amount(say`The number of CPUs of a SmartNIC`, HOST_LIMITS.smartNicCpus)), memoryMib: v.optional(amount(say`The memory of a SmartNIC in MiB`, HOST_LIMITS.smartNicMemoryMib)),
});
export type HostNic = v.InferOutput<typeof HostNic>;
export const HostDrive = v.object({ model: text(say`The model of a drive`, say`Enter the model of a drive.`), revision: text(say`The revision of a drive`, say`Enter the revision of a drive.`), sizeGib: amount(say`The size of a drive in GiB`, HOST_LIMITS.driveGib) });
export type HostDrive = v.InferOutput<typeof HostDrive>;

const devices = <S extends v.GenericSchema>(schema: S, tooMany: Phrase) => v.pipe(v.array(schema), v.maxLength(HOST_LIMITS.devices, fixed(tooMany)));

/** A server's hardware. */
export const HostProfile = v.object({
  model: text(say`A model`, say`Enter a model.`),
  cpus: amount(say`CPU count`, HOST_LIMITS.cpus),
  /** Nominal clock. One CPU is at most one processor of the engine's machine, whatever its clock. */
  cpuMhz: amount(say`The clock in MHz`, HOST_LIMITS.cpuMhz),
  memoryMib: amount(say`Memory in MiB`, HOST_LIMITS.memoryMib),
  /** Frequency of the system counter (CNTFRQ_EL0), in Hz. */
  counterHz: amount(say`The frequency of the system counter in Hz`, HOST_LIMITS.counterHz),
  gic: v.picklist(GIC_VERSIONS, fixed(say`There is no such interrupt controller.`)),
  iommu: v.boolean(fixed(say`A host has an IOMMU or not.`)),
  watchdog: v.picklist(WATCHDOGS, fixed(say`There is no such watchdog.`)),
  nics: v.pipe(devices(HostNic, say`A host has at most ${HOST_LIMITS.devices} network adapters.`), v.check(nics => nics.filter(isSmartNic).length <= 1, fixed(say`A host has at most one SmartNIC.`))),
  rdmaNics: devices(HostNic, say`A host has at most ${HOST_LIMITS.devices} RDMA network adapters.`),
  drives: devices(HostDrive, say`A host has at most ${HOST_LIMITS.devices} NVMe drives.`),
});
export type HostProfile = v.InferOutput<typeof HostProfile>;

export function isSmartNic({ cpus = 0 }: Pick<HostNic, 'cpus'>): boolean { return cpus > 0; }
/** The adapter that is a computer of its own. */
export const smartNicOf = ({ nics }: Pick<HostProfile, 'nics'>): HostNic | undefined => nics.find(isSmartNic);

const nic = (ports: number, virtualFunctions: number): HostNic => ({ model: 'QD-E25 Ethernet', revision: 'A1', ports, virtualFunctions });
const rdmaNic: HostNic = { model: 'QD-R100 RDMA', revision: 'B0', ports: 2, virtualFunctions: 16 };
const smartNic: HostNic = { model: 'QD-S25 SmartNIC', revision: 'A0', ports: 2, virtualFunctions: 64, cpus: 4, memoryMib: 2048 };
const drive = (sizeGib: number): HostDrive => ({ model: 'QD-N1 NVMe', revision: '1.0', sizeGib });

/** Servers to start from; the first inventory has the first two. */
export const HOST_PROFILES: readonly [HostProfile, HostProfile, ...HostProfile[]] = [
  { model: 'Quarterdeck Q8', cpus: 8, cpuMhz: 2400, memoryMib: 16_384, counterHz: 62_500_000, gic: 'GICv4', iommu: true, watchdog: 'SBSA revision 1', nics: [nic(2, 16)], rdmaNics: [], drives: [drive(512)] },
  { model: 'Quarterdeck Q4', cpus: 4, cpuMhz: 2000, memoryMib: 8192, counterHz: 24_000_000, gic: 'GICv3', iommu: true, watchdog: 'SBSA revision 0', nics: [nic(1, 0)], rdmaNics: [], drives: [drive(256)] },
  { model: 'Quarterdeck Q32 RDMA', cpus: 32, cpuMhz: 3000, memoryMib: 65_536, counterHz: 1_000_000_000, gic: 'GICv4.1', iommu: true, watchdog: 'SBSA revision 1', nics: [nic(4, 64), smartNic], rdmaNics: [rdmaNic], drives: [drive(2048), drive(2048)] },
  { model: 'Quarterdeck Q1 Edge', cpus: 1, cpuMhz: 1500, memoryMib: 2048, counterHz: 24_000_000, gic: 'GICv3', iommu: false, watchdog: 'none', nics: [nic(1, 0)], rdmaNics: [], drives: [] },
];

/** A host that is on its way into maintenance starts no VM and waits for those that are on. */
export type Maintenance = 'none' | 'entering' | 'on';

/** What a VM of a host's can be besides: what the server itself boots, or its SmartNIC. It is on while the server is, and what the boot watchdog guards then is the server's boot. */
export const HOST_ROLES = ['host', 'smartNic'] as const;
export type HostRole = (typeof HOST_ROLES)[number];
export const HOST_ROLE_NAMES: Readonly<Record<HostRole, Phrase>> = { host: say`Host system`, smartNic: say`SmartNIC system` };

/** Of a host that is on: its own system is still coming up, or is gone. It runs no VM then. */
export type HostHealth = 'booting' | 'notResponding';

export const LINK_LIMITS = { mbps: { min: 1, max: 400_000 }, latencyMs: { min: 0, max: 10_000 }, lossPercent: { min: 0, max: 99 } } as const;
/** Its way to other hosts, by which VMs move: one-way latency, and how much of all packets is lost. */
export const HostLink = v.object({
  mbps: integerWithin(say`The bandwidth of a link in Mb/s`, LINK_LIMITS.mbps),
  latencyMs: numberWithin(say`The latency of a link in ms`, LINK_LIMITS.latencyMs),
  lossPercent: numberWithin(say`The loss of a link in percent`, LINK_LIMITS.lossPercent),
  connected: v.boolean(fixed(say`A link is connected or cut.`)),
});
export type HostLink = v.InferOutput<typeof HostLink>;
export const USUAL_LINK: HostLink = { mbps: 10_000, latencyMs: 0.1, lossPercent: 0, connected: true };
export const linkOf = ({ link }: Pick<Host, 'link'>): HostLink => link ?? USUAL_LINK;

/** One emulated server. */
export interface Host extends Labels, HostProfile {
  readonly id: HostId;
  /** A datacenter, a host folder or a cluster. */
  readonly parent: Place;
  readonly name: string;
  readonly connected: boolean;
  /** On when absent. */
  readonly powerState?: 'poweredOn' | 'poweredOff';
  /** None when absent. */
  readonly maintenance?: Maintenance;
  /** USUAL_LINK when absent. */
  readonly link?: HostLink;
  /** Absent when its own system is up, or it has none, as the hypervisor needs none. */
  readonly health?: HostHealth;
}

/** Live figures of a host. */
export interface HostStats {
  /** Of its VMs that run: what they use of its CPUs. */
  readonly vms: readonly ({ readonly id: VmId } & CpuStats)[];
}

export const isOn = ({ powerState }: Pick<Host, 'powerState'>): boolean => powerState !== 'poweredOff';
export const maintenanceOf = ({ maintenance }: Pick<Host, 'maintenance'>): Maintenance => maintenance ?? 'none';
export const capacityMhz = ({ cpus, cpuMhz }: Pick<Host, 'cpus' | 'cpuMhz'>): number => cpus * cpuMhz;

const Parent = v.object({ kind: v.picklist(['datacenter', 'folder', 'cluster'], fixed(say`A host cannot be there.`)), id: v.string() });
export const NewHost = v.object({ name: ObjectName, parent: Parent, profile: HostProfile });
export type NewHost = v.InferOutput<typeof NewHost>;
