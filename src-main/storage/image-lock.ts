/**
 * One writer for an image, whatever name it is opened by: the writer listens on a socket that is named after the file's
 * device and inode, and its name is the kernel's to give and to take back when a process ends. Whoever comes second asks
 * the first who it is. On Linux the name is an abstract one and on Windows a pipe's. Elsewhere it is a file in the
 * folder for temporary files: there two that find a dead owner's file at the same moment might both win.
 * QEMU's locks are respected where /proc/locks shows them; QEMU does not see ours, nor does another network namespace.
 */
import { readFile, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EngineError } from '../../shared/base/errors.ts';
import { say, type Phrase } from '../../shared/base/phrase.ts';

export interface FileId { readonly dev: bigint; readonly ino: bigint }
export interface ImageLock { release(): Promise<void> }

const ATTEMPTS = 5;
const ANSWER_MS = 1000;

export async function lockImage(path: string, id: FileId): Promise<ImageLock> {
  const name = socketName(id);
  for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
    const server = await listen(name);
    if (server !== undefined) return afterOthersAreRuledOut(path, id, server);
    const owner = await ownerAt(name);
    if (owner !== undefined) throw inUse(path, ownerNamed(owner));
    if (process.platform !== 'linux' && process.platform !== 'win32') await rm(name, { force: true });
  }
  throw inUse(path, say`another process`);
}

const inUse = (path: string, owner: Phrase) => new EngineError('disk.inUse', say`The disk image ${path} is in use by ${owner}.`);
const ownerNamed = (owner: string): Phrase => { const [, pid] = /^process (\d+)$/.exec(owner) ?? []; return pid === undefined ? say`another process` : say`process ${pid}`; };

function socketName({ dev, ino }: FileId): string {
  const name = `quarterdeck-disk-${dev}-${ino}`;
  switch (process.platform) {
    case 'linux': return `\0${name}`;
    case 'win32': return `\\\\.\\pipe\\${name}`;
    default: return join(tmpdir(), name);
  }
}

function listen(name: string): Promise<Server | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer(socket => {
      socket.on('error', () => { /* whoever asked has gone */ });
      socket.end(`process ${process.pid}`);
    });
    server.once('error', (error: NodeJS.ErrnoException) => { if (error.code === 'EADDRINUSE') resolve(undefined); else reject(error); });
    server.listen(name, () => { server.unref(); resolve(server); });
  });
}

/** Who holds the name; undefined when nobody does any more. */
function ownerAt(name: string): Promise<string | undefined> {
  return new Promise(resolve => {
    let text = '';
    const socket = connect(name);
    socket.setEncoding('utf8').setTimeout(ANSWER_MS, () => { resolve('another process'); socket.destroy(); });
    socket.on('data', (part: string) => { text += part; });
    socket.on('error', () => resolve(undefined));
    socket.on('end', () => { resolve(text === '' ? undefined : text); socket.destroy(); });
  });
}

async function afterOthersAreRuledOut(path: string, id: FileId, server: Server): Promise<ImageLock> {
  const release = () => new Promise<void>(resolve => { server.close(() => resolve()); });
  if (await isLockedInKernel(id)) {
    await release();
    throw inUse(path, say`another program`);
  }
  return { release };
}

/** A line of /proc/locks: `7: OFDLCK ADVISORY  READ -1 08:01:2883742 100 101`. */
async function isLockedInKernel({ dev, ino }: FileId): Promise<boolean> {
  const hex = (number: bigint) => number.toString(16).padStart(2, '0');
  const major = ((dev >> 8n) & 0xfffn) | ((dev >> 32n) & ~0xfffn), minor = (dev & 0xffn) | ((dev >> 12n) & ~0xffn);
  const locks = await readFile('/proc/locks', 'utf8').catch(() => '');
  return locks.includes(` ${hex(major)}:${hex(minor)}:${ino} `);
}
