/**
 * Decoded instructions for the translator: operands, and what the instruction does to registers and flags. Effects are
 * found by running the instruction's definition against an emitter that only takes notes.
 *
 * Instructions that differ in registers and constants only have one form: their definition is run once, with symbols for
 * operands. Few instructions have none, as their code depends on what the operands are.
 */
import * as L from '../layout.ts';
import { Code, type Callee } from './code.ts';
import { CORE_FUNCTIONS, type CoreFunction } from './core-functions.ts';
import type { Decoder } from './decoder.ts';
import { Emitter, type AccessOptions } from './emitter.ts';
import { knownFields, type FieldSpec, type Reg, type Row, type Variant } from './insn.ts';
import { lasting, Operand, OperandNeeded, type Arguments } from './symbolic-code.ts';
import { Val } from './value.ts';
import type { Signature, WasmType } from './wasm-module.ts';

/** Sets of registers: bit n of `x` is Xn, bit 31 the stack pointer; bit n of `v` is Vn; `flags` are NZCV. */
export interface RegisterSet { x: number; v: number; flags: boolean }

/** Registers that are symbols by their index, besides. */
interface Notes extends RegisterSet { operands: number }

export interface Effects<Set = RegisterSet> {
  readonly reads: Set;
  readonly writes: Set;
  /** Those of `writes` that are written whatever happens. */
  readonly replaces: Set;
  /** May take an exception or leave. */
  readonly faults: boolean;
  readonly usesMemory: boolean;
  readonly usesVectors: boolean;
}

/** How control goes on after an instruction. `interpreted` ones end a region before them: they are rare, or change what it takes for granted. */
export type Ending = 'next' | 'jump' | 'conditional' | 'call' | 'leave' | 'interpreted';

export interface Decoded {
  readonly word: number;
  readonly variant: Variant;
  readonly effects: Effects;
  readonly ending: Ending;
  /** What is to be emitted: the form's code with these arguments, or the instruction's own. */
  readonly form: Form | undefined;
  readonly arguments: Arguments;
  /** Those that depend on the operands. */
  readonly templates: Templates;
}

/** By what the translator knew before the instruction. */
export type Templates = (Template | undefined)[];
/** The code of an instruction that control goes on behind; and what the translator knows of the flags afterwards. */
export interface Template { readonly code: Int32Array; readonly flags: number | undefined }

/** What instructions with symbols for operands have in common. */
export interface Form {
  readonly operands: object;
  readonly effects: Effects<Notes>;
  readonly templates: Templates;
  /** The emitter had to know an operand: each instruction has code of its own. */
  isPartial: boolean;
}

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
  /** By variant, and by which of its registers are number 31, which is not one like the others. */
  private readonly forms = new Map<Variant, (Form | null)[]>();

  constructor(decoder: Decoder) { this.decoder = decoder; }

  /** Undefined for words that are UNDEFINED. */
  read(word: number): Decoded | undefined {
    let found = this.known.get(word);
    if (found === undefined) {
      if (this.known.size >= MOST_WORDS) this.known.clear();
      const variant = this.decoder.decode(word);
      this.known.set(word, found = variant === undefined ? null : this.decode(word, variant));
    }
    return found ?? undefined;
  }

  private decode(word: number, variant: Variant): Decoded {
    const ending = endingOf(variant.row.name, word), form = ending === 'next' ? this.formOf(word, variant) : null;
    if (form === null) return { word, variant, ending, form: undefined, arguments: NO_ARGUMENTS, templates: [], effects: effectsOf(variant.row, operandsOf(word, variant)) };
    const registers = registersOf(word, variant), constants = constantsOf(word, variant).map(([, value]) => codeOf(value));
    return { word, variant, ending, form, arguments: { registers: registers.map(localOf), constants }, templates: [], effects: inRegisters(form.effects, registers) };
  }

  private formOf(word: number, variant: Variant): Form | null {
    const special = variant.row.fields.reduce((set, f, n) => (isSpecial(f, word) ? set | (1 << n) : set), 0);
    let forms = this.forms.get(variant);
    if (forms === undefined) this.forms.set(variant, forms = []);
    return forms[special] ??= makeForm(word, variant);
  }
}

const NO_ARGUMENTS: Arguments = { registers: [], constants: [] };

const isSpecial = (f: FieldSpec, word: number): boolean => f.register === 'x' && ((word >>> f.shift) & 31) === 31;

function makeForm(word: number, variant: Variant): Form | null {
  const { row, fixed } = variant, operands: Record<string, unknown> = { ...fixed }, registers = registersOf(word, variant);
  for (const f of row.fields) if (isSpecial(f, word) && !(f.name in fixed)) operands[f.name] = knownRegister(f, 31);
  registers.forEach(({ name, register }, n) => { operands[name] = { offset: new Operand('i32', n, register), guardZero: false } satisfies Reg; });
  constantsOf(word, variant).forEach(([name, { type }], n) => { operands[name] = new Operand(type === 'i64' ? 'i64' : 'i32', n); });
  try {
    return { operands, effects: effectsOf(row, operands), templates: [], isPartial: false };
  } catch (error) {
    if (error instanceof OperandNeeded) return null;
    throw error;
  }
}

