/**
 * The virtual CPU interface of GICv3 (IHI 0069, chapter 6): the ICV registers that a guest sees as ICC_*, backed by
 * the list registers that the hypervisor fills. Group 1 only, 5 bits of priority, 16 list registers.
 */
import { DAIF, EXIT, EXIT_KICK, IRQ_LINES, LINE_VSERROR } from "../../layout";
import { ICH_AP1R0_EL2, ICH_HCR_EL2, ICH_LR0_EL2, ICH_LR_COUNT, ICH_VMCR_EL2 } from "../../sysreg-slots";
import { irqToEl1, serrorToEl1 } from "./exceptions";
import { bit, bits, get32, get64, put32, put64 } from "./state";

const SPURIOUS: u64 = 1023;
const FIRST_LPI: u64 = 8192;
const LR_PENDING: u64 = 1 << 62;
const LR_ACTIVE: u64 = 1 << 63;
const IDLE_PRIORITY: u64 = 0xff;
const VMCR_VENG1: i32 = 1;
const VMCR_VEOIM: i32 = 9;

// @ts-ignore: decorator
@inline function lr(cpu: usize, n: i32): u64 { return load<u64>(cpu + ICH_LR0_EL2 + 8 * n); }
// @ts-ignore: decorator
@inline function setLr(cpu: usize, n: i32, value: u64): void { store<u64>(cpu + ICH_LR0_EL2 + 8 * n, value); }

/** The list register with the pending interrupt of highest priority, or -1. */
function highestPending(cpu: usize): i32 {
  let best = -1, bestPriority: u64 = 256;
  for (let n = 0; n < ICH_LR_COUNT; n++) {
    const entry = lr(cpu, n);
    if ((entry & LR_PENDING) == 0 || (entry & LR_ACTIVE) != 0) continue;
    const priority = bits(entry, 55, 48);
    if (priority < bestPriority) { best = n; bestPriority = priority; }
  }
  return best;
}

function runningPriority(cpu: usize): u64 {
  const active = <u32>get64(cpu, ICH_AP1R0_EL2);
  return active == 0 ? IDLE_PRIORITY : <u64>ctz(active) << 3;
}

/** The pending interrupt that may be signalled now, or -1. */
function deliverable(cpu: usize): i32 {
  const vmcr = get64(cpu, ICH_VMCR_EL2);
  if (!bit(get64(cpu, ICH_HCR_EL2), 0) || !bit(vmcr, VMCR_VENG1)) return -1;
  const n = highestPending(cpu);
  if (n < 0) return -1;
  const priority = bits(lr(cpu, n), 55, 48);
  return priority < bits(vmcr, 31, 24) && groupPriority(vmcr, priority) < runningPriority(cpu) ? n : -1;
}

/** The part of a priority that takes part in preemption, by BPR1. */
function groupPriority(vmcr: u64, priority: u64): u64 {
  const point = <i32>bits(vmcr, 20, 18);
  return priority & (<u64>0xff << point) & 0xf8;
}

export function interruptPending(cpu: usize): bool { return deliverable(cpu) >= 0 || (get32(cpu, IRQ_LINES) & LINE_VSERROR) != 0; }

/** Takes a pending interrupt that PSTATE does not mask; returns whether there was one. */
export function takePendingInterrupt(cpu: usize): bool {
  const daif = get32(cpu, DAIF);
  if ((get32(cpu, IRQ_LINES) & LINE_VSERROR) != 0 && (daif & 4) == 0) {
    put32(cpu, IRQ_LINES, get32(cpu, IRQ_LINES) & ~LINE_VSERROR);
    serrorToEl1(cpu);
    return true;
  }
  if ((daif & 2) != 0 || deliverable(cpu) < 0) return false;
  irqToEl1(cpu);
  return true;
}

export function readIar1(cpu: usize): u64 {
  const n = deliverable(cpu);
  if (n < 0) return SPURIOUS;
  const entry = lr(cpu, n), priority = groupPriority(get64(cpu, ICH_VMCR_EL2), bits(entry, 55, 48));
  const isLpi = (entry & 0xffff_ffff) >= FIRST_LPI;
  setLr(cpu, n, (entry & ~LR_PENDING) | (isLpi ? 0 : LR_ACTIVE));
  put64(cpu, ICH_AP1R0_EL2, get64(cpu, ICH_AP1R0_EL2) | (<u64>1 << (priority >> 3)));
  return entry & 0xffff_ffff;
}

