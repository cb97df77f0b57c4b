/**
 * The software TLBs: direct-mapped, for data and for instructions. EL1 has one of each. EL0 has one of each for every
 * context, that is a translation table with its ASID, so that switching between processes forgets nothing; which one
 * is current is settled when EL0 is next entered or looked at. Data entries hold the page address as a tag for each
 * right, and the distance to linear memory. Pages that hold decoded code or are traced get no write tag, so that
 * stores to them take the slow path.
 */
import {
  CONTEXT_BYTES, CONTEXT_ITLB, CONTEXT_KEYS, CONTEXT_NEXT, CONTEXT_TABLES, CONTEXTS, CPU_BASE, CPU_STRIDE, EL, ITLB, ITLB_EL0, ITLB_EL1, ITLB_ENTRIES,
  ITLB_ENTRY_BYTES, LARGE_BLOCKS, LARGE_PAGES, M_CPUS, M_RAM_BYTES, M_THREADS, MACHINE, NO_ITLB, NO_TLB, NONGLOBAL, RAM_BASE, TLB, TLB_ADDEND, TLB_EL0, TLB_EL1, TLB_ENTRIES,
  TLB_ENTRY_BYTES, TLB_PAGE, TLB_READ, TLB_SIZE_LOG2, TLB_WRITE, UNWIND, USER_PAGES, WRITERS, WRITERS_MANY,
} from "../../layout";
import { TCR_EL1, TTBR0_EL1, TTBR1_EL1 } from "../../sysreg-slots";
import { bit, get32, get64, machine32, put32 } from "./state";

const EMPTY: u64 = 0xffff_ffff_ffff_ffff;
/** In place of TTBR1's ASID: it does not count, or the context is not in use. */
const NO_ASID: u64 = 0x10000;
const UNUSED: u64 = 0x20000;
const DATA_BYTES: usize = TLB_ENTRIES * TLB_ENTRY_BYTES;
const CODE_BYTES: usize = ITLB_ENTRIES * ITLB_ENTRY_BYTES;

// @ts-ignore: decorator
@inline export function dataEntry(table: usize, va: u64): usize { return table + (<usize>(va >> 12) & (TLB_ENTRIES - 1)) * TLB_ENTRY_BYTES; }
// @ts-ignore: decorator
@inline function codeEntry(table: usize, va: u64): usize { return table + (<usize>(va >> 12) & (ITLB_ENTRIES - 1)) * ITLB_ENTRY_BYTES; }

/** Translations of TTBR0 have bit 55 clear, those of TTBR1 set. */
// @ts-ignore: decorator
@inline function isUpper(va: u64): bool { return ((va >> 55) & 1) != 0; }

// ---- contexts of EL0

// @ts-ignore: decorator
@inline function contextTable(cpu: usize, n: i32): usize { return cpu + CONTEXT_TABLES + <usize>n * CONTEXT_BYTES; }
// @ts-ignore: decorator
@inline function contextKey(cpu: usize, n: i32): usize { return cpu + CONTEXT_KEYS + <usize>n * 16; }
// @ts-ignore: decorator
@inline function isUsed(cpu: usize, n: i32): bool { return load<u64>(contextKey(cpu, n) + 8) != UNUSED; }

function forgetContext(cpu: usize, n: i32): void { store<u64>(contextKey(cpu, n) + 8, UNUSED); }

/** TTBR0, TTBR1's ASID or what they mean changed: EL0's TLB is to be looked for again. */
function leaveContext(cpu: usize): void {
  put32(cpu, TLB_EL0, <i32>cpu + NO_TLB);
  put32(cpu, ITLB_EL0, <i32>cpu + NO_ITLB);
  put32(cpu, UNWIND, 1);
  if (get32(cpu, USER_PAGES) != 0) flushUserPagesOfEl1(cpu);
  if (get32(cpu, EL) != 0) return;
  put32(cpu, TLB, <i32>enterContext(cpu));
  put32(cpu, ITLB, get32(cpu, ITLB_EL0));
}

