/** A VM's snapshots as a tree, with a place for what it is now, as in vSphere. */
import type { SnapshotId } from '../../../shared/base/ids.ts';
import type { Snapshot, Vm } from '../../../shared/model/vm.ts';
import { formatTime } from '../../components/format.ts';
import type { TreeNode } from '../../components/tree.ts';
import { t } from '../../i18n/i18n.ts';

export const HERE = 'here';

/** Snapshots without a parent are at the top, and the present under the one that it goes on from. */
export function snapshotTree({ snapshots = [], currentSnapshotId, powerState }: Pick<Vm, 'snapshots' | 'currentSnapshotId' | 'powerState'>): readonly TreeNode[] {
  const known = new Set(snapshots.map(({ id }) => id)), children = Map.groupBy(snapshots, ({ parentId }) => (parentId !== undefined && known.has(parentId) ? parentId : undefined));
  const here: TreeNode = { id: HERE, label: t`You are here`, icon: 'vm', status: powerState === 'poweredOn' ? 'success' : undefined };
  const below = (id: SnapshotId | undefined): TreeNode[] => [...(children.get(id) ?? []).map(node), ...(currentSnapshotId === id ? [here] : [])];
  const node = ({ id, name, createdMs, memory }: Snapshot): TreeNode =>
    ({ id, label: name, icon: memory ? 'vm-solid' : 'hard-disk', note: memory ? t`with memory` : t`disks only`, detail: formatTime(createdMs), children: below(id) });
  return below(undefined);
}
