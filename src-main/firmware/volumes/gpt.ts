/**
 * GUID partition tables (UEFI 2.10, 5.3): a header in sector 1 with its array of entries, and a copy of both at the end of the disk, which counts when
 * the first is damaged. GUIDs are text in their usual form, in lower case. A table without a protective MBR is none.
 */
import { crc32 } from 'node:zlib';
import { DeviceBytes, DevicePart, type SectorDevice } from './sector-device.ts';
import type { Partition } from './partitions.ts';

const SIGNATURE = 'EFI PART', HEADER_BYTES = 92, MAX_ARRAY_BYTES = 0x40_0000, MIN_ENTRY_BYTES = 128;
const NO_TYPE = '00000000-0000-0000-0000-000000000000';

interface Header { readonly alternate: number; readonly array: number; readonly entries: number; readonly entryBytes: number; readonly arrayCrc: number }

/** The first three groups are little-endian. */
export function guidText(bytes: Buffer, offset = 0): string {
  const hex = (from: number, to: number) => bytes.toString('hex', offset + from, offset + to);
  return `${bytes.readUInt32LE(offset).toString(16).padStart(8, '0')}-${bytes.readUInt16LE(offset + 4).toString(16).padStart(4, '0')}-${bytes.readUInt16LE(offset + 6).toString(16).padStart(4, '0')}-${hex(8, 10)}-${hex(10, 16)}`;
}

/** Undefined when neither table is whole. */
export async function readGpt(device: SectorDevice): Promise<readonly Partition[] | undefined> {
  const first = await readHeader(device, 1), places = new Set([1, first?.alternate ?? 0, device.sectorCount - 1]);
  for (const place of places) {
    const header = place === 1 ? first : await readHeader(device, place), array = header && await readArray(device, header);
    if (header !== undefined && array !== undefined) return partitionsOf(device, header, array);
  }
  return undefined;
}

async function readHeader(device: SectorDevice, sector: number): Promise<Header | undefined> {
  if (sector < 1 || sector >= device.sectorCount) return undefined;
  const bytes = Buffer.from(await device.read(sector, 1)), length = bytes.readUInt32LE(12);
  if (bytes.toString('latin1', 0, 8) !== SIGNATURE || length < HEADER_BYTES || length > bytes.length) return undefined;
  const crc = bytes.readUInt32LE(16);
  bytes.writeUInt32LE(0, 16);
  if (crc32(bytes.subarray(0, length)) !== crc || Number(bytes.readBigUInt64LE(24)) !== sector) return undefined;
  return { alternate: Number(bytes.readBigUInt64LE(32)), array: Number(bytes.readBigUInt64LE(72)), entries: bytes.readUInt32LE(80), entryBytes: bytes.readUInt32LE(84), arrayCrc: bytes.readUInt32LE(88) };
}

async function readArray(device: SectorDevice, { array, entries, entryBytes, arrayCrc }: Header): Promise<Buffer | undefined> {
  const bytes = entries * entryBytes, disk = new DeviceBytes(device);
  if (entryBytes < MIN_ENTRY_BYTES || entryBytes % 8 !== 0 || bytes > MAX_ARRAY_BYTES || array < 2 || array * device.sectorBytes + bytes > disk.sizeBytes) return undefined;
  const read = await disk.read(array * device.sectorBytes, bytes);
  return crc32(read) === arrayCrc ? read : undefined;
}

/** Entries that do not lie within the disk are left out. */
function partitionsOf(device: SectorDevice, { entries, entryBytes }: Header, array: Buffer): Partition[] {
  return Array.from({ length: entries }, (_, n) => n).flatMap(n => {
    const entry = array.subarray(n * entryBytes, (n + 1) * entryBytes), typeGuid = guidText(entry), startSector = Number(entry.readBigUInt64LE(32)), end = Number(entry.readBigUInt64LE(40)) + 1;
    if (typeGuid === NO_TYPE || startSector < 1 || startSector >= end || end > device.sectorCount) return [];
    const [name = ''] = entry.toString('utf16le', 56, 128).split('\0'), sectorCount = end - startSector;
    return [{ kind: 'gpt', number: n + 1, startSector, sectorCount, typeGuid, uniqueGuid: guidText(entry, 16), name, device: new DevicePart(device, startSector, sectorCount) }];
  });
}