export function readHppir1(cpu: usize): u64 {
  const n = highestPending(cpu);
  return n < 0 ? SPURIOUS : lr(cpu, n) & 0xffff_ffff;
}

export function readRpr(cpu: usize): u64 { return runningPriority(cpu); }

export function writeEoir1(cpu: usize, id: u64): void {
  if (id >= 1020 && id <= 1023) return;
  const active = get64(cpu, ICH_AP1R0_EL2);
  put64(cpu, ICH_AP1R0_EL2, active & (active - 1));
  if (!bit(get64(cpu, ICH_VMCR_EL2), VMCR_VEOIM)) deactivate(cpu, id);
}

export function writeDir(cpu: usize, id: u64): void {
  if (bit(get64(cpu, ICH_VMCR_EL2), VMCR_VEOIM)) deactivate(cpu, id);
}

/** Ends an interrupt; the hypervisor hears of it when the entry asks for that, or when there is no entry for it. LPIs are never active. */
function deactivate(cpu: usize, id: u64): void {
  if (id >= FIRST_LPI) return;
  for (let n = 0; n < ICH_LR_COUNT; n++) {
    const entry = lr(cpu, n);
    if ((entry & LR_ACTIVE) == 0 || (entry & 0xffff_ffff) != id) continue;
    setLr(cpu, n, entry & ~LR_ACTIVE);
    if (bit(entry, 41) || (bit(get64(cpu, ICH_HCR_EL2), 1) && !anyPending(cpu))) put32(cpu, EXIT, EXIT_KICK);
    return;
  }
  put32(cpu, EXIT, EXIT_KICK);
}

function anyPending(cpu: usize): bool { return highestPending(cpu) >= 0; }

// ---- registers that live in ICH_VMCR_EL2

function vmcrField(cpu: usize, high: i32, low: i32): u64 { return bits(get64(cpu, ICH_VMCR_EL2), high, low); }
function setVmcrField(cpu: usize, high: i32, low: i32, value: u64): void {
  const mask = ((<u64>2 << (high - low)) - 1) << low;
  put64(cpu, ICH_VMCR_EL2, (get64(cpu, ICH_VMCR_EL2) & ~mask) | ((value << low) & mask));
}

export function readPmr(cpu: usize): u64 { return vmcrField(cpu, 31, 24); }
export function writePmr(cpu: usize, value: u64): void { setVmcrField(cpu, 31, 24, value & 0xf8); }
export function readBpr1(cpu: usize): u64 { return vmcrField(cpu, 20, 18); }
export function writeBpr1(cpu: usize, value: u64): void { setVmcrField(cpu, 20, 18, (value & 7) < 3 ? 3 : value & 7); }
export function readBpr0(cpu: usize): u64 { return vmcrField(cpu, 23, 21); }
export function writeBpr0(cpu: usize, value: u64): void { setVmcrField(cpu, 23, 21, (value & 7) < 2 ? 2 : value & 7); }
export function readIgrpen1(cpu: usize): u64 { return vmcrField(cpu, 1, 1); }
export function writeIgrpen1(cpu: usize, value: u64): void { setVmcrField(cpu, 1, 1, value & 1); }
export function readIgrpen0(cpu: usize): u64 { return vmcrField(cpu, 0, 0); }
export function writeIgrpen0(cpu: usize, value: u64): void { setVmcrField(cpu, 0, 0, value & 1); }

/** ICV_CTLR_EL1: A3V, PRIbits 5, 16-bit interrupt ids; EOImode and CBPR can be written. */
export function readCtlr(cpu: usize): u64 { return (1 << 15) | (4 << 8) | (vmcrField(cpu, 9, 9) << 1) | vmcrField(cpu, 4, 4); }
export function writeCtlr(cpu: usize, value: u64): void {
  setVmcrField(cpu, 9, 9, (value >> 1) & 1);
  setVmcrField(cpu, 4, 4, value & 1);
}
