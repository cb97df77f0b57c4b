/**
 * One page's session at a VM's display, for as long as the page shows it: opened anew after each reconnection. Its streams are of
 * RFB, which noVNC reads as if they came from a WebSocket.
 */
import type { RfbChannel } from '@novnc/novnc';
import type { Disposable } from '../../shared/base/disposable.ts';
import type { VmId } from '../../shared/base/ids.ts';
import type { Said } from '../../shared/base/phrase.ts';
import { USUAL_SIZE, type ClientProperties, type HeadWindow } from '../../shared/model/display.ts';
import type { EngineClient } from './client.ts';

export interface DisplayWatcher {
  /** A stream begins. */
  began(channel: StreamChannel, sessionId: string): void;
  /** There is none any more; why, unless the connection to the engine is lost. */
  ended(why: Said | undefined): void;
  /** There is no session, or it cannot be changed. */
  failed(error: unknown): void;
}

/** With `sessionId`, one that another page has opened: this one shows another of its heads, and does not end it. */
export interface DisplayTarget { readonly vmId: VmId; readonly head: number; readonly sessionId?: string | undefined }

const MOST_AT_ONCE = 256 * 1024;

/** What noVNC takes for a WebSocket. What comes before somebody listens waits, until that one has done what it had begun, as events of a WebSocket do: noVNC is not ready yet when it begins to listen. */
export class StreamChannel implements RfbChannel {
  binaryType = 'arraybuffer';
  protocol = '';
  readyState = 'open';
  onopen: RfbChannel['onopen'] = null;
  onclose: RfbChannel['onclose'] = null;
  onerror: RfbChannel['onerror'] = null;
  private listener: RfbChannel['onmessage'] = null;
  private waiting: Uint8Array[] = [];
  private readonly out: { send(bytes: Uint8Array): void; taken(bytes: number): void; close(): void };

  constructor(out: StreamChannel['out']) { this.out = out; }

  get onmessage(): RfbChannel['onmessage'] { return this.listener; }
  set onmessage(listener) {
    this.listener = listener;
    queueMicrotask(() => { for (let next; this.listener && (next = this.waiting.shift());) this.deliver(next, this.listener); });
  }

  receive(bytes: Uint8Array): void {
    if (this.listener && this.waiting.length === 0) this.deliver(bytes, this.listener); else this.waiting.push(bytes);
  }

  private deliver(bytes: Uint8Array, listener: NonNullable<RfbChannel['onmessage']>) {
    listener({ data: bytes.slice().buffer });
    this.out.taken(bytes.length);
  }

  send(data: Uint8Array | ArrayBuffer): void {
    if (this.readyState !== 'open') return;
    // noVNC uses its buffer again.
    const bytes = new Uint8Array(data).slice();
    for (let at = 0; at < bytes.length; at += MOST_AT_ONCE) this.out.send(bytes.subarray(at, at + MOST_AT_ONCE));
  }

  /** By this page. */
  close(): void {
    if (this.readyState !== 'open') return;
    this.ended();
    this.out.close();
  }

  /** By the other side. */
  ended(): void {
    this.readyState = 'closed';
    this.onclose?.({ code: 1000, reason: '' });
  }
}

const windowOf = ({ head }: DisplayTarget, { monitors: [own = USUAL_SIZE], pixelRatio }: ClientProperties): HeadWindow => ({ head, width: own.width, height: own.height, pixelRatio });
const isSame = (a: HeadWindow, b: HeadWindow): boolean => JSON.stringify(a) === JSON.stringify(b);

export class DisplaySession implements Disposable {
  private readonly engine: EngineClient;
  private readonly target: DisplayTarget;
  private readonly watcher: DisplayWatcher;
  private readonly subscriptions: readonly Disposable[];
  private window: HeadWindow;
  private readonly properties: ClientProperties;
  /** Another page's session, until that has ended and this page was asked to open one. */
  private shared: string | undefined;
  private own: string | undefined;
  private current: { readonly streamId: string; readonly channel: StreamChannel } | undefined;
  private early: { readonly streamId: string; readonly bytes: Uint8Array }[] = [];
  private disposed = false;

