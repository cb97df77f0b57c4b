/** The columns of a list of tasks, as an operator of vSphere knows them. */
import type { Task, TaskState } from '../../shared/model/task.ts';
import type { Column } from '../components/data-grid.ts';
import { formatTime, formatWait } from '../components/format.ts';

const STATES: Record<TaskState, string> = { queued: 'Queued', running: 'Running', success: 'Completed', error: 'Failed', cancelled: 'Cancelled' };

/** The state in words: a running task tells how far it is, a failed one why. */
export function taskStatus({ state, progress, error }: Task): string {
  if (state === 'running' && progress !== undefined) return `${Math.round(progress * 100)} %`;
  return state === 'error' && error ? error : STATES[state];
}

export const TASK_COLUMNS: readonly Column<Task>[] = [
  { key: 'name', label: 'Task Name', text: task => task.name, width: '16%' },
  { key: 'target', label: 'Target', text: task => task.target.name, width: '13%' },
  { key: 'status', label: 'Status', text: taskStatus, width: '20%' },
  { key: 'details', label: 'Details', text: task => task.details ?? '' },
  { key: 'initiator', label: 'Initiator', text: task => task.initiator, width: '9%' },
  { key: 'queued', label: 'Queued For', text: task => (task.startedMs === undefined ? '' : formatWait(task.startedMs - task.queuedMs)), sortBy: task => (task.startedMs ?? 0) - task.queuedMs, width: '8%' },
  { key: 'start', label: 'Start Time', text: task => formatTime(task.startedMs), sortBy: task => task.startedMs ?? 0, width: '12%' },
  { key: 'completion', label: 'Completion Time', text: task => formatTime(task.completedMs), sortBy: task => task.completedMs ?? 0, width: '12%' },
];
