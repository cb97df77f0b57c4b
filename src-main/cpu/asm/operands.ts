/** Reads and writes the operands of one row, by its syntax. */
import { EngineError } from '../../../shared/base/errors.ts';
import { SYSTEM_REGISTERS } from '../a64/system-registers.ts';
import type { FieldSpec, Row } from '../translate/insn.ts';
import { SYNTAX } from './syntax.ts';

export type Fields = Record<string, number>;
/** Address of the instruction, and what labels stand for. */
export interface Place { readonly pc: number; label(name: string): number }

interface Operand { readonly field: string; readonly format: string }
type Token = string | Operand | { readonly group: readonly Token[] };

/** One way to write a row: mnemonic (which may hold an operand) and operands. */
export interface Form { readonly row: Row; readonly tokens: readonly Token[]; readonly mnemonic: string }

export function formOf(row: Row): Form | undefined {
  const syntax = SYNTAX.find(s => s.rows.test(row.name));
  if (syntax === undefined) return undefined;
  const mnemonic = syntax.mnemonic ?? (row.name.split(' ')[0] ?? row.name).toLowerCase();
  return { row, tokens: tokenize(syntax.operands === '' ? mnemonic : `${mnemonic} ${syntax.operands}`), mnemonic: mnemonic.split('{')[0] ?? mnemonic };
}

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  for (const piece of text.match(/\\\[|\\\]|\{[^}]*\}|\[(?:\{[^}]*\}|[^\]{])*\]|[^[\]{}\\]+/g) ?? []) {
    if (piece.startsWith('\\')) tokens.push(piece.slice(1));
    else if (piece.startsWith('{')) { const [field = '', ...format] = piece.slice(1, -1).split(':'); tokens.push({ field, format: format.join(':') }); }
    else if (piece.startsWith('[')) tokens.push({ group: tokenize(piece.slice(1, -1)) });
    else tokens.push(piece);
  }
  return tokens;
}

const specOf = (row: Row, name: string): FieldSpec => {
  const spec = row.fields.find(f => f.name === name);
  if (spec === undefined) throw new Error(`${row.name} has no field ${name}`);
  return spec;
};
const signed = (value: number, width: number) => (value << (32 - width)) >> (32 - width);
const label = (pc: number | bigint, offset: number) => `0x${(BigInt(pc) + BigInt(offset)).toString(16)}`;
const scaleOf = (format: string) => Number(/\*(\d+)/.exec(format)?.[1] ?? 1);

// ---- writing

export function write(form: Form, fields: Fields, pc: number | bigint): string { return writeTokens(form, form.tokens, fields, pc); }

function writeTokens(form: Form, tokens: readonly Token[], fields: Fields, pc: number | bigint): string {
  return tokens.map(token => {
    if (typeof token === 'string') return token;
    if ('group' in token) return token.group.every(t => typeof t === 'string' || isZero(t, fields)) ? '' : writeTokens(form, token.group, fields, pc);
    return writeOperand(form.row, token, fields, pc);
  }).join('');
}

const isZero = (token: Exclude<Token, string>, fields: Fields) => !('group' in token) && (fields[token.field] ?? 0) === 0;

function writeOperand(row: Row, { field, format }: Operand, fields: Fields, pc: number | bigint): string {
  if (format === 'sysreg') return systemRegisterName(fields);
  if (format === 'mask') return `0x${bitMask(fields).toString(16)}`;
  const spec = specOf(row, field), value = fields[field] ?? 0;
  if (format === 'adr') return label(pc, signed((value << 2) | (fields.immlo ?? 0), 21));
  if (spec.register === 'x') return registerName(value, spec, format === '' ? fields.sf !== 0 : format === 'extend' ? ((fields.option ?? 0) & 3) === 3 : format === 'x');
  if (format === 'pc') return label(pc, 4 * signed(value, spec.width));
  if (format.includes('|')) return format.split('|')[value] ?? String(value);
  return String((format.startsWith('s') ? signed(value, spec.width) : value) * scaleOf(format));
}

function registerName(value: number, spec: FieldSpec, wide: boolean): string {
  if (value < 31) return `${wide ? 'x' : 'w'}${value}`;
  return spec.zero === 'sp' ? (wide ? 'sp' : 'wsp') : wide ? 'xzr' : 'wzr';
}

function systemRegisterName({ o0 = 0, op1 = 0, CRn = 0, CRm = 0, op2 = 0 }: Fields): string {
  const at = [2 + o0, op1, CRn, CRm, op2];
  return SYSTEM_REGISTERS.find(r => r.at.join() === at.join())?.name.toLowerCase() ?? `s${2 + o0}_${op1}_c${CRn}_c${CRm}_${op2}`;
}

// ---- reading

/** Fields from text, or undefined when the text is not of this form. Spaces have been made single, and follow commas. */
export function read(form: Form, text: string, place: Place): Fields | undefined {
  const fields: Fields = {};
  if (readTokens(form.row, form.tokens, text, 0, fields, place) !== text.length) return undefined;
  if (fields.N === undefined && fields.sf !== undefined) fields.N = fields.sf; // bitfields and EXTR repeat sf there
  return fields;
}

/** Where reading ended, or -1. */
function readTokens(row: Row, tokens: readonly Token[], text: string, from: number, fields: Fields, place: Place): number {
  let at = from;
  for (const token of tokens) {
    if (typeof token === 'string') {
      if (!text.startsWith(token, at)) return -1;
      at += token.length;
    } else if ('group' in token) {
      const end = readTokens(row, token.group, text, at, fields, place);
      if (end >= 0) at = end;
    } else {
      const length = readOperand(row, token, text.slice(at), fields, place);
      if (length < 0) return -1;
      at += length;
    }
  }
  return at;
}

