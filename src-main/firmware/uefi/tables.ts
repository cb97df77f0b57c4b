/** What firmware leaves in the guest's memory: the system table and those that it leads to (UEFI 2.10, chapter 4), and the code of functions. */
import { crc32 } from 'node:zlib';
import { assert } from '../../../shared/base/errors.ts';
import { BOOT_SERVICES, RUNTIME_SERVICES } from './functions.ts';
import { GUID_BYTES } from './guid.ts';
import { textBytes, type GuestMemory } from './guest-memory.ts';
import { MEMORY, PAGE_BYTES, type MemoryMap } from './memory-map.ts';
import { INVALID_PARAMETER, NOT_FOUND, OUT_OF_RESOURCES, SUCCESS } from './status.ts';

const REVISION = 2 << 16 | 100;
const FIRMWARE_REVISION = 1 << 16;
const HEADER_BYTES = 24, SYSTEM_BYTES = 120, SYSTEM_SIGNATURE = 0x5453_5953_2049_4249n, BOOT_SIGNATURE = 0x5652_4553_544f_4f42n, RUNTIME_SIGNATURE = 0x5652_4553_544e_5552n;
const MOST_CONFIGURATIONS = 64, CONFIGURATION_BYTES = 24;
/** Offsets in the system table. */
const VENDOR = 24, REVISION_OF_FIRMWARE = 32, CONSOLE_IN = 40, CONSOLE_OUT = 56, CONSOLE_ERROR = 72, RUNTIME_TABLE = 88, BOOT_TABLE = 96, CONFIGURATIONS = 104, CONFIGURATION_LIST = 112;

const hvc = (number: number) => (0xd400_0002 | number << 5) >>> 0;
const RET = 0xd65f_03c0, ERET = 0xd69f_03e0, BRANCH_TO_SELF = 0x1400_0000;
const FUNCTION_BYTES = 8;
/** Numbers of HVC: PSCI's is 0. */
export const FIRST_FUNCTION = 0x1000, RETURNED = 0xfff, FIRST_VECTOR = 0xf00;
const VECTORS = 16, VECTOR_BYTES = 0x80;

export interface TablesState { readonly names: readonly string[]; readonly system: number; readonly boot: number; readonly runtime: number; readonly list: number; readonly returned: number; readonly vectors: number; readonly isVirtual: boolean; readonly addresses: readonly [string, number][]; readonly configurations: readonly [string, bigint][] }

export class Tables {
  private readonly memory: GuestMemory;
  private state: TablesState | undefined;
  private addresses: ReadonlyMap<string, number> = new Map();

  constructor(memory: GuestMemory) { this.memory = memory; }

  private get now(): TablesState {
    assert(this.state !== undefined, 'the tables are made');
    return this.state;
  }
  get system(): bigint { return BigInt(this.now.system); }
  /** Where a function that was called returns to. */
  get returned(): bigint { return BigInt(this.now.returned); }
  get vectors(): number { return this.now.vectors; }
  get isVirtual(): boolean { return this.now.isVirtual; }
  nameOf(number: number): string | undefined { return this.now.names[number - FIRST_FUNCTION]; }
  addressOf(name: string): bigint {
    const address = this.addresses.get(name);
    assert(address !== undefined, `${name} is a function`);
    return BigInt(address);
  }

  /** In memory that is all free yet. */
  make(map: MemoryMap, names: readonly string[]): void {
    const take = (type: number, bytes: number) => {
      const start = map.allocate(type, Math.ceil(bytes / PAGE_BYTES));
      assert(start !== undefined, 'an empty machine has room for its firmware');
      return start;
    };
    const runtimeNames = names.filter(isRuntime), bootNames = names.filter(name => !isRuntime(name));
    const runtimeCode = take(MEMORY.runtimeServicesCode, FUNCTION_BYTES * runtimeNames.length), runtimeData = take(MEMORY.runtimeServicesData, PAGE_BYTES);
    const code = take(MEMORY.bootServicesCode, VECTORS * VECTOR_BYTES + FUNCTION_BYTES * (bootNames.length + 1)), boot = take(MEMORY.bootServicesData, PAGE_BYTES);
    const functions = code + VECTORS * VECTOR_BYTES, addresses = [
      ...runtimeNames.map((name, n) => [name, runtimeCode + FUNCTION_BYTES * n] as const), ...bootNames.map((name, n) => [name, functions + FUNCTION_BYTES * n] as const)];
    const returned = functions + FUNCTION_BYTES * bootNames.length, system = runtimeData, runtime = runtimeData + 0x200, list = runtimeData + 0x400, vendor = runtimeData + 0x180;
    this.addresses = new Map(addresses);
    this.state = { names, system, boot, runtime, list, returned, vectors: code, isVirtual: false, addresses: addresses.map(([name, address]) => [name, address]), configurations: [] };
    for (const [name, address] of addresses) this.code(address, hvc(FIRST_FUNCTION + names.indexOf(name)), RET);
    for (let n = 0; n < VECTORS; n++) this.code(code + n * VECTOR_BYTES, hvc(FIRST_VECTOR + n), ERET);
    this.code(returned, hvc(RETURNED), BRANCH_TO_SELF);
    this.memory.write(BigInt(vendor), textBytes('Quarterdeck'));
    this.services(boot, BOOT_SIGNATURE, BOOT_SERVICES);
    this.services(runtime, RUNTIME_SIGNATURE, RUNTIME_SERVICES);
    this.header(system, SYSTEM_SIGNATURE, SYSTEM_BYTES);
    this.put(VENDOR, BigInt(vendor));
    this.memory.put32(this.system + BigInt(REVISION_OF_FIRMWARE), FIRMWARE_REVISION);
    this.put(RUNTIME_TABLE, BigInt(runtime));
    this.put(BOOT_TABLE, BigInt(boot));
    this.put(CONFIGURATION_LIST, BigInt(list));
    this.sum(system, SYSTEM_BYTES);
  }

