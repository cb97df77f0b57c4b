/**
 * The C self-tests: builds them with Debian's cross compiler, runs them under `qemu-aarch64`, and runs the same
 * programs here, at EL0 under a page table, with Linux's calls write and exit answered.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../../../shared/base/errors.ts';
import type { Pa } from '../../../shared/base/ids.ts';
import { assemble } from '../asm/assembler.ts';
import { Machine, type Cpu } from '../core/machine.ts';
import { translateRecords } from '../core/translation.ts';
import * as L from '../layout.ts';

/** How the compiler is asked for instructions. */
export const VARIANTS = ['-O0', '-O2', '-O3', '-O2 -march=armv8.1-a'] as const;
export type Variant = typeof VARIANTS[number];

const SOURCES = import.meta.dirname, PROGRAMS = join(import.meta.dirname, '../../../dist/selftest');
/** A program for Linux on its own; loops are not made calls of the functions that they are. */
const OPTIONS = ['-std=gnu11', '-Wall', '-Wextra', '-Werror', '-ffreestanding', '-nostdlib', '-static', '-fno-pic', '-no-pie', '-mno-outline-atomics', '-fno-tree-loop-distribute-patterns', '-fno-stack-protector'];
const REFERENCE_LIMIT_MS = 120_000;

/** The program, built unless it is newer than its sources. */
export function build(variant: Variant): string {
  const program = join(PROGRAMS, variant.replace(/[ =]/g, '')), sources = readdirSync(SOURCES).filter(name => /\.[ch]$/.test(name)).map(name => join(SOURCES, name));
  const built = statSync(program, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (sources.every(source => statSync(source).mtimeMs < built)) return program;
  mkdirSync(PROGRAMS, { recursive: true });
  try {
    execFileSync('aarch64-linux-gnu-gcc', [...variant.split(' '), ...OPTIONS, ...sources.filter(name => name.endsWith('.c')), '-lgcc', '-o', program], { stdio: 'pipe' });
  } catch (error) {
    throw new EngineError('selftest', `The self-tests cannot be built; they need Debian's gcc-aarch64-linux-gnu: ${String(error)}`);
  }
  return program;
}

/** What the program writes under QEMU: a line with a digest for each test. */
export const reference = (program: string): string => execFileSync('qemu-aarch64', [program], { encoding: 'utf8', timeout: REFERENCE_LIMIT_MS });

export interface Run { readonly output: string; readonly regions: number }

const RAM_BYTES = 0x100_0000, TABLE1 = 0x1000, TABLE2 = 0x2000, VECTORS = 0x4000, STACK = 0xff_0000, TURN = 20_000;
const BLOCK = 0x20_0000, KERNEL_BLOCK = 0x401n | (1n << 54n), USER_BLOCK = 0x441n, TABLE = 3n;
const LOWER_EL = 0x400, EC_SVC = 0x15n, WRITE = 64n, EXIT = 93n;

/** What it writes here. */
export function emulate(program: string, translated: boolean): Run {
  const machine = new Machine({ ramBytes: RAM_BYTES, cpus: 1, counterHz: 62_500_000, nowNs: () => 0 }), cpu = machine.cpus[0] as Cpu;
  if (translated) machine.translator.service = hot => { const t = translateRecords(machine.view, hot); if (t !== undefined) machine.translator.install(t); };
  setUp(machine, cpu, load(machine, readFileSync(program)));
  for (let output = ''; ;) {
    if (cpu.run(TURN) === 'budget') { machine.translator.request(); continue; }
    const ec = cpu.system('ESR_EL1') >> 26n;
    if (ec !== EC_SVC || (cpu.x(8) !== WRITE && cpu.x(8) !== EXIT)) throw new EngineError('selftest', `an exception of class 0x${ec.toString(16)} at 0x${cpu.system('ELR_EL1').toString(16)}, FAR 0x${cpu.system('FAR_EL1').toString(16)}, after:\n${output}`);
    if (cpu.x(8) === EXIT) return { output, regions: machine.translator.count };
    output += Buffer.from(machine.bytes(Number(cpu.x(1)) as Pa, Number(cpu.x(2)))).toString();
    cpu.setX(0, cpu.x(2));
  }
}

/** Puts an ELF file's segments where they belong; gives its entry. */
function load(machine: Machine, image: Buffer): bigint {
  const headers = Number(image.readBigUInt64LE(32)), size = image.readUInt16LE(54), count = image.readUInt16LE(56), PT_LOAD = 1;
  for (let at = headers; at < headers + size * count; at += size) {
    if (image.readUInt32LE(at) !== PT_LOAD) continue;
    const [offset, address, , fileBytes] = [8, 16, 24, 32].map(field => Number(image.readBigUInt64LE(at + field))) as [number, number, number, number];
    machine.bytes(address as Pa, fileBytes).set(image.subarray(offset, offset + fileBytes));
  }
  return image.readBigUInt64LE(24);
}

/** As Linux has it, addresses as they are; the first block is the kernel's, whose vectors call the hypervisor. */
function setUp(machine: Machine, cpu: Cpu, entry: bigint): void {
  const put = (at: number, value: bigint) => machine.view.setBigUint64(L.RAM_BASE + at, value, true);
  put(TABLE1, BigInt(TABLE2) | TABLE);
  for (let at = 0; at < RAM_BYTES; at += BLOCK) put(TABLE2 + 8 * (at / BLOCK), BigInt(at) | (at === 0 ? KERNEL_BLOCK : USER_BLOCK));
  const vector = assemble('hvc #0\neret');
  machine.bytes((VECTORS + LOWER_EL) as Pa, vector.length).set(vector);
  cpu.setSystem('TTBR0_EL1', BigInt(TABLE1));
  cpu.setSystem('TCR_EL1', (1n << 23n) | 25n);
  cpu.setSystem('MAIR_EL1', 0xffn);
  cpu.setSystem('SCTLR_EL1', 0x30d0_0800n | (1n << 26n) | (1n << 15n) | (1n << 14n) | 5n);
  cpu.setSystem('CPACR_EL1', 3n << 20n);
  cpu.setSystem('VBAR_EL1', BigInt(VECTORS));
  cpu.put32(L.EL, 0);
  cpu.sp = BigInt(STACK);
  cpu.restore(cpu.save());
  cpu.pc = entry;
}
