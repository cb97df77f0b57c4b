/**
 * Translates a region, hot code within one page, to one WebAssembly function: structured control flow, registers and
 * flags in locals. What may have changed is stored in the CPU's block wherever control leaves the function: at calls,
 * at other branches out of the region, at exceptions.
 *
 * A call of the guest is a call of the function that its target was translated to, and a return is a return; the
 * caller goes on if PC is where it expects it, and otherwise returns as well, down to the interpreter if need be.
 * Other branches are tail calls. All look their target up as the interpreter would (`chainFunction`), so that
 * nothing has to be undone when code or translations change.
 */
import { SYSTEM_REGISTERS, type SystemRegister } from '../a64/system-registers.ts';
import * as L from '../layout.ts';
import * as K from '../sysreg-slots.ts';
import { baseOf, findGroups, type AccessGroup } from './access-groups.ts';
import { Code, type Callee, type Label } from './code.ts';
import { dominates, lastOf, PAGE_BYTES, type Block, type Instruction } from './control-flow.ts';
import type { CoreFunction } from './core-functions.ts';
import { analyseFlow, union, type Flow } from './data-flow.ts';
import { Emitter, fromNzcv, fromOperands, type AccessBytes, type AccessOptions, type Right } from './emitter.ts';
import type { Reg } from './insn.ts';
import { blockOffset, generalIndex, isVector, noRegisters, operandsOf, SP_BIT, type RegisterSet, type Template } from './instruction.ts';
import * as simd from './simd.ts';
import { addressHere, groupAddend, instructionsLeft, lasting, Operand, OperandNeeded, SymbolicCode } from './symbolic-code.ts';
import { Val, loadFrom, type Arg } from './value.ts';
import type { FunctionBody, Signature, WasmType } from './wasm-module.ts';

/** A region takes CPU, budget, the page's virtual address and how many calls may be nested in it; it gives what is left of the budget. */
export const REGION: Signature = { params: ['i32', 'i32', 'i64', 'i32'], results: ['i32'] };
/** Takes CPU, budget, the address to go on at, and the depth, like a region. */
export const CHAIN: Signature = REGION;
const BUDGET = 1, PAGE = 2, DEPTH = 3;

/** What regions of a module share. */
export interface Surroundings {
  readonly core: Readonly<Record<CoreFunction, Callee>>;
  readonly chain: Callee;
  readonly regionType: number;
  /** The table of all regions. */
  readonly regions: number;
  /** The region of this module that begins at an offset of a decoded page: its function, and its number if it is the current one. */
  readonly inModule: (slot: number, offset: number) => { readonly callee: Callee; readonly number: Val } | undefined;
}

/** The entry of the instruction TLB that an address would have. */
export const codeEntryOf = (cpu: Val, pc: Val): Val => loadFrom('i32', cpu, L.ITLB).add(pc.shrU(12).wrap().and(L.ITLB_ENTRIES - 1).mul(L.ITLB_ENTRY_BYTES));

/** Goes on at an address: in the region that begins there, or by returning to the interpreter. */
export function chainFunction({ regionType, regions }: Pick<Surroundings, 'regionType' | 'regions'>): FunctionBody {
  const code = new Code(CHAIN), cpu = code.param(0), budget = code.param(1), pc = code.param(2);
  code.if(budget.gtS(L.REGION_BUDGET), () => {
    const entry = code.let(codeEntryOf(cpu, pc));
    code.if(loadFrom('i64', entry).eq(pc.and(~0xffcn)), () => {
      const place = code.let(loadFrom('i32', loadFrom('i32', entry, 8).add(pc.wrap().and(0xffc)), L.SLOT_ENTRIES));
      code.if(place.ltS(0), () => code.returnCallIndirect(regionType, place.xor(L.ENTRY_TRANSLATED), [cpu, budget, pc.and(~0xfffn), code.param(DEPTH)], regions));
    });
  });
  code.store(cpu, pc, L.PC);
  code.return(budget);
  return code.finish();
}

