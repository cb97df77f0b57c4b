/** Block I/O and Disk I/O (UEFI 2.10, 13.9 and 13.7) of disks and of their partitions. */
import type { Call } from '../call.ts';
import type { EfiFunction } from '../functions.ts';
import { BAD_BUFFER_SIZE, DEVICE_ERROR, INVALID_PARAMETER, MEDIA_CHANGED, NO_MEDIA, SUCCESS, WRITE_PROTECTED } from '../status.ts';
import type { Uefi } from '../uefi.ts';
import type { DiskRange } from '../disks.ts';

/** EFI_BLOCK_IO_MEDIA, with what revision 3 has. */
const MEDIA_BYTES = 48;
const BLOCK_REVISION = 0x2_001fn, DISK_REVISION = 0x1_0000n;
const LARGEST = 2 ** 28;

/** Gives the two interfaces. */
export function blockInterfaces(uefi: Uefi, range: DiskRange): { readonly blockIo: bigint; readonly diskIo: bigint } {
  const { removable, readOnly, isPresent, blockBytes } = uefi.disks.facts(range), media = new DataView(new ArrayBuffer(MEDIA_BYTES));
  media.setUint32(0, uefi.disks.mediaId(range), true);
  [removable, isPresent, range.isPartition, readOnly, false].forEach((is, n) => media.setUint8(4 + n, Number(is)));
  media.setUint32(12, blockBytes, true);
  media.setBigUint64(24, BigInt(Math.max(0, range.sectorCount - 1)), true);
  media.setUint32(40, 1, true);
  const mediaAt = uefi.place(new Uint8Array(media.buffer)), blockIo = uefi.interface([BLOCK_REVISION, mediaAt, 'BlockReset', 'ReadBlocks', 'WriteBlocks', 'FlushBlocks']), diskIo = uefi.interface([DISK_REVISION, 'ReadDisk', 'WriteDisk']);
  uefi.disks.know(blockIo, range);
  uefi.disks.know(diskIo, range);
  return { blockIo, diskIo };
}

/** The range that an interface stands for, whose medium is the one that the caller means. */
function rangeOf(uefi: Uefi, call: Call): DiskRange | bigint {
  const range = uefi.disks.at(call.raw(0));
  if (range === undefined) return INVALID_PARAMETER;
  if (!uefi.disks.facts(range).isPresent) return NO_MEDIA;
  return uefi.disks.mediaId(range) === call.u32(1) ? range : MEDIA_CHANGED;
}

/** Where in the range the blocks are that are meant, in bytes. */
function blocksOf(uefi: Uefi, call: Call, range: DiskRange): { readonly offset: number; readonly length: number } | bigint {
  const { blockBytes } = uefi.disks.facts(range), block = call.number(2), length = call.number(3);
  if (length % blockBytes !== 0 || length > LARGEST) return BAD_BUFFER_SIZE;
  return block + length / blockBytes > range.sectorCount ? INVALID_PARAMETER : { offset: block * blockBytes, length };
}

function bytesOf(uefi: Uefi, call: Call, range: DiskRange): { readonly offset: number; readonly length: number } | bigint {
  const { blockBytes } = uefi.disks.facts(range), offset = call.number(2), length = call.number(3);
  return offset + length > range.sectorCount * blockBytes || length > LARGEST ? INVALID_PARAMETER : { offset, length };
}

type Where = typeof blocksOf;

const reads = (where: Where): EfiFunction => async (uefi, call) => {
  const range = rangeOf(uefi, call);
  if (typeof range === 'bigint') return range;
  const place = where(uefi, call, range);
  if (typeof place === 'bigint') return place;
  if (place.length === 0) return SUCCESS;
  const to = call.pointer(4);
  call.memory.requireWritable(to, place.length);
  const bytes = await uefi.disks.readBytes(range, place.offset, place.length).catch(() => undefined);
  if (bytes === undefined) return DEVICE_ERROR;
  call.memory.write(to, bytes);
  return SUCCESS;
};

const writes = (where: Where): EfiFunction => async (uefi, call) => {
  const range = rangeOf(uefi, call);
  if (typeof range === 'bigint') return range;
  if (uefi.disks.facts(range).readOnly) return WRITE_PROTECTED;
  const place = where(uefi, call, range);
  if (typeof place === 'bigint') return place;
  const bytes = place.length === 0 ? new Uint8Array() : call.memory.bytes(call.pointer(4), place.length);
  return await uefi.disks.writeBytes(range, place.offset, bytes).then(() => SUCCESS, () => DEVICE_ERROR);
};

export const BLOCK_FUNCTIONS: Readonly<Record<string, EfiFunction>> = {
  BlockReset: () => SUCCESS,
  ReadBlocks: reads(blocksOf), WriteBlocks: writes(blocksOf),
  FlushBlocks: async (uefi, call) => {
    const range = uefi.disks.at(call.raw(0));
    return range === undefined ? INVALID_PARAMETER : await uefi.disks.flush(range).then(() => SUCCESS, () => DEVICE_ERROR);
  },
  ReadDisk: reads(bytesOf), WriteDisk: writes(bytesOf),
};
