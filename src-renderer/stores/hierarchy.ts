/** Who is in what, by indexes over the inventory: a change of VMs costs one pass over the VMs, and containers are left alone. */
import { defineStore } from 'pinia';
import { computed } from 'vue';
import { nameOf, type InventoryObject, type ObjectId, type ObjectKind, type ObjectKinds } from '../../shared/model/objects.ts';
import type { Place } from '../../shared/model/place.ts';
import type { Vm } from '../../shared/model/vm.ts';
import { compareNames } from './by-id.ts';
import { useInventory } from './inventory.ts';
import { useVms } from './vms.ts';

/** Objects with one parent, in the order in which they stand in a tree. */
export const CONTAINED_KINDS = ['folder', 'datacenter', 'cluster', 'host', 'resourcePool', 'datastore', 'network'] as const satisfies readonly ObjectKind[];
export type ContainedKind = (typeof CONTAINED_KINDS)[number];
export type Contained = Extract<InventoryObject, { readonly kind: ContainedKind }>;
export type ByParent = ReadonlyMap<string, readonly Contained[]>;

export const placeKey = ({ kind, id }: { readonly kind: string; readonly id: string }): string => `${kind}/${id}`;

/** Containers by the key of their parent, in order of kind and then of name. */
export function byParent(maps: { readonly [K in ContainedKind]: ReadonlyMap<string, ObjectKinds[K]> }): ByParent {
  const all = CONTAINED_KINDS.flatMap(kind => [...maps[kind].values()].map(object => ({ kind, object }) as Contained).sort((a, b) => compareNames(nameOf(a), nameOf(b))));
  return Map.groupBy(all, ({ object }) => placeKey(object.parent));
}

/** What is in a place at any depth, but VMs. */
export function within(parents: ByParent, place: Place): readonly Contained[] {
  const found: Contained[] = [], next = [placeKey(place)];
  for (let key = next.pop(); key !== undefined; key = next.pop()) {
    for (const child of parents.get(key) ?? []) { found.push(child); next.push(placeKey({ kind: child.kind, id: child.object.id })); }
  }
  return found;
}

export const useHierarchy = defineStore('hierarchy', () => {
  const { maps } = useInventory(), vms = useVms();
  const parents = computed(() => byParent(maps));
  /** By the id of the host or the resource pool. */
  const vmsByRunner = computed(() => Map.groupBy(vms.all, (vm): string => vm.poolId ?? vm.hostId));
  /** By the id of the VM folder, or of the datacenter that it runs in. */
  const vmsByFolder = computed(() => {
    const centres = new Map<string, string>([...maps.host.keys()].map(id => [id, datacenterOf({ kind: 'host', id })?.id ?? '']));
    return Map.groupBy(vms.all, (vm): string => vm.folderId ?? centres.get(vm.hostId) ?? '');
  });

  function find({ kind, id }: { readonly kind: string; readonly id: string }): InventoryObject | undefined {
    const object = (maps as unknown as Readonly<Record<string, ReadonlyMap<string, unknown> | undefined>>)[kind]?.get(id);
    return object === undefined ? undefined : { kind, object } as InventoryObject;
  }

  /** What a place or an object is in, from the inside out, without the root. A VM is in what runs it. */
  function above(id: { readonly kind: string; readonly id: string }): readonly InventoryObject[] {
    const found: InventoryObject[] = [];
    for (let at = parentOf(find(id)); at !== undefined; at = parentOf(find(at))) {
      const known = find(at);
      if (known) found.push(known);
    }
    return found;
  }
  const datacenterOf = (place: Place): ObjectId | undefined => {
    const own = [find(place), ...above(place)].find(known => known?.kind === 'datacenter');
    return own && { kind: own.kind, id: own.object.id };
  };

  return { parents, vmsByRunner, vmsByFolder, find, above, datacenterOf };
});

/** The host or the resource pool that a VM is shown in. */
export const runnerOf = ({ poolId, hostId }: Vm): Place => (poolId === undefined ? { kind: 'host', id: hostId } : { kind: 'resourcePool', id: poolId });

export function parentOf(known: InventoryObject | undefined): Place | undefined {
  if (known === undefined) return undefined;
  return known.kind === 'vm' ? runnerOf(known.object) : 'parent' in known.object ? known.object.parent : undefined;
}
