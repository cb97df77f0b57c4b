/**
 * Exceptions (Arm ARM D1): entry to EL1, exits to the hypervisor at EL2, exception return, PSTATE.
 *
 * Every function here leaves PC where execution goes on and sets FAULT, so that the handler that called it stops.
 * An exit to EL2 sets EXIT instead of moving PC: the hypervisor is outside, and finds ESR_EL2 and its like.
 */
import {
  DAIF, EL, EXIT, EXIT_EL2, FAULT, FLAG_A, FLAG_B, FLAG_KIND, FLAGS_NZCV, FLAGS_SUB, FP_TRAP, IL, ITLB, ITLB_EL0, ITLB_EL1,
  MONITOR_ADDRESS, NZCV, PAN, PC, SP, SPSEL, SS, TLB, TLB_EL1, USER_PAGES,
} from "../../layout";
import { CPACR_EL1, CPTR_EL2, ELR_EL1, ELR_EL2, ESR_EL1, ESR_EL2, FAR_EL1, HCR_EL2, SCTLR_EL1, SP_EL0, SP_EL1, SPSR_EL1, SPSR_EL2, VBAR_EL1 } from "../../sysreg-slots";
import { bit, bits, currentEl, get32, get64, put32, put64, putF } from "./state";
import { enterContext, flushUserPagesOfEl1 } from "./tlb";
import { takePendingInterrupt } from "./interrupts";

export const EC_UNKNOWN = 0x00;
export const EC_WFX = 0x01;
export const EC_FP = 0x07;
export const EC_ILLEGAL_STATE = 0x0e;
export const EC_SVC = 0x15;
export const EC_HVC = 0x16;
export const EC_SMC = 0x17;
export const EC_SYSTEM = 0x18;
export const EC_INSTRUCTION_ABORT = 0x20;
export const EC_PC_ALIGNMENT = 0x22;
export const EC_DATA_ABORT = 0x24;
export const EC_SP_ALIGNMENT = 0x26;
export const EC_BREAKPOINT_INSTRUCTION = 0x3c;

const VECTOR_IRQ: u64 = 0x80;
const VECTOR_SERROR: u64 = 0x180;
const SPSR_ILLEGAL: u64 = 1 << 20;

/** NZCV as 4 bits, working them out when they are still operands. */
export function nzcv(cpu: usize): i32 {
  const kind = get32(cpu, FLAG_KIND);
  if (kind == FLAGS_NZCV) return get32(cpu, NZCV);
  const a = get64(cpu, FLAG_A), b = get64(cpu, FLAG_B), r = a - b;
  const n = <i32>(r >> 63), z = i32(r == 0);
  const c = i32(kind == FLAGS_SUB && a >= b), v = <i32>(((a ^ b) & (a ^ r)) >> 63);
  return (n << 3) | (z << 2) | (c << 1) | v;
}

export function setNzcv(cpu: usize, value: i32): void {
  put32(cpu, NZCV, value & 15);
  put32(cpu, FLAG_KIND, FLAGS_NZCV);
}

/** PSTATE in the layout of an SPSR. */
export function pstate(cpu: usize): u64 {
  const el = currentEl(cpu);
  return (<u64>nzcv(cpu) << 28) | (<u64>get32(cpu, PAN) << 22) | (<u64>get32(cpu, SS) << 21)
    | (<u64>get32(cpu, IL) << 20) | (<u64>get32(cpu, DAIF) << 6) | (<u64>el << 2) | <u64>(el == 0 ? 0 : get32(cpu, SPSEL));
}

/** Banks the current stack pointer, changes EL and SPSel, and takes the other one. */
export function setMode(cpu: usize, el: i32, spsel: i32): void {
  put64(cpu, usesSpEl0(cpu) ? SP_EL0 : SP_EL1, get64(cpu, SP));
  put32(cpu, EL, el);
  put32(cpu, SPSEL, spsel);
  put64(cpu, SP, get64(cpu, usesSpEl0(cpu) ? SP_EL0 : SP_EL1));
  put32(cpu, TLB, <i32>(el == 0 ? enterContext(cpu) : cpu + TLB_EL1));
  put32(cpu, ITLB, el == 0 ? get32(cpu, ITLB_EL0) : <i32>cpu + ITLB_EL1);
  updateFpTrap(cpu);
}

export function usesSpEl0(cpu: usize): bool { return currentEl(cpu) == 0 || get32(cpu, SPSEL) == 0; }

/** CPACR_EL1.FPEN, and CPTR_EL2.TFP. */
export function updateFpTrap(cpu: usize): void {
  const fpen = bits(get64(cpu, CPACR_EL1), 21, 20);
  const toEl1 = fpen == 0 || fpen == 2 || (fpen == 1 && currentEl(cpu) == 0);
  put32(cpu, FP_TRAP, i32(toEl1 || bit(get64(cpu, CPTR_EL2), 10)));
}

export function setPan(cpu: usize, value: i32): void {
  if (value != 0 && get32(cpu, USER_PAGES) != 0) flushUserPagesOfEl1(cpu);
  put32(cpu, PAN, value);
}

