/** An RFB client that shares no code with the server's encodings, and a guest that draws. For tests only. */
import { createCipheriv } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import type { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { constants, createInflate, deflateSync, inflateSync, type Inflate } from 'node:zlib';
import type { FromScreen, Rect, ToScreen } from '../screen-messages.ts';
import { ByteReader } from './byte-reader.ts';

export interface ViewerFormat { readonly bits: 8 | 16 | 32; readonly depth: number; readonly bigEndian: boolean; readonly max: readonly [number, number, number]; readonly shift: readonly [number, number, number] }
export const TRUE_COLOUR: ViewerFormat = { bits: 32, depth: 24, bigEndian: false, max: [255, 255, 255], shift: [16, 8, 0] };

export interface ViewerOptions {
  readonly version?: '003.003' | '003.007' | '003.008';
  readonly password?: string;
  /** PEM of whom it trusts. */
  readonly ca?: string;
  readonly format?: ViewerFormat;
  readonly encodings: readonly number[];
  /** Asks for the next update after each, unless it is told not to. */
  readonly greedy?: boolean;
}

/** Goes on over pieces. */
class Inflater {
  private readonly inflate: Inflate = createInflate();
  private chunks: Buffer[] = [];
  constructor() { this.inflate.on('data', (chunk: Buffer) => this.chunks.push(chunk)); }
  take(bytes: Buffer): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      this.inflate.once('error', reject);
      this.inflate.write(bytes, () => {
        this.inflate.off('error', reject);
        resolve(Buffer.concat(this.chunks));
        this.chunks = [];
      });
    });
  }
}

/** Bytes that were decoded, read from the front. */
class Cursor {
  private readonly bytes: Buffer;
  at = 0;
  constructor(bytes: Buffer) { this.bytes = bytes; }
  u8(): number { return this.bytes[this.at++]!; }
  take(count: number): Buffer {
    if (this.at + count > this.bytes.length) throw new Error('too short');
    return this.bytes.subarray(this.at, this.at += count);
  }
}

export class TestViewer {
  stream: Duplex;
  private reader: ByteReader;
  private readonly options: ViewerOptions;
  private readonly format: ViewerFormat;
  private readonly zrle = new Inflater();
  private tight = Array.from({ length: 4 }, () => new Inflater());
  private readonly news = new EventEmitter();
  width = 0;
  height = 0;
  /** Pixel values in the client's format. */
  pixels = new Uint32Array(0);
  /** Rectangles of the last update, without pseudo ones. */
  last: (Rect & { readonly encoding: number })[] = [];
  updates = 0;
  ended = false;
  failure: Error | undefined;
  cursor: { readonly width: number; readonly height: number; readonly hotX: number; readonly hotY: number; readonly encoding: number; readonly bytes: Buffer } | undefined;
  leds: number | undefined;
  readonly acknowledged: number[] = [];
  readonly resizes: { readonly reason: number; readonly status: number; readonly width: number; readonly height: number }[] = [];
  readonly clipboards: string[] = [];
  readonly fences: Buffer[] = [];
  readonly seen = new Set<number>();
  colourMap: Buffer | undefined;
  continuousEnded = 0;
  /** It reads no further until then. */
  held: Promise<undefined> | undefined;

  private constructor(stream: Duplex, options: ViewerOptions) {
    this.stream = stream;
    this.reader = new ByteReader(stream);
    this.options = options;
    this.format = options.format ?? TRUE_COLOUR;
    stream.on('error', () => stream.destroy());
  }

  /** Rejects with the server's reason, or that it hung up. */
  static async connect(stream: Duplex, options: ViewerOptions): Promise<TestViewer> {
    const viewer = new TestViewer(stream, options);
    await viewer.greet();
    viewer.setFormat(viewer.format);
    viewer.setEncodings(options.encodings);
    viewer.request(false);
    void viewer.read();
    return viewer;
  }

  setEncodings(encodings: readonly number[]): void {
    const bytes = Buffer.alloc(4 + encodings.length * 4);
    bytes[0] = 2;
    bytes.writeUInt16BE(encodings.length, 2);
    encodings.forEach((encoding, at) => bytes.writeInt32BE(encoding, 4 + at * 4));
    this.send(bytes);
  }

