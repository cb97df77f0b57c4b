import type { TaskId } from '../base/ids.ts';
import type { ObjectKind } from './objects.ts';
import type { SettingsChange } from './settings-change.ts';

export const TASK_STATES = ['queued', 'running', 'success', 'error', 'cancelled'] as const;
export type TaskState = (typeof TASK_STATES)[number];

/** What an object in the inventory is called by others: its kind, id and the name it had then. */
export interface ObjectRef { readonly kind: ObjectKind | 'root'; readonly id: string; readonly name: string }

/** What all datacenters are in, and what is about no object. */
export const ROOT = { kind: 'root', id: 'root', name: 'Quarterdeck' } as const satisfies ObjectRef;

/** One operation, in the manner of vSphere's TaskInfo. Times are ms since the epoch. */
export interface Task {
  readonly id: TaskId;
  /** The task that this is a part of. */
  readonly parentId?: TaskId;
  readonly name: string;
  readonly target: ObjectRef;
  readonly initiator: string;
  readonly state: TaskState;
  /** 0 to 1; absent when the task cannot tell. */
  readonly progress?: number;
  readonly details?: string;
  readonly cancelable: boolean;
  /** The sentence that says why the task failed. */
  readonly error?: string;
  /** What it changed of a VM's settings, so that it can be reverted. */
  readonly change?: SettingsChange;
  /** What it made. */
  readonly result?: ObjectRef;
  readonly queuedMs: number;
  readonly startedMs?: number;
  readonly completedMs?: number;
}

/** Which tasks are asked for, newest first. */
export interface TaskFilter { readonly target?: Pick<ObjectRef, 'kind' | 'id'> | undefined; readonly states?: readonly TaskState[] | undefined; readonly sinceMs?: number | undefined }