/** Finds or makes the TLBs of the current context, and gives that for data. */
export function enterContext(cpu: usize): usize {
  const current = <usize>get32(cpu, TLB_EL0);
  if (current != cpu + NO_TLB) return current;
  const ttbr0 = get64(cpu, TTBR0_EL1), asid = bit(get64(cpu, TCR_EL1), 22) ? get64(cpu, TTBR1_EL1) >> 48 : NO_ASID;
  for (let n = 0; n < CONTEXTS; n++) {
    if (load<u64>(contextKey(cpu, n)) == ttbr0 && load<u64>(contextKey(cpu, n) + 8) == asid) return useContext(cpu, n);
  }
  const n = get32(cpu, CONTEXT_NEXT);
  put32(cpu, CONTEXT_NEXT, (n + 1) % CONTEXTS);
  store<u64>(contextKey(cpu, n), ttbr0);
  store<u64>(contextKey(cpu, n) + 8, asid);
  memory.fill(contextTable(cpu, n), 0xff, CONTEXT_BYTES);
  return useContext(cpu, n);
}

function useContext(cpu: usize, n: i32): usize {
  const table = contextTable(cpu, n);
  put32(cpu, TLB_EL0, <i32>table);
  put32(cpu, ITLB_EL0, <i32>(table + CONTEXT_ITLB));
  return table;
}

// ---- filling

export function fillData(cpu: usize, table: usize, va: u64, host: usize, readable: bool, writable: bool, sizeLog2: i32): void {
  const entry = dataEntry(table, va), page = va & ~0xfff;
  store<u64>(entry + TLB_READ, readable ? page : EMPTY);
  store<u64>(entry + TLB_WRITE, writable ? page : EMPTY);
  store<i32>(entry + TLB_ADDEND, <i32>host - <i32>va);
  store<i32>(entry + TLB_SIZE_LOG2, sizeLog2);
  store<u64>(entry + TLB_PAGE, page);
  if (writable) noteWriter(host, entry);
  noteFill(cpu, table == cpu + TLB_EL1, va, sizeLog2);
}

export function fillCode(cpu: usize, table: usize, va: u64, slot: i32, sizeLog2: i32): void {
  const entry = codeEntry(table, va);
  store<u64>(entry, va & ~0xfff);
  store<i32>(entry + 8, slot);
  store<i32>(entry + 12, sizeLog2);
  noteFill(cpu, table == cpu + ITLB_EL1, va, sizeLog2);
}

function noteFill(cpu: usize, isEl1: bool, va: u64, sizeLog2: i32): void {
  if (isEl1 && !isUpper(va)) put32(cpu, USER_PAGES, 1);
  if (sizeLog2 <= 12) return;
  if (sizeLog2 > 21) put32(cpu, LARGE_PAGES, 1);
  const at = largeBlock(cpu, va);
  store<u8>(at, load<u8>(at) | <u8>(<i32>1 << largeBit(va)));
}

/** A hash of the 2 MiB that an address is in, as a byte and a bit in LARGE_BLOCKS. */
// @ts-ignore: decorator
@inline function largeBlock(cpu: usize, va: u64): usize { return cpu + LARGE_BLOCKS + <usize>((((va >> 21) ^ (va >> 36)) & 4095) >> 3); }
// @ts-ignore: decorator
@inline function largeBit(va: u64): i32 { return <i32>((va >> 21) ^ (va >> 36)) & 7; }

/** A page of the upper half that is not global was used. */
export function noteNonGlobal(cpu: usize): void { put32(cpu, NONGLOBAL, 1); }

// @ts-ignore: decorator
@inline function writerOf(host: usize): usize { return <usize>WRITERS + ((host - <usize>RAM_BASE) >> 12) * 4; }
// @ts-ignore: decorator
@inline function writesTo(entry: usize, page: usize): bool { return load<u64>(entry + TLB_WRITE) != EMPTY && <usize>(load<i32>(entry + TLB_ADDEND) + <i32>load<u64>(entry + TLB_PAGE)) == page; }

