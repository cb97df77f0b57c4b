/** What disks and CDs share, and what only disks do (SBC-3, chapter 5), on media that answer later. Left out: protection information, PERSISTENT RESERVE, FORMAT UNIT. */
import type { BlockMedium } from '../virtio/block.ts';
import { check, give, good, overrun, page, TRANSFER_BYTES_MOST, type Cdb, type ScsiOutcome, type ScsiRequest } from './command.ts';
import { UNMAP_BLOCKS_MOST, UNMAP_RANGES_MOST, WRITE_SAME_BLOCKS_MOST } from './inquiry.ts';
import type { ScsiUnit } from './scsi-unit.ts';
import { INVALID_FIELD, INVALID_PARAMETER, LBA_OUT_OF_RANGE, READ_ERROR, WRITE_ERROR, WRITE_PROTECTED } from './sense.ts';

export type MediumCommand = (unit: ScsiUnit, request: ScsiRequest, medium: BlockMedium) => ScsiOutcome | Promise<ScsiOutcome>;
interface Range { readonly lba: number; readonly count: number }

const FORCE = 8, UNMAP = 8, NO_DATA = 1;
const HEADER_BYTES = 8, RANGE_BYTES = 16;

/** Where the address and the count are, by the group of the operation code. */
export function rangeOf(cdb: Cdb): Range {
  switch (cdb.opcode >> 5) {
    case 0: return { lba: cdb.long(0) & 0x1f_ffff, count: cdb.byte(4) || 256 };
    case 4: return { lba: cdb.wide(2), count: cdb.long(10) };
    case 5: return { lba: cdb.long(2), count: cdb.long(6) };
    default: return { lba: cdb.long(2), count: cdb.word(7) };
  }
}

const holds = (unit: ScsiUnit, { lba, count }: Range) => lba + count <= unit.blocks;

export const read: MediumCommand = async (unit, { cdb, inBytes }, medium) => {
  const range = rangeOf(cdb), length = range.count * unit.blockBytes;
  if (!holds(unit, range)) return check(LBA_OUT_OF_RANGE);
  if (length > TRANSFER_BYTES_MOST) return check(INVALID_FIELD);
  if (length > inBytes) return overrun;
  const data = new Uint8Array(length);
  try { await medium.read(range.lba * unit.blockBytes, data); } catch { return check(READ_ERROR); }
  return { data };
};

const write: MediumCommand = async (unit, { cdb, outBytes, dataOut }, medium) => {
  const range = rangeOf(cdb), length = range.count * unit.blockBytes, isForced = cdb.opcode !== 0x0a && (cdb.byte(1) & FORCE) !== 0;
  if (!holds(unit, range)) return check(LBA_OUT_OF_RANGE);
  if (length > TRANSFER_BYTES_MOST) return check(INVALID_FIELD);
  if (length > outBytes) return overrun;
  await medium.write(range.lba * unit.blockBytes, dataOut(length));
  if (isForced) await medium.flush();
  return { taken: length };
};

/** Without comparing: that the blocks are there. */
const verify: MediumCommand = (unit, { cdb }) => {
  if (!holds(unit, rangeOf(cdb))) return check(LBA_OUT_OF_RANGE);
  return (cdb.byte(1) & 6) === 0 ? good : check(INVALID_FIELD);
};

const writeSame: MediumCommand = async (unit, { cdb, outBytes, dataOut, current }, medium) => {
  const range = rangeOf(cdb), { blockBytes } = unit, isWide = cdb.opcode === 0x93, isEmpty = isWide && (cdb.byte(1) & NO_DATA) !== 0;
  if (range.count === 0 || range.count > WRITE_SAME_BLOCKS_MOST) return check(INVALID_FIELD);
  if (!holds(unit, range)) return check(LBA_OUT_OF_RANGE);
  if (!isEmpty && outBytes < blockBytes) return overrun;
  const block = isEmpty ? new Uint8Array(blockBytes) : dataOut(blockBytes), end = (range.lba + range.count) * blockBytes, taken = isEmpty ? 0 : blockBytes;
  if (block.every(byte => byte === 0)) await medium.zero(range.lba * blockBytes, range.count * blockBytes);
  else if ((cdb.byte(1) & UNMAP) !== 0) return check(INVALID_FIELD);
  else for (let at = range.lba * blockBytes; at < end && current(); at += TRANSFER_BYTES_MOST) await medium.write(at, repeated(block, Math.min(TRANSFER_BYTES_MOST, end - at)));
  return { taken };
};

function repeated(block: Uint8Array, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += block.length) bytes.set(block, at);
  return bytes;
}

/** Every range is checked before the first is touched. */
const unmap: MediumCommand = async (unit, { cdb, outBytes, dataOut }, medium) => {
  const length = cdb.word(7);
  if (length === 0) return good;
  if (length > outBytes) return overrun;
  const bytes = dataOut(length), words = new DataView(bytes.buffer), listed = length < HEADER_BYTES ? -1 : words.getUint16(2);
  if (listed < 0 || listed % RANGE_BYTES !== 0 || HEADER_BYTES + listed > length || listed > UNMAP_RANGES_MOST * RANGE_BYTES) return check(INVALID_PARAMETER);
  const ranges = Array.from({ length: listed / RANGE_BYTES }, (_, n) => ({ lba: Number(words.getBigUint64(HEADER_BYTES + n * RANGE_BYTES)), count: words.getUint32(HEADER_BYTES + n * RANGE_BYTES + 8) }));
  if (ranges.some(({ count }) => count > UNMAP_BLOCKS_MOST)) return check(INVALID_PARAMETER);
  if (!ranges.every(range => holds(unit, range))) return check(LBA_OUT_OF_RANGE);
  for (const { lba, count } of ranges) if (count > 0) await medium.discard(lba * unit.blockBytes, count * unit.blockBytes);
  return { taken: length };
};

const flush: MediumCommand = async (_, __, medium) => {
  await medium.flush();
  return good;
};

export const readCapacity: MediumCommand = ({ blocks, blockBytes }) => ({ data: page(8, { 0: [4, Math.min(blocks - 1, 0xffff_ffff)], 4: [4, blockBytes] }) });

/** The only SERVICE ACTION IN (16). */
const readCapacity16: MediumCommand = ({ blocks, blockBytes }, { cdb }, medium) => ((cdb.byte(1) & 0x1f) !== 0x10 ? check(INVALID_FIELD)
  : give(page(32, { 0: [8, blocks - 1], 8: [4, blockBytes], 14: [1, medium.readOnly ? 0 : 0x80] }), cdb.long(10)));

/** What fails is a failed write; a medium that is read-only refuses. */
const changing = (command: MediumCommand): MediumCommand => async (unit, request, medium) => {
  if (medium.readOnly) return check(WRITE_PROTECTED);
  try { return await command(unit, request, medium); } catch { return check(WRITE_ERROR); }
};
const flushing: MediumCommand = async (unit, request, medium) => { try { return await flush(unit, request, medium); } catch { return check(WRITE_ERROR); } };

export const DISK_COMMANDS: Readonly<Record<number, MediumCommand>> = {
  0x08: read, 0x28: read, 0xa8: read, 0x88: read, 0x0a: changing(write), 0x2a: changing(write), 0xaa: changing(write), 0x8a: changing(write),
  0x25: readCapacity, 0x9e: readCapacity16, 0x2f: verify, 0x8f: verify, 0xaf: verify, 0x35: flushing, 0x91: flushing,
  0x41: changing(writeSame), 0x93: changing(writeSame), 0x42: changing(unmap),
};
