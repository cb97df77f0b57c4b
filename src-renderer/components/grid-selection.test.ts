import { expect, test } from 'vitest';
import { howClicked, NOTHING, select } from './grid-selection.ts';

const ORDER = ['a', 'b', 'c', 'd'], keys = (selection: { keys: ReadonlySet<unknown> }) => [...selection.keys].join('');

test('Ctrl adds and takes away, a plain click selects only one', () => {
  const two = select(ORDER, select(ORDER, NOTHING, 'a', 'only'), 'c', 'toggle');
  expect([keys(two), keys(select(ORDER, two, 'a', 'toggle')), keys(select(ORDER, two, 'd', 'only'))]).toEqual(['ac', 'c', 'd']);
});

test('Shift selects from where the last click was, in both directions', () => {
  const from = select(ORDER, NOTHING, 'c', 'only'), down = select(ORDER, from, 'd', 'range');
  expect([keys(down), keys(select(ORDER, down, 'a', 'range')), keys(select(ORDER, NOTHING, 'b', 'range'))]).toEqual(['cd', 'abc', 'b']);
});

test('keys that are held say how', () => {
  const held = { shiftKey: false, ctrlKey: false, metaKey: false };
  expect([howClicked(held, 'only'), howClicked(held, 'toggle'), howClicked({ ...held, metaKey: true }, 'only'), howClicked({ ...held, shiftKey: true }, 'toggle')]).toEqual(['only', 'toggle', 'toggle', 'range']);
});
