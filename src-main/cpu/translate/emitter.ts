/**
 * What an instruction's definition may say. The same definition runs against the interpreter's emitter, where
 * operands are read from the decoded record, and against the translator's, where they are known.
 */
import * as L from '../layout.ts';
import type { Callee, Code } from './code.ts';
import type { CoreFunction } from './core-functions.ts';
import type { Reg } from './insn.ts';
import { extractU, loadSplat, type LaneSize } from './simd.ts';
import { Val, loadFrom, loadOrdered, type Arg } from './value.ts';
import type { WasmType } from './wasm-module.ts';

export type AccessBytes = 1 | 2 | 4 | 8;
export type Right = typeof L.TLB_READ | typeof L.TLB_WRITE;
export interface AccessOptions {
  /** Sign-extend into the result. */
  readonly signed?: boolean;
  /** As EL0 would: LDTR and STTR. */
  readonly unprivileged?: boolean;
  /** Acquire and release: must be aligned to its size, and is ordered before and after all others of the kind. */
  readonly ordered?: boolean;
}

/** X30, which branches with link write. */
export const LINK: Reg = { offset: Val.i32(8 * 30), guardZero: false };

export abstract class Emitter {
  readonly code: Code;
  readonly cpu: Val;
  private readonly core: Readonly<Record<CoreFunction, Callee>>;

  constructor(code: Code, cpu: Val, core: Readonly<Record<CoreFunction, Callee>>) {
    this.code = code;
    this.cpu = cpu;
    this.core = core;
  }

  /** Address of the instruction. */
  abstract pc(): Val;
  /** Stores the instruction's address in the CPU's block, before something that may need it. */
  abstract savePc(): void;
  /** PC was set to something else: goes on from there. */
  abstract leave(): void;
  /** Branches to an absolute address. */
  abstract branchTo(target: Val): void;
  /** Branches relative to this instruction, by an i64 number of bytes. */
  abstract branchBy(delta: Val): void;
  /** Address of the data TLB in use. */
  protected abstract tlb(): Val;

  // ---- the CPU's block

  get(type: WasmType, offset: number, size?: number): Val { return loadFrom(type, this.cpu, offset, size); }
  put(offset: number, value: Val, size?: number): void { this.code.store(this.cpu, value, offset, size); }

  // ---- statements

  let(value: Val): Val { return this.code.let(value); }
  if(condition: Val, then: () => void, otherwise?: () => void, likely?: boolean): void { this.code.if(condition, then, otherwise, likely); }
  choose(type: WasmType, condition: Val, then: () => Val, otherwise: () => Val): Val { return this.code.choose(type, condition, then, otherwise); }
  chooseIfAll(type: WasmType, conditions: readonly Val[], then: () => Val, otherwise: () => Val): Val { return this.code.chooseIfAll(type, conditions, then, otherwise); }

  // ---- general registers

  /** 64-bit value of a register. */
  x(reg: Reg): Val { return this.register('i64', reg, 0); }
  /** Low 32 bits of a register. */
  w(reg: Reg): Val { return this.register('i32', reg, 0); }
  r(sf: number, reg: Reg): Val { return sf !== 0 ? this.x(reg) : this.w(reg); }

  setX(reg: Reg, value: Val): void {
    this.storeRegister(reg, value, 0);
    if (reg.guardZero) this.put(L.XZR, Val.i64(0));
  }
  setW(reg: Reg, value: Val): void { this.setX(reg, value.zext()); }
  /** Writes an i64, or an i32 with zeros above. */
  setR(reg: Reg, value: Val): void { this.setX(reg, value.zext()); }

  // ---- vector registers

