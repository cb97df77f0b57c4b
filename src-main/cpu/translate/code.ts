/** Builds the body of one WebAssembly function out of statements on `Val` expressions. */
import { Val, orderedStoreOp, storeOp, type Arg } from './value.ts';
import { localIndex, uleb, type BranchHint, type FunctionBody, type Signature, type WasmType } from './wasm-module.ts';

const OP = { unreachable: 0x00, block: 0x02, loop: 0x03, if: 0x04, else: 0x05, end: 0x0b, br: 0x0c, brIf: 0x0d, brTable: 0x0e, return: 0x0f, call: 0x10, callIndirect: 0x11, returnCall: 0x12, returnCallIndirect: 0x13, drop: 0x1a, set: 0x21 };
const VOID = 0x40;

/** A place that `br` can go to. */
export interface Label { readonly depth: number }

/** A callable function: its index in the module and its signature. */
export interface Callee { readonly index: number; readonly signature: Signature }

export class Code {
  readonly signature: Signature;
  protected bytes: number[] = [];
  protected readonly locals: WasmType[] = [];
  private readonly hints: BranchHint[] = [];
  private free: number[] = [];
  private taken: number[] = [];
  protected depth = 0;

  constructor(signature: Signature) { this.signature = signature; }

  param(index: number): Val {
    const type = this.signature.params[index];
    if (type === undefined) throw new Error(`no parameter ${index}`);
    return Val.local(index, type);
  }

  /** A fresh local. Inside `scratch` it is given back at the end. */
  local(type: WasmType): number {
    const params = this.signature.params.length;
    const at = this.free.findIndex(i => this.locals[i - params] === type);
    const index = at >= 0 ? this.free.splice(at, 1)[0] as number : params + this.locals.push(type) - 1;
    this.taken.push(index);
    return index;
  }

  /** Runs `body`; the locals that it took may be used again afterwards. */
  scratch(body: () => void): void {
    const outer = this.taken;
    this.taken = [];
    body();
    this.free.push(...this.taken);
    this.taken = outer;
  }

  set(local: number, value: Val): void {
    value.emit(this.bytes);
    this.bytes.push(OP.set);
    localIndex(local, this.bytes);
  }

  /** Evaluates `value` now, once. Constants stay constants. */
  let(value: Val): Val {
    if (value.known) return value;
    const local = this.local(value.type);
    this.set(local, value);
    return Val.local(local, value.type);
  }

  store(address: Val, value: Val, offset = 0, size?: number): void {
    address.emit(this.bytes);
    value.emit(this.bytes);
    this.bytes.push(...storeOp(value.type, offset, size));
  }

  /** Sequentially consistent, at an aligned address. */
  storeOrdered(address: Val, value: Val, size: number): void {
    address.emit(this.bytes);
    value.emit(this.bytes);
    this.bytes.push(...orderedStoreOp(value.type, size));
  }

  /** Orders all memory accesses before it and after it. */
  fence(): void { this.bytes.push(0xfe, 0x03, 0x00); }

  block(body: (end: Label) => void): void { this.nest(OP.block, body); }
  loop(body: (start: Label) => void): void { this.nest(OP.loop, body); }

  /** `likely` says whether the condition mostly holds. */
  if(condition: Val, then: () => void, otherwise?: () => void, likely?: boolean): void {
    if (condition.known) { (condition.constant !== 0 ? then : otherwise)?.(); return; }
    condition.emit(this.bytes);
    this.hint(likely);
    this.bytes.push(OP.if, VOID);
    this.depth += 1;
    then();
    if (otherwise !== undefined) { this.bytes.push(OP.else); otherwise(); }
    this.depth -= 1;
    this.bytes.push(OP.end);
  }

  /** When one of the conditions holds, which is rare; a branch for each costs less than their disjunction. */
  ifAny(conditions: readonly Val[], then: () => void): void {
    this.block((none) => {
      this.block((one) => {
        for (const condition of conditions.slice(0, -1)) this.brIf(one, condition, false);
        this.brIf(none, (conditions.at(-1) as Val).eqz(), true);
      });
      then();
    });
  }

  /** When none of them does, which is the rule. */
  unlessAny(conditions: readonly Val[], then: () => void): void {
    this.block((one) => {
      for (const condition of conditions) this.brIf(one, condition, false);
      then();
    });
  }

  /** `if` that leaves a value. */
  choose(type: WasmType, condition: Val, then: () => Val, otherwise: () => Val): Val {
    if (condition.known) return (condition.constant !== 0 ? then : otherwise)();
    const result = this.local(type);
    this.if(condition, () => this.set(result, then()), () => this.set(result, otherwise()));
    return Val.local(result, type);
  }

