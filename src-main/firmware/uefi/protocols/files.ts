/** Simple File System and File protocols (UEFI 2.10, 13.4 and 13.5). A file that is open is its path and a position. */
import { assert, EngineError } from '../../../../shared/base/errors.ts';
import type { Answer, Call, Result } from '../call.ts';
import { EfiError } from '../call.ts';
import type { DiskRange } from '../disks.ts';
import { readTime, timeBytes } from '../efi-time.ts';
import type { EfiFunction } from '../functions.ts';
import { GUID } from '../guid.ts';
import { textBytes, type GuestMemory } from '../guest-memory.ts';
import { ACCESS_DENIED, BUFFER_TOO_SMALL, DEVICE_ERROR, INVALID_PARAMETER, NO_MEDIA, NOT_FOUND, SUCCESS, UNSUPPORTED, VOLUME_CORRUPTED, VOLUME_FULL, WARN_DELETE_FAILURE, WRITE_PROTECTED } from '../status.ts';
import type { Uefi } from '../uefi.ts';
import type { FileInfo, Volume, VolumeProblem } from '../../volumes/volume.ts';

const FILE_REVISION = 0x1_0000n, FILE_SYSTEM_REVISION = 0x1_0000n;
const FILE = ['FileOpen', 'FileClose', 'FileDelete', 'FileRead', 'FileWrite', 'FileGetPosition', 'FileSetPosition', 'FileGetInfo', 'FileSetInfo', 'FileFlush'];
const MODE_READ = 1n, MODE_WRITE = 2n, MODE_CREATE = 1n << 63n;
const READ_ONLY = 1n, HIDDEN = 2n, SYSTEM = 4n, DIRECTORY = 0x10n, ARCHIVE = 0x20n;
const INFO_BYTES = 80, SYSTEM_INFO_BYTES = 36, END = 0xffff_ffff_ffff_ffffn;
const LARGEST = 2 ** 30;

/** `position` is in bytes, and in entries of a directory. */
export interface OpenFile { readonly range: DiskRange; readonly path: readonly string[]; readonly directory: boolean; readonly writable: boolean; position: number }

/** Gives the interface for a range with a file system. */
export function fileSystemInterface(uefi: Uefi, range: DiskRange): bigint {
  const at = uefi.interface([FILE_SYSTEM_REVISION, 'OpenVolume']);
  uefi.disks.know(at, range);
  return at;
}

const isRoot = ({ path }: OpenFile) => path.length === 0;

function fileOf(uefi: Uefi, call: Call): OpenFile {
  const file = uefi.files.get(call.raw(0));
  if (file === undefined) throw new EfiError(INVALID_PARAMETER);
  return file;
}

async function volumeOf(uefi: Uefi, range: DiskRange): Promise<Volume> {
  if (!uefi.disks.facts(range).isPresent) throw new EfiError(NO_MEDIA);
  const volume = await uefi.disks.volume(range);
  if (volume === undefined) throw new EfiError(DEVICE_ERROR);
  return volume;
}

function give(uefi: Uefi, to: bigint, file: OpenFile): Result {
  const at = uefi.interface([FILE_REVISION, ...FILE]);
  uefi.files.set(at, file);
  uefi.memory.put64(to, at);
  return SUCCESS;
}

/** From a directory, or from the root when it begins with a backslash; undefined above the root. */
export function resolvePath(from: readonly string[], name: string): string[] | undefined {
  const path = /^[\\/]/.test(name) ? [] : [...from];
  for (const part of name.split(/[\\/]/)) {
    if (part === '' || part === '.') continue;
    if (part !== '..') path.push(part);
    else if (path.pop() === undefined) return undefined;
  }
  return path;
}

