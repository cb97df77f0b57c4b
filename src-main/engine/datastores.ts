/** Datastores: folders of this machine, what is in them, and how much more they take. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, realpath, rename, rm, stat, statfs, writeFile, type FileHandle } from 'node:fs/promises';
import { dirname, isAbsolute, join, relative, resolve, sep } from 'node:path';
import { EngineError, messageOf } from '../../shared/base/errors.ts';
import type { DatastoreId } from '../../shared/base/ids.ts';
import { say } from '../../shared/base/phrase.ts';
import { LOCAL_DATASTORE, type Datastore, type DatastoreEntry, type DatastoreRequest, type DatastoreUsage } from '../../shared/model/container.ts';
import type { Place } from '../../shared/model/place.ts';
import type { Engine } from './engine.ts';
import { newId } from './new-id.ts';
import { checkPlace } from './tree.ts';
import type { TaskContext } from './task-runner.ts';

type Context = Pick<Engine, 'inventory' | 'files'>;
const BLOCK_BYTES = 512, MOST_ENTRIES = 10_000, MOST_ALLOTTED = 16 * 2 ** 20, LEAST_ALLOTTED = 2 ** 18;

interface Upload { readonly file: FileHandle; readonly partial: string; readonly path: string; readonly sizeBytes: number; at: number }

export class Datastores {
  private readonly inventory: Context['inventory'];
  private readonly files: Context['files'];
  private readonly uploads = new Map<string, Upload>();

  constructor({ inventory, files }: Context) {
    this.inventory = inventory;
    this.files = files;
  }

  rootOf({ path }: Datastore): string { return path === '' ? resolve(this.files.dataPath) : path; }

  /** Where a new VM's folder goes; undefined for the data folder. */
  placeOf(id: DatastoreId | undefined): string | undefined {
    return id === undefined || id === LOCAL_DATASTORE ? undefined : this.rootOf(this.inventory.get('datastore', id));
  }

  async add({ name, path, capacityBytes }: DatastoreRequest, parent: Place, id: DatastoreId): Promise<Datastore> {
    if (!isAbsolute(path)) throw new EngineError('invalid', 'The path of a datastore begins at the root of the file system.');
    const root = await usableFolder(path), datastore: Datastore = { id, name, parent, path: root, ...(capacityBytes !== undefined && { capacityBytes }) };
    await this.inventory.transact(edit => {
      checkPlace(edit, 'datastore', datastore, parent);
      checkApart(root, edit.all('datastore').map(each => [each.name, this.rootOf(each)]));
      edit.put('datastore', datastore);
      edit.event({ severity: 'info', type: 'datastore.created', message: say`The datastore ${name} at ${root} was added.`, target: { kind: 'datastore', id, name } });
    });
    return datastore;
  }

  async edit(id: DatastoreId, capacityBytes: number | undefined): Promise<void> {
    await this.inventory.transact(edit => {
      const { capacityBytes: _, ...datastore } = edit.get('datastore', id);
      edit.put('datastore', { ...datastore, ...(capacityBytes !== undefined && { capacityBytes }) });
    });
  }

  async usage(id: DatastoreId): Promise<DatastoreUsage> {
    const datastore = this.inventory.get('datastore', id), root = this.rootOf(datastore), system = await statfs(root).catch((error: unknown) => { throw new EngineError('not-there', say`The folder of the datastore ${datastore.name} cannot be read: ${messageOf(error)}.`); });
    const there = system.bavail * system.bsize, usedBytes = await allocatedIn(root), { capacityBytes } = datastore;
    return capacityBytes === undefined ? { capacityBytes: usedBytes + there, usedBytes, freeBytes: there } : { capacityBytes, usedBytes, freeBytes: Math.max(0, Math.min(there, capacityBytes - usedBytes)) };
  }

  /** How many bytes more an image may take at once: a part of what its datastore has left, as others on it want some too. A rest that is too small for a request is none. */
  async roomFor(image: string): Promise<number> {
    const full = await realpath(image), datastore = this.inventory.all('datastore').find(each => full.startsWith(resolve(this.rootOf(each)) + sep));
    if (datastore?.capacityBytes === undefined) return MOST_ALLOTTED;
    const { freeBytes } = await this.usage(datastore.id);
    return freeBytes < LEAST_ALLOTTED ? 0 : Math.min(MOST_ALLOTTED, Math.max(LEAST_ALLOTTED, freeBytes / 8));
  }

  async list(id: DatastoreId, path: string): Promise<DatastoreEntry[]> {
    const folder = await this.inside(id, path), owners = this.owners(), entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => { throw failed(path, error); });
    if (entries.length > MOST_ENTRIES) throw new EngineError('too-many', path === '' ? say`The datastore has more than ${MOST_ENTRIES} files.` : say`${path} has more than ${MOST_ENTRIES} files.`);
    return Promise.all(entries.filter(entry => entry.isFile() || entry.isDirectory()).map(async entry => {
      const full = join(folder, entry.name), { size, blocks, mtimeMs } = await stat(full), usedBy = owners.find(([own]) => full === own || full.startsWith(own + sep))?.[1];
      return { name: entry.name, path: path === '' ? entry.name : `${path}/${entry.name}`, directory: entry.isDirectory(), sizeBytes: entry.isDirectory() ? 0 : size, allocatedBytes: blocks * BLOCK_BYTES, modifiedMs: mtimeMs, ...(usedBy !== undefined && { usedBy }) };
    }));
  }

  async makeFolder(id: DatastoreId, path: string): Promise<void> {
    const folder = await this.inside(id, path);
    await mkdir(folder).catch((error: unknown) => { throw failed(path, error); });
  }

  async move(id: DatastoreId, from: string, to: string): Promise<void> {
    const [old, next] = [await this.free(id, from), await this.inside(id, to)];
    if (await stat(next).then(() => true, () => false)) throw new EngineError('exists', say`${to} is there already.`);
    await rename(old, next).catch((error: unknown) => { throw failed(from, error); });
  }

  async delete(id: DatastoreId, paths: readonly string[], { signal, progress }: Pick<TaskContext, 'signal' | 'progress'>): Promise<void> {
    const all = await Promise.all(paths.map(path => this.free(id, path)));
    for (const [at, full] of all.entries()) {
      signal.throwIfAborted();
      await rm(full, { recursive: true }).catch((error: unknown) => { throw failed(paths[at] ?? '', error); });
      progress((at + 1) / all.length);
    }
  }

  /** SHA-256, in hexadecimal. */
  async checksum(id: DatastoreId, path: string, { signal, progress }: Pick<TaskContext, 'signal' | 'progress'>): Promise<string> {
    const full = await this.inside(id, path), { size } = await stat(full).catch((error: unknown) => { throw failed(path, error); }), hash = createHash('sha256');
    let done = 0;
    try {
      for await (const bytes of createReadStream(full, { signal, highWaterMark: 2 ** 20 }) as AsyncIterable<Buffer>) {
        hash.update(bytes);
        progress((done += bytes.length) / Math.max(1, size));
      }
    } catch (error) {
      signal.throwIfAborted();
      throw failed(path, error);
    }
    return hash.digest('hex');
  }

  async read(id: DatastoreId, path: string, offset: number, length: number): Promise<Uint8Array> {
    const file = await open(await this.inside(id, path)).catch((error: unknown) => { throw failed(path, error); });
    try {
      const bytes = new Uint8Array(length), { bytesRead } = await file.read(bytes, 0, length, offset);
      return bytes.subarray(0, bytesRead);
    } finally { await file.close(); }
  }

  /** What is uploaded is a file of another name until it is whole. */
  async startUpload(id: DatastoreId, path: string, sizeBytes: number): Promise<string> {
    const full = await this.inside(id, path), { freeBytes } = await this.usage(id);
    if (sizeBytes > freeBytes) throw new EngineError('full', say`There are ${freeBytes} bytes free, and ${path} has ${sizeBytes}.`);
    if (await stat(full).then(() => true, () => false)) throw new EngineError('exists', say`${path} is there already.`);
    const uploadId = newId('upload'), partial = `${full}.${uploadId}.part`;
    this.uploads.set(uploadId, { file: await open(partial, 'wx').catch((error: unknown) => { throw failed(path, error); }), partial, path: full, sizeBytes, at: 0 });
    return uploadId;
  }

  async upload(uploadId: string, bytes: Uint8Array): Promise<void> {
    const upload = this.uploadOf(uploadId);
    if (upload.at + bytes.length > upload.sizeBytes) throw new EngineError('too-much', 'More came than was announced.');
    const at = upload.at;
    upload.at += bytes.length;
    await upload.file.write(bytes, 0, bytes.length, at).catch((error: unknown) => { throw failed(upload.path, error); });
  }

  async finishUpload(uploadId: string): Promise<void> {
    const upload = this.uploadOf(uploadId);
    if (upload.at !== upload.sizeBytes) throw new EngineError('too-little', say`Only ${upload.at} of ${upload.sizeBytes} bytes came.`);
    await upload.file.sync();
    await upload.file.close();
    this.uploads.delete(uploadId);
    await rename(upload.partial, upload.path);
  }

  async cancelUpload(uploadId: string): Promise<void> {
    const upload = this.uploadOf(uploadId);
    this.uploads.delete(uploadId);
    await upload.file.close();
    await rm(upload.partial, { force: true });
  }

  private uploadOf(id: string): Upload {
    const upload = this.uploads.get(id);
    if (upload === undefined) throw new EngineError('not-found', 'The upload has ended.');
    return upload;
  }

  /** Folders of VMs and images that they use, with the VM's name. */
  private owners(): (readonly [string, string])[] {
    return this.inventory.allVms.flatMap(({ id, spec: { name, disks } }) => [[resolve(this.files.folder(id)), name] as const, ...disks.flatMap(({ path }) => (path === '' ? [] : [[resolve(path), name] as const]))]);
  }

  /** A path that no VM uses. */
  private async free(id: DatastoreId, path: string): Promise<string> {
    const full = await this.inside(id, path), root = await realpath(this.rootOf(this.inventory.get('datastore', id)));
    if (full === root) throw new EngineError('in-use', 'The datastore’s own folder stays.');
    const owner = this.owners().find(([own]) => own === full || own.startsWith(full + sep) || full.startsWith(own + sep));
    if (owner !== undefined) throw new EngineError('in-use', say`${path} belongs to ${owner[1]}.`);
    if (isOurs(relative(resolve(this.files.dataPath), full))) throw new EngineError('in-use', say`${path} is the engine’s own.`);
    return full;
  }

  /** The file at a path of the datastore; links may not lead out of it. */
  private async inside(id: DatastoreId, path: string): Promise<string> {
    const { name } = this.inventory.get('datastore', id), root = await realpath(this.rootOf(this.inventory.get('datastore', id))).catch((error: unknown) => { throw failed(name, error); }), full = resolve(root, path);
    const real = await realpath(full).catch(async () => join(await realpath(dirname(full)).catch((error: unknown) => { throw failed(path, error); }), full.slice(dirname(full).length)));
    if (real !== root && !real.startsWith(root + sep)) throw new EngineError('outside', say`${path} is not in the datastore ${name}.`);
    return real;
  }
}

