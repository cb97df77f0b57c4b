import { defineStore } from 'pinia';
import { shallowRef } from 'vue';
import type { EngineEvents } from '../../shared/api/engine-events.ts';
import type { VmId } from '../../shared/base/ids.ts';
import { meteredKey, type MeteredId, type MetricQuery } from '../../shared/model/metric.ts';
import { useEngine } from '../engine/use-engine.ts';

type Listener = (sampled: EngineEvents['performance.sampled']) => void;
interface Watched { readonly object: MeteredId; readonly listeners: Set<Listener> }

/** Figures of the past, and those of each second for whom they interest. */
export const usePerformance = defineStore('performance', () => {
  const engine = useEngine(), watched = new Map<string, Watched>();
  engine.on('performance.sampled', sampled => { for (const listener of watched.get(meteredKey(sampled.object))?.listeners ?? []) listener(sampled); });

  // An object that is gone has no figures to come; that it is gone is told elsewhere.
  const ask = (object: MeteredId) => engine.call(api => api.performance.watch(object)).catch(() => undefined);

  /** Hears of an object each second until the function returned is called, also across a reconnection. */
  function watch(object: MeteredId, listener: Listener): () => void {
    const key = meteredKey(object), known = watched.get(key) ?? { object, listeners: new Set() };
    watched.set(key, known);
    known.listeners.add(listener);
    if (known.listeners.size === 1) void ask(object);
    return () => {
      known.listeners.delete(listener);
      if (known.listeners.size > 0 || watched.get(key) !== known) return;
      watched.delete(key);
      void engine.call(api => api.performance.unwatch(object)).catch(() => undefined);
    };
  }

  /** What VMs that run use of their hosts' CPUs, in MHz. */
  const usedMhz = shallowRef<ReadonlyMap<VmId, number>>(new Map());
  engine.on('usage.sampled', rows => { usedMhz.value = new Map(rows); });

  return { watch, usedMhz, load: () => { usedMhz.value = new Map(); return Promise.all([...watched.values()].map(({ object }) => ask(object))); }, query: (query: MetricQuery) => engine.call(api => api.performance.query(query)) };
});