  request(incremental: boolean, { x, y, width, height }: Rect = { x: 0, y: 0, width: this.width, height: this.height }): void {
    const bytes = Buffer.alloc(10);
    bytes[0] = 3;
    bytes[1] = Number(incremental);
    [x, y, width, height].forEach((value, at) => bytes.writeUInt16BE(value, 2 + at * 2));
    this.send(bytes);
  }

  send(bytes: Uint8Array): void { if (!this.stream.destroyed) this.stream.write(bytes); }

  /** Resolves when it is so, looking after each message. */
  async until(what: () => boolean): Promise<void> {
    while (!what()) {
      if (this.failure !== undefined) throw this.failure;
      if (this.ended) throw new Error('the server hung up');
      await once(this.news, 'news');
    }
  }

  /** Of a text, as the Extended Clipboard has it, in a stream that is left open, as noVNC does. */
  static provided(text: string): Buffer {
    const data = Buffer.from(`${text}\0`), head = Buffer.alloc(4);
    head.writeUInt32BE(data.length);
    return TestViewer.extended(1 << 28 | 1, deflateSync(Buffer.concat([head, data]), { finishFlush: constants.Z_SYNC_FLUSH }));
  }

  static extended(flags: number, rest: Buffer = Buffer.alloc(0)): Buffer {
    const head = Buffer.alloc(12);
    head[0] = 6;
    head.writeInt32BE(-(4 + rest.length), 4);
    head.writeUInt32BE(flags >>> 0, 8);
    return Buffer.concat([head, rest]);
  }

  private async greet() {
    const { version = '003.008', password, ca } = this.options;
    await this.reader.bytes(12);
    this.send(Buffer.from(`RFB ${version}\n`));
    let type: number;
    if (version === '003.003') type = await this.reader.u32();
    else {
      const count = await this.reader.u8();
      type = count === 0 ? 0 : (await this.reader.bytes(count))[0]!;
      if (type !== 0) this.send(Uint8Array.of(type));
    }
    if (type === 0) throw new Error(await this.reason());
    let subtype = type;
    if (type === 19) {
      await this.reader.bytes(2);
      this.send(Uint8Array.of(0, 2));
      if (await this.reader.u8() !== 0) throw new Error('VeNCrypt');
      const count = await this.reader.u8(), subtypes = await this.reader.bytes(count * 4);
      subtype = subtypes.readUInt32BE(0);
      this.send(subtypes.subarray(0, 4));
      if (await this.reader.u8() !== 1) throw new Error('VeNCrypt');
      await this.reader.release();
      const tls = connectTls({ socket: this.stream, ca, servername: 'quarterdeck', checkServerIdentity: () => undefined });
      await once(tls, 'secureConnect');
      tls.on('error', () => tls.destroy());
      this.stream = tls;
      this.reader = new ByteReader(tls);
    }
    if (subtype === 2 || subtype === 261) {
      const challenge = await this.reader.bytes(16), key = Buffer.alloc(8);
      Buffer.from(password ?? '').copy(key);
      const turned = key.map(byte => Number.parseInt(Array.from(byte.toString(2).padStart(8, '0')).reverse().join(''), 2));
      this.send(createCipheriv('des-ede3-ecb', Buffer.concat([turned, turned, turned]), null).setAutoPadding(false).update(challenge));
    }
    if (subtype !== 1 || version === '003.008') {
      if (await this.reader.u32() !== 0) throw new Error(version === '003.008' ? await this.reason() : 'refused');
    }
    this.send(Uint8Array.of(1));
    const init = await this.reader.bytes(24);
    this.resize(init.readUInt16BE(0), init.readUInt16BE(2));
    await this.reader.bytes(init.readUInt32BE(20));
  }

  private async reason() { return (await this.reader.bytes(await this.reader.u32())).toString(); }

  private setFormat({ bits, depth, bigEndian, max, shift }: ViewerFormat) {
    const bytes = Buffer.alloc(20);
    bytes.set([0, 0, 0, 0, bits, depth, Number(bigEndian), 1]);
    max.forEach((value, at) => bytes.writeUInt16BE(value, 8 + at * 2));
    bytes.set(shift, 14);
    this.send(bytes);
  }

  private resize(width: number, height: number) {
    this.width = width;
    this.height = height;
    this.pixels = new Uint32Array(width * height);
  }

  private async read() {
    try {
      for (;;) {
        await this.held;
        await this.message(await this.reader.u8());
        this.news.emit('news');
      }
    } catch (error) {
      this.ended = true;
      if (error instanceof Error && error.constructor.name !== 'Disconnected') this.failure = error;
      this.stream.destroy();
      this.news.emit('news');
    }
  }

