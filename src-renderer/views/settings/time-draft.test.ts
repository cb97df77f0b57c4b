import { expect, test } from 'vitest';
import { USUAL_TIME, type GuestTimeSpec } from '../../../shared/model/guest-time.ts';
import { timeDraft, timeOf } from './time-draft.ts';

test('a guest\'s time becomes a draft and the same time again; the usual one is none', () => {
  const times: readonly GuestTimeSpec[] = [{ ...USUAL_TIME, scaling: true, rate: 0.25 }, { ...USUAL_TIME, afterStop: 'catchUp', speed: 2 }, { ...USUAL_TIME, afterSuspend: 'jump' }];
  for (const time of times) expect(timeOf(timeDraft(time))).toEqual(time);
  expect([timeOf(timeDraft()), timeOf({ ...timeDraft(), rate: '7', speed: 'fast' })]).toEqual([undefined, undefined]);
  expect(timeOf({ ...timeDraft(), scaling: true, rate: 'fast' })?.rate).toBeNaN();
});
