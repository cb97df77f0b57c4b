import type { Dma } from '../../memory/dma.ts';
import { lengthOf, scatter } from './buffers.ts';
import type { VirtioCore, VirtioPort } from './virtio-core.ts';

/** Most that one request gets; the driver asks again. */
const MAX_BYTES = 0x10000;

/** Entropy device (virtio 1.2, 5.4). */
export class VirtioRng implements VirtioCore<null> {
  readonly name = 'virtio-rng';
  readonly deviceId = 4;
  readonly features = 0;
  readonly queueSizes = [64];
  readonly config = new Uint8Array(0);
  private readonly dma: Dma;
  private readonly random: (length: number) => Uint8Array;
  private port!: VirtioPort;

  constructor(io: { readonly dma: Dma; readonly random: (length: number) => Uint8Array }) {
    this.dma = io.dma;
    this.random = io.random;
  }

  attach(port: VirtioPort): void { this.port = port; }

  notified(): void {
    const queue = this.port.queue(0);
    for (let chain = queue.pop(); chain !== undefined; chain = queue.pop()) {
      const length = Math.min(lengthOf(chain.writable), MAX_BYTES);
      queue.complete(chain.head, scatter(this.dma, chain.writable, this.random(length)));
    }
  }

  stop(): void {}
  reset(): void {}
  save(): null { return null; }
  restore(): void {}
}
