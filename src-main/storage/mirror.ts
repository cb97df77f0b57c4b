/**
 * Copies a disk image to another one while it is written to, piece by piece. A piece that was copied is written to in both;
 * writes to the one that is being copied wait. So both are alike from some moment on, however fast the guest writes, and stay alike.
 */
import type { BlockBackend, DiskImage } from './block-backend.ts';
import { step, type Progress } from './progress.ts';
import { Qcow2Image } from './qcow2/qcow2.ts';

/** What is copied at once, in bytes, unless clusters are larger. */
const PIECE_BYTES = 2 ** 18;
/** Copied at the same time. */
const LANES = 8;
const ZEROES = Buffer.alloc(PIECE_BYTES);

/** A part of the disk that is being changed or copied, in bytes. */
interface Busy { readonly from: number; readonly to: number; readonly done: Promise<undefined> }

export class Mirror {
  readonly target: DiskImage;
  private readonly source: DiskImage;
  private readonly pieceBytes: number;
  private readonly pieces: number;
  private next = 0;
  private copied = 0;
  private readonly isAlike: Uint8Array;
  private readonly busy = new Set<Busy>();
  private failure: unknown;

  /** `target` is as large, and reads as what `source` is backed by, or as zeroes. */
  constructor(source: DiskImage, target: DiskImage) {
    this.source = source;
    this.target = target;
    this.pieceBytes = source instanceof Qcow2Image ? Math.max(PIECE_BYTES, source.clusterBytes) : PIECE_BYTES;
    this.pieces = Math.ceil(source.sizeBytes / this.pieceBytes);
    this.isAlike = new Uint8Array(this.pieces);
  }

  /** Changes the source, and the target where both are alike. Rejects when the source fails; the target's failure is not the guest's, and `copy` rejects with it. */
  change(offset: number, length: number, change: (disk: BlockBackend) => Promise<void>): Promise<void> {
    return this.alone({ from: offset, to: offset + length }, async () => {
      await change(this.source);
      const alike = this.isAlike.subarray(Math.floor(offset / this.pieceBytes), Math.ceil((offset + length) / this.pieceBytes));
      if (this.failure === undefined && alike.includes(1)) await change(this.target).catch((error: unknown) => { this.failure ??= error; });
    });
  }

  /** Resolves when both are alike, as they stay. */
  async copy(options: Progress = {}): Promise<void> {
    await Promise.all(Array.from({ length: LANES }, async () => {
      while (this.next < this.pieces) {
        this.check();
        step(options, this.copied / this.pieces);
        const first = this.next, from = first * this.pieceBytes, absent = this.source instanceof Qcow2Image ? Math.floor(this.source.absentFrom(from) / this.pieceBytes) : 0;
        this.next = Math.min(this.pieces, first + Math.max(1, absent));
        const end = this.next, to = Math.min(this.source.sizeBytes, end * this.pieceBytes);
        await this.alone({ from, to }, () => this.copyPiece(from, to)).catch((error: unknown) => { this.failure ??= error; });
        this.isAlike.fill(1, first, end);
        this.copied += end - first;
      }
    }));
    this.check();
  }

  /** Nothing is written to the source any more. Resolves when the target is durable, too. */
  async finish(): Promise<void> {
    this.check();
    await this.target.flush();
  }

  /** When nothing else is done to the same bytes; what comes later waits. */
  private async alone(part: Omit<Busy, 'done'>, work: () => Promise<void>): Promise<void> {
    const before = [...this.busy].filter(({ from, to }) => from < part.to && to > part.from).map(({ done }) => done);
    const { promise: done, resolve } = Promise.withResolvers<undefined>(), own: Busy = { ...part, done };
    this.busy.add(own);
    try {
      await Promise.all(before);
      await work();
    } finally {
      this.busy.delete(own);
      resolve(undefined);
    }
  }

  private async copyPiece(from: number, end: number): Promise<void> {
    const { source, target } = this;
    for (let at = from; at < end;) {
      const { kind, length } = source instanceof Qcow2Image ? await source.ownAt(at) : { kind: 'data', length: end - at }, bytes = Math.min(length, end - at);
      if (kind === 'zero') await target.zero(at, bytes);
      else if (kind === 'data') await this.copyBytes(at, bytes);
      at += bytes;
    }
  }

  private async copyBytes(at: number, length: number): Promise<void> {
    const bytes = Buffer.allocUnsafe(length);
    await this.source.read(at, bytes);
    if (isZero(bytes)) await this.target.zero(at, length);
    else await this.target.write(at, bytes);
  }

  private check(): void { if (this.failure !== undefined) throw this.failure as Error; }
}

function isZero(bytes: Buffer): boolean {
  for (let at = 0; at < bytes.length; at += ZEROES.length) {
    const part = bytes.subarray(at, at + ZEROES.length);
    if (!part.equals(ZEROES.subarray(0, part.length))) return false;
  }
  return true;
}
