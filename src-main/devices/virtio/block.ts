/**
 * Block device (virtio 1.2, 5.2) over a medium that answers later. A request under way is part of the saved state by the
 * head of its chain, and is done again after a restore: every request can be. Left out: several queues, write-through,
 * lifetime, secure erase and zones.
 */
import type { Dma } from '../../memory/dma.ts';
import type { BlockBackend } from '../../storage/block-backend.ts';
import { gather, lengthOf, scatter, slice } from './buffers.ts';
import type { VirtioCore, VirtioPort } from './virtio-core.ts';
import type { Chain, GuestBuffer } from './virtqueue.ts';

/** What a block device needs of a disk image. A rejected promise is an I/O error to the guest. */
export type BlockMedium = Omit<BlockBackend, 'close'>;

const SECTOR = 512;
const HEADER_BYTES = 16;
const RANGE_BYTES = 16;
const ID_BYTES = 20;
/** Most that is read or written at once. */
const PIECE_BYTES = 0x100000;
const MAX_RANGES = 16;
const QUEUE_SIZE = 256;

const F_SEG_MAX = 1 << 2;
const F_RO = 1 << 5;
const F_BLK_SIZE = 1 << 6;
const F_FLUSH = 1 << 9;
const F_DISCARD = 1 << 13;
const F_WRITE_ZEROES = 1 << 14;

const T_IN = 0;
const T_OUT = 1;
const T_FLUSH = 4;
const T_GET_ID = 8;
const T_DISCARD = 11;
const T_WRITE_ZEROES = 13;

const OK = 0;
const IO_ERROR = 1;
const UNSUPPORTED = 2;

/** Heads of the requests under way. */
export interface VirtioBlockState { underWay: number[] }

interface Request {
  readonly sector: number;
  readonly out: readonly GuestBuffer[];
  readonly in: readonly GuestBuffer[];
  /** False once the device was reset or moved: then the guest's memory is no longer the request's. */
  readonly current: () => boolean;
}
interface Outcome { readonly status: number; readonly written: number }

const done: Outcome = { status: OK, written: 0 };
const failed: Outcome = { status: IO_ERROR, written: 0 };

export interface VirtioBlockIo { readonly dma: Dma; readonly medium: BlockMedium; readonly serial: string }

export class VirtioBlock implements VirtioCore<VirtioBlockState> {
  readonly name = 'virtio-blk';
  readonly deviceId = 2;
  readonly features: number;
  readonly queueSizes = [QUEUE_SIZE];
  readonly config: Uint8Array;
  private readonly io: VirtioBlockIo;
  private readonly operations: Readonly<Record<number, (request: Request) => Promise<Outcome>>>;
  private port!: VirtioPort;
  private underWay = new Map<number, Promise<void>>();

  constructor(io: VirtioBlockIo) {
    this.io = io;
    const { readOnly, sizeBytes } = io.medium;
    this.features = F_SEG_MAX | F_BLK_SIZE | F_FLUSH | (readOnly ? F_RO : F_DISCARD | F_WRITE_ZEROES);
    this.config = configuration(sizeBytes);
    this.operations = {
      [T_IN]: (request) => this.read(request),
      [T_OUT]: (request) => this.write(request),
      [T_FLUSH]: async () => { await io.medium.flush(); return done; },
      [T_GET_ID]: (request) => this.identify(request),
      [T_DISCARD]: (request) => this.ranges(request, (offset, length) => io.medium.discard(offset, length)),
      [T_WRITE_ZEROES]: (request) => this.ranges(request, (offset, length) => io.medium.zero(offset, length)),
    };
  }

  attach(port: VirtioPort): void { this.port = port; }

  notified(): void {
    const queue = this.port.queue(0);
    for (let chain = queue.pop(); chain !== undefined; chain = queue.pop()) this.start(chain);
  }

  /** Resolves when nothing is under way; to be awaited before the medium is closed or given to another machine. */
  async idle(): Promise<void> {
    while (this.underWay.size > 0) await Promise.all(this.underWay.values());
  }

  private start(chain: Chain) {
    const inBytes = lengthOf(chain.writable);
    if (lengthOf(chain.readable) < HEADER_BYTES || inBytes < 1) return this.port.fail('a request has no header or no status');
    if (this.underWay.has(chain.head)) return this.port.fail('a chain was made available twice');
    const owner = this.underWay;
    owner.set(chain.head, this.serve(chain, () => this.underWay === owner).then(({ status, written }) => {
      if (this.underWay !== owner) return;
      owner.delete(chain.head);
      scatter(this.io.dma, slice(chain.writable, inBytes - 1), Uint8Array.of(status));
      this.port.queue(0).complete(chain.head, written + 1);
    }));
  }

