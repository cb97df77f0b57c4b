/** For tests: a disk that is a file, and the tools of others that read and write it. */
import { execFile } from 'node:child_process';
import { mkdtemp, open, rm, truncate, writeFile, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SectorDevice } from './sector-device.ts';

export class TestDisk implements SectorDevice, AsyncDisposable {
  readonly path: string;
  readonly sectorBytes: number;
  readonly sectorCount: number;
  readonly readOnly = false;
  /** How often it was read. */
  reads = 0;
  private readonly file: FileHandle;

  private constructor(path: string, file: FileHandle, sectorBytes: number, sectorCount: number) {
    this.path = path;
    this.file = file;
    this.sectorBytes = sectorBytes;
    this.sectorCount = sectorCount;
  }

  static async open(path: string, sectorBytes = 512): Promise<TestDisk> {
    const file = await open(path, 'r+');
    return new TestDisk(path, file, sectorBytes, Math.floor((await file.stat()).size / sectorBytes));
  }

  async read(sector: number, count: number): Promise<Uint8Array> {
    if (sector + count > this.sectorCount) throw new RangeError(`sectors ${sector} and ${count} more are not on the disk`);
    this.reads++;
    const bytes = new Uint8Array(count * this.sectorBytes);
    await this.file.read(bytes, 0, bytes.length, sector * this.sectorBytes);
    return bytes;
  }

  async write(sector: number, bytes: Uint8Array): Promise<void> {
    if (sector * this.sectorBytes + bytes.length > this.sectorCount * this.sectorBytes || bytes.length % this.sectorBytes !== 0) throw new RangeError(`${bytes.length} bytes from sector ${sector} on do not fit the disk`);
    await this.file.write(bytes, 0, bytes.length, sector * this.sectorBytes);
  }

  async flush(): Promise<void> { await this.file.datasync(); }

  async [Symbol.asyncDispose](): Promise<void> { await this.file.close(); }
}

/** A folder of a test's own, in which it runs programs. */
export class Workshop implements AsyncDisposable {
  readonly folder: string;
  private constructor(folder: string) { this.folder = folder; }
  static async make(): Promise<Workshop> { return new Workshop(await mkdtemp(join(tmpdir(), 'quarterdeck-volumes-'))); }
  path(name: string): string { return join(this.folder, name); }

  /** What a program printed; one that fails rejects with that. */
  run(tool: string, args: readonly string[], input?: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin`, MTOOLS_SKIP_CHECK: '1', TZ: 'UTC' };
      const child = execFile(tool, args, { cwd: this.folder, env, maxBuffer: 2 ** 26 }, (error, stdout, stderr) => {
        if (error === null) resolve(stdout);
        else reject(new Error(`${tool} ${args.join(' ')}: ${stdout}${stderr}`));
      });
      // A program that failed does not read it.
      child.stdin?.on('error', () => { /* its end says why */ }).end(input);
    });
  }

  /** A file of zeroes that takes no room. */
  async empty(name: string, bytes: number): Promise<string> {
    await writeFile(this.path(name), '');
    await truncate(this.path(name), bytes);
    return this.path(name);
  }

  /** An empty FAT file system in a file of its own. */
  async fat(name: string, kib: number, ...options: readonly string[]): Promise<string> {
    const path = await this.empty(name, kib * 1024);
    await this.run('mkfs.fat', [...options, path]);
    return path;
  }

  async [Symbol.asyncDispose](): Promise<void> { await rm(this.folder, { recursive: true }); }
}