  /** `properties` are the client's, whose monitor is this page's window. */
  constructor(engine: EngineClient, target: DisplayTarget, properties: ClientProperties, watcher: DisplayWatcher) {
    this.engine = engine;
    this.target = target;
    this.shared = target.sessionId;
    this.properties = properties;
    this.window = windowOf(target, properties);
    this.watcher = watcher;
    this.subscriptions = [
      engine.on('display.output', output => this.output(output)),
      engine.on('display.closed', ({ streamId, why }) => { if (streamId === this.current?.streamId) this.lost(why); }),
      engine.stateChanged.on(state => { if (state === 'connected') void this.open(); else this.lost(undefined); }),
    ];
    if (engine.state === 'connected') void this.open();
  }

  get isOpen(): boolean { return this.current !== undefined; }

  /** What this page's window is like now. */
  update(properties: ClientProperties): void {
    const window = windowOf(this.target, properties), id = this.own ?? this.shared;
    if (isSame(window, this.window)) return;
    this.window = window;
    if (id !== undefined && this.isOpen) this.engine.call(api => api.displays.update(id, window)).catch((error: unknown) => this.watcher.failed(error));
  }

  /** Opens one after somebody else ended what this page showed. */
  reopen(): void {
    if (this.isOpen) return;
    this.shared = undefined;
    void this.open();
  }

  dispose(): void {
    this.disposed = true;
    for (const subscription of this.subscriptions) subscription.dispose();
    this.current?.channel.close();
    this.current = undefined;
    this.closeOwn();
  }

  private closeOwn(): void {
    const id = this.own;
    this.own = undefined;
    // A connection that is gone has ended it already.
    if (id !== undefined) this.engine.call(api => api.displays.close(id)).catch(() => undefined);
  }

  private async open(): Promise<void> {
    this.early = [];
    const { vmId, head } = this.target, shared = this.shared, asked = this.window;
    try {
      if (shared === undefined) this.own = (await this.engine.call(api => api.displays.open(vmId, this.properties))).id;
      const id = shared ?? this.own ?? '';
      // A session begins with what this client was at first, in its first head.
      if (head > 0 || !isSame(asked, windowOf(this.target, this.properties))) await this.engine.call(api => api.displays.update(id, asked));
      const { streamId } = await this.engine.call(api => api.displays.stream(id, head));
      if (this.disposed) { this.closeOwn(); return; }
      const tell = (ask: () => Promise<unknown>) => { ask().catch((error: unknown) => { if (this.current?.streamId === streamId) this.watcher.failed(error); }); };
      const channel = new StreamChannel({
        send: bytes => tell(() => this.engine.call(api => api.displays.write(streamId, bytes))),
        taken: bytes => tell(() => this.engine.call(api => api.displays.acknowledge(streamId, bytes))),
        close: () => { this.engine.call(api => api.displays.closeStream(streamId)).catch(() => undefined); },
      });
      this.current = { streamId, channel };
      this.watcher.began(channel, id);
      for (const output of this.early.splice(0)) this.output(output);
      // It was resized meanwhile.
      if (asked !== this.window) tell(() => this.engine.call(api => api.displays.update(id, this.window)));
    } catch (error) {
      this.closeOwn();
      if (this.engine.state === 'connected' && !this.disposed) this.watcher.failed(error);
    }
  }

  private lost(why: Said | undefined): void {
    if (this.current === undefined) return;
    const { channel } = this.current;
    this.current = this.own = undefined;
    channel.ended();
    this.watcher.ended(why);
  }

  private output(output: { readonly streamId: string; readonly bytes: Uint8Array }): void {
    if (this.current === undefined) this.early.push(output);
    else if (output.streamId === this.current.streamId) this.current.channel.receive(output.bytes);
  }
}