  private async message(type: number) {
    const { reader } = this;
    switch (type) {
      case 0: {
        await reader.skip(1);
        this.last = [];
        let resized = false;
        for (let left = await reader.u16(); left > 0; left--) resized = await this.rectangle() || resized;
        this.updates++;
        if (this.options.greedy ?? true) this.request(!resized);
        return;
      }
      case 1: { const head = await reader.bytes(5); this.colourMap = await reader.bytes(head.readUInt16BE(3) * 6); return; }
      case 3: {
        await reader.skip(3);
        const length = await reader.s32(), bytes = await reader.bytes(Math.abs(length));
        if (length >= 0) { this.clipboards.push(bytes.toString('latin1')); return; }
        const flags = bytes.readUInt32BE(0);
        this.clipboards.push((flags & 1 << 28) !== 0 && (flags & 1 << 24) === 0 ? inflateSync(bytes.subarray(4)).subarray(4).toString() : `flags ${flags.toString(16)}`);
        return;
      }
      case 150: this.continuousEnded++; return;
      case 248: {
        const head = await reader.bytes(8), payload = await reader.bytes(head[7]!), flags = head.readUInt32BE(3);
        this.fences.push(Buffer.concat([head, payload]));
        if (flags >>> 31 !== 0) {
          const answer = Buffer.concat([Uint8Array.of(248), head, payload]);
          answer.writeUInt32BE((flags & 7) >>> 0, 4);
          this.send(answer);
        }
        return;
      }
      default: throw new Error(`message ${type}`);
    }
  }

  /** Whether it was resized. */
  private async rectangle(): Promise<boolean> {
    const { reader } = this, head = await reader.bytes(12), [x, y, width, height] = [0, 2, 4, 6].map(at => head.readUInt16BE(at)) as [number, number, number, number], encoding = head.readInt32BE(8);
    this.seen.add(encoding);
    const bytes = this.format.bits / 8;
    switch (encoding) {
      case -223: this.resize(width, height); return true;
      case -308: {
        const screens = await reader.u8();
        await reader.bytes(3 + screens * 16);
        this.resizes.push({ reason: x, status: y, width, height });
        if (y !== 0 || (width === this.width && height === this.height)) return false;
        this.resize(width, height);
        return true;
      }
      case -258: case -316: case 0x5144_4301: this.acknowledged.push(encoding); return false;
      case -261: this.leds = await reader.u8(); return false;
      case -239: this.cursor = { width, height, hotX: x, hotY: y, encoding, bytes: await reader.bytes(width * height * bytes + Math.ceil(width / 8) * height) }; return false;
      case -314: await reader.u32(); this.cursor = { width, height, hotX: x, hotY: y, encoding, bytes: await reader.bytes(width * height * 4) }; return false;
      case 0x574d_5664: await reader.bytes(2); this.cursor = { width, height, hotX: x, hotY: y, encoding, bytes: await reader.bytes(width * height * 4) }; return false;
    }
    if (x + width > this.width || y + height > this.height) throw new Error(`a rectangle outside: ${x},${y} ${width}x${height}`);
    this.last.push({ x, y, width, height, encoding });
    const put = (column: number, row: number, value: number) => { this.pixels[(y + row) * this.width + x + column] = value; };
    switch (encoding) {
      case 0: {
        const data = await reader.bytes(width * height * bytes);
        for (let at = 0; at < width * height; at++) put(at % width, Math.trunc(at / width), this.pixel(data.subarray(at * bytes, (at + 1) * bytes)));
        return false;
      }
      case 1: {
        const from = await reader.bytes(4), fromX = from.readUInt16BE(0), fromY = from.readUInt16BE(2), before = this.pixels.slice();
        for (let row = 0; row < height; row++) for (let column = 0; column < width; column++) put(column, row, before[(fromY + row) * this.width + fromX + column]!);
        return false;
      }
      case 7: await this.tightRectangle(width, height, put); return false;
      case 16: this.zrleRectangle(new Cursor(await this.zrle.take(await reader.bytes(await reader.u32()))), width, height, put); return false;
      default: throw new Error(`encoding ${encoding}`);
    }
  }

