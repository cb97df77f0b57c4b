/**
 * Translates a region, hot code within one page, to one WebAssembly function: structured control flow, general
 * registers and flags in locals. Its state goes back to the CPU's block at its exits; before anything that may take an
 * exception the stack pointer, the flags and PC do, as exception entry needs them.
 */
import * as L from '../layout.ts';
import { Code, type Callee, type Label } from './code.ts';
import { dominates, endsBlock, type Block, type Instruction } from './control-flow.ts';
import type { CoreFunction } from './core-functions.ts';
import { Emitter, fromNzcv, fromOperands } from './emitter.ts';
import { knownFields, type FieldSpec, type Reg } from './insn.ts';
import { Val, loadFrom } from './value.ts';
import type { FunctionBody, Signature, WasmType } from './wasm-module.ts';

/** A region takes CPU, budget and the page's virtual address, and gives what is left of the budget. */
export const REGION: Signature = { params: ['i32', 'i32', 'i64'], results: ['i32'] };
const BUDGET = 1, PAGE = 2;
const SP_INDEX = L.SP / 8;
const USES_FLAGS = /^(ADDS|SUBS|ANDS|BICS|ADCS?|SBCS?|CCM|CS|B\.cond|FC)/;

interface FlagLocals { readonly a: number; readonly b: number; readonly kind: number; readonly nzcv: number }

export function translateRegion(blocks: readonly Block[], core: Readonly<Record<CoreFunction, Callee>>): FunctionBody {
  const code = new Code(REGION), region = new RegionEmitter(code, core, blocks);
  region.emitAll();
  return code.finish();
}

/** What emission knows of the place it is at. */
interface Place { readonly block: Block; readonly offset: number; readonly left: number; readonly flags: number | undefined; readonly fpChecked: boolean }

class RegionEmitter extends Emitter {
  private readonly blocks: ReadonlyMap<number, Block>;
  private readonly first: Block;
  private readonly locals: (number | undefined)[] = [];
  private readonly written = new Set<number>();
  private readonly flagLocals: FlagLocals | undefined;
  private readonly tlbLocal: number;
  private readonly labels = new Map<Block, Label>();
  private exit: Label = { depth: 0 };
  private faulted: Label = { depth: 0 };
  private place: Place;

  constructor(code: Code, core: Readonly<Record<CoreFunction, Callee>>, blocks: readonly Block[]) {
    super(code, code.param(0), core);
    this.blocks = new Map(blocks.map(b => [b.start, b]));
    this.first = blocks[0] as Block;
    this.place = { block: this.first, offset: this.first.start, left: 0, flags: undefined, fpChecked: false };
    const instructions = blocks.flatMap(b => b.instructions);
    for (const instruction of instructions) for (const n of registersOf(instruction)) this.locals[n] ??= code.local('i64');
    const usesFlags = instructions.some(i => USES_FLAGS.test(i.variant.row.name));
    this.flagLocals = usesFlags ? { a: code.local('i64'), b: code.local('i64'), kind: code.local('i32'), nzcv: code.local('i32') } : undefined;
    this.tlbLocal = code.local('i32');
  }

  emitAll(): void {
    this.enter();
    this.code.block(faulted => {
      this.faulted = faulted;
      this.code.block(exit => {
        this.exit = exit;
        this.tree(this.first);
      });
      this.spill(true);
      this.code.return(this.code.param(BUDGET));
    });
    this.spill(false);
    this.code.return(this.code.param(BUDGET));
  }

  private enter(): void {
    this.locals.forEach((local, n) => { if (local !== undefined) this.code.set(local, loadFrom('i64', this.cpu, 8 * n)); });
    this.code.set(this.tlbLocal, this.get('i32', L.TLB));
    if (this.flagLocals === undefined) return;
    this.code.set(this.flagLocals.a, this.get('i64', L.FLAG_A));
    this.code.set(this.flagLocals.b, this.get('i64', L.FLAG_B));
    this.code.set(this.flagLocals.kind, this.get('i32', L.FLAG_KIND));
    this.code.set(this.flagLocals.nzcv, this.get('i32', L.NZCV));
  }

  /** After a fault the stack pointer in the block is the one of the exception. */
  private spill(withSp: boolean): void {
    for (const n of this.written) if (n !== SP_INDEX || withSp) this.code.store(this.cpu, Val.local(this.locals[n] as number, 'i64'), 8 * n);
    if (withSp) this.spillFlags();
  }

