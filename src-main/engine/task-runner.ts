/**
 * Runs operations as tasks: the only place for their progress, cancellation and failure text. A task may have to wait for
 * its turn, and may have parts that are tasks too: they end before it does, and are cancelled with it.
 */
import type { Page } from '../../shared/api/engine-api.ts';
import { Emitter } from '../../shared/base/emitter.ts';
import { EngineError, messageOf, saidOf } from '../../shared/base/errors.ts';
import type { TaskId } from '../../shared/base/ids.ts';
import { english, nested, say, type Said, type Value } from '../../shared/base/phrase.ts';
import type { SettingsChange } from '../../shared/model/settings-change.ts';
import { saying, taskText, textFields, type ObjectRef, type Task, type TaskFilter } from '../../shared/model/task.ts';
import type { Store } from '../inventory/store.ts';
import { newId } from './new-id.ts';

export interface TaskContext {
  /** Aborted when the operator cancels the task. */
  readonly signal: AbortSignal;
  /** `fraction` is 0 to 1. */
  readonly progress: (fraction: number, details?: Said) => void;
  /** It can only go forward from now on: cancelling it is refused, for this reason. */
  readonly committed: (why: Said) => void;
  /** Keeps what the task changed of a VM's settings. */
  readonly changed: (change: SettingsChange) => void;
  /** Says what the task made. */
  readonly made: (result: ObjectRef) => void;
  /** Does parts of the task as tasks of their own, a few at a time. All are tried; rejects when any went wrong. */
  readonly parts: (parts: readonly Part[]) => Promise<void>;
}

export type TaskWork = (context: TaskContext) => Promise<void>;
export interface TaskOptions {
  readonly cancelable?: boolean;
  readonly initiator?: string;
  /** Tasks with the same key are done one after the other. */
  readonly alone?: string | undefined;
}
export interface Part { readonly name: Said; readonly target: ObjectRef; readonly work: TaskWork; readonly options?: TaskOptions }

/** How many parts of one task are done at once. */
const AT_ONCE = 4;

interface LiveTask {
  task: Task;
  readonly abort: AbortController;
  /** Whether it can be cancelled once it runs. */
  readonly cancelable: boolean;
  /** Why it cannot be cancelled any more. */
  committed?: Said;
  readonly ended: PromiseWithResolvers<Task>;
  /** Resolves when this one and all that it waited for have ended. */
  readonly clear: Promise<unknown>;
}
interface Turn { readonly parent?: LiveTask; readonly after?: Promise<unknown> }

export class TaskRunner {
  readonly changed = new Emitter<Task>();
  private readonly store: Store;
  private readonly live = new Map<TaskId, LiveTask>();
  private readonly works = new Set<Promise<void>>();
  /** The last task of each key. */
  private readonly lasts = new Map<string, LiveTask>();

  constructor(store: Store) { this.store = store; }

  /** Resolves when the task is recorded; the work itself goes on, or waits for its turn. */
  async run(name: Said, target: ObjectRef, work: TaskWork, options: TaskOptions = {}): Promise<TaskId> {
    return (await this.start({ name, target, work, options }, {})).task.id;
  }

  /** What nobody asked for and nobody waits for. On a disk that does not even record the task, it is left undone. */
  launch(...task: Parameters<TaskRunner['run']>): void {
    this.run(...task).catch((error: unknown) => process.stderr.write(`quarterdeck: ${english(task[0])}: ${messageOf(error)}\n`));
  }

  async list(limit: number, before?: string, filter: TaskFilter = {}): Promise<Page<Task>> {
    const page = await this.store.tasks(limit, before, filter);
    return { ...page, rows: page.rows.map(task => this.live.get(task.id)?.task ?? task) };
  }

  async get(id: TaskId): Promise<Task> {
    const task = this.live.get(id)?.task ?? await this.store.task(id);
    if (!task) throw new EngineError('not-found', 'The task does not exist.');
    return task;
  }

  /** With its parts. */
  async cancel(id: TaskId): Promise<void> {
    const task = await this.get(id), live = this.live.get(id);
    if (!live) return;
    if (live.committed !== undefined) throw new EngineError('not-cancelable', live.committed);
    if (!task.cancelable) throw new EngineError('not-cancelable', say`The task "${nameOf(task)}" cannot be cancelled.`);
    live.abort.abort();
    for (const { task: part, abort } of this.live.values()) if (part.parentId === id && part.cancelable) abort.abort();
  }

  /** Resolves when no task is running. */
  async idle(): Promise<void> {
    while (this.works.size > 0) await Promise.all(this.works);
  }

