/**
 * Writes WebAssembly binaries (core specification 2.0, with threads, SIMD and tail calls): modules made of
 * imported and defined functions over one imported shared memory.
 */
export type WasmType = 'i32' | 'i64' | 'f32' | 'f64' | 'v128';
export interface Signature { readonly params: readonly WasmType[]; readonly results: readonly WasmType[] }

const TYPE_BYTE: Record<WasmType, number> = { i32: 0x7f, i64: 0x7e, f32: 0x7d, f64: 0x7c, v128: 0x7b };
const FUNCREF = 0x70;

export const typeByte = (type: WasmType): number => TYPE_BYTE[type];

export function uleb(value: number, out: number[]): void {
  let rest = value >>> 0;
  while (rest >= 0x80) { out.push((rest & 0x7f) | 0x80); rest >>>= 7; }
  out.push(rest);
}

/** From here on, numbers in code are not bytes but stand for something that is settled later: see symbolic-code.ts. */
export const SYMBOLS = 0x1_0000;

/** A local's number, or the symbol of one. */
export function localIndex(index: number, out: number[]): void {
  if (index >= SYMBOLS) out.push(index);
  else uleb(index, out);
}

export function sleb(value: number | bigint, out: number[]): void {
  if (typeof value === 'number') { slebSmall(value | 0, out); return; }
  if (value >= -0x4000_0000n && value < 0x4000_0000n) { slebSmall(Number(value), out); return; }
  let rest = value;
  for (;;) {
    const low = Number(rest & 0x7fn);
    rest >>= 7n;
    if ((rest === 0n && (low & 0x40) === 0) || (rest === -1n && (low & 0x40) !== 0)) { out.push(low); return; }
    out.push(low | 0x80);
  }
}

function slebSmall(value: number, out: number[]): void {
  let rest = value;
  while (rest < -0x40 || rest >= 0x40) { out.push((rest & 0x7f) | 0x80); rest >>= 7; }
  out.push(rest & 0x7f);
}

/** What a branch mostly does: taken or not; `at` is its opcode's place in the code. */
export interface BranchHint { readonly at: number; readonly likely: boolean }
export interface FunctionBody { readonly signature: Signature; readonly locals: readonly WasmType[]; readonly code: ArrayLike<number>; readonly hints?: readonly BranchHint[] }
interface FunctionImport { readonly module: string; readonly name: string; readonly signature: Signature }

/** One module under construction. Function indices are those of the imports first, then of the definitions. */
export class WasmModule {
  private readonly types: Signature[] = [];
  private readonly typeIndices = new Map<Signature, number>();
  private readonly typeIndicesByKey = new Map<string, number>();
  private readonly imports: FunctionImport[] = [];
  private readonly bodies: (FunctionBody | undefined)[] = [];
  private readonly exports: { name: string; index: number }[] = [];
  private readonly segments: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  private tableFunctions: readonly (number | undefined)[] = [];
  private readonly globalImports: { readonly module: string; readonly name: string }[] = [];
  private readonly tableImports: { readonly module: string; readonly name: string }[] = [];
  private readonly memoryPages: { initial: number; maximum: number };

  constructor(memoryPages: { initial: number; maximum: number }) { this.memoryPages = memoryPages; }

  typeIndex(signature: Signature): number {
    let index = this.typeIndices.get(signature);
    if (index !== undefined) return index;
    const key = `${signature.params.join()}:${signature.results.join()}`;
    index = this.typeIndicesByKey.get(key) ?? this.types.push(signature) - 1;
    this.typeIndices.set(signature, index);
    this.typeIndicesByKey.set(key, index);
    return index;
  }

  /** All imports come before the first `declare`. */
  import(module: string, name: string, signature: Signature): number {
    this.typeIndex(signature);
    return this.imports.push({ module, name, signature }) - 1;
  }

  /** Reserves a function index, so that bodies may call each other. */
  declare(): number { return this.imports.length + this.bodies.push(undefined) - 1; }

  define(index: number, body: FunctionBody): void {
    this.typeIndex(body.signature);
    this.bodies[index - this.imports.length] = body;
  }

  export(name: string, index: number): void { this.exports.push({ name, index }); }

  /** A table of functions that somebody else fills; those that are imported come before the module's own. */
  importTable(module: string, name: string): number { return this.tableImports.push({ module, name }) - 1; }

  /** A constant i32 that is known when the module is instantiated. */
  importGlobal(module: string, name: string): number { return this.globalImports.push({ module, name }) - 1; }

  /** The module's own function table; holes trap when called. */
  table(functions: readonly (number | undefined)[]): void { this.tableFunctions = functions; }

  /** Bytes that instantiation copies into memory. */
  data(at: number, bytes: Uint8Array): void { this.segments.push({ at, bytes }); }

