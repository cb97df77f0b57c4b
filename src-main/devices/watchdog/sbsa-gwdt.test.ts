import { expect, test } from 'vitest';
import { TestClock } from '../../time/test-clock.ts';
import { deviceContract, later, read, write, type Step } from '../device-contract.ts';
import { SbsaGwdt } from './sbsa-gwdt.ts';

const WRR = 0, WCS = 0, WOR = 8, WOR_HIGH = 0xc, WCV = 0x10, WCV_HIGH = 0x14, W_IIDR = 0xfcc;
const EN = 1, WS0 = 2, WS1 = 4;
/** A tick is 16 ns. */
const HZ = 62_500_000, SECOND = 1e9;

function build(clock = new TestClock(), revision?: 0 | 1) {
  const seen = { ws0: false, ws1: false, errors: 0 };
  const counter = { hz: HZ, get count() { return BigInt(Math.trunc(clock.nowNs * HZ / 1e9)); }, nsAt: (count: bigint) => Number(count) * 1e9 / HZ };
  const watchdog = new SbsaGwdt({
    revision, clock, counter, ws0: { set: (level) => { seen.ws0 = level; } }, ws1: { set: (level) => { seen.ws1 = level; } }, guestError: () => { seen.errors++; },
  });
  const get = (at: number) => watchdog.regions.control.read(at, 4), put = (at: number, value: number) => watchdog.regions.control.write(at, 4, value);
  const refresh = () => watchdog.regions.refresh.write(WRR, 4, 0);
  const compare = () => BigInt(get(WCV)) | BigInt(get(WCV_HIGH)) << 32n;
  /** Errors are told once. */
  const outputs = () => { const now = { ...seen, wcs: get(WCS), wor: [get(WOR), get(WOR_HIGH)], wcv: compare(), leftNs: watchdog.leftNs }; seen.errors = 0; return now; };
  return { watchdog, seen, counter, get, put, refresh, compare, clock, device: watchdog, outputs };
}
const on = (act: (watchdog: SbsaGwdt) => void): Step => (rig) => act(rig.device as unknown as SbsaGwdt);

deviceContract('sbsa-gwdt', build, [
  write('control', WOR, HZ), read('control', WCV), write('control', WCS, EN), later(0.5 * SECOND), write('refresh', WRR, 1), later(0.9 * SECOND), later(0.2 * SECOND),
  on((watchdog) => watchdog.counterMoved(0n)), write('control', WOR_HIGH, 1), write('control', WOR_HIGH, 0), later(1.1 * SECOND), later(SECOND), on((watchdog) => watchdog.noteReset()),
  write('refresh', WRR, 1), write('control', WCV, 7), later(0.1 * SECOND), write('control', WCS, 0), later(9 * SECOND), on((watchdog) => watchdog.arm(4 * SECOND)), later(2.5 * SECOND), write('control', 0x30, 1),
]);

test('it says in both frames what it is, and a read of WRR does nothing', () => {
  const { watchdog, get, put, clock, seen } = build();
  expect([get(W_IIDR), watchdog.regions.refresh.read(W_IIDR, 4)]).toEqual([0x1043b, 0x1043b]);
  put(WOR, HZ);
  put(WCS, EN);
  clock.runTo(0.9 * SECOND);
  expect(watchdog.regions.refresh.read(WRR, 4)).toBe(0);
  clock.runTo(1.1 * SECOND);
  expect(seen).toEqual({ ws0: true, ws1: false, errors: 0 });
});

test('a stage lasts one offset: WS0 rises when the counter is past WCV, WS1 an offset later, and then nothing more', () => {
  const { get, put, compare, clock, seen } = build();
  put(WOR, HZ);
  put(WCS, EN);
  expect([get(WCS), compare()]).toEqual([EN, BigInt(HZ)]);
  clock.runTo(SECOND);
  expect([get(WCS), seen.ws0]).toEqual([EN, false]);
  clock.runTo(SECOND + 16);
  expect([get(WCS), seen.ws0, seen.ws1, compare()]).toEqual([EN | WS0, true, false, BigInt(2 * HZ + 1)]);
  clock.runTo(2 * SECOND + 16);
  expect(seen.ws1).toBe(false);
  clock.runTo(2 * SECOND + 32);
  expect([get(WCS), seen.ws0, seen.ws1]).toEqual([EN | WS0 | WS1, true, true]);
  clock.runTo(90 * SECOND);
  expect(compare()).toBe(BigInt(2 * HZ + 1));
});

