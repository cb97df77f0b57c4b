/** The generic timer (Arm ARM D12): system counter, virtual and physical EL1 timers. Time comes from the VM's clock. */
import { M_CLOCK_BASE_NS, M_CLOCK_STOPPED_NS, M_COUNTER_HZ, MACHINE, TIMER_MASK, TIMER_P, TIMER_V } from "../../layout";
import { CNTP_CTL_EL0, CNTP_CVAL_EL0, CNTV_CTL_EL0, CNTV_CVAL_EL0, CNTVOFF_EL2 } from "../../sysreg-slots";
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

export function physicalCount(): u64 { return <u64>(clockNs() * load<f64>(MACHINE + M_COUNTER_HZ) / 1e9); }
export function virtualCount(cpu: usize): u64 { return physicalCount() - get64(cpu, CNTVOFF_EL2); }

function expired(control: u64, count: u64, compare: u64): bool { return (control & ENABLE) != 0 && count >= compare; }

export function readVirtualControl(cpu: usize): u64 {
  const control = get64(cpu, CNTV_CTL_EL0) & (ENABLE | IMASK);
  return control | (expired(control, virtualCount(cpu), get64(cpu, CNTV_CVAL_EL0)) ? ISTATUS : 0);
}

export function readPhysicalControl(cpu: usize): u64 {
  const control = get64(cpu, CNTP_CTL_EL0) & (ENABLE | IMASK);
  return control | (expired(control, physicalCount(), get64(cpu, CNTP_CVAL_EL0)) ? ISTATUS : 0);
}

/** Levels of the timers' interrupt lines, TIMER_*. */
export function timerOutputs(cpu: usize): i32 {
  const v = readVirtualControl(cpu), p = readPhysicalControl(cpu);
  const outputs = ((v & (ISTATUS | IMASK)) == ISTATUS ? TIMER_V : 0) | ((p & (ISTATUS | IMASK)) == ISTATUS ? TIMER_P : 0);
  put32(cpu, TIMER_MASK, outputs);
  return outputs;
}

function deadline(control: u64, compare: u64, offset: u64): f64 {
  if ((control & (ENABLE | IMASK)) != ENABLE) return Infinity;
  const at = compare + offset;
  return at < compare ? Infinity : Math.ceil(<f64>at * 1e9 / load<f64>(MACHINE + M_COUNTER_HZ));
}

/** When the next timer line rises, in ns of the VM's clock; Infinity when none will. A line that was seen high rises no more. */
export function nextTimerNs(cpu: usize): f64 {
  const high = get32(cpu, TIMER_MASK);
  return Math.min((high & TIMER_V) != 0 ? Infinity : deadline(get64(cpu, CNTV_CTL_EL0), get64(cpu, CNTV_CVAL_EL0), get64(cpu, CNTVOFF_EL2)),
    (high & TIMER_P) != 0 ? Infinity : deadline(get64(cpu, CNTP_CTL_EL0), get64(cpu, CNTP_CVAL_EL0), 0));
}
