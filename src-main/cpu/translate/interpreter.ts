/**
 * Generates the interpreter: one WebAssembly module with a dispatch loop over decoded records, a handler for each
 * variant of each instruction row, and a function for each that decodes a word into its record. Frequent handlers
 * are cases of the loop's `br_table`, the others functions in a table (engine measurements: bench/bench.ts).
 */
import * as L from '../layout.ts';
import { Code, type Callee, type Label } from './code.ts';
import { CORE_FUNCTIONS, type CoreFunction } from './core-functions.ts';
import { Emitter } from './emitter.ts';
import { codeEntryOf, REGION } from './region.ts';
import { inOrderOfDecoding, variantsOf, type FieldSpec, type Reg, type Row, type Variant } from './insn.ts';
import { Val, loadFrom } from './value.ts';
import { WasmModule, type FunctionBody, type Signature } from './wasm-module.ts';

const FIRST = L.FIRST_HANDLER;
/** The module's own function table, behind that of the regions. */
const OWN_TABLE = 1;
const SLOT_OFFSETS = [2, 4, 6, 12, 14];

/** The loop's forms: `runShared`, for CPUs in threads, ends the turn for ATTENTION as well as for the budget. */
type LoopKind = 'run' | 'runShared';

/** Tells the translator of a record that became hot: CPU, record. */
const HOT: Signature = { params: ['i32', 'i32'], results: [] };
const RUN: Signature = { params: ['i32', 'i32'], results: ['i32'] };
const HANDLER: Signature = { params: ['i32', 'i32'], results: ['i32'] };
const PREPARE: Signature = { params: ['i32', 'i32'], results: [] };
const DECODER: Signature = { params: ['i32', 'i32'], results: [] };

export interface InterpreterImage {
  readonly module: Uint8Array<ArrayBuffer>;
  /** Names of the handlers by number, for profiles. */
  readonly handlers: readonly string[];
}

/** `isHot` names the variants whose handlers are inlined in the loop; `data` is copied into memory with the decode tables. */
export function generateInterpreter(rows: readonly Row[], isHot: (variant: Variant) => boolean, data: readonly { readonly at: number; readonly bytes: Uint8Array }[] = []): InterpreterImage {
  const ordered = inOrderOfDecoding(rows.flatMap(variantsOf));
  const numbered = [...ordered.filter(isHot), ...ordered.filter(v => !isHot(v))];
  const numberOf = new Map(numbered.map((v, i) => [v, i + FIRST]));
  const hotCount = ordered.filter(isHot).length;

  const module = new WasmModule({ initial: L.RAM_BASE / 65536, maximum: 65536 });
  const core = importCore(module);
  const hot: Callee = { index: module.import('translator', 'hot', HOT), signature: HOT };
  const regions = module.importTable('translator', 'regions');
  const decode = module.declare();
  const total = FIRST + numbered.length;
  const table: (number | undefined)[] = new Array<undefined>(2 * total).fill(undefined);
  const prepares = numbered.map((variant, i) => (record: RecordLayout) => {
    const index = module.declare();
    module.define(index, prepareFunction(variant, i + FIRST, record));
    table[total + i + FIRST] = index;
  });

  const around: Surroundings = { core, hot, decode: { index: decode, signature: DECODER }, handlerType: module.typeIndex(HANDLER), regionType: module.typeIndex(REGION), regions };
  for (const name of ['run', 'runShared'] as const) {
    const index = module.declare();
    module.define(index, runFunction(name, around, numbered.slice(0, hotCount), name === 'run' ? prepares : []));
    module.export(name, index);
  }
  numbered.slice(hotCount).forEach((variant, i) => {
    const index = module.declare(), record = new RecordLayout(variant);
    module.define(index, coldHandler(variant, core, record));
    table[FIRST + hotCount + i] = index;
    prepares[hotCount + i]?.(record);
  });
  module.define(decode, decodeFunction(module.typeIndex(PREPARE), total));
  module.table(table);
  for (const { at, bytes } of [...decodeTables(ordered, numberOf), ...data]) module.data(at, bytes);
  return { module: module.encode(), handlers: ['decode', 'next page', 'UNDEFINED', ...numbered.map(nameOf)] };
}

