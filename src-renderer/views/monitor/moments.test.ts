import { expect, test } from 'vitest';
import type { EventId, TaskId } from '../../../shared/base/ids.ts';
import type { InventoryEvent } from '../../../shared/model/event.ts';
import type { Task } from '../../../shared/model/task.ts';
import { momentAt, momentsWithin, placeOf } from './moments.ts';

const target = { kind: 'vm', id: 'v', name: 'web' } as const;
const task = (id: string, rest: Partial<Task>): Task => ({ id: id as TaskId, name: 'Power on', target, initiator: 'operator', state: 'success', cancelable: false, queuedMs: 0, ...rest });
const event = (id: number, atMs: number, type = 'vm.poweredOn'): InventoryEvent => ({ id: id as EventId, atMs, severity: 'info', type, message: `event ${id}`, target });
const TASKS = [task('a', { startedMs: 10, completedMs: 30 }), task('b', { startedMs: 90, state: 'running' }), task('c', { startedMs: 200, completedMs: 210, state: 'error', error: 'It broke.' })];
const EVENTS = [event(1, 5), event(2, 40), event(3, 50, 'alarm.red')];

test('what touches the span is on it, newest first, each in its lane', () => {
  expect(momentsWithin(TASKS, EVENTS, 20, 100).map(({ key, lane }) => [key, lane])).toEqual([['task b', 'task'], ['event 3', 'alarm'], ['event 2', 'event'], ['task a', 'task']]);
  expect(momentsWithin(TASKS, EVENTS, 205, 300).map(({ text, level }) => [text, level])).toEqual([['Power on: It broke.', 'error'], ['Power on: running', 'info']]);
});

test('a moment stands where its times are, cut off at the ends of the span', () => {
  expect(momentsWithin(TASKS, EVENTS, 20, 100).map(moment => placeOf(moment, 20, 100))).toEqual([{ start: 0.875, end: 1 }, { start: 0.375, end: 0.375 }, { start: 0.25, end: 0.25 }, { start: 0, end: 0.125 }]);
});

test('the moment at a time is the nearest one, and what lasts is at all of its times', () => {
  const all = momentsWithin(TASKS, EVENTS, 0, 100);
  expect([momentAt(all, 25)?.key, momentAt(all, 46)?.key, momentAt(all, 99)?.key, momentAt([], 1)]).toEqual(['task a', 'event 3', 'task b', undefined]);
});
