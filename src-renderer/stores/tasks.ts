import { defineStore } from 'pinia';
import { computed, shallowRef } from 'vue';
import type { TaskId } from '../../shared/base/ids.ts';
import type { ObjectRef, Task, TaskFilter } from '../../shared/model/task.ts';
import { useEngine } from '../engine/use-engine.ts';
import { mapById } from './by-id.ts';

/** How many tasks the page keeps; the engine keeps all. */
const KEPT = 200;
/** How many come at once of the older ones. */
const PAGE = 100;

/** Whether a task is among those that are asked for. */
export const isAmong = ({ target, state, queuedMs }: Task, { target: wanted, states, sinceMs }: TaskFilter): boolean =>
  (!wanted || isAll(wanted) || (target.kind === wanted.kind && target.id === wanted.id)) && (states?.includes(state) ?? true) && queuedMs >= (sinceMs ?? 0);
const isAll = ({ kind }: Pick<ObjectRef, 'kind'>): boolean => kind === 'root';

/** Each part below the task that it is a part of, where that is there. */
export function withParts(tasks: readonly Task[]): readonly Task[] {
  const known = new Set(tasks.map(({ id }) => id)), parts = Map.groupBy(tasks.filter(({ parentId }) => parentId !== undefined && known.has(parentId)), ({ parentId }) => parentId);
  return tasks.filter(({ parentId }) => parentId === undefined || !known.has(parentId)).flatMap(task => [task, ...parts.get(task.id) ?? []]);
}

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

  /** A page of tasks, newest first; only those that fit. */
  const page = (filter: TaskFilter, before?: string) => engine.call(api => api.tasks.list(PAGE, before, filter));

  return { recent, byId, load, page, cancel: (id: TaskId) => engine.call(api => api.tasks.cancel(id)), revert: (id: TaskId) => engine.call(api => api.tasks.revert(id)) };
});
