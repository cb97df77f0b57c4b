/** A limit of rate: so many bits a second, and bursts. Time is whole nanoseconds, so that it can be saved. */
export interface RateLimit { readonly bitsPerSecond: number; readonly burstBytes: number }
export interface TokenBucketState { readonly tokens: number; readonly atNs: number }

export class TokenBucket {
  private readonly limit: RateLimit;
  private tokens: number;
  private atNs: number;

  /** It begins full. */
  constructor(limit: RateLimit, nowNs: number) {
    this.limit = limit;
    this.tokens = limit.burstBytes;
    this.atNs = nowNs;
  }

  /** Whether that much may pass now. What is larger than a whole burst never may. */
  take(bytes: number, nowNs: number): boolean {
    const earned = Math.max(0, nowNs - this.atNs) * this.limit.bitsPerSecond / 8e9;
    this.tokens = Math.min(this.limit.burstBytes, this.tokens + earned);
    this.atNs = nowNs;
    if (bytes > this.tokens) return false;
    this.tokens -= bytes;
    return true;
  }

  save(): TokenBucketState { return { tokens: this.tokens, atNs: this.atNs }; }

  restore({ tokens, atNs }: TokenBucketState): void {
    this.tokens = tokens;
    this.atNs = atNs;
  }
}
