/** Runs cases on our own CPU, interpreted or translated: at EL0 under a page table with the harness's memory, with exceptions caught at EL1. */
import { assert } from '../../../shared/base/errors.ts';
import type { Pa } from '../../../shared/base/ids.ts';
import { assemble } from '../asm/assembler.ts';
import { Machine, type Cpu } from '../core/machine.ts';
import { translateRecords } from '../core/translation.ts';
import * as L from '../layout.ts';
import { SP_EL0 } from '../sysreg-slots.ts';
import { BRK, CASE, CODE, DATA, DATA_BYTES, ENTRY, KINDS, OUTCOME, OUTCOME_BYTES, PATCH_BYTES, pristineWord, UNCHANGED, type Case } from './case.ts';

const TABLE1 = 0x1000, TABLE2 = 0x2000, TABLE3 = 0x3000, VECTORS = 0x10000;
/** The vectors' page is seen here by EL1, which cannot run what EL0 can write. */
const VECTORS_VA = 0x4000_0000n + BigInt(VECTORS);
const LOWER_EL = 0x400;
const UXN = 1n << 54n, USER_CODE = 0x443n, USER_DATA = USER_CODE | UXN, KERNEL_BLOCK = 0x401n | UXN, TABLE = 3n;

/**
 * Where a case is entered: a loop that goes around no times, as only regions with a loop in them are worth translating,
 * then the case's words.
 */
const LOOP = CODE + 0x2c, TO_ENTRY = assemble(`cbnz xzr, ${LOOP}\nb ${ENTRY}`, LOOP);

/** What EL1 does between cases: the flags and control of floating point have to be written by instructions. */
const BETWEEN = assemble('hvc #0\nmsr fpcr, x0\nmsr fpsr, x1\nhvc #1\neret', LOWER_EL);
const SET_FP = VECTORS_VA + BigInt(LOWER_EL + 4), RETURN = VECTORS_VA + BigInt(LOWER_EL + 16);

const KIND_OF_CLASS: Readonly<Record<number, number>> = { 0x3c: 1, 0x00: 2, 0x18: 2, 0x20: 3, 0x24: 3, 0x22: 4, 0x26: 4 };
const ALIGNMENT_FAULT = 0x21;

export class Subject {
  private readonly machine: Machine;
  private readonly cpu: Cpu;
  private readonly data: Uint8Array;
  private readonly pristine: Buffer;

  constructor() {
    this.machine = new Machine({ ramBytes: 0x40_0000, cpus: 1, counterHz: 62_500_000, nowNs: () => 0 });
    this.cpu = this.machine.cpus[0] as Cpu;
    this.data = this.machine.bytes(DATA as Pa, DATA_BYTES);
    this.pristine = Buffer.from(Uint32Array.from({ length: DATA_BYTES / 4 }, (_, i) => pristineWord(i)).buffer);
    this.data.set(this.pristine);
    this.fillMemory();
    this.setUpSystem();
  }

  run(test: Case): Uint8Array {
    this.loadWords(test);
    return this.enter(test);
  }

  /** Runs the words that `run` just ran once more, as a translated region. */
  runTranslated(test: Case): Uint8Array {
    const { machine: { view, translator } } = this, slot = L.CODE_POOL + (view.getUint16(L.PAGE_TABLE + 4 * (CODE >> 12), true) - 1) * L.CODE_SLOT_BYTES;
    const record = slot + L.RECORD_BYTES * ((LOOP - CODE) / 4), translation = translateRecords(view, [{ record, generation: view.getInt32(slot + L.SLOT_GENERATION, true) }]);
    assert(translation !== undefined, 'a case can be translated');
    translator.install(translation);
    return this.enter(test);
  }

  private enter(test: Case): Uint8Array {
    this.loadState(test);
    const exit = this.cpu.run(1000);
    return this.outcome(exit === 'el2');
  }

  /** So that the next case begins with translation misses. */
  forgetTranslations(): void { this.machine.flushTranslations(); }

  private put64(pa: number, value: bigint): void { this.machine.view.setBigUint64(L.RAM_BASE + pa, value, true); }

  private map(page: number, attributes: bigint): void { this.put64(TABLE3 + 8 * ((page >> 12) & 511), BigInt(page) | attributes); }

  private fillMemory(): void {
    this.put64(TABLE1, BigInt(TABLE2) | TABLE);
    this.put64(TABLE1 + 8, KERNEL_BLOCK);
    this.put64(TABLE2 + 8, BigInt(TABLE3) | TABLE);
    this.map(CODE, USER_CODE);
    for (let at = 0; at < DATA_BYTES; at += 4096) this.map(DATA + at, USER_DATA);
    this.machine.bytes((VECTORS + LOWER_EL) as Pa, BETWEEN.length).set(BETWEEN);
    for (let i = 0; i < 1024; i++) this.machine.view.setUint32(L.RAM_BASE + CODE + 4 * i, BRK, true);
  }

