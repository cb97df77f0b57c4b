/** What the halves of a migration talk over: whole messages, in order, until one side closes it. */
import { setTimeout as wait } from 'node:timers/promises';
import type { MessagePort } from 'node:worker_threads';
import { EngineError } from '../../../shared/base/errors.ts';
import { hostNowNs } from '../../time/host-time.ts';
import type { Link } from './link.ts';
import type { MigrationMessage } from './messages.ts';

export interface MigrationChannel {
  /** Resolves when more may be sent. Rejects when it is closed. Pages are given away with their buffer. */
  send(message: MigrationMessage): Promise<void>;
  /** The next message. Rejects when it is closed and there is none. */
  receive(): Promise<MigrationMessage>;
  close(): void;
}

/** Bytes that may be under way. */
const WINDOW_BYTES = 4 * 2 ** 20;
/** What a message takes besides its payload. */
const OVERHEAD_BYTES = 64;
/** How often somebody looks whether the link is cut. */
const LOOK_MS = 20;
/** A wait that is shorter is left out, and what a longer one was too long is made up for by those after it. */
const SHORTEST_MS = 1, LATE_NS = 10e6;
const gone = () => new EngineError('migration.cut', 'The migration network was cut.');

/** `atNs` is when the message is at the other end. */
type OnPort = { readonly message: MigrationMessage; readonly atNs: number } | { readonly taken: number };

export interface PortChannelOptions {
  readonly link?: Link | undefined;
  /** In this direction. */
  readonly bytesPerSecond?: number | undefined;
}

/** Between two threads. */
export class PortChannel implements MigrationChannel {
  private readonly port: MessagePort;
  private readonly options: PortChannelOptions;
  private readonly arrived: Extract<OnPort, { message: unknown }>[] = [];
  private readonly looking: NodeJS.Timeout | undefined;
  private underWay = 0;
  /** When the last byte that was sent left. */
  private leftNs = 0;
  private isClosed = false;
  private persists = false;
  private isHandedOver = false;
  private changed = Promise.withResolvers<undefined>();

  constructor(port: MessagePort, options: PortChannelOptions = {}) {
    this.port = port;
    this.options = options;
    const { link } = options;
    port.on('message', this.taken);
    port.on('close', this.closed);
    this.looking = link && setInterval(() => { if (link.isCut) this.close(); }, LOOK_MS);
  }

  /** From now on a link that is cut holds messages back until it is there again, and closes nothing. */
  persist(): void {
    this.persists = true;
    clearInterval(this.looking);
  }

  /** This end, for another thread, while nothing is under way to it. */
  handOver(): MessagePort {
    this.isHandedOver = true;
    clearInterval(this.looking);
    this.port.off('message', this.taken).off('close', this.closed);
    return this.port;
  }

  /** What goes over for now, in this direction. */
  get bytesPerSecond(): number { return Math.min(this.options.bytesPerSecond ?? Infinity, this.options.link?.bytesPerSecond ?? Infinity); }

  async send(message: MigrationMessage): Promise<void> {
    const { link } = this.options, { length } = message.payload, bytes = length + OVERHEAD_BYTES;
    if (link?.isCut === true && !this.persists) this.close();
    await this.passable();
    if (this.isClosed) throw gone();
    this.leftNs = Math.max(this.leftNs, hostNowNs() - LATE_NS) + bytes / this.bytesPerSecond * 1e9;
    this.underWay += length;
    const { buffer } = message.payload, on = { message, atNs: Math.max(this.leftNs, hostNowNs()) + (link?.latencyMs ?? 0) * 1e6 } satisfies OnPort;
    this.port.postMessage(on, message.kind === 'pages' && buffer instanceof ArrayBuffer ? [buffer] : []);
    await this.until(this.leftNs);
    while (this.underWay > WINDOW_BYTES) {
      await this.changed.promise;
      if (this.isClosed) throw gone();
    }
  }

  async receive(): Promise<MigrationMessage> {
    for (;;) {
      const on = this.arrived.shift();
      if (on !== undefined) {
        await this.until(on.atNs);
        await this.passable();
        if (!this.isClosed) this.port.postMessage({ taken: on.message.payload.length } satisfies OnPort);
        return on.message;
      }
      if (this.isClosed) throw gone();
      await this.changed.promise;
    }
  }

  close(): void {
    if (this.isHandedOver) return;
    clearInterval(this.looking);
    this.port.close();
  }

  private readonly taken = (on: OnPort): void => {
    if ('taken' in on) this.underWay -= on.taken;
    else this.arrived.push(on);
    this.change();
  };

  private readonly closed = (): void => {
    this.isClosed = true;
    this.change();
  };

  /** Until the link is not cut. */
  private async passable(): Promise<void> { while (this.persists && !this.isClosed && this.options.link?.isCut === true) await wait(LOOK_MS); }

  private async until(ns: number): Promise<void> {
    const ms = (ns - hostNowNs()) / 1e6;
    if (ms >= SHORTEST_MS) await wait(ms);
  }

  private change(): void {
    this.changed.resolve(undefined);
    this.changed = Promise.withResolvers();
  }
}
