import { watch } from 'vue';
import type { Router } from 'vue-router';
import type { TaskId } from '../../../shared/base/ids.ts';
import { useTasks } from '../../stores/tasks.ts';
import { useVms } from '../../stores/vms.ts';

/** Opens the page of the VM that a task creates as soon as it is in the inventory; gives up when the task fails. */
export function showWhenCreated(task: TaskId, name: string, router: Router): void {
  const [tasks, vms] = [useTasks(), useVms()];
  const stop = watch(() => [vms.all.find(vm => vm.spec.name === name), tasks.byId.get(task)?.state] as const, ([vm, state]) => {
    if (vm) void router.push(`/vm/${vm.id}/summary`);
    if (vm || state === 'error' || state === 'cancelled') queueMicrotask(() => stop());
  }, { immediate: true });
}
