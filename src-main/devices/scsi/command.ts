/** A command for a logical unit, and how it ends. */
import type { Sense } from './sense.ts';

export const CDB_BYTES = 32;
/** Most that a command moves. */
export const TRANSFER_BYTES_MOST = 0x80000;

/** A command descriptor block; numbers in it are big-endian. */
export class Cdb {
  readonly bytes: Uint8Array;
  private readonly words: DataView;

  /** Shorter ones end in zeroes. */
  constructor(bytes: Uint8Array) {
    this.bytes = new Uint8Array(CDB_BYTES);
    this.bytes.set(bytes.subarray(0, CDB_BYTES));
    this.words = new DataView(this.bytes.buffer);
  }

  get opcode(): number { return this.bytes[0]!; }
  byte(at: number): number { return this.bytes[at]!; }
  word(at: number): number { return this.words.getUint16(at); }
  long(at: number): number { return this.words.getUint32(at); }
  wide(at: number): number { return Number(this.words.getBigUint64(at)); }
}

export interface ScsiRequest {
  readonly cdb: Cdb;
  /** What there is room for, and what was sent along, in bytes. */
  readonly inBytes: number;
  readonly outBytes: number;
  /** The first bytes of what was sent along; not to be asked for more than that, or than a command moves. */
  readonly dataOut: (length: number) => Uint8Array<ArrayBuffer>;
  /** False once it was aborted, or the machine was reset or moved. */
  readonly current: () => boolean;
}

/** Data, if any, and what was wrong, if anything; or that there is less room than the command needs. */
export interface ScsiOutcome { readonly data?: Uint8Array; readonly sense?: Sense; readonly overrun?: true; readonly taken?: number }
export const good: ScsiOutcome = {};
export const overrun: ScsiOutcome = { overrun: true };
export const check = (sense: Sense): ScsiOutcome => ({ sense });
/** As much as the guest has room for. */
export const give = (data: Uint8Array, allocated: number): ScsiOutcome => ({ data: data.subarray(0, allocated) });

/** Big-endian fields, each `[bytes, value]` by its place. */
export function page(length: number, values: Readonly<Record<number, readonly [bytes: 1 | 2 | 4 | 8, value: number]>>): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length), words = new DataView(bytes.buffer);
  for (const [at, [size, value]] of Object.entries(values)) {
    if (size === 8) words.setBigUint64(Number(at), BigInt(value));
    else if (size === 4) words.setUint32(Number(at), value);
    else if (size === 2) words.setUint16(Number(at), value);
    else words.setUint8(Number(at), value);
  }
  return bytes;
}

/** Padded with spaces. */
export const text = (value: string, length: number): Uint8Array => new TextEncoder().encode(value.padEnd(length)).subarray(0, length);
