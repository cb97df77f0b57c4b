/** Device paths (UEFI 2.10, chapter 10): nodes of a type, a subtype and bytes, up to an end node; and the text that people write for them. */
import { GUID_BYTES, guidBytes, guidText } from './guid.ts';
import { textBytes, type GuestMemory } from './guest-memory.ts';

const HEADER_BYTES = 4;
const END_TYPE = 0x7f, END_ENTIRE = 0xff;
/** Longest that is read: what has no end must not be read for ever. */
const MOST_BYTES = 0x4000;

export interface PathNode { readonly type: number; readonly subType: number; readonly data: Uint8Array }
export type DevicePath = readonly PathNode[];

const node = (type: number, subType: number, ...parts: readonly Uint8Array[]): PathNode => ({ type, subType, data: Uint8Array.from(parts.flatMap(part => [...part])) });
const u16 = (value: number) => Uint8Array.of(value, value >> 8);
const u32 = (value: number) => Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);
const u64 = (value: number) => { const bytes = new Uint8Array(8); new DataView(bytes.buffer).setBigUint64(0, BigInt(value), true); return bytes; };

const HARDWARE = 1, ACPI = 2, MESSAGING = 3, MEDIA = 4;
/** An EISA id, compressed: PNP0A03. */
const PNP0A03 = 0x0a03_41d0;

export const pciRoot = (): PathNode => node(ACPI, 1, u32(PNP0A03), u32(0));
export const pci = (device: number, fn = 0): PathNode => node(HARDWARE, 1, Uint8Array.of(fn, device));
/** Something at an address of its own, as EDK2 names virtio-mmio devices. */
export const memoryMapped = (start: number, bytes: number): PathNode => node(HARDWARE, 3, u32(11), u64(start), u64(start + bytes - 1));
export const scsi = (target: number, lun = 0): PathNode => node(MESSAGING, 2, u16(target), u16(lun));
export const nvme = (namespace: number): PathNode => node(MESSAGING, 23, u32(namespace), new Uint8Array(8));
export const uart = (): PathNode => node(MESSAGING, 14, new Uint8Array(4), u64(115_200), Uint8Array.of(8, 1, 1));
export const vendorMedia = (guid: string): PathNode => node(MEDIA, 3, guidBytes(guid));
export const filePath = (path: string): PathNode => node(MEDIA, 4, textBytes(path));

const SIGNATURE_MBR = 1, SIGNATURE_GUID = 2;
export function hardDrive({ number, startSector, sectorCount, signature }: { readonly number: number; readonly startSector: number; readonly sectorCount: number; readonly signature: string | number }): PathNode {
  const isGpt = typeof signature === 'string', id = new Uint8Array(GUID_BYTES);
  id.set(isGpt ? guidBytes(signature) : u32(signature));
  return node(MEDIA, 1, u32(number), u64(startSector), u64(sectorCount), id, Uint8Array.of(isGpt ? 2 : 1, isGpt ? SIGNATURE_GUID : SIGNATURE_MBR));
}
export const cdrom = (bootEntry: number, startSector: number, sectorCount: number): PathNode => node(MEDIA, 2, u32(bootEntry), u64(startSector), u64(sectorCount));

export function pathBytes(path: DevicePath): Uint8Array {
  const bytes: number[] = [];
  for (const { type, subType, data } of path) bytes.push(type, subType, data.length + HEADER_BYTES & 0xff, data.length + HEADER_BYTES >> 8, ...data);
  return Uint8Array.from([...bytes, END_TYPE, END_ENTIRE, HEADER_BYTES, 0]);
}

/** The nodes up to the first end, of one instance; undefined for what is no path. */
export function readPath(bytes: Uint8Array): DevicePath | undefined {
  const path: PathNode[] = [];
  for (let at = 0; at + HEADER_BYTES <= bytes.length;) {
    const type = bytes[at]! & 0x7f, subType = bytes[at + 1]!, length = bytes[at + 2]! | bytes[at + 3]! << 8;
    if (type === END_TYPE) return path;
    if (length < HEADER_BYTES || at + length > bytes.length) return undefined;
    path.push({ type, subType, data: bytes.slice(at + HEADER_BYTES, at + length) });
    at += length;
  }
  return undefined;
}

/** A node by itself. */
export function nodeAt(memory: GuestMemory, address: bigint): PathNode | undefined {
  const header = memory.bytes(address, HEADER_BYTES), length = header[2]! | header[3]! << 8;
  return length < HEADER_BYTES ? undefined : { type: header[0]! & 0x7f, subType: header[1]!, data: memory.bytes(address + BigInt(HEADER_BYTES), length - HEADER_BYTES) };
}

