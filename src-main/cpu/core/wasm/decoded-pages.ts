/**
 * Decoded pages: for each 4 KiB page of RAM that runs, a slot of 1024 records, decoded one by one as they are first
 * reached. A store to such a page empties its slot, so that code is always what memory holds.
 */
import {
  CODE_POOL, CODE_SLOT_BYTES, CODE_SLOTS, EL, HANDLER_SENTINEL, ITLB, ITLB_ENTRIES, ITLB_ENTRY_BYTES, M_DIRTY_CODE, M_NEXT_SLOT, MACHINE, PAGE_CLEAN, PAGE_HAS_CODE, PAGE_TABLE, PC, RAM_BASE, RECORD_BYTES, SLOT, SLOT_ENTRIES, SLOT_GENERATION, SLOT_HOST,
  SLOT_PAGE, SLOT_SENTINEL, WALK_SIZE_LOG2,
} from "../../layout";
import { raiseAbort, wantPage } from "./aborts";
import { EC_PC_ALIGNMENT, exceptionToEl1 } from "./exceptions";
import { endExclusive, fence, inThreads, startExclusive } from "./exclusion";
import { FAR_EL1 } from "../../sysreg-slots";
import { branchAddress, EXECUTE, isMissing, translate, walkHost } from "./mmu";
import { get32, get64, machine32, put32, put64 } from "./state";
import { dropWritesTo, fillCode, flushCodeEverywhere, unwindEverywhere } from "./tlb";

/** Finds the decoded page of PC and puts it in SLOT; returns 0 after an exception instead, or to be called again. */
export function fetch(cpu: usize): i32 {
  const pc = branchAddress(cpu, get64(cpu, PC));
  put64(cpu, PC, pc);
  if ((pc & 3) != 0) {
    put64(cpu, FAR_EL1, pc);
    exceptionToEl1(cpu, EC_PC_ALIGNMENT, 0);
    return 0;
  }
  if (!translate(cpu, pc, EXECUTE, get32(cpu, EL))) { raiseAbort(cpu, pc, EXECUTE); return 0; }
  if (isMissing(walkHost(cpu))) { wantPage(cpu, walkHost(cpu)); return 0; }
  const slot = slotOf(cpu, walkHost(cpu) & ~0xfff);
  if (slot == 0) return 0;
  fillCode(cpu, <usize>get32(cpu, ITLB), pc, <i32>slot, get32(cpu, WALK_SIZE_LOG2));
  put32(cpu, SLOT, <i32>slot);
  return 1;
}

// @ts-ignore: decorator
@inline function pageEntry(host: usize): usize { return <usize>PAGE_TABLE + ((host - <usize>RAM_BASE) >> 12) * 4; }
/** Flags change while other threads clear PAGE_CLEAN. */
// @ts-ignore: decorator
@inline function setCode(entry: usize): void { atomic.or<u16>(entry + 2, <u16>PAGE_HAS_CODE); }
// @ts-ignore: decorator
@inline function clearCode(entry: usize): void { atomic.and<u16>(entry + 2, <u16>~PAGE_HAS_CODE); }
/** A page of RAM is being written to, by its entry in the page table. */
// @ts-ignore: decorator
@inline export function dirtied(entry: usize): void { if ((load<u16>(entry + 2) & PAGE_CLEAN) != 0) atomic.and<u16>(entry + 2, <u16>~PAGE_CLEAN); }

/** Marks pages of RAM, or takes the mark away. In an exclusive section. */
export function markClean(pa: f64, bytes: f64, isClean: i32): void {
  const first = pageEntry(<usize>RAM_BASE + <usize>pa), end = first + <usize>(bytes / 4096) * 4;
  for (let entry = first; entry < end; entry += 4) {
    if (isClean != 0) atomic.or<u16>(entry + 2, <u16>PAGE_CLEAN);
    else dirtied(entry);
  }
}

// @ts-ignore: decorator
@inline function slotAddress(n: i32): usize { return <usize>CODE_POOL + <usize>n * <usize>CODE_SLOT_BYTES; }