function codeOf(value: Val): readonly number[] {
  if (value.args.length === 0) return value.op;
  const code: number[] = [];
  value.emit(code);
  return code;
}

interface NumberedRegister { readonly name: string; readonly register: 'x' | 'v'; readonly number: number }
const localOf = ({ register, number }: NumberedRegister): number => lasting(register === 'x' ? number : 32 + number);

/** Registers that are symbols in the form. */
function registersOf(word: number, { row, fixed }: Variant): NumberedRegister[] {
  return row.fields.flatMap(f => (f.register === undefined || f.name in fixed || isSpecial(f, word) ? [] : [{ name: f.name, register: f.register, number: (word >>> f.shift) & 31 }]));
}

/** Constants, by name. */
function constantsOf(word: number, { row, fixed }: Variant): [string, Val][] {
  if (row.pre === undefined && row.fields.every(f => f.register !== undefined || f.name in fixed)) return [];
  const fields = knownFields(row, word), plain = row.fields.filter(f => f.register === undefined && !(f.name in fixed)).map(f => [f.name, fields[f.name] as Val] as [string, Val]);
  return row.pre === undefined ? plain : [...plain, ...Object.entries(row.pre(fields))];
}

function inRegisters(form: Effects<Notes>, registers: readonly NumberedRegister[]): Effects {
  const set = ({ x, v, flags, operands }: Notes): RegisterSet => {
    const all = { x, v, flags };
    registers.forEach(({ register, number }, n) => { if ((operands & (1 << n)) !== 0) all[register] |= 1 << number; });
    return all;
  };
  return { ...form, reads: set(form.reads), writes: set(form.writes), replaces: set(form.replaces) };
}

export function operandsOf(word: number, { row, fixed }: Variant): object {
  const fields = knownFields(row, word), operands: Record<string, unknown> = { ...fields, ...fixed, ...row.pre?.(fields) };
  for (const f of row.fields) if (f.register !== undefined && !(f.name in fixed)) operands[f.name] = knownRegister(f, (word >>> f.shift) & 31);
  return operands;
}

function effectsOf(row: Row, operands: object): Effects<Notes> {
  const notes = new NoteTaker();
  row.body(notes, operands as never);
  return { ...notes.effects, usesVectors: row.fields.some(f => f.register === 'v') };
}

function knownRegister(field: FieldSpec, number: number): Reg {
  if (field.register === 'v') return { offset: Val.i32(L.V + 16 * number), guardZero: false };
  const special = { zero: L.XZR, sp: L.SP, dump: L.DUMP }[field.zero];
  return { offset: Val.i32(number === 31 ? special : 8 * number), guardZero: false };
}

export const noRegisters = (): RegisterSet => ({ x: 0, v: 0, flags: false });
const noNotes = (): Notes => ({ ...noRegisters(), operands: 0 });
const NOTES: Signature = { params: ['i32'], results: [] };
const resultOf = (name: CoreFunction): WasmType => CORE_FUNCTIONS[name].results[0] ?? 'i32';

/** Runs a definition for its effects. What it emits is thrown away. */
class NoteTaker extends Emitter {
  readonly effects = { reads: noNotes(), writes: noNotes(), replaces: noNotes(), faults: false, usesMemory: false };
  private conditional = 0;

  constructor() { super(new Code(NOTES), Val.local(0, 'i32'), {} as Record<CoreFunction, Callee>); }

  private note(set: Notes, offset: Val): void {
    if (offset instanceof Operand) set.operands |= 1 << offset.index;
    else if (offset.number === undefined) throw new OperandNeeded();
    else if (isVector(offset.number)) set.v |= 1 << ((offset.number - L.V) >> 4);
    else if (generalIndex(offset.number) >= 0) set.x |= 1 << generalIndex(offset.number);
  }

  private noteRead({ offset }: Reg): void { this.note(this.effects.reads, offset); }

  private noteWrite(reg: Reg, whole: boolean): void {
    this.note(this.effects.writes, reg.offset);
    if (whole && this.conditional === 0) this.note(this.effects.replaces, reg.offset);
    else this.noteRead(reg);
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
    this.noteRead(reg);
    return reg.offset instanceof Operand ? Val.local(0, type) : super.register(type, reg, offset);
  }

  protected override storeRegister(reg: Reg, _value: Val, offset: number, size?: number): void {
    this.noteWrite(reg, offset === 0 && size === undefined);
  }

  override setScalar(reg: Reg): void { this.noteWrite(reg, true); }
  override setV(reg: Reg): void { this.noteWrite(reg, true); }
  override setElement(reg: Reg): void { this.noteWrite(reg, false); }
  override inBlock(used: readonly Reg[], written: readonly Reg[]): void {
    for (const reg of used) this.noteRead(reg);
    for (const reg of written) this.noteWrite(reg, true);
  }
  override lowest(reg: Reg): Val { this.noteRead(reg); return Val.local(0, 'v128'); }
  override duplicate(reg: Reg): Val { this.noteRead(reg); return Val.local(0, 'v128'); }

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