const nameOf = (v: Variant) => `${v.row.name} ${Object.entries(v.fixed).map(([k, n]) => `${k}=${n}`).join(' ')}`.trim();

function importCore(module: WasmModule): Record<CoreFunction, Callee> {
  return Object.fromEntries(Object.entries(CORE_FUNCTIONS).map(([name, signature]) => [name, { index: module.import('core', name, signature), signature }])) as Record<CoreFunction, Callee>;
}

// ---- records

/** Which operand lies where in a variant's records; filled in as the handler asks for operands. */
class RecordLayout {
  readonly variant: Variant;
  readonly slots: { readonly offset: number; readonly value: (word: Val) => Val }[] = [];
  private readonly wide: string | undefined;
  private readonly placed = new Map<string, number>();

  constructor(variant: Variant) {
    this.variant = variant;
    const pre = this.preValues(Val.local(0, 'i32'));
    this.wide = Object.keys(pre).find(name => pre[name]?.type === 'i64');
  }

  /** The operands that the body sees, read from the record at `ip`. */
  operands(ip: Val): Record<string, unknown> {
    const { row, fixed } = this.variant, operands: Record<string, unknown> = { ...fixed };
    const define = (name: string, get: () => unknown) => Object.defineProperty(operands, name, { get, enumerable: true });
    for (const field of row.fields) if (!(field.name in fixed)) define(field.name, () => this.field(field, ip));
    for (const name of Object.keys(row.pre?.(this.fieldVals(Val.local(0, 'i32'))) ?? {})) define(name, () => this.preOperand(name, ip));
    return operands;
  }

  /** What goes into the immediate: the one wide value, or the instruction word. */
  immediate(word: Val): Val { return (this.wide === undefined ? word : this.preValues(word)[this.wide] ?? word).zext(); }

  preValues(word: Val): Record<string, Val> { return this.variant.row.pre?.(this.fieldVals(word)) ?? {}; }

  fieldVals(word: Val): Record<string, Val> {
    const entries = this.variant.row.fields.map(f => [f.name, this.variant.fixed[f.name] === undefined ? bitsOf(word, f) : Val.i32(this.variant.fixed[f.name] ?? 0)]);
    return Object.fromEntries(entries) as Record<string, Val>;
  }

  private field(field: FieldSpec, ip: Val): Reg | Val {
    if (field.register === undefined) {
      return this.wide === undefined ? bitsOf(loadFrom('i32', ip, 8), field) : this.slot(field.name, ip, word => bitsOf(word, field));
    }
    const offset = this.slot(field.name, ip, word => registerOffset(field, bitsOf(word, field)));
    return { offset, guardZero: field.register === 'x' && field.zero === 'zero' };
  }

  private preOperand(name: string, ip: Val): Val {
    if (name === this.wide) return loadFrom('i64', ip, 8);
    return this.slot(name, ip, word => this.preValues(word)[name] ?? Val.i32(0));
  }

  private slot(name: string, ip: Val, value: (word: Val) => Val): Val {
    let offset = this.placed.get(name);
    if (offset === undefined) {
      const free = this.wide === undefined ? SLOT_OFFSETS : SLOT_OFFSETS.slice(0, 3);
      offset = free[this.slots.length];
      if (offset === undefined) throw new Error(`${this.variant.row.name}: no room for '${name}' in the record`);
      this.placed.set(name, offset);
      this.slots.push({ offset, value });
    }
    return loadFrom('i32', ip, offset, 2);
  }
}

const bitsOf = (word: Val, field: FieldSpec) => word.shrU(field.shift).and(2 ** field.width - 1);

function registerOffset(field: FieldSpec, number: Val): Val {
  if (field.register === 'v') return number.shl(4).add(L.V);
  const special = { zero: L.XZR, sp: L.SP, dump: L.DUMP }[field.zero];
  return special === L.XZR ? number.shl(3) : number.eq(31).select(special, number.shl(3));
}

