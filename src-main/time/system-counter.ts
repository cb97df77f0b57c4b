/** The system counter of a machine, as its guest reads it (CNTPCT_EL0), for devices that count it. */
export interface SystemCounter {
  /** Ticks a second, as the guest was told. */
  readonly hz: number;
  readonly count: bigint;
  /** When it will have reached a count, in ns of the machine's clock; Infinity while it stands still before it. */
  nsAt(count: bigint): number;
}