  private pixel(data: Buffer): number {
    switch (data.length) {
      case 1: return data[0]!;
      case 2: return this.format.bigEndian ? data.readUInt16BE() : data.readUInt16LE();
      default: return this.format.bigEndian ? data.readUInt32BE() : data.readUInt32LE();
    }
  }

  /** CPIXEL. */
  private compactPixel(from: Cursor): number {
    const { bits, depth, bigEndian, max, shift } = this.format, bytes = bits / 8;
    if (bits !== 32 || depth > 24) return this.pixel(from.take(bytes));
    const tops = max.map((value, at) => Math.log2(value + 1) + shift[at]!);
    if (Math.max(...tops) <= 24) { const data = from.take(3); return bigEndian ? data.readUIntBE(0, 3) : data.readUIntLE(0, 3); }
    if (Math.min(...shift) >= 8) { const data = from.take(3); return (bigEndian ? data.readUIntBE(0, 3) : data.readUIntLE(0, 3)) * 256; }
    return this.pixel(from.take(4));
  }

  /** TPIXEL. */
  private get tightBytes(): number { return this.format.bits === 32 && this.format.depth === 24 && this.format.max.every(max => max === 255) ? 3 : this.format.bits / 8; }
  private tightPixel(data: Buffer): number {
    const [red, green, blue] = this.format.shift;
    return this.tightBytes === 3 ? (data[0]! << red | data[1]! << green | data[2]! << blue) >>> 0 : this.pixel(data);
  }

  private zrleRectangle(from: Cursor, width: number, height: number, put: (x: number, y: number, value: number) => void) {
    for (let top = 0; top < height; top += 64) {
      for (let left = 0; left < width; left += 64) {
        const tileWidth = Math.min(64, width - left), tileHeight = Math.min(64, height - top), count = tileWidth * tileHeight, kind = from.u8(), values: number[] = [];
        const length = () => { let sum = 1; for (;;) { const byte = from.u8(); sum += byte; if (byte !== 255) return sum; } };
        const palette = (size: number) => Array.from({ length: size }, () => this.compactPixel(from));
        if (kind === 0) for (let at = 0; at < count; at++) values.push(this.compactPixel(from));
        else if (kind === 1) values.push(...new Array<number>(count).fill(this.compactPixel(from)));
        else if (kind <= 16) {
          const colours = palette(kind), bits = kind === 2 ? 1 : kind <= 4 ? 2 : 4;
          for (let row = 0; row < tileHeight; row++) {
            const data = from.take(Math.ceil(tileWidth * bits / 8));
            for (let column = 0; column < tileWidth; column++) values.push(colours[data[column * bits >> 3]! >> 8 - bits - column * bits % 8 & (1 << bits) - 1]!);
          }
        } else if (kind === 128) while (values.length < count) { const value = this.compactPixel(from); values.push(...new Array<number>(length()).fill(value)); }
        else if (kind >= 130) {
          const colours = palette(kind - 128);
          while (values.length < count) { const index = from.u8(); values.push(...new Array<number>(index < 128 ? 1 : length()).fill(colours[index & 127]!)); }
        } else throw new Error(`ZRLE ${kind}`);
        if (values.length !== count || values.includes(undefined as unknown as number)) throw new Error(`ZRLE ${kind} has ${values.length} of ${count} pixels`);
        values.forEach((value, at) => put(left + at % tileWidth, top + Math.trunc(at / tileWidth), value));
      }
    }
  }

