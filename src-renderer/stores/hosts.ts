import { defineStore } from 'pinia';
import { computed } from 'vue';
import type { HostId, ResourcePoolId, VmId } from '../../shared/base/ids.ts';
import type { PoolSettings } from '../../shared/model/container.ts';
import type { HostLink, HostProfile, HostRole, NewHost } from '../../shared/model/host.ts';
import { useEngine } from '../engine/use-engine.ts';
import { compareNames } from './by-id.ts';
import { useInventory } from './inventory.ts';

export const useHosts = defineStore('hosts', () => {
  const engine = useEngine(), inventory = useInventory();
  const byId = computed(() => inventory.maps.host);
  const all = computed(() => [...byId.value.values()].sort((a, b) => compareNames(a.name, b.name)));

  return {
    byId, all,
    add: (wanted: NewHost) => engine.call(api => api.hosts.add(wanted)),
    edit: (id: HostId, profile: HostProfile) => engine.call(api => api.hosts.edit(id, profile)),
    remove: (id: HostId) => engine.call(api => api.hosts.remove(id)),
    powerOn: (id: HostId) => engine.call(api => api.hosts.powerOn(id)),
    powerOff: (id: HostId, options: { force: boolean }) => engine.call(api => api.hosts.powerOff(id, options)),
    reboot: (id: HostId, options: { force: boolean }) => engine.call(api => api.hosts.reboot(id, options)),
    enterMaintenance: (id: HostId, options: { moveVms: boolean }) => engine.call(api => api.hosts.enterMaintenance(id, options)),
    exitMaintenance: (id: HostId) => engine.call(api => api.hosts.exitMaintenance(id)),
    connect: (id: HostId) => engine.call(api => api.hosts.connect(id)),
    disconnect: (id: HostId) => engine.call(api => api.hosts.disconnect(id)),
    setSystem: (id: HostId, role: HostRole, vm: VmId | null) => engine.call(api => api.hosts.setSystem(id, role, vm)),
    setLink: (id: HostId, link: HostLink) => engine.call(api => api.hosts.setLink(id, link)),
    stats: (id: HostId) => engine.call(api => api.hosts.stats(id)),
    editPool: (id: ResourcePoolId, settings: PoolSettings) => engine.call(api => api.resourcePools.edit(id, settings)),
  };
});
