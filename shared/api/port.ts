/** A two-way stream of messages, and what makes one of a MessagePort, an Electron port or a WebSocket. */
import { messageOf } from '../base/errors.ts';
import { decode, encode } from './codec.ts';

/** Messages are structured-cloneable data; `onMessage` and `onClose` take one listener each. */
export interface Port {
  /** Does nothing once the port is closed. */
  send(message: unknown): void;
  onMessage(listener: (message: unknown) => void): void;
  /** Called once, when either side has closed the port or died. */
  onClose(listener: () => void): void;
  close(): void;
}

/** The part of the DOM's MessagePort that is used; this folder knows no DOM. */
interface MessagePortLike {
  postMessage(message: unknown): void;
  addEventListener(type: 'message' | 'close', listener: (event: Event) => void): void;
  start(): void;
  close(): void;
}

/** A page's MessagePort. */
export function pagePort(channel: MessagePortLike): Port {
  return {
    send: message => channel.postMessage(message),
    onMessage: listener => { channel.addEventListener('message', event => listener((event as Event & { readonly data: unknown }).data)); channel.start(); },
    onClose: listener => channel.addEventListener('close', once(listener)),
    close: () => channel.close(),
  };
}

/** The part of Electron's MessagePortMain that is used; the engine has one for each window. */
export interface ElectronPortLike {
  postMessage(message: unknown): void;
  on(type: 'message', listener: (event: { readonly data: unknown }) => void): unknown;
  on(type: 'close', listener: () => void): unknown;
  start(): void;
  close(): void;
}

export function electronPort(channel: ElectronPortLike): Port {
  return {
    send: message => channel.postMessage(message),
    onMessage: listener => { channel.on('message', event => listener(event.data)); channel.start(); },
    onClose: listener => { channel.on('close', once(listener)); },
    close: () => channel.close(),
  };
}

/** What a browser's WebSocket and that of the `ws` package have in common. */
interface WebSocketLike {
  readonly readyState: number;
  binaryType: string;
  send(data: Uint8Array<ArrayBuffer>): void;
  close(code?: number, reason?: string): void;
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void;
  addEventListener(type: 'close', listener: () => void): void;
}

const OPEN = 1, UNSUPPORTED_DATA = 1003;

/** An open WebSocket. Input that is not one of our messages closes it, with the reason. */
export function webSocketPort(socket: WebSocketLike): Port {
  socket.binaryType = 'arraybuffer';
  return {
    send: message => { if (socket.readyState === OPEN) socket.send(encode(message)); },
    onMessage: listener => socket.addEventListener('message', ({ data }) => {
      let message: unknown;
      try { message = decode(data); } catch (error) { socket.close(UNSUPPORTED_DATA, messageOf(error)); return; }
      listener(message);
    }),
    onClose: listener => socket.addEventListener('close', once(listener)),
    close: () => socket.close(),
  };
}

function once(listener: () => void): () => void {
  let called = false;
  return () => { if (!called) { called = true; listener(); } };
}
