import { expect, test } from 'vitest';
import type { HostId } from '../../../shared/base/ids.ts';
import { draftProblems, newDraft, requestOf } from './migration-draft.ts';

test('a wish says what is not as usual, and a number that is none is a problem', () => {
  const draft = { ...newDraft(), hostId: 'host-b' as HostId };
  expect(requestOf(newDraft())).toBeUndefined();
  expect([...draftProblems(newDraft()).keys()]).toEqual(['hostId']);
  expect(requestOf(draft)).toEqual({ hostId: 'host-b' });
  expect(requestOf({ ...draft, priority: 'high', downtimeMs: '500', rateMbps: '100', keepsSpeed: true })).toEqual({ hostId: 'host-b', priority: 'high', downtimeMs: 500, rateMbps: 100, keepsSpeed: true });
  expect([...draftProblems({ ...draft, downtimeMs: '1', rateMbps: 'fast' }).keys()]).toEqual(['downtimeMs', 'rateMbps']);
  expect([...draftProblems({ ...draft, downtimeMs: '16', rateMbps: '' }).keys()]).toEqual([]);
});