/** `slot` is the decoded page that the blocks are in. */
export function translateRegion(blocks: readonly Block[], slot: number, around: Surroundings): FunctionBody {
  const code = new SymbolicCode(REGION, LOCALS);
  new RegionEmitter(code, around, blocks, slot).emitAll();
  return code.finish();
}

const GENERAL = Array.from({ length: 32 }, (_, bit) => bit);
// The lasting locals: X0 to X30 with SP, V0 to V31, the flags, the TLB, and for groups off each base register their page's distance to linear memory.
const LOCALS: readonly WasmType[] = [...GENERAL.map(() => 'i64' as const), ...GENERAL.map(() => 'v128' as const), 'i64', 'i64', 'i32', 'i32', 'i32', ...GENERAL.map(() => 'i32' as const)];
const generalLocal = (bit: number) => lasting(bit), vectorLocal = (n: number) => lasting(32 + n);
const FLAG_LOCALS = { a: lasting(64), b: lasting(65), kind: lasting(66), nzcv: lasting(67) }, TLB_LOCAL = lasting(68), addendLocal = (base: number) => lasting(69 + base);
const general = GENERAL.map(bit => Val.local(generalLocal(bit), 'i64')), vectors = GENERAL.map(n => Val.local(vectorLocal(n), 'v128'));

/** What emission knows of the place it is at. */
interface Place {
  readonly block: Block;
  readonly offset: number;
  /** FLAGS_* when it is known. */
  readonly flags: number | undefined;
  /** Whether FP_TRAP was looked at. */
  readonly fpChecked: boolean;
  readonly dirty: RegisterSet;
  /** The instruction's access is one of a group that was looked up. */
  readonly inGroup: boolean;
}

class RegionEmitter extends Emitter {
  private readonly around: Surroundings;
  private readonly blocks: ReadonlyMap<number, Block>;
  private readonly flows: ReadonlyMap<Block, Flow>;
  private readonly first: Block;
  private readonly slot: number;
  private readonly symbolic: SymbolicCode;
  private readonly usesMemory: boolean;
  /** Without calls, nothing can make FP instructions trap once they did not: a block need not look when the one that dominates it did. */
  private readonly hasCalls: boolean;
  private readonly labels = new Map<Block, Label>();
  private faulted: Label = { depth: 0 };
  private place: Place;
  private inTemplate = false;

  constructor(code: SymbolicCode, around: Surroundings, blocks: readonly Block[], slot: number) {
    super(code, code.param(0), around.core);
    this.symbolic = code;
    this.slot = slot;
    this.around = around;
    this.blocks = new Map(blocks.map(b => [b.start, b]));
    this.flows = analyseFlow(blocks);
    this.first = blocks[0] as Block;
    this.hasCalls = blocks.some(b => lastOf(b).ending === 'call');
    this.place = this.placeAt(this.first, undefined);
    this.usesMemory = blocks.some(b => b.instructions.some(i => i.effects.usesMemory));
  }

  emitAll(): void {
    if (this.usesMemory) this.code.set(TLB_LOCAL, this.get('i32', L.TLB));
    this.reload(this.flowOf(this.first).live);
    this.tree(this.first);
    this.code.unreachable();
  }

  private flowOf(block: Block): Flow { return this.flows.get(block) as Flow; }

  private placeAt(block: Block, from: Place | undefined): Place {
    const follows = from !== undefined && !block.isLoop && block.forwardEntries < 2 && lastOf(from.block).ending !== 'call';
    return { block, offset: block.start, flags: follows ? from.flags : undefined, fpChecked: (follows || !this.hasCalls) && (from?.fpChecked ?? false), dirty: this.flowOf(block).dirty, inGroup: false };
  }

  // ---- locals

