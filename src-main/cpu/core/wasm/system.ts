/**
 * System registers and system instructions (Arm ARM C5, D17). What a register is, who may touch it and what traps it
 * comes from the rows that `a64/system-registers.ts` puts in linear memory; this file carries out the kinds of access.
 */
import {
  DAIF, EL, EXIT, EXIT_BUDGET, EXIT_KICK, EXIT_WFI, EXIT_YIELD, FAULT, FPCR, FPSR, GUEST_ERRORS, M_CPUS, PAN, PC, SP, SPSEL, SYSREG_ROW_BYTES,
  SYSREG_ROW_READ, SYSREG_ROW_READ_EL, SYSREG_ROW_SLOT, SYSREG_ROW_TRAP, SYSREG_ROW_WRITE, SYSREG_ROW_WRITE_EL, SYSREG_ROW_WRITE_MASK, SYSREG_ROWS,
  WALK_ATTRIBUTES, WALK_PA,
} from "../../layout";
import * as K from "../../sysreg-slots";
import { raiseAbort } from "./aborts";
import { inThreads, invalidateAddress, invalidateAll, invalidateAsid } from "./exclusion";
import { EC_FP, EC_SYSTEM, EC_WFX, exceptionToEl1, exceptionToEl2, nzcv, setNzcv, setPan, undefined, updateFpTrap, usesSpEl0 } from "./exceptions";
import { updateFpFast } from "./float-format";
import * as I from "./interrupts";
import { fault, FAULT_MISSING, FAULT_STAGE2, READ, translate, WRITE } from "./mmu";
import { bit, bits, currentEl, get32, get64, getF, machine32, put32, put64, putF } from "./state";
import * as T from "./timers";
import { changeAsid, flushAll } from "./tlb";

// @ts-ignore: decorator
@inline function rowAt(row: i32): usize { return <usize>SYSREG_ROWS + <usize>row * <usize>SYSREG_ROW_BYTES; }

/** ISS of a trapped MRS, MSR or SYS (D17.2.37); the fields come from the instruction word. */
function trapSyndrome(word: i32, isRead: bool): u64 {
  const w = <u64><u32>word;
  return (bits(w, 20, 19) << 20) | (bits(w, 7, 5) << 17) | (bits(w, 18, 16) << 14) | (bits(w, 15, 12) << 10) | (bits(w, 4, 0) << 5) | (bits(w, 11, 8) << 1) | (isRead ? <u64>1 : 0);
}

function toEl1(cpu: usize, word: i32, isRead: bool): bool { exceptionToEl1(cpu, EC_SYSTEM, trapSyndrome(word, isRead)); return true; }
function toEl2(cpu: usize, word: i32, isRead: bool): bool { exceptionToEl2(cpu, EC_SYSTEM, trapSyndrome(word, isRead)); return true; }

/** EL0 has its identification registers emulated by the OS, so only the OS itself is blamed. */
function countGuestError(cpu: usize): void { if (currentEl(cpu) != 0) putF(cpu, GUEST_ERRORS, getF(cpu, GUEST_ERRORS) + 1); }