  private async tightRectangle(width: number, height: number, put: (x: number, y: number, value: number) => void) {
    const { reader, tightBytes: bytes } = this, control = await reader.u8(), fill = control >> 4 === 8;
    for (let stream = 0; stream < 4; stream++) if ((control & 1 << stream) !== 0) this.tight[stream] = new Inflater();
    if (fill) {
      const value = this.tightPixel(await reader.bytes(bytes));
      for (let at = 0; at < width * height; at++) put(at % width, Math.trunc(at / width), value);
      return;
    }
    if (control >> 7 !== 0) throw new Error(`Tight ${control}`);
    const filter = (control & 0x40) !== 0 ? await reader.u8() : 0;
    if (filter > 1) throw new Error(`filter ${filter}`);
    const colours: number[] = [];
    if (filter === 1) {
      const data = await reader.bytes((await reader.u8() + 1) * bytes);
      for (let at = 0; at < data.length; at += bytes) colours.push(this.tightPixel(data.subarray(at, at + bytes)));
    }
    const rowBytes = filter === 0 ? width * bytes : colours.length <= 2 ? Math.ceil(width / 8) : width, total = rowBytes * height;
    let data: Buffer;
    if (total < 12) data = await reader.bytes(total);
    else {
      let length = 0;
      for (let shift = 0; shift < 21; shift += 7) { const byte = await reader.u8(); length |= (shift === 14 ? byte : byte & 127) << shift; if (byte < 128) break; }
      data = await this.tight[control >> 4 & 3]!.take(await reader.bytes(length));
    }
    if (data.length !== total) throw new Error(`Tight has ${data.length} of ${total} bytes`);
    if (filter === 0 && bytes === 3) {
      // As benches have all of it.
      const [red, green, blue] = this.format.shift;
      for (let row = 0, at = 0; row < height; row++) for (let column = 0; column < width; column++, at += 3) put(column, row, (data[at]! << red | data[at + 1]! << green | data[at + 2]! << blue) >>> 0);
      return;
    }
    for (let row = 0; row < height; row++) {
      for (let column = 0; column < width; column++) {
        const at = row * rowBytes;
        put(column, row, filter === 0 ? this.tightPixel(data.subarray(at + column * bytes, at + (column + 1) * bytes))
          : colours.length <= 2 ? colours[data[at + (column >> 3)]! >> 7 - column % 8 & 1]! : colours[data[at + column]!]!);
      }
    }
  }
}

/** A guest at the other end of a screen's port, which draws what it is told to. */
export class TestGuest {
  readonly port: MessagePort;
  readonly told: ToScreen[] = [];
  private readonly own: MessagePort;
  private readonly news = new EventEmitter();
  private pending: Rect[] = [];
  private isSeen = true;
  private isWatched = false;
  width = 0;
  height = 0;
  pixels: Uint32Array = new Uint32Array(0);
  private stride = 0;

  constructor(width: number, height: number) {
    const { port1, port2 } = new MessageChannel();
    this.port = port1;
    this.own = port2;
    this.show(width, height);
    port2.on('message', (message: ToScreen) => {
      this.told.push(message);
      if (message.kind === 'seen') this.isSeen = true;
      if (message.kind === 'watched') {
        this.isWatched = message.watched;
        this.isSeen = true;
        if (message.watched) this.pending = [{ x: 0, y: 0, width: this.width, height: this.height }];
      }
      this.flush();
      this.news.emit('news');
    });
  }

  post(message: FromScreen): void { this.own.postMessage(message); }

  /** A new surface, with a gap behind each row, and rubbish in what is not colour. */
  show(width: number, height: number): void {
    this.width = width;
    this.height = height;
    this.stride = width + 3;
    const memory = new SharedArrayBuffer(16 + this.stride * height * 4);
    this.pixels = new Uint32Array(memory, 16);
    this.pixels.fill(0xa500_0000);
    this.post({ kind: 'surface', head: 0, surface: { pixels: memory, offset: 16, strideBytes: this.stride * 4, width, height } });
  }

  set(x: number, y: number, colour: number): void { this.pixels[y * this.stride + x] = 0xa500_0000 + colour; }
  get(x: number, y: number): number { return this.pixels[y * this.stride + x]! & 0xff_ffff; }

  /** Tells of it when it may. */
  damage(rect: Rect): void {
    this.pending.push(rect);
    this.flush();
  }

  async until(what: () => boolean): Promise<void> { while (!what()) await once(this.news, 'news'); }

  off(): void { this.own.close(); }

  private flush() {
    if (!this.isSeen || !this.isWatched || this.pending.length === 0) return;
    this.isSeen = false;
    this.post({ kind: 'damage', parts: [{ head: 0, rects: this.pending }] });
    this.pending = [];
  }
}

/** Whether a client has the guest's picture, as its format shows it. */
export function samePicture(viewer: TestViewer, guest: TestGuest, { max, shift }: ViewerFormat = TRUE_COLOUR): boolean {
  if (viewer.width !== guest.width || viewer.height !== guest.height) return false;
  for (let y = 0; y < guest.height; y++) {
    for (let x = 0; x < guest.width; x++) {
      const colour = guest.get(x, y), value = [16, 8, 0].reduce((sum, bit, at) => sum + Math.round((colour >> bit & 255) * max[at]! / 255) * 2 ** shift[at]!, 0);
      if (viewer.pixels[y * viewer.width + x] !== value) return false;
    }
  }
  return true;
}