  private reload(registers: RegisterSet): void {
    for (const bit of GENERAL) {
      if ((registers.x & (1 << bit)) !== 0) this.code.set(generalLocal(bit), this.get('i64', blockOffset(bit)));
      if ((registers.v & (1 << bit)) !== 0) this.code.set(vectorLocal(bit), this.get('v128', L.V + 16 * bit));
    }
    if (!registers.flags) return;
    this.code.set(FLAG_LOCALS.a, this.get('i64', L.FLAG_A));
    this.code.set(FLAG_LOCALS.b, this.get('i64', L.FLAG_B));
    this.code.set(FLAG_LOCALS.kind, this.get('i32', L.FLAG_KIND));
    this.code.set(FLAG_LOCALS.nzcv, this.get('i32', L.NZCV));
  }

  private spill(registers: RegisterSet): void {
    for (const bit of GENERAL) {
      if ((registers.x & (1 << bit)) !== 0) this.put(blockOffset(bit), general[bit] as Val);
      if ((registers.v & (1 << bit)) !== 0) this.put(L.V + 16 * bit, vectors[bit] as Val);
    }
    if (registers.flags) this.spillFlags();
  }

  private spillFlags(): void {
    const { flags: kind } = this.place;
    if (kind !== L.FLAGS_NZCV) {
      this.put(L.FLAG_A, Val.local(FLAG_LOCALS.a, 'i64'));
      this.put(L.FLAG_B, Val.local(FLAG_LOCALS.b, 'i64'));
    }
    this.put(L.FLAG_KIND, this.kind);
    if (kind === undefined || kind === L.FLAGS_NZCV) this.put(L.NZCV, Val.local(FLAG_LOCALS.nzcv, 'i32'));
  }

  private wrote(registers: Partial<RegisterSet>): void { this.place = { ...this.place, dirty: union(this.place.dirty, { ...noRegisters(), ...registers }) }; }

  // ---- structure

  /** A block and all that it dominates. */
  private tree(block: Block): void {
    const merges = block.dominated.filter(b => b.forwardEntries > 1).sort((a, b) => b.order - a.order);
    const before = this.place, start = this.placeAt(block, block === this.first ? undefined : before);
    const body = () => { this.place = start; this.within(block, merges); };
    if (block.isLoop) this.code.loop(label => { this.labels.set(block, label); body(); });
    else body();
    this.place = before;
  }

  private within(block: Block, merges: readonly Block[]): void {
    const [last, ...others] = merges;
    if (last === undefined) { this.contents(block); return; }
    this.code.block(label => { this.labels.set(last, label); this.within(block, others); });
    this.tree(last);
  }

  private contents(block: Block): void {
    const last = lastOf(block), plain = last.ending === 'next' ? block.instructions : block.instructions.slice(0, -1);
    this.code.set(BUDGET, this.budget.sub(block.instructions.length));
    const groups = findGroups(plain);
    this.faultable(block, () => plain.forEach((instruction, n) => {
      const group = groups.at.get(instruction), left = block.instructions.length - 1 - n;
      this.place = { ...this.place, offset: instruction.offset, inGroup: groups.members.has(instruction) };
      if (group !== undefined) this.lookUpGroup(group, left);
      this.emit(instruction, left);
    }));
    if (last.ending !== 'next') this.emit(last, 0);
    if (last.ending === 'next' || last.ending === 'conditional') this.jump(last.offset + 4);
  }

  /** Runs `body`; its exceptions store what is dirty and return. */
  private faultable(block: Block, body: () => void): void {
    if (!block.instructions.some(i => i.effects.faults || i.effects.usesVectors)) { body(); return; }
    this.code.block((done) => {
      this.code.block((faulted) => {
        this.faulted = faulted;
        body();
        this.code.br(done);
      });
      this.spill(this.flowOf(block).faultStores);
      this.code.return(this.budget);
    });
  }

  private emit(instruction: Instruction, left: number): void {
    const { effects } = instruction, { fpChecked } = this.place;
    this.place = { ...this.place, offset: instruction.offset };
    if (instruction.ending !== 'next') { this.code.scratch(() => this.body(instruction, operandsOf(instruction.word, instruction.variant))); return; }
    const { code, flags } = this.templateOf(instruction);
    this.symbolic.append(code, instruction.offset, left, addendLocal(baseOf(instruction.word)), instruction.arguments);
    this.place = { ...this.place, flags, fpChecked: fpChecked || effects.usesVectors, dirty: union(this.place.dirty, effects.writes) };
  }

