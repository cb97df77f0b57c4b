/**
 * Code whose locals, and the constants that depend on where an instruction stands, are symbols until the end. So the
 * code of an instruction can be kept and used again wherever the same word comes.
 */
import { Code } from './code.ts';
import { Val } from './value.ts';
import { sleb, SYMBOLS, type BranchHint, type FunctionBody, type Signature, type WasmType } from './wasm-module.ts';

const TYPES: readonly WasmType[] = ['i32', 'i64', 'f32', 'f64', 'v128'];
const I64_ADD = 0x7c, I64_CONST = 0x42, I32_CONST = 0x41;

/** Offset in the page of the instruction, and how many of its block come after it. */
const OFFSET = SYMBOLS, LEFT = SYMBOLS + 1;
/** What the branch that follows mostly does. */
const TAKEN = SYMBOLS + 2, NOT_TAKEN = SYMBOLS + 3;
const LOCALS = SYMBOLS + 16, TEMPORARIES = SYMBOLS + 256;
const MOST_TEMPORARIES = 1024;

/** The n-th local that keeps its value through the function. */
export const lasting = (n: number): number => LOCALS + n;

/** Address of the instruction, in the page that begins at `page`. */
export const addressHere = (page: Val): Val => Val.raw('i64', [I64_ADD], page, Val.raw('i64', [I64_CONST, OFFSET]));
export const instructionsLeft = Val.raw('i32', [I32_CONST, LEFT]);

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

  /** What `body` emits, apart. Its temporaries are numbered from nothing. */
  capture(body: () => void): Int32Array {
    const { bytes, counts } = this;
    this.bytes = [];
    this.counts = TYPES.map(() => 0);
    body();
    const captured = this.bytes;
    this.bytes = bytes;
    this.counts = counts;
    return Int32Array.from(captured);
  }

  append(captured: Int32Array, offset: number, left: number): void {
    for (const byte of captured) {
      if (byte === OFFSET) sleb(offset, this.bytes);
      else if (byte === LEFT) sleb(left, this.bytes);
      else this.bytes.push(byte);
    }
  }

  override finish(): FunctionBody {
    const first = this.signature.params.length, numbers = new Map<number, number>(), locals: WasmType[] = [], hints: BranchHint[] = [], code = new Uint8Array(2 * this.bytes.length);
    let length = 0;
    for (const byte of this.bytes) {
      if (byte < SYMBOLS) { code[length++] = byte; continue; }
      if (byte === TAKEN || byte === NOT_TAKEN) { hints.push({ at: length, likely: byte === TAKEN }); continue; }
      let number = numbers.get(byte);
      if (number === undefined) {
        const type = byte >= TEMPORARIES ? TYPES[Math.floor((byte - TEMPORARIES) / MOST_TEMPORARIES)] : this.types[byte - LOCALS];
        numbers.set(byte, number = first + locals.push(type as WasmType) - 1);
      }
      if (number >= 0x80) { code[length++] = (number & 0x7f) | 0x80; number >>>= 7; }
      code[length++] = number;
    }
    return { signature: this.signature, locals, code: code.subarray(0, length), hints };
  }
}
