import { defineStore } from 'pinia';
import { computed, shallowRef } from 'vue';
import type { HostId, SnapshotId, VmId } from '../../shared/base/ids.ts';
import type { SnapshotRequest, Vm, VmSpec } from '../../shared/model/vm.ts';
import { useEngine } from '../engine/use-engine.ts';
import { applyChanges, compareNames, mapById } from './by-id.ts';

const byName = (a: Vm, b: Vm) => compareNames(a.spec.name, b.spec.name);

export const useVms = defineStore('vms', () => {
  const engine = useEngine();
  const byId = shallowRef<ReadonlyMap<string, Vm>>(new Map());
  const all = computed(() => [...byId.value.values()].sort(byName));
  const byHost = computed(() => Map.groupBy(all.value, vm => vm.hostId));

  /** The map is in order from the start, so that sorting it again after a change is one pass over it. */
  async function load() { byId.value = mapById([...await engine.call(api => api.vms.list())].sort(byName)); }
  engine.on('inventory.changed', changes => { byId.value = applyChanges('vm', byId.value, changes); });

  return {
    byId, all, byHost, load,
    create: (spec: VmSpec, host: HostId) => engine.call(api => api.vms.create(spec, host)),
    rename: (vm: VmId, name: string) => engine.call(api => api.vms.rename(vm, name)),
    powerOn: (vm: VmId) => engine.call(api => api.vms.powerOn(vm)),
    shutDownGuest: (vm: VmId) => engine.call(api => api.vms.shutDownGuest(vm)),
    powerOff: (vm: VmId) => engine.call(api => api.vms.powerOff(vm)),
    suspend: (vm: VmId) => engine.call(api => api.vms.suspend(vm)),
    reset: (vm: VmId) => engine.call(api => api.vms.reset(vm)),
    remove: (vm: VmId) => engine.call(api => api.vms.delete(vm)),
    takeSnapshot: (vm: VmId, request: SnapshotRequest) => engine.call(api => api.vms.takeSnapshot(vm, request)),
    revertToSnapshot: (vm: VmId, snapshot: SnapshotId) => engine.call(api => api.vms.revertToSnapshot(vm, snapshot)),
    deleteSnapshot: (vm: VmId, snapshot: SnapshotId) => engine.call(api => api.vms.deleteSnapshot(vm, snapshot)),
    stats: (vm: VmId) => engine.call(api => api.vms.stats(vm)),
  };
});
