import { expect, test } from 'vitest';
import { TestClock } from '../../time/test-clock.ts';
import { deviceContract, later, write } from '../device-contract.ts';
import { Pl031 } from './pl031.ts';

const DR = 0x00, MR = 0x04, LR = 0x08, IMSC = 0x10, ICR = 0x1c;
const EPOCH_MS = 1_700_000_000_250;
const SECOND = 1_000_000_000;

function build(clock = new TestClock()) {
  const seen = { line: false };
  const rtc = new Pl031({
    clock, line: { set: (level) => { seen.line = level; } },
    wallMs: () => EPOCH_MS + clock.nowNs / 1e6, guestError: () => {},
  });
  const get = (at: number) => rtc.regions.registers.read(at, 4);
  const put = (at: number, value: number) => rtc.regions.registers.write(at, 4, value);
  return { rtc, seen, get, put, clock, device: rtc, outputs: () => ({ ...seen, now: get(DR) }) };
}

deviceContract('pl031', build, [
  write('registers', LR, 5000), later(1.5 * SECOND), write('registers', IMSC, 1), write('registers', MR, 5004),
  later(1.2 * SECOND), later(2 * SECOND), write('registers', ICR, 1), later(SECOND),
]);

test('the guest reads the time of the outside world, until it sets another', () => {
  const { get, put, clock } = build();
  expect(get(DR)).toBe(1_700_000_000);
  put(LR, 100);
  clock.runTo(3 * SECOND);
  expect([get(DR), get(LR)]).toEqual([103, 100]);
});

test('the alarm rings when the counter becomes the match, not before, and until it is cleared', () => {
  const { put, clock, seen } = build();
  put(IMSC, 1);
  put(MR, 1_700_000_002);
  clock.runTo(1.74 * SECOND);
  expect(seen.line).toBe(false);
  clock.runTo(1.75 * SECOND);
  expect(seen.line).toBe(true);
  put(ICR, 1);
  expect(seen.line).toBe(false);
});
