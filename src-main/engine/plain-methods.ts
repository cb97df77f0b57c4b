/** The methods that do little more than forward. */
import * as v from 'valibot';
import type { EngineApi } from '../../shared/api/engine-api.ts';
import type { TaskId } from '../../shared/base/ids.ts';
import { fixed, say } from '../../shared/base/phrase.ts';
import { OBJECT_KINDS } from '../../shared/model/objects.ts';
import { TASK_STATES } from '../../shared/model/task.ts';
import { checked, Cursor, FilePath, idOf, Limit } from './checked.ts';
import type { Engine } from './engine.ts';
import * as files from './files.ts';
import { revertChange } from './reconfigure.ts';

const Target = v.object({ kind: v.picklist(['root', ...OBJECT_KINDS]), id: v.string(), name: v.string() });
const EventOptions = v.optional(v.object({ before: Cursor, target: v.optional(Target) }));
const TaskFilterOf = v.optional(v.object({ target: v.optional(v.object({ kind: v.picklist(['root', ...OBJECT_KINDS]), id: v.string() })), states: v.optional(v.array(v.picklist(TASK_STATES, fixed(say`There is no such state.`)))), sinceMs: v.optional(v.number()) }));
const Id = idOf<TaskId>(say`The task`);

export const taskMethods = (engine: Pick<Engine, 'inventory' | 'tasks' | 'power' | 'files'>): EngineApi['tasks'] => ({
  list: checked([Limit, Cursor, TaskFilterOf], (limit, before, filter) => engine.tasks.list(limit, before, filter)),
  get: checked([Id], id => engine.tasks.get(id)),
  cancel: checked([Id], id => engine.tasks.cancel(id)),
  revert: checked([Id], async id => revertChange(engine, await engine.tasks.get(id))),
});

export const eventMethods = ({ store }: Pick<Engine, 'store'>): EngineApi['events'] => ({
  list: checked([Limit, EventOptions], (limit, options) => store.events({ limit, ...options })),
});

export const fileMethods = (): EngineApi['files'] => ({
  probe: checked([FilePath], files.probe),
  list: checked([v.optional(FilePath)], files.list),
});
