/**
 * What the two halves of a live migration say to each other, whole messages in order:
 *
 *     source                         destination
 *     machine                   ->                  what machine it is; refused unless it is the same
 *                               <-  ready
 *     pages, pages …            ->                  round after round, while the guest runs
 *     pages, state              ->                  the guest stands still
 *                               <-  restored        it could go on from here
 *     yours                     ->                  the source has let go of its disks
 *                               <-  running         or refused, and the source goes on
 *
 * Each may say `refused` at any time, with a sentence. Whoever hears nothing more does not know: see decision 29.
 */
import { promisify } from 'node:util';
import { constants, zstdCompress, zstdDecompress } from 'node:zlib';
import { EngineError } from '../../../shared/base/errors.ts';
import { PAGE_BYTES } from '../../cpu/core/dirty-log.ts';

export const KINDS = ['machine', 'ready', 'pages', 'state', 'restored', 'yours', 'running', 'refused'] as const;
export type Kind = (typeof KINDS)[number];
export interface MigrationMessage { readonly kind: Kind; readonly payload: Uint8Array }

/** To be raised whenever a message changes its meaning. */
export const MIGRATION_FORMAT = 1;
export const PAGES_AT_ONCE = 256;
/** In a page's number: it is all zeroes, and does not follow. */
const IS_ZERO = 0x8000_0000, WORD_BYTES = 4;

const compress = promisify(zstdCompress), decompress = promisify(zstdDecompress);
const FAST = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
const ZERO_PAGE = Buffer.alloc(PAGE_BYTES);

export const damaged = () => new EngineError('migration.damaged', 'What came over the migration network is damaged.');

/** At most PAGES_AT_ONCE pages as they are now: how many, their numbers, and those that are not zero, compressed. */
export async function packPages(ram: Uint8Array, pages: Uint32Array): Promise<{ readonly payload: Uint8Array; readonly count: number; readonly zeroes: number }> {
  const head = Buffer.alloc(WORD_BYTES * (1 + pages.length)), parts: Buffer[] = [];
  head.writeUInt32LE(pages.length);
  pages.forEach((page, n) => {
    // A copy, which the guest does not write to while it is looked at.
    const bytes = Buffer.from(ram.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES)), isZero = bytes.equals(ZERO_PAGE);
    head.writeUInt32LE((isZero ? page | IS_ZERO : page) >>> 0, WORD_BYTES * (n + 1));
    if (!isZero) parts.push(bytes);
  });
  return { payload: Buffer.concat([head, ...(parts.length > 0 ? [await compress(Buffer.concat(parts), FAST)] : [])]), count: pages.length, zeroes: pages.length - parts.length };
}

/** Throws unless everything in it is as `packPages` makes it, and within the memory. */
export async function unpackPages(payload: Uint8Array, ram: Uint8Array, write: (at: number, bytes: Uint8Array) => void): Promise<void> {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length), count = bytes.length >= WORD_BYTES ? bytes.readUInt32LE() : 0, head = WORD_BYTES * (1 + count);
  if (count === 0 || count > PAGES_AT_ONCE || bytes.length < head) throw damaged();
  const pages = Array.from({ length: count }, (_, n) => bytes.readUInt32LE(WORD_BYTES * (n + 1))), full = pages.filter(page => (page & IS_ZERO) === 0).length;
  const contents = full === 0 ? Buffer.alloc(0) : await decompress(bytes.subarray(head), { maxOutputLength: full * PAGE_BYTES }).catch(() => { throw damaged(); });
  if (contents.length !== full * PAGE_BYTES || full === 0 && bytes.length !== head) throw damaged();
  let at = 0;
  for (const page of pages) {
    const isZero = (page & IS_ZERO) !== 0, place = (page & ~IS_ZERO) * PAGE_BYTES;
    if (place + PAGE_BYTES > ram.length) throw damaged();
    write(place, isZero ? ZERO_PAGE : contents.subarray(at, at += PAGE_BYTES));
  }
}

export const packed = async (bytes: Uint8Array): Promise<Uint8Array> => compress(bytes, FAST);
export const unpacked = async (bytes: Uint8Array, most: number): Promise<Buffer> => decompress(bytes, { maxOutputLength: most }).catch(() => { throw damaged(); });