/** Whether an access traps, and does so: to EL1 for EL0's own controls, else to EL2. */
function traps(cpu: usize, trap: i32, word: i32, isRead: bool): bool {
  const el0 = currentEl(cpu) == 0, hcr = get64(cpu, K.HCR_EL2), sctlr = get64(cpu, K.SCTLR_EL1);
  const kctl = get64(cpu, K.CNTKCTL_EL1), hctl = get64(cpu, K.CNTHCTL_EL2), mdcr = get64(cpu, K.MDCR_EL2);
  switch (trap) {
    case K.TRAP_NONE: return false;
    case K.TRAP_TVM: return bit(hcr, isRead ? 30 : 26) && toEl2(cpu, word, isRead);
    case K.TRAP_TID1: return bit(hcr, 16) && toEl2(cpu, word, isRead);
    case K.TRAP_TID2: return bit(hcr, 17) && toEl2(cpu, word, isRead);
    case K.TRAP_TID3: return bit(hcr, 18) && toEl2(cpu, word, isRead);
    case K.TRAP_TACR: return bit(hcr, 21) && toEl2(cpu, word, isRead);
    case K.TRAP_TLBI: return bit(hcr, 25) && toEl2(cpu, word, isRead);
    case K.TRAP_CNTVCT: return (el0 && !bit(kctl, 1) && toEl1(cpu, word, isRead)) || (bit(hctl, 14) && toEl2(cpu, word, isRead));
    case K.TRAP_CNTPCT: return (el0 && !bit(kctl, 0) && toEl1(cpu, word, isRead)) || (!bit(hctl, 0) && toEl2(cpu, word, isRead));
    case K.TRAP_CNTV: return (el0 && !bit(kctl, 8) && toEl1(cpu, word, isRead)) || (bit(hctl, 13) && toEl2(cpu, word, isRead));
    case K.TRAP_CNTP: return (el0 && !bit(kctl, 9) && toEl1(cpu, word, isRead)) || (!bit(hctl, 1) && toEl2(cpu, word, isRead));
    case K.TRAP_FP: return fpTraps(cpu);
    case K.TRAP_DEBUG: return bit(mdcr, 9) && toEl2(cpu, word, isRead);
    case K.TRAP_OS_LOCK: return bit(mdcr, 10) && toEl2(cpu, word, isRead);
    case K.TRAP_DCC: return (el0 && bit(get64(cpu, K.MDSCR_EL1), 12) && toEl1(cpu, word, isRead)) || (bit(mdcr, 9) && toEl2(cpu, word, isRead));
    case K.TRAP_DAIF_EL0: return el0 && !bit(sctlr, 9) && toEl1(cpu, word, isRead);
    case K.TRAP_CTR_EL0: return (el0 && !bit(sctlr, 15) && toEl1(cpu, word, isRead)) || (bit(hcr, 17) && toEl2(cpu, word, isRead));
    case K.TRAP_CACHE_EL0: return el0 && !bit(sctlr, 26) && toEl1(cpu, word, isRead);
    case K.TRAP_DCZ_EL0: return el0 && !bit(sctlr, 14) && toEl1(cpu, word, isRead);
    default: return false;
  }
}

function fpTraps(cpu: usize): bool {
  const fpen = bits(get64(cpu, K.CPACR_EL1), 21, 20), el0 = currentEl(cpu) == 0;
  if (fpen == 3 || (fpen == 1 && !el0)) {
    if (!bit(get64(cpu, K.CPTR_EL2), 10)) return false;
    exceptionToEl2(cpu, EC_FP, 0x1e << 20);
  } else {
    exceptionToEl1(cpu, EC_FP, 0x1e << 20);
  }
  return true;
}

/** MRS. `row` is the register's row, 0 when there is none. */
export function readSystem(cpu: usize, row: i32, word: i32): u64 {
  const at = rowAt(row);
  if (row == 0 || <i32>load<u8>(at + SYSREG_ROW_READ_EL) > currentEl(cpu)) {
    countGuestError(cpu);
    undefined(cpu);
    return 0;
  }
  if (traps(cpu, load<u8>(at + SYSREG_ROW_TRAP), word, true)) return 0;
  return readKind(cpu, load<u8>(at + SYSREG_ROW_READ), <i32>load<u16>(at + SYSREG_ROW_SLOT));
}

function readKind(cpu: usize, kind: i32, slot: i32): u64 {
  switch (kind) {
    case K.PLAIN: return get64(cpu, slot);
    case K.AS_NZCV: return <u64>nzcv(cpu) << 28;
    case K.AS_DAIF: return <u64>get32(cpu, DAIF) << 6;
    case K.AS_CURRENT_EL: return <u64>get32(cpu, EL) << 2;
    case K.AS_SPSEL: return <u64>get32(cpu, SPSEL);
    case K.AS_SP_EL0: return readSpEl0(cpu);
    case K.AS_PAN: return <u64>get32(cpu, PAN) << 22;
    case K.AS_FPCR: return <u64>get32(cpu, FPCR);
    case K.AS_FPSR: return <u64>load<u32>(cpu + FPSR);
    case K.AS_CNTVCT: return T.virtualCount(cpu);
    case K.AS_CNTPCT: return T.physicalCount(cpu);
    case K.AS_CNTV_CTL: return T.readVirtualControl(cpu);
    case K.AS_CNTP_CTL: return T.readPhysicalControl(cpu);
    case K.AS_CNTV_TVAL: return <u64><u32>(get64(cpu, K.CNTV_CVAL_EL0) - T.virtualCount(cpu));
    case K.AS_CNTP_TVAL: return <u64><u32>(get64(cpu, K.CNTP_CVAL_EL0) - T.physicalCount(cpu));
    case K.AS_MPIDR: return get64(cpu, K.VMPIDR_EL2);
    case K.AS_MIDR: return get64(cpu, K.VPIDR_EL2);
    case K.AS_CCSIDR: return cacheSize(cpu);
    case K.AS_UNDEFINED: undefined(cpu); return 0;
    default: return kind >= K.AS_ICC_IAR1 ? readInterface(cpu, kind) : 0;
  }
}

