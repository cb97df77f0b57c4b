/** Where volumes lie: a disk or a part of one, in sectors, and the same by bytes. */

/** A disk, or a part of one, in its sectors. Reads and writes beyond the end reject. */
export interface SectorDevice {
  readonly sectorBytes: number;
  readonly sectorCount: number;
  readonly readOnly: boolean;
  read(sector: number, count: number): Promise<Uint8Array>;
  write(sector: number, bytes: Uint8Array): Promise<void>;
  flush(): Promise<void>;
}

/** Sectors of a device as one of their own. */
export class DevicePart implements SectorDevice {
  readonly sectorBytes: number;
  readonly sectorCount: number;
  readonly readOnly: boolean;
  private readonly whole: SectorDevice;
  private readonly start: number;

  constructor(whole: SectorDevice, start: number, count: number) {
    this.whole = whole;
    this.start = start;
    this.sectorCount = count;
    ({ sectorBytes: this.sectorBytes, readOnly: this.readOnly } = whole);
  }

  async read(sector: number, count: number): Promise<Uint8Array> {
    this.check(sector, count);
    return await this.whole.read(this.start + sector, count);
  }

  async write(sector: number, bytes: Uint8Array): Promise<void> {
    this.check(sector, bytes.length / this.sectorBytes);
    await this.whole.write(this.start + sector, bytes);
  }

  flush(): Promise<void> { return this.whole.flush(); }

  private check(sector: number, count: number) {
    if (!(sector >= 0 && count >= 0 && sector + count <= this.sectorCount)) throw new RangeError(`sectors ${sector} to ${sector + count} do not lie within ${this.sectorCount}`);
  }
}

/** A device by bytes: what is not whole sectors is read, changed and written. */
export class DeviceBytes {
  readonly device: SectorDevice;
  constructor(device: SectorDevice) { this.device = device; }

  get sizeBytes(): number { return this.device.sectorBytes * this.device.sectorCount; }

  /** The bytes are the caller's to read, not to change. */
  async read(offset: number, length: number): Promise<Buffer> {
    if (length === 0) return Buffer.alloc(0);
    const { sectorBytes } = this.device, first = Math.floor(offset / sectorBytes), count = Math.ceil((offset + length) / sectorBytes) - first;
    const bytes = await this.device.read(first, count), from = offset - first * sectorBytes;
    return bufferOf(bytes).subarray(from, from + length);
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return;
    const { sectorBytes } = this.device, first = Math.floor(offset / sectorBytes), from = offset - first * sectorBytes;
    if (from === 0 && bytes.length % sectorBytes === 0) return await this.device.write(first, bytes);
    const whole = Buffer.from(await this.device.read(first, Math.ceil((from + bytes.length) / sectorBytes)));
    whole.set(bytes, from);
    await this.device.write(first, whole);
  }
}

export const bufferOf = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
