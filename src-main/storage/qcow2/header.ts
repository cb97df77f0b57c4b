/**
 * The header of a qcow2 image (QEMU, docs/interop/qcow2.txt), version 2 and 3, its extensions and snapshot table. Everything
 * that is later used as an offset, a length or a count is checked here. Refused: encryption, external data files, extended L2 entries.
 */
import type { SnapshotInfo } from '../block-backend.ts';
import { damaged, unsupported } from '../image-errors.ts';
import type { ImageFile } from '../image-file.ts';
import { say, type Phrase } from '../../../shared/base/phrase.ts';

export const MAGIC = 0x514649fb;
export const V2_BYTES = 72, V3_BYTES = 104, HEADER_BYTES = 112;
export const DIRTY = 1n << 0n, CORRUPT = 1n << 1n, COMPRESSION_TYPE = 1n << 3n, LAZY_REFCOUNTS = 1n << 0n, BITMAPS_CONSISTENT = 1n << 0n;
export const AT = { size: 24, l1: 36, refcountTable: 48, incompatible: 72, autoclear: 88 } as const;
export const EXTENSION = { end: 0, backingFormat: 0xe2792aca, featureNames: 0x6803f857, bitmaps: 0x23852875 } as const;
const MAX_L1_BYTES = 0x200_0000, MAX_REFCOUNT_TABLE_BYTES = 0x80_0000, MAX_NAME = 1023, MAX_SNAPSHOTS = 65536;
const KNOWN = DIRTY | CORRUPT | COMPRESSION_TYPE;
const REFUSED: readonly [bit: bigint, name: Phrase][] = [[1n << 2n, say`an external data file`], [1n << 4n, say`extended L2 entries`]];

export interface TablePlace { readonly offset: number; readonly bytes: number }

export interface Qcow2Snapshot extends SnapshotInfo { readonly l1: TablePlace }

export interface Qcow2Header {
  readonly version: 2 | 3;
  readonly clusterBits: number;
  readonly sizeBytes: number;
  readonly backingFile?: string | undefined;
  readonly backingFormat?: string | undefined;
  readonly l1: TablePlace;
  readonly refcountTable: TablePlace;
  readonly refcountOrder: number;
  readonly snapshots: readonly Qcow2Snapshot[];
  readonly snapshotTable: TablePlace;
  readonly incompatible: bigint;
  readonly compatible: bigint;
  readonly autoclear: bigint;
  readonly compression: 'zlib' | 'zstd';
  readonly bitmapDirectory?: TablePlace & { readonly count: number } | undefined;
}

/** Offsets beyond what a number holds are beyond any file. */
export function be64(bytes: Buffer, at: number): number { return bytes.readUInt32BE(at) * 0x1_0000_0000 + bytes.readUInt32BE(at + 4); }

export function writeBe64(bytes: Buffer, at: number, value: number): void {
  bytes.writeUInt32BE(Math.floor(value / 0x1_0000_0000), at);
  bytes.writeUInt32BE(value % 0x1_0000_0000, at + 4);
}

export const roundUp = (value: number, unit: number): number => Math.ceil(value / unit) * unit;

/** How many bytes of L1 table an image of a size needs. */
export const l1BytesFor = (sizeBytes: number, clusterBits: number): number => Math.ceil(sizeBytes / 2 ** (2 * clusterBits - 3)) * 8;

