/**
 * The system registers (Arm ARM D17), one row each: name, encoding, lowest EL that reads and writes it, how, and what
 * traps it. The core reads these rows from linear memory; the debugger and the hypervisor use them here.
 */
import * as L from '../layout.ts';
import * as K from '../sysreg-slots.ts';

type Encoding = readonly [op0: number, op1: number, CRn: number, CRm: number, op2: number];

export interface SystemRegister {
  readonly name: string;
  readonly at: Encoding;
  /** Lowest EL that may read and write it; 3 is nobody inside the machine. */
  readonly readEl: number;
  readonly writeEl: number;
  readonly read: number;
  readonly write: number;
  readonly trap: number;
  /** Offset in the CPU's block; 0 for registers without storage of their own. */
  readonly slot: number;
  readonly writeMask: bigint;
  readonly reset: bigint;
}

type Options = Partial<Omit<SystemRegister, 'name' | 'at'>>;
const NOBODY = 3;
const ALL = 0xffff_ffff_ffff_ffffn;

let nextSlot = K.FIRST_FREE_SLOT;
const register = (name: string, at: Encoding, options: Options = {}): SystemRegister => ({
  name, at, readEl: 1, writeEl: 1, read: K.PLAIN, write: K.PLAIN, trap: K.TRAP_NONE, writeMask: ALL, reset: 0n, ...options,
  slot: options.slot ?? takeSlot(),
});
function takeSlot(): number {
  const slot = nextSlot;
  nextSlot += 8;
  if (nextSlot > L.SYSREGS + 8 * L.SYSREG_SLOTS) throw new Error('no room for another system register');
  return slot;
}

/** A register whose value never changes. */
const constant = (name: string, at: Encoding, value: bigint, options: Options = {}) => register(name, at, { reset: value, writeEl: NOBODY, write: K.NONE, ...options });
/** A view of state that is kept elsewhere. */
const view = (name: string, at: Encoding, kind: number, options: Options = {}) => register(name, at, { read: kind, write: kind, slot: 0, ...options });
const id = (name: string, CRm: number, op2: number, value: bigint) => constant(name, [3, 0, 0, CRm, op2], value, { trap: K.TRAP_TID3 });
const translation = (name: string, at: Encoding, slot: number, options: Options = {}) => register(name, at, { slot, write: K.AS_TRANSLATION, trap: K.TRAP_TVM, ...options });
const el2 = (name: string, at: Encoding, slot: number, reset = 0n) => register(name, at, { slot, readEl: NOBODY, writeEl: NOBODY, reset });

/** PL1-only identification space that Armv8 reserves reads as zero: AArch32 features (there is none) and what came later. */
const reservedIds = (named: readonly SystemRegister[]) => Array.from({ length: 7 * 8 }, (_, i) => [1 + (i >> 3), i & 7] as const)
  .filter(([CRm, op2]) => !named.some(r => r.at[2] === 0 && r.at[3] === CRm && r.at[4] === op2))
  .map(([CRm, op2]) => register(`S3_0_C0_C${CRm}_${op2}`, [3, 0, 0, CRm, op2], { read: K.NONE, writeEl: NOBODY, slot: 0, trap: K.TRAP_TID3 }));

const IDENTIFICATION = [
  id('ID_AA64PFR0_EL1', 4, 0, 0x1100_0000_0100_0011n),  // EL0 and EL1 AArch64, GICv3 system registers, CSV2, CSV3
  id('ID_AA64PFR1_EL1', 4, 1, 0n),
  id('ID_AA64DFR0_EL1', 5, 0, 0x0010_1006n),            // Armv8 debug, 2 breakpoints, 2 watchpoints, no PMU
  id('ID_AA64DFR1_EL1', 5, 1, 0n),
  id('ID_AA64ISAR0_EL1', 6, 0, 0x0021_0000n),           // CRC32, LSE atomics
  id('ID_AA64ISAR1_EL1', 6, 1, 0n),
  id('ID_AA64MMFR0_EL1', 7, 0, 0x0010_0025n),           // 48-bit PA, 16-bit ASID, 4, 16 and 64 KiB granules
  id('ID_AA64MMFR1_EL1', 7, 1, 0x0010_0000n),           // PAN
  id('ID_AA64MMFR2_EL1', 7, 2, 0x1000_0000_0000_0000n), // E0PD
];