function enterEl1(cpu: usize, offset: u64, returnTo: u64): void {
  const from = currentEl(cpu) == 0 ? <u64>0x400 : get32(cpu, SPSEL) != 0 ? <u64>0x200 : <u64>0;
  put64(cpu, SPSR_EL1, pstate(cpu));
  put64(cpu, ELR_EL1, returnTo);
  setMode(cpu, 1, 1);
  put32(cpu, DAIF, 15);
  put32(cpu, IL, 0);
  put32(cpu, SS, 0);
  if (!bit(get64(cpu, SCTLR_EL1), 23)) setPan(cpu, 1);
  put64(cpu, PC, get64(cpu, VBAR_EL1) + from + offset);
  put32(cpu, FAULT, 1);
}

/** A synchronous exception to EL1; the return address is PC. */
export function exceptionToEl1(cpu: usize, ec: i32, iss: u64): void {
  put64(cpu, ESR_EL1, (<u64>ec << 26) | (1 << 25) | iss);
  enterEl1(cpu, 0, get64(cpu, PC));
}

/** A data or instruction abort to EL1. */
export function abortToEl1(cpu: usize, ec: i32, iss: u64, va: u64): void {
  put64(cpu, FAR_EL1, va);
  exceptionToEl1(cpu, ec + i32(currentEl(cpu) != 0), iss);
}

/** A trap to the hypervisor; PC stays at the instruction. */
export function exceptionToEl2(cpu: usize, ec: i32, iss: u64): void {
  put64(cpu, ESR_EL2, (<u64>ec << 26) | (1 << 25) | iss);
  put64(cpu, ELR_EL2, get64(cpu, PC));
  put64(cpu, SPSR_EL2, pstate(cpu));
  put32(cpu, EXIT, EXIT_EL2);
  put32(cpu, FAULT, 1);
}

export function irqToEl1(cpu: usize): void { enterEl1(cpu, VECTOR_IRQ, get64(cpu, PC)); }

export function serrorToEl1(cpu: usize): void {
  put64(cpu, ESR_EL1, (<u64>0x2f << 26) | (1 << 25));
  enterEl1(cpu, VECTOR_SERROR, get64(cpu, PC));
}

// ---- instructions that raise exceptions

/** UNDEFINED: exception class 0, ISS 0. */
export function undefined(cpu: usize): void { exceptionToEl1(cpu, EC_UNKNOWN, 0); }

export function supervisorCall(cpu: usize, imm: i32): void {
  put64(cpu, PC, get64(cpu, PC) + 4);
  exceptionToEl1(cpu, EC_SVC, <u64>imm);
}

export function hypervisorCall(cpu: usize, imm: i32): void {
  if (currentEl(cpu) == 0 || bit(get64(cpu, HCR_EL2), 29)) { undefined(cpu); return; }
  put64(cpu, PC, get64(cpu, PC) + 4);
  exceptionToEl2(cpu, EC_HVC, <u64>imm);
}

/** There is no EL3: SMC is UNDEFINED unless HCR_EL2.TSC traps it. */
export function secureMonitorCall(cpu: usize, imm: i32): void {
  if (currentEl(cpu) == 0 || !bit(get64(cpu, HCR_EL2), 19)) { undefined(cpu); return; }
  exceptionToEl2(cpu, EC_SMC, <u64>imm);
}

export function breakpoint(cpu: usize, imm: i32): void { exceptionToEl1(cpu, EC_BREAKPOINT_INSTRUCTION, <u64>imm); }

export function fpTrap(cpu: usize): void {
  const iss: u64 = 0x1e << 20;
  const fpen = bits(get64(cpu, CPACR_EL1), 21, 20);
  if (fpen == 3 || (fpen == 1 && currentEl(cpu) != 0)) exceptionToEl2(cpu, EC_FP, iss);
  else exceptionToEl1(cpu, EC_FP, iss);
}

function illegalState(cpu: usize): void { exceptionToEl1(cpu, EC_ILLEGAL_STATE, 0); }

/** ERET (C5.1.3, D1.4.4); clears the local exclusive monitor. An illegal return keeps EL and sets PSTATE.IL. */
export function exceptionReturn(cpu: usize): void {
  if (currentEl(cpu) == 0) { undefined(cpu); return; }
  const spsr = get64(cpu, SPSR_EL1), el = <i32>bits(spsr, 3, 2), spsel = <i32>(spsr & 1);
  put64(cpu, PC, get64(cpu, ELR_EL1));
  putF(cpu, MONITOR_ADDRESS, -1);
  put32(cpu, FAULT, 1);
  setNzcv(cpu, <i32>bits(spsr, 31, 28));
  put32(cpu, DAIF, <i32>bits(spsr, 9, 6));
  const illegal = bit(spsr, 4) || bit(spsr, 1) || el > 1 || (el == 0 && spsel != 0);
  put32(cpu, IL, i32(illegal || (spsr & SPSR_ILLEGAL) != 0));
  if (!illegal) {
    setPan(cpu, <i32>bits(spsr, 22, 22));
    setMode(cpu, el, spsel);
  }
  if (get32(cpu, IL) != 0) { illegalState(cpu); return; }
  takePendingInterrupt(cpu);
}

export function systemTrapToEl2(cpu: usize, iss: u64): void { exceptionToEl2(cpu, EC_SYSTEM, iss); }

