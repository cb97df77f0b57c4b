/** Mulberry32, whose state is one number of 32 bits: what is lost, delayed or fuzzed follows from a seed. */
export class Random {
  state: number;
  constructor(seed: number) { this.state = seed >>> 0; }

  /** 0 up to 1. */
  next(): number {
    this.state = this.state + 0x6d2b79f5 >>> 0;
    let mixed = Math.imul(this.state ^ this.state >>> 15, this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ mixed >>> 7, mixed | 61);
    return ((mixed ^ mixed >>> 14) >>> 0) / 2 ** 32;
  }

  below(limit: number): number { return Math.floor(this.next() * limit); }
}
