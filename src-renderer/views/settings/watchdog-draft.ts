/** The rules of a boot watchdog as typed, for a new VM and for the settings of one. Banks are kept as they are: the Boot page has them. */
import { say, type Phrase } from '../../../shared/base/phrase.ts';
import { USUAL_WATCHDOG, type WatchdogMode } from '../../../shared/model/boot-watchdog.ts';
import type { BootBank, BootWatchdogSpec } from '../../../shared/model/vm.ts';
import { translate } from '../../i18n/i18n.ts';
import { typed } from './hardware-draft.ts';

export interface WatchdogDraft { mode: WatchdogMode; timeoutS: string; goodAfterS: string; failures: string; readonly banks: readonly BootBank[] }

export function watchdogDraft({ mode, timeoutS, goodAfterS, failures, banks }: BootWatchdogSpec = USUAL_WATCHDOG): WatchdogDraft {
  return { mode, timeoutS: String(timeoutS), goodAfterS: String(goodAfterS), failures: String(failures), banks };
}

/** Nothing where all is as usual. Rules are those of a boot that is protected. */
export function watchdogOf({ mode, timeoutS, goodAfterS, failures, banks }: WatchdogDraft): BootWatchdogSpec | undefined {
  const rules = mode === 'boot' ? { timeoutS: typed(timeoutS), goodAfterS: typed(goodAfterS), failures: typed(failures) } : {}, watchdog: BootWatchdogSpec = { ...USUAL_WATCHDOG, ...rules, mode, banks: [...banks] };
  return JSON.stringify(watchdog) === JSON.stringify(USUAL_WATCHDOG) ? undefined : watchdog;
}

const MODES: Readonly<Record<WatchdogMode, { readonly label: Phrase; readonly hint: Phrase }>> = {
  none: { label: say`No watchdog`, hint: say`The guest finds none.` },
  guest: { label: say`For the guest only`, hint: say`The guest has a watchdog, as servers do, and arms it when it likes.` },
  boot: { label: say`Protects the boot`, hint: say`The watchdog is armed before the guest starts: a boot that hangs is reset, and after some of those in a row a good boot bank is used.` },
};
export const watchdogModeName = (mode: WatchdogMode): string => translate(MODES[mode].label);
export const watchdogModeHint = (mode: WatchdogMode): string => translate(MODES[mode].hint);
