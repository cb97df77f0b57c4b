import { defineStore } from 'pinia';
import { computed, shallowRef } from 'vue';
import type { Host } from '../../shared/model/host.ts';
import { useEngine } from '../engine/use-engine.ts';
import { applyChanges, compareNames, mapById } from './by-id.ts';

export const useHosts = defineStore('hosts', () => {
  const engine = useEngine();
  const byId = shallowRef<ReadonlyMap<string, Host>>(new Map());
  const all = computed(() => [...byId.value.values()].sort((a, b) => compareNames(a.name, b.name)));

  async function load() { byId.value = mapById(await engine.call(api => api.hosts.list())); }
  engine.on('inventory.changed', changes => { byId.value = applyChanges('host', byId.value, changes); });

  return { byId, all, load };
});
