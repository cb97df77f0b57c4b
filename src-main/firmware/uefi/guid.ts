/** GUIDs (UEFI 2.10, appendix A) as text in lower case, and as the 16 bytes that memory and disks have: the first three fields are little-endian. */

const FIELDS = [4, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1] as const;
const TEXT = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
export const GUID_BYTES = 16;

/** Eight, four, four, four and twelve hexadecimal digits. */
export const isGuid = (text: string): boolean => TEXT.test(text);

export function guidBytes(text: string): Uint8Array {
  const digits = text.replaceAll('-', ''), bytes = new Uint8Array(GUID_BYTES);
  let at = 0;
  for (const size of FIELDS) {
    for (let n = 0; n < size; n++) bytes[at + size - 1 - n] = parseInt(digits.slice(2 * (at + n), 2 * (at + n) + 2), 16);
    at += size;
  }
  return bytes;
}

export function guidText(bytes: Uint8Array): string {
  let digits = '', at = 0;
  for (const size of FIELDS) {
    for (let n = size - 1; n >= 0; n--) digits += (bytes[at + n] ?? 0).toString(16).padStart(2, '0');
    at += size;
  }
  return [digits.slice(0, 8), digits.slice(8, 12), digits.slice(12, 16), digits.slice(16, 20), digits.slice(20)].join('-');
}

/** Those that this firmware knows by name. */
export const GUID = {
  globalVariable: '8be4df61-93ca-11d2-aa0d-00e098032b8c',
  loadedImage: '5b1b31a1-9562-11d2-8e3f-00a0c969723b',
  loadedImageDevicePath: 'bc62157e-3e33-4fec-9920-2d3b36d750df',
  devicePath: '09576e91-6d3f-11d2-8e39-00a0c969723b',
  devicePathToText: '8b843e20-8132-4852-90cc-551a4e4a7f1c',
  blockIo: '964e5b21-6459-11d2-8e39-00a0c969723b',
  diskIo: 'ce345171-ba0b-11d2-8e4f-00a0c969723b',
  simpleFileSystem: '964e5b22-6459-11d2-8e39-00a0c969723b',
  fileInfo: '09576e92-6d3f-11d2-8e39-00a0c969723b',
  fileSystemInfo: '09576e93-6d3f-11d2-8e39-00a0c969723b',
  fileSystemVolumeLabel: 'db47d7d3-fe81-11d3-9a35-0090273fc14d',
  loadFile: '56ec3091-954c-11d2-8e3f-00a0c969723b',
  loadFile2: '4006c0c1-fcb3-403e-996d-4a6c8724e06d',
  simpleTextIn: '387477c1-69c7-11d2-8e39-00a0c969723b',
  simpleTextInEx: 'dd9e7534-7762-4698-8c14-f58517a625aa',
  simpleTextOut: '387477c2-69c7-11d2-8e39-00a0c969723b',
  graphicsOutput: '9042a9de-23dc-4a38-96fb-7aded080516a',
  rng: '3152bca5-eade-433d-862e-c01cdc291f44',
  rngRaw: 'e43176d7-b6e8-4827-b784-7ffdc4b68561',
  unicodeCollation: 'a4c751fc-23ae-4c3e-92e9-4964cf63f349',
  deviceTreeTable: 'b1b621d5-f19c-41a5-830b-d9152c69aae0',
  acpi20Table: '8868e871-e4f1-11d3-bc22-0080c73c8881',
  smbios3Table: 'f2fd1544-9794-4a2c-992e-e5bbcf20e394',
  linuxInitrdMedia: '5568e427-68fc-4f3d-ac74-ca555231cc68',
  eventExitBootServices: '27abf055-b1b8-4c26-8048-748f37baa2df',
  eventBeforeExitBootServices: '8be0e274-3970-4b44-80c5-1ab9502f3bfc',
  eventVirtualAddressChange: '13fa7698-c831-49c7-87ea-8f43fcc25196',
  eventMemoryMapChange: '78bee926-692f-48fd-9edb-01422ef0d7ab',
  eventReadyToBoot: '7ce88fb3-4bd7-4679-87a8-a8d8dee50d2b',
} as const;