  v(reg: Reg): Val { return this.register('v128', reg, 0); }
  setV(reg: Reg, value: Val): void { this.storeRegister(reg, value, 0); }
  /** A scalar in a vector register, at a byte offset. */
  element(type: WasmType, reg: Reg, offset = 0, size?: number, signed?: boolean): Val { return this.register(type, reg, offset, size, signed); }
  setElement(reg: Reg, value: Val, offset = 0, size?: number): void { this.storeRegister(reg, value, offset, size); }
  /** A vector whose lowest lane, of 4 or 8 bytes, is the register's; what is in the others does not matter. */
  lowest(reg: Reg, bytes: 4 | 8): Val { return Val.raw('v128', [0xfd, bytes === 8 ? 93 : 92, 0, 0], this.cpu.add(reg.offset)); }
  /** Writes a scalar and clears the rest of the register. */
  setScalar(reg: Reg, value: Val, size?: number): void {
    const bits = this.let(value);
    this.storeRegister(reg, Val.i64(0), 8);
    if (size !== undefined || bits.type === 'i32' || bits.type === 'f32') this.storeRegister(reg, Val.i64(0), 0);
    this.storeRegister(reg, bits, 0, size);
  }
  /** Loads 1 to 8 bytes into the low end of a register and clears the rest. */
  loadScalar(reg: Reg, bytes: AccessBytes, address: Val): void { this.setScalar(reg, this.load('i64', bytes, address)); }
  storeScalar(reg: Reg, bytes: AccessBytes, address: Val): void { this.store(bytes, address, this.element(bytes === 8 ? 'i64' : 'i32', reg)); }
  /** A vector with every lane of 2^size bytes equal to the one at an element's place. */
  duplicate(reg: Reg, size: LaneSize): Val { return loadSplat(size, this.cpu.add(reg.offset)); }
  /** Runs what works on registers in the CPU's block, by their offsets: reads `used`, then writes `written`. */
  inBlock(_used: readonly Reg[], _written: readonly Reg[], body: () => void): void { body(); }

  protected register(type: WasmType, reg: Reg, offset: number, size?: number, signed?: boolean): Val {
    const known = reg.offset.number;
    if (known === L.XZR && type === 'i64') return Val.i64(0);
    if (known === L.XZR && type === 'i32') return Val.i32(0);
    return known === undefined ? loadFrom(type, this.cpu.add(reg.offset), offset, size, signed) : loadFrom(type, this.cpu, known + offset, size, signed);
  }

  protected storeRegister(reg: Reg, value: Val, offset: number, size?: number): void {
    const known = reg.offset.number;
    if (known === L.DUMP || known === L.XZR) return;
    if (known === undefined) this.code.store(this.cpu.add(reg.offset), value, offset, size);
    else this.code.store(this.cpu, value, known + offset, size);
  }

  // ---- flags (C6.2: SUBS and CMP are kept as their operands until somebody asks)

  setFlagsSub(a: Val, b: Val): void { this.lazyFlags(L.FLAGS_SUB, a, b); }
  setFlagsLogic(result: Val): void { this.lazyFlags(L.FLAGS_LOGIC, result, result.like(0)); }
  protected lazyFlags(kind: number, a: Val, b: Val): void {
    const high = (v: Val) => (v.type === 'i32' ? v.zext().shl(32) : v);
    this.put(L.FLAG_A, high(a));
    this.put(L.FLAG_B, high(b));
    this.put(L.FLAG_KIND, Val.i32(kind));
  }

  setNzcv(nzcv: Val): void {
    this.put(L.NZCV, nzcv);
    this.put(L.FLAG_KIND, Val.i32(L.FLAGS_NZCV));
  }
  nzcv(): Val { return this.choose('i32', this.get('i32', L.FLAG_KIND).eqz(), () => this.get('i32', L.NZCV), () => this.call('nzcv')); }

  carry(): Val {
    return this.choose('i32', this.get('i32', L.FLAG_KIND).eqz(), () => this.get('i32', L.NZCV).shrU(1).and(1),
      () => this.get('i64', L.FLAG_A).geU(this.get('i64', L.FLAG_B)).and(this.get('i32', L.FLAG_KIND).eq(L.FLAGS_SUB)));
  }

  /** AddWithCarry of the manual's shared pseudocode: result; flags are set when asked. */
  addWithCarry(a: Val, b: Val, carryIn: Val, setFlags: boolean): Val {
    const extend = (v: Val) => (a.type === 'i64' ? v.zext() : v);
    const sum = this.let(a.add(b).add(extend(carryIn)));
    if (!setFlags) return sum;
    const carry = sum.ltU(a).or(sum.eq(a).and(carryIn));
    const overflow = a.xor(sum).and(b.xor(sum)).ltS(a.like(0));
    this.setNzcv(sum.ltS(a.like(0)).shl(3).or(sum.eqz().shl(2)).or(carry.shl(1)).or(overflow));
    return sum;
  }

