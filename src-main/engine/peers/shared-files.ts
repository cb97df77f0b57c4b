/**
 * Shows to another engine that both see the same files at the same paths: what is written to by a file beside it, with what nobody
 * can guess in it, and what is only read by its size, its beginning and its end.
 */
import { createHash, randomBytes } from 'node:crypto';
import { open, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join, resolve, sep } from 'node:path';
import { EngineError, messageOf } from '../../../shared/base/errors.ts';
import { say } from '../../../shared/base/phrase.ts';
import type { GuestSource, Vm } from '../../../shared/model/vm.ts';
import { backingsOf } from '../chains.ts';
import type { VmFiles } from '../vm-files.ts';
import type { SharedFile } from './wire.ts';

const PART_BYTES = 65_536;

interface Used { readonly path: string; readonly isWritten: boolean }

function filesOfGuest(guest: GuestSource): readonly Used[] {
  const read = (...paths: readonly (string | undefined)[]) => paths.filter(path => path !== undefined && path !== '').map(path => ({ path: path as string, isWritten: false }));
  switch (guest.kind) {
    case 'diagnostics': return [];
    case 'binary': return read(guest.imagePath);
    case 'firmware': return [...read(guest.firmwarePath), ...(guest.variablesPath === undefined ? [] : [{ path: guest.variablesPath, isWritten: true }])];
    case 'uefi': case 'linux': return read(guest.kernelPath, guest.initrdPath);
    default: return guest satisfies never;
  }
}

/** All that the machine needs, with what its disks stand on. */
export async function filesOf({ spec: { disks, guest, bootWatchdog } }: Pick<Vm, 'spec'>): Promise<readonly Used[]> {
  const written = disks.filter(({ path, readOnly }) => path !== '' && !readOnly).map(({ path }) => path), chains = await backingsOf(disks.map(({ path }) => path));
  const all = [...written.map(path => ({ path, isWritten: true })), ...[...chains.keys()].map(path => ({ path, isWritten: false })), ...filesOfGuest(guest), ...(bootWatchdog?.banks ?? []).flatMap(bank => filesOfGuest(bank.guest))];
  return [...new Map(all.toReversed().map(used => [resolve(used.path), used])).values()];
}

/** Of these, one in a folder that is a VM's own: the engine removes what is there as it likes. */
export function ownFile(used: readonly Used[], files: VmFiles, { id }: Pick<Vm, 'id'>): string | undefined {
  const folders = [join(resolve(files.dataPath), 'vms'), resolve(files.folder(id))];
  return used.map(({ path }) => path).find(path => folders.some(folder => resolve(path).startsWith(`${folder}${sep}`)));
}

export const relativeFile = (used: readonly Used[]): string | undefined => used.map(({ path }) => path).find(path => !isAbsolute(path));

/** Hands `use` what shows them, for as long as that takes. */
export async function showing<T>(used: readonly Used[], use: (shown: SharedFile[]) => Promise<T>): Promise<T> {
  const tokens = new Map<string, { readonly token: string; readonly contents: string }>(), shown: SharedFile[] = [];
  try {
    for (const { path, isWritten } of used) {
      const folder = dirname(path);
      if (!isWritten) { shown.push({ by: 'contents', path, ...await contentsOf(path) }); continue; }
      const token = tokens.get(folder) ?? { token: `.quarterdeck-${randomBytes(16).toString('hex')}`, contents: randomBytes(16).toString('hex') };
      if (!tokens.has(folder)) {
        tokens.set(folder, token);
        await writeFile(join(folder, token.token), token.contents, { flag: 'wx', mode: 0o644 }).catch((error: unknown) => { throw new EngineError('peer.files', say`It cannot be shown that the other engine sees the same ${path}: ${messageOf(error)}.`); });
      }
      shown.push({ by: 'token', path, ...token });
    }
    return await use(shown);
  } finally { for (const [folder, { token }] of tokens) await rm(join(folder, token), { force: true }).catch(() => { /* it says nothing */ }); }
}

async function contentsOf(path: string): Promise<{ readonly sizeBytes: number; readonly digest: string }> {
  try {
    await using file = await open(path);
    const { size } = await file.stat(), hash = createHash('sha256'), part = Buffer.alloc(PART_BYTES);
    for (const at of [0, Math.max(0, size - PART_BYTES)]) hash.update(part.subarray(0, (await file.read(part, 0, PART_BYTES, at)).bytesRead));
    return { sizeBytes: size, digest: hash.digest('hex') };
  } catch (error) { throw new EngineError('peer.files', say`${path} cannot be read: ${messageOf(error)}.`); }
}

/** The first file that this engine does not see, or sees another of, or that was not shown to it although the machine would use it. */
export async function missingFile(shown: readonly SharedFile[], used: readonly Used[]): Promise<string | undefined> {
  const isShown = ({ path, isWritten }: Used) => shown.some(file => resolve(file.path) === resolve(path) && (!isWritten || file.by === 'token'));
  for (const file of used) if (!isShown(file)) return file.path;
  for (const file of shown) if (!isAbsolute(file.path) || !await isSeen(file)) return file.path;
  return undefined;
}

async function isSeen(file: SharedFile): Promise<boolean> {
  try {
    if (file.by === 'token') {
      await using image = await open(file.path, 'r+');
      return (await image.stat()).isFile() && await readFile(join(dirname(file.path), file.token), 'utf8') === file.contents;
    }
    const { sizeBytes, digest } = await contentsOf(file.path);
    return sizeBytes === file.sizeBytes && digest === file.digest;
  } catch { return false; }
}
