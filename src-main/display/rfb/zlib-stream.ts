/** A zlib stream (RFC 1950) that goes on over many pieces, each of which can be read as soon as it is there. */
import { constants, createDeflate, type Deflate } from 'node:zlib';

export class ZlibStream {
  private readonly deflate: Deflate;
  private chunks: Buffer[] = [];
  private failed: Error | undefined;

  constructor(level: number) {
    this.deflate = createDeflate({ level, chunkSize: 64 * 1024 });
    this.deflate.on('data', (chunk: Buffer) => this.chunks.push(chunk));
    this.deflate.on('error', (error: Error) => { this.failed = error; });
  }

  /** One at a time. The bytes must stay as they are until it is done. Never settles when the stream is closed. */
  compress(bytes: Uint8Array): Promise<Uint8Array> {
    return new Promise((resolve, reject) => {
      this.deflate.write(bytes);
      this.deflate.flush(constants.Z_SYNC_FLUSH, () => {
        const [first, ...rest] = this.chunks;
        this.chunks = [];
        if (this.failed !== undefined) reject(this.failed);
        else resolve(first === undefined || rest.length > 0 ? Buffer.concat([...first === undefined ? [] : [first], ...rest]) : first);
      });
    });
  }

  /** For what comes next. */
  setLevel(level: number): Promise<void> {
    return new Promise(resolve => this.deflate.params(level, constants.Z_DEFAULT_STRATEGY, () => resolve()));
  }

  close(): void { this.deflate.close(); }
}