  encode(): Uint8Array<ArrayBuffer> {
    const out = new Bytes();
    out.add([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
    section(out, 1, this.types.map(encodeType));
    section(out, 2, [...this.imports.map(i => [...text(i.module), ...text(i.name), 0, ...u(this.typeIndex(i.signature))]),
      ...this.tableImports.map(t => [...text(t.module), ...text(t.name), 1, FUNCREF, 0, 0]),
      ...this.globalImports.map(g => [...text(g.module), ...text(g.name), 3, TYPE_BYTE.i32, 0]), this.memoryImport()]);
    section(out, 3, this.bodies.map(b => u(this.typeIndex(this.bodyOf(b).signature))));
    if (this.tableFunctions.length > 0) section(out, 4, [[FUNCREF, 0, ...u(this.tableFunctions.length)]]);
    section(out, 7, this.exports.map(e => [...text(e.name), 0, ...u(e.index)]));
    if (this.tableFunctions.length > 0) section(out, 9, this.elements());
    this.hints(out);
    addBodies(out, this.bodies.map(b => this.bodyOf(b)));
    section(out, 11, this.segments.map(({ at, bytes }) => [0, 0x41, ...s(at), 0x0b, ...u(bytes.length), ...bytes]));
    return out.finish();
  }

  /** As the branch hinting proposal has them: a custom section, which engines may ignore. */
  private hints(out: Bytes): void {
    const hinted = this.bodies.flatMap((body, n) => (body?.hints === undefined || body.hints.length === 0 ? [] : [[...u(this.imports.length + n), ...hintsOf(body)]]));
    if (hinted.length === 0) return;
    const content = [...text('metadata.code.branch_hint'), ...u(hinted.length)];
    out.add([0, ...u(hinted.reduce((sum, h) => sum + h.length, content.length))]);
    out.add(content);
    for (const h of hinted) out.add(h);
  }

  private bodyOf(body: FunctionBody | undefined): FunctionBody {
    if (body === undefined) throw new Error('a declared function has no body');
    return body;
  }

  private memoryImport(): number[] {
    return [...text('env'), ...text('memory'), 2, 3, ...u(this.memoryPages.initial), ...u(this.memoryPages.maximum)];
  }

  private elements(): number[][] {
    const runs: number[][] = [];
    this.tableFunctions.forEach((index, slot) => {
      if (index !== undefined) runs.push([2, ...u(this.tableImports.length), 0x41, ...s(slot), 0x0b, 0, 1, ...u(index)]);
    });
    return runs;
  }
}

const u = (value: number) => { const out: number[] = []; uleb(value, out); return out; };
const s = (value: number) => { const out: number[] = []; sleb(value, out); return out; };
const encoder = new TextEncoder();
const texts = new Map<string, readonly number[]>();
/** A name with its length; the same few come in every module. */
function text(value: string): readonly number[] {
  let encoded = texts.get(value);
  if (encoded === undefined) {
    const bytes = encoder.encode(value);
    texts.set(value, encoded = [...u(bytes.length), ...bytes]);
  }
  return encoded;
}

function encodeType({ params, results }: Signature): number[] {
  return [0x60, ...u(params.length), ...params.map(typeByte), ...u(results.length), ...results.map(typeByte)];
}

function localsOf(body: FunctionBody): number[] {
  const head = u(body.locals.length);
  for (const type of body.locals) head.push(1, typeByte(type));
  return head;
}

function hintsOf(body: FunctionBody): number[] {
  const hints = body.hints ?? [], start = localsOf(body).length, out = u(hints.length);
  for (const { at, likely } of hints) {
    uleb(start + at, out);
    out.push(1, likely ? 1 : 0);
  }
  return out;
}

const END = 0x0b;

function addBodies(out: Bytes, bodies: readonly FunctionBody[]): void {
  const heads = bodies.map((body) => {
    const locals = localsOf(body);
    return [...u(locals.length + body.code.length + 1), ...locals];
  });
  const count = u(bodies.length), size = bodies.reduce((sum, body, n) => sum + (heads[n]?.length ?? 0) + body.code.length + 1, count.length);
  out.add([10, ...u(size)]);
  out.add(count);
  bodies.forEach((body, n) => {
    out.add(heads[n] ?? []);
    out.add(body.code);
    out.add([END]);
  });
}

/** A growing array of bytes. */
class Bytes {
  private bytes = new Uint8Array(65_536);
  private length = 0;

  add(more: ArrayLike<number>): void {
    while (this.length + more.length > this.bytes.length) {
      const larger = new Uint8Array(2 * this.bytes.length);
      larger.set(this.bytes);
      this.bytes = larger;
    }
    this.bytes.set(more, this.length);
    this.length += more.length;
  }

  finish(): Uint8Array<ArrayBuffer> { return this.bytes.slice(0, this.length); }
}

function section(out: Bytes, id: number, items: readonly (readonly number[])[]): void {
  const count = u(items.length), size = items.reduce((sum, item) => sum + item.length, count.length);
  out.add([id, ...u(size)]);
  out.add(count);
  for (const item of items) out.add(item);
}
