/**
 * The heuristics by which a guest's time makes up for what it missed (US 11507415 B2): told how much that is, they say how much
 * faster than usual guest time runs, and until when. They know nothing of counters, timers or instruction sets. Time is the
 * host's, in ns; what is owed is in ns of guest time at a rate of 1.
 */
import type { CatchUpMode } from '../../shared/model/guest-time.ts';

/** A clock catches up within this, as far as the highest speed allows; not slower than the lowest, or the end would never come. */
const WITHIN_NS = 5e9, LEAST_FACTOR = 1.1;
/** As fast as a clock that nobody notices: 5,000 ppm. */
const SLEW_FACTOR = 1.005;
/** Whoever ends a catch-up is a little late: what was gone too far, or is left of little, goes slowly. */
const LITTLE_NS = 10e6, BRAKE_FACTOR = 0.98, LITTLE_FACTOR = 1.02;
/** Less than this is as good as nothing; it is not forgotten. */
const NEAR_NS = 100_000;

export interface CatchUpState { readonly owedNs: number; readonly mode: CatchUpMode; readonly speed: number }

export class CatchUp {
  /** How much faster than usual guest time runs now. */
  factor = 1;
  count = 0;
  private owed = 0;
  private atNs = 0;
  private mode: CatchUpMode = 'none';
  private speed = 1;

  /** What is owed at a moment. */
  owedNs(nowNs: number): number { return this.owed - (this.factor - 1) * (nowNs - this.atNs); }

  /** When the factor has to change next. */
  get endsNs(): number { return this.factor === 1 ? Infinity : this.atNs + this.owed / (this.factor - 1); }

  /** Guest time stood still for so long. Says how far it has to jump at once. */
  missed(nowNs: number, ns: number, mode: CatchUpMode, speed: number): number {
    this.settle(nowNs);
    if (mode === 'none') return 0;
    this.mode = mode;
    this.speed = speed;
    const owed = this.owed + ns;
    this.owed = mode === 'jump' ? 0 : owed;
    const before = this.factor;
    this.choose();
    if (before === 1 && this.factor !== 1) this.count++;
    return mode === 'jump' ? owed : 0;
  }

  /** The factor's time is over, maybe since a while. */
  advance(nowNs: number): void {
    this.settle(nowNs);
    this.choose();
  }

  /** What is owed is forgotten: the guest was given another time. */
  forget(nowNs: number): void {
    this.owed = 0;
    this.advance(nowNs);
  }

  private settle(nowNs: number): void {
    this.owed = this.owedNs(nowNs);
    this.atNs = nowNs;
  }

  private choose(): void {
    if (Math.abs(this.owed) < NEAR_NS) this.factor = 1;
    else if (this.owed < 0) this.factor = BRAKE_FACTOR;
    else if (this.mode !== 'slew' && this.owed < LITTLE_NS) this.factor = LITTLE_FACTOR;
    else this.factor = this.mode === 'slew' ? SLEW_FACTOR : Math.min(this.speed, Math.max(LEAST_FACTOR, 1 + this.owed / WITHIN_NS));
  }

  save(nowNs: number): CatchUpState { return { owedNs: this.owedNs(nowNs), mode: this.mode, speed: this.speed }; }
  restore(nowNs: number, { owedNs, mode, speed }: CatchUpState): void {
    Object.assign(this, { owed: owedNs, mode, speed, atNs: nowNs });
    this.choose();
  }
}
