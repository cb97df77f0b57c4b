/** Moving VMs between hosts: what is asked for, what is checked before, and what became of it. */
import * as v from 'valibot';
import type { DatastoreId, HostId, NetworkId, PeerId, ResourcePoolId } from '../base/ids.ts';
import { fixed, say, type Message, type Problem } from '../base/phrase.ts';
import { integerWithin } from './number-within.ts';

/** How much is done at once for a migration. */
export const MIGRATION_PRIORITIES = ['high', 'regular'] as const;
export type MigrationPriority = (typeof MIGRATION_PRIORITIES)[number];
export const MIGRATION_LIMITS = { downtimeMs: { min: 16, max: 60_000 }, rateMbps: { min: 1, max: 100_000 }, kept: 5, samples: 400, keptSamples: 40 } as const;

/** To another host, another datastore, or both: each is as it was when absent. */
export const MigrationRequest = v.object({
  /** The host is one of this other engine's. */
  peerId: v.optional(v.pipe(v.string(), v.maxLength(64), v.transform(text => text as PeerId))),
  hostId: v.optional(v.pipe(v.string(), v.maxLength(64), v.transform(text => text as HostId))),
  datastoreId: v.optional(v.pipe(v.string(), v.maxLength(64), v.transform(text => text as DatastoreId))),
  /** Its own if that is one of the destination's, else that of the host or cluster itself, when absent. */
  poolId: v.optional(v.pipe(v.string(), v.maxLength(64), v.transform(text => text as ResourcePoolId))),
  /** Adapters on a network are to be on another one at the destination; those that are not named stay. */
  networks: v.optional(v.pipe(v.array(v.object({ switch: v.string(), portGroup: v.string(), networkId: v.pipe(v.string(), v.maxLength(64), v.transform(text => text as NetworkId)) })), v.maxLength(64, fixed(say`These are too many networks.`)))),
  /** Regular when absent. */
  priority: v.optional(v.picklist(MIGRATION_PRIORITIES, fixed(say`There is no such priority.`))),
  /** For how long the guest may stand still, in ms; USUAL_DOWNTIME_MS when absent. */
  downtimeMs: v.optional(integerWithin(say`The longest downtime in ms`, MIGRATION_LIMITS.downtimeMs)),
  /** In Mb/s; as fast as the link is when absent. */
  rateMbps: v.optional(integerWithin(say`The rate limit in Mb/s`, MIGRATION_LIMITS.rateMbps)),
  /** A guest that changes memory faster than it is copied is never slowed down for it. */
  keepsSpeed: v.optional(v.boolean()),
  /** After one round of copying the guest goes on at the destination, and what it changed meanwhile follows it there. */
  postCopy: v.optional(v.boolean()),
});
export type MigrationRequest = v.InferOutput<typeof MigrationRequest>;
export const USUAL_DOWNTIME_MS = 50;

/** As vSphere groups them. */
export const CHECK_GROUPS = ['source', 'host', 'pool', 'datastore', 'network'] as const;
export type CheckGroup = (typeof CHECK_GROUPS)[number];
/** What an operator can have done about it at once. */
export const CHECK_FIXES = ['ejectMedia', 'exitMaintenance', 'powerOnHost', 'connectHost', 'connectLink'] as const;
export type CheckFix = (typeof CHECK_FIXES)[number];

/** What a check found; its message is the reason. Warnings do not stop a migration, errors do. */
export interface MigrationCheck extends Message {
  /** The check, in one word. */
  readonly name: string;
  readonly group: CheckGroup;
  readonly severity: 'warning' | 'error';
  readonly fix?: CheckFix;
}

/** In their order; each only where there is something of it to do. While memory is `following`, with post-copy, the VM is at the destination. The last three are ends. */
export const MIGRATION_PHASES = ['storage', 'preparing', 'copying', 'switching', 'following', 'moved', 'cancelled', 'failed'] as const;
export type MigrationPhase = (typeof MIGRATION_PHASES)[number];

/** How far it was at a moment. */
export interface MigrationSample {
  /** Since it began. */
  readonly atMs: number;
  readonly phase: MigrationPhase;
  /** Of copying what changed meanwhile, from 1. */
  readonly round: number;
  readonly sentBytes: number;
  readonly leftBytes: number;
  readonly bytesPerSecond: number;
  readonly dirtyBytesPerSecond: number;
  readonly expectedDowntimeMs: number;
  /** The part of the time that the guest is kept from running so that copying catches up, 0 to 1. */
  readonly slowed: number;
  /** Of the VM's files, how much is at the new datastore, 0 to 1, when they move. */
  readonly files?: number;
  /** While memory follows: pages that the guest, or a device of its, came to before they were there, and for how long they waited altogether. */
  readonly askedPages?: number;
  readonly waitedMs?: number;
}

/** One move of a VM; its problem is why it came to nothing. */
export interface Migration extends Partial<Problem> {
  readonly startedMs: number;
  readonly fromHost: string;
  readonly toHost: string;
  /** When the VM's files moved. */
  readonly fromDatastore?: string;
  readonly toDatastore?: string;
  readonly phase: MigrationPhase;
  readonly endedMs?: number;
  /** For how long the guest stood still, as the engine saw it. */
  readonly downtimeMs?: number;
  /** Memory of the VM, in bytes. */
  readonly memoryBytes: number;
  /** Pages that were all zeroes, which are told and not copied. */
  readonly zeroBytes: number;
  readonly samples: readonly MigrationSample[];
}
export const isMigrating = ({ phase }: Migration): boolean => phase === 'storage' || phase === 'preparing' || phase === 'copying' || phase === 'switching' || phase === 'following';
