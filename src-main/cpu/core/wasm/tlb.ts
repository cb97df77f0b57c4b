/**
 * The software TLBs: direct-mapped, one for EL1 and one for EL0, for data and for instructions. Data entries hold
 * the page address as a tag for each right, and the distance to linear memory. Pages that hold decoded code or are
 * traced get no write tag, so that stores to them take the slow path.
 */
import {
  CPU_BASE, CPU_STRIDE, ITLB_EL0, ITLB_EL1, ITLB_ENTRIES, ITLB_ENTRY_BYTES, LARGE_PAGES, M_CPUS, TLB_ADDEND, TLB_EL0, TLB_EL1,
  TLB_ENTRIES, TLB_ENTRY_BYTES, TLB_PAGE, TLB_READ, TLB_SIZE_LOG2, TLB_WRITE, UNWIND, USER_PAGES,
} from "../../layout";
import { get32, machine32, put32 } from "./state";

const EMPTY: u64 = 0xffff_ffff_ffff_ffff;

// @ts-ignore: decorator
@inline export function dataEntry(table: usize, va: u64): usize { return table + (<usize>(va >> 12) & (TLB_ENTRIES - 1)) * TLB_ENTRY_BYTES; }
// @ts-ignore: decorator
@inline function codeEntry(table: usize, va: u64): usize { return table + (<usize>(va >> 12) & (ITLB_ENTRIES - 1)) * ITLB_ENTRY_BYTES; }

export function fillData(cpu: usize, table: usize, va: u64, host: usize, readable: bool, writable: bool, sizeLog2: i32): void {
  const entry = dataEntry(table, va), page = va & ~0xfff;
  store<u64>(entry + TLB_READ, readable ? page : EMPTY);
  store<u64>(entry + TLB_WRITE, writable ? page : EMPTY);
  store<i32>(entry + TLB_ADDEND, <i32>host - <i32>va);
  store<i32>(entry + TLB_SIZE_LOG2, sizeLog2);
  store<u64>(entry + TLB_PAGE, page);
  if (sizeLog2 > 12) put32(cpu, LARGE_PAGES, 1);
}

export function fillCode(cpu: usize, table: usize, va: u64, slot: i32, sizeLog2: i32): void {
  const entry = codeEntry(table, va);
  store<u64>(entry, va & ~0xfff);
  store<i32>(entry + 8, slot);
  store<i32>(entry + 12, sizeLog2);
  if (sizeLog2 > 12) put32(cpu, LARGE_PAGES, 1);
}

// @ts-ignore: decorator
@inline function dropData(entry: usize): void {
  store<u64>(entry + TLB_READ, EMPTY);
  store<u64>(entry + TLB_WRITE, EMPTY);
  store<u64>(entry + TLB_PAGE, EMPTY);
}

function flushDataTable(table: usize, halves: i32): void {
  const end = table + TLB_ENTRIES * TLB_ENTRY_BYTES;
  for (let entry = table; entry < end; entry += TLB_ENTRY_BYTES) if (inHalves(load<u64>(entry + TLB_PAGE), halves)) dropData(entry);
}

function flushCodeTable(table: usize, halves: i32): void {
  const end = table + ITLB_ENTRIES * ITLB_ENTRY_BYTES;
  for (let entry = table; entry < end; entry += ITLB_ENTRY_BYTES) if (inHalves(load<u64>(entry), halves)) store<u64>(entry, EMPTY);
}

const LOWER = 1, UPPER = 2;

/** Whether a page belongs to the translations of TTBR0 (bit 55 clear) or TTBR1. */
// @ts-ignore: decorator
@inline function inHalves(page: u64, halves: i32): bool { return ((halves >> <i32>((page >> 55) & 1)) & 1) != 0; }

function flush(cpu: usize, halves: i32): void {
  put32(cpu, UNWIND, 1);
  flushDataTable(cpu + TLB_EL1, halves);
  flushDataTable(cpu + TLB_EL0, halves);
  flushCodeTable(cpu + ITLB_EL1, halves);
  flushCodeTable(cpu + ITLB_EL0, halves);
}

