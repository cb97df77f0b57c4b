/**
 * A VM's side of what `display/screen-messages.ts` says: hands keys, pointers and fingers to the devices, and tells whoever looks of what
 * they show. Nothing is told while nobody looks, and then only what is new since the last damage was seen, however often it changed.
 */
import type { MessagePort } from 'node:worker_threads';
import { around, contains } from '../display/damage.ts';
import type { CursorShape, FromScreen, Rect, Surface, ToScreen } from '../display/screen-messages.ts';
import type { BoardDisplay } from '../host/display.ts';
import { AXIS_MOST } from '../devices/virtio/input-kinds.ts';
import { FramebufferWatch } from './framebuffer-watch.ts';

/** Parts of a head that are told one by one; of more only what they are all in. */
const RECTS_MOST = 16;
/** Input that waits while the machine is being saved. */
const HELD_MOST = 1024;
/** How often a framebuffer is looked at; and after so many looks that found nothing only every few times, until something is drawn, typed or pointed at. */
const LOOK_MS = 33, QUIET_LOOKS = 30, QUIET_EVERY = 4;

export interface VmScreenIo {
  readonly port: MessagePort;
  readonly display: BoardDisplay;
  /** A number that grows while the guest runs. */
  readonly progress: () => number;
}

/** What is not told yet of a head. */
interface News { surface: boolean; cursor: boolean; place: boolean; damage: readonly Rect[] }
const everything = (): News => ({ surface: true, cursor: true, place: true, damage: [] });

export class VmScreen {
  private readonly io: VmScreenIo;
  private readonly news: readonly News[];
  private ledsAreNew = false;
  private isWatched = false;
  private isSeen = true;
  private held: ToScreen[] | undefined;
  private watch: { readonly timer: NodeJS.Timeout; readonly framebuffer: FramebufferWatch; progress: number; quiet: number } | undefined;

  constructor(io: VmScreenIo) {
    const { display } = this.io = io;
    const news = this.news = Array.from({ length: display.heads }, everything);
    if (display.gpu !== undefined) display.gpu.output = {
      surface: head => Object.assign(news[head]!, { surface: true, damage: [] }), damage: (head, rect) => this.damaged(head, rect),
      cursor: head => { news[head]!.cursor = true; }, cursorAt: head => { news[head]!.place = true; },
    };
    if (display.firmware !== undefined) display.firmware.drawn = rect => { if (display.surface(0) === display.firmware?.surface) this.damaged(0, rect); };
    display.keyboard.ledsChanged = () => { this.ledsAreNew = true; };
  }

  /** Takes messages from now on. What was down in a machine that was saved is let go of. */
  open(): void {
    this.releaseAll();
    this.io.port.on('message', (message: ToScreen) => this.take(message));
    // Whoever looked is gone without a word.
    this.io.port.on('close', () => this.take({ kind: 'watched', watched: false }));
    this.tellConfiguration();
  }

  close(): void {
    this.stopLooking();
    this.io.port.removeAllListeners('close');
    this.io.port.close();
  }

  /** The machine has to stay as it is, until `goOn`. */
  hold(): void { this.held ??= []; }

  goOn(): void {
    const { held = [] } = this;
    this.held = undefined;
    for (const message of held) this.handle(message);
    if (held.length >= HELD_MOST) this.releaseAll();
  }

  /** Tells what is new, when the last that was told was seen. */
  flush(): void {
    if (!this.isWatched || !this.isSeen) return;
    const { display } = this.io;
    this.news.forEach((news, head) => {
      if (news.surface) this.tellSurface(head, display.surface(head));
      const { shape = null, x = 0, y = 0 } = display.cursor(head) ?? {};
      if (news.cursor) this.send({ kind: 'cursor', head, ...(shape && { shape: copied(shape) }) });
      if (news.place) this.send({ kind: 'cursor-at', head, x, y });
      Object.assign(news, { surface: false, cursor: false, place: false });
    });
    if (this.ledsAreNew) this.send({ kind: 'leds', leds: display.keyboard.leds });
    this.ledsAreNew = false;
    const parts = this.news.flatMap(({ damage: rects }, head) => (rects.length > 0 ? [{ head, rects }] : []));
    if (parts.length === 0) return;
    for (const news of this.news) news.damage = [];
    this.isSeen = false;
    this.send({ kind: 'damage', parts });
  }

  private tellSurface(head: number, surface: Surface | undefined) {
    this.send({ kind: 'surface', head, ...(surface && { surface }) });
    this.news[head]!.damage = surface ? [{ x: 0, y: 0, width: surface.width, height: surface.height }] : [];
  }

