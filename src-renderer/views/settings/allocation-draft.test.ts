import { expect, test } from 'vitest';
import { SHARES } from '../../../shared/model/container.ts';
import { allocationDraft, allocationOf, isNormal, newAllocation } from './allocation-draft.ts';

const LEVELS = SHARES.poolCpu;

test('an allocation becomes a draft and the same allocation again', () => {
  for (const own of [{ shares: 4000, reservation: 0 }, { shares: 8000, reservation: 500, limit: 1000 }, { shares: 77, reservation: 1 }]) expect(allocationOf(allocationDraft(own, LEVELS), LEVELS)).toEqual(own);
  expect(allocationDraft({ shares: 2000, reservation: 0 }, LEVELS).level).toBe('low');
  expect(allocationDraft({ shares: 77, reservation: 0 }, LEVELS)).toMatchObject({ level: 'custom', shares: '77' });
});

test('a level follows what it stands for', () => {
  expect(allocationOf({ ...newAllocation(), level: 'high' }, { low: 1, normal: 2, high: 4 }).shares).toBe(4);
});

test('normal is without a reservation and a limit', () => {
  expect([newAllocation(), { ...newAllocation(), limit: '5' }, { ...newAllocation(), reservation: '5' }, { ...newAllocation(), level: 'low' as const }].map(isNormal)).toEqual([true, false, false, false]);
});

test('what is not a number is not taken for one', () => {
  expect(allocationOf({ ...newAllocation(), level: 'custom', shares: '', reservation: 'x', limit: ' ' }, LEVELS)).toEqual({ shares: NaN, reservation: NaN });
});
