/**
 * The CPUs of one machine over one shared memory: loads the generated interpreter and the AssemblyScript core, and
 * gives typed access to registers. A `Cpu` runs guest code until something outside has to look.
 */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert, EngineError } from '../../../shared/base/errors.ts';
import type { Pa } from '../../../shared/base/ids.ts';
import { SYSTEM_REGISTERS } from '../a64/system-registers.ts';
import * as L from '../layout.ts';
import * as K from '../sysreg-slots.ts';
import { multiplyAddIsFused } from './fused.ts';
import { Translator } from './translator.ts';

export interface MachineOptions {
  /** Physical RAM of the emulated host, in bytes, from physical address 0; a multiple of 64 KiB. */
  readonly ramBytes: number;
  readonly cpus: number;
  /** Frequency of the system counter, in Hz. */
  readonly counterHz: number;
  /** Host's monotonic time in nanoseconds; in threads, the same in each. */
  readonly nowNs: () => number;
  /** Each CPU runs in a thread of its own, by a `Machine` over the same memory. */
  readonly inThreads?: boolean;
}

/** Pages of code that a guest comes to in its first 20 ms: some 250 of Linux. */
const FIRST_SLOTS = 256;

interface CoreExports {
  rebuild(cpu: number): void;
  enter(cpu: number): void;
  leave(cpu: number): void;
  startExclusive(cpu: number): number;
  endExclusive(): void;
  isInterruptPending(cpu: number): number;
  timerOutputs(cpu: number): number;
  nextTimerNs(cpu: number): number;
  clockNs(): number;
  invalidateCode(pa: number, bytes: number): void;
  flushEverywhere(): void;
  dropWrites(): void;
  markClean(pa: number, bytes: number, isClean: number): void;
  exceptionToEl1(cpu: number, ec: number, iss: bigint): void;
  abortToEl1(cpu: number, ec: number, iss: bigint, va: bigint): void;
  translate(cpu: number, va: bigint, access: number, el: number): number;
  isTableMissing(): number;
}
type RunLoop = (cpu: number, budget: number) => number;
/** The loop's forms: `translate/interpreter.ts`. */
interface Loops { readonly run: RunLoop; readonly runShared: RunLoop }

/** Why `run` came back. */
export type ExitReason = 'budget' | 'el2' | 'wfi' | 'kick' | 'yield' | 'page';
/** By EXIT_*. */
export const EXIT_REASONS: readonly (ExitReason | undefined)[] = [undefined, 'budget', 'el2', 'wfi', 'kick', 'yield', 'page'];

const THREADS = process.arch === 'x64' || process.arch === 'ia32' ? L.THREADS_ORDERED : L.THREADS_WEAK;
/** Accesses, as the core has them. */
export const READ = 1, WRITE = 2, EXECUTE = 4;
const EC_INSTRUCTION_ABORT = 0x20, EC_DATA_ABORT = 0x24, EXTERNAL_ABORT = 0x10n;

/** The folder with the built WebAssembly: beside the bundle, or in dist for code that runs from its sources. */
function coreFolder(): string {
  const here = import.meta.dirname;
  const found = [join(here, '../core'), join(here, '../../../dist/core')].find(folder => existsSync(join(folder, 'interpreter.wasm')));
  if (found === undefined) throw new EngineError('not-built', 'The CPU is not built: run `npm run build` first.');
  return found;
}

const compiled = new Map<string, WebAssembly.Module>();
function moduleOf(name: string): WebAssembly.Module {
  let module = compiled.get(name);
  if (module === undefined) compiled.set(name, module = new WebAssembly.Module(readFileSync(join(coreFolder(), name))));
  return module;
}

export class Machine {
  readonly memory: WebAssembly.Memory;
  readonly view: DataView;
  readonly cpus: readonly Cpu[];
  readonly ramBytes: number;
  private readonly core: CoreExports;
  readonly translator: Translator;
  /** Returns when the page at an address is there, while some are still to come; for the thread that may wait for them. */
  awaitMemory: ((pa: Pa) => void) | undefined;

