/** Loads and stores that the inline TLB could not serve: misses, page crossings, alignment, pages with decoded code. */
import { ACCESS_ALIGNED, ACCESS_UNPRIVILEGED, EL, FAULT, PAGE_CLEAN, PAGE_HAS_CODE, PAGE_TABLE, PAGE_TRACED, RAM_BASE, TLB, TLB_ADDEND, TLB_EL1, TLB_READ, TLB_WRITE, WALK_RIGHTS, WALK_SIZE_LOG2 } from "../../layout";
import { SCTLR_EL1 } from "../../sysreg-slots";
import { instructionAt, raiseAbort, raiseAlignment, wantPage } from "./aborts";
import { codeWritten, dirtied } from "./decoded-pages";
import { endExclusive, runAgain, startExclusive } from "./exclusion";
import { isMissing, READ, translate, walkHost, walkIsDevice, WRITE } from "./mmu";
import { EC_SYSTEM, exceptionToEl1 } from "./exceptions";
import { bit, get32, get64 } from "./state";
import { dataEntry, enterContext, fillData } from "./tlb";

/** Syndrome of a trapped DC ZVA, X31: op0 1, op1 3, CRn 7, CRm 4, op2 1. */
const ISS_DC_ZVA: u64 = (1 << 20) | (1 << 17) | (3 << 14) | (7 << 10) | (31 << 5) | (4 << 1);

// @ts-ignore: decorator
@inline function elOf(cpu: usize, flags: i32): i32 { return (flags & ACCESS_UNPRIVILEGED) != 0 ? 0 : get32(cpu, EL); }

/**
 * Address in linear memory for an access that stays within a page, or 0 after raising an abort, or when the instruction
 * has to run again.
 * The TLB learns the page unless it is device memory, or alignment is checked.
 */
export function hostAddress(cpu: usize, va: u64, access: i32, flags: i32): usize {
  const el = elOf(cpu, flags), table = el == 0 ? enterContext(cpu) : cpu + TLB_EL1, entry = dataEntry(table, va);
  if (load<u64>(entry + (access == WRITE ? TLB_WRITE : TLB_READ)) == (va & ~0xfff)) return <usize>(<i32>va + load<i32>(entry + TLB_ADDEND));
  if (!translate(cpu, va, access, el)) { raiseAbort(cpu, va, access); return 0; }
  const host = walkHost(cpu), page = <usize>PAGE_TABLE + ((host - <usize>RAM_BASE) >> 12) * 4;
  if (isMissing(host)) { wantPage(cpu, host); return 0; }
  if (access == WRITE && !noteWrite(cpu, host, page)) return 0;
  if (walkIsDevice(cpu)) return deviceAddress(cpu, va, access, flags, host);
  learn(cpu, table, va, host, page);
  return host;
}

/** A page of ordinary memory that was just walked goes into the TLB. */
function learn(cpu: usize, table: usize, va: u64, host: usize, page: usize): void {
  if (checksAlignment(cpu)) return;
  const rights = get32(cpu, WALK_RIGHTS), plain = (load<u16>(page + 2) & (PAGE_HAS_CODE | PAGE_TRACED | PAGE_CLEAN)) == 0;
  fillData(cpu, table, va, host, (rights & READ) != 0, (rights & WRITE) != 0 && plain, get32(cpu, WALK_SIZE_LOG2));
}

/** Device memory takes no unaligned access, whatever SCTLR_EL1.A says. */
function deviceAddress(cpu: usize, va: u64, access: i32, flags: i32, host: usize): usize {
  if ((va & ((<u64>1 << (flags & 0xff)) - 1)) == 0) return host;
  raiseAlignment(cpu, va, access);
  return 0;
}

/** A store to a page with decoded code drops that code; the page is plain data until it runs again. */
function noteWrite(cpu: usize, host: usize, page: usize): bool {
  dirtied(page);
  if ((load<u16>(page + 2) & PAGE_HAS_CODE) == 0) return true;
  if (!startExclusive(cpu)) { runAgain(cpu); return false; }
  codeWritten(cpu, host);
  endExclusive();
  return true;
}

/** SCTLR_EL1.A: every access must be aligned to its elements. Then no access may take the short way through the TLB. */
// @ts-ignore: decorator
@inline function checksAlignment(cpu: usize): bool { return bit(get64(cpu, SCTLR_EL1), 1); }

/** Raises the alignment fault that is due, and says so. */
function misaligned(cpu: usize, va: u64, size: i32, access: i32, flags: i32): bool {
  if ((va & <u64>(size - 1)) == 0) return false;
  const strict = (flags & ACCESS_ALIGNED) != 0 || (checksAlignment(cpu) && (va & <u64>(elementSize(cpu, size) - 1)) != 0);
  if (strict) raiseAlignment(cpu, va, access);
  return strict;
}