const breakpoints = (name: string, op2: number) => [0, 1].map(n => register(`${name}${n}_EL1`, [2, 0, 0, n, op2], { trap: K.TRAP_DEBUG }));

const REGISTERS: readonly SystemRegister[] = [
  view('MIDR_EL1', [3, 0, 0, 0, 0], K.AS_MIDR, { writeEl: NOBODY }),
  view('MPIDR_EL1', [3, 0, 0, 0, 5], K.AS_MPIDR, { writeEl: NOBODY }),
  constant('REVIDR_EL1', [3, 0, 0, 0, 6], 0n, { trap: K.TRAP_TID1 }),
  constant('AIDR_EL1', [3, 1, 0, 0, 7], 0n, { trap: K.TRAP_TID1 }),
  ...IDENTIFICATION, ...reservedIds(IDENTIFICATION),

  translation('SCTLR_EL1', [3, 0, 1, 0, 0], K.SCTLR_EL1, { reset: 0x30d0_0800n, writeMask: 0x048d_d21fn }),
  register('ACTLR_EL1', [3, 0, 1, 0, 1], { trap: K.TRAP_TACR, write: K.NONE }),
  register('CPACR_EL1', [3, 0, 1, 0, 2], { slot: K.CPACR_EL1, write: K.AS_CPACR, writeMask: 0x1030_0000n }),
  register('TTBR0_EL1', [3, 0, 2, 0, 0], { slot: K.TTBR0_EL1, write: K.AS_TTBR0, trap: K.TRAP_TVM }),
  translation('TTBR1_EL1', [3, 0, 2, 0, 1], K.TTBR1_EL1, { write: K.AS_TTBR1 }),
  translation('TCR_EL1', [3, 0, 2, 0, 2], K.TCR_EL1),
  register('AFSR0_EL1', [3, 0, 5, 1, 0], { trap: K.TRAP_TVM }),
  register('AFSR1_EL1', [3, 0, 5, 1, 1], { trap: K.TRAP_TVM }),
  register('ESR_EL1', [3, 0, 5, 2, 0], { slot: K.ESR_EL1, trap: K.TRAP_TVM }),
  register('FAR_EL1', [3, 0, 6, 0, 0], { slot: K.FAR_EL1, trap: K.TRAP_TVM }),
  register('PAR_EL1', [3, 0, 7, 4, 0], { slot: K.PAR_EL1 }),
  translation('MAIR_EL1', [3, 0, 10, 2, 0], K.MAIR_EL1),
  register('AMAIR_EL1', [3, 0, 10, 3, 0], { trap: K.TRAP_TVM }),
  register('VBAR_EL1', [3, 0, 12, 0, 0], { slot: K.VBAR_EL1, writeMask: ~0x7ffn & ALL }),
  constant('RVBAR_EL1', [3, 0, 12, 0, 1], 0n),
  constant('ISR_EL1', [3, 0, 12, 1, 0], 0n),
  register('CONTEXTIDR_EL1', [3, 0, 13, 0, 1], { trap: K.TRAP_TVM, writeMask: 0xffff_ffffn }),
  register('TPIDR_EL1', [3, 0, 13, 0, 4]),
  register('TPIDR_EL0', [3, 3, 13, 0, 2], { readEl: 0, writeEl: 0 }),
  register('TPIDRRO_EL0', [3, 3, 13, 0, 3], { readEl: 0 }),
  register('SPSR_EL1', [3, 0, 4, 0, 0], { slot: K.SPSR_EL1, writeMask: 0xffff_ffffn }),
  register('ELR_EL1', [3, 0, 4, 0, 1], { slot: K.ELR_EL1 }),

  view('SP_EL0', [3, 0, 4, 1, 0], K.AS_SP_EL0),
  view('SPSel', [3, 0, 4, 2, 0], K.AS_SPSEL),
  view('CurrentEL', [3, 0, 4, 2, 2], K.AS_CURRENT_EL, { writeEl: NOBODY }),
  view('PAN', [3, 0, 4, 2, 3], K.AS_PAN),
  view('NZCV', [3, 3, 4, 2, 0], K.AS_NZCV, { readEl: 0, writeEl: 0 }),
  view('DAIF', [3, 3, 4, 2, 1], K.AS_DAIF, { readEl: 0, writeEl: 0, trap: K.TRAP_DAIF_EL0 }),
  view('FPCR', [3, 3, 4, 4, 0], K.AS_FPCR, { readEl: 0, writeEl: 0, trap: K.TRAP_FP }),
  view('FPSR', [3, 3, 4, 4, 1], K.AS_FPSR, { readEl: 0, writeEl: 0, trap: K.TRAP_FP }),

  view('CCSIDR_EL1', [3, 1, 0, 0, 0], K.AS_CCSIDR, { writeEl: NOBODY, trap: K.TRAP_TID2 }),
  constant('CLIDR_EL1', [3, 1, 0, 0, 1], 0x0a20_0023n, { trap: K.TRAP_TID2 }),
  register('CSSELR_EL1', [3, 2, 0, 0, 0], { slot: K.CSSELR_EL1, trap: K.TRAP_TID2, writeMask: 0xfn }),
  constant('CTR_EL0', [3, 3, 0, 0, 1], 0xb444_c004n, { readEl: 0, trap: K.TRAP_CTR_EL0 }), // 64-byte lines; IDC and DIC: caches need no care
  constant('DCZID_EL0', [3, 3, 0, 0, 7], 4n, { readEl: 0 }),                                // DC ZVA zeroes 64 bytes

  register('CNTKCTL_EL1', [3, 0, 14, 1, 0], { slot: K.CNTKCTL_EL1, writeMask: 0x3ffn }),
  register('CNTFRQ_EL0', [3, 3, 14, 0, 0], { slot: K.CNTFRQ_EL0, readEl: 0, writeEl: NOBODY }),
  view('CNTPCT_EL0', [3, 3, 14, 0, 1], K.AS_CNTPCT, { readEl: 0, writeEl: NOBODY, trap: K.TRAP_CNTPCT }),
  view('CNTVCT_EL0', [3, 3, 14, 0, 2], K.AS_CNTVCT, { readEl: 0, writeEl: NOBODY, trap: K.TRAP_CNTVCT }),
  view('CNTP_TVAL_EL0', [3, 3, 14, 2, 0], K.AS_CNTP_TVAL, { readEl: 0, writeEl: 0, trap: K.TRAP_CNTP }),
  register('CNTP_CTL_EL0', [3, 3, 14, 2, 1], { slot: K.CNTP_CTL_EL0, readEl: 0, writeEl: 0, read: K.AS_CNTP_CTL, write: K.AS_CNTP_CTL, writeMask: 3n, trap: K.TRAP_CNTP }),
  register('CNTP_CVAL_EL0', [3, 3, 14, 2, 2], { slot: K.CNTP_CVAL_EL0, readEl: 0, writeEl: 0, write: K.AS_CNT_CVAL, trap: K.TRAP_CNTP }),
  view('CNTV_TVAL_EL0', [3, 3, 14, 3, 0], K.AS_CNTV_TVAL, { readEl: 0, writeEl: 0, trap: K.TRAP_CNTV }),
  register('CNTV_CTL_EL0', [3, 3, 14, 3, 1], { slot: K.CNTV_CTL_EL0, readEl: 0, writeEl: 0, read: K.AS_CNTV_CTL, write: K.AS_CNTV_CTL, writeMask: 3n, trap: K.TRAP_CNTV }),
  register('CNTV_CVAL_EL0', [3, 3, 14, 3, 2], { slot: K.CNTV_CVAL_EL0, readEl: 0, writeEl: 0, write: K.AS_CNT_CVAL, trap: K.TRAP_CNTV }),

  register('MDSCR_EL1', [2, 0, 0, 2, 2], { slot: K.MDSCR_EL1, trap: K.TRAP_DEBUG, writeMask: 0x0000_f001n | 0x7f00_0000n }),
  register('MDCCINT_EL1', [2, 0, 0, 2, 0], { trap: K.TRAP_DEBUG }),
  register('OSDTRRX_EL1', [2, 0, 0, 0, 2], { trap: K.TRAP_DEBUG }),
  register('OSDTRTX_EL1', [2, 0, 0, 3, 2], { trap: K.TRAP_DEBUG }),
  register('OSECCR_EL1', [2, 0, 0, 6, 2], { trap: K.TRAP_DEBUG }),
  ...breakpoints('DBGBVR', 4), ...breakpoints('DBGBCR', 5), ...breakpoints('DBGWVR', 6), ...breakpoints('DBGWCR', 7),
  constant('MDRAR_EL1', [2, 0, 1, 0, 0], 0n, { trap: K.TRAP_DEBUG }),
  view('OSLAR_EL1', [2, 0, 1, 0, 4], K.AS_OSLAR, { readEl: NOBODY, trap: K.TRAP_OS_LOCK }),
  constant('OSLSR_EL1', [2, 0, 1, 1, 4], 8n, { slot: K.OSLSR_EL1, trap: K.TRAP_OS_LOCK }),
  register('OSDLR_EL1', [2, 0, 1, 3, 4], { trap: K.TRAP_OS_LOCK, writeMask: 1n }),
  register('DBGPRCR_EL1', [2, 0, 1, 4, 4], { trap: K.TRAP_OS_LOCK, writeMask: 1n }),
  register('DBGCLAIMSET_EL1', [2, 0, 7, 8, 6], { trap: K.TRAP_DEBUG, write: K.NONE, reset: 0xffn }),
  register('DBGCLAIMCLR_EL1', [2, 0, 7, 9, 6], { trap: K.TRAP_DEBUG, write: K.NONE }),
  constant('DBGAUTHSTATUS_EL1', [2, 0, 7, 14, 6], 0n, { trap: K.TRAP_DEBUG }),
  constant('MDCCSR_EL0', [2, 3, 0, 1, 0], 0n, { readEl: 0, trap: K.TRAP_DCC }),
  register('DBGDTR_EL0', [2, 3, 0, 4, 0], { readEl: 0, writeEl: 0, trap: K.TRAP_DCC }),
  register('DBGDTRRX_EL0', [2, 3, 0, 5, 0], { readEl: 0, writeEl: 0, trap: K.TRAP_DCC }),

  view('ICC_PMR_EL1', [3, 0, 4, 6, 0], K.AS_ICC_PMR),
  view('ICC_IAR0_EL1', [3, 0, 12, 8, 0], K.AS_ICC_IAR0, { writeEl: NOBODY }),
  view('ICC_EOIR0_EL1', [3, 0, 12, 8, 1], K.NONE, { readEl: NOBODY }),
  view('ICC_HPPIR0_EL1', [3, 0, 12, 8, 2], K.AS_ICC_IAR0, { writeEl: NOBODY }),
  view('ICC_BPR0_EL1', [3, 0, 12, 8, 3], K.AS_ICC_BPR0),
  view('ICC_AP0R0_EL1', [3, 0, 12, 8, 4], K.NONE),
  view('ICC_AP1R0_EL1', [3, 0, 12, 9, 0], K.AS_ICC_AP1R0),
  view('ICC_DIR_EL1', [3, 0, 12, 11, 1], K.AS_ICC_DIR, { readEl: NOBODY }),
  view('ICC_RPR_EL1', [3, 0, 12, 11, 3], K.AS_ICC_RPR, { writeEl: NOBODY }),
  view('ICC_SGI1R_EL1', [3, 0, 12, 11, 5], K.AS_ICC_SGI1R, { readEl: NOBODY }),
  view('ICC_ASGI1R_EL1', [3, 0, 12, 11, 6], K.NONE, { readEl: NOBODY }),
  view('ICC_SGI0R_EL1', [3, 0, 12, 11, 7], K.NONE, { readEl: NOBODY }),
  view('ICC_IAR1_EL1', [3, 0, 12, 12, 0], K.AS_ICC_IAR1, { writeEl: NOBODY }),
  view('ICC_EOIR1_EL1', [3, 0, 12, 12, 1], K.AS_ICC_EOIR1, { readEl: NOBODY }),
  view('ICC_HPPIR1_EL1', [3, 0, 12, 12, 2], K.AS_ICC_HPPIR1, { writeEl: NOBODY }),
  view('ICC_BPR1_EL1', [3, 0, 12, 12, 3], K.AS_ICC_BPR1),
  view('ICC_CTLR_EL1', [3, 0, 12, 12, 4], K.AS_ICC_CTLR),
  view('ICC_SRE_EL1', [3, 0, 12, 12, 5], K.AS_ICC_SRE),
  view('ICC_IGRPEN0_EL1', [3, 0, 12, 12, 6], K.AS_ICC_IGRPEN0),
  view('ICC_IGRPEN1_EL1', [3, 0, 12, 12, 7], K.AS_ICC_IGRPEN1),

  el2('VPIDR_EL2', [3, 4, 0, 0, 0], K.VPIDR_EL2, 0x000f_5140n),
  el2('VMPIDR_EL2', [3, 4, 0, 0, 5], K.VMPIDR_EL2),
  el2('HCR_EL2', [3, 4, 1, 1, 0], K.HCR_EL2),
  el2('MDCR_EL2', [3, 4, 1, 1, 1], K.MDCR_EL2),
  el2('CPTR_EL2', [3, 4, 1, 1, 2], K.CPTR_EL2),
  el2('VTTBR_EL2', [3, 4, 2, 1, 0], K.VTTBR_EL2),
  el2('VTCR_EL2', [3, 4, 2, 1, 2], K.VTCR_EL2),
  el2('SPSR_EL2', [3, 4, 4, 0, 0], K.SPSR_EL2),
  el2('ELR_EL2', [3, 4, 4, 0, 1], K.ELR_EL2),
  el2('ESR_EL2', [3, 4, 5, 2, 0], K.ESR_EL2),
  el2('FAR_EL2', [3, 4, 6, 0, 0], K.FAR_EL2),
  el2('HPFAR_EL2', [3, 4, 6, 0, 4], K.HPFAR_EL2),
  el2('CNTVOFF_EL2', [3, 4, 14, 0, 3], K.CNTVOFF_EL2),
  el2('CNTHCTL_EL2', [3, 4, 14, 1, 0], K.CNTHCTL_EL2, 3n),
  el2('CNTPOFF_EL2', [3, 4, 14, 0, 6], K.CNTPOFF_EL2),
  el2('CNTSCALE_EL2', [3, 4, 15, 14, 0], K.CNTSCALE_EL2),
  el2('GUEST_CNTP_CVAL', [3, 4, 15, 14, 1], K.GUEST_CNTP_CVAL),
  el2('GUEST_CNTV_CVAL', [3, 4, 15, 14, 2], K.GUEST_CNTV_CVAL),
  el2('ICH_AP0R0_EL2', [3, 4, 12, 8, 0], K.ICH_AP0R0_EL2),
  el2('ICH_AP1R0_EL2', [3, 4, 12, 9, 0], K.ICH_AP1R0_EL2),
  el2('ICH_HCR_EL2', [3, 4, 12, 11, 0], K.ICH_HCR_EL2),
  el2('ICH_VMCR_EL2', [3, 4, 12, 11, 7], K.ICH_VMCR_EL2),
  ...Array.from({ length: K.ICH_LR_COUNT }, (_, n) => el2(`ICH_LR${n}_EL2`, [3, 4, 12, 12 + (n >> 3), n & 7], K.ICH_LR0_EL2 + 8 * n)),
];

