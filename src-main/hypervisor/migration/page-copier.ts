/** Copies pages of a guest's memory over a channel while the guest runs: batch after batch in their order, of which the next are being packed. */
import { EngineError } from '../../../shared/base/errors.ts';
import { hostNowNs } from '../../time/host-time.ts';
import type { MigrationChannel } from './channel.ts';
import { packPages, PAGES_AT_ONCE, type PackedPages } from './messages.ts';

/** Since the copier was made. */
export interface Copied { readonly pages: number; readonly zeroPages: number; readonly bytes: number }

export interface CopierOptions {
  readonly ram: Uint8Array;
  readonly channel: MigrationChannel;
  /** Packed at the same time. */
  readonly batches: number;
  /** What goes over in a second, for now. */
  readonly bytesPerSecond: () => number;
  /** How far it is, now and then; `left` are pages. */
  readonly told: (copied: Copied, left: number) => void;
}

/** What one processor compresses in a second: what is sent faster than that is sent as it is. */
const COMPRESSED_PER_SECOND = 200e6;
/** A batch that did not become smaller than this part: so many after it are not compressed. */
const WORTH = 0.9, SKIPPED = 15;
const TELL_NS = 200e6;

export class PageCopier {
  private readonly options: CopierOptions;
  private copied: Copied = { pages: 0, zeroPages: 0, bytes: 0 };
  private skip = 0;
  private toldNs = 0;

  constructor(options: CopierOptions) { this.options = options; }

  /** Resolves when all are on their way, as they are now or later. Rejects when the channel is cut, or `isCancelled`. */
  async copy(pages: Uint32Array, isCancelled: () => boolean): Promise<Copied> {
    const { channel, batches, told } = this.options, packing: Promise<PackedPages>[] = [];
    let next = 0;
    const pack = () => {
      for (; packing.length <= batches && next < pages.length; next += PAGES_AT_ONCE) {
        const packed = packPages(this.options.ram, pages.subarray(next, next + PAGES_AT_ONCE), this.isCompressed());
        packed.catch(() => { /* awaited below, unless an earlier one fails */ });
        packing.push(packed);
      }
      return packing.shift();
    };
    for (let batch = pack(); batch !== undefined; batch = pack()) {
      if (isCancelled()) throw new EngineError('cancelled', 'The task was cancelled.');
      const { payload, count, zeroes, shrunk } = await batch;
      if (shrunk !== undefined && shrunk > WORTH) this.skip = SKIPPED;
      this.copied = { pages: this.copied.pages + count, zeroPages: this.copied.zeroPages + zeroes, bytes: this.copied.bytes + payload.length };
      await channel.send({ kind: 'pages', payload });
      if (hostNowNs() - this.toldNs < TELL_NS) continue;
      this.toldNs = hostNowNs();
      told(this.copied, pages.length - (next - packing.length * PAGES_AT_ONCE));
    }
    return this.copied;
  }

  private isCompressed(): boolean {
    const { batches, bytesPerSecond } = this.options;
    if (this.skip > 0) { this.skip -= 1; return false; }
    return bytesPerSecond() < batches * COMPRESSED_PER_SECOND;
  }
}
