/** The time that a VM's guest lives in, which can run at another rate than its host's and makes up for what it missed. */
import * as v from 'valibot';
import { fixed, say } from '../base/phrase.ts';
import { numberWithin } from './number-within.ts';

/** What becomes of time that passed while a guest stood still: nothing, a faster clock until it is made up for, a hardly faster one, or one step. */
export const CATCH_UP_MODES = ['none', 'catchUp', 'slew', 'jump'] as const;
export type CatchUpMode = (typeof CATCH_UP_MODES)[number];

export const TIME_LIMITS = { rate: { min: 0.01, max: 100 }, speed: { min: 1.1, max: 10 } } as const;

export const GuestTimeSpec = v.object({
  /** Counters and timers are performed by the hypervisor, so that their rate can be chosen. To be changed while the VM is off. */
  scaling: v.boolean(),
  /** Of guest time to host time. Only with scaling; 1 without. */
  rate: numberWithin(say`The rate of guest time`, TIME_LIMITS.rate),
  /** After the VM was held up or had no CPU. */
  afterStop: v.picklist(CATCH_UP_MODES),
  /** After it was suspended, or went back to a snapshot with memory. */
  afterSuspend: v.picklist(CATCH_UP_MODES),
  /** How many times as fast as usual guest time runs at most while it catches up. */
  speed: numberWithin(say`The speed of catching up`, TIME_LIMITS.speed),
});
export type GuestTimeSpec = v.InferOutput<typeof GuestTimeSpec>;

/** Guest time is the VM's own, and stands still with it. */
export const USUAL_TIME: GuestTimeSpec = { scaling: false, rate: 1, afterStop: 'none', afterSuspend: 'none', speed: 3 };

/** What an operator asks of the scaled time of a guest that runs. */
export const TimeChange = v.object({
  rate: v.optional(GuestTimeSpec.entries.rate),
  paused: v.optional(v.boolean()),
  /** Milliseconds since 1970. */
  dateMs: v.optional(v.pipe(v.number(fixed(say`A date is written like 2030-01-01T12:00:00Z.`)), v.integer(), v.minValue(0, fixed(say`A date is not before 1970.`)))),
});
export type TimeChange = v.InferOutput<typeof TimeChange>;

/** Since power-on, in nanoseconds where nothing else is said. */
export interface GuestTimeStats {
  /** By the guest's counter. */
  readonly guestNs: number;
  /** By the host's clock, also while the VM stood still. */
  readonly hostNs: number;
  /** Of guest time to host time, as it is now: 0 while it is paused. */
  readonly rate: number;
  /** Guest time is paused, while the guest runs. */
  readonly paused: boolean;
  /** How much faster than usual guest time runs, to catch up. */
  readonly factor: number;
  /** What guest time has still to make up for; below zero it is ahead. */
  readonly owedNs: number;
  /** How often it began to catch up. */
  readonly catchUps: number;
  /** Accesses to counters and timers that the hypervisor performed, and how long that took. */
  readonly traps: number;
  readonly trapNs: number;
  /** Interrupts of timers, and how long after their time they were given to the guest: all together, and the longest. */
  readonly timerInterrupts: number;
  readonly latenessNs: number;
  readonly latestNs: number;
}