/** What file systems say of failures, as a status. */
async function withStatus(work: () => Promise<Result>): Promise<Result> {
  try { return await work(); } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return STATUS_OF[error.code.replace('volume.', '') as VolumeProblem] ?? DEVICE_ERROR;
  }
}
const STATUS_OF: Readonly<Record<VolumeProblem, bigint>> = {
  notFound: NOT_FOUND, exists: ACCESS_DENIED, notADirectory: NOT_FOUND, isADirectory: ACCESS_DENIED, notEmpty: ACCESS_DENIED, root: ACCESS_DENIED, intoItself: INVALID_PARAMETER, name: INVALID_PARAMETER,
  tooLarge: VOLUME_FULL, full: VOLUME_FULL, readOnly: WRITE_PROTECTED, damaged: VOLUME_CORRUPTED,
};

const stays = (run: (uefi: Uefi, call: Call) => Promise<Result>): EfiFunction => (uefi, call): Answer => withStatus(() => run(uefi, call));

/** Undefined of a time that is all zeroes, which means that it stays as it is. */
function timeOf(bytes: Uint8Array): number | undefined {
  const { year, ms } = readTime(bytes);
  return year === 0 ? undefined : ms;
}

/** EFI_FILE_INFO. */
function infoBytes({ name, bytes, directory, readOnly, hidden, system, archive, createdMs, accessedMs, modifiedMs }: FileInfo, blockBytes: number): Uint8Array {
  const text = textBytes(name), all = new Uint8Array(INFO_BYTES + text.length), view = new DataView(all.buffer);
  view.setBigUint64(0, BigInt(all.length), true);
  view.setBigUint64(8, BigInt(bytes), true);
  view.setBigUint64(16, BigInt(Math.ceil(bytes / blockBytes) * blockBytes), true);
  [createdMs, accessedMs, modifiedMs].forEach((ms, n) => all.set(timeBytes(Number.isFinite(ms) ? ms : 0), 24 + 16 * n));
  view.setBigUint64(72, (readOnly ? READ_ONLY : 0n) | (hidden ? HIDDEN : 0n) | (system ? SYSTEM : 0n) | (directory ? DIRECTORY : 0n) | (archive ? ARCHIVE : 0n), true);
  all.set(text, INFO_BYTES);
  return all;
}

const ROOT: FileInfo = { name: '', directory: true, bytes: 0, readOnly: false, hidden: false, system: false, archive: false, createdMs: 0, accessedMs: 0, modifiedMs: 0 };
const infoOf = async (volume: Volume, file: OpenFile): Promise<FileInfo> => {
  const info = isRoot(file) ? ROOT : await volume.stat(file.path);
  if (info === undefined) throw new EfiError(NOT_FOUND);
  return info;
};

/** Gives bytes to whoever has room for them. */
function fill(memory: GuestMemory, sizeAt: bigint, to: bigint, bytes: Uint8Array): Result {
  const room = Number(memory.u64(sizeAt));
  memory.put64(sizeAt, BigInt(bytes.length));
  if (room < bytes.length) return BUFFER_TOO_SMALL;
  memory.write(to, bytes);
  return SUCCESS;
}

async function systemInfo(volume: Volume): Promise<Uint8Array> {
  const label = textBytes(volume.label), bytes = new Uint8Array(SYSTEM_INFO_BYTES + label.length), view = new DataView(bytes.buffer);
  view.setBigUint64(0, BigInt(bytes.length), true);
  view.setUint8(8, Number(volume.readOnly));
  view.setBigUint64(16, BigInt(volume.totalBytes), true);
  view.setBigUint64(24, BigInt(await volume.freeBytes()), true);
  view.setUint32(32, volume.blockBytes, true);
  bytes.set(label, SYSTEM_INFO_BYTES);
  return bytes;
}

