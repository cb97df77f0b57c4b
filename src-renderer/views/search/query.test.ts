import { expect, test } from 'vitest';
import { nameOf } from '../../../shared/model/objects.ts';
import { parseQuery, queryProblem, searcher, type Found, type Names } from './query.ts';

const host = { kind: 'host', object: { id: 'h', name: 'rack-web', model: 'QD-1', connected: true } } as Found;
const vm = (name: string, more: object = {}, kernelPath = '/k') => ({ kind: 'vm', object: { id: name, hostId: 'h', powerState: 'poweredOff', spec: { name, guest: { kind: 'linux', kernelPath, commandLine: '' }, disks: [] }, ...more } }) as unknown as Found;
const objects = [host, vm('old-web'), vm('WEB-01', { tagIds: ['prod'], powerState: 'poweredOn' }), vm('db', { notes: 'Owned by Ada Lovelace', attributes: { a1: 'CC 42' } }, '/images/web.img'), vm('golden', { template: true })];
const names: Names = {
  tags: ({ object }) => (object.tagIds ?? []).map(() => 'Production'),
  places: known => (known.kind === 'vm' ? [{ kind: 'host', name: 'rack-web' }, { kind: 'folder', name: 'apps' }] : []),
  attributes: ({ object }) => new Map(Object.values(object.attributes ?? {}).map(value => ['Cost centre', value])),
  attributeNames: ['Cost centre'],
};
const search = searcher(names), find = (query: string) => search(parseQuery(query), objects).map(nameOf);

test('names that begin with the query come first, then names with it, then other matches', () => {
  expect(find('web')).toEqual(['WEB-01', 'rack-web', 'old-web', 'db']);
});

test('keys ask one thing, and all terms must hold', () => {
  expect([find('type:vm state:on'), find('tag:prod'), find('os:linux in:apps -web'), find('type:host'), find('host:rack type:template')]).toEqual([['WEB-01'], ['WEB-01'], ['golden'], ['rack-web'], ['golden']]);
  expect([find('state:connected'), find('state:off -type:template')]).toEqual([['rack-web'], ['old-web', 'db']]);
});

test('quotes keep words together, in values too', () => {
  expect([find('"ada lovelace"'), find('"lovelace ada"'), find('notes:"by ada"')]).toEqual([['db'], [], ['db']]);
});

test('custom attributes are keys of their own, and others are refused in a sentence', () => {
  expect(find('costcentre:42')).toEqual(['db']);
  expect(queryProblem(parseQuery('colour:red'), names)).toMatch(/^The search knows no "colour:"; it knows name:, type:/);
  expect(queryProblem(parseQuery('costcentre:42 web'), names)).toBeUndefined();
});

test('nothing typed finds nothing, and quotes that are not closed end with the query', () => {
  expect([find('  '), find('""'), find('name:"web')]).toEqual([[], [], ['rack-web', 'old-web', 'WEB-01']]);
});
