/** What a trap to EL2 means: the syndrome (ESR_EL2, D17.2.37) made into one of the things that a hypervisor does. */
import type { Ipa } from '../../shared/base/ids.ts';

export interface Syndrome { readonly esr: bigint; readonly far: bigint; readonly hpfar: bigint }

/** A load or store, or a store to what may only be read, that the hypervisor performs for the guest: the register is extended as the instruction says. */
export interface MmioExit {
  readonly kind: 'mmio';
  readonly ipa: Ipa;
  readonly bytes: 1 | 2 | 4 | 8;
  readonly write: boolean;
  readonly signed: boolean;
  readonly wide: boolean;
  readonly register: number;
}

export type VmExit =
  | MmioExit
  /** An access whose instruction the syndrome does not describe, or one that stage 2 forbids. */
  | { readonly kind: 'abort'; readonly ipa: Ipa; readonly va: bigint; readonly instruction: boolean }
  | { readonly kind: 'hvc'; readonly immediate: number }
  | { readonly kind: 'smc'; readonly immediate: number }
  | { readonly kind: 'system-register'; readonly at: string; readonly write: boolean; readonly register: number }
  | { readonly kind: 'unknown'; readonly exceptionClass: number };

const EC_HVC64 = 0x16;
const EC_SMC64 = 0x17;
const EC_SYSTEM = 0x18;
const EC_INSTRUCTION_ABORT = 0x20;
const EC_DATA_ABORT = 0x24;

/** DFSC without its level. */
const TRANSLATION = 1, PERMISSION = 3;

const field = (value: bigint, high: number, low: number) => Number((value >> BigInt(low)) & ((1n << BigInt(high - low + 1)) - 1n));

export function decodeExit({ esr, far, hpfar }: Syndrome): VmExit {
  const exceptionClass = field(esr, 31, 26);
  const ipa = (Number(hpfar >> 4n) * 4096 + Number(far & 0xfffn)) as Ipa;
  switch (exceptionClass) {
    case EC_HVC64: return { kind: 'hvc', immediate: field(esr, 15, 0) };
    case EC_SMC64: return { kind: 'smc', immediate: field(esr, 15, 0) };
    case EC_SYSTEM: return { kind: 'system-register', at: registerOf(esr), write: field(esr, 0, 0) === 0, register: field(esr, 9, 5) };
    case EC_INSTRUCTION_ABORT: return { kind: 'abort', ipa, va: far, instruction: true };
    case EC_DATA_ABORT: return dataAbort(esr, far, ipa);
    default: return { kind: 'unknown', exceptionClass };
  }
}

/** The name that assemblers take for any system register. */
function registerOf(esr: bigint): string {
  return `S${field(esr, 21, 20)}_${field(esr, 16, 14)}_C${field(esr, 13, 10)}_C${field(esr, 4, 1)}_${field(esr, 19, 17)}`;
}

function dataAbort(esr: bigint, far: bigint, ipa: Ipa): VmExit {
  const described = field(esr, 24, 24) === 1, write = field(esr, 6, 6) === 1, status = field(esr, 5, 2);
  if (!described || !(status === TRANSLATION || (status === PERMISSION && write))) return { kind: 'abort', ipa, va: far, instruction: false };
  return {
    kind: 'mmio', ipa, bytes: (1 << field(esr, 23, 22)) as 1 | 2 | 4 | 8, write,
    signed: field(esr, 21, 21) === 1, wide: field(esr, 15, 15) === 1, register: field(esr, 20, 16),
  };
}

/** What a load leaves in its register, from the bytes that the device gave. */
export function loadedValue({ bytes, signed, wide }: MmioExit, raw: bigint): bigint {
  const value = signed ? BigInt.asIntN(8 * bytes, raw) : BigInt.asUintN(8 * bytes, raw);
  return BigInt.asUintN(wide ? 64 : 32, value);
}
