/**
 * NOR flash: two 16-bit chips side by side with Intel's command set (JESD68.01 CFI; JEP137 command set 1; Intel StrataFlash P30
 * datasheet), as QEMU's `virt` has two banks of. While it shows its array, whoever runs the machine lets the guest read the bytes
 * themselves, and only writes arrive here. Commands complete at once. Left out: protection registers, suspending, locks that protect.
 */
import { hex, type AccessSize, type GuestErrorSink, type Region } from '../../memory/region.ts';
import type { Device } from '../device.ts';

export const SECTOR_BYTES = 0x40000;
/** Of both chips. */
const BUFFER_BYTES = 2048;
const MANUFACTURER = 0x89, DEVICE = 0x18;
/** SR.7: ready; SR.5 and SR.4 together: the command sequence was wrong. */
const READY = 0x80, SEQUENCE_ERROR = 0x30, PROTECTED = 0x02;
const ERASED = 0xff;

type Mode = 'array' | 'status' | 'identifier' | 'query';
/** What the next write belongs to. */
type Sequence =
  | { readonly kind: 'none' | 'program' | 'erase' | 'lock' | 'buffer-count' }
  | { readonly kind: 'buffer'; readonly start: number; readonly left: number; readonly data: readonly (readonly [offset: number, size: AccessSize, value: number])[] }
  | { readonly kind: 'buffer-confirm'; readonly data: readonly (readonly [offset: number, size: AccessSize, value: number])[] };

export interface CfiFlashState { mode: Mode; sequence: Sequence; status: number; contents: Uint8Array }

export interface CfiFlashIo {
  readonly name: string;
  /** The array; whole sectors. It is written to here only. */
  readonly contents: Uint8Array;
  /** Programming and erasing do nothing, as with the write protect pin. */
  readonly readOnly?: boolean;
  /** Whether reads give the array from now on. */
  readonly showsArray: (shows: boolean) => void;
  /** Bytes of the array are others. */
  readonly changed: (offset: number, length: number) => void;
  readonly guestError: GuestErrorSink;
}

export class CfiFlash implements Device<CfiFlashState> {
  readonly name: string;
  readonly regions: { readonly registers: Region };
  private readonly io: CfiFlashIo;
  private readonly view: DataView;
  private mode: Mode = 'array';
  private sequence: Sequence = { kind: 'none' };
  private status = READY;

  constructor(io: CfiFlashIo) {
    this.name = io.name;
    this.io = io;
    this.view = new DataView(io.contents.buffer, io.contents.byteOffset, io.contents.byteLength);
    this.regions = { registers: { read: (offset, size) => this.read(offset, size), write: (offset, size, value) => this.write(offset, size, value) } };
  }

  get sizeBytes(): number { return this.io.contents.length; }

  reset(): void { this.settle('array', { kind: 'none' }, READY); }

  save(): CfiFlashState { return { mode: this.mode, sequence: structuredClone(this.sequence), status: this.status, contents: this.io.contents.slice() }; }

  restore({ mode, sequence, status, contents }: CfiFlashState): void {
    this.io.contents.set(contents);
    this.io.changed(0, contents.length);
    this.settle(mode, structuredClone(sequence), status);
  }

  private settle(mode: Mode, sequence: Sequence, status: number): void {
    this.sequence = sequence;
    this.status = status;
    this.show(mode);
  }

  private show(mode: Mode): void {
    this.mode = mode;
    this.io.showsArray(mode === 'array');
  }

  private read(offset: number, size: AccessSize): number {
    switch (this.mode) {
      case 'array': return size === 4 ? this.view.getUint32(offset, true) : size === 2 ? this.view.getUint16(offset, true) : this.view.getUint8(offset);
      case 'status': return twice(this.status, size);
      case 'identifier': return twice([MANUFACTURER, DEVICE][offset % SECTOR_BYTES >> 2] ?? 0, size);
      case 'query': return twice(this.query[offset >> 2] ?? 0, size);
      default: return this.mode satisfies never;
    }
  }

