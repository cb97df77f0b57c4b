/**
 * SMBIOS 3.0 (DMTF DSP0134): what the machine is, for a guest that asks by name rather than by tables of devices. A structure has a type, its length, a handle,
 * fields, and the strings that fields number from 1. Memory is one module; all CPUs are cores of one processor.
 */
import { LittleEndian, checksumOf, concat } from './little-endian.ts';

export interface SmbiosFacts {
  readonly cpus: number;
  /** Guest physical, in bytes; multiples of 1 KiB. */
  readonly memory: { readonly base: number; readonly sizeBytes: number };
  /** In the usual form of 36 characters. */
  readonly uuid: string;
}

const MAKER = 'Quarterdeck', MACHINE = 'Quarterdeck Virtual Machine', VERSION = '1.0';
const ENTRY_BYTES = 24, ENTRY_CHECKSUM_AT = 5;
const NONE = 0xffff, UNKNOWN = 2, OTHER = 1, SAFE = 3;
const HANDLES = { bios: 0, system: 0x100, board: 0x200, chassis: 0x300, processor: 0x400, array: 0x1000, module: 0x1100, mapped: 0x1300, boot: 0x2000, end: 0x7f00 } as const;

interface Structure { readonly type: number; readonly handle: number; readonly fields: (string_: (text: string) => number) => LittleEndian }

function bytesOf({ type, handle, fields }: Structure): Uint8Array {
  const strings: string[] = [], body = fields(text => strings.push(text)).done();
  const head = new LittleEndian().u8(type, body.length + 4).u16(handle).append(body);
  return head.append(new TextEncoder().encode(strings.length === 0 ? '\0\0' : `${strings.join('\0')}\0\0`)).done();
}

/** Its date is that of the specification's form. */
const bios: Structure = {
  type: 0, handle: HANDLES.bios, fields: string => {
    const notSupported = 8, uefi = 0x08, virtualMachine = 0x10;
    return new LittleEndian().u8(string(MAKER), string(VERSION)).u16(0).u8(string('01/01/2026'), 0).u64(notSupported).u8(0, uefi | virtualMachine, 0, 0, 0xff, 0xff);
  },
};

const system = (uuid: string): Structure => ({
  type: 1, handle: HANDLES.system, fields: string => {
    const powerSwitch = 6;
    return new LittleEndian().u8(string(MAKER), string(MACHINE), string(VERSION), string(`Quarterdeck-${uuid}`)).append(uuidBytes(uuid)).u8(powerSwitch, 0, string('Virtual Machine'));
  },
});

const board: Structure = {
  type: 2, handle: HANDLES.board, fields: string => {
    const hosting = 1, motherboard = 0x0a;
    return new LittleEndian().u8(string(MAKER), string('Virtual Board'), 0, 0, 0, hosting, 0).u16(HANDLES.chassis).u8(motherboard, 0);
  },
};

const chassis: Structure = { type: 3, handle: HANDLES.chassis, fields: string => new LittleEndian().u8(string(MAKER), OTHER, 0, 0, 0, SAFE, SAFE, SAFE, UNKNOWN).u32(0).u8(0, 0, 0, 0, 0) };

const processor = (cpus: number): Structure => ({
  type: 4, handle: HANDLES.processor, fields: string => {
    const central = 3, inFamily2 = 0xfe, armV8 = 0x101, volts = 0x80 | 10, populatedAndOn = 0x41, noUpgrade = 6, is64Bit = 4, isMultiCore = 8;
    return new LittleEndian().u8(string('CPU 0'), central, inFamily2, string(MAKER)).u64(0).u8(string('Quarterdeck AArch64'), volts).u16(0, 0, 0).u8(populatedAndOn, noUpgrade).u16(NONE, NONE, NONE)
      .u8(0, 0, 0, cpus, cpus, cpus).u16(is64Bit | (cpus > 1 ? isMultiCore : 0), armV8, cpus, cpus, cpus);
  },
});

const KIB = 1024, MIB = 2 ** 20;
const MANY_KIB = 0x8000_0000, MANY_MIB = 0x7fff;