function prepareFunction(variant: Variant, handler: number, record: RecordLayout): FunctionBody {
  const code = new Code(PREPARE), ip = code.param(0), word = code.param(1);
  const undef = variant.row.undef?.(record.fieldVals(word));
  if (undef !== undefined) code.if(undef, () => { code.store(ip, Val.i32(L.HANDLER_UNDEFINED), 0, 2); code.return(); });
  code.store(ip, record.immediate(word), 8);
  for (const { offset, value } of record.slots) code.store(ip, value(word), offset, 2);
  // Last, and in order, as other threads may be looking.
  code.storeOrdered(ip, Val.i32(handler), 2);
  return code.finish();
}

// ---- handlers

abstract class RecordEmitter extends Emitter {
  protected readonly ip: Val;
  constructor(code: Code, core: Record<CoreFunction, Callee>, ip: Val) {
    super(code, code.param(0), core);
    this.ip = ip;
  }
}

/** A handler that is a function: PC was stored before the call; the result says whether to go on at PC. */
class ColdEmitter extends RecordEmitter {
  pc() { return this.get('i64', L.PC); }
  savePc() { /* the loop did */ }
  leave() { this.code.return(Val.i32(1)); }
  branchTo(target: Val) { this.put(L.PC, target); this.leave(); }
  branchBy(delta: Val) { this.branchTo(this.pc().add(delta)); }
  protected tlb() { return this.get('i32', L.TLB); }
}

interface LoopState { readonly ip: number; readonly slot: number; readonly page: number; readonly tlb: number; readonly counts: number; readonly outer: Label; readonly taken: Label }

/** A handler that is a case of the loop. */
class HotEmitter extends RecordEmitter {
  private readonly state: LoopState;
  constructor(code: Code, core: Record<CoreFunction, Callee>, state: LoopState) {
    super(code, core, Val.local(state.ip, 'i32'));
    this.state = state;
  }
  pc() { return pcOf(this.state); }
  savePc() { this.put(L.PC, this.pc()); }
  leave() { this.code.br(this.state.outer); }
  protected tlb() { return Val.local(this.state.tlb, 'i32'); }

  branchTo(target: Val) {
    const to = this.let(target);
    this.if(to.xor(Val.local(this.state.page, 'i64')).ltU(4096n).and(to.wrap().and(3).eqz()), () => {
      this.code.set(this.state.ip, Val.local(this.state.slot, 'i32').add(to.wrap().and(0xffc).shl(2)));
      this.code.br(this.state.taken);
    });
    this.put(L.PC, to);
    this.leave();
  }

  /** Where calls return to is not counted: it becomes a part of the caller's region. */
  override returnTo(target: Val) {
    this.code.set(this.state.counts, Val.i32(0));
    this.branchTo(target);
  }

  branchBy(delta: Val) {
    const bytes = this.let(delta.wrap()), to = this.let(this.ip.add(bytes.shl(2)));
    this.if(to.sub(Val.local(this.state.slot, 'i32')).ltU(L.SLOT_SENTINEL), () => {
      this.code.set(this.state.ip, to);
      this.code.br(this.state.taken);
    });
    this.put(L.PC, this.pc().add(bytes.sext()));
    this.leave();
  }

}

const pcOf = (state: LoopState) => Val.local(state.page, 'i64').add(Val.local(state.ip, 'i32').sub(Val.local(state.slot, 'i32')).shrU(2).zext());

function emitBody(emitter: RecordEmitter, variant: Variant, record: RecordLayout, ip: Val): void {
  if (variant.row.fields.some(f => f.register === 'v')) emitter.if(emitter.get('i32', L.FP_TRAP), () => emitter.runAndLeave('fpTrap'));
  variant.row.body(emitter, record.operands(ip) as never);
}

function coldHandler(variant: Variant, core: Record<CoreFunction, Callee>, record: RecordLayout): FunctionBody {
  const code = new Code(HANDLER), ip = code.param(1);
  emitBody(new ColdEmitter(code, core, ip), variant, record, ip);
  code.return(Val.i32(0));
  return code.finish();
}

// ---- the loop

type Prepare = (record: RecordLayout) => void;

interface Surroundings {
  readonly core: Record<CoreFunction, Callee>;
  readonly hot: Callee;
  readonly decode: Callee;
  readonly handlerType: number;
  readonly regionType: number;
  /** The table of translated regions. */
  readonly regions: number;
}