async function setInfo(uefi: Uefi, call: Call): Promise<Result> {
  const file = fileOf(uefi, call), volume = await volumeOf(uefi, file.range), kind = call.guid(1), length = call.number(2), { memory } = call;
  if (length > 0x1_0000) return INVALID_PARAMETER;
  if (volume.readOnly) return WRITE_PROTECTED;
  const at = call.pointer(3);
  if (kind === GUID.fileSystemVolumeLabel) { await volume.setLabel(memory.text(at)); return SUCCESS; }
  if (kind === GUID.fileSystemInfo) { await volume.setLabel(memory.text(at + BigInt(SYSTEM_INFO_BYTES))); return SUCCESS; }
  if (kind !== GUID.fileInfo) return UNSUPPORTED;
  const now = await infoOf(volume, file), attribute = memory.u64(at + 72n), bytes = Number(memory.u64(at + 8n)), name = memory.text(at + BigInt(INFO_BYTES)), times = memory.bytes(at + 24n, 48);
  if (isRoot(file) || ((attribute & DIRECTORY) !== 0n) !== now.directory) return ACCESS_DENIED;
  const to = resolvePath(file.path.slice(0, -1), name), [createdMs, accessedMs, modifiedMs] = [0, 16, 32].map(from => timeOf(times.subarray(from, from + 16)));
  if (to === undefined || to.length === 0) return INVALID_PARAMETER;
  const isMoved = to.length !== file.path.length || to.some((part, n) => part !== file.path[n]);
  await volume.setInfo(file.path, {
    readOnly: (attribute & READ_ONLY) !== 0n, hidden: (attribute & HIDDEN) !== 0n, system: (attribute & SYSTEM) !== 0n, archive: (attribute & ARCHIVE) !== 0n,
    ...(createdMs !== undefined && { createdMs }), ...(accessedMs !== undefined && { accessedMs }), ...(modifiedMs !== undefined && { modifiedMs }),
    ...(!now.directory && bytes !== now.bytes && { bytes }), ...(isMoved && { path: to }),
  });
  if (isMoved) uefi.files.set(call.raw(0), { ...file, path: to });
  return SUCCESS;
}

