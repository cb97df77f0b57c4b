/** What the migration wizard has been told so far, and how migrations read. */
import type { DatastoreId, HostId, NetworkId, PeerId, ResourcePoolId, VmId } from '../../../shared/base/ids.ts';
import { say, type Phrase } from '../../../shared/base/phrase.ts';
import { DEFAULT_PORT_GROUP } from '../../../shared/model/container.ts';
import { MIGRATION_LIMITS, USUAL_DOWNTIME_MS, type CheckFix, type CheckGroup, type MigrationCheck, type MigrationPhase, type MigrationPriority, type MigrationRequest } from '../../../shared/model/migration.ts';
import type { Vm } from '../../../shared/model/vm.ts';
import { t } from '../../i18n/i18n.ts';

/** What changes, as vSphere names it. */
export const MIGRATION_TYPES = ['compute', 'storage', 'both'] as const;
export type MigrationType = (typeof MIGRATION_TYPES)[number];
export const TYPE_NAMES: Readonly<Record<MigrationType, Phrase>> = { compute: say`Change compute resource only`, storage: say`Change storage only`, both: say`Change both compute resource and storage` };
export const TYPE_TEXTS: Readonly<Record<MigrationType, Phrase>> = {
  compute: say`Another host runs it; its files stay where they are.`, storage: say`Its files go to another datastore, while it runs if it is on.`, both: say`First its files go to another datastore, then another host runs it.`,
};
const movesHost = (type: MigrationType): boolean => type !== 'storage';
const movesFiles = (type: MigrationType): boolean => type !== 'compute';

interface Page { readonly id: 'type' | 'host' | 'datastore' | 'networks' | 'options' | 'review'; readonly title: Phrase }
/** Networks are only asked for where an adapter is on one. */
export const pagesOf = ({ type }: Pick<MigrationDraft, 'type'>, hasNetworks: boolean): readonly Page[] => [
  { id: 'type', title: say`Select a migration type` }, ...(movesHost(type) ? [{ id: 'host', title: say`Select a compute resource` } as const] : []), ...(movesFiles(type) ? [{ id: 'datastore', title: say`Select storage` } as const] : []),
  ...(movesHost(type) && hasNetworks ? [{ id: 'networks', title: say`Select networks` } as const] : []), ...(movesHost(type) ? [{ id: 'options', title: say`Select priority` } as const] : []), { id: 'review', title: say`Ready to complete` },
];

/** A network that adapters are on, and the one that they are to be on, '' for the same. */
export interface NetworkChoice { readonly switch: string; readonly portGroup: string; networkId: NetworkId | '' }
/** Of VMs, each network once. */
export function networksOf(vms: readonly Pick<Vm, 'spec'>[]): NetworkChoice[] {
  const all = vms.flatMap(({ spec: { nics = [] } }) => nics.flatMap(nic => (nic.kind === 'switch' ? [{ switch: nic.switch, portGroup: nic.portGroup ?? DEFAULT_PORT_GROUP, networkId: '' } as const] : [])));
  return [...new Map(all.map(each => [JSON.stringify(each), { ...each }])).values()];
}

/** Numbers are as they were typed. */
export interface MigrationDraft { type: MigrationType; /** Whose host it is; this engine's when ''. */ peerId: PeerId | ''; hostId: HostId | ''; datastoreId: DatastoreId | ''; networks: NetworkChoice[]; poolId: ResourcePoolId | ''; priority: MigrationPriority; downtimeMs: string; rateMbps: string; keepsSpeed: boolean; postCopy: boolean }
export const newDraft = (): MigrationDraft => ({ type: 'compute', peerId: '', hostId: '', datastoreId: '', networks: [], poolId: '', priority: 'regular', downtimeMs: String(USUAL_DOWNTIME_MS), rateMbps: '', keepsSpeed: false, postCopy: false });

const isWithin = (text: string, { min, max }: { readonly min: number; readonly max: number }): boolean => /^\d+$/.test(text.trim()) && Number(text) >= min && Number(text) <= max;

/** By field. */
export function draftProblems({ type, hostId, datastoreId, downtimeMs, rateMbps }: MigrationDraft): ReadonlyMap<keyof MigrationDraft, string> {
  const { downtimeMs: downtime, rateMbps: rate } = MIGRATION_LIMITS, problems = new Map<keyof MigrationDraft, string>();
  if (movesHost(type) && hostId === '') problems.set('hostId', t`Select a host.`);
  if (movesFiles(type) && datastoreId === '') problems.set('datastoreId', t`Select a datastore.`);
  if (!isWithin(downtimeMs, downtime)) problems.set('downtimeMs', t`Enter a whole number from ${downtime.min} to ${downtime.max}.`);
  if (rateMbps.trim() !== '' && !isWithin(rateMbps, rate)) problems.set('rateMbps', t`Enter a whole number from ${rate.min} to ${rate.max}, or nothing.`);
  return problems;
}

/** Undefined while it is not said where to. */
export function requestOf({ type, peerId, hostId, datastoreId, networks, poolId, priority, downtimeMs, rateMbps, keepsSpeed, postCopy }: MigrationDraft): MigrationRequest | undefined {
  if ((movesHost(type) && hostId === '') || (movesFiles(type) && datastoreId === '')) return undefined;
  const files = movesFiles(type) && datastoreId !== '' ? { datastoreId } : {};
  if (!movesHost(type) || hostId === '') return files;
  const number = (text: string) => (/^\d+$/.test(text.trim()) ? Number(text) : undefined), downtime = number(downtimeMs), rate = number(rateMbps);
  const elsewhere = networks.flatMap(each => (each.networkId === '' || peerId !== '' ? [] : [{ ...each, networkId: each.networkId }]));
  return { ...(peerId && { peerId }), hostId, ...files, ...(elsewhere.length > 0 && { networks: elsewhere }), ...(poolId && { poolId }), ...(priority !== 'regular' && { priority }), ...(downtime !== undefined && downtime !== USUAL_DOWNTIME_MS && { downtimeMs: downtime }), ...(rate !== undefined && { rateMbps: rate }), ...(keepsSpeed && { keepsSpeed }), ...(postCopy && peerId === '' && { postCopy }) };
}

/** A host of another engine, with their names. */
export interface ChosenPeer { readonly peerId: PeerId; readonly peer: string; readonly hostId: HostId; readonly host: string }

/** A finding, of the VM that it is about. */
export interface Finding extends MigrationCheck { readonly vmId: VmId }

export const GROUP_NAMES: Readonly<Record<CheckGroup, Phrase>> = { source: say`Virtual machine`, host: say`Host`, pool: say`Resource pool`, datastore: say`Datastore`, network: say`Network` };
export const FIX_NAMES: Readonly<Record<CheckFix, Phrase>> = {
  ejectMedia: say`Eject the media`, exitMaintenance: say`Exit maintenance mode`, powerOnHost: say`Power on the host`, connectHost: say`Connect the host`, connectLink: say`Connect the link`,
};
export const PHASE_NAMES: Readonly<Record<MigrationPhase, Phrase>> = { storage: say`Copying files`, preparing: say`Preparing`, copying: say`Copying memory`, switching: say`Switching over`, following: say`Memory follows`, moved: say`Moved`, cancelled: say`Cancelled`, failed: say`Failed` };
