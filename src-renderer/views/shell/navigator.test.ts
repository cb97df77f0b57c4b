import { expect, test } from 'vitest';
import type { FolderId, HostId, ResourcePoolId, VmId } from '../../../shared/base/ids.ts';
import { NORMAL_ALLOCATION } from '../../../shared/model/container.ts';
import type { Tree } from '../../../shared/model/place.ts';
import type { Vm } from '../../../shared/model/vm.ts';
import type { TreeNode } from '../../components/tree.ts';
import { byParent, runnerOf, within, type ContainedKind } from '../../stores/hierarchy.ts';
import { inventoryTree, type Indexes } from './navigator.ts';

const CENTRE = { kind: 'datacenter', id: 'dc' } as const, pool = { ...NORMAL_ALLOCATION, expandable: true };
const vm = (name: string, more: Partial<Vm> = {}): Vm => ({ id: name as VmId, hostId: 'a' as HostId, powerState: 'poweredOff', createdMs: 0, spec: { name, cpus: 1, memoryMib: 64, guest: { kind: 'diagnostics' }, disks: [] }, ...more });
const objects = {
  datacenter: [{ id: 'dc', name: 'Datacenter', parent: { kind: 'root', id: 'root' } }],
  folder: [{ id: 'apps', name: 'apps', tree: 'vm', parent: CENTRE }, { id: 'racks', name: 'racks', tree: 'host', parent: CENTRE }, { id: 'inner', name: 'inner', tree: 'vm', parent: { kind: 'folder', id: 'apps' } }],
  cluster: [{ id: 'lab', name: 'lab', parent: { kind: 'folder', id: 'racks' } }],
  host: [{ id: 'b', name: 'host b', parent: CENTRE, connected: true }, { id: 'a', name: 'host a', parent: { kind: 'cluster', id: 'lab' }, connected: true }],
  resourcePool: [{ id: 'gold', name: 'gold', parent: { kind: 'cluster', id: 'lab' }, cpu: pool, memory: pool }],
  datastore: [{ id: 'ds', name: 'ds', parent: CENTRE, path: '/' }],
  network: [{ id: 'net', name: 'net', parent: CENTRE, switch: 'lab', vlan: 0 }],
} satisfies Record<ContainedKind, readonly object[]>;

const web = vm('web', { powerState: 'poweredOn' }), db = vm('db', { poolId: 'gold' as ResourcePoolId, folderId: 'inner' as FolderId }), golden = vm('golden', { template: true });
const vms = [db, golden, web];
const parents = byParent(Object.fromEntries(Object.entries(objects).map(([kind, all]) => [kind, new Map(all.map(each => [each.id, each]))])) as never);
const indexes: Indexes = {
  parents, vmsByRunner: Map.groupBy(vms, each => runnerOf(each).id),
  vmsByFolder: Map.groupBy(vms, each => each.folderId ?? 'dc'),
};
const outline = (nodes: readonly TreeNode[]): unknown[] => nodes.map(node => (node.children && node.children.length > 0 ? [node.id, outline(node.children)] : node.id));
const below = (tree: Tree) => outline(inventoryTree(tree, indexes)[0]?.children?.[0]?.children ?? []);

test('each tree has its own folders and objects below the datacenter', () => {
  expect(below('host')).toEqual([['/folder/racks', [['/cluster/lab', [['/host/a', ['/vm/golden', '/vm/web']], ['/resourcePool/gold', ['/vm/db']]]]]], '/host/b']);
  expect(below('vm')).toEqual([['/folder/apps', [['/folder/inner', ['/vm/db']]]], '/vm/golden', '/vm/web']);
  expect([below('storage'), below('network')]).toEqual([['/datastore/ds'], ['/network/net']]);
});

test('a tree to choose a place from has no VMs', () => {
  expect(outline(inventoryTree('vm', indexes, { vms: false }))).toEqual([['/root/root', [['/datacenter/dc', [['/folder/apps', ['/folder/inner']]]]]]]);
});

test('a VM tells its state by shape, colour and words, and a template that it is one', () => {
  const looks = inventoryTree('vm', indexes)[0]?.children?.[0]?.children?.slice(1).map(node => [node.icon, node.status, node.note]);
  expect(looks).toEqual([['layers', undefined, 'Template'], ['vm-solid', 'success', 'Powered On']]);
});

test('a node of a VM that did not change is the same one again', () => {
  const last = () => inventoryTree('vm', indexes)[0]?.children?.[0]?.children?.at(-1);
  expect(last()).toBe(last());
});

test('what is within a place is found at any depth', () => {
  expect(within(parents, { kind: 'folder', id: 'racks' }).map(({ kind, object }) => `${kind} ${object.name}`).sort()).toEqual(['cluster lab', 'host host a', 'resourcePool gold']);
});
