/** Chains of images, each backed by the next: what one stands on, and how two of them become one. */
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { EngineError } from '../../shared/base/errors.ts';
import { say } from '../../shared/base/phrase.ts';
import type { DiskFormat, DiskImage } from './block-backend.ts';
import { ImageFile } from './image-file.ts';
import { withImage } from './image-operations.ts';
import { probe } from './open-image.ts';
import { step, type Progress } from './progress.ts';
import { withBacking } from './qcow2/create.ts';
import { HEADER_BYTES, readHeader, type Qcow2Header } from './qcow2/header.ts';
import { Qcow2Image } from './qcow2/qcow2.ts';
import { RawImage } from './raw.ts';

/** The path of the image that an image is backed by. Opens that one file only. */
export async function backingPath(path: string): Promise<string | undefined> {
  const file = await ImageFile.open(path, { readOnly: true });
  try {
    const { backingFile } = await probe(file) === 'qcow2' ? await readHeader(file) : {};
    return backingFile === undefined ? undefined : resolve(isAbsolute(backingFile) ? backingFile : join(dirname(path), backingFile));
  } finally { await file.close(); }
}

/**
 * Writes what a qcow2 image has of its own to the image that it is backed by, which then shows the same. The image stays
 * as it is: cut off anywhere and done again, nothing is lost.
 */
export function commitImage(path: string, options: Progress = {}): Promise<void> {
  return withImage(path, { readOnly: true }, async top => {
    const { backing } = top;
    if (!(top instanceof Qcow2Image) || backing === undefined) throw new EngineError('disk.commit', say`The disk image ${path} has no backing file that could take what it holds.`);
    await withImage(backing.path, { format: backing.format, readOnly: false }, async below => {
      if (below.sizeBytes < top.sizeBytes) await grow(below, top.sizeBytes);
      await copyOwn(top, below, options);
      await below.flush();
    });
  });
}

async function grow(image: DiskImage, sizeBytes: number): Promise<void> {
  if (!(image instanceof Qcow2Image) && !(image instanceof RawImage && image.format === 'raw')) throw new EngineError('disk.resize', say`The disk image ${image.path} cannot grow: its format is ${image.format}.`);
  await image.grow(sizeBytes);
}

async function copyOwn(top: Qcow2Image, below: DiskImage, options: Progress): Promise<void> {
  const buffer = Buffer.alloc(top.clusterBytes);
  for (let offset = 0; offset < top.sizeBytes;) {
    step(options, offset / top.sizeBytes);
    const { kind, length } = await top.ownAt(offset);
    if (kind === 'zero') await below.zero(offset, length);
    else if (kind === 'data') {
      const own = buffer.subarray(0, length);
      await top.read(offset, own);
      await below.write(offset, own);
    }
    offset += length;
  }
  step(options, 1);
}

/** Says that an image is backed by another one, which must show the same as the one before. Only for images that we made, or that are like them. */
export async function rebaseImage(path: string, backing: { readonly path: string; readonly format: DiskFormat }): Promise<void> {
  const file = await ImageFile.open(path, { readOnly: false });
  try {
    const before = await readHeader(file), bytes = withBacking(await file.bytes(0, HEADER_BYTES), backing);
    if (!await isPlain(file, before)) throw new EngineError('disk.rebase', say`The disk image ${path} has parts that would be lost if its backing file was another one.`);
    if (bytes.length > 2 ** before.clusterBits) throw new EngineError('disk.rebase', say`The name of the backing file does not fit into the header of ${path}.`);
    await file.write(0, bytes);
    await file.sync();
  } finally { await file.close(); }
}

/** Whether the header is what `withBacking` would write. */
async function isPlain(file: ImageFile, { version, backingFile, backingFormat }: Qcow2Header): Promise<boolean> {
  if (version !== 3 || backingFile === undefined || backingFormat === undefined) return false;
  const expected = withBacking(await file.bytes(0, HEADER_BYTES), { path: backingFile, format: backingFormat as DiskFormat });
  return expected.equals(await file.bytes(0, expected.length));
}
