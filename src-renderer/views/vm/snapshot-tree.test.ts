import { expect, test } from 'vitest';
import type { SnapshotId } from '../../../shared/base/ids.ts';
import type { Snapshot, VmSpec } from '../../../shared/model/vm.ts';
import type { TreeNode } from '../../components/tree.ts';
import { snapshotTree } from './snapshot-tree.ts';

const spec: VmSpec = { name: 'web', cpus: 1, memoryMib: 64, guest: { kind: 'diagnostics' }, disks: [] };
const snapshot = (name: string, parent?: string): Snapshot => ({ id: name as SnapshotId, name, description: '', createdMs: 0, memory: false, spec, ...(parent !== undefined && { parentId: parent as SnapshotId }) });
const labels = (nodes: readonly TreeNode[]): unknown[] => nodes.map(({ label, children = [] }) => (children.length === 0 ? label : [label, ...labels(children)]));

test('the present is below the snapshot that it goes on from', () => {
  const snapshots = [snapshot('a'), snapshot('b', 'a'), snapshot('c', 'a')];
  expect(labels(snapshotTree({ snapshots, currentSnapshotId: 'b' as SnapshotId, powerState: 'poweredOff' }))).toEqual([['a', ['b', 'You are here'], 'c']]);
});

test('without snapshots there is only the present', () => {
  expect(labels(snapshotTree({ powerState: 'poweredOn' }))).toEqual(['You are here']);
});