function readInterface(cpu: usize, kind: i32): u64 {
  switch (kind) {
    case K.AS_ICC_IAR1: return I.readIar1(cpu);
    case K.AS_ICC_IAR0: return 1023;
    case K.AS_ICC_HPPIR1: return I.readHppir1(cpu);
    case K.AS_ICC_BPR1: return I.readBpr1(cpu);
    case K.AS_ICC_BPR0: return I.readBpr0(cpu);
    case K.AS_ICC_PMR: return I.readPmr(cpu);
    case K.AS_ICC_CTLR: return I.readCtlr(cpu);
    case K.AS_ICC_IGRPEN1: return I.readIgrpen1(cpu);
    case K.AS_ICC_IGRPEN0: return I.readIgrpen0(cpu);
    case K.AS_ICC_RPR: return I.readRpr(cpu);
    case K.AS_ICC_AP1R0: return get64(cpu, K.ICH_AP1R0_EL2);
    case K.AS_ICC_SRE: return 7;
    default: return 0;
  }
}

function readSpEl0(cpu: usize): u64 {
  if (usesSpEl0(cpu)) { undefined(cpu); return 0; }
  return get64(cpu, K.SP_EL0);
}

/** CCSIDR_EL1 for the cache in CSSELR_EL1: 32 KiB L1s, 1 MiB L2, lines of 64 bytes. */
function cacheSize(cpu: usize): u64 {
  switch (<i32>get64(cpu, K.CSSELR_EL1) & 15) {
    case 0: return 0x700f_e01a;
    case 1: return 0x200f_e01a;
    case 2: return 0x703f_e07a;
    default: return 0;
  }
}

/** MSR (register). Goes on at the next instruction by itself when what follows may see other translations or interrupts. */
export function writeSystem(cpu: usize, row: i32, word: i32, value: u64): void {
  const at = rowAt(row);
  if (row == 0 || <i32>load<u8>(at + SYSREG_ROW_WRITE_EL) > currentEl(cpu)) {
    countGuestError(cpu);
    undefined(cpu);
    return;
  }
  if (traps(cpu, load<u8>(at + SYSREG_ROW_TRAP), word, false)) return;
  const slot = <i32>load<u16>(at + SYSREG_ROW_SLOT), mask = load<u64>(at + SYSREG_ROW_WRITE_MASK), kind = <i32>load<u8>(at + SYSREG_ROW_WRITE);
  if (kind == K.AS_ICC_SGI1R) { toEl2(cpu, word, false); return; }
  if (slot == 0) { writeKind(cpu, kind, value); return; }
  const before = get64(cpu, slot), merged = (before & ~mask) | (value & mask);
  if (kind != K.NONE) put64(cpu, slot, merged);
  if (kind != K.PLAIN) wroteSlot(cpu, kind, before, merged);
}

/** What of TTBR1_EL1 is not the ASID. */
const TTBR_TABLE: u64 = 0x0000_ffff_ffff_ffff;

/** What follows from a change of a register that was stored. */
function wroteSlot(cpu: usize, kind: i32, before: u64, after: u64): void {
  switch (kind) {
    case K.AS_TRANSLATION: if (before != after) flushAll(cpu); goOn(cpu); break;
    case K.AS_TTBR0: if (before != after) changeAsid(cpu); break;
    case K.AS_TTBR1: if (((before ^ after) & TTBR_TABLE) == 0) changeAsid(cpu); else { flushAll(cpu); goOn(cpu); } break;
    case K.AS_CPACR: updateFpTrap(cpu); break;
    case K.AS_CNTV_CTL: case K.AS_CNTP_CTL: case K.AS_CNT_CVAL: kick(cpu); break;
    default: break;
  }
}

