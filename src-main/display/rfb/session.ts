/**
 * One client of a head, by the Remote Framebuffer Protocol 3.8 (RFC 6143, and rfbproto for what is newer), over any stream of bytes.
 *
 * An update is made when the client asked for one, or wants them continuously, and what was sent before has left; it has what
 * the picture is then, so that a slow client gets fewer of them and nothing piles up.
 */
import type { Duplex } from 'node:stream';
import * as v from 'valibot';
import { assert } from '../../../shared/base/errors.ts';
import { ClientProperties, DISPLAY_LIMITS, type DisplaySize } from '../../../shared/model/display.ts';
import { areaOf, contains, intersection, Region } from '../damage.ts';
import type { Rect } from '../screen-messages.ts';
import type { Head, Look, Screen, Viewer } from '../screen.ts';
import { Disconnected, ProtocolError, type ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';
import { capabilities, cutText, MAX_CUT_TEXT_BYTES, notify, plainText, provide, readClipboard, requestText } from './clipboard.ts';
import { drawCursor, putCursor } from './cursor.ts';
import { isPictureEncoding, makeEncoder, type Encoder, type PictureEncoding } from './encoder.ts';
import { Keyboard } from './keyboard.ts';
import { Picture, type Changes, type ReadPixels } from './picture.ts';
import { colourMap, NATIVE, PIXEL_FORMAT_BYTES, PixelWriter, readPixelFormat, writePixelFormat } from './pixel-format.ts';
import { Encoding, FenceFlag, FromClient, PrivateMessage, ResizeReason, ResizeStatus, ToClient } from './protocol.ts';
import { greet, type Admit, type SecurityOptions } from './security.ts';

/** What a session tells of. */
export interface SessionListener {
  /** May it come in? Asked once, with the password shown already. */
  readonly admit: Admit;
  /** Greeted: it sees the display from now on. */
  opened(): void;
  /** The client wants its head in this size. */
  sizeWanted(size: DisplaySize): void;
  propertiesChanged(properties: ClientProperties): void;
  /** The client's clipboard has this. */
  clipboard(text: string): void;
}

export interface SessionOptions {
  readonly stream: Duplex;
  readonly screen: Screen;
  readonly head: number;
  /** What the client is told that it sees. */
  readonly name: string;
  readonly security: SecurityOptions;
  /** The console's own clients may send private messages without saying so. */
  readonly trusted: boolean;
  readonly listener: SessionListener;
}

/** Since it was opened. */
export interface SessionCounters { readonly updates: number; readonly rectangles: number; readonly bytesOut: number; readonly bytesIn: number; /** Of this thread and of zlib's. */ readonly encodingMs: number }

const GREETING_MS = 60_000;
const MAX_ENCODINGS = 1024;
const MAX_FENCE_BYTES = 64;
const MAX_SIZE_ANSWERS = 16;
/** Answers that a client does not read: then what it sends is not read either. */
const MAX_UNREAD_ANSWERS_BYTES = 64 * 1024;
/** Of updates that a client wants continuously and has not confirmed: either is enough. */
const MAX_UNCONFIRMED = { updates: 2, bytes: 128 * 1024, mostUpdates: 16 };
/** That of zlib for clients that do not say. */
const USUAL_LEVEL = 2;
const WHEELS = [{ bit: 8, x: 0, y: -1 }, { bit: 16, x: 0, y: 1 }, { bit: 32, x: -1, y: 0 }, { bit: 64, x: 1, y: 0 }] as const;
const EXTENDED_BUTTONS = 0x80;
const FINGER_BYTES = 8;
const SYNCHRONOUS_FENCES = FenceFlag.blockBefore | FenceFlag.blockAfter | FenceFlag.syncNext;

export class Session implements Viewer {
  readonly head: number;
  private readonly options: SessionOptions;
  private readonly source: Head;
  /** In which it is greeted; after TLS another one. */
  private stream: Duplex;
  private reader: ByteReader | undefined;
  private look: Look | undefined;
  private keyboard: Keyboard | undefined;

  private picture: Picture;
  private pixels = new PixelWriter(NATIVE);
  private encodings: ReadonlySet<number> = new Set();
  private readonly encoders = new Map<number, Encoder>();
  private encoder: Encoder;
  private level = USUAL_LEVEL;
  private values = new Uint32Array(0);

  /** What was drawn and not yet compared, and what must be sent in any case. */
  private readonly dirty = new Region();
  private readonly unknown = new Region();
  private requested: Rect | undefined;
  private continuous: Rect | undefined;
  /** Of pseudo-encodings, for the next update. */
  private readonly due = { resize: false, cursor: false, leds: false, acknowledge: new Set<number>(), answers: [] as number[] };

  /** The update that is being encoded. */
  private updating: Promise<void> | undefined;
  private isUnsent = false;
  private readonly unconfirmed: number[] = [];
  private unreadAnswers = 0;
  private readonly confirmed: (() => void)[] = [];

  private wheelBits = 0;
  /** The size that it asked for last. */
  private wanted: DisplaySize | undefined;
  private clipboardText: string | undefined;
  private isOver = false;
  private readonly counted = { updates: 0, rectangles: 0, bytesOut: 0, encodingMs: 0 };
  private bytesInBefore = 0;

  constructor(options: SessionOptions) {
    this.options = options;
    this.head = options.head;
    this.stream = options.stream;
    this.source = options.screen.head(options.head);
    this.picture = this.blank();
    this.encoder = this.encoderOf(Encoding.raw);
  }

  get counters(): SessionCounters { return { ...this.counted, bytesIn: this.bytesInBefore + (this.reader?.count ?? 0) }; }

  /** Until either side ends it. Resolves with why when the client broke the protocol; rejects only for want of memory, or for a certificate that is none. */
  async run(): Promise<string | undefined> {
    const { stream: raw, security, listener, screen } = this.options;
    // Whatever happens to it ends in its being closed.
    raw.on('error', () => raw.destroy());
    const timer = setTimeout(() => raw.destroy(), GREETING_MS);
    try {
      const { stream, reader } = await greet(raw, security, () => Promise.race([listener.admit(), gone(raw)]));
      this.stream = stream;
      this.reader = reader;
      // Whether others may stay is for the engine to say.
      await reader.u8();
      clearTimeout(timer);
      if (raw.destroyed) throw new Disconnected('closed');
      this.init();
      this.look = screen.look(this);
      this.keyboard = new Keyboard(this.look, () => screen.leds.capsLock);
      listener.opened();
      for (;;) await this.message(await reader.u8());
    } catch (error) {
      if (error instanceof ProtocolError) return error.message;
      if (error instanceof Disconnected) return undefined;
      throw error;
    } finally {
      clearTimeout(timer);
      this.over();
    }
  }

  /** Ends it. */
  close(): void { this.stream.destroy(); this.options.stream.destroy(); }

  /** The guest's clipboard has this. */
  setClipboard(text: string): void {
    this.clipboardText = plainText(text);
    if (this.look === undefined) return;
    this.answer(this.encodings.has(Encoding.extendedClipboard) ? notify(true) : cutText(text));
  }

  damaged(rects: readonly Rect[]): void {
    for (const rect of rects) {
      const part = intersection(rect, this.picture.bounds);
      if (part) this.dirty.add(part);
    }
    this.pump();
  }

  replaced(): void {
    const { width, height } = this.source.size;
    this.due.resize = width !== this.picture.width || height !== this.picture.height;
    this.dirty.add(this.picture.bounds);
    this.pump();
  }

  cursorChanged(what: 'shape' | 'place', covered: Rect | undefined): void {
    if (this.drawsCursor) { if (what === 'shape') this.due.cursor = true; } else if (covered !== undefined) this.damaged([covered]);
    this.pump();
  }

  ledsChanged(): void {
    this.due.leds = this.encodings.has(Encoding.ledState);
    this.pump();
  }

  /** The client does. */
  private get drawsCursor(): boolean { return this.encodings.has(Encoding.cursorWithAlpha) || this.encodings.has(Encoding.vmwareCursor) || this.encodings.has(Encoding.cursor); }
  private get canResize(): boolean { return this.encodings.has(Encoding.extendedDesktopSize) || this.encodings.has(Encoding.desktopSize); }

  private blank(): Picture { return new Picture(this.source.size.width, this.source.size.height); }

  /** RFC 6143, 7.3.2. */
  private init() {
    this.picture = this.blank();
    this.unknown.add(this.picture.bounds);
    const name = Buffer.from(this.options.name), out = new ByteWriter().u16(this.picture.width).u16(this.picture.height);
    writePixelFormat(out, NATIVE);
    this.send(out.u32(name.length).bytes(name).take());
  }

  private over() {
    this.isOver = true;
    this.look?.end();
    this.requested = this.continuous = undefined;
    this.close();
    void Promise.resolve(this.updating).finally(() => { for (const encoder of this.encoders.values()) encoder.close(); });
    for (const go of this.confirmed.splice(0)) go();
  }

  private send(bytes: Uint8Array, sent?: () => void) {
    if (this.isOver || this.stream.destroyed || this.stream.writableEnded) return;
    this.counted.bytesOut += bytes.length;
    this.stream.write(bytes, () => sent?.());
  }

  private answer(bytes: Uint8Array) {
    this.unreadAnswers += bytes.length;
    this.send(bytes, () => {
      this.unreadAnswers -= bytes.length;
      if (this.unreadAnswers <= MAX_UNREAD_ANSWERS_BYTES) for (const go of this.confirmed.splice(0)) go();
    });
  }

  // What clients say.

  private async message(type: number): Promise<void> {
    const reader = this.reader!;
    while (this.unreadAnswers > MAX_UNREAD_ANSWERS_BYTES && !this.stream.destroyed) {
      await new Promise<void>(resolve => { this.confirmed.push(resolve); this.stream.once('close', resolve); });
    }
    switch (type) {
      case FromClient.setPixelFormat: return this.setPixelFormat((await reader.bytes(3 + PIXEL_FORMAT_BYTES)).subarray(3));
      case FromClient.setEncodings: return this.setEncodings();
      case FromClient.updateRequest: {
        const bytes = await reader.bytes(9);
        this.request(bytes[0] !== 0, rectAt(bytes, 1));
        return;
      }
      case FromClient.keyEvent: {
        const bytes = await reader.bytes(7);
        this.keyboard!.keysym(bytes.readUInt32BE(3), bytes[0] !== 0);
        return;
      }
      case FromClient.pointerEvent: return this.pointerEvent(await reader.bytes(5));
      case FromClient.cutText: return this.cutTextEvent();
      case FromClient.enableContinuousUpdates: {
        const bytes = await reader.bytes(9);
        await this.updating;
        this.setContinuous(bytes[0] !== 0, rectAt(bytes, 1));
        return;
      }
      case FromClient.fence: return this.fence();
      case FromClient.setDesktopSize: return this.setDesktopSize();
      case FromClient.qemu: return this.qemuEvent();
      case FromClient.private: return this.privateMessage();
      default: throw new ProtocolError(`message ${type}`);
    }
  }

  /** What changes how updates look takes effect between two of them. */
  private async setPixelFormat(bytes: Buffer) {
    const format = readPixelFormat(bytes);
    await this.updating;
    this.pixels = new PixelWriter(format);
    if (!format.trueColour) {
      const map = colourMap(), out = new ByteWriter().u8(ToClient.setColourMapEntries).u8(0).u16(0).u16(map.length);
      for (const [red, green, blue] of map) out.u16(red).u16(green).u16(blue);
      this.answer(out.take());
    }
    // What came in another format may have lost by it.
    this.unknown.add(this.picture.bounds);
    this.due.cursor = this.drawsCursor;
  }

  private async setEncodings() {
    const reader = this.reader!;
    await reader.skip(1);
    const count = await reader.u16(), list: number[] = [];
    if (count > MAX_ENCODINGS) throw new ProtocolError('encodings');
    for (let at = 0; at < count; at++) list.push(await reader.s32());
    await this.updating;
    const before = this.encodings, isNew = (encoding: number) => this.encodings.has(encoding) && !before.has(encoding);
    this.encodings = new Set(list);
    const level = list.find(encoding => encoding >= Encoding.compressionLevel0 && encoding <= Encoding.compressionLevel9);
    this.level = level === undefined ? USUAL_LEVEL : Math.max(1, level - Encoding.compressionLevel0);
    for (const encoder of this.encoders.values()) await encoder.setLevel(this.level);
    this.encoder = this.encoderOf(list.find(encoding => isPictureEncoding(encoding)) ?? Encoding.raw);

    for (const encoding of [Encoding.qemuExtendedKeyEvent, Encoding.extendedMouseButtons, Encoding.private]) if (isNew(encoding)) this.due.acknowledge.add(encoding);
    if (isNew(Encoding.extendedDesktopSize)) this.answerSize(ResizeReason.server, ResizeStatus.done);
    if (isNew(Encoding.ledState)) this.due.leds = true;
    if ([Encoding.cursorWithAlpha, Encoding.vmwareCursor, Encoding.cursor].some(isNew)) {
      this.due.cursor = true;
      // It was in the picture until now.
      if (this.source.cursorCovers) this.damaged([this.source.cursorCovers]);
    }
    if (isNew(Encoding.fence)) this.answer(fenceMessage(FenceFlag.request, new Uint8Array(0)));
    if (isNew(Encoding.continuousUpdates)) this.answer(Uint8Array.of(ToClient.endOfContinuousUpdates));
    if (isNew(Encoding.extendedClipboard)) {
      this.answer(capabilities());
      if (this.clipboardText !== undefined) this.answer(notify(true));
    }
    this.replaced();
  }

  private encoderOf(encoding: PictureEncoding): Encoder {
    const known = this.encoders.get(encoding) ?? makeEncoder(encoding, this.level);
    this.encoders.set(encoding, known);
    return known;
  }

  private request(incremental: boolean, area: Rect) {
    const within = intersection(area, this.picture.bounds);
    // One that is out of date asks for nothing that there is, but for news of the size.
    if (within === undefined) { if (this.due.resize) this.requested ??= this.picture.bounds; this.pump(); return; }
    if (!incremental) this.unknown.add(within);
    this.requested = this.requested === undefined || contains(within, this.requested) ? within : this.picture.bounds;
    this.pump();
  }

  private setContinuous(enabled: boolean, area: Rect) {
    this.continuous = enabled ? intersection(area, this.picture.bounds) : undefined;
    if (!enabled) this.answer(Uint8Array.of(ToClient.endOfContinuousUpdates));
    this.pump();
  }

  private async fence() {
    const reader = this.reader!, head = await reader.bytes(8), flags = head.readUInt32BE(3), length = head[7]!;
    if (length > MAX_FENCE_BYTES) throw new ProtocolError('fence');
    const payload = await reader.bytes(length);
    if ((flags & FenceFlag.request) !== 0) {
      await this.updating;
      this.answer(fenceMessage(flags & SYNCHRONOUS_FENCES, payload));
    } else if (length > 0) {
      this.unconfirmed.shift();
      this.pump();
    }
  }

  private pointerEvent(bytes: Buffer): Promise<void> {
    const { width, height } = this.picture, mask = bytes[0]!;
    const point = (buttons: number) => {
      const turned = WHEELS.filter(({ bit }) => (mask & bit) !== 0 && (this.wheelBits & bit) === 0);
      const wheelX = turned.reduce((sum, { x }) => sum + x, 0), wheelY = turned.reduce((sum, { y }) => sum + y, 0);
      this.wheelBits = mask & 0x78;
      this.look!.pointer({ x: Math.min(bytes.readUInt16BE(1), width - 1), y: Math.min(bytes.readUInt16BE(3), height - 1), buttons, ...(wheelX !== 0 && { wheelX }), ...(wheelY !== 0 && { wheelY }) });
    };
    if ((mask & EXTENDED_BUTTONS) === 0 || !this.encodings.has(Encoding.extendedMouseButtons)) {
      point(mask & 7);
      return Promise.resolve();
    }
    return this.reader!.u8().then(more => point(mask & 7 | (more & 3) << 3));
  }

  private async cutTextEvent() {
    const reader = this.reader!;
    await reader.skip(3);
    const length = await reader.s32(), bytes = Math.abs(length);
    if (bytes > MAX_CUT_TEXT_BYTES) { await reader.skip(bytes); return; }
    const data = await reader.bytes(bytes);
    if (length >= 0) { this.options.listener.clipboard(plainText(data.toString('latin1'))); return; }
    if (bytes < 4 || !this.encodings.has(Encoding.extendedClipboard)) throw new ProtocolError('clipboard');
    const message = readClipboard(data);
    switch (message?.kind) {
      case 'request': if (message.text && this.clipboardText !== undefined) this.answer(provide(this.clipboardText)); break;
      case 'peek': this.answer(notify(this.clipboardText !== undefined)); break;
      case 'notify': if (message.text) this.answer(requestText()); break;
      case 'provide': if (message.text !== undefined) this.options.listener.clipboard(message.text); break;
      case 'caps': case undefined: break;
    }
  }

  /** The size of the whole is what counts: a session has one head. */
  private async setDesktopSize() {
    const reader = this.reader!, bytes = await reader.bytes(7), width = bytes.readUInt16BE(1), height = bytes.readUInt16BE(3), screens = bytes[5]!;
    await reader.skip(screens * 16);
    const { min: minWidth, max: maxWidth } = DISPLAY_LIMITS.width, { min: minHeight, max: maxHeight } = DISPLAY_LIMITS.height, { size } = this.source;
    const status = this.options.screen.sizeFixed ? ResizeStatus.prohibited
      : screens === 0 || width < minWidth || width > maxWidth || height < minHeight || height > maxHeight ? ResizeStatus.invalidLayout
        : width === size.width && height === size.height ? ResizeStatus.done : ResizeStatus.forwarded;
    if (this.encodings.has(Encoding.extendedDesktopSize)) this.answerSize(ResizeReason.client, status);
    if ((status === ResizeStatus.done || status === ResizeStatus.forwarded) && (this.wanted?.width !== width || this.wanted.height !== height)) {
      this.wanted = { width, height };
      this.options.listener.sizeWanted(this.wanted);
    }
    this.pump();
  }

  /** With the next update. Of many the last ones count. */
  private answerSize(reason: number, status: number) {
    this.due.answers.push(reason << 8 | status);
    if (this.due.answers.length > MAX_SIZE_ANSWERS) this.due.answers.shift();
  }

  private async qemuEvent() {
    const reader = this.reader!, kind = await reader.u8();
    if (kind !== 0) throw new ProtocolError(`QEMU message ${kind}`);
    const bytes = await reader.bytes(10);
    this.keyboard!.scancode(bytes.readUInt32BE(6), bytes.readUInt32BE(2), bytes.readUInt16BE(0) !== 0);
  }

  private async privateMessage() {
    if (!this.options.trusted && !this.encodings.has(Encoding.private)) throw new ProtocolError('private message');
    const reader = this.reader!, kind = await reader.u8(), bytes = await reader.bytes(await reader.u16());
    if (kind === PrivateMessage.touch) {
      const { width, height } = this.picture, fingers = Array.from({ length: Math.trunc(bytes.length / FINGER_BYTES) }, (_, at) => ({
        id: bytes.readUInt32BE(at * FINGER_BYTES), x: Math.min(bytes.readUInt16BE(at * FINGER_BYTES + 4), width - 1), y: Math.min(bytes.readUInt16BE(at * FINGER_BYTES + 6), height - 1),
      }));
      this.look!.touch(fingers);
    } else if (kind === PrivateMessage.properties) this.options.listener.propertiesChanged(propertiesOf(bytes));
    else throw new ProtocolError(`private message ${kind}`);
  }

  // What they get.

  private pump() {
    if (this.updating !== undefined || this.isOver || this.look === undefined || !this.mayUpdate()) return;
    const area = this.continuous ?? this.requested!;
    const news = this.hasNews();
    if (!news && !this.dirty.touches(area) && !this.unknown.touches(area)) return;
    this.updating = this.update(area).catch((error: unknown) => {
      // Zlib can fail for want of memory only.
      process.stderr.write(`quarterdeck: a display's session ends: ${String(error)}\n`);
      this.close();
    }).finally(() => {
      this.updating = undefined;
      this.pump();
    });
  }

  private mayUpdate(): boolean {
    if (this.isUnsent || this.unreadAnswers > MAX_UNREAD_ANSWERS_BYTES) return false;
    if (this.continuous === undefined) return this.requested !== undefined;
    if (!this.encodings.has(Encoding.fence)) return true;
    const { unconfirmed } = this, bytes = unconfirmed.reduce((sum, each) => sum + each, 0);
    return unconfirmed.length < MAX_UNCONFIRMED.updates || (bytes < MAX_UNCONFIRMED.bytes && unconfirmed.length < MAX_UNCONFIRMED.mostUpdates);
  }

  private hasNews(): boolean {
    const { due } = this;
    return (due.resize && this.canResize) || due.cursor || due.leds || due.acknowledge.size > 0 || due.answers.length > 0;
  }

  /** All that is read of the guest's memory, and of what is to be sent, is read at once. */
  private async update(area: Rect): Promise<void> {
    const started = performance.now(), out = new ByteWriter(64 * 1024).u8(ToClient.update).u8(0).u16(0), resized = this.due.resize && this.canResize;
    const news = this.putNews(out);
    // What a client is sent along with a new size it may leave aside.
    const { copies, rects } = resized ? NOTHING : this.takeChanges(area), parts = rects.flatMap(rect => [...piecesOf(rect, this.encoder)]);
    const count = news + copies.length + parts.length;
    if (count === 0) return;
    assert(count <= 65535, 'rectangles of an update');
    // What is asked for from now on is the next update.
    this.requested = undefined;
    out.patchU16(2, count);
    for (const { x, y, width, height, fromX, fromY } of copies) out.u16(x).u16(y).u16(width).u16(height).u32(Encoding.copyRect).u16(fromX).u16(fromY);
    for (const part of parts) await this.putPart(out, part);
    this.counted.updates++;
    this.counted.rectangles += count;
    this.counted.encodingMs += performance.now() - started;
    this.sendUpdate(out.take());
  }

  private takeChanges(area: Rect): Changes {
    const unknown = this.unknown.take(area), damage = this.dirty.take(area);
    if (unknown.length === 0 && damage.length === 0) return NOTHING;
    // What the client does not have cannot be copied from.
    return this.picture.update(this.reading(), damage, unknown, this.encodings.has(Encoding.copyRect) && unknown.length === 0 && this.unknown.isEmpty);
  }

  private async putPart(out: ByteWriter, part: Rect) {
    const { picture, pixels, encoder } = this, { x, y, width, height } = part;
    if (this.values.length < areaOf(part)) this.values = new Uint32Array(areaOf(part));
    pixels.translate(picture.pixels, picture.width, x, y, width, height, this.values);
    out.u16(x).u16(y).u16(width).u16(height).u32(encoder.encoding);
    await encoder.encode(out, pixels, this.values, width, height);
  }

  private sendUpdate(bytes: Uint8Array) {
    const fenced = this.continuous !== undefined && this.encodings.has(Encoding.fence);
    this.isUnsent = true;
    if (fenced) this.unconfirmed.push(bytes.length);
    this.send(bytes, () => {
      this.isUnsent = false;
      this.pump();
    });
    if (fenced) this.send(fenceMessage(FenceFlag.request | FenceFlag.blockBefore, Uint8Array.of(1)));
  }

  /** Pseudo-rectangles; how many. */
  private putNews(out: ByteWriter): number {
    const { due } = this;
    let count = 0;
    const header = (x: number, y: number, width: number, height: number, encoding: number) => { count++; return out.u16(x).u16(y).u16(width).u16(height).u32(encoding); };
    if (due.resize && this.canResize) {
      this.resize();
      if (this.encodings.has(Encoding.extendedDesktopSize)) due.answers.unshift(ResizeReason.server << 8 | ResizeStatus.done);
      else header(0, 0, this.picture.width, this.picture.height, Encoding.desktopSize);
      due.resize = false;
    }
    const { width, height } = this.picture;
    for (const answer of due.answers.splice(0)) header(answer >> 8, answer & 255, width, height, Encoding.extendedDesktopSize).u8(1).zeros(3).u32(0).u16(0).u16(0).u16(width).u16(height).u32(0);
    for (const encoding of due.acknowledge) header(0, 0, 0, 0, encoding);
    due.acknowledge.clear();
    if (due.leds) {
      const { scrollLock, numLock, capsLock } = this.options.screen.leds;
      header(0, 0, 0, 0, Encoding.ledState).u8(Number(scrollLock) | Number(numLock) << 1 | Number(capsLock) << 2);
      due.leds = false;
    }
    if (due.cursor && putCursor(out, this.source.cursor, this.encodings, this.pixels)) count++;
    due.cursor = false;
    return count;
  }

  private resize() {
    const whole = this.continuous;
    this.picture = this.blank();
    this.dirty.clear();
    this.unknown.clear();
    this.unknown.add(this.picture.bounds);
    // Continuous updates are of all of it from now on, until the client says otherwise.
    if (whole !== undefined) this.continuous = this.picture.bounds;
  }

  private reading(): ReadPixels {
    const { source } = this;
    if (this.drawsCursor) return (rect, into) => source.read(rect, into);
    return (rect, into) => {
      source.read(rect, into);
      if (source.cursor && source.cursorCovers) drawCursor(source.cursor, source.cursorCovers, rect, into);
    };
  }
}

/** Rejects when a stream is closed. */
const gone = (stream: Duplex) => new Promise<never>((_, reject) => { stream.once('close', () => reject(new Disconnected('closed'))); });

const NOTHING: Changes = { copies: [], rects: [] };

/** Pieces of a rectangle that an encoder takes; high ones at multiples of 64 rows, as its tiles are. */
function* piecesOf(rect: Rect, { maxWidth, maxPixels }: Encoder): Generator<Rect> {
  const columns = Math.min(rect.width, maxWidth), lines = Math.trunc(maxPixels / columns), rows = lines > 64 ? lines & ~63 : lines;
  for (let y = 0; y < rect.height; y += rows) {
    for (let x = 0; x < rect.width; x += columns) yield { x: rect.x + x, y: rect.y + y, width: Math.min(columns, rect.width - x), height: Math.min(rows, rect.height - y) };
  }
}

const rectAt = (bytes: Buffer, at: number): Rect => ({ x: bytes.readUInt16BE(at), y: bytes.readUInt16BE(at + 2), width: bytes.readUInt16BE(at + 4), height: bytes.readUInt16BE(at + 6) });

const fenceMessage = (flags: number, payload: Uint8Array): Uint8Array => new ByteWriter().u8(ToClient.fence).zeros(3).u32(flags).u8(payload.length).bytes(payload).take();

function propertiesOf(bytes: Buffer): ClientProperties {
  try {
    return v.parse(ClientProperties, JSON.parse(bytes.toString('utf8')));
  } catch {
    throw new ProtocolError('properties');
  }
}
