/** Time as devices see it: absolute nanoseconds since the machine was built, and alarms on them. */

export interface Clock {
  readonly nowNs: number;
  /** An alarm that is not set yet; `name` is for people who debug. */
  alarm(name: string, fire: () => void): Alarm;
}

/** Fires once at its deadline, or soon after; a new deadline replaces the old one. */
export interface Alarm {
  set(deadlineNs: number): void;
  clear(): void;
}
