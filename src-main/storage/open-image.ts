/**
 * Opens a disk image of any format, with what it is backed by. Nothing stays open when it fails. A format that is given
 * wins; else the first bytes tell, and what they do not tell is raw. An ISO image and a compressed VMDK open for reading only, whatever is asked.
 */
import { dirname, isAbsolute, join } from 'node:path';
import { EngineError } from '../../shared/base/errors.ts';
import { say } from '../../shared/base/phrase.ts';
import { DISK_FORMATS, type DiskFormat, type DiskImage } from './block-backend.ts';
import { damaged, unsupported } from './image-errors.ts';
import { ImageFile } from './image-file.ts';
import { checkQcow2 } from './qcow2/check.ts';
import { CORRUPT, DIRTY, MAGIC, readHeader, type Qcow2Header } from './qcow2/header.ts';
import { Qcow2Image } from './qcow2/qcow2.ts';
import { isIso, RawImage } from './raw.ts';
import { isVmdk, VmdkImage } from './vmdk/vmdk.ts';

export interface OpenOptions {
  readonly format?: DiskFormat | undefined;
  readonly readOnly: boolean;
  /** An internal snapshot's id or name; it is opened for reading only. */
  readonly snapshot?: string | undefined;
  /** For `checkImage`: opens what is marked as corrupt, or has bad refcounts, and leaves it as it is. */
  readonly repair?: boolean | undefined;
}

/** More than the layers of a thousand snapshots. */
const MAX_CHAIN = 1200;

export function openImage(path: string, options: OpenOptions): Promise<DiskImage> { return openBelow(path, options, []); }

/** `above` are the identities of the images that lead here. */
async function openBelow(path: string, options: OpenOptions, above: readonly string[]): Promise<DiskImage> {
  const file = await ImageFile.open(path, { readOnly: options.readOnly || options.snapshot !== undefined });
  try {
    if (above.includes(file.identity) || above.length >= MAX_CHAIN) throw new EngineError('disk.backingLoop', say`The disk image ${path} is its own backing file, over ${above.length} images.`);
    return await openAs(options.format ?? await probe(file), file, options, [...above, file.identity]);
  } catch (error) {
    await file.close();
    throw error;
  }
}

export async function probe(file: ImageFile): Promise<DiskFormat> {
  const magic = Buffer.alloc(4);
  await file.readPadded(0, magic);
  if (magic.readUInt32BE(0) === MAGIC) return 'qcow2';
  if (await isVmdk(file)) return 'vmdk';
  return await isIso(file) ? 'iso' : 'raw';
}

async function openAs(format: DiskFormat, file: ImageFile, options: OpenOptions, chain: readonly string[]): Promise<DiskImage> {
  if (options.snapshot !== undefined && format !== 'qcow2') throw new EngineError('disk.noSnapshot', say`The disk image ${file.path} has no snapshots: it is of format ${format}.`);
  switch (format) {
    case 'raw': return RawImage.over(file);
    case 'iso': return RawImage.overIso(file);
    case 'vmdk': return VmdkImage.over(file);
    case 'qcow2': return openQcow2(file, options, chain);
    default: return format satisfies never;
  }
}

async function openQcow2(file: ImageFile, options: OpenOptions, chain: readonly string[]): Promise<DiskImage> {
  const magic = Buffer.alloc(4);
  await file.readPadded(0, magic);
  if (magic.readUInt32BE(0) !== MAGIC) throw damaged(file.path, say`it does not begin as a qcow2 image does`);
  const header = await readHeader(file), backing = await openBacking(file, header, chain);
  try {
    const image = await Qcow2Image.over(file, header, { backing, snapshot: options.snapshot, repair: options.repair === true || (header.incompatible & (DIRTY | CORRUPT)) === DIRTY });
    if (!image.readOnly && options.repair !== true) await prepare(image, header);
    return image;
  } catch (error) {
    await backing?.close();
    throw error;
  }
}

/** Refcounts that a writer did not get to are counted anew. */
async function prepare(image: Qcow2Image, header: Qcow2Header): Promise<void> {
  if ((header.incompatible & DIRTY) !== 0n) {
    const { corruptions, corruptionsFixed } = await checkQcow2(image, { repair: true });
    if (corruptions > corruptionsFixed) throw damaged(image.path, say`it was not closed, and its refcounts cannot be made right`);
  }
  await image.prepareForWriting();
}

async function openBacking(file: ImageFile, { backingFile, backingFormat }: Qcow2Header, chain: readonly string[]): Promise<DiskImage | undefined> {
  if (backingFile === undefined) return undefined;
  const name = backingFile.replace(/^file:(?!\/\/)/, '');
  if (/^[a-z][a-z0-9+.-]+:/i.test(name)) throw unsupported(file.path, say`its backing file is ${name}, which is not a path`);
  const format = backingFormat === undefined ? undefined : DISK_FORMATS.find(one => one === backingFormat);
  if (backingFormat !== undefined && format === undefined) throw unsupported(file.path, say`its backing file is of the format ${backingFormat}, which is not known`);
  return openBelow(isAbsolute(name) ? name : join(dirname(file.path), name), { format, readOnly: true }, chain);
}