  /** What the code of an instruction depends on besides its operands, in 6 bits. */
  private knowledge({ effects }: Instruction): number {
    const { dirty, flags, fpChecked, inGroup } = this.place, checks = effects.usesVectors && !fpChecked, faults = effects.faults || checks;
    return (checks ? 1 : 0) | (faults && (dirty.x & (1 << SP_BIT)) !== 0 ? 2 : 0) | (faults && dirty.flags ? 4 : 0) | (flags === undefined ? 0 : (flags + 1) << 3) | (inGroup ? 32 : 0);
  }

  private templateOf(instruction: Instruction): Template {
    const { form, templates } = instruction, knowledge = this.knowledge(instruction);
    if (form !== undefined && !form.isPartial) {
      try {
        return form.templates[knowledge] ??= this.template(instruction, form.operands);
      } catch (error) {
        if (!(error instanceof OperandNeeded)) throw error;
        form.isPartial = true;
      }
    }
    return templates[knowledge] ??= this.template(instruction, operandsOf(instruction.word, instruction.variant));
  }

  private template(instruction: Instruction, operands: object): Template {
    const before = this.place;
    this.inTemplate = true;
    try {
      const code = this.symbolic.capture(() => this.body(instruction, operands));
      return { code, flags: this.place.flags };
    } finally {
      this.inTemplate = false;
      this.place = before;
    }
  }

  private body({ effects, variant }: Instruction, operands: object): void {
    if (effects.usesVectors && !this.place.fpChecked) this.if(this.get('i32', L.FP_TRAP), () => this.runAndLeave('fpTrap'), undefined, false);
    variant.row.body(this, operands as never);
  }

  /** Goes on at an offset of the page, within the region or outside. */
  private jump(offset: number): void {
    const to = this.blocks.get(offset), from = this.place.block;
    if (to === undefined || (to.order <= from.order && !dominates(to, from))) {
      if (offset >= 0 && offset < PAGE_BYTES) this.goToOffset(offset);
      else this.goTo(this.address(offset));
      return;
    }
    if (to.order <= from.order) {
      this.if(this.budget.leS(L.REGION_BUDGET), () => this.stopAt(this.address(offset)), undefined, false);
      this.code.br(this.labels.get(to) as Label);
    } else if (to.forwardEntries > 1) {
      this.code.br(this.labels.get(to) as Label);
    } else {
      this.tree(to);
    }
  }

  private get budget(): Val { return this.code.param(BUDGET); }
  private get depth(): Val { return this.code.param(DEPTH); }
  private address(offset: number): Val { return this.code.param(PAGE).add(BigInt(offset)); }

  // ---- ways out

  private stopAt(pc: Val): void {
    this.put(L.PC, pc);
    this.spill(this.place.dirty);
    this.code.return(this.budget);
  }

  private goTo(pc: Val): void {
    const target = this.let(pc);
    this.spill(this.place.dirty);
    this.code.returnCall(this.around.chain, this.cpu, this.budget, target, this.depth);
  }

  /** Goes on in the same page, outside the region. */
  private goToOffset(offset: number): void {
    this.spill(this.place.dirty);
    this.ifTranslated(offset, region => this.code.returnCallIndirect(this.around.regionType, region, [this.cpu, this.budget, this.code.param(PAGE), this.depth], this.around.regions));
    this.put(L.PC, this.address(offset));
    this.code.return(this.budget);
  }

  /** The entry of an offset in this page. */
  private entryAt(offset: number): Val { return this.let(loadFrom('i32', Val.i32(this.slot + L.SLOT_ENTRIES + offset))); }

