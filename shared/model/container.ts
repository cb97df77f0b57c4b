/** What inventories are ordered by: datacenters, folders, clusters and resource pools, datastores and networks. */
import * as v from 'valibot';
import type { ClusterId, DatacenterId, DatastoreId, FolderId, NetworkId, ResourcePoolId } from '../base/ids.ts';
import { fixed, say, type Phrase } from '../base/phrase.ts';
import type { Labels } from './labels.ts';
import { ObjectName } from './object-name.ts';
import type { Place, Tree } from './place.ts';

export interface Datacenter extends Labels { readonly id: DatacenterId; readonly name: string; readonly parent: Place }

/** Of one of the trees below a datacenter, or of datacenters. */
export interface Folder extends Labels { readonly id: FolderId; readonly name: string; readonly tree: Tree | 'datacenter'; readonly parent: Place }

/** Hosts that share what runs on them. */
export interface Cluster extends Labels { readonly id: ClusterId; readonly name: string; readonly parent: Place }

/** vSphere's levels of shares stand in the proportion of 1 to 2 to 4: a VM's by vCPU and by MiB, a resource pool's as of 4 vCPUs and 16 GiB. */
export const SHARE_LEVELS = ['low', 'normal', 'high'] as const;
export type ShareLevel = (typeof SHARE_LEVELS)[number];
type Levels = Readonly<Record<ShareLevel, number>>;
const levels = (normal: number): Levels => ({ low: normal / 2, normal, high: normal * 2 });
export const SHARES = { vmCpu: levels(1000), vmMemory: levels(10), poolCpu: levels(4000), poolMemory: levels(163_840) } as const;

const amount = (what: Phrase) => v.pipe(v.number(fixed(say`${what} is a number.`)), v.integer(fixed(say`${what} is a whole number.`)), v.minValue(0, fixed(say`${what} is not negative.`)), v.maxValue(10_000_000, fixed(say`${what} is too large.`)));

/** How a resource is divided among VMs and resource pools with the same parent: CPU in MHz, memory in MiB. */
export const Allocation = v.object({
  shares: v.pipe(v.number(fixed(say`Shares are a number.`)), v.integer(fixed(say`Shares are a whole number.`)), v.minValue(1, fixed(say`Shares are at least 1.`)), v.maxValue(1_000_000, fixed(say`Shares are at most 1,000,000.`))),
  reservation: amount(say`A reservation`),
  /** As much as there is when absent. */
  limit: v.optional(amount(say`A limit`)),
});
export type Allocation = v.InferOutput<typeof Allocation>;
/** An expandable pool takes reservations that it has no room for from its parent. */
export const PoolAllocation = v.object({ ...Allocation.entries, expandable: v.boolean() });
export type PoolAllocation = v.InferOutput<typeof PoolAllocation>;
export const NORMAL_ALLOCATION: Allocation = { shares: SHARES.poolCpu.normal, reservation: 0 };

export interface ResourcePool extends Labels { readonly id: ResourcePoolId; readonly name: string; readonly parent: Place; readonly cpu: PoolAllocation; readonly memory: PoolAllocation }

/** vSphere's name for the port group of a new host. */
export const DEFAULT_PORT_GROUP = 'VM Network';

/** A folder of the engine's machine for VMs' files. */
export interface Datastore extends Labels {
  readonly id: DatastoreId;
  readonly name: string;
  readonly parent: Place;
  /** Absolute; '' for the engine's own data folder. */
  readonly path: string;
  /** What VMs and uploads may take of it, in bytes; all of the file system when absent. */
  readonly capacityBytes?: number;
}
/** The one in the engine's data folder, which is always there. */
export const LOCAL_DATASTORE = 'datastore-local' as DatastoreId;

const capacity = v.optional(v.pipe(v.number(fixed(say`A capacity is a number of bytes.`)), v.integer(fixed(say`A capacity is a whole number of bytes.`)), v.minValue(1024 * 1024, fixed(say`A capacity is at least 1 MiB.`))));
export const DatastoreRequest = v.object({ name: ObjectName, path: v.pipe(v.string(fixed(say`A path is text.`)), v.trim(), v.minLength(1, fixed(say`Enter the path of a folder.`)), v.maxLength(4096, fixed(say`The path is too long.`))), capacityBytes: capacity });
export type DatastoreRequest = v.InferOutput<typeof DatastoreRequest>;
export const DatastoreEdit = v.object({ capacityBytes: capacity });
export type DatastoreEdit = v.InferOutput<typeof DatastoreEdit>;

/** In bytes. `freeBytes` is what may still be written. */
export interface DatastoreUsage { readonly capacityBytes: number; readonly usedBytes: number; readonly freeBytes: number }
/** Paths are relative to the datastore, with `/`; `usedBy` is the name of the VM that a file belongs to. */
export interface DatastoreEntry { readonly name: string; readonly path: string; readonly directory: boolean; readonly sizeBytes: number; readonly allocatedBytes: number; readonly modifiedMs: number; readonly usedBy?: string }

/** A port group of a virtual switch. */
export interface Network extends Labels { readonly id: NetworkId; readonly name: string; readonly parent: Place; readonly switch: string; readonly vlan: number }

const Parent = <const Kinds extends readonly string[]>(kinds: Kinds) => v.object({ kind: v.picklist(kinds, fixed(say`It cannot be there.`)), id: v.string() });
export const NewDatacenter = v.object({ kind: v.literal('datacenter'), name: ObjectName, parent: Parent(['root', 'folder']) });
export const NewFolder = v.object({ kind: v.literal('folder'), name: ObjectName, tree: v.picklist(['datacenter', 'host', 'vm', 'storage', 'network']), parent: Parent(['root', 'datacenter', 'folder']) });
export const NewCluster = v.object({ kind: v.literal('cluster'), name: ObjectName, parent: Parent(['datacenter', 'folder']) });
export const NewResourcePool = v.object({ kind: v.literal('resourcePool'), name: ObjectName, parent: Parent(['host', 'cluster', 'resourcePool']), cpu: PoolAllocation, memory: PoolAllocation });
/** What can be changed of a resource pool. */
export const PoolSettings = v.object({ name: ObjectName, cpu: PoolAllocation, memory: PoolAllocation });
export type PoolSettings = v.InferOutput<typeof PoolSettings>;
export const NewNetwork = v.object({
  kind: v.literal('network'), name: ObjectName, parent: Parent(['datacenter', 'folder']), switch: ObjectName,
  vlan: v.pipe(v.number(fixed(say`A VLAN is a number.`)), v.integer(fixed(say`A VLAN is a whole number.`)), v.minValue(0, fixed(say`A VLAN is from 0 to 4095.`)), v.maxValue(4095, fixed(say`A VLAN is from 0 to 4095.`))),
});
