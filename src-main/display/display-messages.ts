/** What the engine and the display's worker say to each other. */
import type { MessagePort } from 'node:worker_threads';
import type { Said } from '../../shared/base/phrase.ts';
import type { ClientProperties, DisplayConfiguration, DisplaySession, DisplaySize, VncListener } from '../../shared/model/display.ts';
import type { StreamMessage } from './relayed-stream.ts';
import type { Certificate } from './rfb/security.ts';
import type { SessionCounters } from './rfb/session.ts';

/** Before it is opened. A VNC client's properties are what the head has now, until it says more. */
export interface OpeningSession extends Omit<DisplaySession, 'sinceMs'> { readonly vm: string; readonly head: number }

export interface ScreenshotOptions {
  /** Scaled down, in proportion, to no more than this. */
  readonly maxWidth?: number;
  readonly maxHeight?: number;
}

/** Of a recording that has ended. */
export interface Recorded { readonly bytes: number; readonly milliseconds: number }

export type DisplayCall =
  /** The VM is powered on, or a new one of its workers took over. */
  | { readonly kind: 'attach'; readonly vm: string; readonly port: MessagePort }
  /** It is off. Sessions stay. */
  | { readonly kind: 'detach'; readonly vm: string }
  /** It is no more: its sessions, recordings and listeners end. */
  | { readonly kind: 'remove'; readonly vm: string }
  /** What clients are told: the VM's name, and whether they may ask for another size. */
  | { readonly kind: 'describe'; readonly vm: string; readonly name: string; readonly sizeFixed: boolean }
  | { readonly kind: 'configure'; readonly vm: string; readonly configuration: DisplayConfiguration }
  | { readonly kind: 'open'; readonly session: OpeningSession; readonly stream: number }
  | { readonly kind: 'disconnect'; readonly session: string }
  /** One place for each VM; it shows head 0. Listening anew ends what was before, but not its sessions. */
  | { readonly kind: 'listen'; readonly vm: string; readonly listener: VncListener; readonly certificate?: Certificate }
  | { readonly kind: 'stop-listening'; readonly vm: string }
  | { readonly kind: 'clipboard'; readonly session: string; readonly text: string }
  | { readonly kind: 'screenshot'; readonly vm: string; readonly head: number; readonly options: ScreenshotOptions }
  | { readonly kind: 'record'; readonly vm: string; readonly head: number; readonly path: string }
  | { readonly kind: 'stop-recording'; readonly vm: string; readonly head: number }
  | { readonly kind: 'counters' };

export type DisplayEvent =
  | { readonly kind: 'opened'; readonly session: OpeningSession; readonly sinceMs: number }
  /** One that was opened. `problem` says how its client broke the protocol. */
  | { readonly kind: 'ended'; readonly session: string; readonly vm: string; readonly counters: SessionCounters; readonly problem?: string }
  | { readonly kind: 'size-wanted'; readonly session: string; readonly vm: string; readonly head: number; readonly size: DisplaySize }
  | { readonly kind: 'properties'; readonly session: string; readonly vm: string; readonly properties: ClientProperties }
  /** A client's clipboard has this text. */
  | { readonly kind: 'clipboard'; readonly session: string; readonly vm: string; readonly text: string }
  /** What the guest was told last of its display and input. */
  | { readonly kind: 'configured'; readonly vm: string; readonly configuration: DisplayConfiguration };

export type ToDisplay =
  | { readonly kind: 'call'; readonly id: number; readonly call: DisplayCall }
  /** The answer to `admit`: why not, or nothing. */
  | { readonly kind: 'admission'; readonly id: number; readonly refused?: Said }
  | StreamMessage;

export type FromDisplay =
  | { readonly kind: 'result'; readonly id: number; readonly result: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly error: { readonly code: string; readonly said: Said } }
  | { readonly kind: 'admit'; readonly id: number; readonly session: OpeningSession }
  | { readonly kind: 'event'; readonly event: DisplayEvent }
  | StreamMessage;