function noteWriter(host: usize, entry: usize): void {
  const at = writerOf(host), before = <usize>load<i32>(at);
  if (before == entry || before == WRITERS_MANY) return;
  if (machine32(M_THREADS) != 0) {
    // Another thread may be filling at this moment, and its entries are its own to look at.
    const found = <usize>atomic.cmpxchg<i32>(at, 0, <i32>entry);
    if (found != 0 && found != entry) atomic.store<i32>(at, WRITERS_MANY);
    return;
  }
  store<i32>(at, before != 0 && writesTo(before, host & ~0xfff) ? WRITERS_MANY : <i32>entry);
}

// ---- flushing

// @ts-ignore: decorator
@inline function dropData(entry: usize): void {
  store<u64>(entry + TLB_READ, EMPTY);
  store<u64>(entry + TLB_WRITE, EMPTY);
  store<u64>(entry + TLB_PAGE, EMPTY);
}

export function flushAll(cpu: usize): void {
  memory.fill(cpu + TLB_EL1, 0xff, DATA_BYTES);
  memory.fill(cpu + ITLB_EL1, 0xff, CODE_BYTES);
  for (let n = 0; n < CONTEXTS; n++) forgetContext(cpu, n);
  put32(cpu, USER_PAGES, 0);
  put32(cpu, NONGLOBAL, 0);
  put32(cpu, LARGE_PAGES, 0);
  memory.fill(cpu + LARGE_BLOCKS, 0, 512);
  leaveContext(cpu);
}

/** After reset or restore, when nothing is known of what the tables hold. */
export function resetTlbs(cpu: usize): void {
  memory.fill(cpu + NO_TLB, 0xff, DATA_BYTES);
  memory.fill(cpu + NO_ITLB, 0xff, CODE_BYTES);
  put32(cpu, CONTEXT_NEXT, 0);
  flushAll(cpu);
}

/** Entries that EL1 holds for the lower half. */
export function flushUserPagesOfEl1(cpu: usize): void {
  const data = cpu + TLB_EL1, code = cpu + ITLB_EL1;
  for (let entry = data; entry < data + DATA_BYTES; entry += TLB_ENTRY_BYTES) if (!isUpper(load<u64>(entry + TLB_PAGE))) dropData(entry);
  for (let entry = code; entry < code + CODE_BYTES; entry += ITLB_ENTRY_BYTES) if (!isUpper(load<u64>(entry))) store<u64>(entry, EMPTY);
  put32(cpu, USER_PAGES, 0);
  put32(cpu, UNWIND, 1);
}

/** Another ASID is current, of TTBR0 or TTBR1. */
export function changeAsid(cpu: usize): void {
  if (get32(cpu, NONGLOBAL) != 0) flushAll(cpu);
  else leaveContext(cpu);
}

/** What belongs to one ASID. */
export function flushAsid(cpu: usize, asid: u64): void {
  for (let n = 0; n < CONTEXTS; n++) {
    const ofTtbr1 = load<u64>(contextKey(cpu, n) + 8);
    if ((ofTtbr1 == NO_ASID ? load<u64>(contextKey(cpu, n)) >> 48 : ofTtbr1) == asid) forgetContext(cpu, n);
  }
  changeAsid(cpu);
}

/** A CPU's copies of one address, whatever its tag byte. Parts of a large page that holds it go too. */
export function flushAddress(cpu: usize, va: u64): void {
  put32(cpu, UNWIND, 1);
  dropAddress(cpu + TLB_EL1, cpu + ITLB_EL1, va);
  for (let n = 0; n < CONTEXTS; n++) if (isUsed(cpu, n)) dropAddress(contextTable(cpu, n), contextTable(cpu, n) + CONTEXT_ITLB, va);
  if (get32(cpu, LARGE_PAGES) == 0 && (<i32>load<u8>(largeBlock(cpu, va)) & (<i32>1 << largeBit(va))) == 0) return;
  dropLarge(cpu + TLB_EL1, cpu + ITLB_EL1, va);
  for (let n = 0; n < CONTEXTS; n++) if (isUsed(cpu, n)) dropLarge(contextTable(cpu, n), contextTable(cpu, n) + CONTEXT_ITLB, va);
}

