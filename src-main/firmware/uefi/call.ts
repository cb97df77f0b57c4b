/** A guest's call of one of the firmware's functions, by the procedure call standard (AAPCS64): arguments in X0 to X7, then on the stack. */
import { BadPointer, type GuestMemory } from './guest-memory.ts';
import { DEVICE_ERROR, INVALID_PARAMETER } from './status.ts';

/** The CPU that called, which does not run meanwhile. */
export interface UefiCpu {
  readonly id: number;
  x(n: number): bigint;
  setX(n: number, value: bigint): void;
  sp: bigint;
  pc: bigint;
  /** It does not run until this is false again. */
  held: boolean;
}

/** The function cannot do yet what it is asked for: it is called again when something happened, at the latest at this time of the machine's clock. */
export interface Later { readonly untilNs: number }
/** The CPU goes on somewhere else. */
export const ELSEWHERE = Symbol('elsewhere');
export type Result = bigint | Later | typeof ELSEWHERE;
export type Answer = Result | Promise<Result>;

/** Ends a function with a status. */
export class EfiError extends Error {
  readonly status: bigint;
  constructor(status: bigint) {
    super(`EFI_STATUS 0x${status.toString(16)}`);
    this.status = status;
  }
}

/** Sizes beyond this are nobody's. */
const MOST = 2n ** 48n;

export class Call {
  readonly cpu: UefiCpu;
  readonly memory: GuestMemory;
  constructor(cpu: UefiCpu, memory: GuestMemory) {
    this.cpu = cpu;
    this.memory = memory;
  }

  /** 64 bits: an address, a handle, or a number that may be large. */
  raw(n: number): bigint { return n < 8 ? this.cpu.x(n) : this.memory.u64(this.cpu.sp + BigInt(8 * (n - 8))); }
  /** An address that must not be 0. */
  pointer(n: number): bigint {
    const address = this.raw(n);
    if (address === 0n) throw new EfiError(INVALID_PARAMETER);
    return address;
  }
  /** A size, an index or an offset. */
  number(n: number): number {
    const value = this.raw(n);
    if (value >= MOST) throw new EfiError(INVALID_PARAMETER);
    return Number(value);
  }
  u32(n: number): number { return Number(this.raw(n) & 0xffff_ffffn); }
  u16(n: number): number { return Number(this.raw(n) & 0xffffn); }
  bool(n: number): boolean { return (this.raw(n) & 0xffn) !== 0n; }
  guid(n: number): string { return this.memory.guid(this.pointer(n)); }
}

/** What a function that threw returns. */
export function statusOf(error: unknown): bigint {
  if (error instanceof EfiError) return error.status;
  if (error instanceof BadPointer) return INVALID_PARAMETER;
  return DEVICE_ERROR;
}