  private write(offset: number, size: AccessSize, value: number): void {
    const { sequence } = this;
    switch (sequence.kind) {
      case 'none': return this.command(value & 0xff);
      case 'program': return this.finish(this.program([[offset, size, value]]));
      case 'erase': return this.finish((value & 0xff) === 0xd0 ? this.erase(offset) : SEQUENCE_ERROR);
      case 'lock': return this.finish([0x01, 0xd0, 0x2f].includes(value & 0xff) ? 0 : SEQUENCE_ERROR);
      case 'buffer-count': return this.count(offset, (value & 0xffff) + 1);
      case 'buffer': return this.fill(sequence, offset, size, value);
      case 'buffer-confirm': return this.finish((value & 0xff) === 0xd0 ? this.program(sequence.data) : SEQUENCE_ERROR);
      default: sequence satisfies never;
    }
  }

  private command(code: number): void {
    switch (code) {
      case 0xff: case 0xf0: return this.show('array');
      case 0x70: return this.show('status');
      case 0x90: return this.show('identifier');
      case 0x98: return this.show('query');
      case 0x50: this.status = READY; return;
      case 0x10: case 0x40: return this.begin({ kind: 'program' });
      case 0x20: return this.begin({ kind: 'erase' });
      case 0x60: return this.begin({ kind: 'lock' });
      case 0xe8: return this.begin({ kind: 'buffer-count' });
      // Ends a sequence that is none any more.
      case 0x00: case 0xd0: return;
      default: this.io.guestError(`${this.name}: command ${hex(code)}`);
    }
  }

  private begin(sequence: Sequence): void {
    this.sequence = sequence;
    this.show('status');
  }

  private finish(errors: number): void {
    this.sequence = { kind: 'none' };
    this.status = READY | errors;
  }

  /** `words` is for each chip. */
  private count(offset: number, words: number): void {
    if (words * 4 > BUFFER_BYTES) return this.finish(SEQUENCE_ERROR);
    this.sequence = { kind: 'buffer', start: offset - offset % BUFFER_BYTES, left: words, data: [] };
  }

  private fill({ start, left, data }: Extract<Sequence, { kind: 'buffer' }>, offset: number, size: AccessSize, value: number): void {
    if (offset < start || offset + size > start + BUFFER_BYTES) return this.finish(SEQUENCE_ERROR);
    const all = [...data, [offset, size, value] as const];
    this.sequence = left > 1 ? { kind: 'buffer', start, left: left - 1, data: all } : { kind: 'buffer-confirm', data: all };
  }

  /** Bits go from 1 to 0; only erasing brings them back. */
  private program(data: readonly (readonly [offset: number, size: AccessSize, value: number])[]): number {
    if (this.io.readOnly) return PROTECTED;
    for (const [offset, size, value] of data) {
      for (let n = 0; n < size; n++) this.io.contents[offset + n]! &= value >>> 8 * n;
      this.io.changed(offset, size);
    }
    return 0;
  }

  private erase(offset: number): number {
    if (this.io.readOnly) return PROTECTED;
    const start = offset - offset % SECTOR_BYTES;
    this.io.contents.fill(ERASED, start, start + SECTOR_BYTES);
    this.io.changed(start, SECTOR_BYTES);
    return 0;
  }

  /** What a chip says of itself (CFI table), by word; each of the two is half of the bank. */
  private get query(): Readonly<Record<number, number>> {
    const chipBytes = this.io.contents.length / 2, sectors = chipBytes / (SECTOR_BYTES / 2) - 1;
    return {
      0x10: 0x51, 0x11: 0x52, 0x12: 0x59, 0x13: 1, 0x15: 0x31, 0x1b: 0x45, 0x1c: 0x55, 0x1f: 7, 0x20: 7, 0x21: 10, 0x23: 4, 0x24: 4, 0x25: 4,
      0x27: Math.ceil(Math.log2(chipBytes)), 0x28: 1, 0x2a: Math.log2(BUFFER_BYTES / 2), 0x2c: 1, 0x2d: sectors & 0xff, 0x2e: sectors >> 8,
      0x2f: SECTOR_BYTES / 2 >> 8 & 0xff, 0x30: SECTOR_BYTES / 2 >> 16, 0x31: 0x50, 0x32: 0x52, 0x33: 0x49, 0x34: 0x31, 0x35: 0x30,
    };
  }
}

/** What both chips say. */
const twice = (value: number, size: AccessSize) => (size === 4 ? (value | value << 16) >>> 0 : size === 2 ? value : value & 0xff);
