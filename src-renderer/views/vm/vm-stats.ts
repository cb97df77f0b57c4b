/** Live figures of VMs, asked for each second while a page that shows them is visible, and kept from page to page. */
import { computed, onBeforeUnmount, shallowRef, watch, type ComputedRef } from 'vue';
import type { Vm, VmStats } from '../../../shared/model/vm.ts';
import { useVms } from '../../stores/vms.ts';

const PERIOD_MS = 1000;
export const SPAN_MS = 120_000;

export interface StatsSample { readonly atMs: number; readonly stats: VmStats }
export type History = readonly StatsSample[];

/** The samples of the last two minutes after another one; a VM that started anew starts a new history. */
export function withSample(history: History, sample: StatsSample): History {
  const restarted = (history.at(-1)?.stats.upNs ?? 0) > sample.stats.upNs;
  return [...(restarted ? [] : history.filter(({ atMs }) => atMs > sample.atMs - SPAN_MS)), sample];
}

const histories = shallowRef<ReadonlyMap<string, History>>(new Map());

export function useVmStats(vm: () => Vm): ComputedRef<History> {
  const vms = useVms();
  let asking = false;

  async function sample() {
    const { id, powerState } = vm();
    if (asking || document.hidden || powerState !== 'poweredOn') return;
    asking = true;
    // A figure that cannot be had is a gap in the chart; the connection's banner tells why.
    const stats = await vms.stats(id).catch(() => null);
    asking = false;
    if (stats) histories.value = new Map(histories.value).set(id, withSample(histories.value.get(id) ?? [], { atMs: Date.now(), stats }));
  }

  watch(() => [vm().id, vm().powerState], () => void sample(), { immediate: true });
  const timer = setInterval(() => void sample(), PERIOD_MS);
  onBeforeUnmount(() => { clearInterval(timer); });
  return computed(() => (vm().powerState === 'poweredOff' || vm().powerState === 'suspended' ? [] : histories.value.get(vm().id) ?? []));
}
