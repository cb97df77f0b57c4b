/** Bytes in network order, appended to a buffer that grows. */
export class ByteWriter {
  private buffer: Uint8Array<ArrayBuffer>;
  private view: DataView;
  length = 0;

  constructor(capacityBytes = 4096) {
    this.buffer = new Uint8Array(capacityBytes);
    this.view = new DataView(this.buffer.buffer);
  }

  u8(value: number): this { const at = this.reserve(1); this.view.setUint8(at, value); return this; }
  u16(value: number): this { const at = this.reserve(2); this.view.setUint16(at, value); return this; }
  u32(value: number): this { const at = this.reserve(4); this.view.setUint32(at, value >>> 0); return this; }
  zeros(count: number): this { const at = this.reserve(count); this.buffer.fill(0, at, at + count); return this; }

  bytes(bytes: Uint8Array): this {
    const at = this.reserve(bytes.length);
    this.buffer.set(bytes, at);
    return this;
  }

  /** Room for so many bytes, whose content is undefined: where it begins in `target`. */
  reserve(count: number): number {
    const at = this.length, needed = at + count;
    if (needed > this.buffer.length) {
      const grown = new Uint8Array(Math.max(needed, this.buffer.length * 2));
      grown.set(this.buffer.subarray(0, at));
      this.buffer = grown;
      this.view = new DataView(grown.buffer);
    }
    this.length = needed;
    return at;
  }

  /** All the buffer, until it grows next. */
  get target(): Uint8Array<ArrayBuffer> { return this.buffer; }

  patchU16(at: number, value: number): void { this.view.setUint16(at, value); }

  /** What was written, which is the caller's from then on. */
  take(): Uint8Array<ArrayBuffer> { return this.buffer.subarray(0, this.length); }
}
