/**
 * Tables for firmware that takes them from fw_cfg, as EDK2 does (QEMU's BIOS linker/loader): `etc/acpi/tables` and `etc/acpi/rsdp` with offsets where addresses
 * will be, and `etc/table-loader` with the steps that make addresses of them and sums right. A step is 128 bytes: its number, and names of files of 56 bytes.
 */
import { LittleEndian, concat } from '../little-endian.ts';
import { layOut, rsdp } from './place.ts';
import { FADT_DSDT_AT } from './processors.ts';
import { HEADER_BYTES, type AcpiTable } from './table.ts';

export interface FirmwareFile { readonly name: string; readonly bytes: Uint8Array }

const TABLES = 'etc/acpi/tables', RSDP = 'etc/acpi/rsdp', LOADER = 'etc/table-loader';
const STEP_BYTES = 128, NAME_BYTES = 56;
const ALLOCATE = 1, ADD_POINTER = 2, ADD_CHECKSUM = 3;
const HIGH_MEMORY = 1, LOW_SEGMENT = 2;
const TABLE_CHECKSUM_AT = 9, XSDT_ENTRY_BYTES = 8, RSDP_XSDT_AT = 24;

const step = (number: number, fields: LittleEndian): Uint8Array => {
  const body = fields.done();
  return new LittleEndian().u32(number).append(body).zeros(STEP_BYTES - 4 - body.length).done();
};
const file = (name: string): LittleEndian => new LittleEndian().text(name, NAME_BYTES);
const allocate = (name: string, align: number, zone: number) => step(ALLOCATE, file(name).u32(align).u8(zone));
const pointer = (into: string, at: number, size: number) => step(ADD_POINTER, file(into).text(TABLES, NAME_BYTES).u32(at).u8(size));
const checksum = (of: string, { at, from, length }: { readonly at: number; readonly from: number; readonly length: number }) => step(ADD_CHECKSUM, file(of).u32(at, from, length));

export function loaderFiles(tables: readonly AcpiTable[]): readonly FirmwareFile[] {
  const { placed, bytes } = layOut(tables, 0), xsdt = placed.at(-1)!, root = rsdp(xsdt.at), steps = [allocate(TABLES, 64, HIGH_MEMORY), allocate(RSDP, 16, LOW_SEGMENT)];
  // Firmware sums up what is there, the old sum too.
  const sum = ({ at, table }: (typeof placed)[number]) => {
    bytes[at + TABLE_CHECKSUM_AT] = 0;
    steps.push(checksum(TABLES, { at: at + TABLE_CHECKSUM_AT, from: at, length: table.bytes.length }));
  };
  for (const one of placed.filter(({ table }) => table.signature === 'FACP')) {
    steps.push(pointer(TABLES, one.at + FADT_DSDT_AT, 8));
    sum(one);
  }
  for (let at = HEADER_BYTES; at < xsdt.table.bytes.length; at += XSDT_ENTRY_BYTES) steps.push(pointer(TABLES, xsdt.at + at, XSDT_ENTRY_BYTES));
  sum(xsdt);
  steps.push(pointer(RSDP, RSDP_XSDT_AT, 8));
  for (const [at, length] of [[8, 20], [32, 36]] as const) {
    root[at] = 0;
    steps.push(checksum(RSDP, { at, from: 0, length }));
  }
  return [{ name: LOADER, bytes: concat(steps) }, { name: TABLES, bytes }, { name: RSDP, bytes: root }];
}
