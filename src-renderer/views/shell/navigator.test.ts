import { expect, test } from 'vitest';
import type { HostId, VmId } from '../../../shared/base/ids.ts';
import { HOST_PROFILES, type Host } from '../../../shared/model/host.ts';
import type { Vm } from '../../../shared/model/vm.ts';
import type { TreeNode } from '../../components/tree.ts';
import { hostsTree, vmsTree } from './navigator.ts';

const host = (id: string): Host => ({ ...HOST_PROFILES[0], id: id as HostId, name: `host ${id}`, connected: true, parent: { kind: 'datacenter', id: 'datacenter' } });
const vm = (name: string, powerState: Vm['powerState']): Vm => ({ id: name as VmId, hostId: 'a' as HostId, powerState, createdMs: 0, spec: { name, cpus: 1, memoryMib: 64, guest: { kind: 'diagnostics' }, disks: [] } });
const outline = (nodes: readonly TreeNode[]): unknown[] => nodes.map(node => (node.children ? [node.id, outline(node.children)] : node.id));

const web = vm('web', 'poweredOn'), db = vm('db', 'poweredOff');

test('hosts and clusters nests VMs below their host, VMs and templates below the datacenter', () => {
  expect(outline(hostsTree([host('a'), host('b')], new Map([['a', [web, db]]])))).toEqual([['/root/root', [['/host/a', ['/vm/web', '/vm/db']], ['/host/b', []]]]]);
  expect(outline(vmsTree([web, db]))).toEqual([['/root/root', ['/vm/web', '/vm/db']]]);
});

test('a VM tells its power state by shape, colour and words', () => {
  const [datacenter] = vmsTree([web, db]);
  expect(datacenter?.children?.map(node => [node.icon, node.status, node.note])).toEqual([['vm-solid', 'success', 'Powered On'], ['vm', undefined, 'Powered Off']]);
});
