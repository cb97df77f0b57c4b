/**
 * A guest's memory as the firmware sees it: by the virtual addresses of whoever calls. What is not mapped, or not RAM, throws
 * `BadPointer`, which its caller hears of as EFI_INVALID_PARAMETER.
 */
import { GUID_BYTES, guidBytes, guidText } from './guid.ts';

const PAGE = 0x1000n;
/** Longest text that is read: nothing in UEFI is longer, and what has no end must not be read for ever. */
const TEXT_MOST = 0x8000;

export class BadPointer extends Error {}

/** Physical memory, and how virtual addresses lead there now. */
export interface GuestMemoryIo {
  /** Where a byte is in guest physical memory, for reading or writing; undefined when it cannot be. */
  readonly translate: (address: bigint, isWrite: boolean) => number | undefined;
  readonly read: (address: number, into: Uint8Array) => boolean;
  readonly write: (address: number, bytes: Uint8Array) => boolean;
}

export class GuestMemory {
  private readonly io: GuestMemoryIo;
  private readonly scratch = new DataView(new ArrayBuffer(8));

  constructor(io: GuestMemoryIo) { this.io = io; }

  bytes(address: bigint, length: number): Uint8Array {
    // What is not there to its end takes no memory.
    for (const at of length > 0 ? [address, address + BigInt(length - 1)] : []) if (this.io.translate(BigInt.asUintN(64, at), false) === undefined) throw new BadPointer(`nothing is at 0x${at.toString(16)}`);
    const bytes = new Uint8Array(length);
    this.each(address, length, false, (physical, from, to) => this.io.read(physical, bytes.subarray(from, to)));
    return bytes;
  }

  write(address: bigint, bytes: Uint8Array): void {
    this.each(address, bytes.length, true, (physical, from, to) => this.io.write(physical, bytes.subarray(from, to)));
  }

  /** Throws unless all of it can be written, before anything is. */
  requireWritable(address: bigint, length: number): void { this.each(address, length, true, () => true); }

  u8(address: bigint): number { return this.bytes(address, 1)[0] ?? 0; }
  u16(address: bigint): number { return this.load(address, 2).getUint16(0, true); }
  u32(address: bigint): number { return this.load(address, 4).getUint32(0, true); }
  u64(address: bigint): bigint { return this.load(address, 8).getBigUint64(0, true); }
  put8(address: bigint, value: number): void { this.write(address, Uint8Array.of(value)); }
  put16(address: bigint, value: number): void { this.scratch.setUint16(0, value, true); this.write(address, new Uint8Array(this.scratch.buffer, 0, 2)); }
  put32(address: bigint, value: number): void { this.scratch.setUint32(0, value, true); this.write(address, new Uint8Array(this.scratch.buffer, 0, 4)); }
  put64(address: bigint, value: bigint): void { this.scratch.setBigUint64(0, value, true); this.write(address, new Uint8Array(this.scratch.buffer, 0, 8)); }

  guid(address: bigint): string { return guidText(this.bytes(address, GUID_BYTES)); }
  putGuid(address: bigint, guid: string): void { this.write(address, guidBytes(guid)); }

  /** UCS-2 up to its zero. */
  text(address: bigint): string {
    let text = '';
    for (let at = address; text.length < TEXT_MOST;) {
      const left = Number((PAGE - (at % PAGE)) / 2n), units = left === 0 ? 1 : Math.min(left, 128), words = this.bytes(at, 2 * units);
      for (let n = 0; n < units; n++) {
        const unit = (words[2 * n] ?? 0) | (words[2 * n + 1] ?? 0) << 8;
        if (unit === 0) return text;
        text += String.fromCharCode(unit);
      }
      at += BigInt(2 * units);
    }
    throw new BadPointer('a text has no end');
  }

  putText(address: bigint, text: string): void { this.write(address, textBytes(text)); }

  private load(address: bigint, length: number): DataView {
    this.each(address, length, false, (physical, from, to) => this.io.read(physical, new Uint8Array(this.scratch.buffer, from, to - from)));
    return this.scratch;
  }

  /** Page by page, as pages may lie anywhere. */
  private each(address: bigint, length: number, isWrite: boolean, act: (physical: number, from: number, to: number) => boolean) {
    for (let from = 0; from < length;) {
      const virtual = BigInt.asUintN(64, address + BigInt(from)), to = Math.min(length, from + Number(PAGE - (virtual % PAGE))), physical = this.io.translate(virtual, isWrite);
      if (physical === undefined || !act(physical, from, to)) throw new BadPointer(`nothing is at 0x${virtual.toString(16)}`);
      from = to;
    }
  }
}

/** UCS-2 with its zero. */
export function textBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(2 * text.length + 2), view = new DataView(bytes.buffer);
  for (let n = 0; n < text.length; n++) view.setUint16(2 * n, text.charCodeAt(n), true);
  return bytes;
}
