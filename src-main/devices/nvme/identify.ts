/** What a controller and its namespaces say of themselves (NVM Express 1.4, 5.15). */
import { createHash } from 'node:crypto';
import type { BlockMedium } from '../virtio/block.ts';

export const PAGE_BYTES = 4096;
export const VENDOR = 0x1b36, DEVICE = 0x0010;
export const VERSION = 0x0001_0400;
export const LBA_BYTES = 512, LBA_SHIFT = 9;
/** Most that one command moves: 2 to this power of pages of 4 KiB. */
export const TRANSFER_SHIFT = 7;
export const EVENT_REQUESTS = 4, NAMESPACES = 8;
const ABORT_LIMIT = 3;

function fields(values: Readonly<Record<number, readonly [bytes: 1 | 2 | 4 | 8, value: number]>>): Uint8Array {
  const page = new Uint8Array(PAGE_BYTES), words = new DataView(page.buffer);
  for (const [at, [bytes, value]] of Object.entries(values)) {
    if (bytes === 8) words.setBigUint64(Number(at), BigInt(value), true);
    else if (bytes === 4) words.setUint32(Number(at), value, true);
    else if (bytes === 2) words.setUint16(Number(at), value, true);
    else words.setUint8(Number(at), value);
  }
  return page;
}

/** Padded with spaces. */
function setText(page: Uint8Array, at: number, length: number, text: string): void {
  page.set(new TextEncoder().encode(text.padEnd(length)).subarray(0, length), at);
}

export function controller(serial: string): Uint8Array {
  const page = fields({
    0: [2, VENDOR], 2: [2, VENDOR], 72: [1, 6], 77: [1, TRANSFER_SHIFT], 80: [4, VERSION], 92: [4, 1 << 8], 111: [1, 1],
    258: [1, ABORT_LIMIT], 259: [1, EVENT_REQUESTS - 1], 260: [1, 3], 261: [1, 1], 262: [1, 0], 266: [2, 343], 268: [2, 373],
    512: [1, 0x66], 513: [1, 0x44], 516: [4, NAMESPACES], 520: [2, 1 << 0 | 1 << 2 | 1 << 3], 525: [1, 1],
    2048: [2, 2500],
  });
  setText(page, 4, 20, serial);
  setText(page, 24, 40, 'Quarterdeck NVMe');
  setText(page, 64, 8, '1.0');
  page.set(new TextEncoder().encode(`nqn.2014-08.org.nvmexpress:quarterdeck:${serial}`), 768);
  return page;
}

/** One that is not there is all zeroes. */
export function namespace(medium: BlockMedium | undefined, name: string): Uint8Array {
  if (medium === undefined) return new Uint8Array(PAGE_BYTES);
  const blocks = Math.floor(medium.sizeBytes / LBA_BYTES);
  const page = fields({ 0: [8, blocks], 8: [8, blocks], 16: [8, blocks], 24: [1, 1], 99: [1, medium.readOnly ? 1 : 0], 128: [4, LBA_SHIFT << 16] });
  page.set(globalId(name), 104);
  return page;
}

/** Namespace Identification Descriptors: its NGUID. */
export function descriptors(name: string): Uint8Array {
  const page = new Uint8Array(PAGE_BYTES);
  page.set([2, 16]);
  page.set(globalId(name), 4);
  return page;
}

/** The same name has the same one everywhere. */
const globalId = (name: string): Uint8Array => createHash('sha256').update(name).digest().subarray(0, 16);

/** Numbers of namespaces above `after`. */
export function namespaceList(numbers: readonly number[], after: number): Uint8Array {
  const page = new Uint8Array(PAGE_BYTES), words = new DataView(page.buffer);
  numbers.filter(number => number > after).forEach((number, at) => words.setUint32(4 * at, number, true));
  return page;
}

/** SMART / Health Information (5.14.1.2): no warning, 300 K, all of the spare left. */
export function health(): Uint8Array {
  const page = new Uint8Array(512);
  page.set([0, 300 & 0xff, 300 >> 8, 100, 10]);
  return page;
}

/** Firmware Slot Information: one slot. */
export function firmware(): Uint8Array {
  const page = new Uint8Array(512);
  page[0] = 1;
  setText(page, 8, 8, '1.0');
  return page;
}