  /** ConditionHolds: an i32, 0 or 1. */
  condition(cond: number): Val {
    if (cond >= 14) return Val.i32(1);
    const a = this.get('i64', L.FLAG_A), b = this.get('i64', L.FLAG_B);
    const holds = this.choose('i32', this.get('i32', L.FLAG_KIND).eqz(), () => fromNzcv(cond >> 1, this.get('i32', L.NZCV)),
      () => fromOperands(cond >> 1, a, b, this.get('i32', L.FLAG_KIND).eq(L.FLAGS_SUB)));
    return (cond & 1) !== 0 ? holds.eqz() : holds;
  }

  // ---- calls into the core

  private calleeOf(name: CoreFunction): { callee: Callee; withCpu: boolean } {
    const callee = this.core[name];
    return { callee, withCpu: callee.signature.params[0] === 'i32' && !PURE.has(name) };
  }

  /** Calls for a result. The CPU's block is passed first, but to pure functions. */
  call(name: CoreFunction, ...args: Arg[]): Val {
    const { callee, withCpu } = this.calleeOf(name);
    return this.code.callFor(callee, ...(withCpu ? [this.cpu, ...args] : args));
  }

  run(name: CoreFunction, ...args: Arg[]): void {
    const { callee, withCpu } = this.calleeOf(name);
    this.code.call(callee, ...(withCpu ? [this.cpu, ...args] : args));
  }

  /** Calls something that may take an exception, and leaves when it did. */
  callOrFault(name: CoreFunction, ...args: Arg[]): Val {
    this.savePc();
    const result = this.call(name, ...args);
    this.leaveIfFault();
    return result;
  }

  runOrFault(name: CoreFunction, ...args: Arg[]): void {
    this.savePc();
    this.run(name, ...args);
    this.leaveIfFault();
  }

  /** Calls something that always sets PC. */
  runAndLeave(name: CoreFunction, ...args: Arg[]): void {
    this.savePc();
    this.run(name, ...args);
    this.fault();
  }

  undefined(): void { this.runAndLeave('undefined'); }

  /** MRS and MSR: `row` is the register's in the core's table, `word` the instruction. */
  readSystem(row: Val, word: Val): Val { return this.callOrFault('readSystem', row, word); }
  writeSystem(row: Val, word: Val, value: Val): void { this.runOrFault('writeSystem', row, word, value); }

  /** Enters or leaves an exception level; execution goes on at PC. */
  changeLevel(name: 'supervisorCall' | 'exceptionReturn', ...args: Arg[]): void { this.runAndLeave(name, ...args); }
  /** Goes on at the next instruction with a fresh look at what memory holds. */
  synchronize(): void {
    this.put(L.PC, this.let(this.pc().add(4)));
    this.leave();
  }
  /** Branches with link have set X30 to the address behind them. */
  callTo(target: Val): void { this.branchTo(target); }
  callBy(delta: Val): void { this.branchBy(delta); }
  returnTo(target: Val): void { this.branchTo(target); }

  private leaveIfFault(): void { this.if(this.get('i32', L.FAULT), () => this.fault(), undefined, false); }

  /** An exception was taken or the hypervisor is wanted: the CPU's block says where to go on. */
  protected fault(): void { this.leave(); }

  // ---- memory

  /** THREADS_*: whether and how other CPUs can see the order of this one's accesses. */
  threads(): Val { return loadFrom('i32', Val.i32(0), L.MACHINE + L.M_THREADS); }

  /**
   * DMB and DSB, by CRm. A host that keeps loads and stores in order but for loads before stores needs nothing where
   * the barrier is for loads (1) or for stores (2) only.
   */
  barrier(crm: Val): void {
    const partial = crm.and(3).sub(1).ltU(2);
    this.if(this.threads().gtS(partial), () => this.code.fence());
  }

  /** Loads 1 to 8 bytes as `type`. */
  load(type: 'i32' | 'i64', bytes: AccessBytes, address: Val, options: AccessOptions = {}): Val {
    const result = this.code.local(type);
    const direct = (host: Val) => (options.ordered === true ? loadOrdered(type, host, bytes) : loadFrom(type, host, 0, bytes, options.signed ?? false));
    this.access(L.TLB_READ, bytes, address, options, (host) => this.code.set(result, direct(host)), (va) => {
      const raw = this.callOrFault('load', va, sizeOf(bytes, options));
      this.code.set(result, narrow(raw, type, bytes, options.signed ?? false));
    });
    return Val.local(result, type);
  }