  /** `memory` is that of a machine which another thread made, and is left as it is. */
  constructor(options: MachineOptions, memory?: WebAssembly.Memory) {
    assert(options.ramBytes % 65536 === 0, 'RAM is whole WebAssembly pages');
    assert(options.cpus >= 1 && options.cpus <= L.MAX_CPUS, 'between 1 and 8 CPUs');
    const pages = (L.RAM_BASE + options.ramBytes) / 65536;
    this.ramBytes = options.ramBytes;
    this.memory = memory ?? new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
    this.view = new DataView(this.memory.buffer);
    const core = new WebAssembly.Instance(moduleOf('core.wasm'), { env: { memory: this.memory, nowNs: options.nowNs } });
    this.translator = new Translator(this.memory, core.exports);
    const interpreter = new WebAssembly.Instance(moduleOf('interpreter.wasm'), { env: { memory: this.memory }, core: core.exports, translator: { hot: this.translator.report, regions: this.translator.regions } });
    this.core = core.exports as unknown as CoreExports;
    const loops = interpreter.exports as unknown as Loops;
    this.cpus = Array.from({ length: options.cpus }, (_, id) => new Cpu(this, this.core, loops, id));
    this.translator.exclusively = work => this.exclusively(work);
    if (memory === undefined) this.initialize(options);
  }

  private initialize(options: MachineOptions): void {
    this.view.setFloat64(L.MACHINE + L.M_RAM_BYTES, options.ramBytes, true);
    this.view.setInt32(L.MACHINE + L.M_CPUS, options.cpus, true);
    this.view.setInt32(L.MACHINE + L.M_FUSED, multiplyAddIsFused(this.memory) ? 1 : 0, true);
    this.view.setFloat64(L.MACHINE + L.M_COUNTER_HZ, options.counterHz, true);
    this.view.setInt32(L.MACHINE + L.M_THREADS, options.inThreads === true ? THREADS : L.THREADS_NONE, true);
    this.setClock(options.nowNs(), -1);
    for (const cpu of this.cpus) cpu.reset(options.counterHz);
  }

  /** The VM's clock is the host's minus `baseNs`, or stands at `stoppedNs` when that is not negative. */
  setClock(baseNs: number, stoppedNs: number): void {
    this.view.setFloat64(L.MACHINE + L.M_CLOCK_BASE_NS, baseNs, true);
    this.view.setFloat64(L.MACHINE + L.M_CLOCK_STOPPED_NS, stoppedNs, true);
  }

  get clockNs(): number { return this.core.clockNs(); }
  /** Of the system counter, as CPUs have it. */
  get hostCount(): bigint { return BigInt(Math.trunc(this.clockNs * this.counterHz / 1e9)); }
  get counterHz(): number { return this.view.getFloat64(L.MACHINE + L.M_COUNTER_HZ, true); }

  /** The hypervisor performed an access to a counter or a timer. Only for the thread that has the CPU. */
  countTrap(cpu: number, ns: number): void {
    const at = L.MACHINE + L.M_MAILBOXES + cpu * L.MAILBOX_BYTES;
    this.view.setFloat64(at + L.MAILBOX_TRAPS, this.view.getFloat64(at + L.MAILBOX_TRAPS, true) + 1, true);
    this.view.setFloat64(at + L.MAILBOX_TRAP_NS, this.view.getFloat64(at + L.MAILBOX_TRAP_NS, true) + ns, true);
  }

  /** Of all CPUs, since they were made. */
  get traps(): { readonly count: number; readonly ns: number } {
    const sum = (field: number) => this.cpus.reduce((total, { id }) => total + this.view.getFloat64(L.MACHINE + L.M_MAILBOXES + id * L.MAILBOX_BYTES + field, true), 0);
    return { count: sum(L.MAILBOX_TRAPS), ns: sum(L.MAILBOX_TRAP_NS) };
  }

  /** Does what CPUs in threads must not see half done, while none of them runs. Not for a CPU's own thread. */
  exclusively(work: () => void): void {
    while (this.core.startExclusive(0) === 0) { /* another section came first */ }
    try { work(); } finally { this.core.endExclusive(); }
  }

  /** RAM as bytes, from a physical address. */
  bytes(pa: Pa, length: number): Uint8Array {
    assert(pa >= 0 && pa + length <= this.ramBytes, 'within RAM');
    return new Uint8Array(this.memory.buffer, L.RAM_BASE + pa, length);
  }

  /** Memory was written by something other than a CPU. */
  wrote(pa: Pa, length: number): void { if (length > 0) this.core.invalidateCode(pa, length); }

  /** No CPU writes to RAM from then on without the core hearing of it, page by page. In an exclusive section. */
  dropWrites(): void { this.core.dropWrites(); }

