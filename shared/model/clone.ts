/** What is asked for when a VM or a template is copied. */
import * as v from 'valibot';
import type { DatastoreId, FolderId, HostId, ResourcePoolId, SnapshotId } from '../base/ids.ts';
import { ObjectName } from './object-name.ts';

const id = <T extends string>() => v.optional(v.pipe(v.string(), v.maxLength(64), v.transform(text => text as T)));

export const CloneRequest = v.object({
  name: ObjectName,
  /** Those of what is copied when absent, but the pool, which then is the host's. */
  hostId: id<HostId>(),
  folderId: id<FolderId>(),
  poolId: id<ResourcePoolId>(),
  datastoreId: id<DatastoreId>(),
  /** A linked clone's disks hold what differs from a snapshot of what is copied; it cannot be without it. */
  linked: v.boolean(),
  /** What is copied: the present when absent. Of the present a linked clone takes a snapshot first. */
  snapshotId: id<SnapshotId>(),
  template: v.boolean(),
});
export type CloneRequest = v.InferOutput<typeof CloneRequest>;
