/** Starts the display's worker, with the first thing that is asked of it, and speaks for it. */
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { Worker, type MessagePort, type Transferable } from 'node:worker_threads';
import { generate } from 'selfsigned';
import { EngineError, saidOf } from '../../shared/base/errors.ts';
import type { Said } from '../../shared/base/phrase.ts';
import type { ClientProperties, DisplayConfiguration, VncListener } from '../../shared/model/display.ts';
import type { DisplayCall, DisplayEvent, FromDisplay, OpeningSession, Recorded, ScreenshotOptions, ToDisplay } from './display-messages.ts';
import { RelayedStream } from './relayed-stream.ts';
import type { Certificate } from './rfb/security.ts';
import type { SessionCounters } from './rfb/session.ts';

function workerFile(): string {
  const here = import.meta.dirname, file = [join(here, '../engine/display-worker.js'), join(here, 'display-worker.ts')].find(existsSync);
  if (file === undefined) throw new EngineError('not-built', 'The display is not built: run `npm run build` first.');
  return file;
}

export interface DisplayOptions {
  /** Asked of each session before it is opened, with the password shown already; a reason to refuse it, which its client reads, or nothing. */
  readonly admit: (session: OpeningSession) => Promise<Said | undefined>;
  readonly onEvent: (event: DisplayEvent) => void;
}

/** A console's session: bytes of RFB both ways, of which no more come than are read. Destroying the stream ends the session. */
export interface ConsoleSession { readonly id: string; readonly stream: Duplex }

const CERTIFICATE_YEARS = 10;

/** For VeNCrypt: to be made once, and kept. */
export async function makeCertificate(name: string): Promise<Certificate> {
  const notAfterDate = new Date();
  notAfterDate.setFullYear(notAfterDate.getFullYear() + CERTIFICATE_YEARS);
  const { private: key, cert } = await generate([{ name: 'commonName', value: name }], { keyType: 'ec', algorithm: 'sha256', notAfterDate });
  return { key, cert };
}

export class DisplayClient {
  private readonly options: DisplayOptions;
  private readonly worker: Worker;
  private readonly waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  private readonly streams = new Map<number, RelayedStream>();
  private nextId = 1;

  constructor(options: DisplayOptions) {
    this.options = options;
    this.worker = new Worker(workerFile(), { name: 'display' });
    this.worker.on('message', (message: FromDisplay) => this.take(message));
    this.worker.on('error', (error: Error) => this.failed(error));
    this.worker.unref();
  }

  /** The VM is powered on: `port` is the other end of its thread's (`FromScreen`, `ToScreen`). */
  async attach(vm: string, port: MessagePort): Promise<void> { await this.call({ kind: 'attach', vm, port }, [port]); }
  /** It is off; sessions stay, and see black. */
  async detach(vm: string): Promise<void> { await this.call({ kind: 'detach', vm }); }
  /** It is no more. */
  async remove(vm: string): Promise<void> { await this.call({ kind: 'remove', vm }); }
  /** Sessions that are opened from then on have the name; whether the size is fixed holds at once. */
  async describe(vm: string, { name, sizeFixed }: { readonly name: string; readonly sizeFixed: boolean }): Promise<void> { await this.call({ kind: 'describe', vm, name, sizeFixed }); }
  async configure(vm: string, configuration: DisplayConfiguration): Promise<void> { await this.call({ kind: 'configure', vm, configuration }); }

  /** `client` is what the session is called. It is admitted, or refused, as any other. */
  openConsole(vm: string, head: number, { client, properties }: { readonly client: string; readonly properties: ClientProperties }): ConsoleSession {
    const number = this.nextId++, id = randomUUID(), stream = new RelayedStream(number, (message, transfer) => this.post(message, transfer));
    this.streams.set(number, stream);
    stream.on('close', () => this.streams.delete(number));
    this.call({ kind: 'open', session: { id, vm, head, client, kind: 'console', properties }, stream: number }).catch(() => stream.destroy());
    return { id, stream };
  }

  async disconnect(session: string): Promise<void> { await this.call({ kind: 'disconnect', session }); }
  /** Where it listens, with the port that was free. */
  async listen(vm: string, listener: VncListener, certificate?: Certificate): Promise<VncListener['at']> {
    return await this.call({ kind: 'listen', vm, listener, ...(certificate && { certificate }) }) as VncListener['at'];
  }
  async stopListening(vm: string): Promise<void> { await this.call({ kind: 'stop-listening', vm }); }
  /** What the guest, or another session's client, has in its clipboard, for a session's client. */
  async setClipboard(session: string, text: string): Promise<void> { await this.call({ kind: 'clipboard', session, text }); }
  /** A PNG. */
  async screenshot(vm: string, head: number, options: ScreenshotOptions = {}): Promise<Uint8Array> { return await this.call({ kind: 'screenshot', vm, head, options }) as Uint8Array; }
  /** Into a new file, or over an old one, in the format that `recording.ts` describes. */
  async record(vm: string, head: number, path: string): Promise<void> { await this.call({ kind: 'record', vm, head, path }); }
  async stopRecording(vm: string, head: number): Promise<Recorded> { return await this.call({ kind: 'stop-recording', vm, head }) as Recorded; }
  /** Of all sessions, by their ids. */
  async counters(): Promise<Readonly<Record<string, SessionCounters>>> { return await this.call({ kind: 'counters' }) as Readonly<Record<string, SessionCounters>>; }

  async end(): Promise<void> {
    await this.worker.terminate();
    for (const stream of this.streams.values()) stream.destroy();
  }

  private post(message: ToDisplay, transfer: Transferable[] = []) { this.worker.postMessage(message, transfer); }

  private call(call: DisplayCall, transfer: Transferable[] = []): Promise<unknown> {
    const id = this.nextId++;
    // As long as an answer is due, the process lives.
    this.worker.ref();
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.post({ kind: 'call', id, call }, transfer);
    });
  }

  private take(message: FromDisplay): void {
    switch (message.kind) {
      case 'result': this.answered(message.id)?.resolve(message.result); break;
      case 'error': this.answered(message.id)?.reject(new EngineError(message.error.code, message.error.said)); break;
      case 'event': this.options.onEvent(message.event); break;
      case 'admit': {
        const { id } = message, answer = (refused: Said | undefined) => this.post({ kind: 'admission', id, ...(refused !== undefined && { refused }) });
        this.options.admit(message.session).then(answer, (error: unknown) => answer(saidOf(error)));
        break;
      }
      default: this.streams.get(message.stream)?.received(message);
    }
  }

  private answered(id: number) {
    const waiting = this.waiting.get(id);
    this.waiting.delete(id);
    if (this.waiting.size === 0) this.worker.unref();
    return waiting;
  }

  private failed(error: Error): void {
    for (const waiting of this.waiting.values()) waiting.reject(error);
    this.waiting.clear();
    throw error;
  }
}
