/**
 * The display's thread's picture of one VM. It is there before the VM is powered on and stays when it goes off, so that whoever
 * looks at it goes on looking; without a VM's port its heads are black.
 */
import type { MessagePort } from 'node:worker_threads';
import { Emitter } from '../../shared/base/emitter.ts';
import { DISPLAY_LIMITS, type DisplayConfiguration, type DisplaySize } from '../../shared/model/display.ts';
import { around, intersection } from './damage.ts';
import type { CursorShape, FromScreen, Leds, Rect, Surface, ToScreen } from './screen-messages.ts';

const FIRST_SIZE: DisplaySize = { width: 1280, height: 800 };
/** No more damage is asked for than some 60 times a second. */
const FRAME_MS = 16;
/** How long a picture that nobody looked at may take to be drawn anew, where the VM is paused. */
const REDRAW_MS = 1000;

/** Told of what changes on the head that it looks at. */
export interface Viewer {
  readonly head: number;
  damaged(rects: readonly Rect[]): void;
  /** The head has another surface, maybe of another size. */
  replaced(): void;
  /** Its shape, or its place. `covered` is what it covered before and does now. */
  cursorChanged(what: 'shape' | 'place', covered: Rect | undefined): void;
  ledsChanged(): void;
}

/** What a head shows, or showed last. */
export class Head {
  size: DisplaySize = FIRST_SIZE;
  cursor: CursorShape | undefined;
  cursorAt = { x: 0, y: 0 };
  private surface: Surface | undefined;
  private bytes: Uint8Array = new Uint8Array(0);
  private words: Int32Array | undefined;

  /** One that does not lie within its memory counts as none. */
  show(surface: Surface | undefined): void {
    this.surface = surface !== undefined && isWithin(surface) ? surface : undefined;
    this.bytes = new Uint8Array(0);
    this.words = undefined;
    if (this.surface === undefined) return;
    const { pixels, offset, strideBytes, width, height } = this.surface;
    this.size = { width: Math.min(width, DISPLAY_LIMITS.width.max), height: Math.min(height, DISPLAY_LIMITS.height.max) };
    this.bytes = new Uint8Array(pixels);
    this.words = offset % 4 === 0 && strideBytes % 4 === 0 ? new Int32Array(pixels, 0, pixels.byteLength >>> 2) : undefined;
  }

  /** 0x00RRGGBB, one row after the other. Black where there is nothing. */
  read(rect: Rect, into: Int32Array): void {
    const { surface, words } = this, { width } = rect, seen = surface && intersection(rect, { x: 0, y: 0, width: surface.width, height: surface.height });
    if (surface === undefined || seen === undefined) { into.fill(0, 0, width * rect.height); return; }
    if (seen.width !== width || seen.height !== rect.height) into.fill(0, 0, width * rect.height);
    for (let y = seen.y; y < seen.y + seen.height; y++) {
      const from = surface.offset + y * surface.strideBytes + seen.x * 4, to = (y - rect.y) * width + seen.x - rect.x;
      if (words) for (let x = 0, at = from >>> 2; x < seen.width; x++) into[to + x] = words[at + x]! & 0xff_ffff;
      else for (let x = 0, at = from; x < seen.width; x++, at += 4) into[to + x] = this.bytes[at]! | this.bytes[at + 1]! << 8 | this.bytes[at + 2]! << 16;
    }
  }

  get cursorCovers(): Rect | undefined {
    const { cursor, cursorAt } = this;
    return cursor && { x: cursorAt.x - cursor.hotX, y: cursorAt.y - cursor.hotY, width: cursor.width, height: cursor.height };
  }
}

function isWithin({ pixels, offset, strideBytes, width, height }: Surface): boolean {
  return width > 0 && height > 0 && offset >= 0 && strideBytes >= width * 4 && offset + strideBytes * (height - 1) + width * 4 <= pixels.byteLength;
}

const OFF: Leds = { numLock: false, capsLock: false, scrollLock: false };

export class Screen {
  /** What the guest was told last. */
  readonly configured = new Emitter<DisplayConfiguration>();
  /** Clients may not ask for another size. */
  sizeFixed = false;
  leds: Leds = OFF;
  private readonly heads = new Map<number, Head>();
  private readonly looks = new Set<Look>();
  private port: MessagePort | undefined;
  private watched = false;
  private lastSeenMs = -Infinity;
  private seenTimer: NodeJS.Timeout | undefined;

  head(head: number): Head {
    const known = this.heads.get(head) ?? new Head();
    this.heads.set(head, known);
    return known;
  }

  /** The VM is powered on. */
  connect(port: MessagePort): void {
    this.disconnect();
    this.port = port;
    port.on('message', (message: FromScreen) => { if (this.port === port) this.take(message); });
    port.on('close', () => { if (this.port === port) this.disconnect(); });
    this.watch();
  }

  /** It is off: what was shown is black. */
  disconnect(): void {
    if (this.port === undefined) return;
    const port = this.port;
    this.port = undefined;
    port.close();
    clearTimeout(this.seenTimer);
    this.seenTimer = undefined;
    this.watched = false;
    for (const look of this.looks) look.forget();
    for (const head of this.heads.keys()) {
      this.setCursor(head, undefined);
      this.setSurface(head, undefined);
    }
    this.setLeds(OFF);
  }

  get isOn(): boolean { return this.port !== undefined; }

  look(viewer: Viewer): Look {
    const look: Look = new Look(viewer, message => this.send(message), code => [...this.looks].some(other => other !== look && other.holds(code)), () => {
      this.looks.delete(look);
      this.watch();
    });
    this.looks.add(look);
    this.watch();
    return look;
  }

