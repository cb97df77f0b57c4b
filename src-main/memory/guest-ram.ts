import type { Dma } from './dma.ts';
import type { AccessSize } from './region.ts';

export interface GuestRamWindow {
  /** Shared memory that holds the RAM, from `byteOffset` on. */
  readonly buffer: SharedArrayBuffer;
  readonly byteOffset: number;
  readonly sizeBytes: number;
  /** The address of the first byte, as the guest sees it. */
  readonly base: number;
}

/** Returns when a range is there, of memory that is still to come. */
export type AwaitMemory = (address: number, length: number) => void;

/** A machine's RAM, seen from its devices and its loader. */
export class GuestRam implements Dma {
  readonly base: number;
  readonly sizeBytes: number;
  /** Told of everything written through here, so that a CPU drops what it decoded from those bytes. */
  onDmaWrite: (address: number, length: number) => void = () => {};
  private readonly window: GuestRamWindow;
  private readonly bytes: Uint8Array;
  private readonly words: DataView;
  /** Of it and its parts: what has to be waited for before anything is looked at. */
  private readonly coming: { await?: AwaitMemory | undefined };

  constructor(window: GuestRamWindow, coming: { await?: AwaitMemory | undefined } = {}) {
    this.window = window;
    this.coming = coming;
    this.base = window.base;
    this.sizeBytes = window.sizeBytes;
    this.bytes = new Uint8Array(window.buffer, window.byteOffset, window.sizeBytes);
    this.words = new DataView(window.buffer, window.byteOffset, window.sizeBytes);
  }

  get end(): number { return this.base + this.sizeBytes; }

  /** The lower part of it, as RAM of its own. */
  first(sizeBytes: number): GuestRam {
    const part = new GuestRam({ ...this.window, sizeBytes }, this.coming);
    part.onDmaWrite = (address, length) => this.onDmaWrite(address, length);
    return part;
  }

  /** While some of it is still to come. */
  set awaits(wait: AwaitMemory | undefined) { this.coming.await = wait; }

  has(address: number, length: number): boolean {
    return address >= this.base && length >= 0 && address + length <= this.end;
  }

  /** It has the range, and that is there. */
  private ready(address: number, length: number): boolean {
    if (!this.has(address, length)) return false;
    this.coming.await?.(address, length);
    return true;
  }

  load(address: number, size: AccessSize): number | undefined {
    if (!this.ready(address, size)) return undefined;
    const at = address - this.base;
    if (size === 4) return this.words.getUint32(at, true);
    return size === 2 ? this.words.getUint16(at, true) : this.words.getUint8(at);
  }

  store(address: number, size: AccessSize, value: number): boolean {
    if (!this.ready(address, size)) return false;
    const at = address - this.base;
    if (size === 4) this.words.setUint32(at, value, true);
    else if (size === 2) this.words.setUint16(at, value, true);
    else this.words.setUint8(at, value);
    this.onDmaWrite(address, size);
    return true;
  }

  /** The bytes themselves, not a copy, and not to be written to. */
  view(address: number, length: number): Uint8Array | undefined {
    if (!this.ready(address, length)) return undefined;
    return this.bytes.subarray(address - this.base, address - this.base + length);
  }

  read(address: number, into: Uint8Array): boolean {
    if (!this.ready(address, into.length)) return false;
    const at = address - this.base;
    into.set(this.bytes.subarray(at, at + into.length));
    return true;
  }

  reaches(address: number, length: number): boolean { return this.has(address, length); }

  write(address: number, bytes: Uint8Array): boolean {
    if (!this.ready(address, bytes.length)) return false;
    this.bytes.set(bytes, address - this.base);
    this.onDmaWrite(address, bytes.length);
    return true;
  }

  /** Zeroes all of it, as a machine finds it after power-on. */
  clear(): void {
    this.bytes.fill(0);
    this.onDmaWrite(this.base, this.sizeBytes);
  }
}
