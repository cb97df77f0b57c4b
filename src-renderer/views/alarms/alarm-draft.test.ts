import { expect, test } from 'vitest';
import { DEFAULT_ALARMS } from '../../../shared/model/alarm.ts';
import { describeRule, draftOf, newDraft, newReset, problemsOf, settingsOf, stepOf } from './alarm-draft.ts';

test('an alarm that is edited and not changed stays what it was', () => {
  for (const { id: _, on: __, ...settings } of DEFAULT_ALARMS) {
    expect(settingsOf(draftOf(settings))).toEqual({ ...settings, repeatMinutes: undefined });
    expect(problemsOf(draftOf(settings), [])).toEqual(new Map());
  }
});

test('problems are found where they were made', () => {
  const draft = newDraft('vm');
  Object.assign(draft.rules[0] ?? {}, { warning: 'much', critical: '50' });
  draft.resetEvents.push(newReset('no event'));
  draft.actions = [{ key: 1, kind: 'command', at: 'both', command: ' ' }];
  const problems = problemsOf(draft, []);
  expect(Object.fromEntries(problems)).toEqual({ name: 'Enter a name.', 'rules.0.warning': 'A threshold is a number.', 'resetEvents.0': 'An event is written as vm.failed.', 'actions.0.command': 'Enter a command.' });
  expect([...problems.keys()].map(stepOf)).toEqual(['name', 'rules', 'reset', 'rules']);
  expect(problemsOf({ ...newDraft('vm'), name: 'Twin' }, ['twin']).get('name')).toBe('There already is an alarm named Twin here.');
});

test('a rule reads as a phrase', () => {
  expect(DEFAULT_ALARMS.map(({ rules }) => describeRule(rules[0] as never)).filter((_, n) => n === 0 || n > 4)).toEqual([
    'CPU: Usage Yellow above 75 %, Red above 90 % for 5 min', 'Event vm.failed: Red', 'Event vm.paused: Red', 'VM fell back to another boot bank: Red', 'Host is not connected: Red', 'Host does not respond: Red',
  ]);
});
