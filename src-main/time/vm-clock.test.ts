import { expect, test } from 'vitest';
import { VmClock } from './vm-clock.ts';

const rig = () => {
  const real = { ns: 5000 };
  return { real, clock: new VmClock(() => real.ns) };
};

test('a clock stands still until the machine runs and while it is paused', () => {
  const { real, clock } = rig();
  real.ns += 100;
  expect(clock.nowNs).toBe(0);
  clock.resume();
  real.ns += 100;
  clock.pause();
  real.ns += 100;
  expect(clock.nowNs).toBe(100);
  clock.resume();
  real.ns += 1;
  expect([clock.nowNs, real.ns - clock.baseNs]).toEqual([101, 101]);
});

test('alarms fire in the order of their deadlines, once, and only when due', () => {
  const { real, clock } = rig();
  const fired: string[] = [];
  const late = clock.alarm('late', () => fired.push('late'));
  const soon = clock.alarm('soon', () => fired.push('soon'));
  clock.alarm('cleared', () => fired.push('cleared')).clear();
  clock.resume();
  late.set(20);
  soon.set(10);
  expect(clock.nextDeadlineNs).toBe(10);
  real.ns += 9;
  clock.runDue();
  expect(fired).toEqual([]);
  real.ns += 30;
  clock.runDue();
  clock.runDue();
  expect([fired, clock.nextDeadlineNs]).toEqual([['soon', 'late'], Infinity]);
});

test('an alarm that sets itself again in the past does not hold up the machine', () => {
  const { clock } = rig();
  const alarm = clock.alarm('eager', () => alarm.set(0));
  alarm.set(0);
  clock.runDue();
  expect(clock.nextDeadlineNs).toBe(0);
});

test('a restored machine goes on from the time it was saved at', () => {
  const { real, clock } = rig();
  clock.moveTo(1_000_000);
  clock.resume();
  real.ns += 5;
  expect(clock.nowNs).toBe(1_000_005);
});
