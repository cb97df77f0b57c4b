/** The inventory as the navigator's four trees. Nodes of VMs are kept for as long as their VM is the same object. */
import { say, type Phrase } from '../../../shared/base/phrase.ts';
import type { Place, Tree } from '../../../shared/model/place.ts';
import { ROOT } from '../../../shared/model/task.ts';
import type { Vm } from '../../../shared/model/vm.ts';
import type { TreeNode } from '../../components/tree.ts';
import { perLocale } from '../../i18n/i18n.ts';
import { placeKey, type ByParent, type Contained } from '../../stores/hierarchy.ts';
import { kindIcon, lookOf } from '../describe-object.ts';
import { pathOf } from '../links.ts';

export const VIEWS = [
  { tree: 'host', label: say`Hosts and Clusters`, icon: 'host' }, { tree: 'vm', label: say`VMs and Templates`, icon: 'vm' },
  { tree: 'storage', label: say`Storage`, icon: 'storage' }, { tree: 'network', label: say`Networking`, icon: 'network-globe' },
] as const satisfies readonly { readonly tree: Tree; readonly label: Phrase; readonly icon: string }[];

/** VMs are by the id of what runs them, and of the folder or datacenter that they are in. */
export interface Indexes { readonly parents: ByParent; readonly vmsByRunner: ReadonlyMap<string, readonly Vm[]>; readonly vmsByFolder: ReadonlyMap<string, readonly Vm[]> }

const TREE_OF: Readonly<Record<Exclude<Contained['kind'], 'folder' | 'datacenter'>, Tree>> = { cluster: 'host', host: 'host', resourcePool: 'host', datastore: 'storage', network: 'network' };

export function isInTree({ kind, object }: Contained, tree: Tree): boolean {
  if (kind === 'datacenter') return true;
  return kind === 'folder' ? object.tree === tree || object.tree === 'datacenter' : TREE_OF[kind] === tree;
}

/** They say a VM's state in a language. */
const nodes = perLocale(() => new WeakMap<Vm, TreeNode>());
function vmNode(vm: Vm): TreeNode {
  let node = nodes().get(vm);
  if (!node) nodes().set(vm, node = { id: pathOf({ kind: 'vm', id: vm.id }), ...lookOf({ kind: 'vm', object: vm }), movable: true });
  return node;
}

/** A whole tree from the root, by the indexes that it needs and no others; without VMs it is one to choose a place from. */
export function inventoryTree(tree: Tree, indexes: Indexes, { vms = true } = {}): readonly TreeNode[] {
  const { parents } = indexes, vmsIn = vms && tree === 'host' ? indexes.vmsByRunner : vms && tree === 'vm' ? indexes.vmsByFolder : undefined;
  const below = (place: { readonly kind: string; readonly id: string }): readonly TreeNode[] => {
    const inside = (parents.get(placeKey(place)) ?? []).filter(child => isInTree(child, tree)).map(node), own = vmsIn?.get(place.id);
    return own ? [...inside, ...own.map(vmNode)] : inside;
  };
  const node = (known: Contained): TreeNode => {
    const own = { kind: known.kind, id: known.object.id };
    return { id: pathOf(own), ...lookOf(known), children: below(own), movable: true };
  };
  return [{ id: pathOf(ROOT), label: ROOT.name, icon: kindIcon('root'), children: below(ROOT satisfies Place) }];
}