  private async start({ name, target, work, options = {} }: Part, { parent, after }: Turn): Promise<LiveTask> {
    const { alone, cancelable = false, initiator = parent?.task.initiator ?? 'operator' } = options, nowMs = Date.now(), before = alone === undefined ? undefined : this.lasts.get(alone);
    const waits = before !== undefined || after !== undefined, ended = Promise.withResolvers<Task>();
    const live: LiveTask = {
      task: {
        id: newId<TaskId>('task'), ...textFields({ name, details: before && say`Waits for "${nameOf(before.task)}"` }), target, initiator, state: waits ? 'queued' : 'running', cancelable: waits || cancelable, queuedMs: nowMs,
        ...(parent && { parentId: parent.task.id }), ...(!waits && { startedMs: nowMs }),
      },
      abort: new AbortController(), cancelable, ended, clear: Promise.all([before?.clear, ended.promise]),
    };
    this.live.set(live.task.id, live);
    if (alone !== undefined) this.lasts.set(alone, live);
    try { await this.record(live, {}); } catch (error) { this.finish(live, alone); throw error; }
    const done = this.work(live, work, waits ? Promise.all([before?.clear, after]) : undefined).then(() => this.finish(live, alone));
    this.works.add(done);
    void done.finally(() => this.works.delete(done));
    return live;
  }

  private finish(live: LiveTask, alone: string | undefined): void {
    this.live.delete(live.task.id);
    if (alone !== undefined && this.lasts.get(alone) === live) void live.clear.then(() => { if (this.lasts.get(alone) === live) this.lasts.delete(alone); });
    live.ended.resolve(live.task);
  }

  private async work(live: LiveTask, work: TaskWork, turn: Promise<unknown> | undefined): Promise<void> {
    const { signal } = live.abort, context: TaskContext = {
      signal, progress: (fraction, details) => this.progress(live, fraction, details), committed: why => this.commit(live, why), changed: change => { live.task = { ...live.task, change }; },
      made: result => { live.task = { ...live.task, result }; }, parts: parts => this.parts(live, parts),
    };
    const end = await this.begin(live, turn).then(() => work(context))
      .then(() => ({ state: 'success', progress: 1 }) as const,
        (error: unknown) => {
          if (signal.aborted) return { state: 'cancelled' } as const;
          live.task = saying(live.task, { error: saidOf(error) });
          return { state: 'error' } as const;
        });
    // A disk that refuses must not keep the task running for ever: clients hear its end, the file is mended at the next start.
    await this.record(live, { ...end, cancelable: false, completedMs: Date.now() }).catch(() => this.changed.emit(live.task));
  }

  /** Its turn, or that it was cancelled before. */
  private async begin(live: LiveTask, turn: Promise<unknown> | undefined): Promise<void> {
    if (turn === undefined) return;
    const { signal } = live.abort;
    await Promise.race([turn, new Promise<void>(resolve => { signal.addEventListener('abort', () => resolve(), { once: true }); })]);
    signal.throwIfAborted();
    live.task = saying(live.task, { details: undefined });
    await this.record(live, { state: 'running', cancelable: live.cancelable, startedMs: Date.now() });
  }

  private async parts(parent: LiveTask, parts: readonly Part[]): Promise<void> {
    const started: LiveTask[] = [], turns = new Turns(AT_ONCE);
    let ended = 0;
    for (const part of parts) {
      if (parent.abort.signal.aborted) break;
      const after = turns.take(), live = await this.start(part, { parent, ...(after && { after }) });
      started.push(live);
      // A turn that comes to a task that was cancelled meanwhile goes on to the next.
      void Promise.all([after, live.ended.promise]).then(() => turns.give());
      void live.ended.promise.then(() => this.progress(parent, ++ended / parts.length));
    }
    const all = await Promise.all(started.map(({ ended: { promise } }) => promise));
    parent.abort.signal.throwIfAborted();
    const wrong = all.filter(({ state }) => state !== 'success');
    const [first] = wrong, error = first && taskText(first, 'error');
    if (first) throw new EngineError('parts-failed', say`${wrong.length} of ${parts.length} failed: ${first.target.name}: ${error === undefined ? say`it was cancelled.` : nested(error)}`);
  }

  private progress(live: LiveTask, fraction: number, details?: Said): void {
    if ((details && english(details)) === live.task.details && Math.abs(fraction - (live.task.progress ?? 0)) < 0.01) return;
    live.task = { ...(details === undefined ? live.task : saying(live.task, { details })), progress: fraction };
    this.changed.emit(live.task);
  }

  private commit(live: LiveTask, why: Said): void {
    live.committed = why;
    live.task = { ...live.task, cancelable: false };
    this.changed.emit(live.task);
  }

  private async record(live: LiveTask, change: Partial<Task>): Promise<void> {
    live.task = { ...live.task, ...change };
    await this.store.commit([{ kind: 'task', after: live.task }]);
    this.changed.emit(live.task);
  }
}

/** A task's name within a sentence. */
const nameOf = (task: Task): Value => nested(taskText(task, 'name') ?? '');

/** So many turns at once; the others wait in the order in which they came. */
class Turns {
  private free: number;
  private readonly waiting: (() => void)[] = [];

  constructor(free: number) { this.free = free; }

  /** Resolves with the turn; absent when it is there at once. */
  take(): Promise<void> | undefined {
    if (this.free > 0) { this.free--; return undefined; }
    return new Promise(resolve => this.waiting.push(resolve));
  }

  give(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.free++;
  }
}
