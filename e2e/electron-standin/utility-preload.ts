/** Preloaded in a utility process: `process.parentPort` and the ports that come through it. */
import { EventEmitter } from 'node:events';
import type Electron from 'electron';

export type ToUtility =
  | { readonly kind: 'parent'; readonly data: unknown; readonly ports: readonly number[] }
  | { readonly kind: 'port'; readonly port: number; readonly data: unknown }
  | { readonly kind: 'closed'; readonly port: number };
export type FromUtility =
  | { readonly kind: 'parent'; readonly data: unknown }
  | { readonly kind: 'port'; readonly port: number; readonly data: unknown }
  | { readonly kind: 'closed'; readonly port: number };

const ports = new Map<number, Port>();
const tell = (message: FromUtility): void => { if (process.connected) process.send?.(message); };

class Port extends EventEmitter implements Pick<Electron.MessagePortMain, 'postMessage' | 'start' | 'close'> {
  private readonly id: number;
  private started = false;
  private waiting: unknown[] = [];

  constructor(id: number) { super(); this.id = id; ports.set(id, this); }
  postMessage(data: unknown): void { tell({ kind: 'port', port: this.id, data }); }
  start(): void {
    this.started = true;
    for (const data of this.waiting.splice(0)) this.receive(data);
  }
  close(): void { if (ports.delete(this.id)) tell({ kind: 'closed', port: this.id }); }
  receive(data: unknown): void {
    if (this.started) this.emit('message', { data, ports: [] });
    else this.waiting.push(data);
  }
}

class ParentPort extends EventEmitter implements Pick<Electron.ParentPort, 'postMessage'> {
  private early: object[] = [];
  constructor() {
    super();
    this.on('newListener', name => { if (name === 'message') queueMicrotask(() => { for (const event of this.early.splice(0)) this.emit('message', event); }); });
  }
  postMessage(data: unknown): void { tell({ kind: 'parent', data }); }
  receive(event: object): void {
    if (this.listenerCount('message') > 0) this.emit('message', event);
    else this.early.push(event);
  }
}

const parentPort = new ParentPort();
Object.defineProperty(process, 'parentPort', { value: parentPort });

process.on('message', received => {
  const message = received as ToUtility;
  if (message.kind === 'parent') parentPort.receive({ data: message.data, ports: message.ports.map(id => new Port(id)) });
  else if (message.kind === 'port') ports.get(message.port)?.receive(message.data);
  else { ports.get(message.port)?.emit('close'); ports.delete(message.port); }
});
// Electron ends its utility processes with itself.
process.on('disconnect', () => process.exit(0));
