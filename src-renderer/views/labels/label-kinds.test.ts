import { expect, test } from 'vitest';
import type { TagId } from '../../../shared/base/ids.ts';
import { borne, changeOf, common } from './label-kinds.ts';

const [red, blue] = ['red', 'blue'] as TagId[] as [TagId, TagId];
const objects = [{ tagIds: [red, blue], attributes: { owner: 'Ada' } }, { tagIds: [red] }];

test('what several objects have is all, some or none', () => {
  expect([borne(objects, red), borne(objects, blue), borne(objects, 'green' as TagId)]).toEqual(['all', 'some', 'none']);
  expect([common(objects, 'owner'), common(objects, 'cost'), common(objects.slice(0, 1), 'owner')]).toEqual([undefined, '', 'Ada']);
});

test('only what differs is asked for', () => {
  expect(changeOf(objects, { tags: new Map([[red, true], [blue, true]]), attributes: { cost: '' } })).toEqual({ addTags: [blue] });
  expect(changeOf(objects, { tags: new Map([[red, false]]), attributes: { owner: ' Grace ' } })).toEqual({ removeTags: [red], attributes: { owner: 'Grace' } });
  expect(changeOf(objects, { tags: new Map([[red, true]]), attributes: {} })).toBeUndefined();
});