  /** The handles and interfaces of the console. */
  setConsole(handle: bigint, input: bigint, output: bigint): void {
    for (const [at, address] of [[CONSOLE_IN, input], [CONSOLE_OUT, output], [CONSOLE_ERROR, output]] as const) {
      this.put(at, handle);
      this.put(at + 8, address);
    }
    this.sum(this.now.system, SYSTEM_BYTES);
  }

  /** What an OS finds by its GUID; nothing at 0. */
  configure(guid: string, address: bigint): bigint {
    const before = this.now.configurations, others = before.filter(([each]) => each !== guid);
    if (address === 0n && others.length === before.length) return NOT_FOUND;
    if (address !== 0n && others.length >= MOST_CONFIGURATIONS) return OUT_OF_RESOURCES;
    this.state = { ...this.now, configurations: address === 0n ? others : before.some(([each]) => each === guid) ? before.map(([each, old]) => [each, each === guid ? address : old]) : [...before, [guid, address]] };
    this.now.configurations.forEach(([each, table], n) => {
      const at = BigInt(this.now.list + n * CONFIGURATION_BYTES);
      this.memory.putGuid(at, each);
      this.memory.put64(at + BigInt(GUID_BYTES), table);
    });
    this.put(CONFIGURATIONS, BigInt(this.now.configurations.length));
    this.sum(this.now.system, SYSTEM_BYTES);
    return SUCCESS;
  }

  /** Boot services are gone. */
  endBootServices(): void {
    for (const at of [CONSOLE_IN, CONSOLE_OUT, CONSOLE_ERROR]) { this.put(at, 0n); this.put(at + 8, 0n); }
    this.put(BOOT_TABLE, 0n);
    this.sum(this.now.system, SYSTEM_BYTES);
  }

  /** The tables' pointers become virtual. Functions need no change: they run anywhere. */
  becomeVirtual(ranges: readonly { readonly start: bigint; readonly end: bigint; readonly virtual: bigint }[]): bigint {
    const { system, runtime } = this.now, moved = (address: bigint) => {
      const range = ranges.find(({ start, end }) => address >= start && address < end);
      return range === undefined ? undefined : address - range.start + range.virtual;
    };
    const places = [...[VENDOR, RUNTIME_TABLE, CONFIGURATION_LIST].map(at => BigInt(system + at)), ...RUNTIME_SERVICES.map((_, n) => BigInt(runtime + HEADER_BYTES + 8 * n))];
    const changes = places.map(at => [at, moved(this.memory.u64(at))] as const);
    if (changes.some(([, address]) => address === undefined)) return INVALID_PARAMETER;
    for (const [at, address] of changes) this.memory.put64(at, address!);
    this.sum(runtime, HEADER_BYTES + 8 * RUNTIME_SERVICES.length);
    this.sum(system, SYSTEM_BYTES);
    this.state = { ...this.now, isVirtual: true };
    return SUCCESS;
  }

  save(): TablesState { return this.now; }
  restore(state: TablesState): void {
    this.state = state;
    this.addresses = new Map(state.addresses);
  }

  private services(at: number, signature: bigint, names: readonly string[]) {
    const bytes = HEADER_BYTES + 8 * names.length;
    this.header(at, signature, bytes);
    names.forEach((name, n) => { if (name !== '') this.memory.put64(BigInt(at + HEADER_BYTES + 8 * n), this.addressOf(name)); });
    this.sum(at, bytes);
  }

  private header(at: number, signature: bigint, bytes: number) {
    this.memory.put64(BigInt(at), signature);
    this.memory.put32(BigInt(at + 8), REVISION);
    this.memory.put32(BigInt(at + 12), bytes);
  }

  private sum(at: number, bytes: number) {
    this.memory.put32(BigInt(at + 16), 0);
    this.memory.put32(BigInt(at + 16), crc32(this.memory.bytes(BigInt(at), bytes)));
  }

  private put(offset: number, value: bigint) { this.memory.put64(this.system + BigInt(offset), value); }
  private code(at: number, ...words: readonly number[]) { words.forEach((word, n) => this.memory.put32(BigInt(at + 4 * n), word)); }
}

const RUNTIME_NAMES: ReadonlySet<string> = new Set(RUNTIME_SERVICES);
export const isRuntime = (name: string): boolean => RUNTIME_NAMES.has(name);
