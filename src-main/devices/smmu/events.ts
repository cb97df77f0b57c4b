/** Records of the event queue (IHI 0070, 7.3): 32 bytes that say what became of a transaction. */
import type { WalkFault } from './walk.ts';

export const EVENT = {
  F_UUT: 0x01, C_BAD_STREAMID: 0x02, F_STE_FETCH: 0x03, C_BAD_STE: 0x04, F_CD_FETCH: 0x09, C_BAD_CD: 0x0a, F_WALK_EABT: 0x0b,
  F_TRANSLATION: 0x10, F_ADDR_SIZE: 0x11, F_ACCESS: 0x12, F_PERMISSION: 0x13,
} as const;

export const FAULT_EVENT: Readonly<Record<WalkFault, number>> = {
  'walk-abort': EVENT.F_WALK_EABT, translation: EVENT.F_TRANSLATION, 'address-size': EVENT.F_ADDR_SIZE, access: EVENT.F_ACCESS, permission: EVENT.F_PERMISSION,
};

export const EVENT_BYTES = 32;
export const CLASS_CD = 0, CLASS_TABLE = 1, CLASS_INPUT = 2;

export interface Event {
  readonly type: number;
  readonly isRead?: boolean;
  readonly privileged?: boolean;
  readonly isStage2?: boolean;
  /** What the faulting access was for. */
  readonly class?: number;
  readonly inputAddress?: number;
  readonly ipa?: number;
  readonly fetchAddress?: number;
}

export function eventRecord(stream: number, event: Event): Uint8Array {
  const bytes = new Uint8Array(EVENT_BYTES), words = new DataView(bytes.buffer);
  const wide = (at: number, value: number) => words.setBigUint64(at, BigInt.asUintN(64, BigInt(value)), true);
  words.setUint32(0, event.type, true);
  words.setUint32(4, stream, true);
  words.setUint32(12, Number(event.privileged ?? false) << 1 | Number(event.isRead ?? false) << 3 | Number(event.isStage2 ?? false) << 7 | (event.class ?? 0) << 8, true);
  wide(16, event.inputAddress ?? 0);
  wide(24, event.fetchAddress ?? event.ipa ?? 0);
  return bytes;
}
