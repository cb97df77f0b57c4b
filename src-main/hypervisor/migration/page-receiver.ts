/** The destination's end of a migration's channel while memory follows, in a thread of its own: whoever waits for a page may block the VM's. */
import { Worker, type MessagePort } from 'node:worker_threads';
import { EngineError, saidOf } from '../../../shared/base/errors.ts';
import { workerFile } from '../worker-file.ts';
import type { Asked } from './messages.ts';

export interface ReceiverData {
  readonly memory: WebAssembly.Memory;
  /** Where the guest's RAM is in it: from this physical address on, so many bytes. */
  readonly first: number;
  readonly bytes: number;
  readonly far: MessagePort;
  readonly link: SharedArrayBuffer | undefined;
}
/** Pages that somebody waits for, none to have it look whether any are left; and for how long guests waited so far. */
export type ToReceiver = Omit<Asked, 'askedPages'>;
export type FromReceiver =
  /** Some of what was asked for is there. */
  | { readonly kind: 'arrived' }
  | { readonly kind: 'whole' }
  /** The rest will never come. */
  | { readonly kind: 'lost' };

export interface ReceiverEvents { readonly arrived: () => void; readonly whole: () => void; readonly lost: (error: EngineError) => void }

export const memoryLost = () => new EngineError('migration.memoryLost', 'Its memory was lost: the host that it came from went away before all of it had followed.');

export class PageReceiver {
  private readonly worker: Worker;

  /** It says `running` to the source first of all. */
  constructor(data: ReceiverData, events: ReceiverEvents) {
    this.worker = new Worker(workerFile('receiver-worker', 'migration/receiver-worker.ts'), { workerData: data, transferList: [data.far], name: 'migration' });
    this.worker.on('message', (message: FromReceiver) => {
      if (message.kind === 'lost') events.lost(memoryLost());
      else events[message.kind]();
    });
    this.worker.on('error', error => events.lost(new EngineError('internal', saidOf(error))));
  }

  ask(asked: ToReceiver): void { this.worker.postMessage(asked); }

  async end(): Promise<void> { await this.worker.terminate(); }
}
