/** For tests: a machine with a program in it, its CPU at EL1 with the MMU off, and RAM from physical address 0. */
import type { Pa } from '../../../shared/base/ids.ts';
import { assemble } from '../asm/assembler.ts';
import { Machine, type Cpu } from './machine.ts';

export const PROGRAM = 0x10000;
const STACK = 0x80000;
const RAM_BYTES = 4 * 2 ** 20;

export class TestMachine {
  readonly machine: Machine;
  readonly cpu: Cpu;
  private timeNs = 0;

  constructor(source: string, cpus = 1) {
    this.machine = new Machine({ ramBytes: RAM_BYTES, cpus, counterHz: 62_500_000, nowNs: () => this.timeNs });
    this.cpu = this.machine.cpus[0] as Cpu;
    this.put(PROGRAM, assemble(source, PROGRAM));
    this.cpu.pc = BigInt(PROGRAM);
    this.cpu.sp = BigInt(STACK);
  }

  put(at: number, bytes: Uint8Array): void {
    this.machine.bytes(at as Pa, bytes.length).set(bytes);
    this.machine.wrote(at as Pa, bytes.length);
  }

  quad(at: number): bigint { return new DataView(this.machine.memory.buffer).getBigUint64(this.machine.bytes(at as Pa, 8).byteOffset, true); }
  setQuad(at: number, value: bigint): void { new DataView(this.machine.memory.buffer).setBigUint64(this.machine.bytes(at as Pa, 8).byteOffset, value, true); }

  advance(ns: number): void { this.timeNs += ns; }

  /** Runs until the program makes a hypervisor call, and gives its immediate. */
  run(budget = 100_000): number {
    const reason = this.cpu.run(budget);
    const esr = this.cpu.system('ESR_EL2');
    if (reason !== 'el2' || (esr >> 26n) !== 0x16n) throw new Error(`the program left by ${reason}, ESR_EL2 0x${esr.toString(16)}, PC 0x${this.cpu.pc.toString(16)}`);
    return Number(esr & 0xffffn);
  }
}

/** Vectors at 0x20000 that answer a synchronous exception from each source with hvc #1 to #3, and an IRQ with hvc #4. */
export const VECTORS = `
  mov x20, #0x20000
  msr vbar_el1, x20
  isb
  b main
.align 0x10000
vectors:
  hvc #3
.align 0x200
  hvc #1
.align 0x80
  hvc #4
.align 0x200
  hvc #2
.align 0x80
  hvc #4
.align 0x1000
main:
`;
