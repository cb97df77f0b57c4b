/** A host's hardware as typed, and what is wrong with it. */
import * as v from 'valibot';
import { HOST_PROFILES, HostProfile, type Host, type HostDrive, type HostNic, type NewHost } from '../../../shared/model/host.ts';
import { ObjectName } from '../../../shared/model/object-name.ts';
import type { Place } from '../../../shared/model/place.ts';
import { t, translate } from '../../i18n/i18n.ts';
import { typed } from '../settings/hardware-draft.ts';

/** Numbers as text until they are checked. */
type Typed<T> = { -readonly [K in keyof T]-?: NonNullable<T[K]> extends number ? string : T[K] };
export type NicRow = Typed<HostNic> & { readonly key: number };
export type DriveRow = Typed<HostDrive> & { readonly key: number };

export interface HostDraft {
  model: string;
  cpus: string;
  cpuMhz: string;
  memory: string;
  memoryUnit: 'MiB' | 'GiB';
  counterMhz: string;
  gic: HostProfile['gic'];
  iommu: boolean;
  watchdog: HostProfile['watchdog'];
  nics: NicRow[];
  rdmaNics: NicRow[];
  drives: DriveRow[];
}

const nextKey = (rows: readonly { readonly key: number }[]): number => Math.max(0, ...rows.map(({ key }) => key)) + 1;
const nicRow = ({ model, revision, ports, virtualFunctions, cpus = 0, memoryMib = 0 }: HostNic, key: number): NicRow => ({ key, model, revision, ports: String(ports), virtualFunctions: String(virtualFunctions), cpus: String(cpus), memoryMib: String(memoryMib) });
const driveRow = ({ model, revision, sizeGib }: HostDrive, key: number): DriveRow => ({ key, model, revision, sizeGib: String(sizeGib) });

export const newNic = (rows: readonly NicRow[]): NicRow => nicRow({ model: 'QD-E25 Ethernet', revision: 'A1', ports: 2, virtualFunctions: 16 }, nextKey(rows));
export const newRdmaNic = (rows: readonly NicRow[]): NicRow => nicRow({ model: 'QD-R100 RDMA', revision: 'B0', ports: 2, virtualFunctions: 16 }, nextKey(rows));
export const newDrive = (rows: readonly DriveRow[]): DriveRow => driveRow({ model: 'QD-N1 NVMe', revision: '1.0', sizeGib: 512 }, nextKey(rows));

export function hostDraft(profile: HostProfile): HostDraft {
  const { model, cpus, cpuMhz, memoryMib, counterHz, gic, iommu, watchdog, nics, rdmaNics, drives } = profile, isWholeGib = memoryMib % 1024 === 0;
  return {
    model, cpus: String(cpus), cpuMhz: String(cpuMhz), memory: String(isWholeGib ? memoryMib / 1024 : memoryMib), memoryUnit: isWholeGib ? 'GiB' : 'MiB', counterMhz: String(counterHz / 1e6),
    gic, iommu, watchdog, nics: nics.map(nicRow), rdmaNics: rdmaNics.map(nicRow), drives: drives.map(driveRow),
  };
}

const nicOf = ({ model, revision, ports, virtualFunctions, cpus, memoryMib }: NicRow): HostNic => ({
  model, revision, ports: typed(ports), virtualFunctions: typed(virtualFunctions), ...(typed(cpus) !== 0 && { cpus: typed(cpus), memoryMib: typed(memoryMib) }),
});

/** As typed; only without problems is it a profile. */
export const profileOf = (draft: HostDraft): HostProfile => ({
  model: draft.model.trim(), cpus: typed(draft.cpus), cpuMhz: typed(draft.cpuMhz), memoryMib: typed(draft.memory) * (draft.memoryUnit === 'GiB' ? 1024 : 1), counterHz: typed(draft.counterMhz) * 1e6,
  gic: draft.gic, iommu: draft.iommu, watchdog: draft.watchdog, nics: draft.nics.map(nicOf), rdmaNics: draft.rdmaNics.map(nicOf),
  drives: draft.drives.map(({ model, revision, sizeGib }) => ({ model, revision, sizeGib: typed(sizeGib) })),
});

/** What is wrong, by the path in the profile. */
export function profileProblems(draft: HostDraft): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const issue of v.safeParse(HostProfile, profileOf(draft)).issues ?? []) {
    const field = v.getDotPath(issue) ?? '';
    if (!found.has(field)) found.set(field, translate(issue.message));
  }
  return found;
}

/** Why a host cannot have this name where it is to be; absent when it can. */
export function hostNameProblem(name: string, place: Place | undefined, hosts: readonly Host[]): string | undefined {
  const result = v.safeParse(ObjectName, name);
  if (!result.success) return translate(result.issues[0].message);
  const same = hosts.find(({ parent, name: other }) => place !== undefined && parent.id === place.id && parent.kind === place.kind && other.toLocaleLowerCase('en') === result.output.toLocaleLowerCase('en'));
  return same && t`There is already a host named "${same.name}" there.`;
}

export const newHostOf = (name: string, parent: NewHost['parent'], draft: HostDraft): NewHost => ({ name: name.trim(), parent, profile: profileOf(draft) });

/** Of a profile what another does not have so, as the command line takes it. */
export const changesOf = (profile: HostProfile, from: HostProfile): Partial<HostProfile> =>
  Object.fromEntries(Object.entries(profile).filter(([key, value]) => JSON.stringify(value) !== JSON.stringify(from[key as keyof HostProfile])));

/** The named profile that the hardware still is. */
export const profileName = (draft: HostDraft): string => HOST_PROFILES.find(profile => JSON.stringify(hostDraft(profile)) === JSON.stringify(draft))?.model ?? '';
