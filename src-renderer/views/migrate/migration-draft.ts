/** What the migration wizard has been told so far, and how migrations read. */
import type { HostId, ResourcePoolId, VmId } from '../../../shared/base/ids.ts';
import { say, type Phrase } from '../../../shared/base/phrase.ts';
import { MIGRATION_LIMITS, USUAL_DOWNTIME_MS, type CheckFix, type CheckGroup, type MigrationCheck, type MigrationPhase, type MigrationPriority, type MigrationRequest } from '../../../shared/model/migration.ts';
import { t } from '../../i18n/i18n.ts';

export const PAGES: readonly { readonly id: 'host' | 'options' | 'review'; readonly title: Phrase }[] = [
  { id: 'host', title: say`Select a compute resource` }, { id: 'options', title: say`Select priority` }, { id: 'review', title: say`Ready to complete` },
];

/** Numbers are as they were typed. */
export interface MigrationDraft { hostId: HostId | ''; poolId: ResourcePoolId | ''; priority: MigrationPriority; downtimeMs: string; rateMbps: string; keepsSpeed: boolean }
export const newDraft = (): MigrationDraft => ({ hostId: '', poolId: '', priority: 'regular', downtimeMs: String(USUAL_DOWNTIME_MS), rateMbps: '', keepsSpeed: false });

const isWithin = (text: string, { min, max }: { readonly min: number; readonly max: number }): boolean => /^\d+$/.test(text.trim()) && Number(text) >= min && Number(text) <= max;

/** By field. */
export function draftProblems({ hostId, downtimeMs, rateMbps }: MigrationDraft): ReadonlyMap<keyof MigrationDraft, string> {
  const { downtimeMs: downtime, rateMbps: rate } = MIGRATION_LIMITS, problems = new Map<keyof MigrationDraft, string>();
  if (hostId === '') problems.set('hostId', t`Select a host.`);
  if (!isWithin(downtimeMs, downtime)) problems.set('downtimeMs', t`Enter a whole number from ${downtime.min} to ${downtime.max}.`);
  if (rateMbps.trim() !== '' && !isWithin(rateMbps, rate)) problems.set('rateMbps', t`Enter a whole number from ${rate.min} to ${rate.max}, or nothing.`);
  return problems;
}

/** Undefined while no host is chosen. */
export function requestOf({ hostId, poolId, priority, downtimeMs, rateMbps, keepsSpeed }: MigrationDraft): MigrationRequest | undefined {
  if (hostId === '') return undefined;
  const number = (text: string) => (/^\d+$/.test(text.trim()) ? Number(text) : undefined), downtime = number(downtimeMs), rate = number(rateMbps);
  return { hostId, ...(poolId && { poolId }), ...(priority !== 'regular' && { priority }), ...(downtime !== undefined && downtime !== USUAL_DOWNTIME_MS && { downtimeMs: downtime }), ...(rate !== undefined && { rateMbps: rate }), ...(keepsSpeed && { keepsSpeed }) };
}

/** A finding, of the VM that it is about. */
export interface Finding extends MigrationCheck { readonly vmId: VmId }

export const GROUP_NAMES: Readonly<Record<CheckGroup, Phrase>> = { source: say`Virtual machine`, host: say`Host`, pool: say`Resource pool`, datastore: say`Datastore`, network: say`Network` };
export const FIX_NAMES: Readonly<Record<CheckFix, Phrase>> = {
  ejectMedia: say`Eject the media`, exitMaintenance: say`Exit maintenance mode`, powerOnHost: say`Power on the host`, connectHost: say`Connect the host`, connectLink: say`Connect the link`,
};
export const PHASE_NAMES: Readonly<Record<MigrationPhase, Phrase>> = { storage: say`Copying files`, preparing: say`Preparing`, copying: say`Copying memory`, switching: say`Switching over`, moved: say`Moved`, cancelled: say`Cancelled`, failed: say`Failed` };
