/** For tests: a folder of their own, QEMU's tool for images, and numbers that follow from a seed. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export class TestFolder implements AsyncDisposable {
  private readonly root: string;
  private constructor(root: string) { this.root = root; }
  static async make(): Promise<TestFolder> { return new TestFolder(await mkdtemp(join(tmpdir(), 'quarterdeck-images-'))); }
  path(name: string): string { return join(this.root, name); }

  /** qemu-img's exit code and what it printed; names are the folder's. */
  qemuImg(...args: string[]): Promise<{ code: number; text: string }> { return this.run('qemu-img', args); }
  qemuIo(file: string, ...commands: string[]): Promise<{ code: number; text: string }> { return this.run('qemu-io', [...commands.flatMap(command => ['-c', command]), file]); }

  private run(tool: string, args: readonly string[]): Promise<{ code: number; text: string }> {
    return new Promise(resolve => {
      const child = execFile(tool, args, { cwd: this.root }, (_, stdout, stderr) => resolve({ code: child.exitCode ?? -1, text: stdout + stderr }));
    });
  }

  async [Symbol.asyncDispose](): Promise<void> { await rm(this.root, { recursive: true }); }
}

/** From 0 to below `limit` (xorshift32). */
export function randomNumbers(seed: number): (limit: number) => number {
  let state = (seed * 2654435761 >>> 0) || 1;
  return limit => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

export function randomBytes(random: (limit: number) => number, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32LE(random(2 ** 32), at);
  return bytes;
}
