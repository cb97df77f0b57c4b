import { defineStore } from 'pinia';
import { computed, shallowRef } from 'vue';
import type { About } from '../../shared/api/engine-api.ts';
import type { Said } from '../../shared/base/phrase.ts';
import { useEngine } from '../engine/use-engine.ts';

export const useConnection = defineStore('connection', () => {
  const engine = useEngine();
  const state = shallowRef(engine.state);
  const about = shallowRef<About>();
  const problem = shallowRef<Said>();
  const connected = computed(() => state.value === 'connected');

  async function load() { about.value = await engine.call(api => api.engine.about()); problem.value = undefined; }
  engine.stateChanged.on(next => { state.value = next; });
  engine.failed.on(sentence => { problem.value = sentence; });

  return { state, about, problem, connected, load };
});
