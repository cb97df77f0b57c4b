import { expect, test } from 'vitest';
import type { DatastoreId, HostId, NetworkId } from '../../../shared/base/ids.ts';
import { draftProblems, networksOf, newDraft, pagesOf, requestOf } from './migration-draft.ts';

test('a wish says what is not as usual, and a number that is none is a problem', () => {
  const draft = { ...newDraft(), hostId: 'host-b' as HostId };
  expect(requestOf(newDraft())).toBeUndefined();
  expect([...draftProblems(newDraft()).keys()]).toEqual(['hostId']);
  expect(requestOf(draft)).toEqual({ hostId: 'host-b' });
  expect(requestOf({ ...draft, priority: 'high', downtimeMs: '500', rateMbps: '100', keepsSpeed: true, postCopy: true })).toEqual({ hostId: 'host-b', priority: 'high', downtimeMs: 500, rateMbps: 100, keepsSpeed: true, postCopy: true });
  expect(requestOf({ ...newDraft(), type: 'storage', datastoreId: 'datastore-b' as DatastoreId, priority: 'high' })).toEqual({ datastoreId: 'datastore-b' });
  expect(requestOf({ ...draft, type: 'both' })).toBeUndefined();
  expect(requestOf({ ...draft, type: 'both', datastoreId: 'datastore-b' as DatastoreId })).toEqual({ hostId: 'host-b', datastoreId: 'datastore-b' });
  const nics = [{ kind: 'switch', switch: 'lan', connected: true }, { kind: 'nat', connected: true, forwards: [] }, { kind: 'switch', switch: 'lan', portGroup: 'VM Network', connected: false }] as const, networks = networksOf([{ spec: { nics: [...nics] } as never }]);
  expect(networks).toEqual([{ switch: 'lan', portGroup: 'VM Network', networkId: '' }]);
  expect(requestOf({ ...draft, networks })).toEqual({ hostId: 'host-b' });
  expect(requestOf({ ...draft, networks: networks.map(each => ({ ...each, networkId: 'network-b' as NetworkId })) })).toEqual({ hostId: 'host-b', networks: [{ switch: 'lan', portGroup: 'VM Network', networkId: 'network-b' }] });
  expect([...draftProblems({ ...newDraft(), type: 'storage' }).keys()]).toEqual(['datastoreId']);
  expect(pagesOf({ type: 'storage' }, true).map(({ id }) => id)).toEqual(['type', 'datastore', 'review']);
  expect([...draftProblems({ ...draft, downtimeMs: '1', rateMbps: 'fast' }).keys()]).toEqual(['downtimeMs', 'rateMbps']);
  expect([...draftProblems({ ...draft, downtimeMs: '16', rateMbps: '' }).keys()]).toEqual([]);
});
