/** Reads fields in network order from a stream, and no further than it is asked to, so that what follows stays with the stream. */
import type { Duplex } from 'node:stream';

/** The other side is gone, or was told to go. */
export class Disconnected extends Error {}
/** The other side does not keep to the protocol. */
export class ProtocolError extends Error {}

const CHUNK_BYTES = 16 * 1024;
const EVENTS = ['readable', 'end', 'close', 'error'] as const;

export class ByteReader {
  private readonly stream: Duplex;
  private taken = 0;

  private waiting: (() => void) | undefined;
  private readonly wake = () => {
    const { waiting } = this;
    this.waiting = undefined;
    waiting?.();
  };

  /** Listens for as long as it reads: a stream tells anew of what it has to whoever comes new. */
  constructor(stream: Duplex) {
    this.stream = stream;
    for (const name of EVENTS) stream.on(name, this.wake);
  }

  /** Bytes that were read so far. */
  get count(): number { return this.taken; }

  async u8(): Promise<number> { return (await this.bytes(1))[0]!; }
  async u16(): Promise<number> { return (await this.bytes(2)).readUInt16BE(); }
  async u32(): Promise<number> { return (await this.bytes(4)).readUInt32BE(); }
  async s32(): Promise<number> { return (await this.bytes(4)).readInt32BE(); }

  /** Exactly so many. Callers bound what they ask for. */
  async bytes(count: number): Promise<Buffer> {
    if (count === 0) return Buffer.alloc(0);
    const { stream } = this;
    for (;;) {
      if (stream.destroyed) throw new Disconnected('closed');
      const bytes = stream.read(count) as Buffer | null;
      if (bytes?.length === count) {
        this.taken += count;
        return bytes;
      }
      // At the end a stream gives what is left.
      if (bytes !== null || stream.readableEnded) throw new Disconnected('ended');
      await this.more();
    }
  }

  async skip(count: number): Promise<void> {
    for (let left = count; left > 0;) left -= (await this.bytes(Math.min(left, CHUNK_BYTES))).length;
  }

  /** From then on another one may read the stream, also by its events. */
  async release(): Promise<void> {
    for (const name of EVENTS) this.stream.off(name, this.wake);
    await new Promise(resolve => { setImmediate(resolve); });
  }

  private more(): Promise<void> {
    return new Promise(resolve => { this.waiting = resolve; });
  }
}
