/**
 * Decoded instructions for the translator: operands as known values, and what the instruction does to registers and
 * flags. Effects are found by running the instruction's definition against an emitter that only takes notes. Both
 * are remembered by the word, as the same words come again and again.
 */
import * as L from '../layout.ts';
import { Code, type Callee } from './code.ts';
import { CORE_FUNCTIONS, type CoreFunction } from './core-functions.ts';
import type { Decoder } from './decoder.ts';
import { Emitter, type AccessOptions } from './emitter.ts';
import { knownFields, type FieldSpec, type Reg, type Variant } from './insn.ts';
import { Val } from './value.ts';
import type { Signature, WasmType } from './wasm-module.ts';

/** Sets of registers: bit n of `x` is Xn, bit 31 the stack pointer; bit n of `v` is Vn; `flags` are NZCV. */
export interface RegisterSet { x: number; v: number; flags: boolean }

export interface Effects {
  readonly reads: RegisterSet;
  readonly writes: RegisterSet;
  /** Those of `writes` that are written whatever happens. */
  readonly replaces: RegisterSet;
  /** May take an exception or leave. */
  readonly faults: boolean;
  readonly usesMemory: boolean;
  readonly usesVectors: boolean;
}

/** How control goes on after an instruction. `interpreted` ones end a region before them: they are rare, or change what it takes for granted. */
export type Ending = 'next' | 'jump' | 'conditional' | 'call' | 'leave' | 'interpreted';

export interface Decoded { readonly word: number; readonly variant: Variant; readonly operands: object; readonly effects: Effects; readonly ending: Ending; readonly templates: (Template | undefined)[] }

/** The code of an instruction that control goes on behind, by what the translator knew before it; and what it knows of the flags afterwards. */
export interface Template { readonly code: Int32Array; readonly flags: number | undefined }

function endingOf(name: string, word: number): Ending {
  if (name === 'B') return 'jump';
  if (/^(B\.cond|CBN?Z|TBN?Z)$/.test(name)) return 'conditional';
  if (name === 'BL' || name === 'BLR') return 'call';
  if (/^(BR|RET|SVC|ERET|ISB)$/.test(name)) return 'leave';
  if (/^(HVC|SMC|BRK|HLT|WFI|WFE|YIELD)$/.test(name) || (name === 'MSR (register)' && [NZCV, CPACR_EL1].includes(word & SYSTEM_FIELDS))) return 'interpreted';
  return 'next';
}
const SYSTEM_FIELDS = 0x000f_ffe0, NZCV = 0x000b_4200, CPACR_EL1 = 0x0008_1040;

const SP_INDEX = L.SP / 8;
const MOST_WORDS = 3000;

/** Index of a register in a RegisterSet's `x`, from its offset in the CPU's block; -1 when it is not one of them. */
export function generalIndex(offset: number): number { return offset < L.XZR ? offset >> 3 : offset === L.SP ? SP_BIT : -1; }
export const SP_BIT = 31;
export const blockOffset = (bit: number): number => (bit === SP_BIT ? 8 * SP_INDEX : 8 * bit);
export const isVector = (offset: number): boolean => offset >= L.V && offset < L.V + 16 * 32;

export class InstructionReader {
  private readonly decoder: Decoder;
  private readonly known = new Map<number, Decoded | null>();

  constructor(decoder: Decoder) { this.decoder = decoder; }

  /** Undefined for words that are UNDEFINED. */
  read(word: number): Decoded | undefined {
    let found = this.known.get(word);
    if (found === undefined) {
      if (this.known.size >= MOST_WORDS) this.known.clear();
      const variant = this.decoder.decode(word);
      this.known.set(word, found = variant === undefined ? null : decode(word, variant));
    }
    return found ?? undefined;
  }
}

function decode(word: number, variant: Variant): Decoded {
  const { row } = variant, fields = knownFields(row, word), operands: Record<string, unknown> = { ...fields, ...variant.fixed, ...row.pre?.(fields) };
  for (const f of row.fields) if (f.register !== undefined && !(f.name in variant.fixed)) operands[f.name] = knownRegister(f, (word >>> f.shift) & 31);
  const notes = new NoteTaker();
  row.body(notes, operands as never);
  return { word, variant, operands, ending: endingOf(row.name, word), templates: [], effects: { ...notes.effects, usesVectors: row.fields.some(f => f.register === 'v') } };
}

function knownRegister(field: FieldSpec, number: number): Reg {
  if (field.register === 'v') return { offset: Val.i32(L.V + 16 * number), guardZero: false };
  const special = { zero: L.XZR, sp: L.SP, dump: L.DUMP }[field.zero];
  return { offset: Val.i32(number === 31 ? special : 8 * number), guardZero: false };
}

