/**
 * EFI images: PE32+ for AArch64 (Microsoft PE and COFF specification), put into memory and relocated. Nothing in a file is
 * believed: what does not fit makes it no image.
 */
import { LOAD_ERROR, UNSUPPORTED } from './status.ts';

const MZ = 0x5a4d, PE = 0x4550, ARM64 = 0xaa64, PE32_PLUS = 0x20b;
const SUBSYSTEM = { application: 10, bootServiceDriver: 11, runtimeDriver: 12 } as const;
const BASE_RELOCATIONS = 5;
const RELOCATION = { absolute: 0, dir64: 10 } as const;
const SECTION_BYTES = 40, LARGEST = 2 ** 30, MOST_ALIGNMENT = 2 ** 21;

interface Section { readonly address: number; readonly bytes: number; readonly fileOffset: number; readonly fileBytes: number }
/** `alignment` is a power of two. */
export interface PeImage { readonly imageBytes: number; readonly alignment: number; readonly entry: number; readonly isDriver: boolean; readonly isRuntime: boolean; readonly base: bigint; readonly headerBytes: number; readonly sections: readonly Section[]; readonly relocations: { readonly address: number; readonly bytes: number } }

/** What a file says that it is, or the status that says what is wrong with it. */
export function readPeImage(file: Uint8Array): PeImage | bigint {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength), has = (at: number, bytes: number) => at >= 0 && at + bytes <= file.length;
  if (!has(0, 64) || view.getUint16(0, true) !== MZ) return LOAD_ERROR;
  const header = view.getUint32(60, true), optional = header + 24;
  if (!has(header, 24 + 112) || view.getUint32(header, true) !== PE) return LOAD_ERROR;
  if (view.getUint16(header + 4, true) !== ARM64) return UNSUPPORTED;
  const sectionCount = view.getUint16(header + 6, true), optionalBytes = view.getUint16(header + 20, true), subsystem = view.getUint16(optional + 68, true);
  if (view.getUint16(optional, true) !== PE32_PLUS || !has(optional, optionalBytes)) return LOAD_ERROR;
  if (!(Object.values(SUBSYSTEM) as number[]).includes(subsystem)) return UNSUPPORTED;
  const imageBytes = view.getUint32(optional + 56, true), headerBytes = view.getUint32(optional + 60, true), entry = view.getUint32(optional + 16, true), directories = view.getUint32(optional + 108, true);
  if (imageBytes === 0 || imageBytes > LARGEST || headerBytes > imageBytes || !has(0, headerBytes) || entry >= imageBytes) return LOAD_ERROR;
  const table = optional + optionalBytes, sections: Section[] = [];
  if (!has(table, sectionCount * SECTION_BYTES)) return LOAD_ERROR;
  for (let n = 0; n < sectionCount; n++) {
    const at = table + n * SECTION_BYTES, bytes = view.getUint32(at + 8, true), section = { address: view.getUint32(at + 12, true), bytes, fileOffset: view.getUint32(at + 20, true), fileBytes: Math.min(bytes, view.getUint32(at + 16, true)) };
    if (section.address + bytes > imageBytes || section.fileBytes > 0 && !has(section.fileOffset, section.fileBytes)) return LOAD_ERROR;
    sections.push(section);
  }
  const directory = optional + 112 + 8 * BASE_RELOCATIONS, hasRelocations = directories > BASE_RELOCATIONS && has(directory, 8) && optionalBytes >= 112 + 8 * (BASE_RELOCATIONS + 1);
  const relocations = hasRelocations ? { address: view.getUint32(directory, true), bytes: view.getUint32(directory + 4, true) } : { address: 0, bytes: 0 };
  if (relocations.address + relocations.bytes > imageBytes) return LOAD_ERROR;
  const wanted = view.getUint32(optional + 32, true), alignment = (wanted & wanted - 1) === 0 && wanted <= MOST_ALIGNMENT ? wanted : 1;
  return { imageBytes, alignment, entry, isDriver: subsystem !== SUBSYSTEM.application, isRuntime: subsystem === SUBSYSTEM.runtimeDriver, base: view.getBigUint64(optional + 24, true), headerBytes, sections, relocations };
}

/** The image as it is in memory at `address`; undefined when its relocations make no sense. */
export function loadedPeImage(file: Uint8Array, image: PeImage, address: number): Uint8Array | undefined {
  const memory = new Uint8Array(image.imageBytes), view = new DataView(memory.buffer), delta = BigInt(address) - image.base;
  memory.set(file.subarray(0, image.headerBytes));
  for (const { address: at, fileOffset, fileBytes } of image.sections) memory.set(file.subarray(fileOffset, fileOffset + fileBytes), at);
  const end = image.relocations.address + image.relocations.bytes;
  for (let block = image.relocations.address; delta !== 0n && block + 8 <= end;) {
    const page = view.getUint32(block, true), bytes = view.getUint32(block + 4, true);
    if (bytes < 8 || block + bytes > end) return undefined;
    for (let at = block + 8; at + 2 <= block + bytes; at += 2) {
      const entry = view.getUint16(at, true), kind = entry >> 12, place = page + (entry & 0xfff);
      if (kind === RELOCATION.absolute) continue;
      if (kind !== RELOCATION.dir64 || place + 8 > memory.length) return undefined;
      view.setBigUint64(place, BigInt.asUintN(64, view.getBigUint64(place, true) + delta), true);
    }
    block += bytes;
  }
  return memory;
}
