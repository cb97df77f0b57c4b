/** Submission and completion queue entries (NVM Express 1.4, 4.2 and 4.6). */

export const ENTRY_BYTES = 64, COMPLETION_BYTES = 16;

/** A submission queue entry. */
export class Command {
  readonly bytes: Uint8Array;
  private readonly words: DataView;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.words = new DataView(bytes.buffer, bytes.byteOffset, ENTRY_BYTES);
  }

  get opcode(): number { return this.bytes[0]!; }
  /** Fused operations, and whether SGLs describe the data: neither is supported. */
  get flags(): number { return this.bytes[1]!; }
  get id(): number { return this.words.getUint16(2, true); }
  get namespace(): number { return this.dword(1); }
  get prp1(): number { return Number(this.words.getBigUint64(24, true)); }
  get prp2(): number { return Number(this.words.getBigUint64(32, true)); }
  /** Command Dword `n`, 0 to 15. */
  dword(n: number): number { return this.words.getUint32(4 * n, true); }
  /** Starting LBA. */
  get startLba(): number { return Number(this.words.getBigUint64(40, true)); }
}

/** A status field: code, type above, and whether to try again is of no use. */
export type Status = number;
const DO_NOT_RETRY = 1 << 14, SPECIFIC = 1 << 8, MEDIA = 2 << 8;
export const OK: Status = 0;
export const INVALID_OPCODE = 0x01 | DO_NOT_RETRY, INVALID_FIELD = 0x02 | DO_NOT_RETRY, DATA_TRANSFER_ERROR = 0x04;
export const ABORTED_BY_QUEUE_DELETION = 0x08, INVALID_NAMESPACE = 0x0b | DO_NOT_RETRY, INVALID_PRP = 0x13 | DO_NOT_RETRY;
export const LBA_OUT_OF_RANGE = 0x80 | DO_NOT_RETRY;
export const INVALID_QUEUE = 0x01 | SPECIFIC | DO_NOT_RETRY, INVALID_QUEUE_SIZE = 0x02 | SPECIFIC | DO_NOT_RETRY;
export const INVALID_COMPLETION_QUEUE = 0x00 | SPECIFIC | DO_NOT_RETRY, TOO_MANY_EVENT_REQUESTS = 0x05 | SPECIFIC | DO_NOT_RETRY;
export const INVALID_VECTOR = 0x08 | SPECIFIC | DO_NOT_RETRY, INVALID_LOG_PAGE = 0x09 | SPECIFIC | DO_NOT_RETRY;
export const QUEUE_HAS_SUBMISSION_QUEUES = 0x0c | SPECIFIC | DO_NOT_RETRY, NOT_SAVEABLE = 0x0d | SPECIFIC | DO_NOT_RETRY;
export const NAMESPACE_READ_ONLY = 0x82 | SPECIFIC | DO_NOT_RETRY;
export const WRITE_FAULT = 0x80 | MEDIA, UNRECOVERED_READ = 0x81 | MEDIA, COMPARE_FAILURE = 0x85 | MEDIA | DO_NOT_RETRY;

export interface Outcome { readonly status: Status; readonly result?: number }
export const done: Outcome = { status: OK };
export const refused = (status: Status): Outcome => ({ status });

/** `position` is the submission queue's: its head and its number. */
export function completion(commandId: number, { status, result = 0 }: Outcome, position: { readonly head: number; readonly queue: number }): Uint8Array {
  const words = new Uint32Array([result, 0, position.queue << 16 | position.head, status << 17 | commandId]);
  return new Uint8Array(words.buffer);
}