export async function readHeader(file: ImageFile): Promise<Qcow2Header> {
  const raw = Buffer.alloc(HEADER_BYTES);
  await file.readPadded(0, raw);
  const version = raw.readUInt32BE(4), headerBytes = version === 2 ? V2_BYTES : raw.readUInt32BE(100);
  if (version !== 2 && version !== 3) throw unsupported(file.path, say`it is of qcow2 version ${version}, and only 2 and 3 are known`);
  const clusterBits = raw.readUInt32BE(20);
  if (clusterBits < 9 || clusterBits > 21) throw damaged(file.path, say`its clusters are said to be of 2^${clusterBits} bytes`);
  const clusterBytes = 2 ** clusterBits;
  if (version === 3 && (headerBytes < V3_BYTES || headerBytes % 8 !== 0 || headerBytes > clusterBytes)) throw damaged(file.path, say`its header is said to have ${headerBytes} bytes`);
  if (raw.readUInt32BE(32) !== 0) throw unsupported(file.path, say`it is encrypted`);
  const extensions = await readExtensions(file, headerBytes, clusterBytes, be64(raw, 8));
  const features = version === 2 ? { incompatible: 0n, compatible: 0n, autoclear: 0n } : { incompatible: raw.readBigUInt64BE(72), compatible: raw.readBigUInt64BE(80), autoclear: raw.readBigUInt64BE(88) };
  refuseFeatures(file.path, features.incompatible, extensions.get(EXTENSION.featureNames));
  const fields = new Fields(file, raw, clusterBytes);
  const sizeBytes = fields.size(), backingFile = await fields.backingFile();
  const place = fields.table(say`L1 table`, be64(raw, 40), raw.readUInt32BE(36) * 8, MAX_L1_BYTES);
  if (place.bytes < l1BytesFor(sizeBytes, clusterBits)) throw damaged(file.path, say`its L1 table is too small for its size`);
  const { snapshots, snapshotTable } = await readSnapshots(fields, be64(raw, 64), raw.readUInt32BE(60), sizeBytes);
  const refcountOrder = version === 2 ? 4 : raw.readUInt32BE(96);
  if (refcountOrder > 6) throw damaged(file.path, say`its refcounts are said to be of 2^${refcountOrder} bits`);
  return {
    version, clusterBits, sizeBytes, backingFile, backingFormat: extensions.get(EXTENSION.backingFormat)?.toString(), l1: place, refcountOrder, snapshots, snapshotTable, ...features,
    refcountTable: fields.table(say`refcount table`, be64(raw, 48), raw.readUInt32BE(56) * clusterBytes, MAX_REFCOUNT_TABLE_BYTES),
    compression: compressionOf(file.path, features.incompatible, headerBytes > V3_BYTES ? raw[104]! : 0),
    bitmapDirectory: bitmapsOf(fields, extensions.get(EXTENSION.bitmaps), features.autoclear),
  };
}

function compressionOf(path: string, incompatible: bigint, type: number): 'zlib' | 'zstd' {
  if ((incompatible & COMPRESSION_TYPE) === 0n || type === 0) return 'zlib';
  if (type !== 1) throw unsupported(path, say`it is compressed in a way that is not known (type ${type})`);
  return 'zstd';
}

function bitmapsOf(fields: Fields, extension: Buffer | undefined, autoclear: bigint): Qcow2Header['bitmapDirectory'] {
  if (extension === undefined || extension.length < 24 || (autoclear & BITMAPS_CONSISTENT) === 0n) return undefined;
  return { ...fields.table(say`bitmap directory`, be64(extension, 16), be64(extension, 8), 0x100_0000), count: extension.readUInt32BE(0) };
}

/** Fields of a header, checked against the file. */
class Fields {
  readonly file: ImageFile;
  readonly clusterBytes: number;
  private readonly raw: Buffer;
  constructor(file: ImageFile, raw: Buffer, clusterBytes: number) { this.file = file; this.raw = raw; this.clusterBytes = clusterBytes; }

  size(): number {
    const sizeBytes = be64(this.raw, 24);
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes === 0 || sizeBytes % 512 !== 0) throw damaged(this.file.path, say`its size is said to be ${sizeBytes} bytes, which is no positive multiple of 512`);
    return sizeBytes;
  }

  table(name: Phrase, offset: number, bytes: number, limit: number): TablePlace {
    if (bytes > limit) throw damaged(this.file.path, say`its ${name} is said to have ${bytes} bytes`);
    if (offset % this.clusterBytes !== 0 || offset + bytes > roundUp(this.file.sizeBytes, this.clusterBytes) || (bytes > 0 && offset === 0)) throw damaged(this.file.path, say`its ${name} does not lie within the file`);
    return { offset, bytes };
  }

  async backingFile(): Promise<string | undefined> {
    const offset = be64(this.raw, 8), length = this.raw.readUInt32BE(16);
    if (offset === 0 || length === 0) return undefined;
    if (length > MAX_NAME || offset + length > this.clusterBytes) throw damaged(this.file.path, say`the name of its backing file does not lie within its first cluster`);
    return (await this.file.bytes(offset, length)).toString();
  }
}

