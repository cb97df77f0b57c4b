import { watch } from 'vue';
import type { Router } from 'vue-router';
import type { TaskId } from '../../shared/base/ids.ts';
import { useHierarchy } from '../stores/hierarchy.ts';
import { useTasks } from '../stores/tasks.ts';
import { linkTo } from './links.ts';

/** Opens the page of what a task makes as soon as it is in the inventory; gives up when the task fails. */
export function showResult(task: TaskId, router: Router): void {
  const [tasks, hierarchy] = [useTasks(), useHierarchy()];
  const seen = () => {
    const made = tasks.byId.get(task);
    return [made?.state, made?.result && hierarchy.find(made.result) && made.result] as const;
  };
  const stop = watch(seen, ([state, there]) => {
    if (there) void router.push(linkTo(there));
    if (there || state === 'error' || state === 'cancelled') queueMicrotask(() => stop());
  }, { immediate: true });
}
