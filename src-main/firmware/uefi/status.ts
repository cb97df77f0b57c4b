/** EFI_STATUS (UEFI 2.10, appendix D): errors have the top bit set. */

const error = (code: number): bigint => (1n << 63n) | BigInt(code);

export const SUCCESS = 0n;
export const LOAD_ERROR = error(1), INVALID_PARAMETER = error(2), UNSUPPORTED = error(3), BAD_BUFFER_SIZE = error(4), BUFFER_TOO_SMALL = error(5), NOT_READY = error(6), DEVICE_ERROR = error(7),
  WRITE_PROTECTED = error(8), OUT_OF_RESOURCES = error(9), VOLUME_CORRUPTED = error(10), VOLUME_FULL = error(11), NO_MEDIA = error(12), MEDIA_CHANGED = error(13), NOT_FOUND = error(14), ACCESS_DENIED = error(15),
  NOT_STARTED = error(19), ALREADY_STARTED = error(20), ABORTED = error(21), SECURITY_VIOLATION = error(26), END_OF_FILE = error(31);
/** A glyph that cannot be shown; not an error. */
export const WARN_UNKNOWN_GLYPH = 1n;
export const WARN_DELETE_FAILURE = 2n;

export const isError = (status: bigint): boolean => BigInt.asIntN(64, status) < 0n;

const NAMES: ReadonlyMap<bigint, string> = new Map([
  [SUCCESS, 'Success'], [LOAD_ERROR, 'Load Error'], [INVALID_PARAMETER, 'Invalid Parameter'], [UNSUPPORTED, 'Unsupported'], [BUFFER_TOO_SMALL, 'Buffer Too Small'], [DEVICE_ERROR, 'Device Error'], [WRITE_PROTECTED, 'Write Protected'],
  [OUT_OF_RESOURCES, 'Out of Resources'], [VOLUME_CORRUPTED, 'Volume Corrupt'], [NO_MEDIA, 'No Media'], [NOT_FOUND, 'Not Found'], [ACCESS_DENIED, 'Access Denied'], [ABORTED, 'Aborted'], [SECURITY_VIOLATION, 'Security Violation'],
]);
/** As people know it. */
export const statusName = (status: bigint): string => NAMES.get(status) ?? `0x${status.toString(16)}`;
