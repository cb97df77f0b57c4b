import { expect, test } from 'vitest';
import { parsePreferences } from './preferences.ts';

test('what is not stored has its default', () => {
  expect(parsePreferences('{"theme":"dark"}')).toMatchObject({ theme: 'dark', inventoryView: 'host', dockOpen: true });
});

test('unreadable preferences count as none', () => {
  expect(parsePreferences('{"theme":7}')).toEqual(parsePreferences(null));
  expect(parsePreferences('not json')).toEqual(parsePreferences(null));
});
