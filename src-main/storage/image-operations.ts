/** What is done with images that no VM uses: making, describing, growing, converting and checking them. */
import { rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { EngineError } from '../../shared/base/errors.ts';
import { say } from '../../shared/base/phrase.ts';
import type { DiskFormat, DiskImage, ImageDetails } from './block-backend.ts';
import { ImageFile } from './image-file.ts';
import { openImage, probe, type OpenOptions } from './open-image.ts';
import { CLEAN, step, type CheckResult, type Progress } from './progress.ts';
import { checkQcow2 } from './qcow2/check.ts';
import { formatQcow2, type Qcow2Options } from './qcow2/create.ts';
import { readHeader } from './qcow2/header.ts';
import { Qcow2Image } from './qcow2/qcow2.ts';
import { RawImage, SECTOR } from './raw.ts';
import { formatFlat, formatSparse, GRAIN_BYTES, StreamWriter } from './vmdk/create.ts';
import { VmdkImage } from './vmdk/vmdk.ts';

export const CREATED_FORMATS = ['raw', 'qcow2', 'vmdk'] as const;
export const VMDK_TYPES = ['monolithicSparse', 'monolithicFlat', 'streamOptimized'] as const;
const PIECE_BYTES = 0x20_0000;
const ZEROES = Buffer.alloc(PIECE_BYTES);

export interface CreateOptions extends Omit<Qcow2Options, 'backing'> {
  readonly format: typeof CREATED_FORMATS[number];
  /** The backing image's when absent. */
  readonly sizeBytes?: number | undefined;
  /** qcow2 only. A path as the image is to name it: relative to the image's folder, or absolute. */
  readonly backingFile?: string | undefined;
  readonly backingFormat?: DiskFormat | undefined;
  readonly vmdkType?: typeof VMDK_TYPES[number] | undefined;
  /** An existing file is refused otherwise. */
  readonly overwrite?: boolean | undefined;
}

export interface ImageInfo extends ImageDetails {
  readonly path: string;
  readonly format: DiskFormat;
  readonly sizeBytes: number;
  /** What it is backed by, nearest first. */
  readonly chain: readonly { readonly path: string; readonly format: DiskFormat; readonly sizeBytes: number }[];
}

export async function createImage(path: string, options: CreateOptions): Promise<void> {
  if (options.format === 'vmdk' && options.vmdkType === 'streamOptimized') throw new EngineError('disk.create', 'A streamOptimized VMDK is made by converting an image.');
  if (options.backingFile !== undefined && options.format !== 'qcow2') throw new EngineError('disk.create', 'Only a qcow2 image can have a backing file.');
  const backing = options.backingFile === undefined ? undefined : await backingOf(path, options.backingFile, options.backingFormat), sizeBytes = options.sizeBytes ?? backing?.sizeBytes;
  if (sizeBytes === undefined || !Number.isSafeInteger(sizeBytes) || sizeBytes <= 0 || sizeBytes % SECTOR !== 0) throw new EngineError('disk.size', say`The size of a disk image is a positive multiple of ${SECTOR} bytes.`);
  await onNewFile(path, options, file => format(file, sizeBytes, { ...options, backing }));
}

async function backingOf(path: string, backingFile: string, asked: DiskFormat | undefined) {
  return { path: backingFile, ...await shapeOf(resolve(dirname(path), backingFile), asked) };
}

/** Format and size of an image. What a qcow2 image is backed by is not opened. */
export async function shapeOf(path: string, asked?: DiskFormat): Promise<Pick<DiskImage, 'format' | 'sizeBytes'>> {
  const file = await ImageFile.open(path, { readOnly: true });
  try {
    const format = asked ?? await probe(file);
    if (format === 'qcow2' && await probe(file) === 'qcow2') return { format, sizeBytes: (await readHeader(file)).sizeBytes };
  } finally { await file.close(); }
  return withImage(path, { readOnly: true, format: asked }, image => Promise.resolve({ format: image.format, sizeBytes: image.sizeBytes }));
}

/** A file that could not be finished is removed. */
async function onNewFile(path: string, { overwrite }: { readonly overwrite?: boolean | undefined }, act: (file: ImageFile) => Promise<void>): Promise<void> {
  const file = await ImageFile.open(path, { readOnly: false, create: overwrite === true ? 'overwrite' : 'new' });
  try { await act(file); } catch (error) {
    await file.close();
    await rm(path, { force: true });
    throw error;
  }
  await file.close();
}

async function format(file: ImageFile, sizeBytes: number, options: CreateOptions & Qcow2Options): Promise<void> {
  switch (options.format) {
    case 'raw': await file.truncate(sizeBytes); break;
    case 'qcow2': await formatQcow2(file, sizeBytes, options); break;
    case 'vmdk': await (options.vmdkType === 'monolithicFlat' ? formatFlat(file, sizeBytes, { readOnly: false, create: options.overwrite === true ? 'overwrite' : 'new' }) : formatSparse(file, sizeBytes)); break;
    default: options.format satisfies never;
  }
}

export async function withImage<T>(path: string, options: OpenOptions, act: (image: DiskImage) => Promise<T>): Promise<T> {
  const image = await openImage(path, options);
  let result: T;
  try { result = await act(image); } catch (error) {
    await image.close().catch(() => { /* the first error says more */ });
    throw error;
  }
  await image.close();
  return result;
}

export function imageInfo(path: string, options: { readonly format?: DiskFormat | undefined } = {}): Promise<ImageInfo> {
  return withImage(path, { ...options, readOnly: true }, async image => {
    const chain = [];
    for (let below = image.backing; below !== undefined; below = below.backing) chain.push({ path: below.path, format: below.format, sizeBytes: below.sizeBytes });
    return { path: image.path, format: image.format, sizeBytes: image.sizeBytes, chain, ...await image.details() };
  });
}

export function resizeImage(path: string, sizeBytes: number, options: { readonly format?: DiskFormat | undefined } = {}): Promise<void> {
  return withImage(path, { ...options, readOnly: false }, async image => {
    if (!Number.isSafeInteger(sizeBytes) || sizeBytes % SECTOR !== 0) throw new EngineError('disk.size', say`The size of a disk image is a positive multiple of ${SECTOR} bytes.`);
    if (sizeBytes < image.sizeBytes) throw new EngineError('disk.resize', say`The disk image ${path} has ${image.sizeBytes} bytes; it can grow, but not shrink.`);
    if (!(image instanceof RawImage && image.format === 'raw') && !(image instanceof Qcow2Image)) throw new EngineError('disk.resize', say`The disk image ${path} cannot grow: its format is ${image.format}.`);
    await image.grow(sizeBytes);
  });
}

export interface ConvertOptions extends CreateOptions, Progress {
  readonly from?: Pick<OpenOptions, 'format' | 'snapshot'> | undefined;
  /** qcow2 only. */
  readonly compressed?: boolean | undefined;
}

/** Copies what is not zero. The new image has the size of the old one. */
export function convertImage(from: string, to: string, options: ConvertOptions): Promise<void> {
  if (options.compressed === true && options.format !== 'qcow2') throw new EngineError('disk.convert', 'Only a qcow2 image can be made with compressed clusters; a compressed VMDK is of the type streamOptimized.');
  return withImage(from, { ...options.from, readOnly: true }, async source => {
    const { sizeBytes } = source;
    if (options.format === 'vmdk' && options.vmdkType === 'streamOptimized') { await onNewFile(to, options, file => streamTo(file, source, options)); return; }
    await createImage(to, { ...options, sizeBytes });
    try {
      await withImage(to, { format: options.format, readOnly: false }, target => copy(source, target, options));
    } catch (error) {
      await rm(to, { force: true });
      throw error;
    }
  });
}

async function streamTo(file: ImageFile, source: DiskImage, options: ConvertOptions): Promise<void> {
  const writer = new StreamWriter(file, source.sizeBytes);
  for await (const { offset, bytes } of contents(source, GRAIN_BYTES, options)) await writer.grain(offset, bytes);
  await writer.finish();
}

async function copy(source: DiskImage, target: DiskImage, options: ConvertOptions): Promise<void> {
  const isCompressed = options.compressed === true && target instanceof Qcow2Image, unit = target instanceof Qcow2Image ? target.clusterBytes : GRAIN_BYTES;
  for await (const { offset, bytes } of contents(source, unit, options)) {
    if (!isCompressed) await target.write(offset, bytes);
    else await target.writeCompressed(offset, bytes.length === unit ? bytes : Buffer.concat([bytes, Buffer.alloc(unit - bytes.length)]));
  }
  await target.flush();
}

/** Units of an image that are not zero, in ascending order. The bytes are valid until the next is asked for. */
async function* contents(source: DiskImage, unit: number, options: Progress): AsyncIterable<{ offset: number; bytes: Buffer }> {
  const piece = Buffer.alloc(Math.max(unit, PIECE_BYTES));
  for (let at = 0; at < source.sizeBytes;) {
    step(options, at / source.sizeBytes);
    const extent = await source.extentAt(at), whole = at + extent.length >= source.sizeBytes ? extent.length : Math.floor(extent.length / unit) * unit;
    if (extent.zero && whole > 0) { at += whole; continue; }
    const bytes = piece.subarray(0, Math.min(piece.length, source.sizeBytes - at));
    await source.read(at, bytes);
    for (let from = 0; from < bytes.length; from += unit) {
      const part = bytes.subarray(from, from + unit);
      if (!isZero(part)) yield { offset: at + from, bytes: part };
    }
    at += bytes.length;
  }
  step(options, 1);
}

const isZero = (bytes: Buffer) => {
  for (let at = 0; at < bytes.length; at += ZEROES.length) if (bytes.compare(ZEROES, 0, Math.min(ZEROES.length, bytes.length - at), at, Math.min(bytes.length, at + ZEROES.length)) !== 0) return false;
  return true;
};

export interface CheckOptions extends Progress { readonly format?: DiskFormat | undefined; readonly repair?: boolean | undefined }

/** Backing images are not checked. A raw image has nothing that could be wrong. */
export function checkImage(path: string, { repair = false, format: asked, ...rest }: CheckOptions = {}): Promise<CheckResult> {
  return withImage(path, { format: asked, readOnly: !repair, repair: true }, image => {
    if (image instanceof Qcow2Image) return checkQcow2(image, { ...rest, repair });
    return image instanceof VmdkImage ? image.check(rest) : Promise.resolve(CLEAN);
  });
}