  /** The same for conditions that mostly hold, all of them; a branch for each costs less than their conjunction. */
  chooseIfAll(type: WasmType, conditions: readonly Val[], then: () => Val, otherwise: () => Val): Val {
    const unknown = conditions.filter(c => !c.known || c.constant === 0);
    if (unknown.length === 0) return then();
    const result = this.local(type);
    this.block((done) => {
      this.block((other) => {
        for (const condition of unknown) this.brIf(other, condition.eqz(), false);
        this.set(result, then());
        this.br(done);
      });
      this.set(result, otherwise());
    });
    return Val.local(result, type);
  }

  br(label: Label): void { this.bytes.push(OP.br); uleb(this.depth - label.depth, this.bytes); }

  protected hint(likely: boolean | undefined): void { if (likely !== undefined) this.hints.push({ at: this.bytes.length, likely }); }

  brIf(label: Label, condition: Val, likely?: boolean): void {
    condition.emit(this.bytes);
    this.hint(likely);
    this.bytes.push(OP.brIf);
    uleb(this.depth - label.depth, this.bytes);
  }

  brTable(index: Val, labels: readonly Label[], otherwise: Label): void {
    index.emit(this.bytes);
    this.bytes.push(OP.brTable);
    uleb(labels.length, this.bytes);
    for (const label of [...labels, otherwise]) uleb(this.depth - label.depth, this.bytes);
  }

  return(value?: Val): void { value?.emit(this.bytes); this.bytes.push(OP.return); }

  /** Says that control does not get here. */
  unreachable(): void { this.bytes.push(OP.unreachable); }

  /** Calls for the effect; a result is dropped. */
  call(callee: Callee, ...args: Arg[]): void {
    this.pushCall(callee, args);
    if (callee.signature.results.length > 0) this.bytes.push(OP.drop);
  }

  /** Calls now and keeps the result. */
  callFor(callee: Callee, ...args: Arg[]): Val {
    const type = callee.signature.results[0];
    if (type === undefined) throw new Error('the function has no result');
    this.pushCall(callee, args);
    const local = this.local(type);
    this.bytes.push(OP.set);
    localIndex(local, this.bytes);
    return Val.local(local, type);
  }

  /** Calls and keeps the result in a local or parameter. */
  assignCall(local: number, callee: Callee, ...args: Arg[]): void {
    this.pushCall(callee, args);
    this.setPopped(local);
  }

  /** Ends the function with a call, whose result is its own. */
  returnCall(callee: Callee, ...args: Arg[]): void { this.pushCall(callee, args, OP.returnCall); }

  returnCallIndirect(typeIndex: number, slot: Val, args: readonly Val[], table = 0): void { this.callIndirect(typeIndex, slot, args, table, OP.returnCallIndirect); }

  callIndirect(typeIndex: number, slot: Val, args: readonly Val[], table = 0, opcode = OP.callIndirect): void {
    for (const arg of args) arg.emit(this.bytes);
    slot.emit(this.bytes);
    this.bytes.push(opcode);
    uleb(typeIndex, this.bytes);
    uleb(table, this.bytes);
  }

  /** Puts what a call left on the stack into a local. */
  setPopped(local: number): void {
    this.bytes.push(OP.set);
    localIndex(local, this.bytes);
  }

  /** Takes what a call left on the stack. */
  pop(type: WasmType): Val {
    const local = this.local(type);
    this.bytes.push(OP.set);
    localIndex(local, this.bytes);
    return Val.local(local, type);
  }

  /** Bytes of code so far. */
  get size(): number { return this.bytes.length; }

  finish(): FunctionBody { return { signature: this.signature, locals: this.locals, code: this.bytes, hints: this.hints }; }

  private pushCall(callee: Callee, args: readonly Arg[], opcode = OP.call): void {
    callee.signature.params.forEach((type, i) => asType(args[i], type).emit(this.bytes));
    this.bytes.push(opcode);
    uleb(callee.index, this.bytes);
  }

  private nest(opcode: number, body: (label: Label) => void): void {
    this.bytes.push(opcode, VOID);
    this.depth += 1;
    body({ depth: this.depth });
    this.depth -= 1;
    this.bytes.push(OP.end);
  }
}

function asType(arg: Arg | undefined, type: WasmType): Val {
  if (arg instanceof Val) {
    if (arg.type !== type) throw new Error(`an argument is ${arg.type}, want ${type}`);
    return arg;
  }
  if (arg === undefined) throw new Error(`an argument of type ${type} is missing`);
  return type === 'i64' ? Val.i64(arg) : Val.i32(Number(arg));
}

