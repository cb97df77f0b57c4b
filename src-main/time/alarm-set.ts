import type { Alarm } from './clock.ts';

interface Entry { readonly name: string; readonly fire: () => void; deadlineNs: number }

/** The alarms of one clock. A machine has a few dozen of them, so a list is searched faster than a heap is kept. */
export class AlarmSet {
  private readonly entries: Entry[] = [];
  private soonestNs = Infinity;

  add(name: string, fire: () => void): Alarm {
    const entry: Entry = { name, fire, deadlineNs: Infinity };
    this.entries.push(entry);
    return {
      set: (deadlineNs) => { entry.deadlineNs = deadlineNs; this.refresh(); },
      clear: () => { entry.deadlineNs = Infinity; this.refresh(); },
    };
  }

  get count(): number { return this.entries.length; }
  /** The earliest deadline, or Infinity. */
  get nextDeadlineNs(): number { return this.soonestNs; }

  /** Fires the earliest alarm that is due by `nowNs`, the first made of equal ones, and says its deadline. */
  fireNext(nowNs: number, before: (deadlineNs: number) => void = () => {}): boolean {
    if (this.soonestNs > nowNs) return false;
    const due = this.entries.find((entry) => entry.deadlineNs === this.soonestNs)!;
    before(due.deadlineNs);
    due.deadlineNs = Infinity;
    this.refresh();
    due.fire();
    return true;
  }

  private refresh() {
    this.soonestNs = this.entries.reduce((least, entry) => Math.min(least, entry.deadlineNs), Infinity);
  }
}