export const SYSTEM_REGISTERS = REGISTERS;
export const systemRegister = (name: string): SystemRegister => {
  const found = REGISTERS.find(r => r.name === name);
  if (found === undefined) throw new Error(`no system register ${name}`);
  return found;
};

/** Contents for SYSREG_INDEX and SYSREG_ROWS; row 0 means that there is no such register. */
export function systemRegisterTables(): { index: Uint16Array<ArrayBuffer>; rows: Uint8Array<ArrayBuffer> } {
  const index = new Uint16Array(32768), rows = new DataView(new ArrayBuffer((REGISTERS.length + 1) * L.SYSREG_ROW_BYTES));
  REGISTERS.forEach((r, i) => {
    const [op0, op1, CRn, CRm, op2] = r.at, row = i + 1, at = row * L.SYSREG_ROW_BYTES;
    const key = ((op0 & 1) << 14) | (op1 << 11) | (CRn << 7) | (CRm << 3) | op2;
    if (index[key] !== 0) throw new Error(`two system registers at ${r.at.join(', ')}`);
    index[key] = row;
    rows.setUint16(at + L.SYSREG_ROW_SLOT, r.slot, true);
    rows.setUint8(at + L.SYSREG_ROW_READ, r.read);
    rows.setUint8(at + L.SYSREG_ROW_WRITE, r.write);
    rows.setUint8(at + L.SYSREG_ROW_READ_EL, r.readEl);
    rows.setUint8(at + L.SYSREG_ROW_WRITE_EL, r.writeEl);
    rows.setUint8(at + L.SYSREG_ROW_TRAP, r.trap);
    rows.setBigUint64(at + L.SYSREG_ROW_WRITE_MASK, r.writeMask, true);
  });
  return { index, rows: new Uint8Array(rows.buffer) };
}
