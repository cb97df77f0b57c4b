/** What is in a place, for its tabs and its summary. */
import { computed, type ComputedRef } from 'vue';
import type { Host } from '../../../shared/model/host.ts';
import type { InventoryObject, ObjectKinds } from '../../../shared/model/objects.ts';
import type { Place } from '../../../shared/model/place.ts';
import { DEFAULT_PORT_GROUP, LOCAL_DATASTORE, type Network } from '../../../shared/model/container.ts';
import type { Vm } from '../../../shared/model/vm.ts';
import { useHierarchy, within, type Contained, type ContainedKind } from '../../stores/hierarchy.ts';
import { useVms } from '../../stores/vms.ts';

export interface Contents { readonly all: readonly Contained[]; readonly hosts: readonly Host[]; readonly vms: readonly Vm[]; of<K extends ContainedKind>(kind: K): readonly ObjectKinds[K][] }


/** Whether a VM has an adapter at this port group. */
export const usesNetwork = ({ spec: { nics = [] } }: Vm, network: Pick<Network, 'name' | 'switch'>): boolean =>
  nics.some(nic => nic.kind === 'switch' && nic.switch === network.switch && (nic.portGroup ?? DEFAULT_PORT_GROUP) === network.name);

/** VMs are in what runs them; in a VM folder, those that were put there; at a network or datastore, those that use it. */
function vmTest(known: InventoryObject | undefined, place: { readonly kind: string; readonly id: string }, all: readonly Contained[]): (vm: Vm) => boolean {
  const ids = (kind: ContainedKind) => new Set<string>([place.id, ...all.flatMap(child => (child.kind === kind ? [child.object.id] : []))]);
  if (known?.kind === 'network') return vm => usesNetwork(vm, known.object);
  if (known?.kind === 'datastore') return vm => (vm.datastoreId ?? LOCAL_DATASTORE) === known.object.id;
  if (known?.kind === 'resourcePool') { const pools = ids('resourcePool'); return vm => vm.poolId !== undefined && pools.has(vm.poolId); }
  if (known?.kind === 'folder' && known.object.tree === 'vm') { const folders = ids('folder'); return vm => vm.folderId !== undefined && folders.has(vm.folderId); }
  if (place.kind === 'root') return () => true;
  const hosts = ids('host');
  return vm => hosts.has(vm.hostId);
}

export function useContents(place: () => { readonly kind: string; readonly id: string }): ComputedRef<Contents> {
  const [hierarchy, vms] = [useHierarchy(), useVms()];
  const below = computed(() => within(hierarchy.parents, place() as Place));
  return computed(() => {
    const all = below.value;
    const of = <K extends ContainedKind>(kind: K) => all.flatMap(child => (child.kind === kind ? [child.object as ObjectKinds[K]] : []));
    const known = hierarchy.find(place());
    return { all, hosts: known?.kind === 'host' ? [known.object] : of('host'), vms: vms.all.filter(vmTest(known, place(), all)), of };
  });
}

