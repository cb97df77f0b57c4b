import { AlarmSet } from './alarm-set.ts';
import type { Alarm, Clock } from './clock.ts';

/**
 * A machine's clock: real time, less the time for which the machine stood still. It is made stopped, at zero.
 * The machine's own loop calls `runDue` between slices; nothing fires by itself.
 */
export class VmClock implements Clock {
  private readonly monotonicNs: () => number;
  private readonly alarms = new AlarmSet();
  /** The time shown while stopped, else undefined. */
  private stoppedAtNs: number | undefined = 0;
  private epochNs = 0;

  constructor(monotonicNs: () => number) { this.monotonicNs = monotonicNs; }

  get nowNs(): number { return this.stoppedAtNs ?? this.monotonicNs() - this.epochNs; }
  get running(): boolean { return this.stoppedAtNs === undefined; }
  /** The monotonic time at which this clock would have shown zero; of use while it runs. */
  get baseNs(): number { return this.epochNs; }
  /** The earliest deadline in this clock's time, or Infinity. */
  get nextDeadlineNs(): number { return this.alarms.nextDeadlineNs; }

  alarm(name: string, fire: () => void): Alarm { return this.alarms.add(name, fire); }

  pause(): void { this.stoppedAtNs = this.nowNs; }

  resume(): void {
    if (this.stoppedAtNs === undefined) return;
    this.epochNs = this.monotonicNs() - this.stoppedAtNs;
    this.stoppedAtNs = undefined;
  }

  /** Shows another time from now on, as a machine does that was restored from a saved state. */
  moveTo(nowNs: number): void {
    if (this.stoppedAtNs !== undefined) this.stoppedAtNs = nowNs;
    else this.epochNs = this.monotonicNs() - nowNs;
  }

  /** Fires what is due now. An alarm set again by what it fires waits for the next call, so this always ends. */
  runDue(): void {
    const nowNs = this.nowNs;
    for (let left = this.alarms.count; left > 0 && this.alarms.fireNext(nowNs); left--);
  }
}
