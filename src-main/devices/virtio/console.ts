import type { Dma } from '../../memory/dma.ts';
import { gather, lengthOf, scatter, slice } from './buffers.ts';
import type { VirtioCore, VirtioPort } from './virtio-core.ts';

const RECEIVE = 0;
const TRANSMIT = 1;
/** Most that is handed to the reader at once. */
const PIECE_BYTES = 0x10000;

export interface VirtioConsoleState {
  input: Uint8Array;
  transmitReady: boolean;
  /** A chain that the reader has taken a part of. */
  sending: { head: number; at: number } | null;
}

const resetState = (): VirtioConsoleState => ({ input: new Uint8Array(0), transmitReady: true, sending: null });

/** Console device (virtio 1.2, 5.3) with one port. Left out: its size, several ports, emergency write. */
export class VirtioConsole implements VirtioCore<VirtioConsoleState> {
  readonly name = 'virtio-console';
  readonly deviceId = 3;
  readonly features = 0;
  readonly queueSizes = [64, 64];
  readonly config = new Uint8Array(12);
  private readonly dma: Dma;
  private readonly transmit: (bytes: Uint8Array) => void;
  private port!: VirtioPort;
  private state = resetState();

  constructor(io: { readonly dma: Dma; readonly transmit: (bytes: Uint8Array) => void }) {
    this.dma = io.dma;
    this.transmit = io.transmit;
  }

  attach(port: VirtioPort): void { this.port = port; }

  notified(queue: number): void {
    if (queue === RECEIVE) this.receive();
    else this.send();
  }

  /** Something typed at the other end; it waits for as long as the guest gives no buffer for it. */
  type(bytes: Uint8Array): void {
    const { input } = this.state;
    this.state.input = new Uint8Array(input.length + bytes.length);
    this.state.input.set(input);
    this.state.input.set(bytes, input.length);
    this.receive();
  }

  /** Whether the reader takes more output; while it does not, the guest's buffers wait. */
  setTransmitReady(ready: boolean): void {
    this.state.transmitReady = ready;
    this.send();
  }

  private receive() {
    const queue = this.port.queue(RECEIVE);
    while (this.state.input.length > 0) {
      const chain = queue.pop();
      if (chain === undefined) return;
      const taken = scatter(this.dma, chain.writable, this.state.input);
      this.state.input = this.state.input.subarray(taken);
      queue.complete(chain.head, taken);
    }
  }

  private send() {
    const queue = this.port.queue(TRANSMIT);
    while (this.state.transmitReady) {
      const { sending } = this.state;
      const chain = sending === null ? queue.pop() : queue.chainAt(sending.head);
      if (chain === undefined) return;
      const at = sending?.at ?? 0;
      const end = at + PIECE_BYTES;
      const done = end >= lengthOf(chain.readable);
      this.state.sending = done ? null : { head: chain.head, at: end };
      this.transmit(gather(this.dma, slice(chain.readable, at, PIECE_BYTES)));
      if (done) queue.complete(chain.head, 0);
    }
  }

  stop(): void { this.state.sending = null; }
  reset(): void { this.state = resetState(); }
  save(): VirtioConsoleState { return { ...this.state, input: this.state.input.slice() }; }
  restore(state: VirtioConsoleState): void { this.state = structuredClone(state); }
}