test.each(['WRR', 'WCS', 'WOR', 'WOR_HIGH'])('a write of %s is a refresh: both signals fall, and the offset begins anew', (register) => {
  const { put, get, refresh, compare, clock, seen } = build();
  put(WOR, HZ);
  put(WCS, EN);
  clock.runTo(1.5 * SECOND);
  expect(seen.ws0).toBe(true);
  if (register === 'WRR') refresh();
  if (register === 'WCS') put(WCS, EN);
  if (register === 'WOR') put(WOR, HZ);
  if (register === 'WOR_HIGH') put(WOR_HIGH, 0);
  expect([get(WCS), seen.ws0, compare()]).toEqual([EN, false, BigInt(2.5 * HZ)]);
});

test('the offset has 48 bits', () => {
  const { put, get, compare } = build();
  put(WOR_HIGH, 0xffff_0001);
  put(WOR, 5);
  put(WCS, EN);
  expect([get(WOR), get(WOR_HIGH), compare()]).toEqual([5, 1, 0x1_0000_0005n]);
});

test('one that is not enabled never rings, whatever WCV is, and a WCV that is written counts from the next tick on', () => {
  const { put, clock, seen } = build();
  put(WOR, 1);
  clock.runTo(SECOND);
  expect(seen.ws0).toBe(false);
  put(WCS, EN);
  put(WCV, 0xffff_ffff);
  put(WCV_HIGH, 0);
  clock.runTo(68 * SECOND);
  expect(seen.ws0).toBe(false);
  clock.runTo(69 * SECOND);
  expect([seen.ws0, seen.ws1]).toEqual([true, true]);
});

test('the status of a machine that WS1 reset says so until the guest refreshes, also when it was armed for the guest; a power cycle clears it', () => {
  const { watchdog, put, get, refresh, clock } = build();
  watchdog.reset();
  watchdog.noteReset();
  watchdog.arm(2 * SECOND);
  watchdog.rearm();
  expect([get(WCS), watchdog.leftNs]).toEqual([EN | WS1, 2 * SECOND]);
  put(WOR, 9);
  expect(get(WCS)).toBe(EN);
  watchdog.noteReset();
  refresh();
  expect(get(WCS)).toBe(EN);
  watchdog.noteReset();
  watchdog.reset();
  expect([get(WCS), watchdog.leftNs]).toEqual([0, undefined]);
  clock.runTo(SECOND);
});

test('armed for a time, half of it is each stage, and so much is left', () => {
  const { watchdog, get, clock, seen } = build();
  watchdog.arm(10 * SECOND);
  expect(get(WOR)).toBe(5 * HZ);
  clock.runTo(4 * SECOND);
  expect(watchdog.leftNs).toBe(6 * SECOND);
  clock.runTo(6 * SECOND);
  expect([seen.ws0, Math.round(watchdog.leftNs! / SECOND)]).toEqual([true, 4]);
  watchdog.disarm();
  expect([seen.ws0, watchdog.leftNs]).toEqual([false, undefined]);
});

test('WCV goes with a counter that jumps, and who is late still gives the guest its second stage', () => {
  const { watchdog, put, compare, clock, seen } = build();
  put(WOR, HZ);
  put(WCS, EN);
  watchdog.counterMoved(BigInt(5 * HZ));
  expect(compare()).toBe(BigInt(6 * HZ));
  watchdog.counterMoved(BigInt(-5 * HZ));
  clock.nowNs = 10 * SECOND;
  expect([compare(), seen.ws0, seen.ws1]).toEqual([BigInt(11 * HZ), true, false]);
});

test('only what the guest does counts as its use', () => {
  const { watchdog, put, get, refresh } = build();
  let used = 0;
  watchdog.used = () => { used++; };
  watchdog.arm(SECOND);
  watchdog.rearm();
  get(WCS);
  expect(used).toBe(0);
  refresh();
  put(WOR, 5);
  put(WCS, 0);
  expect(used).toBe(3);
});

test('of revision 0, WOR has 32 bits', () => {
  const { watchdog, get, put } = build(new TestClock(), 0);
  expect(get(W_IIDR)).toBe(0x43b);
  put(WOR, 5);
  put(WOR_HIGH, 1);
  expect([get(WOR), get(WOR_HIGH)]).toEqual([5, 0]);
  watchdog.arm(1000 * SECOND);
  expect([get(WOR), get(WOR_HIGH)]).toEqual([2 ** 32 - 1, 0]);
});
