/** Runs operations as tasks: the only place for their progress, cancellation and failure text. */
import { randomBytes } from 'node:crypto';
import type { Page } from '../../shared/api/engine-api.ts';
import { Emitter } from '../../shared/base/emitter.ts';
import { EngineError, messageOf } from '../../shared/base/errors.ts';
import type { TaskId } from '../../shared/base/ids.ts';
import type { SettingsChange } from '../../shared/model/settings-change.ts';
import type { ObjectRef, Task } from '../../shared/model/task.ts';
import type { Store } from '../inventory/store.ts';

export interface TaskContext {
  /** Aborted when the operator cancels the task. */
  readonly signal: AbortSignal;
  /** `fraction` is 0 to 1. */
  readonly progress: (fraction: number, details?: string) => void;
  /** Keeps what the task changed of a VM's settings. */
  readonly changed: (change: SettingsChange) => void;
  /** Says what the task made. */
  readonly made: (result: ObjectRef) => void;
}

export type TaskWork = (context: TaskContext) => Promise<void>;

interface LiveTask { task: Task; readonly abort: AbortController }

export class TaskRunner {
  readonly changed = new Emitter<Task>();
  private readonly store: Store;
  private readonly live = new Map<TaskId, LiveTask>();
  private readonly works = new Set<Promise<void>>();

  constructor(store: Store) { this.store = store; }

  /** Resolves when the task is recorded; the work itself goes on. */
  async run(name: string, target: ObjectRef, work: TaskWork, options: { cancelable?: boolean; initiator?: string } = {}): Promise<TaskId> {
    const nowMs = Date.now();
    const id = `task-${randomBytes(6).toString('hex')}` as TaskId;
    const live: LiveTask = {
      task: { id, name, target, initiator: options.initiator ?? 'operator', state: 'running', cancelable: options.cancelable ?? false, queuedMs: nowMs, startedMs: nowMs },
      abort: new AbortController(),
    };
    this.live.set(id, live);
    try { await this.record(live, {}); } catch (error) { this.live.delete(id); throw error; }
    const done = this.work(live, work);
    this.works.add(done);
    void done.finally(() => this.works.delete(done));
    return id;
  }

  async list(limit: number, before?: string): Promise<Page<Task>> {
    const page = await this.store.tasks(limit, before);
    return { ...page, rows: page.rows.map(task => this.live.get(task.id)?.task ?? task) };
  }

  async get(id: TaskId): Promise<Task> {
    const task = this.live.get(id)?.task ?? await this.store.task(id);
    if (!task) throw new EngineError('not-found', 'The task does not exist.');
    return task;
  }

  async cancel(id: TaskId): Promise<void> {
    const { cancelable, name } = await this.get(id);
    const live = this.live.get(id);
    if (!live) return;
    if (!cancelable) throw new EngineError('not-cancelable', `The task "${name}" cannot be cancelled.`);
    live.abort.abort();
  }

  /** Resolves when no task is running. */
  async idle(): Promise<void> {
    while (this.works.size > 0) await Promise.all(this.works);
  }

  private async work(live: LiveTask, work: TaskWork): Promise<void> {
    const { signal } = live.abort;
    const end = await work({ signal, progress: (fraction, details) => this.progress(live, fraction, details), changed: change => { live.task = { ...live.task, change }; }, made: result => { live.task = { ...live.task, result }; } })
      .then(() => ({ state: 'success', progress: 1 }) as const,
        (error: unknown) => (signal.aborted ? { state: 'cancelled' } as const : { state: 'error', error: messageOf(error) } as const));
    // A disk that refuses must not keep the task running for ever: clients hear its end, the file is mended at the next start.
    await this.record(live, { ...end, cancelable: false, completedMs: Date.now() }).catch(() => this.changed.emit(live.task));
    this.live.delete(live.task.id);
  }

  private progress(live: LiveTask, fraction: number, details?: string): void {
    if (details === live.task.details && Math.abs(fraction - (live.task.progress ?? 0)) < 0.01) return;
    live.task = { ...live.task, progress: fraction, ...(details !== undefined && { details }) };
    this.changed.emit(live.task);
  }

  private async record(live: LiveTask, change: Partial<Task>): Promise<void> {
    live.task = { ...live.task, ...change };
    await this.store.commit([{ kind: 'task', after: live.task }]);
    this.changed.emit(live.task);
  }
}