  private damaged(head: number, rect: Rect) {
    const news = this.news[head];
    if (!this.isWatched || news === undefined || news.surface) return;
    news.damage = withRect(news.damage, rect);
  }

  private take(message: ToScreen) {
    if (this.held === undefined || message.kind === 'seen') this.handle(message);
    else if (this.held.length < HELD_MOST || message.kind === 'watched' || message.kind === 'configure') this.held.push(message);
  }

  private handle(message: ToScreen) {
    const { display } = this.io;
    if (this.watch !== undefined) this.watch.quiet = 0;
    switch (message.kind) {
      case 'watched': this.setWatched(message.watched); break;
      case 'seen': this.isSeen = true; this.flush(); break;
      case 'key': display.key(message.code, message.down); break;
      case 'pointer': this.point(message); break;
      case 'touch': this.touch(message); break;
      case 'configure': if (display.configure(message.configuration)) this.tellConfiguration(); break;
      default: message satisfies never;
    }
  }

  private setWatched(isWatched: boolean) {
    this.isWatched = isWatched;
    this.isSeen = true;
    this.stopLooking();
    if (!isWatched) return this.releaseAll();
    for (const news of this.news) Object.assign(news, everything());
    this.ledsAreNew = true;
    this.lookAtFramebuffer();
    this.flush();
  }

  /** Only while the guest runs can it have changed. */
  private lookAtFramebuffer() {
    const { display: { framebuffer }, progress } = this.io;
    if (framebuffer === undefined) return;
    const timer = setInterval(() => {
      const watch = this.watch!, now = progress();
      if (now === watch.progress || watch.quiet++ > QUIET_LOOKS && watch.quiet % QUIET_EVERY !== 0) return;
      const rects = watch.framebuffer.changed();
      if (rects.length > 0) watch.quiet = 0;
      watch.progress = now;
      for (const rect of rects) this.damaged(0, rect);
      this.flush();
    }, LOOK_MS);
    this.watch = { timer, framebuffer: new FramebufferWatch(framebuffer.surface), progress: NaN, quiet: 0 };
  }

  private stopLooking() {
    clearInterval(this.watch?.timer);
    this.watch = undefined;
  }

  private point({ head, x, y, buttons, wheelX, wheelY }: ToScreen & { kind: 'pointer' }) {
    const { pointer } = this.io.display, place = this.placeOf(head, x, y);
    if (pointer.kind === 'tablet' && place !== undefined) pointer.point(place.x, place.y, inOrder(buttons), wheelX, wheelY);
  }

  private touch({ head, fingers }: ToScreen & { kind: 'touch' }) {
    const { pointer } = this.io.display;
    if (pointer.kind !== 'touch') return;
    pointer.touch(fingers.flatMap(({ id, x, y }) => { const place = this.placeOf(head, x, y); return place === undefined ? [] : [{ id, ...place }]; }));
  }

  /** On the axes of what points, which are those of the whole desktop: its heads stand in a row. The middle of a pixel, so that it is found again. */
  private placeOf(head: number, x: number, y: number): { readonly x: number; readonly y: number } | undefined {
    const { display } = this.io, sizes = display.configuration.heads.map((mode, n) => display.surface(n) ?? mode);
    if (sizes[head] === undefined) return undefined;
    const sum = (list: typeof sizes) => list.reduce((all, { width }) => all + width, 0);
    const onAxis = (at: number, size: number) => Math.floor((at + 0.5) * (AXIS_MOST + 1) / size);
    return { x: onAxis(sum(sizes.slice(0, head)) + x, sum(sizes)), y: onAxis(y, Math.max(...sizes.map(({ height }) => height))) };
  }

  private releaseAll() {
    this.io.display.keyboard.release();
    this.io.display.pointer.release();
  }

  private tellConfiguration() { this.send({ kind: 'configured', configuration: this.io.display.configuration }); }
  private send(message: FromScreen) { this.io.port.postMessage(message); }
}

/** Left, middle, right, back, forward as a tablet has them: left, right, middle, side, extra. */
const inOrder = (buttons: number) => buttons & 0b11001 | (buttons & 0b10) << 1 | (buttons & 0b100) >> 1;
const copied = (shape: CursorShape): CursorShape => ({ ...shape, pixels: shape.pixels.slice() });

function withRect(rects: readonly Rect[], rect: Rect): readonly Rect[] {
  if (rects.some(other => contains(other, rect))) return rects;
  const others = rects.filter(other => !contains(rect, other));
  return others.length < RECTS_MOST ? [...others, rect] : [[...others, rect].reduce(around)];
}
