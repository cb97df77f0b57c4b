/** `MessageChannelMain` and `MessagePortMain`: a pair of ports, each in this process or handed to a page or utility process. */
import { EventEmitter } from 'node:events';
import type Electron from 'electron';
import { notImplemented } from './strict.ts';

/** Where a port was handed to. */
export interface PortHolder {
  message(port: number, data: unknown): void;
  closed(port: number): void;
}

const handedOver = new Map<number, MessagePortMain>();
let lastId = 0;

export class MessagePortMain extends EventEmitter implements Pick<Electron.MessagePortMain, 'postMessage' | 'start' | 'close'> {
  readonly id = ++lastId;
  peer: MessagePortMain | undefined;
  private holder: PortHolder | undefined;
  private started = false;
  private waiting: unknown[] = [];

  postMessage(message: unknown, transfer: readonly unknown[] = []): void {
    if (transfer.length > 0) throw notImplemented('a transfer list of MessagePortMain.postMessage');
    this.peer?.receive(structuredClone(message));
  }

  start(): void {
    this.started = true;
    for (const data of this.waiting.splice(0)) this.deliver(data);
  }

  close(): void {
    const { peer } = this;
    handedOver.delete(this.id);
    this.peer = undefined;
    peer?.peerClosed();
  }

  handTo(holder: PortHolder): void {
    if (this.holder) throw new TypeError('the port was transferred already');
    this.holder = holder;
    handedOver.set(this.id, this);
    for (const data of this.waiting.splice(0)) holder.message(this.id, data);
  }

  receive(data: unknown): void {
    if (this.holder) this.holder.message(this.id, data);
    else if (this.started) this.deliver(data);
    else this.waiting.push(data);
  }

  private peerClosed(): void {
    if (this.peer === undefined) return;
    this.peer = undefined;
    handedOver.delete(this.id);
    if (this.holder) this.holder.closed(this.id);
    else this.emit('close');
  }

  private deliver(data: unknown): void { this.emit('message', { data, ports: [] } satisfies Pick<Electron.MessageEvent, 'data' | 'ports'>); }
}

export class MessageChannelMain implements Record<keyof Electron.MessageChannelMain, MessagePortMain> {
  readonly port1 = new MessagePortMain();
  readonly port2 = new MessagePortMain();
  constructor() {
    this.port1.peer = this.port2;
    this.port2.peer = this.port1;
  }
}

/** Hands the ports over; refuses what Electron refuses: anything else than ports cannot be transferred. */
export function transferPorts(transfer: readonly unknown[] | undefined, holder: PortHolder): number[] {
  return (transfer ?? []).map((port, index) => {
    if (!(port instanceof MessagePortMain)) throw new TypeError(`Port at index ${index} is not a valid port`);
    port.handTo(holder);
    return port.id;
  });
}

/** A holder sent something into its port. */
export function sentThrough(port: number, data: unknown): void { handedOver.get(port)?.peer?.receive(data); }

/** A holder closed its port, or died. */
export function closedByHolder(port: number): void { handedOver.get(port)?.close(); }
