/** Where a new VM is to be, and what is asked for when a VM or a template is copied. */
import * as v from 'valibot';
import type { DatastoreId, FolderId, HostId, ResourcePoolId, SnapshotId } from '../base/ids.ts';
import { ObjectName } from './object-name.ts';

const id = <T extends string>() => v.optional(v.pipe(v.string(), v.maxLength(64), v.transform(text => text as T)));

/** Besides its host: the datacenter itself, the host's own pool and the engine's data folder when absent. */
export const VmPlace = v.object({ folderId: id<FolderId>(), poolId: id<ResourcePoolId>(), datastoreId: id<DatastoreId>() });
export type VmPlace = v.InferOutput<typeof VmPlace>;

export const CloneRequest = v.object({
  name: ObjectName,
  /** That, and the folder and datastore, of what is copied when absent. */
  hostId: id<HostId>(),
  ...VmPlace.entries,
  /** A linked clone's disks hold what differs from a snapshot of what is copied; it cannot be without it. */
  linked: v.boolean(),
  /** What is copied: the present when absent. Of the present a linked clone takes a snapshot first. */
  snapshotId: id<SnapshotId>(),
  template: v.boolean(),
});
export type CloneRequest = v.InferOutput<typeof CloneRequest>;
