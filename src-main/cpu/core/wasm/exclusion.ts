/**
 * CPUs in threads of their own (docs/decisions/0006-smp.md). A thread is in guest code during a turn only. What concerns
 * other CPUs, their TLBs and the decoded pages, is done in an exclusive section, while none of them is there; so all that
 * is written as if CPUs took turns. CPUs that take turns in one thread need nothing of this.
 */
import {
  ATTENTION, CPU_BASE, CPU_STRIDE, DEFERRED_MOST, EXIT, EXIT_BUDGET, FAULT, ID, M_CPUS, M_DEFERRED, M_EXCLUSIVE, M_EXCLUSIVE_WAITERS, M_MAILBOXES, M_THREADS, MACHINE, MAILBOX_BYTES,
  MAILBOX_DEFERRED, MAILBOX_IN_GUEST, PC,
} from "../../layout";
import { get32, get64, machine32, put32, put64 } from "./state";
import { flushAddress, flushAddressEverywhere, flushAll, flushAsid, flushAsidEverywhere, flushEverywhere } from "./tlb";

/** Looks at a thread that is about to leave guest code before sleeping: about a microsecond. */
const SPINS = 500;
const FOREVER: i64 = -1;
const EXCLUSIVE: usize = MACHINE + M_EXCLUSIVE;
const WAITERS: usize = MACHINE + M_EXCLUSIVE_WAITERS;

// @ts-ignore: decorator
@inline export function inThreads(): bool { return machine32(M_THREADS) != 0; }
// @ts-ignore: decorator
@inline function mailbox(id: i32): usize { return <usize>(MACHINE + M_MAILBOXES + id * MAILBOX_BYTES); }
// @ts-ignore: decorator
@inline function inGuest(id: i32): usize { return mailbox(id) + MAILBOX_IN_GUEST; }

/** At the start of a turn. */
export function enterGuest(cpu: usize): void {
  if (!inThreads()) return;
  const mine = inGuest(get32(cpu, ID));
  for (;;) {
    atomic.store<i32>(mine, 1);
    if (atomic.load<i32>(EXCLUSIVE) == 0) return;
    leaveGuest(cpu);
    awaitEnd();
  }
}

/** At the end of a turn. */
export function leaveGuest(cpu: usize): void {
  if (!inThreads()) return;
  const mine = inGuest(get32(cpu, ID));
  atomic.store<i32>(mine, 0);
  if (atomic.load<i32>(EXCLUSIVE) != 0) atomic.notify(mine, 1);
}

function awaitEnd(): void {
  atomic.add<i32>(WAITERS, 1);
  while (atomic.load<i32>(EXCLUSIVE) != 0) atomic.wait<i32>(EXCLUSIVE, 1, FOREVER);
  atomic.sub<i32>(WAITERS, 1);
}

/**
 * Begins an exclusive section; `cpu` is 0 for a thread that is no CPU's. False: another section came first, and is over.
 * What was looked up before may have changed, so the caller has to start over, and a CPU's turn ends, as there may be
 * regions that its thread does not have yet.
 */
export function startExclusive(cpu: usize): bool {
  if (!inThreads()) return true;
  if (atomic.cmpxchg<i32>(EXCLUSIVE, 0, 1) != 0) {
    if (cpu == 0) { awaitEnd(); return false; }
    leaveGuest(cpu);
    awaitEnd();
    enterGuest(cpu);
    put32(cpu, EXIT, EXIT_BUDGET);
    return false;
  }
  const count = machine32(M_CPUS), self = cpu == 0 ? -1 : get32(cpu, ID);
  for (let id = 0; id < count; id++) if (id != self) atomic.store<i32>(<usize>(CPU_BASE + id * CPU_STRIDE + ATTENTION), 1);
  for (let id = 0; id < count; id++) if (id != self) awaitOutside(inGuest(id));
  return true;
}

function awaitOutside(flag: usize): void {
  for (let n = 0; n < SPINS; n++) if (atomic.load<i32>(flag) == 0) return;
  while (atomic.load<i32>(flag) != 0) atomic.wait<i32>(flag, 1, FOREVER);
}

export function endExclusive(): void {
  if (!inThreads()) return;
  atomic.store<i32>(EXCLUSIVE, 0);
  if (atomic.load<i32>(WAITERS) != 0) atomic.notify(EXCLUSIVE, -1);
}

/** Has the instruction at PC run again, after another's exclusive section. */
export function runAgain(cpu: usize): void { put32(cpu, FAULT, 1); }

// ---- TLB maintenance: at once in this CPU, in the others by the DSB that waits for it

/** TLBI by address, whatever its tag byte; `everywhere` for the inner shareable form. */
export function invalidateAddress(cpu: usize, va: u64, everywhere: bool): void {
  if (!inThreads()) { flushAddressEverywhere(va); return; }
  flushAddress(cpu, va);
  if (everywhere) defer(cpu, va, 1);
}

/** TLBI by ASID. */
export function invalidateAsid(cpu: usize, asid: u64, everywhere: bool): void {
  if (everywhere && !inThreads()) { flushAsidEverywhere(asid); return; }
  flushAsid(cpu, asid);
  if (everywhere) defer(cpu, (asid << 1) | IS_ASID, 1);
}

/** TLBI of everything. */
export function invalidateAll(cpu: usize, everywhere: bool): void {
  if (everywhere && !inThreads()) { flushEverywhere(); return; }
  flushAll(cpu);
  if (everywhere) defer(cpu, 0, DEFERRED_MOST + 1);
}

/** What is deferred is a page's address, or an ASID with this bit below it. */
const IS_ASID: u64 = 1;

/** Only the CPU itself, and whoever is exclusive, looks at what it deferred. */
function defer(cpu: usize, what: u64, count: i32): void {
  const id = get32(cpu, ID), box = mailbox(id), held = load<i32>(box + MAILBOX_DEFERRED);
  if (held < DEFERRED_MOST) store<u64>(deferred(id, held), what);
  store<i32>(box + MAILBOX_DEFERRED, min(held + count, DEFERRED_MOST + 1));
}

// @ts-ignore: decorator
@inline function deferred(id: i32, n: i32): usize { return <usize>(MACHINE + M_DEFERRED + (id * DEFERRED_MOST + n) * 8); }

function carryOut(what: u64): void {
  if ((what & IS_ASID) != 0) flushAsidEverywhere(what >> 1);
  else flushAddressEverywhere(what);
}

/** A full barrier, but on weakly ordered hosts: AssemblyScript's own fence does not validate. */
export function fence(): void { atomic.add<i32>(WAITERS, 0); }

/** DSB, behind its barrier, while CPUs run in threads. `domain` is CRm of the instruction: 4 to 7 are for this CPU alone. */
export function completeMaintenance(cpu: usize, domain: i32): void {
  const id = get32(cpu, ID), box = mailbox(id), held = load<i32>(box + MAILBOX_DEFERRED);
  if (held == 0 || (domain & 12) == 4) return;
  while (!startExclusive(cpu)) { /* another's came first */ }
  if (held > DEFERRED_MOST) flushEverywhere();
  else for (let n = 0; n < held; n++) carryOut(load<u64>(deferred(id, n)));
  store<i32>(box + MAILBOX_DEFERRED, 0);
  endExclusive();
  put64(cpu, PC, get64(cpu, PC) + 4);
  put32(cpu, FAULT, 1);
}
