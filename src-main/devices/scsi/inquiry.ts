/** What a unit says of itself: INQUIRY (SPC-4, 6.6), vital product data (7.8) and mode pages (7.5, MMC-6 7). */
import { createHash } from 'node:crypto';
import { check, give, page, text, TRANSFER_BYTES_MOST, type Cdb, type ScsiOutcome } from './command.ts';
import type { ScsiUnit } from './scsi-unit.ts';
import { INVALID_FIELD, NOTHING_SAVED } from './sense.ts';

const VENDOR = 'QUARTERD', REVISION = '1.0 ';
const REMOVABLE = 0x80, SPC_4 = 6, RESPONSE_FORMAT = 2, COMMAND_QUEUE = 2;
const NO_UNIT = 0x7f;
/** Of UNMAP and WRITE SAME. */
export const UNMAP_BLOCKS_MOST = 0x3f_ffff, UNMAP_RANGES_MOST = 32, WRITE_SAME_BLOCKS_MOST = 0xffff;

export function inquiry(unit: ScsiUnit, cdb: Cdb): ScsiOutcome {
  const allocated = cdb.word(3), isVital = (cdb.byte(1) & 1) !== 0, number = cdb.byte(2);
  if (!isVital) return number === 0 ? give(standard(unit), allocated) : check(INVALID_FIELD);
  const pages = vitalPages(unit), body = number === 0 ? Uint8Array.from([0, ...Object.keys(pages).map(Number)]) : pages[number]?.();
  return body === undefined ? check(INVALID_FIELD) : give(Uint8Array.from([unit.type, number, body.length >> 8, body.length & 0xff, ...body]), allocated);
}

function standard({ type }: ScsiUnit): Uint8Array {
  const isDisk = type === 0, bytes = page(36, { 0: [1, type], 1: [1, isDisk ? 0 : REMOVABLE], 2: [1, SPC_4], 3: [1, RESPONSE_FORMAT], 4: [1, 31], 7: [1, COMMAND_QUEUE] });
  bytes.set(text(VENDOR, 8), 8);
  bytes.set(text(isDisk ? 'Quarterdeck disk' : 'Quarterdeck CD', 16), 16);
  bytes.set(text(REVISION, 4), 32);
  return bytes;
}

/** Of a unit that is not there, though its target is. */
export const noUnit = (cdb: Cdb): ScsiOutcome => give(page(36, { 0: [1, NO_UNIT], 2: [1, SPC_4], 3: [1, RESPONSE_FORMAT], 4: [1, 31] }), cdb.word(3));

const vitalPages = (unit: ScsiUnit): Readonly<Record<number, () => Uint8Array>> => ({
  0x80: () => text(unit.serial, Math.max(4, unit.serial.length)), 0x83: () => designators(unit),
  ...(unit.type === 0 && { 0xb0: blockLimits, 0xb1: () => page(0x3c, { 0: [2, 1] }), 0xb2: () => provisioning(unit) }),
});

/** A name of ours, and a locally assigned NAA; the same serial number has the same one everywhere. */
function designators({ serial }: ScsiUnit): Uint8Array {
  const name = text(`${VENDOR}${serial}`, 8 + serial.length), id = createHash('sha256').update(serial).digest().subarray(0, 8);
  id[0] = id[0]! & 0x0f | 0x30;
  return Uint8Array.from([0x02, 0x01, 0, name.length, ...name, 0x01, 0x03, 0, id.length, ...id]);
}

/** Block limits without its header of 4 bytes: no WRITE SAME of no blocks; 4 KiB are freed at once. */
const blockLimits = (): Uint8Array => page(0x3c, {
  0: [1, 1], 4: [4, TRANSFER_BYTES_MOST / 512], 16: [4, UNMAP_BLOCKS_MOST], 20: [4, UNMAP_RANGES_MOST], 24: [4, 8], 32: [8, WRITE_SAME_BLOCKS_MOST],
});

/** UNMAP and both WRITE SAMEs free blocks, of which nobody says what they read as. */
const provisioning = ({ medium }: ScsiUnit): Uint8Array => Uint8Array.of(0, medium?.readOnly === false ? 0xe0 : 0, medium?.readOnly === false ? 2 : 0, 0);

const WRITE_CACHE = 4, WRITE_PROTECTED = 0x80, FORCED_WRITES = 0x10;
const modePages = ({ type, isLocked }: ScsiUnit): Readonly<Record<number, Uint8Array>> => ({
  0x01: Uint8Array.from([1, 0x0a, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
  0x08: page(20, { 0: [1, 8], 1: [1, 0x12], 2: [1, type === 0 ? WRITE_CACHE : 0] }),
  0x0a: page(12, { 0: [1, 0x0a], 1: [1, 0x0a], 3: [1, 0x10] }),
  // Reads DVDs; a tray with a lock.
  ...(type === 5 && { 0x2a: page(22, { 0: [1, 0x2a], 1: [1, 20], 2: [1, 0x3b], 4: [1, 0x70], 5: [1, 0x03], 6: [1, 0x29 | (isLocked ? 2 : 0)], 8: [2, 706], 10: [2, 2], 12: [2, 512], 14: [2, 706] }) }),
});

/** MODE SENSE (6) and (10): current and default values are the same, and none can be changed. No block descriptors. */
export function modeSense(unit: ScsiUnit, cdb: Cdb): ScsiOutcome {
  const isShort = cdb.opcode === 0x1a, number = cdb.byte(2) & 0x3f, control = cdb.byte(2) >> 6, subpage = cdb.byte(3), pages = modePages(unit);
  if (control === 3) return check(NOTHING_SAVED);
  const chosen = number === 0x3f ? Object.values(pages) : pages[number] === undefined ? [] : [pages[number]];
  if (chosen.length === 0 || (subpage !== 0 && subpage !== 0xff)) return check(INVALID_FIELD);
  const body = chosen.flatMap(bytes => [...(control === 1 ? [bytes[0]!, bytes[1]!, ...new Uint8Array(bytes.length - 2)] : bytes)]);
  const flags = unit.type === 0 ? FORCED_WRITES | (unit.medium?.readOnly ? WRITE_PROTECTED : 0) : 0, length = body.length;
  return isShort ? give(Uint8Array.from([length + 3, 0, flags, 0, ...body]), cdb.byte(4)) : give(Uint8Array.from([0, length + 6, 0, flags, 0, 0, 0, 0, ...body]), cdb.word(7));
}