export const noRegisters = (): RegisterSet => ({ x: 0, v: 0, flags: false });
const NOTES: Signature = { params: ['i32'], results: [] };
const resultOf = (name: CoreFunction): WasmType => CORE_FUNCTIONS[name].results[0] ?? 'i32';

/** Runs a definition for its effects. What it emits is thrown away. */
class NoteTaker extends Emitter {
  readonly effects = { reads: noRegisters(), writes: noRegisters(), replaces: noRegisters(), faults: false, usesMemory: false };
  private conditional = 0;

  constructor() { super(new Code(NOTES), Val.local(0, 'i32'), {} as Record<CoreFunction, Callee>); }

  private noteRead(offset: number | undefined): void {
    if (offset === undefined) return;
    if (isVector(offset)) this.effects.reads.v |= 1 << ((offset - L.V) >> 4);
    else if (generalIndex(offset) >= 0) this.effects.reads.x |= 1 << generalIndex(offset);
  }

  private noteWrite(offset: number | undefined, whole: boolean): void {
    if (offset === undefined) return;
    const certain = whole && this.conditional === 0, set = (s: RegisterSet) => {
      if (isVector(offset)) s.v |= 1 << ((offset - L.V) >> 4);
      else if (generalIndex(offset) >= 0) s.x |= 1 << generalIndex(offset);
    };
    set(this.effects.writes);
    if (certain) set(this.effects.replaces);
    else this.noteRead(offset);
  }

  pc(): Val { return Val.i64(0); }
  savePc(): void { this.effects.faults = true; }
  leave(): void { /* elsewhere */ }
  branchTo(): void { /* the block's end */ }
  branchBy(): void { /* the block's end */ }
  override synchronize(): void { /* the block's end */ }
  override changeLevel(): void { this.effects.faults = true; }
  protected tlb(): Val { return Val.local(0, 'i32'); }

  protected override register(type: WasmType, reg: Reg, offset: number): Val {
    this.noteRead(reg.offset.number);
    return super.register(type, reg, offset);
  }

  protected override storeRegister(reg: Reg, _value: Val, offset: number, size?: number): void {
    this.noteWrite(reg.offset.number, offset === 0 && size === undefined);
  }

  override setScalar(reg: Reg): void { this.noteWrite(reg.offset.number, true); }
  override setV(reg: Reg): void { this.noteWrite(reg.offset.number, true); }
  override setElement(reg: Reg): void { this.noteWrite(reg.offset.number, false); }
  override inBlock(used: readonly Reg[], written: readonly Reg[]): void {
    for (const reg of used) this.noteRead(reg.offset.number);
    for (const reg of written) this.noteWrite(reg.offset.number, true);
  }
  override lowest(reg: Reg): Val { this.noteRead(reg.offset.number); return Val.local(0, 'v128'); }
  override duplicate(reg: Reg): Val { this.noteRead(reg.offset.number); return Val.local(0, 'v128'); }

  override call(name: CoreFunction): Val { return Val.local(0, resultOf(name)); }
  override run(): void { /* no registers */ }
  override callOrFault(name: CoreFunction): Val { this.effects.faults = true; return Val.local(0, resultOf(name)); }
  override runOrFault(): void { this.effects.faults = true; }
  override runAndLeave(): void { this.effects.faults = true; }
  protected override access(_right: number, _bytes: number, address: Val, _options: AccessOptions, fast: (host: Val) => void): void {
    this.effects.faults = true;
    this.effects.usesMemory = true;
    this.conditionally(() => fast(address.wrap()));
  }

  override if(_condition: Val, then: () => void, otherwise?: () => void): void { this.conditionally(then); if (otherwise) this.conditionally(otherwise); }
  override choose(type: WasmType, _condition: Val, then: () => Val, otherwise: () => Val): Val {
    this.conditionally(then);
    this.conditionally(otherwise);
    return Val.local(0, type);
  }
  override chooseIfAll(type: WasmType, _conditions: readonly Val[], then: () => Val, otherwise: () => Val): Val { return this.choose(type, Val.i32(0), then, otherwise); }
  private conditionally(body: () => void): void {
    this.conditional += 1;
    body();
    this.conditional -= 1;
  }

  protected override lazyFlags(): void { this.writeFlags(); }
  override setNzcv(): void { this.writeFlags(); }
  private writeFlags(): void {
    this.effects.writes.flags = true;
    if (this.conditional === 0) this.effects.replaces.flags = true;
  }
  override nzcv(): Val { return this.readFlags(); }
  override carry(): Val { return this.readFlags(); }
  override condition(cond: number): Val { return cond >= 14 ? Val.i32(1) : this.readFlags(); }
  private readFlags(): Val {
    this.effects.reads.flags = true;
    return Val.local(0, 'i32');
  }
}
