/**
 * A saved machine in a file: suspend, and snapshots with memory. Frames, each with its kind, its lengths and the CRC-32 of what is
 * stored: first what machine it is, then its memory in compressed pieces (those of zeroes are left out), everything else, and an end
 * with the number of frames. It is written beside its place, flushed, and then put there: a file that has its name is whole.
 */
import { open, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { deserialize, serialize } from 'node:v8';
import { constants, crc32, zstdCompress, zstdDecompress } from 'node:zlib';
import * as v from 'valibot';
import { EngineError, messageOf } from '../../shared/base/errors.ts';
import { say, type Phrase } from '../../shared/base/phrase.ts';
import type { VmState } from './vm.ts';

/** To be raised whenever what devices save changes its meaning. */
const FORMAT = 2;
const MAGIC = Buffer.from('Quarterdeck state\n');
const HEADER_BYTES = 16;
const PIECE_BYTES = 2 ** 20;
/** Pieces that are compressed at the same time. */
const AT_ONCE = 4;
const STATE_BYTES_MOST = 2 ** 29;
const KINDS = ['machine', 'memory', 'state', 'end'] as const;
type Kind = (typeof KINDS)[number];

const compress = promisify(zstdCompress), decompress = promisify(zstdDecompress);
const FAST = { params: { [constants.ZSTD_c_compressionLevel]: 1 } };
/** 64 bits of where a piece begins, in bytes from the first of the memory. */
const PLACE_BYTES = 8;

/** What has to be the same in the machine that goes on. */
const SavedMachine = v.object({ format: v.number(), cpus: v.number(), memoryMib: v.number(), counterHz: v.number(), smpMode: v.string(), devices: v.array(v.string()), flashBytes: v.array(v.number()) });
export type SavedMachine = Omit<v.InferOutput<typeof SavedMachine>, 'format'>;

/** What its parts are called. */
export const MACHINE_WORDS: Readonly<Record<keyof SavedMachine, Phrase>> = { cpus: say`number of CPUs`, memoryMib: say`memory in MiB`, counterHz: say`counter frequency in Hz`, smpMode: say`CPU scheduling##of a machine`, devices: say`list of devices`, flashBytes: say`flash in bytes` };

export interface SaveProgress { readonly signal?: AbortSignal | undefined; readonly progress?: ((part: number) => void) | undefined }

export async function writeStateFile(path: string, machine: SavedMachine, state: VmState, ram: Uint8Array, { signal, progress }: SaveProgress = {}): Promise<void> {
  const partial = `${path}.part`;
  try {
    await using file = await open(partial, 'w');
    const writer = new Writer(file);
    await file.write(MAGIC);
    await writer.frame('machine', Buffer.from(JSON.stringify({ format: FORMAT, ...machine })));
    for (let at = 0; at < ram.length; at += AT_ONCE * PIECE_BYTES) {
      signal?.throwIfAborted();
      for (const piece of await Promise.all(piecesOf(ram, at))) if (piece !== undefined) await writer.frame('memory', piece);
      progress?.(Math.min(1, (at + AT_ONCE * PIECE_BYTES) / ram.length));
    }
    await writer.frame('state', await compress(serialize(state), FAST));
    await writer.frame('end', Buffer.from(endOf(writer.frames)));
    await file.sync();
    await rename(partial, path);
    await syncFolderOf(path);
  } catch (error) {
    await rm(partial, { force: true });
    if (signal?.aborted) throw new EngineError('cancelled', 'The task was cancelled.');
    throw new EngineError('state.unwritable', say`The machine's state could not be written to ${path}: ${messageOf(error)}.`);
  }
}

function piecesOf(ram: Uint8Array, from: number): Promise<Buffer | undefined>[] {
  const starts = Array.from({ length: AT_ONCE }, (_, n) => from + n * PIECE_BYTES).filter(at => at < ram.length);
  return starts.map(async at => {
    // The compressor runs in another thread, and memory that is shared is not for it.
    const piece = Buffer.from(ram.subarray(at, at + PIECE_BYTES));
    if (piece.equals(ZEROES.subarray(0, piece.length))) return undefined;
    const place = Buffer.alloc(PLACE_BYTES);
    place.writeBigUInt64LE(BigInt(at));
    return Buffer.concat([place, await compress(piece, FAST)]);
  });
}
const ZEROES = Buffer.alloc(PIECE_BYTES);

class Writer {
  frames = 0;
  private readonly file: FileHandle;
  constructor(file: FileHandle) { this.file = file; }

  async frame(kind: Kind, payload: Uint8Array): Promise<void> {
    const header = Buffer.alloc(HEADER_BYTES);
    header.writeUInt32LE(KINDS.indexOf(kind), 0);
    header.writeUInt32LE(payload.length, 4);
    header.writeUInt32LE(crc32(payload), 8);
    header.writeUInt32LE(crc32(header.subarray(0, 12)), 12);
    await this.file.writev([header, payload]);
    this.frames += 1;
  }
}

/** What is in a file, to be asked for in order. Every failure is one sentence, and says nothing but that when the file is damaged. */
export class StateFile {
  readonly machine: SavedMachine;
  private readonly file: FileHandle;
  private readonly path: string;
  private readonly sizeBytes: number;
  private at: number;

  private constructor(path: string, file: FileHandle, sizeBytes: number, machine: SavedMachine, at: number) {
    this.path = path;
    this.file = file;
    this.sizeBytes = sizeBytes;
    this.machine = machine;
    this.at = at;
  }

  static async open(path: string): Promise<StateFile> {
    const file = await open(path).catch((error: unknown) => { throw new EngineError('state.unreadable', say`The saved state ${path} cannot be read: ${messageOf(error)}.`); });
    try {
      const { size } = await file.stat(), magic = Buffer.alloc(MAGIC.length);
      await file.read(magic, 0, magic.length, 0);
      if (!magic.equals(MAGIC)) throw new EngineError('state.unknown', say`${path} is not a saved state.`);
      const { kind, payload, end } = await readFrame(file, path, MAGIC.length, size);
      const { success, output } = v.safeParse(SavedMachine, kind === 'machine' ? JSON.parse(payload.toString()) : undefined);
      if (!success) throw damaged(path);
      if (output.format !== FORMAT) throw new EngineError('state.format', say`The saved state ${path} has format ${output.format}; this Quarterdeck reads format ${FORMAT}.`);
      return new StateFile(path, file, size, output, end);
    } catch (error) {
      await file.close();
      throw error instanceof SyntaxError ? damaged(path) : error;
    }
  }

  /** Refuses a machine that is not the one that was saved, but for what `mayDiffer`. */
  check(machine: SavedMachine, mayDiffer: readonly (keyof SavedMachine)[] = []): void {
    const differs = (Object.keys(machine) as (keyof SavedMachine)[]).find(key => !mayDiffer.includes(key) && JSON.stringify(machine[key]) !== JSON.stringify(this.machine[key]));
    if (differs !== undefined) throw new EngineError('state.other', DIFFERS[differs](this.path, String(this.machine[differs]), String(machine[differs])));
  }

  /** Puts memory where it was, into `ram` that is all zeroes, and gives the rest; nothing may run unless this resolves. */
  async readInto(ram: Uint8Array, { signal, progress }: SaveProgress = {}): Promise<VmState> {
    let state: Buffer | undefined;
    for (let frames = 1; ; frames++) {
      signal?.throwIfAborted();
      const { kind, payload, end } = await readFrame(this.file, this.path, this.at, this.sizeBytes);
      this.at = end;
      progress?.(end / this.sizeBytes);
      if (kind === 'memory') await this.place(payload, ram);
      else if (kind === 'state' && state === undefined) state = await this.unpacked(payload, STATE_BYTES_MOST);
      else if (kind === 'end' && state !== undefined && end === this.sizeBytes && payload.toString() === endOf(frames)) return deserialize(state) as VmState;
      else throw damaged(this.path);
    }
  }

  async close(): Promise<void> { await this.file.close(); }

  private async place(payload: Buffer, ram: Uint8Array): Promise<void> {
    if (payload.length < PLACE_BYTES) throw damaged(this.path);
    const at = Number(payload.readBigUInt64LE()), piece = await this.unpacked(payload.subarray(PLACE_BYTES), PIECE_BYTES);
    if (at + piece.length > ram.length) throw damaged(this.path);
    ram.set(piece, at);
  }

  private async unpacked(bytes: Buffer, most: number): Promise<Buffer> {
    try { return await decompress(bytes, { maxOutputLength: most }); } catch { throw damaged(this.path); }
  }
}

/** For a state that goes on: once its disks are written to again, it must never be taken up a second time. */
export async function removeStateFile(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncFolderOf(path);
}

/** Not every system lets a folder be flushed. */
async function syncFolderOf(path: string): Promise<void> {
  const folder = await open(dirname(path)).catch(() => undefined);
  await folder?.sync().catch(() => undefined);
  await folder?.close();
}

const DIFFERS: Readonly<Record<keyof SavedMachine, (path: string, its: string, ours: string) => Phrase>> = {
  cpus: (path, its, ours) => say`The saved state ${path} is of another machine: its CPUs are ${its}, and this one's ${ours}.`,
  memoryMib: (path, its, ours) => say`The saved state ${path} is of another machine: its memory in MiB is ${its}, and this one's ${ours}.`,
  counterHz: (path, its, ours) => say`The saved state ${path} is of another machine: its counter frequency in Hz is ${its}, and this one's ${ours}.`,
  smpMode: (path, its, ours) => say`The saved state ${path} is of another machine: its CPU scheduling is ${its}, and this one's ${ours}.`,
  devices: (path, its, ours) => say`The saved state ${path} is of another machine: its devices are ${its}, and this one's ${ours}.`,
  flashBytes: (path, its, ours) => say`The saved state ${path} is of another machine: its banks of flash have bytes ${its}, and this one's ${ours}.`,
};

async function readFrame(file: FileHandle, path: string, at: number, sizeBytes: number): Promise<{ readonly kind: Kind; readonly payload: Buffer; readonly end: number }> {
  const header = Buffer.alloc(HEADER_BYTES);
  if (at + HEADER_BYTES > sizeBytes) throw damaged(path);
  await file.read(header, 0, HEADER_BYTES, at);
  const kind = KINDS[header.readUInt32LE(0)], length = header.readUInt32LE(4), end = at + HEADER_BYTES + length;
  if (kind === undefined || crc32(header.subarray(0, 12)) !== header.readUInt32LE(12) || end > sizeBytes) throw damaged(path);
  const payload = Buffer.alloc(length);
  await file.read(payload, 0, length, at + HEADER_BYTES);
  if (crc32(payload) !== header.readUInt32LE(8)) throw damaged(path);
  return { kind, payload, end };
}

const endOf = (frames: number) => JSON.stringify({ frames });
const damaged = (path: string) => new EngineError('state.damaged', say`The saved state ${path} is damaged, and was not used.`);
