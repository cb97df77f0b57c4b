/** A raw image: the file's bytes are the disk's. */
import { open, type FileHandle } from 'node:fs/promises';
import { EngineError, messageOf } from '../../shared/base/errors.ts';
import type { BlockBackend } from './block-backend.ts';

const SECTOR = 512;
const ZEROES = new Uint8Array(0x100000);

export class RawImage implements BlockBackend {
  readonly sizeBytes: number;
  readonly readOnly: boolean;
  private readonly file: FileHandle;

  private constructor(file: FileHandle, sizeBytes: number, readOnly: boolean) {
    this.file = file;
    this.sizeBytes = sizeBytes;
    this.readOnly = readOnly;
  }

  static async open(path: string, options: { readonly readOnly: boolean }): Promise<RawImage> {
    const file = await open(path, options.readOnly ? 'r' : 'r+')
      .catch((error: unknown) => { throw new EngineError('disk.unreadable', `The disk image ${path} cannot be opened: ${messageOf(error)}.`); });
    try {
      return new RawImage(file, await checkedSize(file, path), options.readOnly);
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    for (let at = 0; at < into.length;) {
      const { bytesRead } = await this.file.read(into, at, into.length - at, offset + at);
      if (bytesRead === 0) throw new Error('the disk image became shorter');
      at += bytesRead;
    }
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      at += (await this.file.write(bytes, at, bytes.length - at, offset + at)).bytesWritten;
    }
  }

  async flush(): Promise<void> { await this.file.datasync(); }

  async zero(offset: number, length: number): Promise<void> {
    for (let at = 0; at < length; at += ZEROES.length) {
      await this.write(offset + at, ZEROES.subarray(0, Math.min(ZEROES.length, length - at)));
    }
  }

  /** The file stays as it is: Node cannot punch holes. */
  async discard(): Promise<void> {}

  async close(): Promise<void> { await this.file.close(); }
}

async function checkedSize(file: FileHandle, path: string): Promise<number> {
  const stat = await file.stat();
  if (!stat.isFile()) throw new EngineError('disk.notAFile', `The disk image ${path} is not a regular file.`);
  if (stat.size === 0 || stat.size % SECTOR !== 0) {
    throw new EngineError('disk.size', `The disk image ${path} has ${stat.size} bytes, which is not a positive multiple of ${SECTOR}.`);
  }
  return stat.size;
}
