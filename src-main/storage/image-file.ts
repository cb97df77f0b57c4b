/** A file that holds an image, or a part of one: whole reads and writes, and a lock against other writers. */
import { open, type FileHandle } from 'node:fs/promises';
import { EngineError, messageOf } from '../../shared/base/errors.ts';
import { say } from '../../shared/base/phrase.ts';
import { lockImage, type ImageLock } from './image-lock.ts';

const STAT_BLOCK = 512;

export interface FileMode {
  readonly readOnly: boolean;
  /** A new file; one that exists is refused, or truncated under `overwrite`. */
  readonly create?: 'new' | 'overwrite';
}

export class ImageFile {
  readonly path: string;
  readonly readOnly: boolean;
  /** Names the file whatever path leads to it. */
  readonly identity: string;
  private readonly handle: FileHandle;
  private readonly lock: ImageLock | undefined;
  private end: number;

  private constructor(handle: FileHandle, file: { path: string; readOnly: boolean; identity: string; end: number; lock: ImageLock | undefined }) {
    this.handle = handle;
    ({ path: this.path, readOnly: this.readOnly, identity: this.identity, end: this.end, lock: this.lock } = file);
  }

  static async open(path: string, { readOnly, create }: FileMode): Promise<ImageFile> {
    const flags = create === 'new' ? 'wx+' : readOnly ? 'r' : 'r+';
    const handle = await open(path, flags).catch((error: unknown) => {
      if (create === 'overwrite' && (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw new EngineError('disk.unreadable', create === 'new' ? say`The disk image ${path} cannot be created: ${messageOf(error)}.` : say`The disk image ${path} cannot be opened: ${messageOf(error)}.`);
    });
    if (handle === undefined) return ImageFile.open(path, { readOnly, create: 'new' });
    try {
      const file = await ImageFile.checked(handle, path, readOnly);
      if (create === 'overwrite') await file.truncate(0);
      return file;
    } catch (error) {
      await handle.close();
      throw error;
    }
  }

  private static async checked(handle: FileHandle, path: string, readOnly: boolean): Promise<ImageFile> {
    const stat = await handle.stat({ bigint: true });
    if (!stat.isFile()) throw new EngineError('disk.notAFile', say`The disk image ${path} is not a regular file.`);
    const lock = readOnly ? undefined : await lockImage(path, stat);
    return new ImageFile(handle, { path, readOnly, identity: `${stat.dev}:${stat.ino}`, end: Number(stat.size), lock });
  }

  /** As it was opened, and as we wrote it since. */
  get sizeBytes(): number { return this.end; }

  async read(offset: number, into: Uint8Array): Promise<void> {
    if (await this.readSome(offset, into) < into.length) throw new EngineError('disk.short', say`The disk image ${this.path} became shorter, or was cut short.`);
  }

  /** What lies beyond the end reads as zeroes. */
  async readPadded(offset: number, into: Uint8Array): Promise<void> { into.fill(0, await this.readSome(offset, into)); }

  private async readSome(offset: number, into: Uint8Array): Promise<number> {
    let at = 0;
    // An offset that no file reaches may come from a damaged table.
    while (at < into.length && Number.isSafeInteger(offset + into.length)) {
      const { bytesRead } = await this.handle.read(into, at, into.length - at, offset + at);
      if (bytesRead === 0) break;
      at += bytesRead;
    }
    return at;
  }

  async bytes(offset: number, length: number): Promise<Buffer> {
    const bytes = Buffer.alloc(length);
    await this.read(offset, bytes);
    return bytes;
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      at += (await this.handle.write(bytes, at, bytes.length - at, offset + at)).bytesWritten;
    }
    this.end = Math.max(this.end, offset + bytes.length);
  }

  /** Makes it longer by a hole; never shorter. */
  async extend(sizeBytes: number): Promise<void> { if (sizeBytes > this.end) await this.truncate(sizeBytes); }

  async truncate(sizeBytes: number): Promise<void> {
    await this.handle.truncate(sizeBytes);
    this.end = sizeBytes;
  }

  async sync(): Promise<void> { await this.handle.datasync(); }

  async allocatedBytes(): Promise<number> { return (await this.handle.stat()).blocks * STAT_BLOCK; }

  async close(): Promise<void> {
    try { await this.handle.close(); } finally { await this.lock?.release(); }
  }
}
