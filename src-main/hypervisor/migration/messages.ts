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
 * With post-copy the state says which pages are missing still, and after `running`:
 *
 *     pages, pages …            ->                  those that were asked for first
 *                               <-  asked           the guest waits for them
 *                               <-  whole           nothing is missing any more: the source may go
 *
 * Each may say `refused` at any time, with a sentence. Whoever hears nothing more does not know: see decision 29.
 */
import { promisify } from 'node:util';
import { constants, zstdCompress, zstdCompressSync, zstdDecompress, zstdDecompressSync } from 'node:zlib';
import { EngineError } from '../../../shared/base/errors.ts';
import { PAGE_BYTES } from '../../cpu/core/dirty-log.ts';

export const KINDS = ['machine', 'ready', 'pages', 'state', 'restored', 'yours', 'running', 'refused', 'asked', 'whole'] as const;
export type Kind = (typeof KINDS)[number];
export interface MigrationMessage { readonly kind: Kind; readonly payload: Uint8Array }

/** To be raised whenever a message changes its meaning. */
export const MIGRATION_FORMAT = 3;
export const PAGES_AT_ONCE = 256;
/** In a page's number: it is all zeroes, and does not follow. */
const IS_ZERO = 0x8000_0000, WORD_BYTES = 4, ASKED_BYTES = 12;

const compress = promisify(zstdCompress), decompress = promisify(zstdDecompress);
const FAST = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
const ZERO_PAGE = Buffer.alloc(PAGE_BYTES);

export const damaged = () => new EngineError('migration.damaged', 'What came over the migration network is damaged.');

/** `shrunk` is by what part the pages became smaller, when they were compressed. The payload's buffer is its own. */
export interface PackedPages { readonly payload: Uint8Array<ArrayBuffer>; readonly count: number; readonly zeroes: number; readonly shrunk?: number }

/** At most PAGES_AT_ONCE pages as they are now: how many, their numbers, and those that are not zero, compressed unless that makes them no smaller. */
export async function packPages(ram: Uint8Array, pages: Uint32Array, compressed: boolean): Promise<PackedPages> {
  const memory = Buffer.from(ram.buffer, ram.byteOffset, ram.length), pageAt = (page: number) => memory.subarray(page * PAGE_BYTES, (page + 1) * PAGE_BYTES);
  // What the guest writes to a page from now on is copied later, whatever it was when it was looked at.
  const isZero = Array.from(pages, page => pageAt(page).equals(ZERO_PAGE)), count = pages.length, zeroes = isZero.filter(Boolean).length;
  const head = WORD_BYTES * (1 + count), end = head + (count - zeroes) * PAGE_BYTES, buffer = Buffer.allocUnsafeSlow(end);
  buffer.writeUInt32LE(count);
  let at = head;
  pages.forEach((page, n) => {
    buffer.writeUInt32LE((isZero[n] ? page | IS_ZERO : page) >>> 0, WORD_BYTES * (n + 1));
    if (!isZero[n]) at += pageAt(page).copy(buffer, at);
  });
  const whole = { payload: new Uint8Array(buffer.buffer, 0, end), count, zeroes };
  if (!compressed || zeroes === count) return whole;
  const small = await compress(buffer.subarray(head, end), FAST), shrunk = small.length / (end - head);
  if (shrunk >= 1) return { ...whole, shrunk };
  const payload = new Uint8Array(head + small.length);
  payload.set(buffer.subarray(0, head));
  payload.set(small, head);
  return { payload, count, zeroes, shrunk };
}

/** Places pages in memory that is all zeroes at first. */
export class ArrivingPages {
  private readonly ram: Uint8Array;
  /** Of each page: it is not as it was at first, which costs the host's memory. */
  private readonly isWritten: Uint8Array;

  constructor(ram: Uint8Array) {
    this.ram = ram;
    this.isWritten = new Uint8Array(ram.length / PAGE_BYTES);
  }

  async place(payload: Uint8Array): Promise<void> {
    await unpackPages(payload, this.isWritten.length, (page, contents, isZero) => {
      if (isZero && this.isWritten[page] === 0) return;
      this.ram.set(contents, page * PAGE_BYTES);
      this.isWritten[page] = 1;
    });
  }
}

/** Throws, and gives none, unless everything in it is as `packPages` makes it, of a memory of so many pages. */
export async function unpackPages(payload: Uint8Array, most: number, each: (page: number, contents: Uint8Array, isZero: boolean) => void): Promise<void> {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length), count = bytes.length >= WORD_BYTES ? bytes.readUInt32LE() : 0, head = WORD_BYTES * (1 + count);
  if (count === 0 || count > PAGES_AT_ONCE || bytes.length < head) throw damaged();
  const pages = Array.from({ length: count }, (_, n) => bytes.readUInt32LE(WORD_BYTES * (n + 1))), full = pages.filter(page => (page & IS_ZERO) === 0).length;
  const rest = bytes.subarray(head), contents = rest.length === full * PAGE_BYTES ? rest : await decompress(rest, { maxOutputLength: full * PAGE_BYTES }).catch(() => { throw damaged(); });
  if (contents.length !== full * PAGE_BYTES || pages.some(page => (page & ~IS_ZERO) >= most)) throw damaged();
  let at = 0;
  for (const page of pages) {
    const isZero = (page & IS_ZERO) !== 0;
    each(page & ~IS_ZERO, isZero ? ZERO_PAGE : contents.subarray(at, at += PAGE_BYTES), isZero);
  }
}

/** Pages that are waited for now; how many were so far, and for how long altogether. */
export interface Asked { readonly pages: readonly number[]; readonly askedPages: number; readonly waitedMs: number }

export function packAsked({ pages, askedPages, waitedMs }: Asked): Uint8Array {
  const payload = Buffer.alloc(ASKED_BYTES + WORD_BYTES * pages.length);
  payload.writeDoubleLE(waitedMs);
  payload.writeUInt32LE(askedPages, ASKED_BYTES - WORD_BYTES);
  pages.forEach((page, n) => payload.writeUInt32LE(page, ASKED_BYTES + WORD_BYTES * n));
  return payload;
}

export function unpackAsked(payload: Uint8Array): Asked {
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.length), words = (bytes.length - ASKED_BYTES) / WORD_BYTES;
  if (words < 0 || !Number.isInteger(words)) throw damaged();
  return { pages: Array.from({ length: words }, (_, n) => bytes.readUInt32LE(ASKED_BYTES + WORD_BYTES * n)), askedPages: bytes.readUInt32LE(ASKED_BYTES - WORD_BYTES), waitedMs: bytes.readDoubleLE() };
}

/** Little, and while a guest stands still: at once. */
export const packed = (bytes: Uint8Array): Uint8Array => zstdCompressSync(bytes, FAST);
export function unpacked(bytes: Uint8Array, most: number): Buffer { try { return zstdDecompressSync(bytes, { maxOutputLength: most }); } catch { throw damaged(); } }
