/** The source's end of a migration's channel, in a thread of its own: copying memory neither waits for the guest nor holds it up. */
import { MessageChannel, Worker, type MessagePort } from 'node:worker_threads';
import { EngineError, saidOf } from '../../../shared/base/errors.ts';
import type { Said } from '../../../shared/base/phrase.ts';
import { workerFile } from '../worker-file.ts';
import { PortChannel, type MigrationChannel } from './channel.ts';
import type { MigrationMessage } from './messages.ts';
import type { Copied } from './page-copier.ts';
import type { Followed } from './page-server.ts';

export interface CopierData {
  readonly ram: Uint8Array;
  /** To the VM's own thread, and to the destination. */
  readonly near: MessagePort;
  readonly far: MessagePort;
  readonly link: SharedArrayBuffer | undefined;
  readonly bytesPerSecond: number | undefined;
  readonly batches: number;
  /** One word: pages are not copied any more. */
  readonly cancelled: Int32Array;
  /** The guest is given away before all of its memory is there. */
  readonly postCopy: boolean | undefined;
}
export interface ToCopier { readonly pages: Uint32Array; /** The guest runs at the destination already. */ readonly areFollowing?: boolean }
export type FromCopier =
  | { readonly kind: 'told'; readonly copied: Copied; readonly left: number; readonly followed: Followed | undefined }
  | { readonly kind: 'copied'; readonly copied: Copied }
  | { readonly kind: 'failed'; readonly code: string; readonly said: Said };

interface Copying extends PromiseWithResolvers<Copied> { readonly told: (copied: Copied, left: number, followed: Followed | undefined) => void }

export class CopierThread implements MigrationChannel {
  private readonly worker: Worker;
  private readonly channel: PortChannel;
  private readonly cancelled = new Int32Array(new SharedArrayBuffer(4));
  private copying: Copying | undefined;

  constructor(ram: Uint8Array, far: MessagePort, { link, bytesPerSecond, batches = 1, postCopy }: { readonly postCopy?: boolean | undefined; readonly link?: SharedArrayBuffer | undefined; readonly bytesPerSecond?: number | undefined; readonly batches?: number | undefined } = {}) {
    const { port1, port2: near } = new MessageChannel();
    this.channel = new PortChannel(port1);
    this.worker = new Worker(workerFile('copier-worker', 'migration/copier-worker.ts'), { workerData: { ram, near, far, link, bytesPerSecond, batches, cancelled: this.cancelled, postCopy } satisfies CopierData, transferList: [near, far], name: 'migration' });
    this.worker.on('message', (message: FromCopier) => this.handle(message));
    this.worker.on('error', error => this.failed(error));
  }

  /** Resolves when all of them are on their way, with what was copied since the thread began. Rejects when it is cancelled, or the channel is cut. */
  async copy(pages: Uint32Array, told: Copying['told'], signal?: AbortSignal): Promise<Copied> { return await this.work({ pages }, told, signal); }

  /** The same, once the guest runs at the destination: what is asked for goes first. */
  async serve(pages: Uint32Array, told: Copying['told']): Promise<Copied> { return await this.work({ pages, areFollowing: true }, told); }

  private async work(work: ToCopier, told: Copying['told'], signal?: AbortSignal): Promise<Copied> {
    const copying: Copying = { ...Promise.withResolvers<Copied>(), told }, cancel = () => Atomics.store(this.cancelled, 0, 1);
    this.copying = copying;
    if (signal?.aborted) cancel();
    signal?.addEventListener('abort', cancel);
    this.worker.postMessage(work);
    try { return await copying.promise; } finally {
      signal?.removeEventListener('abort', cancel);
      this.copying = undefined;
    }
  }

  send(message: MigrationMessage): Promise<void> { return this.channel.send(message); }
  receive(): Promise<MigrationMessage> { return this.channel.receive(); }

  close(): void {
    this.channel.close();
    void this.worker.terminate();
  }

  private handle(message: FromCopier): void {
    if (message.kind === 'told') this.copying?.told(message.copied, message.left, message.followed);
    else if (message.kind === 'copied') this.copying?.resolve(message.copied);
    else this.copying?.reject(new EngineError(message.code, message.said));
  }

  private failed(error: unknown): void {
    this.copying?.reject(new EngineError('internal', saidOf(error)));
    this.channel.close();
  }
}
