/** Makes an empty qcow2 image of version 3: header, refcounts, L1 table. */
import { EngineError } from '../../../shared/base/errors.ts';
import { say } from '../../../shared/base/phrase.ts';
import type { DiskFormat } from '../block-backend.ts';
import type { ImageFile } from '../image-file.ts';
import { COMPRESSION_TYPE, EXTENSION, HEADER_BYTES, l1BytesFor, LAZY_REFCOUNTS, MAGIC, roundUp, writeBe64 } from './header.ts';
import { Refcounts } from './refcounts.ts';

const MAX_L1_BYTES = 0x200_0000, MAX_NAME = 1023, REFCOUNT_ORDER = 4;

export interface Qcow2Options {
  /** A power of two from 512 to 2 MiB; 64 KiB if absent. */
  readonly clusterBytes?: number | undefined;
  readonly lazyRefcounts?: boolean | undefined;
  readonly compression?: 'zlib' | 'zstd' | undefined;
  /** Relative to the image's folder, or absolute. */
  readonly backing?: { readonly path: string; readonly format: DiskFormat } | undefined;
}

/** `file` is empty. The header comes last, so that what is not finished is no qcow2 image. */
export async function formatQcow2(file: ImageFile, sizeBytes: number, options: Qcow2Options): Promise<void> {
  const { clusterBytes = 0x1_0000 } = options, clusterBits = Math.log2(clusterBytes), l1Bytes = l1BytesFor(sizeBytes, clusterBits);
  if (!Number.isInteger(clusterBits) || clusterBits < 9 || clusterBits > 21) throw new EngineError('disk.clusterSize', 'A cluster has 512 bytes to 2 MiB, and is a power of two.');
  if (l1Bytes > MAX_L1_BYTES) throw new EngineError('disk.size', say`A qcow2 image with clusters of ${clusterBytes} bytes cannot have ${sizeBytes} bytes.`);
  const refcountTable = { offset: clusterBytes, bytes: clusterBytes };
  await file.extend(2 * clusterBytes);
  const refcounts = await Refcounts.load(file, { clusterBits, refcountOrder: REFCOUNT_ORDER, refcountTable });
  refcounts.floor = 2;
  for (const cluster of [0, 1]) await refcounts.set(cluster, 1);
  const l1Offset = await refcounts.allocate(Math.ceil(l1Bytes / clusterBytes));
  for (const cluster of refcounts.outgrown) await refcounts.set(cluster, 0);
  await file.extend(refcounts.endBytes);
  await refcounts.writeBack(() => Promise.resolve());
  await file.sync();
  const header = headerOf(options, { clusterBits, sizeBytes, l1: { offset: l1Offset, entries: l1Bytes / 8 }, refcountTable: { offset: refcounts.tablePlace.offset, clusters: refcounts.tablePlace.bytes / clusterBytes } });
  if (header.length > clusterBytes) throw new EngineError('disk.clusterSize', say`The name of the backing file does not fit into a cluster of ${clusterBytes} bytes.`);
  await file.write(0, header);
  await file.sync();
}

interface Layout {
  readonly clusterBits: number;
  readonly sizeBytes: number;
  readonly l1: { readonly offset: number; readonly entries: number };
  readonly refcountTable: { readonly offset: number; readonly clusters: number };
}

function headerOf({ lazyRefcounts = false, compression = 'zlib', backing }: Qcow2Options, { clusterBits, sizeBytes, l1, refcountTable }: Layout): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(MAGIC, 0);
  header.writeUInt32BE(3, 4);
  header.writeUInt32BE(clusterBits, 20);
  writeBe64(header, 24, sizeBytes);
  header.writeUInt32BE(l1.entries, 36);
  writeBe64(header, 40, l1.offset);
  writeBe64(header, 48, refcountTable.offset);
  header.writeUInt32BE(refcountTable.clusters, 56);
  header.writeBigUInt64BE(compression === 'zstd' ? COMPRESSION_TYPE : 0n, 72);
  header.writeBigUInt64BE(lazyRefcounts ? LAZY_REFCOUNTS : 0n, 80);
  header.writeUInt32BE(REFCOUNT_ORDER, 96);
  header.writeUInt32BE(HEADER_BYTES, 100);
  header[104] = compression === 'zstd' ? 1 : 0;
  return withBacking(header, backing);
}

/** A header of `HEADER_BYTES` with what follows it: extensions, and the name of the backing file. */
export function withBacking(fixed: Buffer, backing: Qcow2Options['backing']): Buffer {
  const header = Buffer.from(fixed), name = Buffer.from(backing?.path ?? '');
  if (name.length > MAX_NAME) throw new EngineError('disk.backing', say`The name of the backing file has more than ${MAX_NAME} bytes.`);
  const extensions = Buffer.concat([...(backing === undefined ? [] : [extension(EXTENSION.backingFormat, Buffer.from(backing.format === 'iso' ? 'raw' : backing.format))]), extension(EXTENSION.end, Buffer.alloc(0))]);
  writeBe64(header, 8, backing === undefined ? 0 : HEADER_BYTES + extensions.length);
  header.writeUInt32BE(name.length, 16);
  return Buffer.concat([header, extensions, name]);
}

function extension(type: number, data: Buffer): Buffer {
  const bytes = Buffer.alloc(8 + roundUp(data.length, 8));
  bytes.writeUInt32BE(type, 0);
  bytes.writeUInt32BE(data.length, 4);
  data.copy(bytes, 8);
  return bytes;
}
