/**
 * Address translation (Arm ARM D8): stage 1 at EL1&0 and stage 2, granules of 4, 16 and 64 KiB, 48-bit addresses.
 * Features beyond Armv8.0: PAN, E0PD. Not there: hardware access and dirty flags, 52-bit addresses, XNX.
 * With stage 1 off, memory counts as Normal (docs/fidelity.md).
 * A walk leaves its results in WALK_*; a failed one says why in `fault`, in the form that ESR_ELx.ISS wants.
 */
import { EL, M_MISSING, M_RAM_BYTES, MACHINE, PAGE_MISSING, PAGE_TABLE, PAN, RAM_BASE, WALK_ATTRIBUTES, WALK_IPA, WALK_PA, WALK_RIGHTS, WALK_SIZE_LOG2 } from "../../layout";
import { HCR_EL2, MAIR_EL1, SCTLR_EL1, TCR_EL1, TTBR0_EL1, TTBR1_EL1, VTCR_EL2, VTTBR_EL2 } from "../../sysreg-slots";
import { bit, bits, get32, get64, put32, putF, getF } from "./state";
import { noteNonGlobal } from "./tlb";

export const READ = 1;
export const WRITE = 2;
export const EXECUTE = 4;

export const FAULT_ADDRESS_SIZE = 0x00;
export const FAULT_TRANSLATION = 0x04;
export const FAULT_ACCESS_FLAG = 0x08;
export const FAULT_PERMISSION = 0x0c;
export const FAULT_EXTERNAL = 0x10;
export const FAULT_EXTERNAL_ON_WALK = 0x14;
export const FAULT_ALIGNMENT = 0x21;
export const FAULT_STAGE2 = 0x100;
export const FAULT_ON_TABLE = 0x200;
/** A table is in a page that is missing, at WALK_PA: no fault of the guest's. */
export const FAULT_MISSING = 0x400;
export const NO_FAULT = -1;

const ADDRESS: u64 = 0x0000_ffff_ffff_f000;

/** Set by the last failing walk; the low 6 bits are a fault status code. */
export let fault: i32 = NO_FAULT;

// Attributes and size of the last stage 1 leaf, and rights of the last stage 2 leaf.
let leafDescriptor: u64 = 0;
let leafSizeLog2: i32 = 12;
let hierarchical: u64 = 0;
let stage2Rights: i32 = 7;
let stage2SizeLog2: i32 = 64;

function ramHas(pa: u64): bool { return <f64>pa < load<f64>(MACHINE + M_RAM_BYTES); }

/** The page at an address in linear memory is still to come. What is not missing is whole: flags go after contents are there. */
// @ts-ignore: decorator
@inline export function isMissing(host: usize): bool {
  return atomic.load<i32>(MACHINE + M_MISSING) != 0 && (atomic.load<u16>(<usize>PAGE_TABLE + ((host - <usize>RAM_BASE) >> 12) * 4 + 2) & PAGE_MISSING) != 0;
}

/**
 * Translates for an access as if at `el`. Rights are all that the mapping allows, in WALK_RIGHTS.
 * Returns whether the access is allowed; if not, `fault` says why.
 */
export function translate(cpu: usize, va: u64, access: i32, el: i32): bool {
  fault = NO_FAULT;
  let ipa = va, rights = READ | WRITE | EXECUTE, attributes = 0xff;
  leafSizeLog2 = 48;
  if (bit(get64(cpu, SCTLR_EL1), 0)) {
    if (!walkStage1(cpu, va, el)) return false;
    ipa = (leafDescriptor & ADDRESS & ~((<u64>1 << leafSizeLog2) - 1)) | (va & ((<u64>1 << leafSizeLog2) - 1));
    rights = stage1Rights(cpu, va, el);
    if (bit(leafDescriptor, 11) && bit(va, 55)) noteNonGlobal(cpu);
    attributes = <i32>((get64(cpu, MAIR_EL1) >> (8 * bits(leafDescriptor, 4, 2))) & 0xff);
    if ((rights & access) != access) { fault = FAULT_PERMISSION | levelOfSize(cpu, va, leafSizeLog2); return false; }
  } else if ((va >> 48) != 0) {
    fault = FAULT_ADDRESS_SIZE;
    return false;
  }
  const size1 = leafSizeLog2;
  const pa = toPhysical(cpu, ipa, access, false);
  if (fault != NO_FAULT) return false;
  if ((stage2Rights & access) != access) { fault = FAULT_PERMISSION | FAULT_STAGE2 | 3; putF(cpu, WALK_IPA, <f64>ipa); return false; }
  if (!ramHas(pa)) { fault = FAULT_EXTERNAL; return false; }
  putF(cpu, WALK_PA, <f64>pa);
  put32(cpu, WALK_RIGHTS, rights & stage2Rights);
  put32(cpu, WALK_ATTRIBUTES, attributes);
  put32(cpu, WALK_SIZE_LOG2, size1 < stage2SizeLog2 ? size1 : stage2SizeLog2);
  return true;
}

