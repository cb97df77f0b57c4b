/** Bytes of tables that firmware makes, little-endian, field after field. Integers are taken modulo their width. */
export class LittleEndian {
  private bytes = new Uint8Array(256);
  private length = 0;

  get size(): number { return this.length; }

  u8(...values: readonly number[]): this { return this.append(Uint8Array.from(values)); }
  u16(...values: readonly number[]): this { return this.integers(2, values); }
  u32(...values: readonly number[]): this { return this.integers(4, values); }
  u64(...values: readonly (number | bigint)[]): this { return this.integers(8, values); }
  zeros(count: number): this { return this.append(new Uint8Array(count)); }

  /** ASCII, filled up with `fill`; what is too long is cut. */
  text(value: string, width: number, fill = 0): this {
    const bytes = new Uint8Array(width).fill(fill);
    bytes.set(new TextEncoder().encode(value).subarray(0, width));
    return this.append(bytes);
  }

  append(bytes: Uint8Array): this {
    while (this.length + bytes.length > this.bytes.length) {
      const grown = new Uint8Array(2 * this.bytes.length);
      grown.set(this.bytes);
      this.bytes = grown;
    }
    this.bytes.set(bytes, this.length);
    this.length += bytes.length;
    return this;
  }

  /** Zeros up to the next multiple. */
  align(to: number): this { return this.zeros(-this.length & to - 1); }
  done(): Uint8Array { return this.bytes.slice(0, this.length); }

  private integers(width: number, values: readonly (number | bigint)[]): this {
    for (const value of values) {
      const bytes = new Uint8Array(width);
      for (let left = BigInt.asUintN(8 * width, BigInt(value)), at = 0; at < width; at++, left >>= 8n) bytes[at] = Number(left & 0xffn);
      this.append(bytes);
    }
    return this;
  }
}

export function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** What makes the bytes' sum zero, modulo 256. */
export const checksumOf = (bytes: Uint8Array): number => -bytes.reduce((sum, byte) => sum + byte, 0) & 0xff;