/** The access's own size, but for loads and stores of SIMD structures, which move several elements at once. */
function elementSize(cpu: usize, size: i32): i32 {
  const word = instructionAt(cpu), log2 = (word >> 10) & 3, scale = (word >> 14) & 3;
  if ((word & 0xbe00_0000) != 0x0c00_0000) return size;
  if ((word & 0x0100_0000) == 0 || scale == 3) return 1 << log2;
  return scale == 2 && log2 == 1 ? 8 : 1 << scale;
}

// @ts-ignore: decorator
@inline function crosses(va: u64, size: i32): bool { return (<i32>va & 0xfff) + size > 4096; }

export function loadSlow(cpu: usize, va: u64, flags: i32): u64 {
  const size = 1 << (flags & 0xff);
  if (misaligned(cpu, va, size, READ, flags)) return 0;
  const host = hostAddress(cpu, va, READ, flags);
  if (host == 0) return 0;
  if (crosses(va, size)) return loadCrossing(cpu, va, size, host, flags);
  if ((flags & ACCESS_ALIGNED) != 0) return loadOrdered(host, size);
  switch (size) {
    case 1: return load<u8>(host);
    case 2: return load<u16>(host);
    case 4: return load<u32>(host);
    default: return load<u64>(host);
  }
}

/** Acquire and release are sequentially consistent among themselves (RCsc). */
export function loadOrdered(host: usize, size: i32): u64 {
  switch (size) {
    case 1: return atomic.load<u8>(host);
    case 2: return atomic.load<u16>(host);
    case 4: return atomic.load<u32>(host);
    default: return atomic.load<u64>(host);
  }
}

function storeOrdered(host: usize, size: i32, value: u64): void {
  switch (size) {
    case 1: atomic.store<u8>(host, <u8>value); break;
    case 2: atomic.store<u16>(host, <u16>value); break;
    case 4: atomic.store<u32>(host, <u32>value); break;
    default: atomic.store<u64>(host, value);
  }
}

function loadCrossing(cpu: usize, va: u64, size: i32, host: usize, flags: i32): u64 {
  const first = 4096 - (<i32>va & 0xfff), second = hostAddress(cpu, va + <u64>first, READ, flags);
  if (second == 0) return 0;
  let value: u64 = 0;
  for (let i = 0; i < size; i++) value |= <u64>load<u8>(i < first ? host + i : second + (i - first)) << (8 * i);
  return value;
}

export function storeSlow(cpu: usize, va: u64, flags: i32, value: u64): void {
  const size = 1 << (flags & 0xff);
  if (misaligned(cpu, va, size, WRITE, flags)) return;
  const host = hostAddress(cpu, va, WRITE, flags);
  if (host == 0) return;
  if (crosses(va, size)) { storeCrossing(cpu, va, size, host, flags, value); return; }
  if ((flags & ACCESS_ALIGNED) != 0) { storeOrdered(host, size, value); return; }
  switch (size) {
    case 1: store<u8>(host, <u8>value); break;
    case 2: store<u16>(host, <u16>value); break;
    case 4: store<u32>(host, <u32>value); break;
    default: store<u64>(host, value);
  }
}

/** Both pages are translated before either is written. */
function storeCrossing(cpu: usize, va: u64, size: i32, host: usize, flags: i32, value: u64): void {
  const first = 4096 - (<i32>va & 0xfff), second = hostAddress(cpu, va + <u64>first, WRITE, flags);
  if (second == 0) return;
  for (let i = 0; i < size; i++) store<u8>(i < first ? host + i : second + (i - first), <u8>(value >> (8 * i)));
}

/** 16 bytes into the block's field at `offset`; nothing is written when either half faults. */
export function load128(cpu: usize, va: u64, flags: i32, offset: i32): void {
  const eight = (flags & ~0xff) | 3;
  if (misaligned(cpu, va, 16, READ, flags)) return;
  const low = loadSlow(cpu, va, eight);
  if (faulted(cpu)) return;
  const high = loadSlow(cpu, va + 8, eight);
  if (faulted(cpu)) return;
  store<u64>(cpu + offset, low);
  store<u64>(cpu + offset + 8, high);
}

export function store128(cpu: usize, va: u64, flags: i32, low: u64, high: u64): void {
  const eight = (flags & ~0xff) | 3;
  if (misaligned(cpu, va, 16, WRITE, flags)) return;
  if (crosses(va, 16) && hostAddress(cpu, va + 15, WRITE, flags & ~0xff) == 0) return;
  storeSlow(cpu, va, eight, low);
  if (!faulted(cpu)) storeSlow(cpu, va + 8, eight, high);
}

// @ts-ignore: decorator
@inline export function faulted(cpu: usize): bool { return get32(cpu, FAULT) != 0; }

/** DC ZVA: zeroes 64 bytes; SCTLR_EL1.DZE allows it to EL0. */
export function dataCacheZero(cpu: usize, va: u64): void {
  if (get32(cpu, EL) == 0 && !bit(get64(cpu, SCTLR_EL1), 14)) { exceptionToEl1(cpu, EC_SYSTEM, ISS_DC_ZVA); return; }
  const host = hostAddress(cpu, va & ~63, WRITE, 0);
  if (host != 0) memory.fill(host, 0, 64);
}

