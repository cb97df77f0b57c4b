/**
 * QEMU's firmware configuration device (QEMU, docs/specs/fw_cfg), with registers in memory as Arm boards have it: a selector, the data of the item that it
 * selects, and DMA. An item is read byte after byte, and zeros follow its end; numbers of the device's own are big-endian. Items are files, listed in a
 * directory, and the few that have keys of their own. Left out: items that the guest may write, so that every write fails.
 */
import { isInside, itemsOf, type ConfigFile } from './items.ts';
import type { Dma } from '../../memory/dma.ts';
import { hex, type AccessSize, type GuestErrorSink, type Region } from '../../memory/region.ts';
import type { Device } from '../device.ts';

/** Where the item is read next, and the upper half of a DMA address that waits for its lower. */
export interface FwCfgState { key: number; offset: number; dmaHigh: number }

export interface FwCfgIo {
  readonly dma: Dma;
  readonly cpus: number;
  /** Asked once, when the guest first wants an item. */
  readonly files: () => readonly ConfigFile[];
  readonly guestError: GuestErrorSink;
}

const SELECTOR = 8, DMA_HIGH = 16, DMA_LOW = 20;
/** `QEMU CFG`, by which drivers know that there is DMA. */
const DMA_SIGNATURE = new TextEncoder().encode('QEMU CFG');
const RESET: FwCfgState = { key: 0, offset: 0, dmaHigh: 0 };

const ERROR = 1, READ = 2, SKIP = 4, SELECT = 8, WRITE = 16;
const ACCESS_BYTES = 16;
/** Zeros are written in pieces of so many bytes. */
const PIECE = 2 ** 20;

const swap16 = (value: number) => (value & 0xff) << 8 | value >>> 8 & 0xff;
const swap32 = (value: number) => (swap16(value & 0xffff) << 16 | swap16(value >>> 16)) >>> 0;

export class FwCfg implements Device<FwCfgState> {
  readonly name = 'fw-cfg';
  readonly regions: { readonly registers: Region };
  private readonly io: FwCfgIo;
  private known: ReadonlyMap<number, Uint8Array> | undefined;
  private state = { ...RESET };

  constructor(io: FwCfgIo) {
    this.io = io;
    this.regions = { registers: { read: (offset, size) => this.read(offset, size), write: (offset, size, value) => this.write(offset, size, value) } };
  }

  private get item(): Uint8Array | undefined { return (this.known ??= itemsOf(this.io.files(), this.io.cpus)).get(this.state.key); }

  private read(offset: number, size: AccessSize): number {
    if (offset < SELECTOR) return littleEndian(this.take(size));
    if (offset >= DMA_HIGH) return littleEndian(DMA_SIGNATURE.subarray(offset - DMA_HIGH, offset - DMA_HIGH + size));
    this.io.guestError(`fw-cfg: read at ${hex(offset)}`);
    return 0;
  }

  private write(offset: number, size: AccessSize, value: number): void {
    if (offset === SELECTOR && size === 2) this.select(swap16(value));
    else if (offset === DMA_HIGH && size === 4) this.state.dmaHigh = swap32(value);
    else if (offset === DMA_LOW && size === 4) this.startDma(swap32(value));
    else this.io.guestError(`fw-cfg: write of ${size} bytes at ${hex(offset)}`);
  }

  private select(key: number): void {
    this.state.key = key;
    this.state.offset = 0;
  }

  /** The next bytes of the item. */
  private take(count: number): Uint8Array {
    const { offset } = this.state, bytes = new Uint8Array(count);
    bytes.set(this.item?.subarray(offset, offset + count) ?? []);
    this.skip(count);
    return bytes;
  }

  /** No item ends later than that. */
  private skip(count: number): void { this.state.offset = Math.min(this.state.offset + count, 0xffff_ffff); }

  /** Does what the guest's control structure says, and writes zero, or an error, into its first word. */
  private startDma(low: number): void {
    const { dma, guestError } = this.io, address = this.state.dmaHigh * 2 ** 32 + low, access = new Uint8Array(ACCESS_BYTES), view = new DataView(access.buffer);
    this.state.dmaHigh = 0;
    if (!isInside(address) || !dma.read(address, access)) { guestError(`fw-cfg: no memory for DMA at ${hex(address)}`); return; }
    const control = view.getUint32(0), length = view.getUint32(4), target = view.getUint32(8) * 2 ** 32 + view.getUint32(12);
    if ((control & SELECT) !== 0) this.select(control >>> 16);
    const isDone = (control & READ) !== 0 ? this.copy(target, length) : (control & WRITE) === 0;
    if ((control & (READ | WRITE | SKIP)) === SKIP) this.skip(length);
    if (!isDone) guestError(`fw-cfg: DMA of ${length} bytes at ${hex(target)} failed`);
    dma.write(address, Uint8Array.of(0, 0, 0, isDone ? 0 : ERROR));
  }

  private copy(target: number, length: number): boolean {
    const { dma } = this.io;
    if (!isInside(target) || !dma.reaches(target, length, 'write')) return false;
    for (let done = 0; done < length; done += PIECE) dma.write(target + done, this.take(Math.min(PIECE, length - done)));
    return true;
  }

  reset(): void { this.state = { ...RESET }; }
  save(): FwCfgState { return { ...this.state }; }
  restore(state: FwCfgState): void { this.state = { ...state }; }
}

/** The first byte is the lowest, so that a guest that stores what it read has the bytes in their order. */
const littleEndian = (bytes: Uint8Array): number => bytes.reduceRight((value, byte) => value * 256 + byte, 0);