  store(bytes: AccessBytes, address: Val, value: Val, options: AccessOptions = {}): void {
    const kept = this.let(value);
    const plain = (host: Val) => this.code.store(host, kept, 0, bytes);
    // An atomic store takes some nanoseconds, which a CPU in the same thread as all others need not spend.
    const ordered = (host: Val) => this.if(this.threads(), () => this.code.storeOrdered(host, kept, bytes), () => plain(host));
    this.access(L.TLB_WRITE, bytes, address, options, options.ordered === true ? ordered : plain,
      (va) => this.runOrFault('store', va, sizeOf(bytes, options), kept.zext()));
  }

  /** Loads two neighbours of 4 or 8 bytes; both or none. */
  loadPair(type: Exclude<WasmType, 'v128'>, address: Val, options: AccessOptions = {}): readonly [Val, Val] {
    const bytes = type === 'i64' || type === 'f64' ? 8 : 4, first = this.code.local(type), second = this.code.local(type);
    this.access(L.TLB_READ, 2 * bytes, address, options, (host) => {
      this.code.set(first, loadFrom(type, host, 0, bytes));
      this.code.set(second, loadFrom(type, host, bytes, bytes));
    }, (va) => {
      this.code.set(first, fromBits(this.callOrFault('load', va, sizeOf(bytes, options)), type));
      this.code.set(second, fromBits(this.callOrFault('load', va.add(bytes), sizeOf(bytes, options)), type));
    });
    return [Val.local(first, type), Val.local(second, type)];
  }

  storePair(address: Val, first: Val, second: Val, options: AccessOptions = {}): void {
    const bytes = first.type === 'i64' || first.type === 'f64' ? 8 : 4, a = this.let(first), b = this.let(second);
    this.access(L.TLB_WRITE, 2 * bytes, address, options, (host) => {
      this.code.store(host, a, 0, bytes);
      this.code.store(host, b, bytes, bytes);
    }, (va) => {
      this.runOrFault('store', va, sizeOf(bytes, options), bitsOf(a));
      this.runOrFault('store', va.add(bytes), sizeOf(bytes, options), bitsOf(b));
    });
  }

  /** Loads 16 bytes. */
  load128(address: Val): Val {
    const value = this.code.local('v128');
    this.access(L.TLB_READ, 16, address, {}, host => this.code.set(value, loadFrom('v128', host)), (va) => {
      this.runOrFault('load128', va, 4, L.STAGED);
      this.code.set(value, this.get('v128', L.STAGED));
    });
    return Val.local(value, 'v128');
  }

  store128(address: Val, value: Val): void {
    this.access(L.TLB_WRITE, 16, address, {}, host => this.code.store(host, value),
      va => this.runOrFault('store128', va, 4, extractU(3, value, 0), extractU(3, value, 1)));
  }

  loadVector(reg: Reg, address: Val): void { this.setV(reg, this.load128(address)); }
  storeVector(reg: Reg, address: Val): void { this.store128(address, this.v(reg)); }

  /** Both or none. */
  loadVectorPair(first: Reg, second: Reg, address: Val): void {
    const low = this.code.local('v128'), high = this.code.local('v128');
    this.access(L.TLB_READ, 32, address, {}, (host) => {
      this.code.set(low, loadFrom('v128', host));
      this.code.set(high, loadFrom('v128', host, 16));
    }, (va) => {
      this.runOrFault('load128', va, 4, L.STAGED);
      this.runOrFault('load128', va.add(16), 4, L.STAGED + 16);
      this.code.set(low, this.get('v128', L.STAGED));
      this.code.set(high, this.get('v128', L.STAGED + 16));
    });
    this.setV(first, Val.local(low, 'v128'));
    this.setV(second, Val.local(high, 'v128'));
  }

  storeVectorPair(first: Reg, second: Reg, address: Val): void {
    this.access(L.TLB_WRITE, 32, address, {}, (host) => {
      this.code.store(host, this.v(first));
      this.code.store(host, this.v(second), 16);
    }, (va) => {
      this.runOrFault('store128', va, 4, this.element('i64', first, 0), this.element('i64', first, 8));
      this.runOrFault('store128', va.add(16), 4, this.element('i64', second, 0), this.element('i64', second, 8));
    });
  }