  configure(configuration: DisplayConfiguration): void { this.send({ kind: 'configure', configuration }); }

  /** Resolves when what a head shows is what the guest has drawn, also where nobody looked before. */
  async upToDate(head: number): Promise<void> {
    if (this.watched || this.port === undefined) return;
    await new Promise<void>(resolve => {
      const done = () => {
        clearTimeout(timer);
        look.end();
        resolve();
      };
      const timer = setTimeout(done, REDRAW_MS);
      const look = this.look({ head, damaged: done, replaced: () => {}, cursorChanged: () => {}, ledsChanged: () => {} });
    });
  }

  private take(message: FromScreen) {
    switch (message.kind) {
      case 'surface': this.setSurface(message.head, message.surface); break;
      case 'damage':
        for (const { head, rects } of message.parts) this.each(head, viewer => viewer.damaged(rects));
        this.seen();
        break;
      case 'cursor': this.setCursor(message.head, message.shape); break;
      case 'cursor-at': this.changeCursor(message.head, 'place', head => { head.cursorAt = { x: message.x, y: message.y }; }); break;
      case 'leds': this.setLeds(message.leds); break;
      case 'configured': this.configured.emit(message.configuration); break;
    }
  }

  private setSurface(number: number, surface: Surface | undefined) {
    this.head(number).show(surface);
    this.each(number, viewer => viewer.replaced());
  }

  private setCursor(number: number, shape: CursorShape | undefined) { this.changeCursor(number, 'shape', head => { head.cursor = shape; }); }

  private changeCursor(number: number, what: 'shape' | 'place', change: (head: Head) => void) {
    const head = this.head(number), before = head.cursorCovers;
    change(head);
    const after = head.cursorCovers, covered = before && after ? around(before, after) : before ?? after;
    this.each(number, viewer => viewer.cursorChanged(what, covered));
  }

  private setLeds(leds: Leds) {
    this.leds = leds;
    for (const { viewer } of this.looks) viewer.ledsChanged();
  }

  private each(head: number, tell: (viewer: Viewer) => void) {
    for (const { viewer } of [...this.looks]) if (viewer.head === head) tell(viewer);
  }

  private seen() {
    const wait = this.lastSeenMs + FRAME_MS - performance.now();
    const tell = () => {
      this.seenTimer = undefined;
      this.lastSeenMs = performance.now();
      this.send({ kind: 'seen' });
    };
    if (wait <= 0) tell();
    else this.seenTimer ??= setTimeout(tell, wait);
  }

  private watch() {
    const watched = this.looks.size > 0;
    if (this.port === undefined || watched === this.watched) return;
    this.watched = watched;
    this.send({ kind: 'watched', watched });
  }

  private send(message: ToScreen) { this.port?.postMessage(message); }
}

export interface PointerState { readonly x: number; readonly y: number; readonly buttons: number; readonly wheelX?: number; readonly wheelY?: number }
export interface Finger { readonly id: number; readonly x: number; readonly y: number }

/** A viewer's place at a screen. What it holds down is let go of when it ends. */
export class Look {
  readonly viewer: Viewer;
  private readonly send: (message: ToScreen) => void;
  private readonly othersHold: (code: number) => boolean;
  private readonly leave: () => void;
  private readonly keys = new Set<number>();
  private pointed: PointerState = { x: 0, y: 0, buttons: 0 };
  private moved = false;
  private fingers = 0;
  private ended = false;

  constructor(viewer: Viewer, send: (message: ToScreen) => void, othersHold: (code: number) => boolean, leave: () => void) {
    this.viewer = viewer;
    this.send = send;
    this.othersHold = othersHold;
    this.leave = leave;
  }

  holds(code: number): boolean { return this.keys.has(code); }

  /** Linux' code. What is down already does not go down again: guests repeat by themselves. */
  key(code: number, down: boolean): void {
    if (this.ended || down === this.keys.has(code)) return;
    this.flush();
    if (down) this.keys.add(code); else this.keys.delete(code);
    if (down || !this.othersHold(code)) this.send({ kind: 'key', code, down });
  }

  /** In the head's pixels; moves of one turn are sent as one. */
  pointer(state: PointerState): void {
    if (this.ended) return;
    if (state.buttons === this.pointed.buttons && !state.wheelX && !state.wheelY) {
      this.pointed = state;
      if (!this.moved) setImmediate(() => this.flush());
      this.moved = true;
      return;
    }
    this.flush();
    const { x, y, buttons } = state;
    this.pointed = { x, y, buttons };
    this.send({ kind: 'pointer', head: this.viewer.head, ...state });
  }

  /** All fingers that are down. */
  touch(fingers: readonly Finger[]): void {
    if (this.ended) return;
    this.flush();
    this.fingers = fingers.length;
    this.send({ kind: 'touch', head: this.viewer.head, fingers });
  }

  /** Another machine has nothing held down. */
  forget(): void {
    this.keys.clear();
    this.moved = false;
    this.pointed = { ...this.pointed, buttons: 0 };
    this.fingers = 0;
  }

  end(): void {
    if (this.ended) return;
    for (const code of [...this.keys]) this.key(code, false);
    if (this.pointed.buttons !== 0) this.pointer({ ...this.pointed, buttons: 0 });
    if (this.fingers > 0) this.touch([]);
    this.flush();
    this.ended = true;
    this.leave();
  }

  private flush() {
    if (!this.moved) return;
    this.moved = false;
    this.send({ kind: 'pointer', head: this.viewer.head, ...this.pointed });
  }
}