/** Three loops: `outer` finds the page of PC, `taken` follows a branch within it, `next` dispatches one record. */
function runFunction(kind: LoopKind, around: Surroundings, hot: readonly Variant[], prepares: readonly Prepare[]): FunctionBody {
  const { core } = around, code = new Code(RUN), cpu = code.param(0), budget = code.param(1);
  const locals = { ip: code.local('i32'), slot: code.local('i32'), page: code.local('i64'), tlb: code.local('i32'), counts: code.local('i32') };
  const ip = Val.local(locals.ip, 'i32'), slot = Val.local(locals.slot, 'i32');
  code.loop(outer => {
    code.scratch(() => enter(code, kind, core, locals, outer));
    code.loop(taken => {
      const state: LoopState = { ...locals, outer, taken };
      code.scratch(() => arrive(code, kind, around, state));
      code.loop(next => {
        const advance = () => { code.set(locals.ip, ip.add(L.RECORD_BYTES)); code.br(next); };
        const emitCase = (at: number) => {
          if (at >= FIRST) {
            const variant = hot[at - FIRST] as Variant, record = new RecordLayout(variant);
            code.scratch(() => emitBody(new HotEmitter(code, core, state), variant, record, ip));
            advance();
            prepares[at - FIRST]?.(record);
            return;
          }
          if (at === L.HANDLER_UNDEFINED) { new HotEmitter(code, core, state).undefined(); return; }
          code.set(1, budget.add(1));
          if (at === L.HANDLER_DECODE) {
            code.call(around.decode, ip, loadFrom('i32', loadFrom('i32', slot, L.SLOT_HOST).add(ip.sub(slot).shrU(2))));
            code.br(next);
          } else {
            code.store(cpu, pcOf(state), L.PC);
            code.br(outer);
          }
        };
        const nest = (at: number, labels: readonly Label[], cold: Label): void => {
          if (at < 0) {
            code.set(1, budget.sub(1));
            code.brTable(loadFrom('i32', ip, 0, 2), [...labels].reverse(), cold);
            return;
          }
          code.block(label => nest(at - 1, [...labels, label], cold));
          emitCase(at);
        };
        code.block(cold => nest(FIRST + hot.length - 1, [], cold));
        code.store(cpu, pcOf(state), L.PC);
        code.callIndirect(around.handlerType, loadFrom('i32', ip, 0, 2), [cpu, ip], OWN_TABLE);
        code.scratch(() => code.brIf(outer, code.pop('i32')));
        advance();
      });
    });
  });
  code.return(Val.i32(0));
  return code.finish();
}

/** At the target of a taken branch: looks at the budget, goes on in the region that begins here, or counts how often this place is reached. */
function arrive(code: Code, kind: LoopKind, around: Surroundings, state: LoopState): void {
  const cpu = code.param(0), budget = code.param(1), ip = Val.local(state.ip, 'i32'), slot = Val.local(state.slot, 'i32');
  code.if(isOver(code, kind), () => { code.store(cpu, pcOf(state), L.PC); code.br(state.outer); });
  const place = code.let(slot.add(ip.sub(slot).shrU(2))), counts = code.let(Val.local(state.counts, 'i32'));
  code.set(state.counts, Val.i32(1));
  const entry = code.let(loadFrom('i32', place, L.SLOT_ENTRIES));
  code.if(entry.ltS(0), () => {
    code.if(budget.gtS(L.REGION_BUDGET), () => {
      const before = code.let(budget);
      code.callIndirect(around.regionType, entry.xor(L.ENTRY_TRANSLATED), [cpu, budget, Val.local(state.page, 'i64'), Val.i32(L.REGION_DEPTH)], around.regions);
      code.setPopped(1);
      // A region that did nothing wants its first instruction interpreted.
      code.brIf(state.outer, budget.ne(before));
    });
  }, () => code.if(entry.ltS(L.HOT_COUNT).and(counts), () => {
    code.store(place, entry.add(1), L.SLOT_ENTRIES);
    code.if(entry.eq(L.HOT_COUNT - 1), () => code.call(around.hot, cpu, ip));
  }));
}

/** Whether the turn is to end here. */
function isOver(code: Code, kind: LoopKind): Val {
  const spent = code.param(1).leS(0);
  return kind === 'runShared' ? spent.or(loadFrom('i32', code.param(0), L.ATTENTION)) : spent;
}

