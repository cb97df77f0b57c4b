/**
 * Code whose locals, and the constants that depend on where an instruction stands, are symbols until the end. The
 * operands of an instruction may be symbols as well, so that its code is kept and used again wherever an instruction of
 * the same form comes.
 */
import { Code } from './code.ts';
import { Val } from './value.ts';
import { sleb, SYMBOLS, type BranchHint, type FunctionBody, type Signature, type WasmType } from './wasm-module.ts';

const TYPES: readonly WasmType[] = ['i32', 'i64', 'f32', 'f64', 'v128'];
const I64_ADD = 0x7c, I64_CONST = 0x42, I32_CONST = 0x41;

/** Offset in the page of the instruction, and how many of its block come after it. */
const OFFSET = SYMBOLS, LEFT = SYMBOLS + 1;
/** The local with the distance to linear memory of what the instruction accesses, if it is in a group. */
const ADDEND = SYMBOLS + 4;
/** The offset of a register that is a symbol, which no code may have. */
const NOWHERE = SYMBOLS + 5;
/** What the branch that follows mostly does. */
const TAKEN = SYMBOLS + 2, NOT_TAKEN = SYMBOLS + 3;
const LOCALS = SYMBOLS + 16, REGISTERS = SYMBOLS + 128, CONSTANTS = SYMBOLS + 144, TEMPORARIES = SYMBOLS + 256;
const MOST_TEMPORARIES = 1024;

/** The n-th local that keeps its value through the function. */
export const lasting = (n: number): number => LOCALS + n;

/** Address of the instruction, in the page that begins at `page`. */
export const addressHere = (page: Val): Val => Val.raw('i64', [I64_ADD], page, Val.raw('i64', [I64_CONST, OFFSET]));
export const groupAddend = Val.local(ADDEND, 'i32');
export const instructionsLeft = Val.raw('i32', [I32_CONST, LEFT]);

/** What stands in place of an operand's symbols: the locals of its registers, and the code of its constants. */
export interface Arguments { readonly registers: readonly number[]; readonly constants: readonly (readonly number[])[] }

/** Somebody has to know what an operand is. */
export class OperandNeeded extends Error {}

/** An operand that is not known while code is made: a constant, or the offset of a register, whose value's local is `local`. */
export class Operand extends Val {
  readonly index: number;
  readonly register: 'x' | 'v' | undefined;

  constructor(type: 'i32' | 'i64', index: number, register?: 'x' | 'v') {
    // Of registers only the local is there: code with their offsets is made for each anew.
    super({ type, op: register === undefined ? [CONSTANTS + index] : [NOWHERE], args: [] });
    this.index = index;
    this.register = register;
  }

  get local(): number { return REGISTERS + this.index; }
  override get number(): number { throw new OperandNeeded(); }
}

export class SymbolicCode extends Code {
  private readonly types: readonly WasmType[];
  private counts: number[] = TYPES.map(() => 0);

  /** `types` are those of the lasting locals. */
  constructor(signature: Signature, types: readonly WasmType[]) {
    super(signature);
    this.types = types;
  }

  override local(type: WasmType): number {
    const kind = TYPES.indexOf(type), n = this.counts[kind] as number;
    this.counts[kind] = n + 1;
    return TEMPORARIES + kind * MOST_TEMPORARIES + n;
  }

  override scratch(body: () => void): void {
    const outer = [...this.counts];
    body();
    this.counts = outer;
  }

  protected override hint(likely: boolean | undefined): void { if (likely !== undefined) this.bytes.push(likely ? TAKEN : NOT_TAKEN); }

  /** What `body` emits, apart. Its temporaries are numbered from nothing. Throws OperandNeeded when symbols do not do. */
  capture(body: () => void): Int32Array {
    const { bytes, counts, depth } = this;
    this.bytes = [];
    this.counts = TYPES.map(() => 0);
    try {
      body();
      if (this.bytes.includes(NOWHERE)) throw new OperandNeeded();
      return Int32Array.from(this.bytes);
    } finally {
      this.bytes = bytes;
      this.counts = counts;
      this.depth = depth;
    }
  }

  append(captured: Int32Array, offset: number, left: number, addend: number, { registers, constants }: Arguments): void {
    const { bytes } = this;
    for (const byte of captured) {
      if (byte < SYMBOLS) bytes.push(byte);
      else if (byte === OFFSET) sleb(offset, bytes);
      else if (byte === LEFT) sleb(left, bytes);
      else if (byte === ADDEND) bytes.push(addend);
      else if (byte < REGISTERS || byte >= TEMPORARIES) bytes.push(byte);
      else if (byte < CONSTANTS) bytes.push(registers[byte - REGISTERS] as number);
      else for (const b of constants[byte - CONSTANTS] as readonly number[]) bytes.push(b);
    }
  }

  override finish(): FunctionBody {
    const first = this.signature.params.length, locals: WasmType[] = [], hints: BranchHint[] = [], code = new Uint8Array(2 * this.bytes.length);
    numbers.fill(-1);
    let length = 0;
    for (const byte of this.bytes) {
      if (byte < SYMBOLS) { code[length++] = byte; continue; }
      if (byte === TAKEN || byte === NOT_TAKEN) { hints.push({ at: length, likely: byte === TAKEN }); continue; }
      let number = numbers[byte - LOCALS] as number;
      if (number < 0) {
        const type = byte >= TEMPORARIES ? TYPES[Math.floor((byte - TEMPORARIES) / MOST_TEMPORARIES)] : this.types[byte - LOCALS];
        numbers[byte - LOCALS] = number = first + locals.push(type as WasmType) - 1;
      }
      if (number >= 0x80) { code[length++] = (number & 0x7f) | 0x80; number >>>= 7; }
      code[length++] = number;
    }
    return { signature: this.signature, locals, code: code.subarray(0, length), hints };
  }
}

/** The local of each symbol, while a function is finished. */
const numbers = new Int16Array(TEMPORARIES - LOCALS + TYPES.length * MOST_TEMPORARIES);