const memoryArray = (sizeBytes: number): Structure => ({
  type: 16, handle: HANDLES.array, fields: () => {
    const onBoard = 3, systemMemory = 3, noCorrection = 3, kib = sizeBytes / KIB, noError = 0xfffe, isMany = kib >= MANY_KIB;
    return new LittleEndian().u8(onBoard, systemMemory, noCorrection).u32(isMany ? MANY_KIB : kib).u16(noError, 1).u64(isMany ? sizeBytes : 0);
  },
});

const memoryModule = (sizeBytes: number): Structure => ({
  type: 17, handle: HANDLES.module, fields: string => {
    const noError = 0xfffe, dimm = 9, ram = 7, mib = Math.ceil(sizeBytes / MIB), isMany = mib >= MANY_MIB, otherDetail = 2;
    return new LittleEndian().u16(HANDLES.array, noError, NONE, NONE, isMany ? MANY_MIB : mib).u8(dimm, 0, string('DIMM 0'), 0, ram).u16(otherDetail, 0).u8(string(MAKER), 0, 0, 0, 0).u32(isMany ? mib : 0).u16(0, 0, 0, 0);
  },
});

const mapped = ({ base, sizeBytes }: SmbiosFacts['memory']): Structure => ({
  type: 19, handle: HANDLES.mapped, fields: () => {
    const last = base + sizeBytes - 1, isMany = last / KIB >= 0xffff_ffff;
    return new LittleEndian().u32(isMany ? 0xffff_ffff : base / KIB, isMany ? 0xffff_ffff : Math.floor(last / KIB)).u16(HANDLES.array).u8(1).u64(isMany ? base : 0, isMany ? last : 0);
  },
});

const bootStatus: Structure = { type: 32, handle: HANDLES.boot, fields: () => new LittleEndian().zeros(6).u8(0) };
const end: Structure = { type: 127, handle: HANDLES.end, fields: () => new LittleEndian() };

/** All structures, one after another, the last of type 127. They have no addresses, and may be anywhere. */
export function smbiosTables({ cpus, memory, uuid }: SmbiosFacts): Uint8Array {
  return concat([bios, system(uuid), board, chassis, processor(cpus), memoryArray(memory.sizeBytes), memoryModule(memory.sizeBytes), mapped(memory), bootStatus, end].map(bytesOf));
}

/** For tables of so many bytes at an address. */
export function smbiosEntryPoint(tableBytes: number, address: number): Uint8Array {
  const bytes = new LittleEndian().text('_SM3_', 5).u8(0, ENTRY_BYTES, 3, 0, 0, 1, 0).u32(tableBytes).u64(address).done();
  bytes[ENTRY_CHECKSUM_AT] = checksumOf(bytes);
  return bytes;
}

/** The entry point first, then the tables, for memory from `base` on, which is a multiple of 16. */
export function placeSmbios(facts: SmbiosFacts, base: number): { readonly bytes: Uint8Array; readonly entryPointAddress: number } {
  const tables = smbiosTables(facts), tablesAt = 2 * 16;
  return { bytes: new LittleEndian().append(smbiosEntryPoint(tables.length, base + tablesAt)).align(tablesAt).append(tables).done(), entryPointAddress: base };
}

/** For firmware that takes them from fw_cfg and gives them an address itself. */
export function smbiosFiles(facts: SmbiosFacts): readonly { readonly name: string; readonly bytes: Uint8Array }[] {
  const tables = smbiosTables(facts);
  return [{ name: 'etc/smbios/smbios-anchor', bytes: smbiosEntryPoint(tables.length, 0) }, { name: 'etc/smbios/smbios-tables', bytes: tables }];
}

/** The first three groups are little-endian (DSP0134, 7.2.1). */
function uuidBytes(uuid: string): Uint8Array {
  const plain = uuid.replaceAll('-', '');
  return Uint8Array.from([3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15], at => parseInt(plain.slice(2 * at, 2 * at + 2), 16) & 0xff);
}