  /** Whole pages, for a dirty log. In an exclusive section. */
  markClean(pa: Pa, bytes: number, isClean: boolean): void { this.core.markClean(pa, bytes, isClean ? 1 : 0); }

  /** Has the host's memory ready for the code that a guest comes to first, which takes as long as decoding it. Before anything ran. */
  prefault(): void { new Uint8Array(this.memory.buffer, L.CODE_POOL, FIRST_SLOTS * L.CODE_SLOT_BYTES).fill(0); }

  /** Translations changed outside the CPUs: stage 2 or a restore. */
  flushTranslations(): void { this.core.flushEverywhere(); }
}

/** A CPU's registers as they are saved, without what follows from them. */
export interface CpuState { readonly block: Uint8Array }

export class Cpu {
  readonly id: number;
  private readonly base: number;
  private readonly view: DataView;
  private readonly core: CoreExports;
  private readonly loops: Loops;
  private readonly machine: Machine;

  constructor(machine: Machine, core: CoreExports, loops: Loops, id: number) {
    this.id = id;
    this.base = L.CPU_BASE + id * L.CPU_STRIDE;
    this.view = machine.view;
    this.core = core;
    this.loops = loops;
    this.machine = machine;
  }

  /** As after a cold reset: EL1 with the MMU off and everything masked. */
  reset(counterHz = this.systemNumber('CNTFRQ_EL0')): void { this.machine.exclusively(() => this.resetAlone(counterHz)); }

  private resetAlone(counterHz: number): void {
    new Uint8Array(this.view.buffer, this.base, L.CPU_STATE_BYTES).fill(0);
    for (const r of SYSTEM_REGISTERS) if (r.slot !== 0) this.view.setBigUint64(this.base + r.slot, r.reset, true);
    this.setSystem('VMPIDR_EL2', 0x8000_0000n | BigInt(this.id));
    this.setSystem('CNTFRQ_EL0', BigInt(counterHz));
    this.setSystem('ICH_VMCR_EL2', BigInt((2 << 21) | (3 << 18)));
    this.put32(L.ID, this.id);
    this.put32(L.EL, 1);
    this.put32(L.SPSEL, 1);
    this.put32(L.DAIF, 15);
    this.view.setFloat64(this.base + L.MONITOR_ADDRESS, -1, true);
    this.core.rebuild(this.base);
  }

  /** Runs at most about `budget` instructions, up to the same one whatever is translated; interrupts that are pending are taken first. */
  run(budget: number): ExitReason {
    this.core.enter(this.base);
    return this.loop('run', budget);
  }

  /**
   * For a CPU in its own thread: runs at most about `budget` instructions, and ends early when another thread asks for
   * attention. `ready` is asked when this CPU is about to run, so that what it says true to stays true.
   */
  runShared(budget: number, ready: () => boolean): ExitReason {
    this.core.enter(this.base);
    const reason = ready() ? this.loop('runShared', budget) : 'budget';
    this.core.leave(this.base);
    return reason;
  }

  private loop(form: keyof Loops, budget: number): ExitReason {
    const reason = EXIT_REASONS[this.loops[form](this.base, budget)];
    assert(reason !== undefined, 'a known exit reason');
    // The instruction that waits for a page was counted, and will be again.
    if (reason === 'page') this.put32(L.BUDGET, this.get32(L.BUDGET) + 1);
    this.view.setFloat64(this.base + L.RETIRED, this.retired + budget - this.get32(L.BUDGET), true);
    return reason;
  }

  /** Instructions retired since reset. */
  get retired(): number { return this.view.getFloat64(this.base + L.RETIRED, true); }
  get guestErrors(): number { return this.view.getFloat64(this.base + L.GUEST_ERRORS, true); }

  x(n: number): bigint { return n === 31 ? 0n : this.view.getBigUint64(this.base + L.X + 8 * n, true); }
  setX(n: number, value: bigint): void { if (n !== 31) this.view.setBigUint64(this.base + L.X + 8 * n, BigInt.asUintN(64, value), true); }
  get sp(): bigint { return this.view.getBigUint64(this.base + L.SP, true); }
  set sp(value: bigint) { this.view.setBigUint64(this.base + L.SP, value, true); }
  get pc(): bigint { return this.view.getBigUint64(this.base + L.PC, true); }
  set pc(value: bigint) { this.view.setBigUint64(this.base + L.PC, BigInt.asUintN(64, value), true); }
  get el(): number { return this.get32(L.EL); }

