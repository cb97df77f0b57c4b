/**
 * The form of an instruction's definition. One row holds the manual's name, the encoding as a pattern with named
 * fields, and what the instruction does, written once against `Emitter`. Fields in `fix` are known whenever the
 * body runs: the interpreter gets one handler for each combination of them. The decoder, assembler, disassembler,
 * interpreter and translator all come from the row.
 *
 * Field names carry their meaning: `r…` is a general register (31 is the zero register; with `.sp` it is the stack
 * pointer, with `.d` the register is only written), `v…` a vector register, all else is a number.
 */
import type { Emitter } from './emitter.ts';
import { Val } from './value.ts';

type Names<P extends string> = P extends `${infer Head} ${infer Tail}` ? Name<Head> | Names<Tail> : Name<P>;
type Name<T> = T extends `${infer N}:${number}` ? (N extends `${infer Base}.${string}` ? Base : N) : never;
type IsRegister<K> = K extends `r${string}` | `v${string}` ? true : false;

/** A register operand: where it lies in the CPU's block, and whether a write must leave the zero register zero. */
export interface Reg { readonly offset: Val; readonly guardZero: boolean; readonly number?: number }

/** Every field of an encoding by its number, for patterns of fixed fields and for the assembler. */
export type FieldNumbers<P extends string> = { readonly [K in Names<P>]: number };
type FieldVals<P extends string> = { readonly [K in Names<P>]: Val };

export type Operands<P extends string, F extends string, Pre extends string> =
  { readonly [K in F]: number }
  & { readonly [K in Exclude<Names<P>, F>]: IsRegister<K> extends true ? Reg : Val }
  & { readonly [K in Pre]: Val };

export interface FieldSpec { readonly name: string; readonly shift: number; readonly width: number; readonly register?: 'x' | 'v'; readonly zero: 'zero' | 'sp' | 'dump' }

export interface Row {
  readonly name: string;
  readonly pattern: string;
  readonly mask: number;
  readonly bits: number;
  readonly fields: readonly FieldSpec[];
  readonly fix: readonly string[];
  /** Which combinations of the fixed fields exist. */
  readonly where: (fixed: Record<string, number>) => boolean;
  /** Nonzero for words that are UNDEFINED although they match. */
  readonly undef?: (fields: Record<string, Val>) => Val;
  /** Values worked out once for each decoded instruction. At most one is an i64. */
  readonly pre?: (fields: Record<string, Val>) => Record<string, Val>;
  readonly body: (c: Emitter, f: never) => void;
}

export interface RowOptions<P extends string, F extends string, Pre extends string> {
  readonly fix?: readonly F[];
  readonly where?: (fixed: { readonly [K in F]: number }) => boolean;
  readonly undef?: (fields: FieldVals<P>) => Val;
  readonly pre?: (fields: FieldVals<P>) => { readonly [K in Pre]: Val };
}

/** One row of the instruction table. */
export function insn<const P extends string, const F extends Names<P> = never, const Pre extends string = never>(
  name: string, pattern: P, options: RowOptions<P, F, Pre>, body: (c: Emitter, f: Operands<P, F, Pre>) => void,
): Row {
  const { mask, bits, fields } = parse(name, pattern);
  return { name, pattern, mask, bits, fields, fix: options.fix ?? [], where: (options.where ?? (() => true)) as Row['where'],
    ...(options.undef && { undef: options.undef as NonNullable<Row['undef']> }), ...(options.pre && { pre: options.pre as unknown as Row['pre'] & {} }),
    body: body };
}

function parse(name: string, pattern: string) {
  let at = 32, mask = 0, bits = 0;
  const fields: FieldSpec[] = [];
  for (const token of pattern.split(' ')) {
    const [label = '', width] = token.split(':');
    if (width !== undefined) {
      at -= Number(width);
      fields.push(fieldOf(label, at, Number(width)));
      continue;
    }
    for (const c of label) {
      at -= 1;
      if (c !== '0' && c !== '1' && c !== '-') throw new Error(`${name}: bad pattern character '${c}'`);
      if (c !== '-') mask |= 1 << at;
      if (c === '1') bits |= 1 << at;
    }
  }
  if (at !== 0) throw new Error(`${name}: the pattern has ${32 - at} bits, want 32`);
  return { mask: mask >>> 0, bits: bits >>> 0, fields };
}

function fieldOf(label: string, shift: number, width: number): FieldSpec {
  const [name = '', suffix] = label.split('.');
  const register = width !== 5 ? undefined : name.startsWith('r') ? 'x' : name.startsWith('v') ? 'v' : undefined;
  return { name, shift, width, zero: suffix === 'sp' ? 'sp' : suffix === 'd' ? 'dump' : 'zero', ...(register && { register }) };
}

/** A row with values for its fixed fields: what one interpreter handler does. */
export interface Variant { readonly row: Row; readonly mask: number; readonly bits: number; readonly fixed: Readonly<Record<string, number>> }

export function variantsOf(row: Row): Variant[] {
  const fixedFields = row.fix.map(name => row.fields.find(f => f.name === name) ?? missing(row, name));
  let all: Variant[] = [{ row, mask: row.mask, bits: row.bits, fixed: {} }];
  for (const { name, shift, width } of fixedFields) {
    all = all.flatMap(v => Array.from({ length: 2 ** width }, (_, n) => ({
      row, mask: (v.mask | ((2 ** width - 1) << shift)) >>> 0, bits: (v.bits | (n << shift)) >>> 0, fixed: { ...v.fixed, [name]: n } })));
  }
  return all.filter(v => row.where(v.fixed));
}

function missing(row: Row, field: string): never { throw new Error(`${row.name}: no field '${field}'`); }

/** Fields of an instruction word as known values. */
export function knownFields(row: Row, word: number): Record<string, Val> {
  const fields: Record<string, Val> = {};
  for (const f of row.fields) fields[f.name] = Val.i32((word >>> f.shift) & (2 ** f.width - 1));
  return fields;
}

const popcount = (n: number) => { let c = 0; for (let v = n >>> 0; v !== 0; v = (v & (v - 1)) >>> 0) c += 1; return c; };

/** Most specific first: the order in which variants are tried. */
export const bySpecificity = (variants: readonly Variant[]): Variant[] => [...variants].sort((a, b) => popcount(b.mask) - popcount(a.mask));

/** The same, after making sure that two variants overlap only if one is strictly more specific than the other. */
export function inOrderOfDecoding(variants: readonly Variant[]): Variant[] {
  const sorted = bySpecificity(variants);
  for (const [i, a] of sorted.entries()) {
    for (const b of sorted.slice(i + 1)) {
      const both = (a.mask & b.mask) >>> 0;
      if ((((a.bits ^ b.bits) & both) >>> 0) !== 0 || a.row === b.row) continue;
      if (both !== b.mask || a.mask === b.mask) throw new Error(`ambiguous encodings: ${a.row.name} and ${b.row.name}`);
    }
  }
  return sorted;
}
