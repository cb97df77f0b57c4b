/** A stream of bytes between two threads by messages, of which each is confirmed when it was read, so that nothing piles up on the way. */
import { Duplex } from 'node:stream';

/** `bytes` are the receiver's; `taken` lets the next follow; `closed` ends both ways. */
export type StreamMessage =
  | { readonly kind: 'bytes'; readonly stream: number; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly kind: 'taken'; readonly stream: number }
  | { readonly kind: 'closed'; readonly stream: number };

export class RelayedStream extends Duplex {
  private readonly number: number;
  private readonly post: (message: StreamMessage, transfer: ArrayBuffer[]) => void;
  private sent: (() => void) | undefined;
  private isFull = false;
  private isClosedThere = false;

  constructor(number: number, post: (message: StreamMessage, transfer: ArrayBuffer[]) => void) {
    super({ allowHalfOpen: false });
    this.number = number;
    this.post = post;
  }

  /** What the other side posted for this stream. */
  received(message: StreamMessage): void {
    if (message.kind === 'bytes') {
      if (this.push(message.bytes)) this.taken();
      else this.isFull = true;
    } else if (message.kind === 'taken') {
      const { sent } = this;
      this.sent = undefined;
      sent?.();
    } else {
      this.isClosedThere = true;
      this.push(null);
      this.sent?.();
      this.sent = undefined;
    }
  }

  override _write(chunk: Uint8Array, _encoding: string, done: () => void): void {
    if (this.isClosedThere) { done(); return; }
    // Its memory may be shared with others.
    const bytes = Uint8Array.from(chunk);
    this.sent = done;
    this.post({ kind: 'bytes', stream: this.number, bytes }, [bytes.buffer]);
  }

  override _read(): void {
    if (!this.isFull) return;
    this.isFull = false;
    this.taken();
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    if (!this.isClosedThere) this.post({ kind: 'closed', stream: this.number }, []);
    done(error);
  }

  private taken() { this.post({ kind: 'taken', stream: this.number }, []); }
}
