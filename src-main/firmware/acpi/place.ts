/**
 * Tables where an OS finds them: the root pointer (ACPI 6.5, 5.2.5.3), the XSDT (5.2.8) with all tables but the DSDT, which the FADT points to (5.2.9), and
 * the tables, each at a multiple of 16 bytes. Addresses are guest physical; the same bytes at another base would be wrong.
 */
import { say } from '../../../shared/base/phrase.ts';
import { EngineError } from '../../../shared/base/errors.ts';
import { checksumOf, LittleEndian } from '../little-endian.ts';
import { FADT_DSDT_AT } from './processors.ts';
import { OEM_ID, summed, table, type AcpiTable } from './table.ts';

const ALIGN = 16;
const RSDP_BYTES = 36, RSDP_OLD_BYTES = 20, RSDP_CHECKSUM_AT = 8, RSDP_ALL_CHECKSUM_AT = 32;

/** With both of its checksums, for an XSDT that is there. */
export function rsdp(xsdt: number): Uint8Array {
  const bytes = new LittleEndian().text('RSD PTR ', 8).u8(0).text(OEM_ID, 6).u8(2).u32(0, RSDP_BYTES).u64(xsdt).u8(0, 0, 0, 0).done();
  bytes[RSDP_CHECKSUM_AT] = checksumOf(bytes.subarray(0, RSDP_OLD_BYTES));
  bytes[RSDP_ALL_CHECKSUM_AT] = checksumOf(bytes);
  return bytes;
}

export interface Layout { readonly table: AcpiTable; readonly at: number }

/** Offsets of tables, the XSDT last, and the length of all. Pointers in FADT and XSDT are offsets from `base`. */
export function layOut(tables: readonly AcpiTable[], base: number, first = 0): { readonly placed: readonly Layout[]; readonly bytes: Uint8Array } {
  const signatures = tables.map(({ signature }) => signature);
  for (const needed of ['FACP', 'DSDT']) if (!signatures.includes(needed)) throw new EngineError('acpi.incomplete', say`ACPI tables need one named ${needed}.`);
  const out = new LittleEndian().zeros(first), placed: Layout[] = [];
  const put = (one: AcpiTable) => {
    out.align(ALIGN);
    placed.push({ table: one, at: out.size });
    out.append(one.bytes);
  };
  tables.filter(({ signature }) => signature === 'DSDT').forEach(put);
  const dsdt = base + placed[0]!.at;
  for (const one of tables) if (one.signature !== 'DSDT') put(one.signature === 'FACP' ? withDsdt(one, dsdt) : one);
  put(table('XSDT', 1, new LittleEndian().u64(...placed.filter(({ table: { signature } }) => signature !== 'DSDT').map(({ at }) => base + at)).done()));
  return { placed, bytes: out.done() };
}

/** By the address of 64 bits, beside which the older one is to be zero. */
function withDsdt(fadt: AcpiTable, address: number): AcpiTable {
  if (fadt.bytes.length < FADT_DSDT_AT + 8) throw new EngineError('acpi.fadt', 'The FADT is too short to point to a DSDT.');
  const bytes = fadt.bytes.slice(), view = new DataView(bytes.buffer);
  view.setUint32(40, 0, true);
  view.setBigUint64(FADT_DSDT_AT, BigInt(address), true);
  return { signature: fadt.signature, bytes: summed(bytes) };
}

/** All of it for memory from `base` on, which is a multiple of 16; the root pointer comes first. */
export function placeTables(tables: readonly AcpiTable[], base: number): { readonly bytes: Uint8Array; readonly rsdpAddress: number } {
  const { placed, bytes } = layOut(tables, base, RSDP_BYTES);
  bytes.set(rsdp(base + placed.at(-1)!.at));
  return { bytes, rsdpAddress: base };
}

