/** How a command ended (SAM-5, 5.3) and why (SPC-4, 4.5 and annex F). */

export const GOOD = 0, CHECK_CONDITION = 2;
const NOT_READY = 2, MEDIUM_ERROR = 3, ILLEGAL_REQUEST = 5, UNIT_ATTENTION = 6, DATA_PROTECT = 7;

/** Sense key, additional sense code and its qualifier. */
export type Sense = readonly [key: number, code: number, qualifier: number];
export const NO_SENSE: Sense = [0, 0, 0];
export const INVALID_OPCODE: Sense = [ILLEGAL_REQUEST, 0x20, 0], LBA_OUT_OF_RANGE: Sense = [ILLEGAL_REQUEST, 0x21, 0], INVALID_FIELD: Sense = [ILLEGAL_REQUEST, 0x24, 0];
export const NO_SUCH_UNIT: Sense = [ILLEGAL_REQUEST, 0x25, 0], INVALID_PARAMETER: Sense = [ILLEGAL_REQUEST, 0x26, 0], NOTHING_SAVED: Sense = [ILLEGAL_REQUEST, 0x39, 0];
export const REMOVAL_PREVENTED: Sense = [ILLEGAL_REQUEST, 0x53, 2];
export const STOPPED: Sense = [NOT_READY, 0x04, 2], TRAY_CLOSED: Sense = [NOT_READY, 0x3a, 1], TRAY_OPEN: Sense = [NOT_READY, 0x3a, 2];
export const READ_ERROR: Sense = [MEDIUM_ERROR, 0x11, 0], WRITE_ERROR: Sense = [MEDIUM_ERROR, 0x0c, 0], WRITE_PROTECTED: Sense = [DATA_PROTECT, 0x27, 0];
export const MEDIUM_CHANGED: Sense = [UNIT_ATTENTION, 0x28, 0], WAS_RESET: Sense = [UNIT_ATTENTION, 0x29, 0];

const FIXED_BYTES = 18;

/** Fixed format. */
export function fixedSense([key, code, qualifier]: Sense): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(FIXED_BYTES);
  bytes[0] = 0x70;
  bytes[2] = key;
  bytes[7] = FIXED_BYTES - 8;
  bytes[12] = code;
  bytes[13] = qualifier;
  return bytes;
}
