/** How much may be under way (RFC 5681, with the initial window of RFC 6928): slow start, avoidance, and what a loss does. */
const INITIAL_SEGMENTS = 10;

export class Congestion {
  windowBytes: number;
  private thresholdBytes = Infinity;
  private readonly mss: number;

  constructor(mss: number) {
    this.mss = mss;
    this.windowBytes = INITIAL_SEGMENTS * mss;
  }

  acknowledged(bytes: number): void {
    this.windowBytes += this.windowBytes < this.thresholdBytes ? bytes : Math.ceil(this.mss * bytes / this.windowBytes);
    this.windowBytes = Math.min(this.windowBytes, 2 ** 24);
  }

  /** Three duplicate acknowledgements: one segment is lost, others arrive. */
  lostOne(inFlightBytes: number): void {
    this.thresholdBytes = Math.max(inFlightBytes / 2, 2 * this.mss);
    this.windowBytes = this.thresholdBytes;
  }

  /** A time-out: begin again. */
  lostAll(inFlightBytes: number): void {
    this.thresholdBytes = Math.max(inFlightBytes / 2, 2 * this.mss);
    this.windowBytes = this.mss;
  }
}
