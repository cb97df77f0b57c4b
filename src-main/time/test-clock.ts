import { AlarmSet } from './alarm-set.ts';
import type { Alarm, Clock } from './clock.ts';

/** A clock that a test moves by hand. */
export class TestClock implements Clock {
  nowNs: number;
  private readonly alarms = new AlarmSet();

  constructor(nowNs = 0) { this.nowNs = nowNs; }

  alarm(name: string, fire: () => void): Alarm { return this.alarms.add(name, fire); }

  /** Fires everything due up to `deadlineNs`, each alarm at its own time. */
  runTo(deadlineNs: number): void {
    while (this.alarms.fireNext(deadlineNs, (dueNs) => { this.nowNs = Math.max(this.nowNs, dueNs); }));
    this.nowNs = deadlineNs;
  }
}