  /** The region of an offset in this page, when there is one and it may be entered. */
  private ifTranslated(offset: number, then: (region: Val) => void): void {
    const entry = this.entryAt(offset);
    this.code.unlessAny([entry.geS(0), this.budget.leS(L.REGION_BUDGET)], () => then(entry.xor(L.ENTRY_TRANSLATED)));
  }

  private callAt(pc: Val): void {
    const target = this.let(pc);
    this.callBack(() => this.goTo(target), depth => this.code.assignCall(BUDGET, this.around.chain, this.cpu, this.budget, target, depth));
  }

  private callOffset(offset: number): void {
    this.callBack(() => this.goToOffset(offset), (depth) => {
      const entry = this.entryAt(offset);
      this.code.if(entry.geS(0), () => this.stopAt(this.address(offset)), undefined, false);
      const near = this.around.inModule(this.slot, offset), far = () => {
        this.code.callIndirect(this.around.regionType, entry.xor(L.ENTRY_TRANSLATED), [this.cpu, this.budget, this.code.param(PAGE), depth], this.around.regions);
        this.code.setPopped(BUDGET);
      };
      if (near === undefined) { far(); return; }
      this.code.if(entry.eq(near.number.xor(L.ENTRY_TRANSLATED)), () => this.code.assignCall(BUDGET, near.callee, this.cpu, this.budget, this.code.param(PAGE), depth), far, true);
    });
  }

  /** A call of the guest: what follows it in the region goes on if it came back as calls do. */
  private callBack(goTo: () => void, call: (depth: Val) => void): void {
    const after = this.place.offset + 4, next = this.blocks.get(after);
    if (next === undefined) { goTo(); return; }
    this.spill(this.place.dirty);
    this.place = { ...this.place, dirty: noRegisters() };
    this.code.ifAny([this.depth.eqz(), this.budget.leS(L.REGION_BUDGET)], goTo);
    call(this.depth.sub(1));
    // FAULT and TLB are neighbours: no fault, and the exception level that it was.
    const changed = this.usesMemory ? this.get('i64', L.FAULT).xor(Val.local(TLB_LOCAL, 'i32').zext().shl(32)) : this.get('i32', L.FAULT).zext();
    // One comparison of all costs less than one of each.
    const isElsewhere = this.get('i64', L.PC).xor(this.address(after)).or(changed).or(this.get('i32', L.UNWIND).zext());
    this.code.ifAny([isElsewhere.ne(0n), this.budget.leS(L.REGION_BUDGET)], () => this.code.return(this.budget));
    this.reload(this.flowOf(next).live);
    this.jump(after);
  }

  // ---- what bodies ask for

  pc(): Val { return this.inTemplate ? addressHere(this.code.param(PAGE)) : this.address(this.place.offset); }

  /** Exception entry needs PC, the stack pointer and the flags; the rest is stored when there was an exception. */
  savePc(): void {
    this.put(L.PC, this.pc());
    const { dirty } = this.place;
    this.spill({ x: dirty.x & (1 << SP_BIT), v: 0, flags: dirty.flags });
  }

  leave(): void { this.fault(); }

  /** Takes back the instructions of the block that were counted and not run. */
  protected override fault(): void {
    this.code.set(BUDGET, this.budget.add(instructionsLeft));
    this.code.br(this.faulted);
  }

  branchTo(target: Val): void { this.goTo(target); }
  branchBy(delta: Val): void { this.jump(this.place.offset + (delta.number ?? 0)); }
  override callTo(target: Val): void { this.callAt(target); }
  override callBy(delta: Val): void {
    const offset = this.place.offset + (delta.number ?? 0);
    if (offset >= 0 && offset < PAGE_BYTES) this.callOffset(offset);
    else this.callAt(this.address(offset));
  }
  override returnTo(target: Val): void { this.stopAt(target); }
  override synchronize(): void { this.goTo(this.pc().add(4)); }