function readOperand(row: Row, { field, format }: Operand, text: string, fields: Fields, place: Place): number {
  if (format === 'sysreg') return readSystemRegister(text, fields);
  const spec = specOf(row, field);
  if (spec.register === 'x') return readRegister(spec, format, text, fields, row);
  if (format.includes('|')) return readWord(format, field, text, fields);
  if (format === 'pc' || format === 'adr') return readLabel(row, spec, format, text, fields, place);
  return readNumber(spec, format, text, fields);
}

function readRegister(spec: FieldSpec, format: string, text: string, fields: Fields, row: Row): number {
  const match = /^(?:([wx])(\d+|zr)|(w?sp))\b/.exec(text);
  if (match === null) return -1;
  const wide = match[3] === undefined ? match[1] === 'x' : match[3] === 'sp', is31 = match[3] !== undefined || match[2] === 'zr';
  const number = is31 ? 31 : Number(match[2]);
  if (number > 31 || (!is31 && number === 31) || (is31 && (spec.zero === 'sp') !== (match[3] !== undefined))) return -1;
  if (format === 'w' || format === 'x' ? wide !== (format === 'x') : format === '' && fields.sf !== undefined && fields.sf !== Number(wide)) return -1;
  if (format === '' && row.fields.some(f => f.name === 'sf')) fields.sf = Number(wide);
  fields[spec.name] = number;
  return match[0].length;
}

function readWord(format: string, field: string, text: string, fields: Fields): number {
  const word = /^[a-z]+/.exec(text)?.[0] ?? '', value = format.split('|').indexOf(word);
  if (value < 0) return -1;
  fields[field] = value;
  return word.length;
}

function readLabel(row: Row, spec: FieldSpec, format: string, text: string, fields: Fields, place: Place): number {
  const name = /^[\w.$]+/.exec(text)?.[0];
  if (name === undefined) return -1;
  const offset = place.label(name) - place.pc, units = format === 'adr' ? offset : offset / 4, width = format === 'adr' ? 21 : spec.width;
  if (!Number.isInteger(units) || Math.abs(units) >= 2 ** (width - 1)) throw new EngineError('asm', `${row.name}: the label ${name} is out of reach.`);
  if (format === 'adr') fields.immlo = units & 3;
  fields[spec.name] = format === 'adr' ? (units >> 2) & 0x7ffff : units & (2 ** width - 1);
  return name.length;
}

function readNumber(spec: FieldSpec, format: string, text: string, fields: Fields): number {
  const match = /^(-?)(0x[0-9a-f]+|\d+|'(?:[^'\\]|\\.)')/.exec(text);
  if (match === null) return -1;
  const magnitude = match[2]?.startsWith("'") === true ? BigInt(characterCode(match[2])) : BigInt(match[2] ?? 0), value = match[1] === '-' ? -magnitude : magnitude;
  if (format === 'mask') return readMask(value, fields) ? match[0].length : -1;
  const units = Number(value) / scaleOf(format), half = 2 ** (spec.width - 1);
  const fits = format.startsWith('s') ? units >= -half && units < half : units >= 0 && units < 2 * half;
  if (!Number.isInteger(units) || !fits) return -1;
  fields[spec.name] = units & (2 ** spec.width - 1);
  return match[0].length;
}

function characterCode(quoted: string): number { return (JSON.parse(`"${quoted.slice(1, -1).replace(/"/g, '\\"')}"`) as string).charCodeAt(0); }

function readSystemRegister(text: string, fields: Fields): number {
  const word = /^\w+/.exec(text)?.[0] ?? '', generic = /^s([23])_([0-7])_c(\d+)_c(\d+)_([0-7])$/.exec(word);
  const at = SYSTEM_REGISTERS.find(r => r.name.toLowerCase() === word)?.at ?? generic?.slice(1).map(Number);
  if (at === undefined) return -1;
  const [op0 = 2, op1 = 0, CRn = 0, CRm = 0, op2 = 0] = at;
  Object.assign(fields, { o0: op0 - 2, op1, CRn, CRm, op2 });
  return word.length;
}

// ---- bitmask immediates (DecodeBitMasks)

const rotateRight = (value: bigint, by: bigint, bits: bigint) => ((value >> by) | (value << (bits - by))) & ((1n << bits) - 1n);

function bitMask({ N = 0, immr = 0, imms = 0, sf = 0 }: Fields): bigint {
  const size = BigInt(2 ** (31 - Math.clz32((N << 6) | (~imms & 63)))), s = BigInt(imms) & (size - 1n), r = BigInt(immr) & (size - 1n);
  let element = rotateRight((1n << (s + 1n)) - 1n, r, size);
  for (let width = size; width < 64n; width *= 2n) element |= element << width;
  return sf !== 0 ? element : element & 0xffff_ffffn;
}

function readMask(value: bigint, fields: Fields): boolean {
  const wanted = BigInt.asUintN(fields.sf === 0 ? 32 : 64, value);
  for (let N = 0; N <= (fields.sf ?? 1); N++) {
    for (let imms = 0; imms < 63; imms++) {
      for (let immr = 0; immr < 64; immr++) {
        if (((N << 6) | (~imms & 63)) < 2 || bitMask({ N, immr, imms, sf: fields.sf ?? 1 }) !== wanted) continue;
        Object.assign(fields, { N, immr, imms });
        return true;
      }
    }
  }
  return false;
}

