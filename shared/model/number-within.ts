/** Schemas of numbers that say what is wrong with one, by the name of what it is. */
import * as v from 'valibot';
import { fixed, say, type Phrase } from '../base/phrase.ts';

export interface Limits { readonly min: number; readonly max: number }

const number = (what: Phrase) => v.number(fixed(say`${what} must be a number.`));
const least = (what: Phrase, { min }: Limits) => v.minValue<number, number, ReturnType<typeof fixed>>(min, fixed(say`${what} must be at least ${min}.`));
const most = (what: Phrase, { max }: Limits) => v.maxValue<number, number, ReturnType<typeof fixed>>(max, fixed(say`${what} must be at most ${max}.`));

export const numberWithin = (what: Phrase, limits: Limits) => v.pipe(number(what), least(what, limits), most(what, limits));
export const integerWithin = (what: Phrase, limits: Limits) => v.pipe(number(what), v.integer(fixed(say`${what} must be a whole number.`)), least(what, limits), most(what, limits));
