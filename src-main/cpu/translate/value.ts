/**
 * Typed expressions that become WebAssembly. Constants fold as they are built, so that one definition of an
 * instruction serves the interpreter, where fields are read at run time, and the translator, where they are known.
 * An expression is pure but for loads; it is evaluated where a statement uses it, once for each use.
 */
import { localIndex, sleb, uleb, type WasmType } from './wasm-module.ts';

export type Arg = Val | number | bigint;

interface Node {
  readonly type: WasmType;
  readonly op: readonly number[];
  readonly args: readonly Val[];
  /** Known value: i32 as a signed number, i64 as a signed bigint. */
  readonly constant?: number | bigint;
}

const I32 = { eqz: 0x45, eq: 0x46, ne: 0x47, ltS: 0x48, ltU: 0x49, gtS: 0x4a, gtU: 0x4b, leS: 0x4c, leU: 0x4d, geS: 0x4e, geU: 0x4f,
  clz: 0x67, add: 0x6a, sub: 0x6b, mul: 0x6c, divS: 0x6d, divU: 0x6e, and: 0x71, or: 0x72, xor: 0x73, shl: 0x74, shrS: 0x75, shrU: 0x76, rotl: 0x77, rotr: 0x78 };
const I64 = { eqz: 0x50, eq: 0x51, ne: 0x52, ltS: 0x53, ltU: 0x54, gtS: 0x55, gtU: 0x56, leS: 0x57, leU: 0x58, geS: 0x59, geU: 0x5a,
  clz: 0x79, add: 0x7c, sub: 0x7d, mul: 0x7e, divS: 0x7f, divU: 0x80, and: 0x83, or: 0x84, xor: 0x85, shl: 0x86, shrS: 0x87, shrU: 0x88, rotl: 0x89, rotr: 0x8a };
type IntOp = keyof typeof I32;

const FOLD: Record<Exclude<IntOp, 'eqz' | 'clz'>, (a: bigint, b: bigint, bits: bigint) => bigint | undefined> = {
  add: (a, b) => a + b, sub: (a, b) => a - b, mul: (a, b) => a * b, and: (a, b) => a & b, or: (a, b) => a | b, xor: (a, b) => a ^ b,
  divS: (a, b) => (b === 0n ? undefined : a / b), divU: (a, b, n) => (b === 0n ? undefined : unsigned(a, n) / unsigned(b, n)),
  shl: (a, b, n) => a << (b & (n - 1n)), shrS: (a, b, n) => a >> (b & (n - 1n)), shrU: (a, b, n) => unsigned(a, n) >> (b & (n - 1n)),
  rotl: (a, b, n) => rotate(unsigned(a, n), b & (n - 1n), n), rotr: (a, b, n) => rotate(unsigned(a, n), (n - (b & (n - 1n))) & (n - 1n), n),
  eq: (a, b) => bit(a === b), ne: (a, b) => bit(a !== b), ltS: (a, b) => bit(a < b), gtS: (a, b) => bit(a > b), leS: (a, b) => bit(a <= b), geS: (a, b) => bit(a >= b),
  ltU: (a, b, n) => bit(unsigned(a, n) < unsigned(b, n)), gtU: (a, b, n) => bit(unsigned(a, n) > unsigned(b, n)),
  leU: (a, b, n) => bit(unsigned(a, n) <= unsigned(b, n)), geU: (a, b, n) => bit(unsigned(a, n) >= unsigned(b, n)),
};
const COMPARES = new Set<IntOp>(['eq', 'ne', 'ltS', 'ltU', 'gtS', 'gtU', 'leS', 'leU', 'geS', 'geU']);
const bit = (b: boolean) => (b ? 1n : 0n);
const unsigned = (value: bigint, bits: bigint) => BigInt.asUintN(Number(bits), value);
const rotate = (value: bigint, by: bigint, bits: bigint) => (value << by) | (value >> (bits - by));

