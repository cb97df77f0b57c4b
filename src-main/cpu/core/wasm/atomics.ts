/**
 * Exclusives and atomics (Arm ARM B2.12, C3.2.12). The local monitor remembers address, size and value; a store
 * exclusive succeeds when the monitor holds its address and memory still holds that value. See docs/fidelity.md.
 * All of them are sequentially consistent, which is more than any of their forms asks for.
 */
import { ACCESS_ALIGNED, M_PAIR_LOCKS, MACHINE, MONITOR_ADDRESS, MONITOR_BYTES, MONITOR_HIGH, MONITOR_LOW, PAIR_LOCKS, RAM_BASE } from "../../layout";
import { inThreads } from "./exclusion";
import { hostAddress, loadOrdered } from "./memory";
import { raiseAlignment } from "./aborts";
import { READ, WRITE } from "./mmu";
import { get32, get64, getF, put32, put64, putF } from "./state";

/** Host address of an aligned access, or 0 after raising an abort. */
function alignedHost(cpu: usize, va: u64, bytes: i32, access: i32): usize {
  if ((va & <u64>(bytes - 1)) != 0) { raiseAlignment(cpu, va, access); return 0; }
  return hostAddress(cpu, va, access, ACCESS_ALIGNED);
}

/** Stores `value` if memory holds `expected`; returns what it held. */
function exchangeIf(host: usize, bytes: i32, expected: u64, value: u64): u64 {
  switch (bytes) {
    case 1: return atomic.cmpxchg<u8>(host, <u8>expected, <u8>value);
    case 2: return atomic.cmpxchg<u16>(host, <u16>expected, <u16>value);
    case 4: return atomic.cmpxchg<u32>(host, <u32>expected, <u32>value);
    default: return atomic.cmpxchg<u64>(host, expected, value);
  }
}

function armMonitor(cpu: usize, host: usize, bytes: i32, low: u64, high: u64): void {
  putF(cpu, MONITOR_ADDRESS, <f64>(host - <usize>RAM_BASE));
  put32(cpu, MONITOR_BYTES, bytes);
  put64(cpu, MONITOR_LOW, low);
  put64(cpu, MONITOR_HIGH, high);
}

export function clearExclusive(cpu: usize): void { putF(cpu, MONITOR_ADDRESS, -1); }

export function loadExclusive(cpu: usize, va: u64, sizeLog2: i32): u64 {
  const bytes = 1 << sizeLog2, host = alignedHost(cpu, va, bytes, READ);
  if (host == 0) return 0;
  const value = loadOrdered(host, bytes);
  armMonitor(cpu, host, bytes, value, 0);
  return value;
}

/** Two registers of 2^sizeLog2 bytes each; the values are left in the monitor. */
export function loadExclusivePair(cpu: usize, va: u64, sizeLog2: i32): void {
  const bytes = 1 << sizeLog2, host = alignedHost(cpu, va, 2 * bytes, READ);
  if (host == 0) return;
  if (bytes == 4) {
    const both = loadOrdered(host, 8);
    armMonitor(cpu, host, 8, both & 0xffff_ffff, both >> 32);
  } else {
    const lock = lockPair(host);
    armMonitor(cpu, host, 16, atomic.load<u64>(host), atomic.load<u64>(host + 8));
    unlockPair(lock);
  }
}

/** Whether the monitor holds this access; it is cleared in any case. */
function passMonitor(cpu: usize, host: usize, bytes: i32): bool {
  const holds = getF(cpu, MONITOR_ADDRESS) == <f64>(host - <usize>RAM_BASE) && get32(cpu, MONITOR_BYTES) == bytes;
  clearExclusive(cpu);
  return holds;
}

/** Returns the status register's value: 0 stored, 1 not. */
export function storeExclusive(cpu: usize, va: u64, sizeLog2: i32, value: u64): i32 {
  const bytes = 1 << sizeLog2, host = alignedHost(cpu, va, bytes, WRITE);
  if (host == 0) return 1;
  const expected = get64(cpu, MONITOR_LOW);
  return i32(!(passMonitor(cpu, host, bytes) && exchangeIf(host, bytes, expected, value) == expected));
}

export function storeExclusivePair(cpu: usize, va: u64, sizeLog2: i32, low: u64, high: u64): i32 {
  const bytes = 2 << sizeLog2, host = alignedHost(cpu, va, bytes, WRITE);
  if (host == 0) return 1;
  const oldLow = get64(cpu, MONITOR_LOW), oldHigh = get64(cpu, MONITOR_HIGH);
  if (!passMonitor(cpu, host, bytes)) return 1;
  if (bytes == 8) {
    const expected = oldLow | (oldHigh << 32);
    return i32(exchangeIf(host, 8, expected, (low & 0xffff_ffff) | (high << 32)) != expected);
  }
  return i32(!exchangePairIf(cpu, host, oldLow, oldHigh, low, high));
}

