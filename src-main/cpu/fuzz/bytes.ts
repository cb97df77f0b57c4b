/**
 * Any words as code, at EL0 and EL1, with any system registers and page tables: the host must neither fail nor hang.
 * Vectors go on a little further in memory. What a hypervisor would answer to an exit, this answers too.
 */
import type { Pa } from '../../../shared/base/ids.ts';
import { A64 } from '../a64/index.ts';
import { SYSTEM_REGISTERS } from '../a64/system-registers.ts';
import { assemble, encode } from '../asm/assembler.ts';
import { Machine, type Cpu, type ExitReason } from '../core/machine.ts';
import { translateRecords } from '../core/translation.ts';
import * as L from '../layout.ts';
import { wordOf } from '../oracle/generate.ts';
import { Random } from '../oracle/random.ts';
import { hurry } from './hurry.ts';

const RAM_BYTES = 0x8_0000, STAGE2_TABLE = 0x7_0000, TABLE1 = 0x1000, TABLE2 = 0x2000, TABLE3 = 0x3000;
const TURNS = 150, BUDGET = 1000;
/** A straight run through a page, or through a region, ends behind the budget. */
const MOST_BEHIND = 20_000;
/** Reached so often, a place is translated. */
const REACHED = 3;
const POOL = 1 << 15;
/** What each vector does, 4n bytes further on. */
const ONWARDS = Array.from({ length: 16 }, (_, n) => assemble(`mrs x30, elr_el1\nadd x30, x30, #${4 * (1 + n)}\nand x30, x30, #${RAM_BYTES - 1}\nmsr elr_el1, x30\neret`));

/** Words near instructions: rows with random fields, many that read and write system registers, some with a bit wrong. */
function makePool(): Uint32Array {
  const random = new Random(1), msr = A64.find(r => r.name === 'MSR (register)'), mrs = A64.find(r => r.name === 'MRS');
  return Uint32Array.from({ length: POOL }, () => {
    const row = random.chance(0.06) ? random.pick([msr, mrs]) : undefined;
    if (row !== undefined) {
      const [op0, op1, CRn, CRm, op2] = random.pick(SYSTEM_REGISTERS).at;
      return encode(row, { o0: op0 & 1, op1, CRn, CRm, op2, rt: random.below(32) });
    }
    return wordOf(random, random.pick(A64)) ^ (random.chance(0.1) ? 1 << random.below(32) : 0);
  });
}

export class AnyBytes {
  private readonly machine = new Machine({ ramBytes: RAM_BYTES, cpus: 1, counterHz: 62_500_000, nowNs: () => 1e9 });
  private readonly cpu: Cpu = this.machine.cpus[0] as Cpu;
  private readonly ram = new Uint32Array(this.machine.memory.buffer, L.RAM_BASE, RAM_BYTES / 4);
  private readonly reset = this.cpu.save();
  private readonly pool = makePool();

  constructor() {
    const { machine } = this;
    machine.translator.service = hot => { const t = translateRecords(machine.view, hot); if (t !== undefined) machine.translator.install(t); };
  }

  /** Regions that were made. */
  get regions(): number { return this.machine.translator.count; }

  /** What is wrong with a seed's bytes. Host exceptions are thrown; a hang is for others to see. */
  check(seed: number): string | undefined {
    const random = new Random(seed), { cpu, machine } = this;
    this.fill(random);
    this.setUp(random);
    for (let turn = 0; turn < TURNS; turn++) {
      if (turn % 8 === 0) hurry(machine, REACHED);
      const budget = 1 + random.below(BUDGET), before = cpu.retired, reason = cpu.run(budget), done = cpu.retired - before;
      if (done < 0 || done > budget + MOST_BEHIND || (reason === 'budget' && done < budget)) return `seed ${seed}, turn ${turn}: ${done} retired of a budget of ${budget}, by ${reason}`;
      this.answer(reason, random);
      if (random.chance(0.4)) cpu.pc = BigInt(4 * random.below(RAM_BYTES / 4));
      machine.translator.request();
    }
    return undefined;
  }

  private fill(random: Random): void {
    const { ram, pool } = this, share = random.pick([0, 0.05, 0.5]), branches = random.chance(0.5);
    // In runs, as random numbers are slower than copies.
    for (let at = 0; at < ram.length; at += 256) {
      ram.set(pool.subarray(random.below(POOL - 256)).subarray(0, 256), at);
      for (let n = 0; n < 256 * share; n++) ram[at + random.below(256)] = random.u32();
      // Short ways back, for loops.
      if (branches) for (let n = 0; n < 8; n++) ram[at + random.below(256)] = random.pick([0x5400_0000, 0x3500_0000, 0x1400_0000]) | (random.chance(0.5) ? 0 : 0x00ff_fe00) & 0x00ff_ffe0 | random.below(15);
    }
  }