function writeKind(cpu: usize, kind: i32, value: u64): void {
  switch (kind) {
    case K.AS_NZCV: setNzcv(cpu, <i32>bits(value, 31, 28)); break;
    case K.AS_DAIF: put32(cpu, DAIF, <i32>bits(value, 9, 6)); unmasked(cpu); break;
    case K.AS_SPSEL: setSpsel(cpu, <i32>(value & 1)); break;
    case K.AS_SP_EL0: if (usesSpEl0(cpu)) undefined(cpu); else put64(cpu, K.SP_EL0, value); break;
    case K.AS_PAN: setPan(cpu, <i32>bits(value, 22, 22)); break;
    case K.AS_FPCR: put32(cpu, FPCR, <i32>value & 0x07c0_0000); updateFpFast(cpu); break;
    case K.AS_FPSR: put32(cpu, FPSR, <i32>value & <i32>0xf800_009f); updateFpFast(cpu); break;
    case K.AS_CNTV_TVAL: put64(cpu, K.CNTV_CVAL_EL0, T.virtualCount(cpu) + <u64><i64><i32>value); kick(cpu); break;
    case K.AS_CNTP_TVAL: put64(cpu, K.CNTP_CVAL_EL0, T.physicalCount(cpu) + <u64><i64><i32>value); kick(cpu); break;
    case K.AS_OSLAR: put64(cpu, K.OSLSR_EL1, 8 | ((value & 1) << 1)); break;
    case K.AS_UNDEFINED: undefined(cpu); break;
    default: if (kind >= K.AS_ICC_IAR1) { writeInterface(cpu, kind, value); unmasked(cpu); }
  }
}

function writeInterface(cpu: usize, kind: i32, value: u64): void {
  switch (kind) {
    case K.AS_ICC_EOIR1: I.writeEoir1(cpu, value); break;
    case K.AS_ICC_DIR: I.writeDir(cpu, value); break;
    case K.AS_ICC_BPR1: I.writeBpr1(cpu, value); break;
    case K.AS_ICC_BPR0: I.writeBpr0(cpu, value); break;
    case K.AS_ICC_PMR: I.writePmr(cpu, value); break;
    case K.AS_ICC_CTLR: I.writeCtlr(cpu, value); break;
    case K.AS_ICC_IGRPEN1: I.writeIgrpen1(cpu, value); break;
    case K.AS_ICC_IGRPEN0: I.writeIgrpen0(cpu, value); break;
    case K.AS_ICC_AP1R0: put64(cpu, K.ICH_AP1R0_EL2, value & 0xffff_ffff); break;
    default: break;
  }
}

/** Continues at the next instruction with a fresh fetch. */
function goOn(cpu: usize): void {
  put64(cpu, PC, get64(cpu, PC) + 4);
  put32(cpu, FAULT, 1);
}

/** Takes an interrupt that is pending and no longer masked, after this instruction. */
function unmasked(cpu: usize): void {
  const pc = get64(cpu, PC);
  put64(cpu, PC, pc + 4);
  if (get32(cpu, EXIT) != 0) put32(cpu, FAULT, 1);
  else if (!I.takePendingInterrupt(cpu)) put64(cpu, PC, pc);
}

/** Leaves the loop after this instruction, so that the timers are looked at: by the CPU's own thread if it has one. */
function kick(cpu: usize): void {
  put32(cpu, EXIT, inThreads() ? EXIT_BUDGET : EXIT_KICK);
  goOn(cpu);
}

function setSpsel(cpu: usize, value: i32): void {
  if (value == get32(cpu, SPSEL)) return;
  put64(cpu, value != 0 ? K.SP_EL0 : K.SP_EL1, get64(cpu, SP));
  put32(cpu, SPSEL, value);
  put64(cpu, SP, get64(cpu, value != 0 ? K.SP_EL1 : K.SP_EL0));
}

/** MSR (immediate): `op` is op1:op2. The PC goes on by itself. */
export function writePstate(cpu: usize, op: i32, imm: i32): void {
  if (currentEl(cpu) == 0 && op != 0x1e && op != 0x1f) { undefined(cpu); return; }
  switch (op) {
    case 0x04: setPan(cpu, imm & 1); break;
    case 0x05: setSpsel(cpu, imm & 1); goOn(cpu); break;
    case 0x1e: case 0x1f: writeDaif(cpu, op == 0x1e, imm); break;
    default: undefined(cpu);
  }
}

