/** When to send again (RFC 6298): the time-out follows the measured round trip, and doubles with each that passes. */
const INITIAL_NS = 1e9;
/** The RFC's second is for the internet; this is one machine, and Linux has 200 ms as well. */
const LEAST_NS = 0.2e9;
const MOST_NS = 60e9;

export class RetransmissionTimer {
  deadlineNs = Infinity;
  private smoothedNs: number | undefined;
  private variationNs = 0;
  private timeoutNs = INITIAL_NS;
  private backoff = 1;

  start(nowNs: number): void { this.deadlineNs = nowNs + Math.min(MOST_NS, this.timeoutNs * this.backoff); }
  stop(): void { this.deadlineNs = Infinity; }
  get isRunning(): boolean { return this.deadlineNs !== Infinity; }

  /** It passed. */
  double(): void { this.backoff = Math.min(this.backoff * 2, 1024); }
  /** The peer acknowledged something new. */
  progress(): void { this.backoff = 1; }

  /** A round trip of something that was sent once only. */
  measured(ns: number): void {
    if (this.smoothedNs === undefined) {
      this.smoothedNs = ns;
      this.variationNs = ns / 2;
    } else {
      this.variationNs += (Math.abs(this.smoothedNs - ns) - this.variationNs) / 4;
      this.smoothedNs += (ns - this.smoothedNs) / 8;
    }
    this.timeoutNs = Math.max(LEAST_NS, this.smoothedNs + 4 * this.variationNs);
  }
}
