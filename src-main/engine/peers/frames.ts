/**
 * What two engines say to each other: whole frames over a stream, each with its kind, its length and the CRC-32 of what is in it, as
 * in a saved machine's file. Nothing longer than its kind may be is read, and whoever sends waits while the stream is full.
 */
import type { Duplex } from 'node:stream';
import { crc32 } from 'node:zlib';
import { EngineError, saidOf } from '../../../shared/base/errors.ts';
import { messageFields, saidBy, type Said } from '../../../shared/base/phrase.ts';
import type { MigrationChannel } from '../../hypervisor/migration/channel.ts';
import { KINDS, type Kind, type MigrationMessage } from '../../hypervisor/migration/messages.ts';
import { messageIn } from './wire.ts';

/** `hello` is the first of each side; then one side asks once, and the other answers or refuses. `alive` says nothing else. */
export const FRAME_KINDS = ['hello', 'alive', 'ask', 'answer', ...KINDS] as const;
export type FrameKind = (typeof FRAME_KINDS)[number];
export interface Frame { readonly kind: FrameKind; readonly payload: Uint8Array }

const HEADER_BYTES = 16, KIB = 1024;
/** Of each kind that is not a part of a machine. */
const SMALL_BYTES: Partial<Record<FrameKind, number>> = { hello: 4 * KIB, alive: 0, ask: 4096 * KIB, answer: 1024 * KIB, refused: 64 * KIB };
const MOST_BYTES = 2 ** 29;
/** How long the other side has to take the last words. */
const LAST_WORDS_MS = 5000;
/** How often who has nothing to say for long says so. */
const ALIVE_MS = 15_000;

const damaged = () => new EngineError('peer.damaged', 'What came from the other engine is damaged.');
const lost = () => new EngineError('peer.lost', 'The connection to the other engine was lost.');

function headerOf({ kind, payload }: Frame): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32LE(FRAME_KINDS.indexOf(kind), 0);
  header.writeUInt32LE(payload.length, 4);
  header.writeUInt32LE(crc32(payload), 8);
  header.writeUInt32LE(crc32(header.subarray(0, 12)), 12);
  return header;
}

export class FrameStream {
  private readonly stream: Duplex;
  private failure: EngineError | undefined;
  private ended = false;
  private change = Promise.withResolvers<undefined>();

  constructor(stream: Duplex) {
    this.stream = stream;
    const changed = () => { this.change.resolve(undefined); this.change = Promise.withResolvers(); };
    stream.on('error', (error: Error) => { this.failure ??= error instanceof EngineError ? error : lost(); changed(); });
    stream.on('end', () => { this.ended = true; changed(); });
    stream.on('close', () => { this.failure ??= lost(); changed(); });
    stream.on('readable', changed);
    stream.on('drain', changed);
  }

  /** Resolves when more may be sent. */
  async send(frame: Frame): Promise<void> {
    const { stream } = this;
    this.checkOpen();
    stream.cork();
    stream.write(headerOf(frame));
    if (frame.payload.length > 0) stream.write(frame.payload);
    stream.uncork();
    while (stream.writableNeedDrain) {
      await this.change.promise;
      this.checkOpen();
    }
  }

  /** For connections on which nothing may pass for long, as what is sent waits for a slow link. */
  keepAlive(): void {
    const timer = setInterval(() => { if (!this.stream.writableEnded && !this.stream.writableNeedDrain) this.send({ kind: 'alive', payload: new Uint8Array() }).catch(() => { /* whoever reads hears of it */ }); }, ALIVE_MS).unref();
    this.stream.once('close', () => clearInterval(timer));
  }

  /** The next that says something. */
  async receive(): Promise<Frame> {
    for (;;) {
      const frame = await this.next();
      if (frame.kind !== 'alive') return frame;
    }
  }

  private async next(): Promise<Frame> {
    const header = await this.bytes(HEADER_BYTES), kind = FRAME_KINDS[header.readUInt32LE(0)], length = header.readUInt32LE(4);
    if (header.readUInt32LE(12) !== crc32(header.subarray(0, 12)) || kind === undefined || length > (SMALL_BYTES[kind] ?? MOST_BYTES)) throw damaged();
    // A copy of its own: what is read shares memory with what else came.
    const payload = length === 0 ? new Uint8Array() : new Uint8Array(await this.bytes(length));
    if (crc32(payload) !== header.readUInt32LE(8)) throw damaged();
    return { kind, payload };
  }

  /** The next frame, which is to be of that kind. What was refused is thrown. */
  async expect(kind: FrameKind): Promise<Uint8Array> {
    const frame = await this.receive();
    if (frame.kind === 'refused') throw new EngineError('peer.refused', refusalIn(frame.payload));
    if (frame.kind !== kind) throw damaged();
    return frame.payload;
  }

  async sendJson(kind: FrameKind, value: unknown): Promise<void> { await this.send({ kind, payload: Buffer.from(JSON.stringify(value)) }); }

  /** The last words. */
  async refuse(why: Said): Promise<void> {
    await this.sendJson('refused', messageFields(why)).catch(() => { /* nobody is there to hear it */ });
    this.close();
  }

  /** What was sent arrives, if the other side takes it. */
  close(): void {
    const { stream } = this;
    if (stream.destroyed) return;
    stream.end();
    const timer = setTimeout(() => stream.destroy(), LAST_WORDS_MS);
    stream.once('close', () => clearTimeout(timer));
    // Nobody reads on; what comes would keep it open.
    stream.removeAllListeners('readable');
    stream.resume();
  }

  destroy(why?: unknown): void {
    if (why !== undefined) this.failure ??= new EngineError('peer.lost', saidOf(why));
    this.stream.destroy();
  }

  private checkOpen(): void {
    if (this.failure !== undefined) throw this.failure;
    if (this.stream.destroyed || this.stream.writableEnded) throw lost();
  }

  private async bytes(count: number): Promise<Buffer> {
    for (;;) {
      if (this.stream.destroyed) throw this.failure ?? lost();
      const got = this.stream.read(count) as Buffer | null;
      if (got?.length === count) return got;
      if (got !== null || this.ended || this.failure !== undefined) throw this.failure ?? lost();
      await this.change.promise;
    }
  }
}

const refusalIn = (payload: Uint8Array): Said => { const message = messageIn(payload); return message === undefined ? damaged().said : saidBy(message); };
const isOfMigration = (kind: FrameKind): kind is Kind => (KINDS as readonly string[]).includes(kind);

/** The stream of a live migration over it. */
export class PeerChannel implements MigrationChannel {
  private readonly frames: FrameStream;
  constructor(frames: FrameStream) { this.frames = frames; }

  async send(message: MigrationMessage): Promise<void> { await this.frames.send(message); }

  async receive(): Promise<MigrationMessage> {
    const { kind, payload } = await this.frames.receive();
    if (!isOfMigration(kind) || kind === 'refused' && messageIn(payload) === undefined) throw damaged();
    return { kind, payload };
  }

  close(): void { this.frames.close(); }
}

/** Carries what comes to the other until one of them ends, and waits as they do. Rejects with why. */
export async function pump(from: MigrationChannel, to: MigrationChannel, pass: (message: MigrationMessage) => Promise<MigrationMessage> = message => Promise.resolve(message)): Promise<never> {
  for (;;) await to.send(await pass(await from.receive()));
}
