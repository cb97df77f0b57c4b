/** The Linux arm64 `Image` format (the kernel's Documentation/arch/arm64/booting). */
import { gunzipSync } from 'node:zlib';
import { EngineError, messageOf } from '../../shared/base/errors.ts';
import { say } from '../../shared/base/phrase.ts';

const HEADER_BYTES = 64;
const MAGIC = 0x644d_5241;              // 'ARM\x64'
const PE_MAGIC = 0x0000_4550;           // 'PE\0\0'
const BIG_ENDIAN = 1n;
const MIB = 2 ** 20;
/** What kernels before 3.17 mean, whose header says no size. */
const OLD_OFFSET = 0x80000;
/** QEMU keeps the lowest page for itself, and moves a kernel that would start there up by 2 MiB. */
const LOADER_BYTES = 0x1000;
const LOADER_MOVE = 2 * MIB;

export interface LinuxImage {
  readonly bytes: Uint8Array;
  /** Where it starts, from the bottom of RAM. */
  readonly offset: number;
  /** What it takes in memory, with its BSS. */
  readonly memoryBytes: number;
}

/** The image itself, decompressed if need be; `limitBytes` is what could be of use. */
export function unpack(file: Uint8Array, limitBytes: number): Uint8Array {
  if (file[0] !== 0x1f || file[1] !== 0x8b) return file;
  try {
    return gunzipSync(file, { maxOutputLength: limitBytes });
  } catch (error) {
    if (error instanceof RangeError) throw new EngineError('boot.doesNotFit', say`The kernel does not fit: unpacked it has more than ${limitBytes / MIB} MiB.`);
    throw new EngineError('boot.gzip', say`The kernel cannot be decompressed: ${messageOf(error)}.`);
  }
}

/** Whether an unpacked file says that it is an arm64 `Image`. */
export const isLinuxImage = (bytes: Uint8Array): boolean => bytes.length >= HEADER_BYTES && viewOf(bytes).getUint32(56, true) === MAGIC;

export function readLinuxImage(bytes: Uint8Array): LinuxImage {
  if (!isLinuxImage(bytes)) throw new EngineError('boot.notAnImage', 'The kernel is not a Linux arm64 Image: its header has no "ARM\\x64".');
  const header = viewOf(bytes);
  if ((header.getBigUint64(24, true) & BIG_ENDIAN) !== 0n) throw new EngineError('boot.bigEndian', 'The kernel is big-endian, which the machine does not run.');
  const memoryBytes = Number(header.getBigUint64(16, true));
  const textOffset = memoryBytes === 0 ? OLD_OFFSET : Number(header.getBigUint64(8, true));
  if (sectionsEnd(header) > bytes.length) throw new EngineError('boot.truncated', 'The kernel is truncated: the file ends before its last section does.');
  return { bytes, memoryBytes, offset: textOffset < LOADER_BYTES ? textOffset + LOADER_MOVE : textOffset };
}

/** The file offset at which the last section ends, if the image is a PE file as well, as kernels with an EFI stub are. */
function sectionsEnd(image: DataView): number {
  const pe = image.getUint32(60, true);
  if (pe === 0 || pe + 24 > image.byteLength || image.getUint32(pe, true) !== PE_MAGIC) return 0;
  const sections = image.getUint16(pe + 6, true);
  const table = pe + 24 + image.getUint16(pe + 20, true);
  if (table + 40 * sections > image.byteLength) return Infinity;
  const ends = Array.from({ length: sections }, (_, n) => image.getUint32(table + 40 * n + 16, true) + image.getUint32(table + 40 * n + 20, true));
  return Math.max(0, ...ends);
}

const viewOf = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