function writeDaif(cpu: usize, set: bool, imm: i32): void {
  if (currentEl(cpu) == 0 && !bit(get64(cpu, K.SCTLR_EL1), 9)) {
    toEl1(cpu, 0x0008_4000 | (imm << 8) | (set ? 0xc0 : 0xe0) | (3 << 16) | 31, false);
    return;
  }
  const daif = get32(cpu, DAIF);
  put32(cpu, DAIF, set ? daif | imm : daif & ~imm);
  unmasked(cpu);
}

/** WFI (0), WFE (1) and YIELD (2). A pending interrupt ends WFI whatever PSTATE masks. */
export function waitForInterrupt(cpu: usize, kind: i32): void {
  const trapToEl1 = currentEl(cpu) == 0 && !bit(get64(cpu, K.SCTLR_EL1), kind == 0 ? 16 : 18);
  if (kind != 2 && trapToEl1) { exceptionToEl1(cpu, EC_WFX, 0x01e0_0000 | <u64>kind); return; }
  goOn(cpu);
  if (kind == 0) {
    if (!I.interruptPending(cpu)) put32(cpu, EXIT, EXIT_WFI);
  } else if (machine32(M_CPUS) > 1) {
    put32(cpu, EXIT, inThreads() ? EXIT_YIELD : EXIT_KICK);
  }
}

// ---- SYS: cache, TLB and address translation instructions

/** SYS #op1, Cn, Cm, #op2, Xt. Caches are always coherent here, so that cache maintenance has nothing to do. */
export function systemOperation(cpu: usize, word: i32, value: u64): void {
  const op1 = (word >> 16) & 7, crn = (word >> 12) & 15, crm = (word >> 8) & 15, op2 = (word >> 5) & 7, el0 = currentEl(cpu) == 0;
  if (crn == 7 && op1 == 3) {
    if (!traps(cpu, K.TRAP_CACHE_EL0, word, false) && !maintenance(crm, op2)) undefined(cpu);
    return;
  }
  if (el0) { undefined(cpu); return; }
  if (crn == 7 && crm == 8 && op1 == 0) { addressTranslate(cpu, op2, value); return; }
  if (crn == 7 && op1 == 0 && ((crm == 1 && op2 == 0) || (crm == 5 && op2 == 0) || (crm == 6 && (op2 == 1 || op2 == 2)) || ((crm == 10 || crm == 14) && op2 == 2))) return;
  if (crn == 8 && op1 == 0) { if (!traps(cpu, K.TRAP_TLBI, word, false)) invalidateTlb(cpu, crm, op2, value); return; }
  undefined(cpu);
}

/** DC CVAC, CVAU, CIVAC and IC IVAU by address, for EL0 too. */
function maintenance(crm: i32, op2: i32): bool { return op2 == 1 && (crm == 5 || crm == 10 || crm == 11 || crm == 14); }

/** TLBI …E1 and …E1IS: 3 is the inner shareable form, 7 the local one. */
function invalidateTlb(cpu: usize, crm: i32, op2: i32, value: u64): void {
  if (crm != 3 && crm != 7) { undefined(cpu); return; }
  switch (op2) {
    case 1: case 3: case 5: case 7: invalidateAddress(cpu, signExtendPage(value), crm == 3); break;
    case 2: invalidateAsid(cpu, value >> 48, crm == 3); break;
    case 0: invalidateAll(cpu, crm == 3); break;
    default: undefined(cpu); return;
  }
  goOn(cpu);
}

/** The operand's VA[55:12] as a 64-bit address. */
function signExtendPage(value: u64): u64 { return <u64>((<i64>(value << 20)) >> 8); }

/** AT S1E1R, S1E1W, S1E0R, S1E0W: the result goes to PAR_EL1. */
function addressTranslate(cpu: usize, op2: i32, va: u64): void {
  const access = (op2 & 1) != 0 ? WRITE : READ, el = op2 >= 2 ? 0 : 1;
  if (op2 > 3) { undefined(cpu); return; }
  if (translate(cpu, va, access, el)) {
    put64(cpu, K.PAR_EL1, (<u64>get32(cpu, WALK_ATTRIBUTES) << 56) | (<u64>getF(cpu, WALK_PA) & ~0xfff) | (1 << 11) | (3 << 7));
  } else if (fault == FAULT_MISSING || (fault & FAULT_STAGE2) != 0) {
    raiseAbort(cpu, va, access, true);
  } else {
    put64(cpu, K.PAR_EL1, 1 | (<u64>(fault & 0x3f) << 1) | (1 << 11));
  }
}

