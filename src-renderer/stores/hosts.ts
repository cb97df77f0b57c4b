import { defineStore } from 'pinia';
import { computed } from 'vue';
import { compareNames } from './by-id.ts';
import { useInventory } from './inventory.ts';

export const useHosts = defineStore('hosts', () => {
  const inventory = useInventory();
  const byId = computed(() => inventory.maps.host);
  const all = computed(() => [...byId.value.values()].sort((a, b) => compareNames(a.name, b.name)));

  return { byId, all };
});
