import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { TaskId } from '../../shared/base/ids.ts';
import { ROOT, type ObjectRef, type Task } from '../../shared/model/task.ts';
import { Store } from '../inventory/store.ts';
import { TaskRunner, type TaskWork } from './task-runner.ts';

let folder: string, store: Store, tasks: TaskRunner;
beforeEach(async () => { folder = mkdtempSync(join(tmpdir(), 'tasks-')); store = await Store.open(join(folder, 'inventory.db')); tasks = new TaskRunner(store); });
afterEach(async () => { await store.close(); rmSync(folder, { recursive: true }); });

const vm = (id: string): ObjectRef => ({ kind: 'vm', id, name: id });
const states = async () => Object.fromEntries((await tasks.list(50)).rows.map(({ name, state }) => [name, state]));
/** Work that ends when it is told, or when it is cancelled. */
function held() {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>();
  promise.catch(() => undefined);
  const work: TaskWork = async ({ signal }) => { signal.addEventListener('abort', () => reject(new Error('cancelled')), { once: true }); await promise; };
  return { work, end: () => resolve(undefined), fail: (why: string) => reject(new Error(why)) };
}
const ended = (id: TaskId) => new Promise<Task>(resolve => { const off = tasks.changed.on(task => { if (task.id === id && task.completedMs !== undefined) { off.dispose(); resolve(task); } }); });
const begun = (name: string) => new Promise<Task>(resolve => { const off = tasks.changed.on(task => { if (task.name === name && task.state === 'running') { off.dispose(); resolve(task); } }); });

async function recorded(name: string) {
  while (!(name in await states())) await new Promise<void>(resolve => { const off = tasks.changed.on(() => { off.dispose(); resolve(); }); });
}

test('tasks that must be alone are done one after the other, and say what they wait for', async () => {
  const [one, two] = [held(), held()];
  await tasks.run('one', vm('a'), one.work, { alone: 'a' });
  const second = await tasks.run('two', vm('a'), two.work, { alone: 'a' }), third = await tasks.run('three', vm('a'), () => Promise.resolve(), { alone: 'a' });
  await tasks.run('other', vm('b'), () => Promise.resolve(), { alone: 'b' });
  expect(await tasks.get(second)).toMatchObject({ state: 'queued', details: 'Waits for "one"', cancelable: true });
  expect((await tasks.get(second)).startedMs).toBeUndefined();
  const running = begun('two');
  one.end();
  expect((await running).startedMs).toBeGreaterThan(0);
  expect((await tasks.get(third)).state).toBe('queued');
  const all = ended(third);
  two.end();
  expect((await all).state).toBe('success');
  expect(await states()).toEqual({ one: 'success', two: 'success', three: 'success', other: 'success' });
});

test('a task that is cancelled while it waits lets nobody pass what it waited for', async () => {
  const one = held();
  await tasks.run('one', vm('a'), one.work, { alone: 'a' });
  const second = await tasks.run('two', vm('a'), () => Promise.reject(new Error('ran')), { alone: 'a' }), third = await tasks.run('three', vm('a'), () => Promise.resolve(), { alone: 'a' });
  const cancelled = ended(second);
  await tasks.cancel(second);
  expect(await cancelled).toMatchObject({ state: 'cancelled' });
  expect((await tasks.get(third)).state).toBe('queued');
  const done = ended(third);
  one.end();
  expect((await done).state).toBe('success');
});

test('parts are tasks of their own, a few at a time; all are tried, and the whole says what went wrong', async () => {
  const works = Array.from({ length: 6 }, held), parent = await tasks.run('all', ROOT, ({ parts }) => parts(works.map(({ work }, n) => ({ name: `part ${n}`, target: vm(`vm-${n}`), work }))), { cancelable: true, initiator: 'Ada' });
  const last = begun('part 4');
  works[0]?.fail('no luck.');
  const { parentId, initiator } = await last;
  expect([parentId, initiator]).toEqual([parent, 'Ada']);
  await recorded('part 5');
  expect((await states())['part 5']).toBe('queued');
  const whole = ended(parent);
  for (const { end } of works.slice(1)) end();
  expect(await whole).toMatchObject({ state: 'error', error: '1 of 6 failed: vm-0: no luck.' });
  expect(Object.values(await states()).filter(state => state === 'success')).toHaveLength(5);
});

test('who cancels the whole cancels its parts, also those that wait', async () => {
  const works = Array.from({ length: 6 }, held), parent = await tasks.run('all', ROOT, ({ parts }) => parts(works.map(({ work }, n) => ({ name: `part ${n}`, target: vm(`vm-${n}`), work, options: { cancelable: true } }))), { cancelable: true });
  await recorded('part 5');
  const whole = ended(parent);
  await tasks.cancel(parent);
  expect((await whole).state).toBe('cancelled');
  expect(new Set(Object.values(await states()))).toEqual(new Set(['cancelled']));
});

test('tasks are found by their target, state and time', async () => {
  for (const [name, target, work] of [['a', vm('a'), () => Promise.resolve()], ['b', vm('b'), () => Promise.reject(new Error('x'))], ['c', vm('a'), () => Promise.reject(new Error('x'))]] as const) await ended(await tasks.run(name, target, work));
  const names = async (filter: Parameters<TaskRunner['list']>[2]) => (await tasks.list(50, undefined, filter)).rows.map(({ name }) => name);
  expect(await names({ target: { kind: 'vm', id: 'a' } })).toEqual(['c', 'a']);
  expect(await names({ states: ['error'], target: { kind: 'vm', id: 'a' } })).toEqual(['c']);
  expect(await names({ sinceMs: Date.now() + 1000 })).toEqual([]);
  expect(await names({ target: ROOT })).toEqual(['c', 'b', 'a']);
});
