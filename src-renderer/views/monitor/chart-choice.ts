/** What an advanced chart was told to show. */
import { computed, type ComputedRef } from 'vue';
import type { MeteredId, MeteredKind } from '../../../shared/model/metric.ts';
import { compareNames } from '../../stores/by-id.ts';
import { useInventory } from '../../stores/inventory.ts';

export interface ChartChoice { readonly metrics: readonly string[]; readonly others: readonly string[]; readonly stacked: boolean }

export const firstChoice = (kind: MeteredKind): ChartChoice => ({ metrics: kind === 'datastore' ? ['datastore.usage'] : kind === 'folder' || kind === 'resourcePool' ? ['cpu.mips'] : ['cpu.usage'], others: [], stacked: false });

export interface Named { readonly id: string; readonly name: string }
const nameOf = (object: { readonly name: string } | { readonly spec: Named | { readonly name: string } }): string => ('spec' in object ? object.spec.name : object.name);

/** Other objects of the same kind, by name. */
export function useComparable(object: () => MeteredId): ComputedRef<readonly Named[]> {
  const inventory = useInventory();
  return computed(() => {
    const { kind, id } = object();
    if (kind === 'root') return [];
    return [...inventory.maps[kind].values()].filter(other => other.id !== id).map(other => ({ id: other.id, name: nameOf(other) })).sort((a, b) => compareNames(a.name, b.name));
  });
}