  override changeLevel(name: 'supervisorCall' | 'exceptionReturn', ...args: Arg[]): void {
    this.put(L.PC, this.pc());
    this.spill(this.place.dirty);
    this.run(name, ...args);
    this.code.if(this.get('i32', L.EXIT), () => this.code.return(this.budget), undefined, false);
    this.put(L.FAULT, Val.i32(0));
    this.code.returnCall(this.around.chain, this.cpu, this.budget, this.get('i64', L.PC), this.depth);
  }

  protected tlb(): Val { return Val.local(TLB_LOCAL, 'i32'); }

  /** Where the TLB does not have the address, the instruction is interpreted. A call of the core instead would cost each access code, and V8's compiler a tenth of its time. */
  protected override access(right: Right, bytes: number, address: Val, options: AccessOptions, fast: (host: Val) => void): void {
    if (this.place.inGroup) { fast(this.let(address.wrap().add(groupAddend))); return; }
    const { tag, hit, host } = this.lookUp(right, bytes, address, options);
    this.if(hit.eqz(), () => this.interpret([tag]), undefined, false);
    fast(Val.local(host, 'i32'));
  }

  /** One look-up for all accesses of a group, before the first of its instructions. */
  private lookUpGroup({ base, low, bytes, reads, writes }: AccessGroup, left: number): void {
    this.code.scratch(() => {
      const va = this.let((general[base] as Val).add(BigInt(low))), entry = this.let(this.entryOf(this.tlb(), va)), page = this.let(va.add(bytes - 1).and(-4096n));
      const tags = [...(reads ? [L.TLB_READ] : []), ...(writes ? [L.TLB_WRITE] : [])].map(right => this.let(loadFrom('i64', entry, right)));
      this.code.set(addendLocal(base), loadFrom('i32', entry, L.TLB_ADDEND));
      this.if(tags.map(tag => tag.xor(page)).reduce((a, b) => a.or(b)).ne(0n), () => this.interpret(tags, Val.i32(left)), undefined, false);
    });
  }

  /** Leaves so that the interpreter goes on with this instruction, of which nothing was done. */
  private interpret(tags: readonly Val[], left = instructionsLeft): void {
    // V8 would load what is used once a second time, by the comparison itself.
    for (const tag of tags) this.put(L.STAGED, tag);
    this.savePc();
    this.code.set(BUDGET, this.budget.add(left).add(1));
    this.code.br(this.faulted);
  }

  // ---- system registers that are plain storage, when the exception level allows it

  override readSystem(row: Val, word: Val): Val {
    const register = registerOf(word), slow = () => super.readSystem(row, word);
    if (register?.read === K.AS_SP_EL0) {
      return this.choose('i64', this.get('i32', L.EL).and(this.get('i32', L.SPSEL)), () => this.get('i64', K.SP_EL0), slow);
    }
    if (register === undefined || register.read !== K.PLAIN || register.trap !== K.TRAP_NONE || register.readEl > 1) return slow();
    if (register.readEl === 0) return this.let(this.get('i64', register.slot));
    return this.choose('i64', this.get('i32', L.EL), () => this.get('i64', register.slot), slow);
  }

  override writeSystem(row: Val, word: Val, value: Val): void {
    const register = registerOf(word), slow = () => super.writeSystem(row, word, value);
    const plain = register?.write === K.PLAIN && register.trap === K.TRAP_NONE && register.writeEl <= 1 && register.writeMask === 0xffff_ffff_ffff_ffffn;
    if (register === undefined || !plain) slow();
    else if (register.writeEl === 0) this.put(register.slot, value);
    else this.if(this.get('i32', L.EL), () => this.put(register.slot, value), slow);
  }

  // ---- registers

  protected override register(type: WasmType, reg: Reg, offset: number, size?: number, signed?: boolean): Val {
    const local = localOf(reg);
    if (local === undefined) return super.register(type, reg, offset, size, signed);
    if (local.register === 'v') return vectorPart(type, Val.local(local.index, 'v128'), local.byte + offset, size, signed ?? false);
    const value = Val.local(local.index, 'i64');
    return type === 'i32' ? value.wrap() : value;
  }

