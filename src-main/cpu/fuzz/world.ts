/**
 * Where fuzzed programs live: the memory map, page tables, and a small kernel at EL1 that logs each exception, goes on
 * behind what raised it, and changes the page tables when it is asked to.
 */
import type { Pa } from '../../../shared/base/ids.ts';
import { assemble } from '../asm/assembler.ts';
import { Machine, type Cpu } from '../core/machine.ts';
import * as L from '../layout.ts';

export const RAM_BYTES = 0x20_0000;
const TABLE1 = 0x1000, TABLE2 = 0x2000, TABLE3 = 0x3000, KERNEL = 0x10000;
export const CODE = 0x40000, CODE_PAGES = 16;
/** This page of code may be mapped to its variant, and may lose the right to be executed. */
export const SWAPPED = CODE + 0x3000, VARIANT = 0x63000;
export const DATA = 0x80000;
/** Read when a round begins, and never written. */
export const SEEDS = 0xa0000, SEED_BYTES = 0x800;
/** Pages that lose the right to be written, or are unmapped, now and then. */
export const READ_ONLY_AT_TIMES = 0xa2000, ABSENT_AT_TIMES = 0xa3000;
const DATA_END = 0xe0000, STACK_EL0 = 0xc8000, STACK_EL1 = 0xd8000;
export const UNMAPPED = 0x7000_0000;
const LOG = 0x18_0000, LOG_BYTES = 0x4000;
/** Code and its variant are seen a second time here, the variant in the swapped page's place. */
export const ALIAS = 0x10_0000;

export const MODES = ['EL1 with the MMU off', 'EL1', 'EL0'] as const;
export type Mode = typeof MODES[number];

/** What the kernel does for `svc #n`. */
export const CALLS = { nothing: 0, end: 2, writeProtect: 1, unmap: 3, swap: 4, forbidExecution: 5, disableFp: 6, changeAsid: 7, interrupt: 8 } as const;
/** What the kernel asks of the hypervisor: an end, and an interrupt. */
const END = 9, INTERRUPT = 10;

const entry = (page: number) => TABLE3 + 8 * (page >> 12);
const change = (page: number, bits: string) => `mov x24, #${entry(page)}\n ldr x25, [x24]\n eor x25, x25, #${bits}\n str x25, [x24]`;
const vae1is = (page: number) => `mov x24, #${page >> 12}\n dsb sy\n sys #0, c8, c3, #3, x24\n dsb sy\n isb\n eret`;
const VMALLE1IS = 'dsb sy\n sys #0, c8, c3, #0, xzr\n dsb sy\n isb\n eret';

/** X24 and X25 are the kernel's own. */
const KERNEL_CODE = assemble(`
.space 0x200
  b sync
.align 0x80
  b irq
.align 0x400
  b sync
.align 0x80
  b irq
.align 0x800
sync:
  mrs x24, tpidr_el1
  mrs x25, esr_el1
  str x25, [x24]
  mrs x25, far_el1
  str x25, [x24, #8]
  mrs x25, elr_el1
  str x25, [x24, #16]
  mrs x25, spsr_el1
  str x25, [x24, #24]
  add x24, x24, #32
  and x24, x24, #${LOG_BYTES - 1}
  orr x24, x24, #${LOG}
  msr tpidr_el1, x24
  mrs x24, esr_el1
  lsr x25, x24, #26
  cmp x25, #0x15
  b.eq call
  cmp x25, #7
  b.eq fp
  sub x25, x25, #0x20
  cmp x25, #2
  b.ls fetch
  mrs x24, elr_el1
  add x24, x24, #4
  msr elr_el1, x24
  eret
irq:
  mrs x24, icc_iar1_el1
  msr icc_eoir1_el1, x24
  mrs x24, tpidr_el1
  mrs x25, elr_el1
  str x25, [x24, #16]
  add x24, x24, #32
  and x24, x24, #${LOG_BYTES - 1}
  orr x24, x24, #${LOG}
  msr tpidr_el1, x24
  eret
fp:
  mov x24, #0x300000
  msr cpacr_el1, x24
  isb
  eret
fetch:                           // The swapped page gets its right back, seen from either place; elsewhere nothing is.
  mrs x24, far_el1
  lsr x25, x24, #12
  mov x24, #${SWAPPED >> 12}
  cmp x25, x24
  b.eq permit
  mov x24, #${(SWAPPED + ALIAS) >> 12}
  cmp x25, x24
  b.eq permit
  msr elr_el1, x30
  eret
permit:
  mov x24, #${TABLE3}
  add x24, x24, x25, lsl #3
  ldr x25, [x24]
  and x25, x25, #0xff9fffffffffffff
  str x25, [x24]
  ${VMALLE1IS}
call:
  ubfm x25, x24, #0, #15
  cmp x25, #${CALLS.end}
  b.eq end
  cmp x25, #${CALLS.writeProtect}
  b.eq protect
  cmp x25, #${CALLS.unmap}
  b.eq unmap
  cmp x25, #${CALLS.swap}
  b.eq swap
  cmp x25, #${CALLS.forbidExecution}
  b.eq forbid
  cmp x25, #${CALLS.disableFp}
  b.eq nofp
  cmp x25, #${CALLS.changeAsid}
  b.eq asid
  cmp x25, #${CALLS.interrupt}
  b.eq interrupt
  eret
interrupt:
  hvc #${INTERRUPT}
  eret
end: hvc #${END}
protect:
  ${change(READ_ONLY_AT_TIMES, '0x80')}
  ${vae1is(READ_ONLY_AT_TIMES)}
unmap:
  ${change(ABSENT_AT_TIMES, '1')}
  ${VMALLE1IS}
swap:
  ${change(SWAPPED, `0x${(SWAPPED ^ VARIANT).toString(16)}`)}
  ${vae1is(SWAPPED)}
forbid:
  mov x24, #${entry(SWAPPED)}
  ldr x25, [x24]
  orr x25, x25, #0x60000000000000
  str x25, [x24]
  ${VMALLE1IS}
nofp:
  msr cpacr_el1, xzr
  isb
  eret
asid:
  mrs x24, ttbr0_el1
  eor x24, x24, #0x1000000000000
  msr ttbr0_el1, x24
  isb
  eret
`, KERNEL);

