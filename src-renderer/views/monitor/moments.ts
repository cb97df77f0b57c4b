/** Tasks, events and alarms as moments on one axis of time. */
import type { InventoryEvent } from '../../../shared/model/event.ts';
import { say, type Phrase } from '../../../shared/base/phrase.ts';
import type { ObjectRef, Task, TaskState } from '../../../shared/model/task.ts';
import { translate } from '../../i18n/i18n.ts';
import { eventText, taskText } from '../engine-texts.ts';

export type Lane = 'task' | 'event' | 'alarm';
export interface Moment {
  readonly key: string;
  readonly lane: Lane;
  readonly fromMs: number;
  /** Of what takes time; of a task that is under way the end is not known. */
  readonly toMs?: number | undefined;
  readonly text: string;
  readonly level: 'info' | 'warning' | 'error';
  readonly target: ObjectRef;
}

const STATES: Readonly<Record<TaskState, Phrase>> = { queued: say`queued`, running: say`running`, success: say`completed`, error: say`failed`, cancelled: say`cancelled` };
function ofTask(task: Task): Moment {
  const { id, state, target, queuedMs, startedMs, completedMs } = task;
  return {
    key: `task ${id}`, lane: 'task', fromMs: startedMs ?? queuedMs, toMs: completedMs ?? (state === 'running' ? Infinity : undefined), target,
    text: `${taskText(task, 'name')}: ${taskText(task, 'error') ?? translate(STATES[state])}`, level: state === 'error' ? 'error' : state === 'cancelled' ? 'warning' : 'info',
  };
}
const ofEvent = (event: InventoryEvent): Moment =>
  ({ key: `event ${event.id}`, lane: event.type.startsWith('alarm.') ? 'alarm' : 'event', fromMs: event.atMs, text: eventText(event), level: event.severity, target: event.target });

/** Those that touch a span of time, newest first. */
export function momentsWithin(tasks: readonly Task[], events: readonly InventoryEvent[], fromMs: number, toMs: number): readonly Moment[] {
  return [...tasks.map(ofTask), ...events.map(ofEvent)].filter(moment => moment.fromMs <= toMs && (moment.toMs ?? moment.fromMs) >= fromMs).sort((a, b) => b.fromMs - a.fromMs);
}

/** Where a moment stands, each from 0 to 1 of the span. */
export function placeOf({ fromMs, toMs = fromMs }: Pick<Moment, 'fromMs' | 'toMs'>, from: number, to: number): { readonly start: number; readonly end: number } {
  const part = (ms: number) => Math.min(1, Math.max(0, (ms - from) / Math.max(1, to - from)));
  return { start: part(fromMs), end: part(toMs) };
}

/** The moment nearest to a time; what lasts is at all of its times. */
export function momentAt(moments: readonly Moment[], atMs: number): Moment | undefined {
  const away = ({ fromMs, toMs = fromMs }: Moment) => Math.max(0, fromMs - atMs, atMs - toMs);
  return moments.reduce<Moment | undefined>((best, moment) => (best === undefined || away(moment) < away(best) ? moment : best), undefined);
}