async function readExtensions(file: ImageFile, from: number, clusterBytes: number, nameOffset: number): Promise<Map<number, Buffer>> {
  const found = new Map<number, Buffer>(), area = Buffer.alloc(nameOffset >= from && nameOffset < clusterBytes ? nameOffset : clusterBytes);
  await file.readPadded(0, area);
  for (let at = from; at + 8 <= area.length;) {
    const type = area.readUInt32BE(at), length = area.readUInt32BE(at + 4);
    if (type === EXTENSION.end) break;
    if (at + 8 + length > area.length) throw damaged(file.path, say`an extension of its header is longer than its place`);
    found.set(type, area.subarray(at + 8, at + 8 + length));
    at += 8 + roundUp(length, 8);
  }
  return found;
}

function refuseFeatures(path: string, incompatible: bigint, names: Buffer | undefined) {
  for (const [bit, name] of REFUSED) if ((incompatible & bit) !== 0n) throw unsupported(path, say`it uses ${name}`);
  const unknown = Array.from({ length: 64 }, (_, bit) => bit).filter(bit => ((incompatible & ~KNOWN) >> BigInt(bit) & 1n) !== 0n);
  if (unknown.length > 0) throw unsupported(path, say`it needs ${unknown.map(bit => featureName(names, bit)).reduce((all, next) => say`${all} and ${next}`)}`);
}

/** An entry of the table: type 0 for incompatible features, the bit, a name of up to 46 bytes. */
function featureName(names: Buffer | undefined, bit: number): Phrase {
  for (let at = 0; names !== undefined && at + 48 <= names.length; at += 48) {
    if (names[at] === 0 && names[at + 1] === bit) return say`the feature "${names.toString('latin1', at + 2, at + 48).replace(/\0[^]*$/, '')}"`;
  }
  return say`a feature that is not known (bit ${bit})`;
}

async function readSnapshots(fields: Fields, offset: number, count: number, diskBytes: number): Promise<{ snapshots: Qcow2Snapshot[]; snapshotTable: TablePlace }> {
  const { file } = fields, snapshots: Qcow2Snapshot[] = [];
  if (count === 0) return { snapshots, snapshotTable: { offset: 0, bytes: 0 } };
  fields.table(say`snapshot table`, offset, 40, 40);
  if (count > MAX_SNAPSHOTS) throw damaged(file.path, say`it is said to have ${count} snapshots`);
  let at = offset;
  while (snapshots.length < count) {
    if (at + 40 > file.sizeBytes) throw damaged(file.path, say`its snapshot table does not lie within the file`);
    const head = await file.bytes(at, 40), extra = head.readUInt32BE(36), idBytes = head.readUInt16BE(12), nameBytes = head.readUInt16BE(14);
    if (extra > 1024) throw damaged(file.path, say`a snapshot is said to have ${extra} bytes of extra data`);
    const bytes = 40 + extra + idBytes + nameBytes;
    if (at + bytes > file.sizeBytes) throw damaged(file.path, say`its snapshot table does not lie within the file`);
    const rest = await file.bytes(at + 40, bytes - 40);
    snapshots.push({
      id: rest.toString('utf8', extra, extra + idBytes), name: rest.toString('utf8', extra + idBytes), dateMs: head.readUInt32BE(16) * 1000 + Math.floor(head.readUInt32BE(20) / 1e6),
      vmStateBytes: extra >= 8 ? be64(rest, 0) : head.readUInt32BE(32), sizeBytes: extra >= 16 ? be64(rest, 8) : diskBytes,
      l1: fields.table(say`snapshot's L1 table`, be64(head, 0), head.readUInt32BE(8) * 8, MAX_L1_BYTES),
    });
    at += roundUp(bytes, 8);
  }
  return { snapshots, snapshotTable: { offset, bytes: at - offset } };
}