function dropAddress(data: usize, code: usize, va: u64): void {
  dropData(dataEntry(data, va));
  store<u64>(codeEntry(code, va), EMPTY);
}

function dropLarge(data: usize, code: usize, va: u64): void {
  for (let entry = data; entry < data + DATA_BYTES; entry += TLB_ENTRY_BYTES) {
    if (sameUntagged(load<u64>(entry + TLB_PAGE), va, load<i32>(entry + TLB_SIZE_LOG2))) dropData(entry);
  }
  for (let entry = code; entry < code + CODE_BYTES; entry += ITLB_ENTRY_BYTES) {
    if (sameUntagged(load<u64>(entry), va, load<i32>(entry + 12))) store<u64>(entry, EMPTY);
  }
}

// @ts-ignore: decorator
@inline function sameUntagged(a: u64, b: u64, sizeLog2: i32): bool { return (((a ^ b) & 0x00ff_ffff_ffff_ffff) >> sizeLog2) == 0; }

// @ts-ignore: decorator
@inline function cpuAt(n: i32): usize { return <usize>(CPU_BASE + n * CPU_STRIDE); }

export function flushAddressEverywhere(va: u64): void { for (let n = 0; n < machine32(M_CPUS); n++) flushAddress(cpuAt(n), va); }
export function flushAsidEverywhere(asid: u64): void { for (let n = 0; n < machine32(M_CPUS); n++) flushAsid(cpuAt(n), asid); }
export function flushEverywhere(): void { for (let n = 0; n < machine32(M_CPUS); n++) flushAll(cpuAt(n)); }

/** Takes away the write tags of a page of RAM that came to hold code or a trace. */
export function dropWritesTo(host: usize): void {
  const at = writerOf(host), writer = <usize>load<i32>(at);
  store<i32>(at, 0);
  if (writer == 0) return;
  if (writer != WRITERS_MANY) {
    if (writesTo(writer, host)) store<u64>(writer + TLB_WRITE, EMPTY);
    return;
  }
  for (let n = 0; n < machine32(M_CPUS); n++) {
    dropWritesIn(cpuAt(n) + TLB_EL1, host);
    for (let k = 0; k < CONTEXTS; k++) if (isUsed(cpuAt(n), k)) dropWritesIn(contextTable(cpuAt(n), k), host);
  }
}

/** Nobody may write to RAM from then on without the slow path. In an exclusive section. */
export function dropWrites(): void {
  memory.fill(WRITERS, 0, <usize>(load<f64>(MACHINE + M_RAM_BYTES)) >> 12 << 2);
  for (let n = 0; n < machine32(M_CPUS); n++) {
    dropAllWritesIn(cpuAt(n) + TLB_EL1);
    for (let k = 0; k < CONTEXTS; k++) if (isUsed(cpuAt(n), k)) dropAllWritesIn(contextTable(cpuAt(n), k));
  }
}

function dropAllWritesIn(table: usize): void { for (let entry = table; entry < table + DATA_BYTES; entry += TLB_ENTRY_BYTES) store<u64>(entry + TLB_WRITE, EMPTY); }

function dropWritesIn(table: usize, host: usize): void {
  for (let entry = table; entry < table + DATA_BYTES; entry += TLB_ENTRY_BYTES) if (writesTo(entry, host)) store<u64>(entry + TLB_WRITE, EMPTY);
}

/** Code changed: nobody goes on in translated code that he is in the middle of, once he returns to it. */
export function unwindEverywhere(): void { for (let n = 0; n < machine32(M_CPUS); n++) put32(cpuAt(n), UNWIND, 1); }

/** Forgets where decoded pages are, after one was given to another page. */
export function flushCodeEverywhere(): void {
  unwindEverywhere();
  for (let n = 0; n < machine32(M_CPUS); n++) {
    memory.fill(cpuAt(n) + ITLB_EL1, 0xff, CODE_BYTES);
    for (let k = 0; k < CONTEXTS; k++) if (isUsed(cpuAt(n), k)) memory.fill(contextTable(cpuAt(n), k) + CONTEXT_ITLB, 0xff, CODE_BYTES);
  }
}