  protected override storeRegister(reg: Reg, value: Val, offset: number, size?: number): void {
    const local = localOf(reg);
    if (local === undefined) super.storeRegister(reg, value, offset, size);
    else if (local.register === 'x') this.setLocal(local, value);
    else this.setLocal(local, value.type === 'v128' ? value : withLane(Val.local(local.index, 'v128'), value, local.byte + offset, size));
  }

  /** What a form's instructions write, their effects say. */
  private setLocal(local: RegisterLocal, value: Val): void {
    this.code.set(local.index, value);
    if (local.number !== undefined) this.wrote({ [local.register]: 1 << local.number });
  }

  override setScalar(reg: Reg, value: Val, size?: number): void {
    this.setV(reg, value.known && Number(value.constant) === 0 ? simd.ZERO : withLane(simd.ZERO, value, 0, size));
  }

  override loadScalar(reg: Reg, bytes: AccessBytes, address: Val): void {
    if (bytes < 4) { super.loadScalar(reg, bytes, address); return; }
    const value = this.code.local('v128'), opcode = bytes === 8 ? 93 : 92;
    this.access(L.TLB_READ, bytes, address, {}, host => this.code.set(value, Val.simd('v128', opcode, [host], [0, 0])));
    this.setV(reg, Val.local(value, 'v128'));
  }

  override storeScalar(reg: Reg, bytes: AccessBytes, address: Val): void {
    if (bytes < 4) { super.storeScalar(reg, bytes, address); return; }
    const kept = this.element(bytes === 8 ? 'f64' : 'f32', reg);
    this.access(L.TLB_WRITE, bytes, address, {}, host => this.code.store(host, kept));
  }

  override lowest(reg: Reg): Val { return this.v(reg); }
  override duplicate(reg: Reg, size: simd.LaneSize): Val { return simd.splat(size, this.element(size === 3 ? 'i64' : 'i32', reg, 0, 1 << size)); }

  override inBlock(used: readonly Reg[], written: readonly Reg[], body: () => void): void {
    const maskOf = (registers: readonly Reg[]) => registers.reduce((set, r) => set | (1 << (((r.offset.number as number) - L.V) >> 4)), 0);
    this.spill({ ...noRegisters(), v: maskOf(used) });
    body();
    this.reload({ ...noRegisters(), v: maskOf(written) });
    this.wrote({ v: maskOf(written) });
  }

  // ---- flags

  protected override lazyFlags(kind: number, a: Val, b: Val): void {
    const high = (v: Val) => (v.type === 'i32' ? v.zext().shl(32) : v), left = this.let(high(a));
    this.code.set(FLAG_LOCALS.b, high(b));
    this.code.set(FLAG_LOCALS.a, left);
    this.code.set(FLAG_LOCALS.kind, Val.i32(kind));
    this.wrote({ flags: true });
    this.place = { ...this.place, flags: kind };
  }

  override setNzcv(nzcv: Val): void {
    this.code.set(FLAG_LOCALS.nzcv, nzcv);
    this.code.set(FLAG_LOCALS.kind, Val.i32(L.FLAGS_NZCV));
    this.wrote({ flags: true });
    this.place = { ...this.place, flags: L.FLAGS_NZCV };
  }

  private get kind(): Val { return this.place.flags === undefined ? Val.local(FLAG_LOCALS.kind, 'i32') : Val.i32(this.place.flags); }

  override nzcv(): Val {
    return this.choose('i32', this.kind.eqz(), () => Val.local(FLAG_LOCALS.nzcv, 'i32'), () => { this.spillFlags(); return this.call('nzcv'); });
  }

  override carry(): Val {
    const a = Val.local(FLAG_LOCALS.a, 'i64'), b = Val.local(FLAG_LOCALS.b, 'i64');
    return this.choose('i32', this.kind.eqz(), () => Val.local(FLAG_LOCALS.nzcv, 'i32').shrU(1).and(1), () => a.geU(b).and(this.kind.eq(L.FLAGS_SUB)));
  }