export const FILE_FUNCTIONS: Readonly<Record<string, EfiFunction>> = {
  OpenVolume: stays(async (uefi, call) => {
    const range = uefi.disks.at(call.raw(0)), to = call.pointer(1);
    if (range === undefined) return INVALID_PARAMETER;
    await volumeOf(uefi, range);
    return give(uefi, to, { range, path: [], directory: true, writable: !uefi.disks.facts(range).readOnly, position: 0 });
  }),
  FileOpen: stays(async (uefi, call) => {
    const from = fileOf(uefi, call), to = call.pointer(1), name = call.memory.text(call.pointer(2)), mode = call.raw(3), attributes = call.raw(4);
    if (![MODE_READ, MODE_READ | MODE_WRITE, MODE_READ | MODE_WRITE | MODE_CREATE].includes(mode)) return INVALID_PARAMETER;
    const path = resolvePath(from.directory ? from.path : from.path.slice(0, -1), name), volume = await volumeOf(uefi, from.range), wantsWrite = (mode & MODE_WRITE) !== 0n;
    if (path === undefined) return NOT_FOUND;
    if (wantsWrite && volume.readOnly) return WRITE_PROTECTED;
    let found = path.length === 0 ? ROOT : await volume.stat(path);
    if (found === undefined && (mode & MODE_CREATE) !== 0n) {
      await volume.create(path, (attributes & DIRECTORY) !== 0n);
      found = await volume.stat(path);
    }
    if (found === undefined) return NOT_FOUND;
    if (wantsWrite && found.readOnly && !found.directory) return ACCESS_DENIED;
    return give(uefi, to, { range: from.range, path, directory: found.directory, writable: wantsWrite, position: 0 });
  }),
  FileClose: (uefi, call) => {
    fileOf(uefi, call);
    uefi.files.delete(call.raw(0));
    uefi.map.releasePool(Number(call.raw(0)));
    return SUCCESS;
  },
  FileDelete: async (uefi, call) => {
    const file = fileOf(uefi, call), status = file.writable && !isRoot(file) ? await withStatus(async () => { await (await volumeOf(uefi, file.range)).remove(file.path); return SUCCESS; }) : ACCESS_DENIED;
    uefi.files.delete(call.raw(0));
    uefi.map.releasePool(Number(call.raw(0)));
    return status === SUCCESS ? SUCCESS : WARN_DELETE_FAILURE;
  },
  FileRead: stays(async (uefi, call) => {
    const file = fileOf(uefi, call), sizeAt = call.pointer(1), volume = await volumeOf(uefi, file.range), { memory } = call;
    if (file.directory) {
      const entry = (await volume.list(file.path))[file.position];
      if (entry === undefined) { memory.put64(sizeAt, 0n); return SUCCESS; }
      const status = fill(memory, sizeAt, call.raw(2), infoBytes(entry, volume.blockBytes));
      if (status === SUCCESS) file.position++;
      return status;
    }
    const wanted = Number(memory.u64(sizeAt)), info = await infoOf(volume, file);
    if (file.position > info.bytes) return DEVICE_ERROR;
    const length = Math.min(wanted, info.bytes - file.position, LARGEST);
    if (length > 0) memory.requireWritable(call.pointer(2), length);
    const bytes = length === 0 ? new Uint8Array() : await volume.read(file.path, file.position, length);
    memory.write(call.raw(2), bytes);
    memory.put64(sizeAt, BigInt(bytes.length));
    file.position += bytes.length;
    return SUCCESS;
  }),
  FileWrite: stays(async (uefi, call) => {
    const file = fileOf(uefi, call), sizeAt = call.pointer(1), length = Number(call.memory.u64(sizeAt));
    if (file.directory) return UNSUPPORTED;
    if (!file.writable) return ACCESS_DENIED;
    if (length > LARGEST) return INVALID_PARAMETER;
    const bytes = length === 0 ? new Uint8Array() : call.memory.bytes(call.pointer(2), length);
    await (await volumeOf(uefi, file.range)).write(file.path, file.position, bytes);
    file.position += length;
    return SUCCESS;
  }),
  FileGetPosition: (uefi, call) => {
    const file = fileOf(uefi, call);
    if (file.directory) return UNSUPPORTED;
    call.memory.put64(call.pointer(1), BigInt(file.position));
    return SUCCESS;
  },
  FileSetPosition: stays(async (uefi, call) => {
    const file = fileOf(uefi, call), to = call.raw(1);
    if (file.directory && to !== 0n) return UNSUPPORTED;
    file.position = to === END ? (await infoOf(await volumeOf(uefi, file.range), file)).bytes : Number(to);
    return SUCCESS;
  }),
  FileGetInfo: stays(async (uefi, call) => {
    const file = fileOf(uefi, call), kind = call.guid(1), volume = await volumeOf(uefi, file.range), sizeAt = call.pointer(2), to = call.raw(3);
    if (kind === GUID.fileInfo) return fill(call.memory, sizeAt, to, infoBytes(await infoOf(volume, file), volume.blockBytes));
    if (kind === GUID.fileSystemInfo) return fill(call.memory, sizeAt, to, await systemInfo(volume));
    return kind === GUID.fileSystemVolumeLabel ? fill(call.memory, sizeAt, to, textBytes(volume.label)) : UNSUPPORTED;
  }),
  FileSetInfo: stays(setInfo),
  FileFlush: stays(async (uefi, call) => {
    const file = fileOf(uefi, call), volume = await volumeOf(uefi, file.range);
    if (!file.writable) return ACCESS_DENIED;
    await volume.flush();
    return SUCCESS;
  }),
};

/** All of a file, for what is to be started. */
export async function readWholeFile(volume: Volume, path: readonly string[]): Promise<Uint8Array | undefined> {
  const info = await volume.stat(path);
  if (info === undefined || info.directory || info.bytes > LARGEST) return undefined;
  const bytes = await volume.read(path, 0, info.bytes);
  assert(bytes.length <= info.bytes, 'a file has as many bytes as it says');
  return bytes;
}
