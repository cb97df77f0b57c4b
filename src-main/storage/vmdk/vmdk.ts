/** VMDK images: one or several extents, sparse or flat, one after the other. Parents (delta disks) are refused. */
import { dirname, isAbsolute, join } from 'node:path';
import type { DiskImage, Extent, ImageDetails } from '../block-backend.ts';
import { assertInside, damaged, writeRefused } from '../image-errors.ts';
import { ImageFile } from '../image-file.ts';
import { CLEAN, step, type CheckResult, type Progress } from '../progress.ts';
import { MAX_DESCRIPTOR_BYTES, parseDescriptor, SECTOR, type Descriptor, type ExtentLine } from './descriptor.ts';
import { MAGIC, readSparseHeader, SparseExtent } from './sparse-extent.ts';
import { say } from '../../../shared/base/phrase.ts';

const ZEROES = new Uint8Array(0x1_0000);

interface Part {
  readonly sizeBytes: number;
  read(offset: number, into: Uint8Array): Promise<void>;
  write(offset: number, bytes: Uint8Array): Promise<void>;
  flush(): Promise<void>;
  extentAt(offset: number): Promise<Extent>;
  allocatedBytes(): Promise<number>;
  close(): Promise<void>;
}
interface Placed { readonly from: number; readonly writable: boolean; readonly part: Part }

/** What is probed for: a sparse extent, or a descriptor's first line. */
export async function isVmdk(file: ImageFile): Promise<boolean> {
  const head = Buffer.alloc(21);
  await file.readPadded(0, head);
  return head.readUInt32LE(0) === MAGIC || head.toString('latin1') === '# Disk DescriptorFile';
}

export class VmdkImage implements DiskImage {
  readonly format = 'vmdk';
  readonly path: string;
  readonly readOnly: boolean;
  readonly sizeBytes: number;
  private readonly descriptor: Descriptor;
  private readonly extents: readonly Placed[];
  /** Of the descriptor, when it is a file of its own. */
  private readonly file: ImageFile | undefined;

  private constructor(path: string, descriptor: Descriptor, extents: readonly Placed[], options: { readOnly: boolean; file: ImageFile | undefined }) {
    const last = extents.at(-1)!;
    this.path = path;
    this.descriptor = descriptor;
    this.extents = extents;
    this.file = options.file;
    this.readOnly = options.readOnly || descriptor.type === 'streamOptimized' || extents.some(extent => !extent.writable);
    this.sizeBytes = last.from + last.part.sizeBytes;
  }

  /** The file is the image's from then on, unless this throws. */
  static async over(file: ImageFile): Promise<VmdkImage> {
    const { readOnly, path } = file, magic = Buffer.alloc(4);
    await file.readPadded(0, magic);
    if (magic.readUInt32LE(0) === MAGIC) return VmdkImage.overSparse(file);
    if (file.sizeBytes > MAX_DESCRIPTOR_BYTES) throw damaged(path, say`its descriptor has ${file.sizeBytes} bytes`);
    const descriptor = parseDescriptor(path, (await file.bytes(0, file.sizeBytes)).toString());
    return new VmdkImage(path, descriptor, await openParts(file, descriptor), { readOnly, file });
  }

  private static async overSparse(file: ImageFile): Promise<VmdkImage> {
    const { descriptor: place } = await readSparseHeader(file);
    if (place.offset === 0 || place.bytes > MAX_DESCRIPTOR_BYTES) throw damaged(file.path, say`its descriptor is said to have ${place.bytes} bytes`);
    const descriptor = parseDescriptor(file.path, (await file.bytes(place.offset, place.bytes)).toString().replace(/\0[^]*$/, ''));
    if (descriptor.extents.length !== 1) throw damaged(file.path, say`its descriptor names other extents than itself`);
    const part = await SparseExtent.over(file);
    return new VmdkImage(file.path, descriptor, [{ from: 0, writable: descriptor.extents[0]!.writable, part }], { readOnly: file.readOnly, file: undefined });
  }

  async read(offset: number, into: Uint8Array): Promise<void> {
    assertInside(this, offset, into.length);
    await Promise.all(this.split(offset, into, (part, at, bytes) => part.read(at, bytes)));
  }

  async write(offset: number, bytes: Uint8Array): Promise<void> {
    assertInside(this, offset, bytes.length);
    if (this.readOnly) throw writeRefused(this.path);
    await Promise.all(this.split(offset, bytes, (part, at, piece) => part.write(at, piece)));
  }

  private split(offset: number, bytes: Uint8Array, act: (part: Part, at: number, bytes: Uint8Array) => Promise<void>): Promise<void>[] {
    return this.extents.flatMap(({ from, part }) => {
      const first = Math.max(offset, from), end = Math.min(offset + bytes.length, from + part.sizeBytes);
      return first < end ? [act(part, first - from, bytes.subarray(first - offset, end - offset))] : [];
    });
  }

  async flush(): Promise<void> { if (!this.readOnly) for (const { part } of this.extents) await part.flush(); }

