/** Builds what the guests of the bench run, with Debian's cross compiler, and the same program for this machine. */
import { execFile } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { cpio, directory, file } from '../scripts/cpio.ts';
import { EngineError, messageOf } from '../shared/base/errors.ts';
import { assemble } from '../src-main/cpu/asm/assembler.ts';

const run = promisify(execFile);
const SOURCES = join(import.meta.dirname, 'guest');
const CROSS_COMPILER = 'aarch64-linux-gnu-gcc';
const FLAGS = ['-O2', '-static', '-s', '-std=gnu17', '-Wall', '-Wextra', '-Werror'];
/** As printed; the flags that only tell of mistakes are left out. */
export const COMPILATION = `${CROSS_COMPILER} ${FLAGS.filter(flag => !flag.startsWith('-W')).join(' ')}`;

/** Where the program lies in the guest. */
export const GUEST_PROGRAM = '/bench/bench';

export interface GuestFiles {
  /** Debian's initrd with the program behind it. */
  readonly initrd: string;
  /** The program for this machine, whose checksums are the right ones. */
  readonly native: string;
  /** A flat binary whose first act is to print a byte; then it turns the machine off. */
  readonly startUp: string;
}

/** Builds all into a folder. */
export async function buildGuest(folder: string, debianInitrd: string): Promise<GuestFiles> {
  const files: GuestFiles = { initrd: join(folder, 'initrd.gz'), native: join(folder, 'bench'), startUp: join(folder, 'start-up.bin') };
  const sources = (await readdir(SOURCES)).filter(name => name.endsWith('.c')).map(name => join(SOURCES, name));
  const guest = join(folder, 'bench.aarch64');
  await compile(CROSS_COMPILER, ...FLAGS, ...sources, '-o', guest, '-lm');
  // Fused multiply-add in hardware, where there is one, is much faster than the library's.
  await compile('gcc', ...FLAGS, '-march=native', ...sources, '-o', files.native, '-lm');
  const archive = cpio([directory('bench'), file(GUEST_PROGRAM.slice(1), await readFile(guest), 0o755)]);
  await writeFile(files.initrd, Buffer.concat([await readFile(debianInitrd), gzipSync(archive)]));
  await writeFile(files.startUp, assemble(START_UP));
  return files;
}

/** Debian's initrd with a program of one source behind it, at `/bench/` and the source's name. */
export async function buildProgramGuest(folder: string, debianInitrd: string, source: string): Promise<string> {
  const name = basename(source, '.c'), initrd = join(folder, `${name}.gz`), program = join(folder, `${name}.aarch64`);
  await compile(CROSS_COMPILER, ...FLAGS, source, '-o', program);
  await writeFile(initrd, Buffer.concat([await readFile(debianInitrd), gzipSync(cpio([directory('bench'), file(`bench/${name}`, await readFile(program), 0o755)]))]));
  return initrd;
}

/** The UART's data register, and PSCI's SYSTEM_OFF. */
const START_UP = `
  mov x1, #0x9000000
  mov w0, #0x2e
  str w0, [x1]
  mov w0, #8
  movk w0, #0x8400, lsl #16
  hvc #0
stop:
  b stop
`;

async function compile(compiler: string, ...args: readonly string[]): Promise<void> {
  await run(compiler, args).catch((error: unknown) => {
    throw (error as NodeJS.ErrnoException).code === 'ENOENT'
      ? new EngineError('no-compiler', `${compiler} is not installed; the bench needs Debian's gcc, gcc-aarch64-linux-gnu and libc6-dev-arm64-cross.`)
      : new EngineError('compile', `The guest's program cannot be compiled: ${(error as { stderr?: string }).stderr?.trim() || messageOf(error)}`);
  });
}

/** The right checksums of workloads, by name: those which this machine computes. */
export async function nativeSums(native: string, names: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const { stdout } = await run(native, names);
  return new Map([...stdout.matchAll(/^sum (\S+) (\S+)$/gm)].map(([, name = '', sum = '']) => [name, sum]));
}
