/** The inventory as the navigator's trees, from what the stores hold. */
import type { Host } from '../../../shared/model/host.ts';
import { ROOT } from '../../../shared/model/task.ts';
import type { Vm } from '../../../shared/model/vm.ts';
import { formatPowerState } from '../../components/format.ts';
import type { TreeNode } from '../../components/tree.ts';


/** An object's id among the nodes of a tree, which is also its page's path without the tab. */
export const nodePath = ({ kind, id }: { readonly kind: string; readonly id: string }): string => `/${kind}/${encodeURIComponent(id)}`;

const vmNode = (vm: Vm): TreeNode => {
  const on = vm.powerState === 'poweredOn';
  return { id: nodePath({ kind: 'vm', id: vm.id }), label: vm.spec.name, icon: on ? 'vm-solid' : 'vm', status: on ? 'success' : undefined, note: formatPowerState(vm.powerState) };
};

const rootNode = (children: readonly TreeNode[]): TreeNode => ({ id: nodePath(ROOT), label: ROOT.name, icon: 'building', children });

/** Hosts and Clusters. */
export const hostsTree = (hosts: readonly Host[], byHost: ReadonlyMap<string, readonly Vm[]>): readonly TreeNode[] =>
  [rootNode(hosts.map(host => ({
    id: nodePath({ kind: 'host', id: host.id }), label: host.name, icon: 'host', note: host.connected ? undefined : 'Disconnected', children: (byHost.get(host.id) ?? []).map(vmNode),
  })))];

/** VMs and Templates. */
export const vmsTree = (vms: readonly Vm[]): readonly TreeNode[] => [rootNode(vms.map(vmNode))];
