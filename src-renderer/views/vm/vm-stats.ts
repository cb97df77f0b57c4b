/** Live figures of a VM, asked for each second while the page that shows them is visible. */
import { onBeforeUnmount, shallowRef, watch } from 'vue';
import type { Vm, VmStats } from '../../../shared/model/vm.ts';
import { useVms } from '../../stores/vms.ts';

const PERIOD_MS = 1000;
export const KEPT_SAMPLES = 120;

export interface StatsSample { readonly atMs: number; readonly stats: VmStats }

export function useVmStats(vm: () => Vm) {
  const vms = useVms();
  const samples = shallowRef<readonly StatsSample[]>([]);
  let asking = false;

  async function sample() {
    const { id, powerState } = vm();
    if (asking || document.hidden || powerState !== 'poweredOn') return;
    asking = true;
    // A figure that cannot be had is a gap in the chart; the connection's banner tells why.
    const stats = await vms.stats(id).catch(() => null);
    asking = false;
    if (stats && vm().id === id) samples.value = [...samples.value, { atMs: Date.now(), stats }].slice(-KEPT_SAMPLES);
  }

  watch(() => [vm().id, vm().powerState], () => { samples.value = []; void sample(); }, { immediate: true });
  const timer = setInterval(() => void sample(), PERIOD_MS);
  onBeforeUnmount(() => clearInterval(timer));
  return samples;
}