/** Finds the decoded page of PC, after looking whether to return. */
function enter(code: Code, kind: LoopKind, core: Record<CoreFunction, Callee>, locals: { ip: number; slot: number; page: number; tlb: number }, outer: Label): void {
  const cpu = code.param(0), budget = code.param(1), get = (offset: number) => loadFrom('i32', cpu, offset);
  const leave = (reason: Val) => {
    code.store(cpu, budget, L.BUDGET);
    code.store(cpu, Val.i32(L.EXIT_NONE), L.EXIT);
    code.return(reason);
  };
  code.store(cpu, Val.i32(0), L.FAULT);
  code.store(cpu, Val.i32(0), L.UNWIND);
  code.if(get(L.EXIT), () => leave(code.let(get(L.EXIT))));
  code.if(isOver(code, kind), () => leave(Val.i32(L.EXIT_BUDGET)));
  const pc = code.let(loadFrom('i64', cpu, L.PC));
  const entry = code.let(codeEntryOf(cpu, pc));
  code.if(loadFrom('i64', entry).eq(pc.and(~0xffcn)), () => code.set(locals.slot, loadFrom('i32', entry, 8)), () => {
    // An exception counts, so that vectors that cannot be fetched use up the budget.
    code.if(code.callFor(core.fetch, cpu).eqz(), () => { code.set(1, budget.sub(1)); code.br(outer); });
    code.set(locals.slot, get(L.SLOT));
  });
  code.set(locals.page, pc.and(~0xfffn));
  code.set(locals.ip, Val.local(locals.slot, 'i32').add(pc.wrap().and(0xffc).shl(2)));
  code.set(locals.tlb, get(L.TLB));
}

// ---- decoding

function decodeFunction(prepareType: number, total: number): FunctionBody {
  const code = new Code(DECODER), ip = code.param(0), word = code.param(1);
  const bucket = code.let(word.shrU(21).shl(2));
  const entry = code.local('i32'), count = code.local('i32');
  code.set(entry, loadFrom('i32', bucket, L.DECODE_INDEX, 2).shl(4));
  code.set(count, loadFrom('i32', bucket, L.DECODE_INDEX + 2, 2));
  const at = Val.local(entry, 'i32'), left = Val.local(count, 'i32');
  code.block(none => code.loop(again => {
    code.brIf(none, left.eqz());
    code.if(word.and(loadFrom('i32', at, L.DECODE_ENTRIES)).eq(loadFrom('i32', at, L.DECODE_ENTRIES + 4)), () => {
      code.callIndirect(prepareType, loadFrom('i32', at, L.DECODE_ENTRIES + 8).add(total), [ip, word], OWN_TABLE);
      code.return();
    });
    code.set(entry, at.add(16));
    code.set(count, left.sub(1));
    code.br(again);
  }));
  code.store(ip, Val.i32(L.HANDLER_UNDEFINED), 0, 2);
  return code.finish();
}

function decodeTables(ordered: readonly Variant[], numberOf: ReadonlyMap<Variant, number>) {
  const decodeIndex = new Uint16Array(2048 * 2), entries: number[] = [], lists = new Map<string, number>();
  for (let high = 0; high < 2048; high++) {
    const word = (high << 21) >>> 0;
    const list = ordered.filter(v => ((word ^ v.bits) & v.mask & 0xffe00000) === 0);
    const key = list.map(v => numberOf.get(v)).join();
    let first = lists.get(key);
    if (first === undefined) {
      first = entries.length / 4;
      lists.set(key, first);
      for (const v of list) entries.push(v.mask, v.bits, numberOf.get(v) ?? L.HANDLER_UNDEFINED, 0);
    }
    decodeIndex.set([first, list.length], high * 2);
  }
  if (entries.length * 4 > L.SYSREG_INDEX - L.DECODE_ENTRIES || entries.length / 4 > 0xffff) throw new Error('the decode table is too large for its place');
  return [{ at: L.DECODE_INDEX, bytes: new Uint8Array(decodeIndex.buffer) }, { at: L.DECODE_ENTRIES, bytes: new Uint8Array(Uint32Array.from(entries).buffer) }];
}