  async zero(offset: number, length: number): Promise<void> {
    for (let at = offset; at < offset + length;) {
      const extent = await this.extentAt(at), part = Math.min(extent.length, offset + length - at, ...(extent.zero ? [] : [ZEROES.length]));
      if (!extent.zero) await this.write(at, ZEROES.subarray(0, part));
      at += part;
    }
  }

  /** Grains stay where they are. */
  async discard(): Promise<void> {}

  async extentAt(offset: number): Promise<Extent> {
    const { from, part } = this.extents.find(one => offset < one.from + one.part.sizeBytes)!;
    return part.extentAt(offset - from);
  }

  async details(): Promise<ImageDetails> {
    const sparse = this.sparseParts[0];
    return { variant: this.descriptor.type, allocatedBytes: await this.allocatedBytes(), ...(sparse !== undefined && { clusterBytes: sparse.header.grainBytes }) };
  }

  private get sparseParts(): SparseExtent[] { return this.extents.flatMap(({ part }) => part instanceof SparseExtent ? [part] : []); }

  private async allocatedBytes(): Promise<number> {
    let sum = await this.file?.allocatedBytes() ?? 0;
    for (const { part } of this.extents) sum += await part.allocatedBytes();
    return sum;
  }

  async check(options: Progress): Promise<CheckResult> {
    const problems: string[] = [];
    let corruptions = 0;
    for (const part of this.sparseParts) for await (const problem of part.problems()) {
      step(options, 0);
      if (corruptions++ < 20) problems.push(problem);
    }
    return { ...CLEAN, corruptions, problems };
  }

  async close(): Promise<void> {
    const closed = await Promise.allSettled([...this.extents.map(({ part }) => part.close()), this.file?.close()]);
    for (const one of closed) if (one.status === 'rejected') throw one.reason;
  }
}

async function openParts(file: ImageFile, { extents }: Descriptor): Promise<Placed[]> {
  const opened: Placed[] = [];
  try {
    let from = 0;
    for (const line of extents) {
      const part = await openPart(file, line);
      opened.push({ from, writable: line.writable, part });
      from += part.sizeBytes;
    }
    if (!Number.isSafeInteger(from)) throw damaged(file.path, say`its extents are larger than any disk`);
    return opened;
  } catch (error) {
    for (const { part } of opened) await part.close();
    throw error;
  }
}

async function openPart(descriptor: ImageFile, line: ExtentLine): Promise<Part> {
  const { kind, sectors, offsetSectors, fileName } = line, sizeBytes = sectors * SECTOR;
  if (kind === 'ZERO') return new ZeroExtent(sizeBytes);
  const path = isAbsolute(fileName) ? fileName : join(dirname(descriptor.path), fileName);
  const file = await ImageFile.open(path, { readOnly: descriptor.readOnly || !line.writable });
  try {
    if (kind === 'FLAT') return new FlatExtent(file, offsetSectors * SECTOR, sizeBytes);
    const part = await SparseExtent.over(file);
    if (part.sizeBytes !== sizeBytes) throw damaged(file.path, say`it has ${part.sizeBytes} bytes, and its descriptor says ${sizeBytes}`);
    return part;
  } catch (error) {
    await file.close();
    throw error;
  }
}

class FlatExtent implements Part {
  readonly sizeBytes: number;
  private readonly file: ImageFile;
  private readonly from: number;

  constructor(file: ImageFile, from: number, sizeBytes: number) {
    if (from + sizeBytes > file.sizeBytes) throw damaged(file.path, say`it has ${file.sizeBytes} bytes, and its descriptor says at least ${from + sizeBytes}`);
    this.file = file;
    this.from = from;
    this.sizeBytes = sizeBytes;
  }

  read(offset: number, into: Uint8Array): Promise<void> { return this.file.read(this.from + offset, into); }
  write(offset: number, bytes: Uint8Array): Promise<void> { return this.file.write(this.from + offset, bytes); }
  async flush(): Promise<void> { await this.file.sync(); }
  extentAt(offset: number): Promise<Extent> { return Promise.resolve({ zero: false, length: this.sizeBytes - offset }); }
  allocatedBytes(): Promise<number> { return this.file.allocatedBytes(); }
  close(): Promise<void> { return this.file.close(); }
}

class ZeroExtent implements Part {
  readonly sizeBytes: number;
  constructor(sizeBytes: number) { this.sizeBytes = sizeBytes; }
  read(_offset: number, into: Uint8Array): Promise<void> { into.fill(0); return Promise.resolve(); }
  write(): Promise<void> { return Promise.reject(new Error('an extent of zeroes is not written')); }
  flush(): Promise<void> { return Promise.resolve(); }
  extentAt(offset: number): Promise<Extent> { return Promise.resolve({ zero: true, length: this.sizeBytes - offset }); }
  allocatedBytes(): Promise<number> { return Promise.resolve(0); }
  close(): Promise<void> { return Promise.resolve(); }
}
