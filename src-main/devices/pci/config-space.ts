/**
 * The configuration space of a function (PCI Express Base 5.0, 7.5): bytes that say by mask what a guest may change, and
 * what it clears by writing ones. Anything else is read-only.
 */
export const CONFIG_BYTES = 0x1000;

export interface ConfigField {
  readonly at: number;
  /** As after reset. */
  readonly bytes: Uint8Array;
  /** Bits that take what is written. */
  readonly writable?: Uint8Array;
  /** Bits that are cleared by writing one. */
  readonly clears?: Uint8Array;
}

export class ConfigSpace {
  readonly bytes = new Uint8Array(CONFIG_BYTES);
  readonly words = new DataView(this.bytes.buffer);
  private readonly initial = new Uint8Array(CONFIG_BYTES);
  private readonly writable = new Uint8Array(CONFIG_BYTES);
  private readonly clears = new Uint8Array(CONFIG_BYTES);

  define({ at, bytes, writable, clears }: ConfigField): void {
    this.initial.set(bytes, at);
    this.bytes.set(bytes, at);
    if (writable !== undefined) this.writable.set(writable, at);
    if (clears !== undefined) this.clears.set(clears, at);
  }

  /** The value that a 16-bit register has from now on after each reset. */
  fix16(at: number, value: number): void {
    new DataView(this.initial.buffer).setUint16(at, value, true);
    this.words.setUint16(at, value, true);
  }

  read(at: number, size: number): number {
    let value = 0;
    for (let n = size - 1; n >= 0; n--) value = value * 256 + (this.bytes[at + n] ?? 0xff);
    return value;
  }

  write(at: number, size: number, value: number): void {
    for (let n = 0; n < size && at + n < CONFIG_BYTES; n++) {
      const byte = value >>> 8 * n & 0xff, mask = this.writable[at + n]!;
      this.bytes[at + n] = (this.bytes[at + n]! & ~mask | byte & mask) & ~(byte & this.clears[at + n]!);
    }
  }

  reset(): void { this.bytes.set(this.initial); }
}

/** Little-endian fields at offsets, for building what is in a configuration space. */
export function fields(length: number, values: Readonly<Record<number, readonly [size: 1 | 2 | 4, value: number]>>): Uint8Array {
  const bytes = new Uint8Array(length);
  for (const [at, [size, value]] of Object.entries(values)) {
    for (let n = 0; n < size; n++) bytes[Number(at) + n] = value >>> 8 * n & 0xff;
  }
  return bytes;
}
