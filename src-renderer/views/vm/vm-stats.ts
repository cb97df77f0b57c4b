/** The counters of a VM as they are now, asked for each second while a page that shows them is visible. */
import { computed, onBeforeUnmount, shallowRef, watch, type ComputedRef } from 'vue';
import type { DiskStats, Vm, VmSpec, VmStats } from '../../../shared/model/vm.ts';
import { useVms } from '../../stores/vms.ts';

const PERIOD_MS = 1000;

export interface StatsSample { readonly id: string; readonly atMs: number; readonly stats: VmStats }

/** Absent while the VM is off. */
export function useVmStats(vm: () => Vm): ComputedRef<StatsSample | undefined> {
  const vms = useVms(), latest = shallowRef<StatsSample>();
  let asking = false;

  async function sample() {
    const { id, powerState } = vm();
    if (asking || document.hidden || powerState !== 'poweredOn') return;
    asking = true;
    // The connection's banner tells why figures cannot be had.
    const stats = await vms.stats(id).catch(() => null);
    asking = false;
    if (stats) latest.value = { id, atMs: Date.now(), stats };
  }

  watch(() => [vm().id, vm().powerState], () => void sample(), { immediate: true });
  const timer = setInterval(() => void sample(), PERIOD_MS);
  onBeforeUnmount(() => { clearInterval(timer); });
  return computed(() => (vm().powerState === 'poweredOff' || vm().powerState === 'suspended' || latest.value?.id !== vm().id ? undefined : latest.value));
}

/** Where a running disk stands among the VM's disks; absent when it is no longer there. */
export function placeInSpec({ disks }: VmSpec, running: readonly DiskStats[], place: number): number | undefined {
  const slot = running[place]?.slot, fixed = disks.flatMap((disk, at) => (disk.slot === undefined ? [at] : []));
  const at = slot === undefined ? fixed[place] : disks.findIndex(disk => disk.slot === slot);
  return at === -1 ? undefined : at;
}
