/**
 * A counter that follows another at a multiple of its rate, less an offset, as counters of a guest follow the host's: the form in which
 * x86's TSC multiplier and offset have it, and CNTSCALE_EL2 and CNTVOFF_EL2 of our CPU. Whole numbers only, so that all who compute it
 * agree to the last tick.
 */

/** Of a multiplier. */
export const SCALE_BITS = 48n;
const ONE = 1n << SCALE_BITS;

/** The multiplier nearest to a ratio, 0 and above. */
export function multiplierOf(ratio: number): bigint { return BigInt(Math.round(ratio * Number(ONE))); }

export class ScaledCounter {
  static readonly same = new ScaledCounter(ONE, 0n);

  /** With SCALE_BITS fractional bits; 0 stands still. */
  readonly multiplier: bigint;
  readonly offset: bigint;

  constructor(multiplier: bigint, offset: bigint) {
    this.multiplier = multiplier;
    this.offset = offset;
  }

  get isUnscaled(): boolean { return this.multiplier === ONE; }

  /** Its count when the other's is `host`. */
  at(host: bigint): bigint { return (host * this.multiplier >> SCALE_BITS) - this.offset; }

  /** The other's first count at which this one has reached `guest`, so that nothing is ever early; none when it stands still before it. */
  hostAt(guest: bigint): bigint | undefined {
    const wanted = guest + this.offset;
    if (wanted <= 0n) return 0n;
    return this.multiplier === 0n ? undefined : ((wanted << SCALE_BITS) + this.multiplier - 1n) / this.multiplier;
  }

  /** One that has the count `guest` when the other's is `host`, and another multiplier. */
  static through(host: bigint, guest: bigint, multiplier: bigint): ScaledCounter { return new ScaledCounter(multiplier, (host * multiplier >> SCALE_BITS) - guest); }
}
