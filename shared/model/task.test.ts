import { expect, test } from 'vitest';
import type { TaskId } from '../base/ids.ts';
import { say } from '../base/phrase.ts';
import { ROOT, saying, taskText, textFields, type Task } from './task.ts';

const task: Task = { id: 't' as TaskId, ...textFields({ name: say`Power on virtual machine`, details: say`Copying disk ${1} of ${2}` }), target: ROOT, initiator: 'operator', state: 'running', cancelable: false, queuedMs: 1 };

test('a task has its texts in English, and phrases where they have gaps', () => {
  expect(task).toMatchObject({ name: 'Power on virtual machine', details: 'Copying disk 1 of 2', phrases: { details: say`Copying disk ${1} of ${2}` } });
  expect([taskText(task, 'name'), taskText(task, 'details'), taskText(task, 'error')]).toEqual(['Power on virtual machine', say`Copying disk ${1} of ${2}`, undefined]);
});

test('what it says later takes the place of what it said', () => {
  expect(saying(task, { details: 'Merging layers of disks' })).not.toHaveProperty('phrases');
  expect(saying(task, { details: undefined })).not.toHaveProperty('details');
  expect(saying(saying(task, { error: say`${'a'} is off.` }), { details: undefined })).toMatchObject({ error: 'a is off.', phrases: { error: say`${'a'} is off.` } });
});
