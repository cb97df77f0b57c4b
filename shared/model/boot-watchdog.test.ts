import { expect, test } from 'vitest';
import { began, BOOT_LIMITS, changed, ended, isGood, nextGood, NO_BOOTS, presentAttempt, reached, SETTINGS_BANK, stageOf, USUAL_WATCHDOG, type BootEnd, type BootRecord, type BootStage } from './boot-watchdog.ts';
import type { BootWatchdogSpec } from './vm.ts';

const guest = { kind: 'diagnostics' } as const;
const SPEC: BootWatchdogSpec = { ...USUAL_WATCHDOG, mode: 'boot', failures: 2, banks: [{ id: 'a', name: 'A', guest }, { id: 'b', name: 'B', guest }] };

/** A boot that comes to stages, and ends. */
const boot = (record: BootRecord, stages: readonly BootStage[], cause?: BootEnd, spec = SPEC): BootRecord => {
  const come = stages.reduce((now, stage, at) => reached(now, stage, at + 1), began(record, spec, 5));
  return cause === undefined ? come : ended(come, spec, { cause, atNs: 100 }, 7);
};
const HANDED: readonly BootStage[] = ['installed', 'enabled', 'handedOver'];
const summary = ({ bank, failures, good, fellBack }: BootRecord) => ({ bank, failures, good, fellBack });

test('a boot comes to each stage once, and one that is up is good, with its bank', () => {
  const record = boot(boot(NO_BOOTS, HANDED, 'watchdog'), [...HANDED, 'tookOver', 'tookOver', 'up']);
  expect(record.attempts.map(({ number, afterWatchdog, stages }) => [number, afterWatchdog, stages.map(({ stage, atNs }) => `${stage} ${atNs}`).join(', ')])).toEqual([
    [1, false, 'powerOn 0, installed 1, enabled 2, handedOver 3'], [2, true, 'powerOn 0, installed 1, enabled 2, handedOver 3, tookOver 4, up 6'],
  ]);
  expect(summary(record)).toEqual({ bank: SETTINGS_BANK, failures: 0, good: [SETTINGS_BANK], fellBack: undefined });
});

test('so many failures in a row make the next good bank boot, and no other; a good one, or an end that is nobody’s fault, does not', () => {
  const good: BootRecord = { ...NO_BOOTS, good: ['b'] }, once = boot(good, HANDED, 'watchdog');
  expect(summary(once)).toMatchObject({ bank: SETTINGS_BANK, failures: 1 });
  expect(summary(boot(once, [...HANDED, 'tookOver'], 'guestReset'))).toMatchObject({ bank: 'b', failures: 0, fellBack: { from: SETTINGS_BANK, to: 'b', atMs: 7 } });
  for (const cause of ['poweredOff', 'reset', 'stopped', 'failed'] as const) expect(boot(once, HANDED, cause).failures).toBe(1);
  expect(boot(once, [...HANDED, 'tookOver', 'up'], 'watchdog').failures).toBe(0);
  // Firmware resets the machine when its settings change.
  expect(boot(once, ['installed'], 'guestReset').failures).toBe(1);
  expect(summary(boot(once, HANDED, 'watchdog', { ...SPEC, mode: 'guest' }))).toMatchObject({ bank: SETTINGS_BANK, failures: 2 });
});

test('without another good bank it goes on trying', () => {
  const record = [1, 2, 3].reduce<BootRecord>(now => boot(now, HANDED, 'watchdog'), { ...NO_BOOTS, good: [SETTINGS_BANK] });
  expect(summary(record)).toEqual({ bank: SETTINGS_BANK, failures: 3, good: [SETTINGS_BANK], fellBack: undefined });
});

test('one that cannot be loaded is left at once, and is not good any more', () => {
  const record = boot({ ...NO_BOOTS, bank: 'a', good: ['a', 'b'] }, [], 'unloadable');
  expect(summary(record)).toEqual({ bank: 'b', failures: 0, good: ['b'], fellBack: { from: 'a', to: 'b', atMs: 7 } });
});

test('good banks come in a circle', () => {
  const next = (bank: string, good: readonly string[]) => nextGood({ ...NO_BOOTS, bank, good }, SPEC);
  expect([next('a', ['a', 'b', SETTINGS_BANK]), next('b', ['a', SETTINGS_BANK]), next('b', ['a']), next('a', ['a'])]).toEqual(['b', SETTINGS_BANK, 'a', undefined]);
});

test('a bank that is gone, and an attempt that nobody saw end, stop nothing', () => {
  const record = began(began({ ...NO_BOOTS, bank: 'gone', drill: 'panic' }, SPEC, 1), SPEC, 2);
  expect(record.attempts.map(({ number, bank, drill, end }) => [number, bank, drill, end?.cause])).toEqual([[1, SETTINGS_BANK, 'panic', 'failed'], [2, SETTINGS_BANK, undefined, undefined]]);
  expect([stageOf(presentAttempt(record)!), isGood(presentAttempt(record)!), ended(NO_BOOTS, SPEC, { cause: 'watchdog', atNs: 1 }, 1)]).toEqual(['powerOn', false, NO_BOOTS]);
});

test('only the newest attempts are kept, with their numbers', () => {
  const record = Array.from({ length: BOOT_LIMITS.attempts + 5 }).reduce<BootRecord>(now => boot(now, HANDED, 'reset'), NO_BOOTS);
  expect([record.attempts.length, record.attempts[0]?.number, record.attempts.at(-1)?.number]).toEqual([BOOT_LIMITS.attempts, 6, BOOT_LIMITS.attempts + 5]);
});

test('an operator chooses a bank, says which are good, and breaks the next boot or does not after all', () => {
  const fell: BootRecord = { ...NO_BOOTS, bank: 'b', failures: 1, good: ['b'], fellBack: { from: SETTINGS_BANK, to: 'b', atMs: 1 } };
  expect(summary(changed(fell, { kind: 'choose', bank: 'a' }))).toEqual({ bank: 'a', failures: 0, good: ['b'], fellBack: undefined });
  expect([changed(fell, { kind: 'mark', bank: 'a', good: true }).good, changed(fell, { kind: 'mark', bank: 'b', good: false }).good]).toEqual([['b', 'a'], []]);
  const drilled = changed(fell, { kind: 'drill', drill: 'hang' });
  expect([drilled.drill, 'drill' in changed(drilled, { kind: 'drill' })]).toEqual(['hang', false]);
});