  private spillFlags(): void {
    if (this.flagLocals === undefined) return;
    this.put(L.FLAG_A, Val.local(this.flagLocals.a, 'i64'));
    this.put(L.FLAG_B, Val.local(this.flagLocals.b, 'i64'));
    this.put(L.FLAG_KIND, Val.local(this.flagLocals.kind, 'i32'));
    this.put(L.NZCV, Val.local(this.flagLocals.nzcv, 'i32'));
  }

  // ---- structure

  /** A block and all that it dominates. */
  private tree(block: Block): void {
    const merges = block.dominated.filter(b => b.forwardEntries > 1).sort((a, b) => b.order - a.order);
    const before = this.place, known = block.isLoop || block.forwardEntries > 1 ? undefined : before.flags;
    const start = { block, offset: block.start, left: block.instructions.length, flags: known, fpChecked: known !== undefined && before.fpChecked };
    const body = () => { this.place = start; this.within(block, merges); };
    if (block.isLoop) this.code.loop(label => { this.labels.set(block, label); body(); });
    else body();
    this.place = before;
  }

  private within(block: Block, merges: readonly Block[]): void {
    const [last, ...others] = merges;
    if (last === undefined) { this.contents(block); return; }
    const start = this.place;
    this.code.block(label => { this.labels.set(last, label); this.within(block, others); });
    this.place = { ...start, flags: undefined };
    this.tree(last);
  }

  private contents(block: Block): void {
    this.code.set(BUDGET, this.code.param(BUDGET).sub(block.instructions.length));
    block.instructions.forEach((instruction, n) => {
      this.place = { ...this.place, block, offset: instruction.offset, left: block.instructions.length - 1 - n };
      this.code.scratch(() => this.instruction(instruction));
    });
    const last = block.instructions.at(-1) as Instruction, { name } = last.variant.row;
    if (!endsBlock(name) || /^(B\.cond|CBN?Z|TBN?Z)$/.test(name)) this.jump(last.offset + 4);
  }

  private instruction({ word, variant }: Instruction): void {
    if (!this.place.fpChecked && variant.row.fields.some(f => f.register === 'v')) {
      this.if(this.get('i32', L.FP_TRAP), () => this.runAndLeave('fpTrap'));
      this.place = { ...this.place, fpChecked: true };
    }
    const fields = knownFields(variant.row, word), operands: Record<string, unknown> = { ...fields, ...variant.fixed, ...variant.row.pre?.(fields) };
    for (const f of variant.row.fields) if (f.register !== undefined && !(f.name in variant.fixed)) operands[f.name] = knownRegister(f, fields[f.name]?.number ?? 0);
    variant.row.body(this, operands as never);
  }

  /** Goes on at an offset of the page, within the region or outside. */
  private jump(offset: number): void {
    const to = this.blocks.get(offset), from = this.place.block;
    if (to === undefined || (to.order <= from.order && !dominates(to, from))) { this.leaveFor(this.address(offset)); return; }
    if (to.order <= from.order) {
      this.if(this.code.param(BUDGET).leS(0), () => this.leaveFor(this.address(offset)));
      this.code.br(this.labels.get(to) as Label);
    } else if (to.forwardEntries > 1) {
      this.code.br(this.labels.get(to) as Label);
    } else {
      this.tree(to);
    }
  }

  private leaveFor(pc: Val): void {
    this.put(L.PC, pc);
    this.code.br(this.exit);
  }

  private address(offset: number): Val { return this.code.param(PAGE).add(BigInt(offset)); }

  // ---- what bodies ask for

  pc(): Val { return this.address(this.place.offset); }

  savePc(): void {
    this.put(L.PC, this.pc());
    const sp = this.locals[SP_INDEX];
    if (sp !== undefined) this.put(L.SP, Val.local(sp, 'i64'));
    this.spillFlags();
  }

  leave(): void { this.fault(); }

  /** Takes back the instructions of the block that were counted and not run. */
  protected override fault(): void {
    if (this.place.left > 0) this.code.set(BUDGET, this.code.param(BUDGET).add(this.place.left));
    this.code.br(this.faulted);
  }

  branchTo(target: Val): void { this.leaveFor(target); }

  branchBy(delta: Val): void {
    const { block, offset } = this.place, target = offset + (delta.number ?? 0);
    if (block.instructions.at(-1)?.variant.row.name === 'BL') this.leaveFor(this.address(target));
    else this.jump(target);
  }

