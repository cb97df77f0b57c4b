/** Makes VMDK images: a sparse file, a flat one with its descriptor, or a compressed stream. */
import { basename, dirname, join } from 'node:path';
import { randomInt } from 'node:crypto';
import { promisify } from 'node:util';
import { deflate } from 'node:zlib';
import { EngineError } from '../../../shared/base/errors.ts';
import { say } from '../../../shared/base/phrase.ts';
import { ImageFile, type FileMode } from '../image-file.ts';
import { formatDescriptor, SECTOR, type VmdkType } from './descriptor.ts';
import { directoryEntries, FLAG, GD_AT_END, MAGIC, TABLE_ENTRIES } from './sparse-extent.ts';

const compress = promisify(deflate);
export const GRAIN_BYTES = 0x1_0000;
const GRAIN_SECTORS = GRAIN_BYTES / SECTOR, DESCRIPTOR_SECTORS = 20, TABLE_SECTORS = TABLE_ENTRIES * 4 / SECTOR;
const MAX_BYTES = 2 ** 32 * SECTOR / 2;
const MARKER = { end: 0, table: 1, directory: 2, footer: 3 } as const;

const sectorsOf = (bytes: number) => Math.ceil(bytes / SECTOR);
const padded = (bytes: Buffer, size: number) => Buffer.concat([bytes, Buffer.alloc(size - bytes.length)]);

interface Places { readonly sizeBytes: number; readonly version: number; readonly flags: number; readonly directory: bigint; readonly redundant: number; readonly overhead: number }

function sparseHeader({ sizeBytes, version, flags, directory, redundant, overhead }: Places): Buffer {
  const header = Buffer.alloc(SECTOR);
  header.writeUInt32LE(MAGIC, 0);
  header.writeUInt32LE(version, 4);
  header.writeUInt32LE(flags, 8);
  header.writeBigUInt64LE(BigInt(sizeBytes / SECTOR), 12);
  header.writeBigUInt64LE(BigInt(GRAIN_SECTORS), 20);
  header.writeBigUInt64LE(1n, 28);
  header.writeBigUInt64LE(BigInt(DESCRIPTOR_SECTORS), 36);
  header.writeUInt32LE(TABLE_ENTRIES, 44);
  header.writeBigUInt64LE(BigInt(redundant), 48);
  header.writeBigUInt64LE(directory, 56);
  header.writeBigUInt64LE(BigInt(overhead), 64);
  header.write('\n \r\n', 73, 'latin1');
  header.writeUInt16LE((flags & FLAG.compressed) !== 0 ? 1 : 0, 77);
  return header;
}

function embedded(path: string, sizeBytes: number, type: VmdkType): Buffer {
  const text = Buffer.from(formatDescriptor({ type, extents: [{ writable: type !== 'streamOptimized', sectors: sizeBytes / SECTOR, kind: 'SPARSE', fileName: basename(path), offsetSectors: 0 }] }, randomInt(2 ** 32 - 2)));
  if (text.length > DESCRIPTOR_SECTORS * SECTOR) throw new EngineError('disk.name', say`The name of ${path} is too long for a VMDK.`);
  return padded(text, DESCRIPTOR_SECTORS * SECTOR);
}

function checkSize(path: string, sizeBytes: number) {
  if (sizeBytes > MAX_BYTES) throw new EngineError('disk.size', say`The VMDK ${path} cannot have ${sizeBytes} bytes: ${MAX_BYTES} are the most.`);
}

/** All grain tables are there from the beginning, and twice. `file` is empty. */
export async function formatSparse(file: ImageFile, sizeBytes: number): Promise<void> {
  checkSize(file.path, sizeBytes);
  const tables = directoryEntries({ capacityBytes: sizeBytes, grainBytes: GRAIN_BYTES }), directorySectors = sectorsOf(tables * 4), copySectors = directorySectors + tables * TABLE_SECTORS;
  const redundant = 1 + DESCRIPTOR_SECTORS, directory = redundant + copySectors, overhead = Math.ceil((directory + copySectors) / GRAIN_SECTORS) * GRAIN_SECTORS;
  await file.extend(overhead * SECTOR);
  for (const at of [redundant, directory]) {
    const entries = Buffer.alloc(directorySectors * SECTOR);
    for (let n = 0; n < tables; n++) entries.writeUInt32LE(at + directorySectors + n * TABLE_SECTORS, n * 4);
    await file.write(at * SECTOR, entries);
  }
  await file.write(SECTOR, embedded(file.path, sizeBytes, 'monolithicSparse'));
  await file.write(0, sparseHeader({ sizeBytes, version: 1, flags: FLAG.newLines | FLAG.redundant, directory: BigInt(directory), redundant, overhead }));
  await file.sync();
}

