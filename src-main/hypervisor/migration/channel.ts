/** What the halves of a migration talk over: whole messages, in order, until one side closes it. */
import type { MessagePort } from 'node:worker_threads';
import { EngineError } from '../../../shared/base/errors.ts';
import type { MigrationMessage } from './messages.ts';

export interface MigrationChannel {
  /** Resolves when more may be sent. Rejects when it is closed. */
  send(message: MigrationMessage): Promise<void>;
  /** The next message. Rejects when it is closed and there is none. */
  receive(): Promise<MigrationMessage>;
  close(): void;
}

/** Bytes that may be under way. */
const WINDOW_BYTES = 4 * 2 ** 20;
const gone = () => new EngineError('migration.cut', 'The migration network was cut.');

type OnPort = { readonly message: MigrationMessage } | { readonly taken: number };

/** Between two threads. */
export class PortChannel implements MigrationChannel {
  private readonly port: MessagePort;
  private readonly arrived: MigrationMessage[] = [];
  private underWay = 0;
  private isClosed = false;
  private changed = Promise.withResolvers<undefined>();

  constructor(port: MessagePort) {
    this.port = port;
    port.on('message', (on: OnPort) => {
      if ('taken' in on) this.underWay -= on.taken;
      else this.arrived.push(on.message);
      this.change();
    });
    port.on('close', () => {
      this.isClosed = true;
      this.change();
    });
  }

  async send(message: MigrationMessage): Promise<void> {
    if (this.isClosed) throw gone();
    this.underWay += message.payload.length;
    this.port.postMessage({ message } satisfies OnPort);
    while (this.underWay > WINDOW_BYTES) {
      await this.changed.promise;
      if (this.isClosed) throw gone();
    }
  }

  async receive(): Promise<MigrationMessage> {
    for (;;) {
      const message = this.arrived.shift();
      if (message !== undefined) {
        if (!this.isClosed) this.port.postMessage({ taken: message.payload.length } satisfies OnPort);
        return message;
      }
      if (this.isClosed) throw gone();
      await this.changed.promise;
    }
  }

  close(): void { this.port.close(); }

  private change(): void {
    this.changed.resolve(undefined);
    this.changed = Promise.withResolvers();
  }
}