  protected tlb(): Val { return Val.local(this.tlbLocal, 'i32'); }

  protected override register(type: WasmType, reg: Reg, offset: number, size?: number, signed?: boolean): Val {
    const at = reg.offset.number;
    const local = at === undefined ? undefined : this.locals[at / 8];
    if (local === undefined || at === L.XZR || at === undefined || at >= L.V) return super.register(type, reg, offset, size, signed);
    const value = Val.local(local, 'i64');
    return type === 'i32' ? value.wrap() : value;
  }

  protected override storeRegister(reg: Reg, value: Val, offset: number, size?: number): void {
    const at = reg.offset.number;
    const local = at === undefined || at >= L.V ? undefined : this.locals[at / 8];
    if (local === undefined || at === undefined) { super.storeRegister(reg, value, offset, size); return; }
    this.written.add(at / 8);
    this.code.set(local, value);
  }

  // ---- flags

  private get flags(): FlagLocals {
    if (this.flagLocals === undefined) throw new Error(`${this.place.block.start.toString(16)}: flags without locals for them`);
    return this.flagLocals;
  }

  protected override lazyFlags(kind: number, a: Val, b: Val): void {
    const high = (v: Val) => (v.type === 'i32' ? v.zext().shl(32) : v), left = this.let(high(a));
    this.code.set(this.flags.b, high(b));
    this.code.set(this.flags.a, left);
    this.code.set(this.flags.kind, Val.i32(kind));
    this.place = { ...this.place, flags: kind };
  }

  override setNzcv(nzcv: Val): void {
    this.code.set(this.flags.nzcv, nzcv);
    this.code.set(this.flags.kind, Val.i32(L.FLAGS_NZCV));
    this.place = { ...this.place, flags: L.FLAGS_NZCV };
  }

  private get kind(): Val { return this.place.flags === undefined ? Val.local(this.flags.kind, 'i32') : Val.i32(this.place.flags); }

  override nzcv(): Val {
    return this.choose('i32', this.kind.eqz(), () => Val.local(this.flags.nzcv, 'i32'), () => { this.spillFlags(); return this.call('nzcv'); });
  }

  override carry(): Val {
    const a = Val.local(this.flags.a, 'i64'), b = Val.local(this.flags.b, 'i64');
    return this.choose('i32', this.kind.eqz(), () => Val.local(this.flags.nzcv, 'i32').shrU(1).and(1), () => a.geU(b).and(this.kind.eq(L.FLAGS_SUB)));
  }

  override condition(cond: number): Val {
    if (cond >= 14) return Val.i32(1);
    const a = Val.local(this.flags.a, 'i64'), b = Val.local(this.flags.b, 'i64');
    const holds = this.choose('i32', this.kind.eqz(), () => fromNzcv(cond >> 1, Val.local(this.flags.nzcv, 'i32')), () => fromOperands(cond >> 1, a, b, this.kind.eq(L.FLAGS_SUB)));
    return (cond & 1) !== 0 ? holds.eqz() : holds;
  }

  /** Both ways of a conditional may set other flags, so afterwards their kind is not known. */
  override if(condition: Val, then: () => void, otherwise?: () => void): void {
    const before = this.place;
    let changed = false;
    const arm = (body: () => void) => () => {
      this.place = before;
      body();
      changed ||= this.place.flags !== before.flags;
      this.place = before;
    };
    super.if(condition, arm(then), otherwise && arm(otherwise));
    if (changed) this.place = { ...before, flags: undefined };
  }
}

function registersOf({ word, variant }: Instruction): number[] {
  const { row } = variant, found: number[] = [];
  for (const f of row.fields) {
    if (f.register !== 'x') continue;
    const n = (word >>> f.shift) & 31;
    if (n < 31) found.push(n);
    else if (f.zero === 'sp') found.push(SP_INDEX);
    if (row.name.startsWith('CASP') && n < 30) found.push(n + 1);
  }
  return row.name === 'BL' || row.name === 'BLR' ? [...found, 30] : found;
}

function knownRegister(field: FieldSpec, number: number): Reg {
  if (field.register === 'v') return { offset: Val.i32(L.V + 16 * number), guardZero: false };
  const special = { zero: L.XZR, sp: L.SP, dump: L.DUMP }[field.zero];
  return { offset: Val.i32(number === 31 ? special : 8 * number), guardZero: false };
}