  override condition(cond: number): Val {
    if (cond >= 14) return Val.i32(1);
    const a = Val.local(FLAG_LOCALS.a, 'i64'), b = Val.local(FLAG_LOCALS.b, 'i64');
    const holds = this.choose('i32', this.kind.eqz(), () => fromNzcv(cond >> 1, Val.local(FLAG_LOCALS.nzcv, 'i32')), () => fromOperands(cond >> 1, a, b, this.kind.eq(L.FLAGS_SUB)));
    return (cond & 1) !== 0 ? holds.eqz() : holds;
  }

  /** Both ways of a conditional may set other flags, so afterwards their kind is not known; what one writes is dirty after both. */
  override if(condition: Val, then: () => void, otherwise?: () => void, likely?: boolean): void {
    const before = this.place;
    let changed = false, { dirty } = before;
    const arm = (body: () => void) => () => {
      this.place = before;
      body();
      changed ||= this.place.flags !== before.flags;
      dirty = union(dirty, this.place.dirty);
      this.place = before;
    };
    super.if(condition, arm(then), otherwise && arm(otherwise), likely);
    this.place = { ...before, dirty, flags: changed ? undefined : before.flags };
  }
}

/** Where a register is, or the part of a vector from a byte on: `number` of Xn, of SP by its bit, or of Vn, unless it is a symbol. */
interface RegisterLocal { readonly index: number; readonly register: 'x' | 'v'; readonly byte: number; readonly number?: number }

/** Undefined for what has no local. */
function localOf({ offset }: Reg): RegisterLocal | undefined {
  if (offset instanceof Operand) return { index: offset.local, register: offset.register ?? 'x', byte: 0 };
  const at = offset.number;
  if (at === undefined) throw new OperandNeeded();
  if (isVector(at)) return { index: vectorLocal((at - L.V) >> 4), register: 'v', byte: at & 15, number: (at - L.V) >> 4 };
  const bit = generalIndex(at);
  return bit < 0 ? undefined : { index: generalLocal(bit), register: 'x', byte: 0, number: bit };
}

/** A part of a vector, from a byte offset. */
function vectorPart(type: WasmType, vector: Val, byte: number, size: number | undefined, signed: boolean): Val {
  if (type === 'v128') return vector;
  if (type === 'f64') return Val.simd('f64', 33, [vector], [byte >> 3]);
  if (type === 'f32') return Val.simd('f32', 31, [vector], [byte >> 2]);
  const bytes = size ?? (type === 'i64' ? 8 : 4);
  if (bytes === 8) return Val.simd('i64', 29, [vector], [byte >> 3]);
  const lane = bytes === 4 ? Val.simd('i32', 27, [vector], [byte >> 2]) : Val.simd('i32', (bytes === 2 ? 24 : 21) + (signed ? 0 : 1), [vector], [byte / bytes]);
  return type === 'i32' ? lane : signed ? lane.sext() : lane.zext();
}

/** A vector with one lane replaced. */
function withLane(vector: Val, value: Val, byte: number, size: number | undefined): Val {
  if (value.type === 'f64') return Val.simd('v128', 34, [vector, value], [byte >> 3]);
  if (value.type === 'f32') return Val.simd('v128', 32, [vector, value], [byte >> 2]);
  const bytes = size ?? (value.type === 'i64' ? 8 : 4);
  if (bytes === 8) return Val.simd('v128', 30, [vector, value], [byte >> 3]);
  return Val.simd('v128', { 4: 28, 2: 26, 1: 23 }[bytes] ?? 28, [vector, value.wrap()], [byte / bytes]);
}

const registers = new Map<number, SystemRegister>(SYSTEM_REGISTERS.map(r => [r.at.reduce((key, n, i) => (key << ([0, 3, 4, 4, 3][i] ?? 0)) | n, 0), r]));
/** The register that MRS and MSR name in bits 20:5. */
function registerOf(word: Val): SystemRegister | undefined { return registers.get(((word.number ?? 0) >>> 5) & 0xffff); }
