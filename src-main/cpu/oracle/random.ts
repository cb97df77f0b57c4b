/** Deterministic random numbers and the operands that find bugs: extremes, neighbours of powers of two, odd floats. */

export class Random {
  private state: number;
  constructor(seed: number) { this.state = (seed ^ 0x9e37_79b9) >>> 0; }

  /** 32 random bits (SplitMix32). */
  u32(): number {
    this.state = (this.state + 0x9e37_79b9) >>> 0;
    let z = this.state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0_aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a_2d97);
    return (z ^ (z >>> 15)) >>> 0;
  }
  u64(): bigint { return (BigInt(this.u32()) << 32n) | BigInt(this.u32()); }
  below(n: number): number { return Math.floor((this.u32() / 2 ** 32) * n); }
  chance(probability: number): boolean { return this.u32() < probability * 2 ** 32; }
  pick<T>(from: readonly T[]): T { return from[this.below(from.length)] as T; }

  /** An integer of so many bits. */
  integer(bits: number): bigint {
    const wide = BigInt(bits), one = 1n << BigInt(this.below(bits));
    const value = this.pick([() => this.u64(), () => 0n, () => -1n, () => 1n << (wide - 1n), () => (1n << (wide - 1n)) - 1n, () => one, () => one - 1n, () => -one, () => BigInt(this.below(256) - 128)]);
    return BigInt.asUintN(bits, value());
  }

  /** A half, single or double: zeros, infinities, NaNs, denormals, small integers, and any bits. */
  float(bits: 16 | 32 | 64): bigint {
    const fraction = { 16: 10n, 32: 23n, 64: 52n }[bits], wide = BigInt(bits), sign = this.chance(0.5) ? 1n << (wide - 1n) : 0n;
    const infinity = (1n << (wide - 1n)) - (1n << fraction), quiet = 1n << (fraction - 1n), payload = BigInt.asUintN(Number(fraction - 1n), this.u64());
    const bias = (1n << (wide - fraction - 2n)) - 1n;
    const near = () => ((bias + BigInt(this.below(bits) - bits / 2)) << fraction) | BigInt.asUintN(Number(fraction), this.chance(0.5) ? this.u64() : this.integer(Number(fraction)));
    const value = this.pick([() => this.u64(), () => this.u64(), near, near, near, () => 0n, () => infinity, () => infinity - 1n, () => infinity | quiet | payload, () => infinity | (payload || 1n), () => 1n << fraction,
      () => payload, () => 1n, () => bias << fraction]);
    return BigInt.asUintN(bits, value() | sign);
  }

  /** A number near 1 with a few fraction bits at the top, so that sums cancel, and products are exact or halfway between two numbers at times. */
  calm(bits: 32 | 64): bigint {
    const width = bits === 32 ? 23 : 52, kept = this.chance(0.4) ? width : this.below(width + 1), spread = this.pick([1, 4, 4, width]);
    const exponent = BigInt((bits === 32 ? 127 : 1023) + this.below(2 * spread + 1) - spread), fraction = this.chance(0.2) ? this.integer(width) : this.u64();
    const sign = this.chance(0.5) ? 1n << BigInt(bits - 1) : 0n;
    return sign | (exponent << BigInt(width)) | (BigInt.asUintN(width, fraction) >> BigInt(width - kept) << BigInt(width - kept));
  }

  /** 128 bits of such numbers, with one of any kind among them at times. */
  calmVector(bits: 32 | 64): readonly [bigint, bigint] {
    const lane = () => (this.chance(0.05) ? this.float(bits) : this.chance(0.05) ? 0n : this.calm(bits));
    const half = () => (bits === 64 ? lane() : lane() | (lane() << 32n));
    return [half(), half()];
  }

  /** 128 bits in lanes of one kind, low half first; at times all of them an amount by which bits are shifted. */
  vector(): readonly [bigint, bigint] {
    const bits = this.pick([8, 16, 32, 64] as const), floats = this.chance(0.5), amount = this.chance(0.15) ? BigInt.asUintN(bits, BigInt(this.below(2 * bits + 1) - bits)) : undefined;
    const half = () => {
      let value = 0n;
      for (let at = 0; at < 64; at += bits) value |= (amount ?? (floats && bits !== 8 ? this.float(bits) : this.integer(bits))) << BigInt(at);
      return value;
    };
    return this.chance(0.2) ? [this.u64(), this.u64()] : [half(), half()];
  }
}