/** The same from memory; undefined for what is no path. */
export function pathAt(memory: GuestMemory, address: bigint): DevicePath | undefined {
  const path: PathNode[] = [];
  for (let at = 0; at < MOST_BYTES;) {
    const header = memory.bytes(address + BigInt(at), HEADER_BYTES), type = header[0]! & 0x7f, length = header[2]! | header[3]! << 8;
    if (type === END_TYPE) return path;
    if (length < HEADER_BYTES) return undefined;
    path.push({ type, subType: header[1]!, data: memory.bytes(address + BigInt(at + HEADER_BYTES), length - HEADER_BYTES) });
    at += length;
  }
  return undefined;
}

export const isSameNode = (a: PathNode | undefined, b: PathNode | undefined): boolean => a?.type === b?.type && a?.subType === b?.subType && a?.data.length === b?.data.length && a!.data.every((byte, n) => byte === b!.data[n]);
/** Whether a path begins with all of another. */
export const startsWith = (path: DevicePath, beginning: DevicePath): boolean => beginning.length <= path.length && beginning.every((each, n) => isSameNode(each, path[n]));

/** The names of the directories and the file that file path nodes say, which may be several in a row. */
export function fileOf(path: DevicePath): string | undefined {
  if (path.length === 0 || !path.every(({ type, subType }) => type === MEDIA && subType === 4)) return undefined;
  return path.map(({ data }) => decodeText(data)).join('\\');
}
/** The GUID of a hard drive node of a GPT partition, or the number that an MBR has. */
export function partitionOf(path: DevicePath): { readonly number: number; readonly signature: string | number } | undefined {
  const found = path.find(({ type, subType, data }) => type === MEDIA && subType === 1 && data.length === 38);
  if (found === undefined) return undefined;
  const view = new DataView(found.data.buffer, found.data.byteOffset), isGpt = found.data[37] === SIGNATURE_GUID;
  return { number: view.getUint32(0, true), signature: isGpt ? guidText(found.data.subarray(20, 36)) : view.getUint32(20, true) };
}

function decodeText(data: Uint8Array): string {
  const text = new TextDecoder('utf-16le').decode(data), end = text.indexOf('\0');
  return end < 0 ? text : text.slice(0, end);
}

/** As UEFI 2.10, 10.6 writes them. */
export function pathText(path: DevicePath): string { return path.map(nodeText).join('/'); }

function nodeText({ type, subType, data }: PathNode): string {
  const view = new DataView(data.buffer, data.byteOffset, data.length), number = (at: number) => view.getUint32(at, true), hex = (value: number | bigint) => `0x${value.toString(16)}`, is = (t: number, s: number, bytes: number) => type === t && subType === s && data.length >= bytes;
  if (is(ACPI, 1, 8)) return `PciRoot(${hex(number(4))})`;
  if (is(HARDWARE, 1, 2)) return `Pci(${hex(data[1]!)},${hex(data[0]!)})`;
  if (is(HARDWARE, 3, 20)) return `MemoryMapped(${hex(number(0))},${hex(view.getBigUint64(4, true))},${hex(view.getBigUint64(12, true))})`;
  if (is(MESSAGING, 2, 4)) return `Scsi(${hex(view.getUint16(0, true))},${hex(view.getUint16(2, true))})`;
  if (is(MESSAGING, 23, 12)) return `NVMe(${hex(number(0))},${[...data.subarray(4, 12)].reverse().map(byte => byte.toString(16).toUpperCase().padStart(2, '0')).join('-')})`;
  if (is(MESSAGING, 14, 15)) return `Uart(${view.getBigUint64(4, true)},${data[12]},${data[13] === 1 ? 'N' : data[13]},${data[14]})`;
  if (is(MEDIA, 1, 38)) return `HD(${number(0)},${data[36] === 2 ? `GPT,${guidText(data.subarray(20, 36)).toUpperCase()}` : `MBR,${hex(number(20))}`},${hex(view.getBigUint64(4, true))},${hex(view.getBigUint64(12, true))})`;
  if (is(MEDIA, 2, 20)) return `CDROM(${hex(number(0))},${hex(view.getBigUint64(4, true))},${hex(view.getBigUint64(12, true))})`;
  if (is(MEDIA, 3, 16)) return `VenMedia(${guidText(data).toUpperCase()})`;
  if (is(MEDIA, 4, 2)) return decodeText(data);
  return `Path(${type},${subType},${[...data].map(byte => byte.toString(16).padStart(2, '0')).join('')})`;
}
