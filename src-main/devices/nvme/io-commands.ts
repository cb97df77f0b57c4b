/** The NVM command set (NVM Express 1.4, chapter 6), on media that answer later. Left out: metadata, fused commands, reservations. */
import type { BlockMedium } from '../virtio/block.ts';
import type { Dma } from '../../memory/dma.ts';
import {
  COMPARE_FAILURE, DATA_TRANSFER_ERROR, done, INVALID_FIELD, INVALID_NAMESPACE, INVALID_OPCODE, INVALID_PRP, LBA_OUT_OF_RANGE, NAMESPACE_READ_ONLY, refused, UNRECOVERED_READ,
  WRITE_FAULT, type Command, type Outcome,
} from './command.ts';
import { LBA_BYTES, TRANSFER_SHIFT } from './identify.ts';
import { extentsOf, readExtents, writeExtents, type Extent } from './prp.ts';

const ALL_NAMESPACES = 0xffff_ffff;
const MOST_BYTES = 4096 << TRANSFER_SHIFT;
const RANGE_BYTES = 16, DEALLOCATE = 1 << 2;

export interface IoContext {
  readonly dma: Dma;
  readonly pageBytes: number;
  /** By number, from 1. */
  readonly media: readonly BlockMedium[];
  /** The volatile write cache is off. */
  readonly isWriteThrough: boolean;
  /** False once the controller was reset or moved: then the guest's memory is no longer the command's. */
  readonly current: () => boolean;
}

interface Transfer { readonly medium: BlockMedium; readonly offset: number; readonly length: number }
type Operation = (context: IoContext, command: Command, transfer: Transfer) => Promise<Outcome>;

const READS: Readonly<Record<number, Operation>> = { 0x02: read, 0x05: compare };
const WRITES: Readonly<Record<number, Operation>> = { 0x01: write, 0x08: writeZeroes };
const FLUSH = 0x00, DATASET_MANAGEMENT = 0x09;

export async function runIoCommand(context: IoContext, command: Command): Promise<Outcome> {
  const { opcode } = command;
  if (command.flags !== 0) return refused(INVALID_FIELD);
  if (opcode === FLUSH) return flush(context, command);
  const medium = context.media[command.namespace - 1];
  if (medium === undefined) return refused(INVALID_NAMESPACE);
  if (opcode === DATASET_MANAGEMENT) return manage(context, command, medium);
  const operation = READS[opcode] ?? WRITES[opcode];
  if (operation === undefined) return refused(INVALID_OPCODE);
  if (medium.readOnly && WRITES[opcode] !== undefined) return refused(NAMESPACE_READ_ONLY);
  const transfer = { medium, offset: command.startLba * LBA_BYTES, length: ((command.dword(12) & 0xffff) + 1) * LBA_BYTES };
  if (transfer.offset + transfer.length > medium.sizeBytes) return refused(LBA_OUT_OF_RANGE);
  return operation(context, command, transfer);
}

async function flush({ media }: IoContext, { namespace }: Command): Promise<Outcome> {
  const all = namespace === ALL_NAMESPACES ? media : media.slice(namespace - 1, namespace);
  if (all.length === 0 || namespace === 0) return refused(INVALID_NAMESPACE);
  try { await Promise.all(all.map(medium => medium.flush())); } catch { return refused(WRITE_FAULT); }
  return done;
}

function dataOf({ dma, pageBytes }: IoContext, command: Command, length: number): Extent[] | undefined {
  return length > MOST_BYTES ? undefined : extentsOf(dma, command, length, pageBytes);
}

async function read(context: IoContext, command: Command, { medium, offset, length }: Transfer): Promise<Outcome> {
  const extents = dataOf(context, command, length);
  if (extents === undefined) return refused(length > MOST_BYTES ? INVALID_FIELD : INVALID_PRP);
  const bytes = new Uint8Array(length);
  try { await medium.read(offset, bytes); } catch { return refused(UNRECOVERED_READ); }
  return context.current() && writeExtents(context.dma, extents, bytes) ? done : refused(DATA_TRANSFER_ERROR);
}

async function write(context: IoContext, command: Command, { medium, offset, length }: Transfer): Promise<Outcome> {
  const extents = dataOf(context, command, length);
  if (extents === undefined) return refused(length > MOST_BYTES ? INVALID_FIELD : INVALID_PRP);
  const bytes = new Uint8Array(length), isForced = context.isWriteThrough || (command.dword(12) & 1 << 30) !== 0;
  if (!readExtents(context.dma, extents, bytes)) return refused(DATA_TRANSFER_ERROR);
  try {
    await medium.write(offset, bytes);
    if (isForced) await medium.flush();
  } catch { return refused(WRITE_FAULT); }
  return done;
}

async function compare(context: IoContext, command: Command, { medium, offset, length }: Transfer): Promise<Outcome> {
  const extents = dataOf(context, command, length), bytes = new Uint8Array(length), stored = new Uint8Array(length);
  if (extents === undefined) return refused(length > MOST_BYTES ? INVALID_FIELD : INVALID_PRP);
  if (!readExtents(context.dma, extents, bytes)) return refused(DATA_TRANSFER_ERROR);
  try { await medium.read(offset, stored); } catch { return refused(UNRECOVERED_READ); }
  return stored.every((byte, at) => byte === bytes[at]) ? done : refused(COMPARE_FAILURE);
}

/** The backend frees what it can of what reads as zeroes; the Deallocate bit asks for no more. */
async function writeZeroes(_: IoContext, __: Command, { medium, offset, length }: Transfer): Promise<Outcome> {
  try { await medium.zero(offset, length); } catch { return refused(WRITE_FAULT); }
  return done;
}

/** Every range is checked before the first is touched. */
async function manage({ dma, pageBytes }: IoContext, command: Command, medium: BlockMedium): Promise<Outcome> {
  const bytes = new Uint8Array(((command.dword(10) & 0xff) + 1) * RANGE_BYTES), extents = extentsOf(dma, command, bytes.length, pageBytes);
  if (extents === undefined) return refused(INVALID_PRP);
  if (!readExtents(dma, extents, bytes)) return refused(DATA_TRANSFER_ERROR);
  if ((command.dword(11) & DEALLOCATE) === 0) return done;
  if (medium.readOnly) return refused(NAMESPACE_READ_ONLY);
  const words = new DataView(bytes.buffer);
  const ranges = Array.from({ length: bytes.length / RANGE_BYTES }, (_, n) => ({
    offset: Number(words.getBigUint64(n * RANGE_BYTES + 8, true)) * LBA_BYTES, length: words.getUint32(n * RANGE_BYTES + 4, true) * LBA_BYTES,
  }));
  if (ranges.some(({ offset, length }) => offset + length > medium.sizeBytes)) return refused(LBA_OUT_OF_RANGE);
  try { for (const { offset, length } of ranges) if (length > 0) await medium.discard(offset, length); } catch { return refused(WRITE_FAULT); }
  return done;
}