  private setUp(random: Random): void {
    const { cpu, machine } = this;
    cpu.restore(this.reset);
    for (let n = 0; n < 31; n++) cpu.setX(n, random.pick([random.u64(), BigInt(random.below(RAM_BYTES)), BigInt(random.below(RAM_BYTES) & ~15), random.integer(64)]));
    for (let n = 0; n < 32; n++) cpu.setV(n, ...random.vector());
    cpu.setSystem('TCR_EL1', (1n << 37n) | (25n << 16n) | (2n << 30n) | 25n);
    cpu.setSystem('MAIR_EL1', 0x44_00_ffn);
    cpu.setSystem('CPACR_EL1', 3n << 20n);
    cpu.setSystem('TTBR0_EL1', BigInt(TABLE1));
    if (random.chance(0.6)) { this.mapPages(random); cpu.setSystem('SCTLR_EL1', 0x30d5_d805n | random.pick([0n, 2n, 1n << 19n])); }
    if (random.chance(0.25)) this.disturb(random);
    this.setVectors(random);
    // As a guest of the hypervisor: some of its memory is missing.
    if (random.chance(0.4)) this.setUpStage2();
    if (random.chance(0.4)) cpu.put32(L.EL, 0);
    cpu.put32(L.DAIF, random.below(16));
    cpu.sp = BigInt(random.below(RAM_BYTES) & ~15);
    cpu.restore(cpu.save());
    cpu.pc = BigInt(4 * random.below(RAM_BYTES / 4));
    machine.wrote(0 as Pa, RAM_BYTES);
  }

  /** Pages of all kinds of rights, to random places. */
  private mapPages(random: Random): void {
    const put = (at: number, value: bigint) => this.machine.view.setBigUint64(L.RAM_BASE + at, value, true);
    put(TABLE1, BigInt(TABLE2) | 3n);
    put(TABLE2, BigInt(TABLE3) | 3n);
    for (let n = 0; n < 512; n++) {
      const rights = random.pick([0x403n, 0x403n, 0x443n, 0x443n, 0x483n, 0x4c3n, 0x40bn, 0x402n]), never = random.pick([0n, 0n, 0n, 1n << 54n, 1n << 53n]);
      put(TABLE3 + 8 * n, BigInt((random.chance(0.8) ? n : random.below(600)) << 12) | rights | never);
    }
  }

  /** Some of the registers of EL1 at anything. */
  private disturb(random: Random): void {
    const own = SYSTEM_REGISTERS.filter(r => r.slot !== 0 && r.writeEl <= 1);
    for (let n = random.below(6); n >= 0; n--) {
      const { name, writeMask } = random.pick([...own, ...own.filter(r => /^(SCTLR|TCR|TTBR|VBAR|MAIR)/.test(r.name)).flatMap(r => [r, r, r, r])]);
      this.cpu.setSystem(name, (this.cpu.system(name) & ~writeMask) | (random.pick([random.u64(), random.integer(64), BigInt(random.below(RAM_BYTES))]) & writeMask));
    }
  }

  /** At a random place, or as they came. */
  private setVectors(random: Random): void {
    if (random.chance(0.2)) return;
    const at = random.below(RAM_BYTES / 2048) * 2048;
    this.cpu.setSystem('VBAR_EL1', BigInt(at));
    ONWARDS.forEach((code, n) => this.machine.bytes((at + 128 * n) as Pa, code.length).set(code));
  }

  private setUpStage2(): void {
    const { cpu, machine: { view } } = this;
    for (let n = 0; n < 512; n++) view.setBigUint64(L.RAM_BASE + STAGE2_TABLE + 8 * n, n < 64 || n % 8 !== 0 ? BigInt(n << 12) | 0x7ffn : 0n, true);
    // One level of 4 KiB pages for 2 MiB cannot be: two levels, from level 2, for 1 GiB.
    view.setBigUint64(L.RAM_BASE + STAGE2_TABLE + 4096, BigInt(STAGE2_TABLE) | 3n, true);
    for (let n = 1; n < 512; n++) view.setBigUint64(L.RAM_BASE + STAGE2_TABLE + 4096 + 8 * n, 0n, true);
    cpu.setSystem('VTTBR_EL2', BigInt(STAGE2_TABLE + 4096));
    cpu.setSystem('VTCR_EL2', 34n);
    cpu.setSystem('HCR_EL2', 1n | (1n << 3n) | (1n << 4n) | (1n << 5n) | (1n << 19n) | (1n << 31n));
    cpu.setSystem('ICH_HCR_EL2', 1n);
    cpu.setListRegister(2, (1n << 62n) | (1n << 60n) | (0x80n << 48n) | 42n);
  }

  private answer(reason: ExitReason, random: Random): void {
    const { cpu } = this, esr = cpu.system('ESR_EL2'), ec = Number(esr >> 26n);
    if (reason !== 'el2' || ec === 0x16) return;
    if (ec === 0x20 || ec === 0x24) cpu.injectExternalAbort(cpu.system('FAR_EL2'), ec === 0x20);
    else if (random.chance(0.5)) cpu.pc += 4n;
    else cpu.injectUndefined();
  }
}