/** The inventory and the like in the data folder. */
const isOurs = (path: string): boolean => /^(inventory\.db|metrics\.db|access-token$|engine\.sock$|vms$)/.test(path);

const failed = (path: string, error: unknown): EngineError => new EngineError('file', say`${path}: ${messageOf(error)}.`);

async function usableFolder(path: string): Promise<string> {
  const root = await realpath(path).catch((error: unknown) => { throw failed(path, error); }), probe = join(root, newId('.quarterdeck'));
  if (!(await stat(root)).isDirectory()) throw new EngineError('no-folder', say`${path} is not a folder.`);
  await writeFile(probe, '').catch((error: unknown) => { throw new EngineError('not-writable', say`Nothing can be written to ${path}: ${messageOf(error)}.`); });
  await rm(probe);
  return root;
}

function checkApart(root: string, others: readonly (readonly [string, string])[]): void {
  for (const [name, other] of others) if (root === other || root.startsWith(other + sep) || other.startsWith(root + sep)) throw new EngineError('overlap', say`${root} and the datastore ${name} at ${other} lie in each other.`);
}

/** Bytes that files take on disk. */
async function allocatedIn(folder: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile()) bytes += await stat(join(entry.parentPath, entry.name)).then(({ blocks }) => blocks * BLOCK_BYTES, () => 0);
  }
  return bytes;
}
