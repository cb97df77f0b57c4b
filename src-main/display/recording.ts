/**
 * A head in a file, as FBS 001.000 (the format of rfbproxy and VNC's recorders): what a server sends to a client, in blocks of a
 * length, bytes up to a multiple of four, and milliseconds since the beginning. The client is this one: version 3.8, no
 * password, 32 bits a pixel of which 24 are used, ZRLE, CopyRect and DesktopSize.
 */
import { once } from 'node:events';
import { createWriteStream, type WriteStream } from 'node:fs';
import { Duplex } from 'node:stream';
import { EngineError, messageOf } from '../../shared/base/errors.ts';
import { say } from '../../shared/base/phrase.ts';
import type { Recorded } from './display-messages.ts';
import { ByteWriter } from './rfb/byte-writer.ts';
import { Encoding, FromClient, Security, ToClient } from './rfb/protocol.ts';

const MAGIC = 'FBS 001.000\n';
/** Version, security types, the result and ServerInit are a write each. */
const GREETING_WRITES = 4;
const FRAME_MS = 40;
const ENCODINGS = [Encoding.zrle, Encoding.copyRect, Encoding.desktopSize];

/** The client's side of a session. */
export class Recording extends Duplex {
  private readonly file: WriteStream;
  private readonly path: string;
  private readonly started = performance.now();
  private writes = 0;
  private bytes = MAGIC.length;
  private failure: Error | undefined;
  private timer: NodeJS.Timeout | undefined;
  /** Resolves when it has a picture, or will have none. */
  private readonly pictured = Promise.withResolvers<undefined>();

  private constructor(path: string, file: WriteStream) {
    super();
    this.path = path;
    this.file = file;
    file.on('error', error => {
      this.failure = error;
      this.destroy();
    });
    file.write(MAGIC);
    this.push(Buffer.from(`RFB 003.008\n${String.fromCharCode(Security.none, 1)}`, 'latin1'));
    const wanted = new ByteWriter().u8(FromClient.setEncodings).u8(0).u16(ENCODINGS.length);
    for (const encoding of ENCODINGS) wanted.u32(encoding);
    this.push(wanted.take());
    this.request(false);
  }

  /** Rejects when the file cannot be made. */
  static async start(path: string): Promise<Recording> {
    const file = createWriteStream(path, { mode: 0o600 });
    try {
      await once(file, 'open');
    } catch (error) {
      throw failed(path, error);
    }
    return new Recording(path, file);
  }

  /** Resolves when the file is whole, with one picture at least; rejects when it could not be written. */
  async stop(): Promise<Recorded> {
    await this.pictured.promise;
    const milliseconds = Math.round(performance.now() - this.started);
    this.destroy();
    if (this.failure === undefined) await new Promise<void>(resolve => { this.file.once('close', resolve).end(); });
    if (this.failure !== undefined) throw failed(this.path, this.failure);
    return { bytes: this.bytes, milliseconds };
  }

  override _write(chunk: Uint8Array, _encoding: string, done: () => void): void {
    const padding = -chunk.length & 3, block = new ByteWriter(chunk.length + 16).u32(chunk.length).bytes(chunk).zeros(padding).u32(Math.round(performance.now() - this.started)).take();
    this.bytes += block.length;
    this.writes++;
    if (this.writes > GREETING_WRITES && chunk[0] === ToClient.update) {
      this.timer = setTimeout(() => this.request(true), FRAME_MS);
      this.pictured.resolve(undefined);
    }
    this.file.write(block, () => done());
  }

  override _read(): void { /* is pushed to */ }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    clearTimeout(this.timer);
    this.pictured.resolve(undefined);
    done(error);
  }

  private request(incremental: boolean) {
    if (!this.destroyed) this.push(new ByteWriter().u8(FromClient.updateRequest).u8(Number(incremental)).u16(0).u16(0).u16(0xffff).u16(0xffff).take());
  }
}

const failed = (path: string, error: unknown) => new EngineError('recording', say`The recording ${path} cannot be written: ${messageOf(error)}`);
