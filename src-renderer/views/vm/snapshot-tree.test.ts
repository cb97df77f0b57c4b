import { expect, test } from 'vitest';
import type { SnapshotId } from '../../../shared/base/ids.ts';
import type { Snapshot, VmSpec } from '../../../shared/model/vm.ts';
import { treeRows, type TreeNode } from '../../components/tree.ts';
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

test('a thousand snapshots, each of the one before, are a tree', () => {
  const snapshots = Array.from({ length: 1000 }, (_, n) => snapshot(`s${n}`, n === 0 ? undefined : `s${n - 1}`));
  const rows = treeRows(snapshotTree({ snapshots, currentSnapshotId: 's999' as SnapshotId, powerState: 'poweredOff' }), new Set());
  expect([rows.length, rows.at(-1)?.node.label, rows.at(-1)?.level]).toEqual([1001, 'You are here', 1001]);
});
