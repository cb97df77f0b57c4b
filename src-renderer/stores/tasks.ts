import { defineStore } from 'pinia';
import { computed, shallowRef } from 'vue';
import type { TaskId } from '../../shared/base/ids.ts';
import type { Task } from '../../shared/model/task.ts';
import { useEngine } from '../engine/use-engine.ts';
import { mapById } from './by-id.ts';

/** How many tasks the page keeps; the engine keeps all. */
const KEPT = 200;

/** The tasks after one of them changed: newest first, the oldest ones dropped. */
export function withTask(before: readonly Task[], changed: Task): readonly Task[] {
  const rest = before.filter(task => task.id !== changed.id);
  return [changed, ...rest].sort((a, b) => b.queuedMs - a.queuedMs).slice(0, KEPT);
}

export const useTasks = defineStore('tasks', () => {
  const engine = useEngine();
  const recent = shallowRef<readonly Task[]>([]);
  const byId = computed(() => mapById(recent.value));

  async function load() { recent.value = (await engine.call(api => api.tasks.list(KEPT))).rows; }
  engine.on('task.changed', task => { recent.value = withTask(recent.value, task); });

  return { recent, byId, load, cancel: (id: TaskId) => engine.call(api => api.tasks.cancel(id)), revert: (id: TaskId) => engine.call(api => api.tasks.revert(id)) };
});