  /** An access to memory: `fast` gets the linear-memory address when the TLB has it, `slow` the virtual one when it has not. */
  protected access(right: Right, bytes: number, address: Val, options: AccessOptions, fast: (host: Val) => void, slow: (va: Val) => void): void {
    const { va, hit, host } = this.lookUp(right, bytes, address, options);
    this.if(hit, () => fast(Val.local(host, 'i32')), () => slow(va), true);
  }

  /** The entry of a data TLB that an address would have. */
  protected entryOf(tlb: Val, va: Val): Val { return tlb.add(va.shrU(7).and((L.TLB_ENTRIES - 1) * L.TLB_ENTRY_BYTES).wrap()); }

  /**
   * The inline TLB. The tag is that of the last byte's page, so that one comparison also fails for accesses that cross
   * a page. `host` is the local with the address in linear memory that the entry gives, whether or not it is a hit.
   */
  protected lookUp(right: Right, bytes: number, address: Val, options: AccessOptions): { readonly va: Val; readonly tag: Val; readonly hit: Val; readonly host: number } {
    const va = this.let(address);
    const base = options.unprivileged === true ? this.get('i32', L.TLB_EL0) : this.tlb();
    const entry = this.let(this.entryOf(base, va));
    // Both are loaded before the comparison: V8 would otherwise load the tag twice.
    const tag = this.let(loadFrom('i64', entry, right)), host = this.code.local('i32');
    this.code.set(host, va.wrap().add(loadFrom('i32', entry, L.TLB_ADDEND)));
    const hit = tag.eq(va.add(bytes - 1).and(-4096n));
    return { va, tag, host, hit: options.ordered === true && bytes > 1 ? hit.and(va.wrap().and(bytes - 1).eqz()) : hit };
  }
}

const PURE = new Set<CoreFunction>(['multiplyHighUnsigned', 'multiplyHighSigned', 'crc32']);

function flagsOf(options: AccessOptions): number { return (options.unprivileged === true ? L.ACCESS_UNPRIVILEGED : 0) | (options.ordered === true ? L.ACCESS_ALIGNED : 0); }
function sizeOf(bytes: number, options: AccessOptions): number { return Math.log2(bytes) | flagsOf(options); }

/** The core gives zero-extended i64s; makes of them what an inline load would have given. */
function narrow(raw: Val, type: 'i32' | 'i64', bytes: number, signed: boolean): Val {
  const value = type === 'i32' ? raw.wrap() : raw;
  if (!signed || bytes === 8 || (bytes === 4 && type === 'i32')) return value;
  return value.sextFrom((bytes * 8) as 8 | 16 | 32);
}

/** A value of any type from its bits in an i64, and the opposite. */
function fromBits(bits: Val, type: Exclude<WasmType, 'v128'>): Val {
  return type === 'i64' ? bits : type === 'i32' ? bits.wrap() : type === 'f64' ? Val.raw('f64', [0xbf], bits) : Val.raw('f32', [0xbe], bits.wrap());
}
function bitsOf(value: Val): Val {
  return value.type === 'f64' ? Val.raw('i64', [0xbd], value) : value.type === 'f32' ? Val.raw('i32', [0xbc], value).zext() : value.zext();
}

export function fromNzcv(base: number, nzcv: Val): Val {
  const n = nzcv.shrU(3).and(1), z = nzcv.shrU(2).and(1), c = nzcv.shrU(1).and(1), v = nzcv.and(1);
  return [z, c, n, v, c.and(z.eqz()), n.eq(v), n.eq(v).and(z.eqz())][base] ?? Val.i32(1);
}

/** Conditions of A - B; `isSub` is false after logical operations, which clear C and have B = 0. */
export function fromOperands(base: number, a: Val, b: Val, isSub: Val): Val {
  const overflow = () => a.xor(b).and(a.xor(a.sub(b))).ltS(0n);
  switch (base) {
    case 0: return a.eq(b);
    case 1: return a.geU(b).and(isSub);
    case 2: return a.sub(b).ltS(0n);
    case 3: return overflow();
    case 4: return a.gtU(b).and(isSub);
    case 5: return a.geS(b);
    default: return a.gtS(b);
  }
}
