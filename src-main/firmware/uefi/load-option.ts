/** EFI_LOAD_OPTION (UEFI 2.10, 3.1.3): what a Boot#### variable holds. */
import { pathBytes, readPath, type DevicePath } from './device-path.ts';
import { textBytes } from './guest-memory.ts';

export const ACTIVE = 1, HIDDEN = 8, CATEGORY = 0x1f00;

export interface LoadOption { readonly attributes: number; readonly description: string; readonly path: DevicePath; readonly data: Uint8Array }

/** Undefined for bytes that are none. */
export function readLoadOption(bytes: Uint8Array): LoadOption | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let end = 6;
  while (end + 2 <= bytes.length && view.getUint16(end, true) !== 0) end += 2;
  if (end + 2 > bytes.length) return undefined;
  const description = new TextDecoder('utf-16le').decode(bytes.subarray(6, end)), start = end + 2, length = view.getUint16(4, true), path = start + length <= bytes.length ? readPath(bytes.subarray(start, start + length)) : undefined;
  return path && { attributes: view.getUint32(0, true), description, path, data: bytes.slice(start + length) };
}

export function loadOptionBytes({ attributes, description, path, data }: LoadOption): Uint8Array {
  const header = new DataView(new ArrayBuffer(6)), paths = pathBytes(path);
  header.setUint32(0, attributes, true);
  header.setUint16(4, paths.length, true);
  return Uint8Array.from([...new Uint8Array(header.buffer), ...textBytes(description), ...paths, ...data]);
}

/** The variable that holds an option. */
export const optionName = (number: number): string => `Boot${number.toString(16).toUpperCase().padStart(4, '0')}`;
export const optionNumber = (name: string): number | undefined => { const match = /^Boot([0-9A-F]{4})$/.exec(name); return match ? parseInt(match[1]!, 16) : undefined; };