export function flushAll(cpu: usize): void {
  flush(cpu, LOWER | UPPER);
  put32(cpu, LARGE_PAGES, 0);
}

/** After a change of TTBR0 or of its ASID. */
export function flushLowerHalf(cpu: usize): void { flush(cpu, LOWER); }

/** Entries that EL1 holds for pages of EL0, filled while PSTATE.PAN was clear; all are in the lower half. */
export function flushUserPagesOfEl1(cpu: usize): void {
  flushDataTable(cpu + TLB_EL1, LOWER);
  put32(cpu, USER_PAGES, 0);
}

/** Every CPU's copies of one address, whatever its tag byte. Parts of a large page that holds it go too. */
export function flushAddressEverywhere(va: u64): void {
  for (let n = 0; n < machine32(M_CPUS); n++) {
    const cpu = <usize>(CPU_BASE + n * CPU_STRIDE);
    put32(cpu, UNWIND, 1);
    dropData(dataEntry(cpu + TLB_EL1, va));
    dropData(dataEntry(cpu + TLB_EL0, va));
    store<u64>(codeEntry(cpu + ITLB_EL1, va), EMPTY);
    store<u64>(codeEntry(cpu + ITLB_EL0, va), EMPTY);
    if (get32(cpu, LARGE_PAGES) != 0) flushLargePagesOf(cpu, va);
  }
}

function flushLargePagesOf(cpu: usize, va: u64): void {
  for (let table = cpu + TLB_EL1; table <= cpu + TLB_EL0; table += TLB_EL0 - TLB_EL1) {
    for (let entry = table; entry < table + TLB_ENTRIES * TLB_ENTRY_BYTES; entry += TLB_ENTRY_BYTES) {
      if (sameUntagged(load<u64>(entry + TLB_PAGE), va, load<i32>(entry + TLB_SIZE_LOG2))) dropData(entry);
    }
  }
  for (let table = cpu + ITLB_EL1; table <= cpu + ITLB_EL0; table += ITLB_EL0 - ITLB_EL1) {
    for (let entry = table; entry < table + ITLB_ENTRIES * ITLB_ENTRY_BYTES; entry += ITLB_ENTRY_BYTES) {
      if (sameUntagged(load<u64>(entry), va, load<i32>(entry + 12))) store<u64>(entry, EMPTY);
    }
  }
}

// @ts-ignore: decorator
@inline function sameUntagged(a: u64, b: u64, sizeLog2: i32): bool { return (((a ^ b) & 0x00ff_ffff_ffff_ffff) >> sizeLog2) == 0; }

export function flushEverywhere(): void {
  for (let n = 0; n < machine32(M_CPUS); n++) flushAll(<usize>(CPU_BASE + n * CPU_STRIDE));
}

/** Takes away the write tags of a page of RAM that came to hold code or a trace. */
export function dropWritesTo(host: usize): void {
  for (let n = 0; n < machine32(M_CPUS); n++) {
    const cpu = <usize>(CPU_BASE + n * CPU_STRIDE);
    for (let entry = cpu + TLB_EL1; entry < cpu + TLB_EL1 + 2 * TLB_ENTRIES * TLB_ENTRY_BYTES; entry += TLB_ENTRY_BYTES) {
      if (<usize>(load<i32>(entry + TLB_ADDEND) + <i32>load<u64>(entry + TLB_PAGE)) == host) store<u64>(entry + TLB_WRITE, EMPTY);
    }
  }
}

/** Code changed: nobody goes on in translated code that he is in the middle of, once he returns to it. */
export function unwindEverywhere(): void {
  for (let n = 0; n < machine32(M_CPUS); n++) put32(<usize>(CPU_BASE + n * CPU_STRIDE), UNWIND, 1);
}

/** Forgets where decoded pages are, after one was given to another page. */
export function flushCodeEverywhere(): void {
  for (let n = 0; n < machine32(M_CPUS); n++) {
    const cpu = <usize>(CPU_BASE + n * CPU_STRIDE);
    put32(cpu, UNWIND, 1);
    flushCodeTable(cpu + ITLB_EL1, LOWER | UPPER);
    flushCodeTable(cpu + ITLB_EL0, LOWER | UPPER);
  }
}