/** The slot of a page, which is code from now on; 0 when another CPU's exclusive section came first. */
function slotOf(cpu: usize, host: usize): usize {
  const entry = pageEntry(host), known = <i32>load<u16>(entry);
  if (known != 0 && (load<u16>(entry + 2) & PAGE_HAS_CODE) != 0) return slotAddress(known - 1);
  if (!startExclusive(cpu)) return 0;
  const slot = known == 0 ? newSlot(host, entry) : codeAgain(host, entry, slotAddress(known - 1));
  endExclusive();
  return slot;
}

/** Threads that ran in the page while it was being written may have decoded what is gone. */
function codeAgain(host: usize, entry: usize, slot: usize): usize {
  if (inThreads()) forget(slot);
  setCode(entry);
  dropWritesTo(host);
  return slot;
}

/** Takes the next slot in turn, from whichever page has it. */
function newSlot(host: usize, entry: usize): usize {
  const n = machine32(M_NEXT_SLOT), slot = slotAddress(n);
  store<i32>(MACHINE + M_NEXT_SLOT, (n + 1) % CODE_SLOTS);
  if (load<i32>(slot + SLOT_HOST) != 0) {
    const before = pageEntry(<usize>load<i32>(slot + SLOT_HOST));
    store<u16>(before, 0);
    clearCode(before);
    flushCodeEverywhere();
    forget(slot);
  }
  store<u16>(slot + SLOT_SENTINEL, <u16>HANDLER_SENTINEL);
  store<i32>(slot + SLOT_HOST, <i32>host);
  store<i32>(slot + SLOT_PAGE, <i32>((host - <usize>RAM_BASE) >> 12));
  store<u16>(entry, <u16>(n + 1));
  setCode(entry);
  dropWritesTo(host);
  return slot;
}

/**
 * Memory at `host` is being written: its decoded form is void. The page counts as data until it is fetched from again,
 * unless it is the one that `cpu` (0: none) runs, which goes on without a fetch. In threads it is data all the same, as
 * others may fetch: code that changes its own page has to use an ISB there. Called in an exclusive section.
 */
export function codeWritten(cpu: usize, host: usize): void {
  const entry = pageEntry(host), known = <i32>load<u16>(entry);
  if (known == 0) return;
  const slot = slotAddress(known - 1);
  forget(slot);
  unwindEverywhere();
  if (cpu == 0 || inThreads() || runningSlot(cpu) != slot) {
    clearCode(entry);
    flushCodeEverywhere();
  }
  store<i32>(MACHINE + M_DIRTY_CODE, machine32(M_DIRTY_CODE) + 1);
}

/** Makes every record decode again. Operands stay, as the instruction that wrote may be one of these and not done. */
function forget(slot: usize): void {
  for (let record = slot; record < slot + SLOT_SENTINEL; record += RECORD_BYTES) store<u16>(record, 0);
  memory.fill(slot + SLOT_ENTRIES, 0, 4096);
  store<i32>(slot + SLOT_GENERATION, load<i32>(slot + SLOT_GENERATION) + 1);
}

function runningSlot(cpu: usize): usize {
  const pc = get64(cpu, PC), entry = <usize>get32(cpu, ITLB) + (<usize>(pc >> 12) & (ITLB_ENTRIES - 1)) * ITLB_ENTRY_BYTES;
  return load<u64>(entry) == (pc & ~0xfff) ? <usize>load<i32>(entry + 8) : 0;
}

/** For writes from outside the CPUs (devices, loaders, debuggers): `pa` and `bytes` within RAM. */
export function invalidateCode(pa: f64, bytes: f64): void {
  const first = <usize>RAM_BASE + (<usize><u64>pa & ~0xfff), last = <usize>RAM_BASE + <usize><u64>(pa + bytes - 1);
  if (inThreads()) fence();
  let exclusive = false;
  for (let host = first; host <= last; host += 4096) {
    dirtied(pageEntry(host));
    if ((load<u16>(pageEntry(host) + 2) & PAGE_HAS_CODE) == 0) continue;
    while (!exclusive) exclusive = startExclusive(0);
    codeWritten(0, host);
  }
  if (exclusive) endExclusive();
}