/** Constants that come all the time are made once. */
const FEW = 1024, few: Val[] = [];

/** A typed value; `i32` and `i64` values share one set of methods, each giving a value of its operands' type. */
export class Val implements Node {
  readonly type: WasmType;
  readonly op: readonly number[];
  readonly args: readonly Val[];
  readonly constant?: number | bigint;

  constructor(node: Node) {
    this.type = node.type;
    this.op = node.op;
    this.args = node.args;
    if (node.constant !== undefined) this.constant = node.constant;
  }

  static i32(value: number): Val {
    const number = value | 0;
    if (number < 0 || number >= FEW) return Val.makeI32(number);
    return few[number] ??= Val.makeI32(number);
  }

  private static makeI32(number: number): Val {
    const op = [0x41];
    sleb(number, op);
    return new Val({ type: 'i32', op, args: [], constant: number });
  }

  static i64(value: bigint | number): Val {
    const op = [0x42], wrapped = BigInt.asIntN(64, BigInt(value));
    sleb(wrapped, op);
    return new Val({ type: 'i64', op, args: [], constant: wrapped });
  }

  static f64(value: number): Val { return Val.float('f64', 0x44, new Uint8Array(new Float64Array([value]).buffer)); }
  static f32(value: number): Val { return Val.float('f32', 0x43, new Uint8Array(new Float32Array([value]).buffer)); }
  private static float(type: WasmType, opcode: number, bytes: Uint8Array) { return new Val({ type, op: [opcode, ...bytes], args: [] }); }

  static local(index: number, type: WasmType): Val {
    const op = [0x20];
    localIndex(index, op);
    return new Val({ type, op, args: [] });
  }

  /** An immutable i32. */
  static global(index: number): Val {
    const op = [0x23];
    uleb(index, op);
    return new Val({ type: 'i32', op, args: [] });
  }

  /** A SIMD operation (prefix 0xfd). Lane and shuffle immediates follow the opcode. */
  static simd(type: WasmType, opcode: number, args: readonly Val[], immediates: readonly number[] = []): Val {
    const op = [0xfd];
    uleb(opcode, op);
    return new Val({ type, op: [...op, ...immediates], args });
  }

  /** Any other operation, by its opcode. */
  static raw(type: WasmType, op: readonly number[], ...args: Val[]): Val { return new Val({ type, op, args }); }

  get known(): boolean { return this.constant !== undefined; }
  /** The value as a number when it is known. */
  get number(): number | undefined { return this.constant === undefined ? undefined : Number(this.constant); }

  add(b: Arg) { return this.isZero(b) ? this : this.binary('add', b); }
  sub(b: Arg) { return this.isZero(b) ? this : this.binary('sub', b); }
  mul(b: Arg) { return this.binary('mul', b); }
  divS(b: Arg) { return this.binary('divS', b); }
  divU(b: Arg) { return this.binary('divU', b); }
  and(b: Arg) { return this.binary('and', b); }
  or(b: Arg) { return this.isZero(b) ? this : this.binary('or', b); }
  xor(b: Arg) { return this.isZero(b) ? this : this.binary('xor', b); }
  shl(b: Arg) { return this.isZero(b) ? this : this.binary('shl', b); }
  shrS(b: Arg) { return this.isZero(b) ? this : this.binary('shrS', b); }
  shrU(b: Arg) { return this.isZero(b) ? this : this.binary('shrU', b); }
  rotl(b: Arg) { return this.binary('rotl', b); }
  rotr(b: Arg) { return this.isZero(b) ? this : this.binary('rotr', b); }
  eq(b: Arg) { return this.isZero(b) ? this.eqz() : this.binary('eq', b); }
  ne(b: Arg) { return this.binary('ne', b); }
  ltS(b: Arg) { return this.binary('ltS', b); }
  ltU(b: Arg) { return this.binary('ltU', b); }
  gtS(b: Arg) { return this.binary('gtS', b); }
  gtU(b: Arg) { return this.binary('gtU', b); }
  leS(b: Arg) { return this.binary('leS', b); }
  leU(b: Arg) { return this.binary('leU', b); }
  geS(b: Arg) { return this.binary('geS', b); }
  geU(b: Arg) { return this.binary('geU', b); }
  not(): Val { return this.type === 'i64' ? this.xor(-1n) : this.xor(-1); }

