/** The columns of a list of tasks, as an operator of vSphere knows them. */
import { say, type Phrase } from '../../shared/base/phrase.ts';
import type { Task, TaskState } from '../../shared/model/task.ts';
import type { Column } from '../components/data-grid.ts';
import { formatTime, formatWait } from '../components/format.ts';
import { t, translate } from '../i18n/i18n.ts';
import { taskText } from './engine-texts.ts';

const STATES: Readonly<Record<TaskState, Phrase>> = { queued: say`Queued`, running: say`Running`, success: say`Completed`, error: say`Failed`, cancelled: say`Cancelled` };

/** The state in words: a running task tells how far it is, a failed one why. */
export function taskStatus(task: Task): string {
  const { state, progress } = task;
  if (state === 'running' && progress !== undefined) return `${Math.round(progress * 100)} %`;
  return (state === 'error' ? taskText(task, 'error') : undefined) ?? translate(STATES[state]);
}

export const taskColumns = (): readonly Column<Task>[] => [
  { key: 'name', label: t`Task Name`, text: task => taskText(task, 'name'), width: '16%' },
  { key: 'target', label: t`Target`, text: task => task.target.name, width: '13%' },
  { key: 'status', label: t`Status`, text: taskStatus, width: '20%' },
  { key: 'details', label: t`Details`, text: task => taskText(task, 'details') ?? '' },
  { key: 'initiator', label: t`Initiator`, text: task => task.initiator, width: '9%' },
  { key: 'queued', label: t`Queued For`, text: task => (task.startedMs === undefined ? '' : formatWait(task.startedMs - task.queuedMs)), sortBy: task => (task.startedMs ?? 0) - task.queuedMs, width: '8%' },
  { key: 'start', label: t`Start Time`, text: task => formatTime(task.startedMs), sortBy: task => task.startedMs ?? 0, width: '12%' },
  { key: 'completion', label: t`Completion Time`, text: task => formatTime(task.completedMs), sortBy: task => task.completedMs ?? 0, width: '12%' },
];
