/** What the engine's machine has on its disks, for fields that take a path. */
import { open, readdir, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { Directory, DirectoryEntry, FileProbe, ImageProbe } from '../../shared/api/engine-api.ts';
import { EngineError, saidOf } from '../../shared/base/errors.ts';
import { problemFields, say, type Phrase } from '../../shared/base/phrase.ts';
import { imageInfo } from '../storage/image-operations.ts';

/** First bytes by which a file is known: offset, bytes. Linux's arm64 image: Documentation/arm64/booting.rst. */
const MAGIC = [
  { what: 'linux-image', at: 56, bytes: [0x41, 0x52, 0x4d, 0x64] },
  { what: 'gzip', at: 0, bytes: [0x1f, 0x8b] },
  { what: 'cpio', at: 0, bytes: [0x30, 0x37, 0x30, 0x37, 0x30, 0x31] },
] as const;
const HEAD_BYTES = 64;

export async function probe(path: string): Promise<FileProbe> {
  const full = expand(path);
  try {
    const info = await stat(full);
    if (info.isDirectory()) return { exists: true, sizeBytes: 0, what: 'directory' };
    const what = await kindOf(full), image = what === 'other' && info.isFile() ? { image: await imageAt(full) } : {};
    return { exists: true, sizeBytes: info.size, what, ...image };
  } catch (error) {
    const code = codeOf(error);
    return { exists: code !== 'ENOENT' && code !== 'ENOTDIR', sizeBytes: 0, what: 'other', ...problemFields(sentence(full, code)) };
  }
}

async function imageAt(path: string): Promise<ImageProbe> {
  try {
    const { format, sizeBytes, allocatedBytes, backingFile } = await imageInfo(path);
    return { format, sizeBytes, allocatedBytes, backingFile };
  } catch (error) { return { ...problemFields(saidOf(error)) }; }
}

/** Entries that cannot be looked at are left out; directories come first. */
export async function list(path?: string): Promise<Directory> {
  const full = expand(path ?? homedir());
  try {
    const names = await readdir(full);
    const entries = (await Promise.all(names.filter(name => !name.startsWith('.')).map(name => entryOf(full, name)))).filter(entry => entry !== undefined);
    const parent = dirname(full);
    return { path: full, ...(parent !== full && { parent }), entries: entries.sort((a, b) => Number(b.directory) - Number(a.directory) || a.name.localeCompare(b.name)) };
  } catch (error) { throw new EngineError('unreadable', sentence(full, codeOf(error))); }
}

async function entryOf(folder: string, name: string): Promise<DirectoryEntry | undefined> {
  const path = join(folder, name);
  try {
    const info = await stat(path);
    return { name, path, directory: info.isDirectory(), sizeBytes: info.isDirectory() ? 0 : info.size };
  } catch { return undefined; }
}

async function kindOf(path: string): Promise<FileProbe['what']> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0);
    const head = buffer.subarray(0, bytesRead);
    return MAGIC.find(({ at, bytes }) => head.subarray(at, at + bytes.length).equals(Buffer.from(bytes)))?.what ?? 'other';
  } finally { await file.close(); }
}

function expand(path: string): string {
  return resolve(path === '~' || path.startsWith('~/') ? join(homedir(), path.slice(1)) : path);
}

const codeOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? '';

function sentence(path: string, code: string): Phrase {
  switch (code) {
    case 'ENOENT': return say`${path} does not exist.`;
    case 'EACCES': case 'EPERM': return say`${path} may not be read.`;
    case 'ENOTDIR': return say`${path} is not a directory.`;
    default: return say`${path} cannot be read (${code}).`;
  }
}
