/** Tables with the header that all of ACPI's have (ACPI 6.5, 5.2.6): signature, length, revision, checksum, and who made them. */
import { checksumOf, LittleEndian } from '../little-endian.ts';

export interface AcpiTable {
  /** Four characters, as in the table's header. */
  readonly signature: string;
  readonly bytes: Uint8Array;
}

export const HEADER_BYTES = 36;
const CHECKSUM_AT = 9;
export const OEM_ID = 'QRTRDK';
const OEM_TABLE_ID = 'QRTRDECK', CREATOR_ID = 'QDCK';

export function table(signature: string, revision: number, body: Uint8Array): AcpiTable {
  const bytes = new LittleEndian().text(signature, 4).u32(HEADER_BYTES + body.length).u8(revision, 0).text(OEM_ID, 6).text(OEM_TABLE_ID, 8).u32(1).text(CREATOR_ID, 4).u32(1).append(body).done();
  return { signature, bytes: summed(bytes) };
}

/** With its checksum made right. */
export function summed(bytes: Uint8Array): Uint8Array {
  bytes[CHECKSUM_AT] = 0;
  bytes[CHECKSUM_AT] = checksumOf(bytes);
  return bytes;
}
