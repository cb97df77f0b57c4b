import { expect, test } from 'vitest';
import type { TaskId } from '../../shared/base/ids.ts';
import type { Task } from '../../shared/model/task.ts';
import { isAmong, withParts, withTask } from './tasks.ts';

const task = (id: string, queuedMs: number, state: Task['state'] = 'running'): Task => ({
  id: id as TaskId, name: 'Power On virtual machine', target: { kind: 'vm', id: 'vm-1', name: 'web' },
  initiator: 'operator', state, cancelable: false, queuedMs,
});

test('a task that goes on keeps its place, a new one comes first', () => {
  const two = withTask(withTask([], task('a', 1)), task('b', 2));
  expect(withTask(two, task('a', 1, 'success')).map(each => [each.id, each.state])).toEqual([['b', 'running'], ['a', 'success']]);
});

test('the oldest tasks are dropped beyond two hundred', () => {
  let tasks: readonly Task[] = [];
  for (let i = 0; i < 205; i++) tasks = withTask(tasks, task(String(i), i));
  expect([tasks.length, tasks[0]?.id, tasks.at(-1)?.id]).toEqual([200, '204', '5']);
});

test('parts stand below the task that they are of, and by themselves where it is not there', () => {
  const part = (id: string, parentId: string): Task => ({ ...task(id, 9), parentId: parentId as TaskId });
  expect(withParts([part('p1', 'a'), task('b', 3), part('lost', 'x'), task('a', 1), part('p2', 'a')]).map(({ id }) => id)).toEqual(['b', 'lost', 'a', 'p1', 'p2']);
});

test('a filter knows target, state and time', () => {
  const one = task('a', 100, 'error');
  expect([{}, { target: { kind: 'root', id: 'root' } as const }, { target: { kind: 'vm', id: 'vm-2' } as const }, { states: ['error'] as const }, { states: ['success'] as const }, { sinceMs: 101 }].map(filter => isAmong(one, filter))).toEqual([true, true, false, true, false, false]);
});
