/** What the VMs of a host have of its CPUs, asked for each second while a page that shows it is visible. */
import { onBeforeUnmount, shallowRef, watch, type ShallowRef } from 'vue';
import type { Host } from '../../../shared/model/host.ts';
import type { CpuStats } from '../../../shared/model/vm.ts';
import { useHosts } from '../../stores/hosts.ts';

const PERIOD_MS = 1000;
export type CpuByVm = ReadonlyMap<string, CpuStats>;

export function useHostStats(host: () => Host): ShallowRef<CpuByVm> {
  const hosts = useHosts(), stats = shallowRef<CpuByVm>(new Map());

  async function sample() {
    if (document.hidden) return;
    const { id } = host(), now = await hosts.stats(id).catch(() => undefined);
    if (now && host().id === id) stats.value = new Map(now.vms.map(vm => [vm.id, vm]));
  }

  watch(() => host().id, () => { stats.value = new Map(); void sample(); }, { immediate: true });
  const timer = setInterval(() => void sample(), PERIOD_MS);
  onBeforeUnmount(() => { clearInterval(timer); });
  return stats;
}