  eqz(): Val {
    if (this.constant !== undefined) return Val.i32(BigInt(this.constant) === 0n ? 1 : 0);
    return Val.raw('i32', [this.type === 'i64' ? I64.eqz : I32.eqz], this);
  }

  clz(): Val {
    if (this.constant !== undefined) {
      const bits = this.type === 'i64' ? 64 : 32, value = BigInt.asUintN(bits, BigInt(this.constant));
      return this.like(value === 0n ? bits : bits - value.toString(2).length);
    }
    return Val.raw(this.type, [this.type === 'i64' ? I64.clz : I32.clz], this);
  }

  /** i64 to its low i32. A load of 64 bits becomes a load of the low 32. */
  wrap(): Val {
    if (this.type === 'i32') return this;
    if (this.constant !== undefined) return Val.i32(Number(BigInt.asIntN(32, BigInt(this.constant))));
    const [first, second] = this.args;
    if (this.op[0] === 0x29) return new Val({ type: 'i32', op: [0x28, 2, ...this.op.slice(2)], args: this.args });
    if (first !== undefined && second === undefined && (this.op[0] === 0xac || this.op[0] === 0xad)) return first;
    return Val.raw('i32', [0xa7], this);
  }

  /** i32 to i64 with zeros, or with copies of the sign. */
  zext(): Val { return this.extend(0xad, v => BigInt.asUintN(32, v)); }
  sext(): Val { return this.extend(0xac, v => v); }
  private extend(opcode: number, fold: (v: bigint) => bigint): Val {
    if (this.type === 'i64') return this;
    return this.constant === undefined ? Val.raw('i64', [opcode], this) : Val.i64(fold(BigInt(this.constant)));
  }

  /** Sign-extends the low 8, 16 or 32 bits within the value's own type. */
  sextFrom(bits: 8 | 16 | 32): Val {
    if (this.constant !== undefined) return this.like(BigInt.asIntN(bits, BigInt(this.constant)));
    if (this.type === 'i32') return bits === 32 ? this : Val.raw('i32', [bits === 8 ? 0xc0 : 0xc1], this);
    return Val.raw('i64', [bits === 8 ? 0xc2 : bits === 16 ? 0xc3 : 0xc4], this);
  }

  /** `this` (an i32 condition) ? whenTrue : whenFalse; both are evaluated. Two plain numbers give an i32. */
  select(whenTrue: Arg, whenFalse: Arg): Val {
    const a = whenTrue instanceof Val ? whenTrue : (whenFalse instanceof Val ? whenFalse : this).like(whenTrue);
    const b = whenFalse instanceof Val ? whenFalse : a.like(whenFalse);
    if (this.constant !== undefined) return this.constant !== 0 ? a : b;
    return Val.raw(a.type, a.type === 'v128' ? [0x1c, 1, 0x7b] : [0x1b], a, b, this);
  }

  /** A constant of this value's type. */
  like(value: Arg): Val {
    if (value instanceof Val) return value;
    return this.type === 'i64' ? Val.i64(value) : Val.i32(Number(BigInt.asIntN(32, BigInt(value))));
  }

  private isZero(b: Arg): boolean { return (b instanceof Val ? b.constant : b) === 0 || (b instanceof Val ? b.constant : b) === 0n; }

