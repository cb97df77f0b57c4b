/** Raises the abort that a failed translation asks for, at EL1 or, for stage 2, at EL2 with the syndrome a hypervisor needs. */
import { EL, EXIT, EXIT_PAGE, FAULT, PC, RAM_BASE, WALK_IPA, WANTED } from "../../layout";
import { FAR_EL2, HPFAR_EL2 } from "../../sysreg-slots";
import { abortToEl1, EC_DATA_ABORT, EC_INSTRUCTION_ABORT, exceptionToEl2 } from "./exceptions";
import { EXECUTE, fault, FAULT_ALIGNMENT, FAULT_MISSING, FAULT_ON_TABLE, FAULT_STAGE2, translate, walkHost, WRITE } from "./mmu";
import { get32, get64, getF, put32, put64, putF } from "./state";

const ISS_WRITE: u64 = 1 << 6;
const ISS_S1PTW: u64 = 1 << 7;
const ISS_CM: u64 = 1 << 8;

/** For the last translation's `fault`. `cm`: the access was a cache maintenance operation. */
export function raiseAbort(cpu: usize, va: u64, access: i32, cm: bool = false): void {
  if (fault == FAULT_MISSING) { wantPage(cpu, walkHost(cpu)); return; }
  const status = <u64>(fault & 0x3f), write = access == WRITE || cm ? ISS_WRITE : 0;
  const stage2 = (fault & FAULT_STAGE2) != 0, onTable = (fault & FAULT_ON_TABLE) != 0;
  let iss = status | write | (onTable ? ISS_S1PTW : 0) | (cm ? ISS_CM : 0);
  const ec = access == EXECUTE ? EC_INSTRUCTION_ABORT : EC_DATA_ABORT;
  if (!stage2) { abortToEl1(cpu, ec, access == EXECUTE ? status : iss & ~ISS_S1PTW, va); return; }
  const ipa = <u64>getF(cpu, WALK_IPA);
  put64(cpu, HPFAR_EL2, (ipa >> 12) << 4);
  put64(cpu, FAR_EL2, va);
  if (access != EXECUTE && !onTable && !cm) iss |= dataSyndrome(cpu);
  exceptionToEl2(cpu, ec, iss);
}

/** Leaves, to run the instruction at PC again once the page is there. */
export function wantPage(cpu: usize, host: usize): void {
  put32(cpu, WANTED, <i32>((host - <usize>RAM_BASE) >> 12));
  put32(cpu, EXIT, EXIT_PAGE);
  put32(cpu, FAULT, 1);
}

export function raiseAlignment(cpu: usize, va: u64, access: i32): void {
  abortToEl1(cpu, EC_DATA_ABORT, FAULT_ALIGNMENT | (access == WRITE ? ISS_WRITE : 0), va);
}

/**
 * ISV, SAS, SSE, SRT, SF and AR of ESR_EL2 (D17.2.37) for the instruction at PC: valid for loads and stores of one
 * general register without writeback, zero for all others.
 */
function dataSyndrome(cpu: usize): u64 {
  const ipa = getF(cpu, WALK_IPA), word = instructionAt(cpu);
  putF(cpu, WALK_IPA, ipa);
  const size = <u64>(word >> 30), opc = (word >> 22) & 3, rt = <u64>(word & 31);
  const unsignedOffset = (word & 0x3b000000) == 0x39000000;
  const unscaled = (word & 0x3b200c00) == 0x38000000 || (word & 0x3b200c00) == 0x38000800;
  const registerOffset = (word & 0x3b200c00) == 0x38200800;
  const ordered = (word & 0x3f800000) == 0x08800000;
  if (!unsignedOffset && !unscaled && !registerOffset && !ordered) return 0;
  const signed = !ordered && opc >= 2;
  const wide = signed ? opc == 2 : size == 3;
  return (1 << 24) | (size << 22) | ((signed ? <u64>1 : 0) << 21) | (rt << 16) | ((wide ? <u64>1 : 0) << 15) | ((ordered ? <u64>1 : 0) << 14);
}

/** The word at PC, or 0 when it cannot be read. */
export function instructionAt(cpu: usize): u32 {
  return translate(cpu, get64(cpu, PC), EXECUTE, get32(cpu, EL)) ? load<u32>(walkHost(cpu)) : 0;
}
