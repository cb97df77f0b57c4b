import type { HostId, TaskId, VmId } from '../base/ids.ts';
import type { SettingsChange } from './settings-change.ts';

export type TaskState = 'queued' | 'running' | 'success' | 'error' | 'cancelled';

/** What an object in the inventory is called by others: its kind, id and the name it had then. */
export type ObjectRef =
  | { readonly kind: 'vm'; readonly id: VmId; readonly name: string }
  | { readonly kind: 'host'; readonly id: HostId; readonly name: string }
  | { readonly kind: 'datacenter'; readonly id: 'datacenter'; readonly name: string };

/** The root of the inventory. */
export const DATACENTER = { kind: 'datacenter', id: 'datacenter', name: 'Datacenter' } as const satisfies ObjectRef;

/** One operation, in the manner of vSphere's TaskInfo. Times are ms since the epoch. */
export interface Task {
  readonly id: TaskId;
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
  readonly queuedMs: number;
  readonly startedMs?: number;
  readonly completedMs?: number;
}
