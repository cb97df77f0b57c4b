import { defineStore } from 'pinia';
import { computed } from 'vue';
import type { PeerId, VmId } from '../../shared/base/ids.ts';
import type { NewPeer } from '../../shared/model/peer.ts';
import { useEngine } from '../engine/use-engine.ts';
import { compareNames } from './by-id.ts';
import { useInventory } from './inventory.ts';

/** Other engines that this one knows. */
export const usePeers = defineStore('peers', () => {
  const engine = useEngine(), inventory = useInventory();
  return {
    all: computed(() => [...inventory.maps.peer.values()].sort((a, b) => compareNames(a.name, b.name))),
    add: (wanted: NewPeer) => engine.call(api => api.peers.add(wanted)),
    remove: (id: PeerId) => engine.call(api => api.peers.remove(id)),
    identity: () => engine.call(api => api.peers.identity()),
    check: (id: PeerId) => engine.call(api => api.peers.check(id)),
    goOnHere: (id: VmId) => engine.call(api => api.vms.goOnHere(id)),
  };
});