/** A machine in which programs run one after the other. */
export class World {
  readonly machine = new Machine({ ramBytes: RAM_BYTES, cpus: 1, counterHz: 62_500_000, nowNs: () => 0 });
  readonly cpu: Cpu = this.machine.cpus[0] as Cpu;
  private readonly ram = Buffer.from(this.machine.bytes(0 as Pa, RAM_BYTES).buffer, L.RAM_BASE, RAM_BYTES);
  private readonly reset = this.cpu.save();

  /** Memory and registers at a program's start. */
  load(mode: Mode, start: number, contents: ReadonlyMap<number, Uint8Array>): void {
    const { cpu, ram } = this;
    ram.fill(0);
    KERNEL_CODE.forEach((byte, i) => { ram[KERNEL + i] = byte; });
    for (const [at, bytes] of contents) ram.set(bytes, at);
    this.mapPages(mode === 'EL0');
    this.machine.wrote(0 as Pa, RAM_BYTES);
    cpu.restore(this.reset);
    cpu.setSystem('TTBR0_EL1', BigInt(TABLE1));
    cpu.setSystem('TCR_EL1', (1n << 37n) | (25n << 16n) | (2n << 30n) | 25n);
    cpu.setSystem('MAIR_EL1', 0xffn);
    cpu.setSystem('SCTLR_EL1', 0x30d0_0800n | (1n << 26n) | (1n << 15n) | (1n << 14n) | (1n << 16n) | (1n << 18n) | 4n | (mode === 'EL1 with the MMU off' ? 0n : 1n));
    cpu.setSystem('CPACR_EL1', 3n << 20n);
    cpu.setSystem('VBAR_EL1', BigInt(KERNEL));
    cpu.setSystem('TPIDR_EL1', BigInt(LOG));
    cpu.setSystem('ICH_HCR_EL2', 1n);
    cpu.setSystem('ICH_VMCR_EL2', (0xffn << 24n) | (3n << 18n) | 2n);
    if (mode === 'EL0') { cpu.put32(L.EL, 0); cpu.put32(L.DAIF, 0); }
    cpu.sp = BigInt(mode === 'EL0' ? STACK_EL0 : STACK_EL1);
    cpu.restore(cpu.save());
    cpu.pc = BigInt(start);
  }

  private put64(at: number, value: bigint): void { this.ram.writeBigUInt64LE(value, at); }

  /** All of RAM to itself: code and data for the program, the rest for the kernel. */
  private mapPages(user: boolean): void {
    const TABLE = 3n, KERNEL_DATA = 0x403n | (1n << 54n) | (1n << 53n), KERNEL_TEXT = 0x403n | (1n << 54n), PROGRAM = user ? 0x443n : 0x403n;
    this.put64(TABLE1, BigInt(TABLE2) | TABLE);
    this.put64(TABLE2, BigInt(TABLE3) | TABLE);
    for (let page = 0; page < RAM_BYTES; page += 4096) this.put64(entry(page), BigInt(page) | (page >= CODE && page < DATA_END ? PROGRAM : KERNEL_DATA));
    this.put64(entry(KERNEL), BigInt(KERNEL) | KERNEL_TEXT);
    for (let page = CODE; page < CODE + 4096 * CODE_PAGES; page += 4096) this.put64(entry(page + ALIAS), BigInt(page === SWAPPED ? VARIANT : page) | PROGRAM);
  }

  /** A turn, and what a hypervisor does then; says whether the program has made its last call. */
  run(budget: number): boolean {
    if (this.cpu.run(budget) !== 'el2') return false;
    const call = Number(this.cpu.system('ESR_EL2') & 0xffffn);
    if (call === INTERRUPT) this.cpu.setListRegister(0, (1n << 62n) | (1n << 60n) | (0x80n << 48n) | 42n);
    return call === END;
  }

  /** RAM as it is now. */
  memory(): Buffer { return Buffer.from(this.ram); }
}