  private binary(op: Exclude<IntOp, 'eqz' | 'clz'>, b: Arg): Val {
    const right = this.like(b), wide = this.type === 'i64', bits = wide ? 64n : 32n;
    if (right.type !== this.type) throw new Error(`${op} of ${this.type} and ${right.type}`);
    const result: WasmType = COMPARES.has(op) ? 'i32' : this.type;
    if (this.constant !== undefined && right.constant !== undefined) {
      const folded = FOLD[op](BigInt(this.constant), BigInt(right.constant), bits);
      if (folded !== undefined) return result === 'i64' ? Val.i64(folded) : Val.i32(Number(BigInt.asIntN(32, folded)));
    }
    return Val.raw(result, [(wide ? I64 : I32)[op]], this, right);
  }

  /** Appends the code that leaves this value on the stack. */
  emit(out: number[]): void {
    for (const arg of this.args) arg.emit(out);
    for (const byte of this.op) out.push(byte);
  }
}

const LOAD: Record<string, number> = { i32: 0x28, i64: 0x29, f32: 0x2a, f64: 0x2b };
const STORE: Record<string, number> = { i32: 0x36, i64: 0x37, f32: 0x38, f64: 0x39 };
/** Narrow loads by access size in bytes: [unsigned, signed]. */
const NARROW_LOAD = { i32: { 1: [0x2d, 0x2c], 2: [0x2f, 0x2e] }, i64: { 1: [0x31, 0x30], 2: [0x33, 0x32], 4: [0x35, 0x34] } } as const;
const NARROW_STORE: Record<string, Record<number, number>> = { i32: { 1: 0x3a, 2: 0x3b }, i64: { 1: 0x3c, 2: 0x3d, 4: 0x3e } };
const BYTES: Record<WasmType, number> = { i32: 4, i64: 8, f32: 4, f64: 8, v128: 16 };

const memarg = (offset: number) => { const out = [0]; uleb(offset, out); return out; };

/** Loads `size` bytes (the whole type by default) from linear memory at `address + offset`. */
export function loadFrom(type: WasmType, address: Val, offset = 0, size: number = BYTES[type], signed = false): Val {
  if (type === 'v128') return Val.raw(type, [0xfd, 0, ...memarg(offset)], address);
  if (size === BYTES[type]) return Val.raw(type, [LOAD[type] ?? 0, ...memarg(offset)], address);
  const narrow = (NARROW_LOAD as Record<string, Record<number, readonly [number, number]>>)[type]?.[size];
  if (narrow === undefined) throw new Error(`no load of ${size} bytes as ${type}`);
  return Val.raw(type, [narrow[signed ? 1 : 0], ...memarg(offset)], address);
}

/** Opcode and immediates of the matching store; address and value go on the stack before it. */
export function storeOp(type: WasmType, offset = 0, size: number = BYTES[type]): number[] {
  if (type === 'v128') return [0xfd, 11, ...memarg(offset)];
  const opcode = size === BYTES[type] ? STORE[type] : NARROW_STORE[type]?.[size];
  if (opcode === undefined) throw new Error(`no store of ${size} bytes from ${type}`);
  return [opcode, ...memarg(offset)];
}

/** The atomic accesses by type and size in bytes: [load, store], behind the prefix 0xfe. */
const ORDERED: Record<string, Record<number, readonly [number, number]>> = {
  i32: { 1: [0x12, 0x19], 2: [0x13, 0x1a], 4: [0x10, 0x17] }, i64: { 1: [0x14, 0x1b], 2: [0x15, 0x1c], 4: [0x16, 0x1d], 8: [0x11, 0x18] },
};

function orderedOp(type: WasmType, size: number, which: 0 | 1): number[] {
  const ops = ORDERED[type]?.[size];
  if (ops === undefined) throw new Error(`no atomic access of ${size} bytes as ${type}`);
  return [0xfe, ops[which], Math.log2(size), 0];
}

/** Loads `size` bytes, zero-extended and sequentially consistent, from an aligned address. */
export function loadOrdered(type: WasmType, address: Val, size: number): Val { return Val.raw(type, orderedOp(type, size, 0), address); }

export function orderedStoreOp(type: WasmType, size: number): number[] { return orderedOp(type, size, 1); }