/** `NAME.vmdk` says what it is, `NAME-flat.vmdk` is the disk. */
export async function formatFlat(file: ImageFile, sizeBytes: number, mode: FileMode): Promise<void> {
  const fileName = `${basename(file.path).replace(/\.vmdk$/, '')}-flat.vmdk`, data = await ImageFile.open(join(dirname(file.path), fileName), mode);
  try {
    await data.truncate(sizeBytes);
    await data.sync();
  } finally { await data.close(); }
  await file.write(0, Buffer.from(formatDescriptor({ type: 'monolithicFlat', extents: [{ writable: true, sectors: sizeBytes / SECTOR, kind: 'FLAT', fileName, offsetSectors: 0 }] }, randomInt(2 ** 32 - 2))));
  await file.sync();
}

/** Writes grains in ascending order, then what finds them. `file` is empty. */
export class StreamWriter {
  private readonly file: ImageFile;
  private readonly sizeBytes: number;
  private readonly directory: number[] = [];
  private table = new Uint32Array(TABLE_ENTRIES);
  private tableIndex = 0;
  private end = GRAIN_SECTORS;

  constructor(file: ImageFile, sizeBytes: number) {
    checkSize(file.path, sizeBytes);
    this.file = file;
    this.sizeBytes = sizeBytes;
  }

  async grain(offset: number, bytes: Uint8Array): Promise<void> {
    const grain = offset / GRAIN_BYTES;
    await this.tablesUntil(Math.floor(grain / TABLE_ENTRIES));
    const whole = bytes.length === GRAIN_BYTES ? bytes : padded(Buffer.from(bytes), GRAIN_BYTES), packed = await compress(whole), marker = Buffer.alloc(12);
    marker.writeBigUInt64LE(BigInt(offset / SECTOR), 0);
    marker.writeUInt32LE(packed.length, 8);
    this.table[grain % TABLE_ENTRIES] = this.end;
    await this.append(Buffer.concat([marker, packed]));
  }

  private async append(bytes: Buffer): Promise<void> {
    const sectors = sectorsOf(bytes.length);
    await this.file.write(this.end * SECTOR, padded(bytes, sectors * SECTOR));
    this.end += sectors;
  }

  private async mark(type: number, sectors: number): Promise<void> {
    const marker = Buffer.alloc(SECTOR);
    marker.writeBigUInt64LE(BigInt(sectors), 0);
    marker.writeUInt32LE(type, 12);
    await this.append(marker);
  }

  /** A table that maps nothing is left out. */
  private async tablesUntil(index: number): Promise<void> {
    for (; this.tableIndex < index; this.tableIndex++) {
      if (this.table.every(entry => entry === 0)) { this.directory.push(0); continue; }
      await this.mark(MARKER.table, TABLE_SECTORS);
      this.directory.push(this.end);
      const bytes = Buffer.alloc(TABLE_SECTORS * SECTOR);
      this.table.forEach((entry, n) => bytes.writeUInt32LE(entry, n * 4));
      await this.append(bytes);
      this.table = new Uint32Array(TABLE_ENTRIES);
    }
  }

  async finish(): Promise<void> {
    const tables = directoryEntries({ capacityBytes: this.sizeBytes, grainBytes: GRAIN_BYTES });
    await this.tablesUntil(tables);
    const bytes = Buffer.alloc(sectorsOf(tables * 4) * SECTOR);
    this.directory.forEach((entry, n) => bytes.writeUInt32LE(entry, n * 4));
    await this.mark(MARKER.directory, bytes.length / SECTOR);
    const directory = BigInt(this.end), header = { sizeBytes: this.sizeBytes, version: 3, flags: FLAG.newLines | FLAG.compressed | FLAG.markers, redundant: 0, overhead: GRAIN_SECTORS };
    await this.append(bytes);
    await this.mark(MARKER.footer, 1);
    await this.append(sparseHeader({ ...header, directory }));
    await this.mark(MARKER.end, 0);
    await this.file.write(SECTOR, embedded(this.file.path, this.sizeBytes, 'streamOptimized'));
    await this.file.write(0, sparseHeader({ ...header, directory: GD_AT_END }));
    await this.file.sync();
  }
}
