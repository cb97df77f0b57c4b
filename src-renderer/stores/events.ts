import { defineStore } from 'pinia';
import { shallowRef } from 'vue';
import type { InventoryEvent } from '../../shared/model/event.ts';
import type { ObjectRef } from '../../shared/model/task.ts';
import { useEngine } from '../engine/use-engine.ts';

/** How many events the page keeps; older ones come from the engine by page. */
const KEPT = 500;

export const useEvents = defineStore('events', () => {
  const engine = useEngine();
  const recent = shallowRef<readonly InventoryEvent[]>([]);

  async function load() { recent.value = (await engine.call(api => api.events.list(KEPT))).rows; }
  engine.on('event.added', event => { recent.value = [event, ...recent.value].slice(0, KEPT); });

  return {
    recent, load,
    /** A page of one object's events, newest first. */
    listFor: (target: ObjectRef, before?: string) => engine.call(api => api.events.list(100, before === undefined ? { target } : { target, before })),
  };
});