/** Why the last translation failed: a table is in a page that is missing, the one at WALK_PA. */
export function isTableMissing(): bool { return fault == FAULT_MISSING; }

/** Which level a leaf of this size is at, for the fault status code. */
function levelOfSize(cpu: usize, va: u64, sizeLog2: i32): i32 {
  const granule = granuleLog2(get64(cpu, TCR_EL1), bit(va, 55));
  return 3 - (sizeLog2 - granule) / (granule - 3);
}

function granuleLog2(tcr: u64, upper: bool): i32 {
  if (upper) {
    const tg1 = bits(tcr, 31, 30);
    return tg1 == 1 ? 14 : tg1 == 3 ? 16 : 12;
  }
  const tg0 = bits(tcr, 15, 14);
  return tg0 == 1 ? 16 : tg0 == 2 ? 14 : 12;
}

function walkStage1(cpu: usize, va: u64, el: i32): bool {
  const tcr = get64(cpu, TCR_EL1), upper = bit(va, 55);
  const txsz = <i32>(upper ? bits(tcr, 21, 16) : bits(tcr, 5, 0));
  const ignored = bit(tcr, upper ? 38 : 37) ? 8 : 0;
  const addressBits = 64 - txsz;
  const disabled = bit(tcr, upper ? 23 : 7) || (el == 0 && bit(tcr, upper ? 56 : 55));
  if (txsz < 16 || txsz > 39 || !canonicalAddress(va, ignored, addressBits, upper) || disabled) { fault = FAULT_TRANSLATION; return false; }
  const ttbr = get64(cpu, upper ? TTBR1_EL1 : TTBR0_EL1);
  return walkTables(cpu, va, granuleLog2(tcr, upper), addressBits, ttbr & 0x0000_ffff_ffff_fffe);
}

/** AArch64.BranchAddr: a tag byte that is ignored does not stay in PC. */
export function branchAddress(cpu: usize, va: u64): u64 {
  const upper = bit(va, 55);
  if (!bit(get64(cpu, TCR_EL1), upper ? 38 : 37)) return va;
  return upper ? va | 0xff00_0000_0000_0000 : va & 0x00ff_ffff_ffff_ffff;
}

/** All bits from the tag byte (or the top) down to the input size equal bit 55. */
function canonicalAddress(va: u64, ignored: i32, addressBits: i32, upper: bool): bool {
  const checked = (<u64>-1 >> ignored) & ~((<u64>1 << addressBits) - 1);
  return (va & checked) == (upper ? checked : 0);
}

function walkTables(cpu: usize, va: u64, granule: i32, addressBits: i32, base: u64): bool {
  const stride = granule - 3;
  let level = 4 - (addressBits - granule + stride - 1) / stride;
  const firstBits = addressBits - granule - (3 - level) * stride;
  let table = base & ~((<u64>1 << (firstBits + 3)) - 1), indexBits = firstBits;
  hierarchical = 0;
  for (;;) {
    const shift = granule + (3 - level) * stride;
    const index = (va >> shift) & ((<u64>1 << indexBits) - 1);
    const at = toPhysical(cpu, table + index * 8, READ, true);
    if (fault != NO_FAULT) return false;
    if (!ramHas(at)) { fault = FAULT_EXTERNAL_ON_WALK | level; return false; }
    if (isMissing(<usize>RAM_BASE + <usize>at)) { fault = FAULT_MISSING; putF(cpu, WALK_PA, <f64>at); return false; }
    const descriptor = load<u64>(<usize>RAM_BASE + <usize>at);
    if (!bit(descriptor, 0)) { fault = FAULT_TRANSLATION | level; return false; }
    if (level < 3 && bit(descriptor, 1)) {
      table = descriptor & ADDRESS & ~((<u64>1 << granule) - 1);
      hierarchical |= descriptor;
      indexBits = stride;
      level++;
      continue;
    }
    if (!leafAllowed(descriptor, level, granule)) { fault = FAULT_TRANSLATION | level; return false; }
    if (!bit(descriptor, 10)) { fault = FAULT_ACCESS_FLAG | level; return false; }
    leafDescriptor = descriptor;
    leafSizeLog2 = shift;
    return true;
  }
}