/**
 * 16 bytes; WebAssembly has no such atomic, so both halves are compared, then written, with a lock while CPUs run in
 * threads. Returns whether they were; what was there is left in the monitor.
 */
function exchangePairIf(cpu: usize, host: usize, oldLow: u64, oldHigh: u64, low: u64, high: u64): bool {
  const lock = lockPair(host), thereLow = atomic.load<u64>(host), thereHigh = atomic.load<u64>(host + 8);
  const same = thereLow == oldLow && thereHigh == oldHigh;
  if (same) {
    atomic.store<u64>(host, low);
    atomic.store<u64>(host + 8, high);
  }
  unlockPair(lock);
  put64(cpu, MONITOR_LOW, thereLow);
  put64(cpu, MONITOR_HIGH, thereHigh);
  return same;
}

/** Held for some nanoseconds; who finds it taken looks again, and sleeps now and then in case its holder does. */
const PAIR_SPINS = 200, PAIR_SLEEP_NS: i64 = 50_000;

/** The lock of a 16-byte quantity, or 0 when none is needed. */
function lockPair(host: usize): usize {
  if (!inThreads()) return 0;
  const lock: usize = <usize>(MACHINE + M_PAIR_LOCKS) + ((host >> 4) & (PAIR_LOCKS - 1)) * 4;
  for (let n = 1; atomic.cmpxchg<i32>(lock, 0, 1) != 0; n++) if (n % PAIR_SPINS == 0) atomic.wait<i32>(lock, 1, PAIR_SLEEP_NS);
  return lock;
}

function unlockPair(lock: usize): void { if (lock != 0) atomic.store<i32>(lock, 0); }

/** LDADD and its like: `op` is opc of the encoding, 8 is SWP. Returns the old value, zero-extended. */
export function atomicOperation(cpu: usize, va: u64, sizeLog2: i32, op: i32, operand: u64): u64 {
  const bytes = 1 << sizeLog2, host = alignedHost(cpu, va, bytes, WRITE);
  if (host == 0) return 0;
  const mask = bytes == 8 ? <u64>-1 : (<u64>1 << (8 * bytes)) - 1;
  let old = loadOrdered(host, bytes);
  for (;;) {
    const seen = exchangeIf(host, bytes, old, combine(op, old, operand & mask, bytes) & mask);
    if (seen == old) break;
    old = seen;
  }
  return old;
}

function combine(op: i32, old: u64, operand: u64, bytes: i32): u64 {
  const unused = 64 - 8 * bytes;
  const a = <i64>(old << unused), b = <i64>(operand << unused);
  switch (op) {
    case 0: return old + operand;
    case 1: return old & ~operand;
    case 2: return old ^ operand;
    case 3: return old | operand;
    case 4: return a > b ? old : operand;
    case 5: return a < b ? old : operand;
    case 6: return old > operand ? old : operand;
    case 7: return old < operand ? old : operand;
    default: return operand;
  }
}

/** CAS: returns the old value, zero-extended. */
export function compareAndSwap(cpu: usize, va: u64, sizeLog2: i32, expected: u64, value: u64): u64 {
  const bytes = 1 << sizeLog2, host = alignedHost(cpu, va, bytes, WRITE);
  if (host == 0) return 0;
  const mask = bytes == 8 ? <u64>-1 : (<u64>1 << (8 * bytes)) - 1;
  return exchangeIf(host, bytes, expected & mask, value & mask);
}

/** CASP: the old values are left in the monitor's value fields. */
export function compareAndSwapPair(cpu: usize, va: u64, sizeLog2: i32, low: u64, high: u64, newLow: u64, newHigh: u64): void {
  const bytes = 2 << sizeLog2, host = alignedHost(cpu, va, bytes, WRITE);
  if (host == 0) return;
  clearExclusive(cpu);
  if (bytes == 8) {
    const old = exchangeIf(host, 8, (low & 0xffff_ffff) | (high << 32), (newLow & 0xffff_ffff) | (newHigh << 32));
    put64(cpu, MONITOR_LOW, old & 0xffff_ffff);
    put64(cpu, MONITOR_HIGH, old >> 32);
  } else {
    exchangePairIf(cpu, host, low, high, newLow, newHigh);
  }
}
