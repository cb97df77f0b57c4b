import { expect, test } from 'vitest';
import { USUAL_WATCHDOG } from '../../../shared/model/boot-watchdog.ts';
import type { BootWatchdogSpec } from '../../../shared/model/vm.ts';
import { watchdogDraft, watchdogOf } from './watchdog-draft.ts';

test('a boot watchdog becomes a draft and the same again; the usual one is none, and banks stay whatever the rules are', () => {
  const banks = [{ id: 'a', name: 'A', guest: { kind: 'diagnostics' } as const }];
  const watchdogs: readonly BootWatchdogSpec[] = [{ ...USUAL_WATCHDOG, mode: 'boot', timeoutS: 7.5, banks }, { ...USUAL_WATCHDOG, mode: 'none' }, { ...USUAL_WATCHDOG, banks }];
  for (const watchdog of watchdogs) expect(watchdogOf(watchdogDraft(watchdog))).toEqual(watchdog);
  expect([watchdogOf(watchdogDraft()), watchdogOf({ ...watchdogDraft(), failures: 'many' })]).toEqual([undefined, undefined]);
  expect(watchdogOf({ ...watchdogDraft(), mode: 'boot', failures: 'many' })?.failures).toBeNaN();
});
