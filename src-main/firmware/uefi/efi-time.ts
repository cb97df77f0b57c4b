/** EFI_TIME (UEFI 2.10, 8.3): 16 bytes of a date in UTC, without a time zone. */

const BYTES = 16, UNSPECIFIED_TIMEZONE = 0x7ff;

/** From ms since 1970. */
export function timeBytes(ms: number): Uint8Array {
  const date = new Date(ms), time = new DataView(new ArrayBuffer(BYTES));
  time.setUint16(0, date.getUTCFullYear(), true);
  [date.getUTCMonth() + 1, date.getUTCDate(), date.getUTCHours(), date.getUTCMinutes(), date.getUTCSeconds()].forEach((value, n) => time.setUint8(2 + n, value));
  time.setInt16(12, UNSPECIFIED_TIMEZONE, true);
  return new Uint8Array(time.buffer);
}

/** The fields of one, and what they come to in ms since 1970, without its time zone in minutes. */
export function readTime(bytes: Uint8Array): { readonly year: number; readonly month: number; readonly hour: number; readonly minute: number; readonly second: number; readonly zone: number | undefined; readonly ms: number } {
  const time = new DataView(bytes.buffer, bytes.byteOffset), [month, day, hour, minute, second] = [2, 3, 4, 5, 6].map(at => time.getUint8(at)) as [number, number, number, number, number];
  const year = time.getUint16(0, true), zone = time.getInt16(12, true);
  return { year, month, hour, minute, second, zone: zone === UNSPECIFIED_TIMEZONE ? undefined : zone, ms: Date.UTC(year, month - 1, day, hour, minute, second) };
}