  private async serve(chain: Chain, current: () => boolean): Promise<Outcome> {
    const header = new DataView(gather(this.io.dma, slice(chain.readable, 0, HEADER_BYTES)).buffer);
    const operation = this.operations[header.getUint32(0, true)];
    if (operation === undefined) return { status: UNSUPPORTED, written: 0 };
    const sector = Number(header.getBigUint64(8, true));
    const request = { sector, out: slice(chain.readable, HEADER_BYTES), in: slice(chain.writable, 0, lengthOf(chain.writable) - 1), current };
    return operation(request).catch(() => failed);
  }

  private async read({ sector, in: buffers, current }: Request): Promise<Outcome> {
    const length = lengthOf(buffers);
    if (!this.holds(sector, length)) return failed;
    for (let at = 0; at < length; at += PIECE_BYTES) {
      const piece = slice(buffers, at, PIECE_BYTES);
      const bytes = new Uint8Array(lengthOf(piece));
      await this.io.medium.read(sector * SECTOR + at, bytes);
      if (!current()) return failed;
      scatter(this.io.dma, piece, bytes);
    }
    return { status: OK, written: length };
  }

  private async write({ sector, out, current }: Request): Promise<Outcome> {
    const length = lengthOf(out);
    if (this.io.medium.readOnly || !this.holds(sector, length)) return failed;
    for (let at = 0; at < length && current(); at += PIECE_BYTES) {
      await this.io.medium.write(sector * SECTOR + at, gather(this.io.dma, slice(out, at, PIECE_BYTES)));
    }
    return done;
  }

  private identify({ in: buffers }: Request): Promise<Outcome> {
    const id = new Uint8Array(ID_BYTES);
    id.set(new TextEncoder().encode(this.io.serial).subarray(0, ID_BYTES));
    return Promise.resolve({ status: OK, written: scatter(this.io.dma, buffers, id) });
  }

  /** All the ranges are checked before the first is touched. */
  private async ranges({ out }: Request, act: (offset: number, length: number) => Promise<void>): Promise<Outcome> {
    const length = lengthOf(out);
    if (this.io.medium.readOnly || length === 0 || length % RANGE_BYTES !== 0 || length > MAX_RANGES * RANGE_BYTES) return failed;
    const words = new DataView(gather(this.io.dma, out).buffer);
    const ranges = Array.from({ length: length / RANGE_BYTES }, (_, n) => ({
      sector: Number(words.getBigUint64(n * RANGE_BYTES, true)), length: words.getUint32(n * RANGE_BYTES + 8, true) * SECTOR,
    }));
    if (!ranges.every((range) => this.holds(range.sector, range.length))) return failed;
    for (const range of ranges) await act(range.sector * SECTOR, range.length);
    return done;
  }

  private holds(sector: number, length: number) {
    return length % SECTOR === 0 && sector * SECTOR + length <= this.io.medium.sizeBytes;
  }

  stop(): void { this.underWay = new Map(); }
  reset(): void { this.stop(); }
  save(): VirtioBlockState { return { underWay: [...this.underWay.keys()] }; }

  restore(state: VirtioBlockState): void {
    this.underWay = new Map();
    for (const head of state.underWay) {
      const chain = this.port.queue(0).chainAt(head);
      if (chain !== undefined) this.start(chain);
    }
  }
}

/** struct virtio_blk_config (5.2.4). */
function configuration(sizeBytes: number): Uint8Array {
  const config = new DataView(new ArrayBuffer(60));
  const limit = 0x3f_ffff;
  config.setBigUint64(0, BigInt(sizeBytes / SECTOR), true);
  config.setUint32(12, QUEUE_SIZE - 2, true);      // seg_max
  config.setUint32(20, SECTOR, true);              // blk_size
  config.setUint16(34, 1, true);                   // num_queues
  config.setUint32(36, limit, true);               // max_discard_sectors
  config.setUint32(40, MAX_RANGES, true);          // max_discard_seg
  config.setUint32(44, 8, true);                   // discard_sector_alignment
  config.setUint32(48, limit, true);               // max_write_zeroes_sectors
  config.setUint32(52, MAX_RANGES, true);          // max_write_zeroes_seg
  config.setUint8(56, 1);                          // write_zeroes_may_unmap
  return new Uint8Array(config.buffer);
}
