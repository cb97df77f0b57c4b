/** Rates on a slider: as far from 1 to 10 as from 10 to 100. */
import { TIME_LIMITS } from '../../../shared/model/guest-time.ts';

export const STEPS_A_DECADE = 20;
const DIGITS = 3;
export const STEPS = { min: Math.round(Math.log10(TIME_LIMITS.rate.min) * STEPS_A_DECADE), max: Math.round(Math.log10(TIME_LIMITS.rate.max) * STEPS_A_DECADE) } as const;

export const stepOf = (rate: number): number => Math.round(Math.log10(rate) * STEPS_A_DECADE);
/** With as many digits as anybody would type. */
export const rateOf = (step: number): number => Number((10 ** (step / STEPS_A_DECADE)).toPrecision(DIGITS));

export const PRESETS = [0.01, 0.1, 0.5, 1, 2, 10, 100] as const;
