import type { TaskId } from '../base/ids.ts';
import { besides, english, type Phrase, type Said } from '../base/phrase.ts';
import type { ObjectKind } from './objects.ts';
import type { SettingsChange } from './settings-change.ts';

export const TASK_STATES = ['queued', 'running', 'success', 'error', 'cancelled'] as const;
export type TaskState = (typeof TASK_STATES)[number];

/** What an object in the inventory is called by others: its kind, id and the name it had then. */
export interface ObjectRef { readonly kind: ObjectKind | 'root'; readonly id: string; readonly name: string }

/** What all datacenters are in, and what is about no object. */
export const ROOT = { kind: 'root', id: 'root', name: 'Quarterdeck' } as const satisfies ObjectRef;

/** What a task says: in English, with a phrase where it has gaps. */
export type TaskText = 'name' | 'details' | 'error';

/** One operation, in the manner of vSphere's TaskInfo. Times are ms since the epoch. */
export interface Task {
  readonly id: TaskId;
  /** The task that this is a part of. */
  readonly parentId?: TaskId;
  readonly name: string;
  /** Its texts for other languages, where they have gaps. */
  readonly phrases?: Partial<Record<TaskText, Phrase>>;
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

/** The texts of a task, as it keeps them. */
export function textFields(texts: { readonly name: Said; readonly details?: Said | undefined; readonly error?: Said | undefined }): Pick<Task, TaskText | 'phrases'> {
  const { name, details, error } = texts, phrases = Object.fromEntries(Object.entries(texts).flatMap(([key, said]) => { const phrase = said && besides(said); return phrase ? [[key, phrase]] : []; }));
  return { name: english(name), ...(details !== undefined && { details: english(details) }), ...(error !== undefined && { error: english(error) }), ...(Object.keys(phrases).length > 0 && { phrases }) };
}

/** The task, saying other things; it no longer says what is `undefined`. */
export function saying(task: Task, texts: Readonly<Partial<Record<TaskText, Said | undefined>>>): Task {
  const { name, details: _d, error: _e, phrases, ...rest } = task;
  return { ...rest, ...textFields({ details: taskText(task, 'details'), error: taskText(task, 'error'), ...texts, name: texts.name ?? phrases?.name ?? name }) };
}

/** What a task says, to be translated. */
export const taskText = (task: Pick<Task, TaskText | 'phrases'>, text: TaskText): Said | undefined => task.phrases?.[text] ?? task[text];