/** Pages at level 3; blocks at levels 1 and 2 with 4 KiB granules, at level 2 with larger ones. */
function leafAllowed(descriptor: u64, level: i32, granule: i32): bool {
  if (level == 3) return bit(descriptor, 1);
  return level == 2 || (level == 1 && granule == 12);
}

function stage1Rights(cpu: usize, va: u64, el: i32): i32 {
  const userAccess = bit(leafDescriptor, 6) && !bit(hierarchical, 61);
  const readOnly = bit(leafDescriptor, 7) || bit(hierarchical, 62);
  const uxn = bit(leafDescriptor, 54) || bit(hierarchical, 60), pxn = bit(leafDescriptor, 53) || bit(hierarchical, 59);
  const wxn = bit(get64(cpu, SCTLR_EL1), 19);
  if (el == 0) {
    let rights = userAccess ? (readOnly ? READ : READ | WRITE) : 0;
    if (!uxn && !(wxn && (rights & WRITE) != 0)) rights |= EXECUTE;
    return rights;
  }
  const hidden = userAccess && get32(cpu, PAN) != 0 && get32(cpu, EL) != 0;
  let rights = readOnly ? READ : READ | WRITE;
  if (!pxn && !(userAccess && !readOnly) && !(wxn && (rights & WRITE) != 0)) rights |= EXECUTE;
  return hidden ? rights & EXECUTE : rights;
}

/** Stage 2. `onTable`: the access is a stage 1 walk's own. Sets `fault` when there is no translation. */
function toPhysical(cpu: usize, ipa: u64, access: i32, onTable: bool): u64 {
  stage2Rights = READ | WRITE | EXECUTE;
  stage2SizeLog2 = 64;
  if (!bit(get64(cpu, HCR_EL2), 0)) return ipa;
  const vtcr = get64(cpu, VTCR_EL2), tg0 = bits(vtcr, 15, 14);
  const granule = tg0 == 1 ? 16 : tg0 == 2 ? 14 : 12, stride = granule - 3;
  const sl0 = <i32>bits(vtcr, 7, 6);
  let level = granule == 12 ? 2 - sl0 : 3 - sl0;
  const addressBits = 64 - <i32>bits(vtcr, 5, 0);
  let table = get64(cpu, VTTBR_EL2) & 0x0000_ffff_ffff_fffe;
  let indexBits = addressBits - granule - (3 - level) * stride;
  if ((ipa >> addressBits) != 0 || level < 0) return stage2Fault(cpu, ipa, FAULT_TRANSLATION, onTable);
  for (;;) {
    const shift = granule + (3 - level) * stride;
    const at = table + ((ipa >> shift) & ((<u64>1 << indexBits) - 1)) * 8;
    if (!ramHas(at)) return stage2Fault(cpu, ipa, FAULT_EXTERNAL_ON_WALK | level, onTable);
    const descriptor = load<u64>(<usize>RAM_BASE + <usize>at);
    if (!bit(descriptor, 0)) return stage2Fault(cpu, ipa, FAULT_TRANSLATION | level, onTable);
    if (level < 3 && bit(descriptor, 1)) {
      table = descriptor & ADDRESS & ~((<u64>1 << granule) - 1);
      indexBits = stride;
      level++;
      continue;
    }
    if (!leafAllowed(descriptor, level, granule)) return stage2Fault(cpu, ipa, FAULT_TRANSLATION | level, onTable);
    if (!bit(descriptor, 10)) return stage2Fault(cpu, ipa, FAULT_ACCESS_FLAG | level, onTable);
    stage2Rights = (bit(descriptor, 6) ? READ : 0) | (bit(descriptor, 7) ? WRITE : 0) | (bit(descriptor, 54) ? 0 : EXECUTE);
    stage2SizeLog2 = shift;
    if (onTable && (stage2Rights & READ) == 0) return stage2Fault(cpu, ipa, FAULT_PERMISSION | level, onTable);
    const offset = (<u64>1 << shift) - 1;
    return (descriptor & ADDRESS & ~offset) | (ipa & offset);
  }
}

function stage2Fault(cpu: usize, ipa: u64, status: i32, onTable: bool): u64 {
  fault = status | FAULT_STAGE2 | (onTable ? FAULT_ON_TABLE : 0);
  putF(cpu, WALK_IPA, <f64>ipa);
  return 0;
}

/** Where the last successful walk ended, in linear memory. */
export function walkHost(cpu: usize): usize { return <usize>RAM_BASE + <usize><u64>getF(cpu, WALK_PA); }

/** Device memory by MAIR: 0b0000xx00. */
export function walkIsDevice(cpu: usize): bool { return (get32(cpu, WALK_ATTRIBUTES) & 0xf0) == 0; }