  /** As Linux has it: cache operations, DC ZVA and CTR_EL0 for EL0, top byte ignored, 39-bit addresses. */
  private setUpSystem(): void {
    const { cpu } = this;
    cpu.setSystem('TTBR0_EL1', BigInt(TABLE1));
    cpu.setSystem('TCR_EL1', (1n << 37n) | (25n << 16n) | (2n << 30n) | 25n);
    cpu.setSystem('MAIR_EL1', 0xffn);
    cpu.setSystem('SCTLR_EL1', 0x30d0_0800n | (1n << 26n) | (1n << 15n) | (1n << 14n) | 5n);
    cpu.setSystem('CPACR_EL1', 3n << 20n);
    cpu.setSystem('VBAR_EL1', VECTORS_VA);
    cpu.restore(cpu.save());
  }

  private loadWords({ bytes }: Case): void {
    this.machine.bytes(ENTRY as Pa, 16).set(new Uint8Array(bytes.buffer, bytes.byteOffset + CASE.words, 16));
    // Again each time, as a case may have stored here.
    this.machine.bytes(LOOP as Pa, TO_ENTRY.length).set(TO_ENTRY);
    this.machine.wrote(LOOP as Pa, ENTRY + 16 - LOOP);
  }

  private loadState({ bytes }: Case): void {
    const { cpu, machine: { view } } = this;
    cpu.setX(0, BigInt(bytes.getUint32(CASE.fpcr, true)));
    cpu.setX(1, BigInt(bytes.getUint32(CASE.fpsr, true)));
    cpu.pc = SET_FP;
    cpu.run(100);
    for (let i = 0; i < 31; i++) cpu.setX(i, bytes.getBigUint64(CASE.x + 8 * i, true));
    for (let i = 0; i < 32; i++) cpu.setV(i, bytes.getBigUint64(CASE.v + 16 * i, true), bytes.getBigUint64(CASE.v + 16 * i + 8, true));
    view.setBigUint64(L.CPU_BASE + SP_EL0, bytes.getBigUint64(CASE.sp, true), true);
    cpu.setSystem('SPSR_EL1', BigInt(bytes.getUint32(CASE.nzcv, true)) << 28n);
    cpu.setSystem('ELR_EL1', BigInt(LOOP));
    cpu.pc = RETURN;
  }

  private outcome(caught: boolean): Uint8Array {
    const bytes = new Uint8Array(OUTCOME_BYTES), view = new DataView(bytes.buffer), { cpu, machine } = this;
    const kind = caught ? this.kind() : 0;
    view.setUint32(OUTCOME.kind, kind, true);
    view.setBigUint64(OUTCOME.address, KINDS[kind] === 'fault' ? cpu.system('FAR_EL1') : 0n, true);
    view.setBigUint64(OUTCOME.pc, cpu.system('ELR_EL1'), true);
    for (let i = 0; i < 31; i++) view.setBigUint64(OUTCOME.x + 8 * i, cpu.x(i), true);
    view.setBigUint64(OUTCOME.sp, machine.view.getBigUint64(L.CPU_BASE + SP_EL0, true), true);
    view.setUint32(OUTCOME.nzcv, Number(cpu.system('SPSR_EL1') >> 28n) & 15, true);
    view.setUint32(OUTCOME.fpcr, cpu.get32(L.FPCR), true);
    view.setUint32(OUTCOME.fpsr, cpu.get32(L.FPSR), true);
    bytes.set(new Uint8Array(machine.memory.buffer, L.CPU_BASE + L.V, 512), OUTCOME.v);
    this.noteMemory(bytes, view);
    return bytes;
  }

  private kind(): number {
    const esr = this.cpu.system('ESR_EL1'), kind = KIND_OF_CLASS[Number(esr >> 26n)] ?? 0;
    return kind === 3 && Number(esr & 0x3fn) === ALIGNMENT_FAULT ? 4 : kind;
  }

  private noteMemory(bytes: Uint8Array, view: DataView): void {
    let first: number = UNCHANGED, last: number = UNCHANGED;
    if (this.pristine.compare(this.data) !== 0) {
      first = this.data.findIndex((byte, i) => byte !== this.pristine[i]);
      last = this.data.findLastIndex((byte, i) => byte !== this.pristine[i]);
      bytes.set(this.data.subarray(first, Math.min(first + PATCH_BYTES, DATA_BYTES)), OUTCOME.patch);
      this.data.set(this.pristine);
    }
    view.setUint32(OUTCOME.first, first, true);
    view.setUint32(OUTCOME.last, last, true);
  }
}
