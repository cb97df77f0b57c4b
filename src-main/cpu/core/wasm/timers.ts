/**
 * The generic timer (Arm ARM D12): system counter, virtual and physical EL1 timers. Time comes from the VM's clock.
 *
 * Below EL2 the counter can be scaled and shifted, as x86's TSC can by its multiplier and offset: by CNTSCALE_EL2, an
 * implementation defined register with a multiplier of 48 fractional bits (0 stands for 1), then less CNTVOFF_EL2, or less
 * CNTPOFF_EL2 while CNTHCTL_EL2.ECV is set (FEAT_ECV). Timers compare with what is left.
 */
import { M_CLOCK_BASE_NS, M_CLOCK_STOPPED_NS, M_COUNTER_HZ, MACHINE, TIMER_MASK, TIMER_P, TIMER_V } from "../../layout";
import { CNTHCTL_EL2, CNTP_CTL_EL0, CNTP_CVAL_EL0, CNTPOFF_EL2, CNTSCALE_EL2, CNTV_CTL_EL0, CNTV_CVAL_EL0, CNTVOFF_EL2 } from "../../sysreg-slots";
import { get32, get64, put32 } from "./state";

// @ts-ignore: decorator
@external("env", "nowNs")
declare function hostNowNs(): f64;

const ENABLE: u64 = 1;
const IMASK: u64 = 2;
const ISTATUS: u64 = 4;

/** Nanoseconds of the VM's clock, which stops with the VM. */
export function clockNs(): f64 {
  const stopped = load<f64>(MACHINE + M_CLOCK_STOPPED_NS);
  return stopped >= 0 ? stopped : hostNowNs() - load<f64>(MACHINE + M_CLOCK_BASE_NS);
}

const SCALE_BITS: u64 = 48;
const ECV: u64 = 1 << 12;
const LOW: u64 = 0xffff_ffff;

/** The host's system counter. */
function hostCount(): u64 { return <u64>(clockNs() * load<f64>(MACHINE + M_COUNTER_HZ) / 1e9); }

/** Bits 111 to 48 of the product. */
function scaled(count: u64, multiplier: u64): u64 {
  const low = (count & LOW) * (multiplier & LOW), a = (count >> 32) * (multiplier & LOW), b = (count & LOW) * (multiplier >> 32);
  const middle = (low >> 32) + (a & LOW) + (b & LOW), high = (count >> 32) * (multiplier >> 32) + (a >> 32) + (b >> 32) + (middle >> 32);
  return high << (64 - SCALE_BITS) | (middle << 32 | low & LOW) >> SCALE_BITS;
}

function guestCount(cpu: usize): u64 {
  const multiplier = get64(cpu, CNTSCALE_EL2), count = hostCount();
  return multiplier == 0 ? count : scaled(count, multiplier);
}

function physicalOffset(cpu: usize): u64 { return (get64(cpu, CNTHCTL_EL2) & ECV) != 0 ? get64(cpu, CNTPOFF_EL2) : 0; }

export function physicalCount(cpu: usize): u64 { return guestCount(cpu) - physicalOffset(cpu); }
export function virtualCount(cpu: usize): u64 { return guestCount(cpu) - get64(cpu, CNTVOFF_EL2); }

function expired(control: u64, count: u64, compare: u64): bool { return (control & ENABLE) != 0 && count >= compare; }

export function readVirtualControl(cpu: usize): u64 {
  const control = get64(cpu, CNTV_CTL_EL0) & (ENABLE | IMASK);
  return control | (expired(control, virtualCount(cpu), get64(cpu, CNTV_CVAL_EL0)) ? ISTATUS : 0);
}

export function readPhysicalControl(cpu: usize): u64 {
  const control = get64(cpu, CNTP_CTL_EL0) & (ENABLE | IMASK);
  return control | (expired(control, physicalCount(cpu), get64(cpu, CNTP_CVAL_EL0)) ? ISTATUS : 0);
}

/** Levels of the timers' interrupt lines, TIMER_*. */
export function timerOutputs(cpu: usize): i32 {
  const v = readVirtualControl(cpu), p = readPhysicalControl(cpu);
  const outputs = ((v & (ISTATUS | IMASK)) == ISTATUS ? TIMER_V : 0) | ((p & (ISTATUS | IMASK)) == ISTATUS ? TIMER_P : 0);
  put32(cpu, TIMER_MASK, outputs);
  return outputs;
}

function deadline(cpu: usize, control: u64, compare: u64, offset: u64): f64 {
  if ((control & (ENABLE | IMASK)) != ENABLE) return Infinity;
  const at = compare + offset, multiplier = get64(cpu, CNTSCALE_EL2);
  // An offset below zero makes the guest's count more than the host's is.
  if (<i64>offset < 0) { if (at > compare) return 0; } else if (at < compare) return Infinity;
  const count = multiplier == 0 ? <f64>at : Math.ceil(<f64>at * <f64>(1 << SCALE_BITS) / <f64>multiplier);
  return Math.ceil(count * 1e9 / load<f64>(MACHINE + M_COUNTER_HZ));
}

/** When the next timer line rises, in ns of the VM's clock; Infinity when none will. A line that was seen high rises no more. */
export function nextTimerNs(cpu: usize): f64 {
  const high = get32(cpu, TIMER_MASK);
  return Math.min((high & TIMER_V) != 0 ? Infinity : deadline(cpu, get64(cpu, CNTV_CTL_EL0), get64(cpu, CNTV_CVAL_EL0), get64(cpu, CNTVOFF_EL2)),
    (high & TIMER_P) != 0 ? Infinity : deadline(cpu, get64(cpu, CNTP_CTL_EL0), get64(cpu, CNTP_CVAL_EL0), physicalOffset(cpu)));
}
