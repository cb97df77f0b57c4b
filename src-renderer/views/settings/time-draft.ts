/** A guest's time as typed, for a new VM and for the settings of one. */
import { say, type Phrase } from '../../../shared/base/phrase.ts';
import { USUAL_TIME, type CatchUpMode, type GuestTimeSpec } from '../../../shared/model/guest-time.ts';
import { translate } from '../../i18n/i18n.ts';
import { typed } from './hardware-draft.ts';

export interface TimeDraft { scaling: boolean; rate: string; afterStop: CatchUpMode; afterSuspend: CatchUpMode; speed: string }

export function timeDraft({ scaling, rate, afterStop, afterSuspend, speed }: GuestTimeSpec = USUAL_TIME): TimeDraft {
  return { scaling, rate: String(rate), afterStop, afterSuspend, speed: String(speed) };
}

/** Nothing where all is as usual. A rate is one of scaled time only. */
export function timeOf({ scaling, rate, afterStop, afterSuspend, speed }: TimeDraft): GuestTimeSpec | undefined {
  const time: GuestTimeSpec = { scaling, rate: scaling ? typed(rate) : 1, afterStop, afterSuspend, speed: afterStop === 'catchUp' || afterSuspend === 'catchUp' ? typed(speed) : USUAL_TIME.speed };
  return JSON.stringify(time) === JSON.stringify(USUAL_TIME) ? undefined : time;
}

const MODES: Readonly<Record<CatchUpMode, { readonly label: Phrase; readonly hint: Phrase }>> = {
  none: { label: say`Stays behind`, hint: say`The guest's clock goes on where it was.` },
  catchUp: { label: say`Catches up`, hint: say`The guest's clock runs faster until it has made up for what it missed.` },
  slew: { label: say`Slews`, hint: say`The guest's clock runs faster by 0.5 % until it has made up for what it missed.` },
  jump: { label: say`Jumps`, hint: say`The guest's clock takes one step.` },
};
export const modeName = (mode: CatchUpMode): string => translate(MODES[mode].label);
export const modeHint = (mode: CatchUpMode): string => translate(MODES[mode].hint);