  /** Where the instruction at PC lies in the machine's memory, in bytes; 0 when it cannot be fetched. Only for the thread that has the CPU. */
  get codeAddress(): number {
    const pa = this.physical(this.pc, EXECUTE, this.el);
    return pa === undefined ? 0 : L.RAM_BASE + pa;
  }

  /** Where a virtual address is in RAM; undefined when the access is not allowed there at this level. Only for the thread that has the CPU. */
  physical(va: bigint, access: number, el: number): Pa | undefined {
    const at = () => this.view.getFloat64(this.base + L.WALK_PA, true) as Pa;
    while (this.core.translate(this.base, va, access, el) === 0) {
      if (this.core.isTableMissing() === 0 || this.machine.awaitMemory === undefined) return undefined;
      this.machine.awaitMemory(at());
    }
    return at();
  }

  /** Registers were set on which follows how it translates and what it may do. */
  changedMode(): void { this.machine.exclusively(() => this.core.rebuild(this.base)); }

  /** Vector register as its two halves, low first. */
  v(n: number): readonly [bigint, bigint] {
    const at = this.base + L.V + 16 * n;
    return [this.view.getBigUint64(at, true), this.view.getBigUint64(at + 8, true)];
  }
  setV(n: number, low: bigint, high: bigint): void {
    this.view.setBigUint64(this.base + L.V + 16 * n, low, true);
    this.view.setBigUint64(this.base + L.V + 16 * n + 8, high, true);
  }

  /** A system register's stored value; those without storage have none. */
  system(name: string): bigint { return this.view.getBigUint64(this.base + storageOf(name), true); }
  setSystem(name: string, value: bigint): void { this.view.setBigUint64(this.base + storageOf(name), value, true); }
  private systemNumber(name: string): number { return Number(this.system(name)); }

  get listRegisterCount(): number { return K.ICH_LR_COUNT; }
  listRegister(n: number): bigint { return this.view.getBigUint64(this.base + K.ICH_LR0_EL2 + 8 * n, true); }
  setListRegister(n: number, value: bigint): void { this.view.setBigUint64(this.base + K.ICH_LR0_EL2 + 8 * n, value, true); }

  /** What was left of the budget when it came back. */
  get budgetLeft(): number { return this.get32(L.BUDGET); }
  /** The page of RAM for which it came back with 'page', by its number. */
  get wantedPage(): number { return this.get32(L.WANTED); }

  /** A 32-bit field of the CPU's block (`layout.ts`). */
  get32(field: number): number { return this.view.getInt32(this.base + field, true); }
  put32(field: number, value: number): void { this.view.setInt32(this.base + field, value, true); }

  get interruptPending(): boolean { return this.core.isInterruptPending(this.base) !== 0; }
  /** Bit 0: the virtual timer's line; bit 1: the physical one's. */
  get timerOutputs(): number { return this.core.timerOutputs(this.base); }
  /** When a timer line rises next, in ns of the VM's clock. */
  get nextTimerNs(): number { return this.core.nextTimerNs(this.base); }

  /** An UNDEFINED exception, taken at EL1 as if by the instruction at PC. */
  injectUndefined(): void { this.machine.exclusively(() => this.core.exceptionToEl1(this.base, 0, 0n)); }

  /** A synchronous external abort at EL1 for an access to `va`. */
  injectExternalAbort(va: bigint, instruction: boolean): void {
    this.machine.exclusively(() => this.core.abortToEl1(this.base, instruction ? EC_INSTRUCTION_ABORT : EC_DATA_ABORT, EXTERNAL_ABORT, va));
  }

  save(): CpuState { return { block: new Uint8Array(this.view.buffer, this.base, L.CPU_STATE_BYTES).slice() }; }
  restore(state: CpuState): void {
    assert(state.block.length === L.CPU_STATE_BYTES, 'a CPU state of this build');
    this.machine.exclusively(() => {
      new Uint8Array(this.view.buffer, this.base, L.CPU_STATE_BYTES).set(state.block);
      this.core.rebuild(this.base);
    });
  }
}

const STORAGE: ReadonlyMap<string, number> = new Map(SYSTEM_REGISTERS.map(({ name, slot }) => [name, slot]));
function storageOf(name: string): number {
  const slot = STORAGE.get(name) ?? 0;
  assert(slot !== 0, `${name} has storage`);
  return slot;
}
