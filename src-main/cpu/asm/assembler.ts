/**
 * An assembler and a disassembler for A64, both made from the instruction table: the rows say how words look, `syntax.ts`
 * how people write them. A program is lines of `label:`, instructions, and the directives .ascii, .asciz, .byte, .word, .quad,
 * .offset (of a label from the origin, as a quad), .align and .space. Beyond the rows: `cmp`, `cmn`, `tst`, `neg`, `mvn`, `mul`, `cset`, `mov` of any constant, shifts by a number, `nop`, `ret`.
 */
import { EngineError } from '../../../shared/base/errors.ts';
import { A64 } from '../a64/index.ts';
import { Decoder } from '../translate/decoder.ts';
import type { Row } from '../translate/insn.ts';
import { CONDITIONS } from './syntax.ts';
import { formOf, read, write, type Fields, type Form, type Place } from './operands.ts';

const FORMS: readonly Form[] = A64.map(formOf).filter(f => f !== undefined);

export function encode(row: Row, fields: Fields): number {
  let word = row.bits;
  for (const f of row.fields) {
    const value = fields[f.name] ?? 0;
    if (value < 0 || value >= 2 ** f.width) throw new EngineError('asm', `${row.name}: ${f.name} is ${value}, which does not fit ${f.width} bits.`);
    word |= value << f.shift;
  }
  return word >>> 0;
}

export const fieldsOf = (row: Row, word: number): Fields => Object.fromEntries(row.fields.map(f => [f.name, (word >>> f.shift) & (2 ** f.width - 1)]));

const DECODER = new Decoder(A64);

/** The row that an instruction word belongs to, as the interpreter decodes it; undefined when it is UNDEFINED. */
export const decode = (word: number): Row | undefined => DECODER.decode(word)?.row;

/** One instruction as text, without what follows from aliases. */
export function disassemble(word: number, pc: number | bigint = 0): string {
  const row = decode(word);
  if (row === undefined) return `.word 0x${word.toString(16).padStart(8, '0')}`;
  const form = FORMS.find(f => f.row === row), fields = fieldsOf(row, word);
  if (form !== undefined) return write(form, fields, pc);
  return `.insn ${row.name}${Object.entries(fields).map(([name, value]) => ` ${name}=${value}`).join('')}`;
}

// ---- aliases: text to text, before the rows are tried

const alias = (pattern: RegExp, to: (...parts: string[]) => string) => ({ pattern, to });
const zr = (register: string) => (register.startsWith('w') ? 'wzr' : 'xzr');
const inverted = (cond: string) => CONDITIONS.split('|')[CONDITIONS.split('|').indexOf(cond) ^ 1] ?? cond;
/** CRm of DMB and DSB. */
const BARRIERS: Readonly<Record<string, number>> = { ishld: 9, ishst: 10, ish: 11, ld: 13, st: 14, sy: 15 };
const ALIASES = [
  alias(/^(cmp|cmn) (\w+), (.*)$/, (op, n, rest) => `${op === 'cmp' ? 'subs' : 'adds'} ${zr(n ?? '')}, ${n}, ${rest}`),
  alias(/^tst (\w+), (.*)$/, (n, rest) => `ands ${zr(n ?? '')}, ${n}, ${rest}`),
  alias(/^neg (\w+), (\w+)$/, (d, m) => `sub ${d}, ${zr(d ?? '')}, ${m}`),
  alias(/^mul (\w+), (\w+), (\w+)$/, (d, n, m) => `madd ${d}, ${n}, ${m}, ${zr(d ?? '')}`),
  alias(/^cset (\w+), (\w+)$/, (d, cond) => `csinc ${d}, ${zr(d ?? '')}, ${zr(d ?? '')}, ${inverted(cond ?? '')}`), alias(/^mvn (\w+), (\w+)$/, (d, m) => `orn ${d}, ${zr(d ?? '')}, ${m}`),
  alias(/^ret$/, () => 'ret x30'), alias(/^nop$/, () => 'hint #0, #0'), alias(/^isb$/, () => 'isb #15'),
  alias(/^(dsb|dmb) (sy|st|ld|ishst|ishld|ish)$/, (op, domain = '') => `${op} #${BARRIERS[domain] ?? 15}`),
  alias(/^mov (\w+), (w?sp)$/, (d, n) => `add ${d}, ${n}, #0`), alias(/^mov (w?sp), (\w+)$/, (d, n) => `add ${d}, ${n}, #0`),
  alias(/^lsl ([wx])(\w+), (\w+), #(\d+)$/, (w, d, n, by) => { const size = w === 'x' ? 64 : 32; return `ubfm ${w}${d}, ${n}, #${(size - Number(by)) % size}, #${size - 1 - Number(by)}`; }),
  alias(/^(l|a)sr ([wx])(\w+), (\w+), #(\d+)$/, (kind, w, d, n, by) => `${kind === 'l' ? 'ubfm' : 'sbfm'} ${w}${d}, ${n}, #${by}, #${w === 'x' ? 63 : 31}`),
  alias(/^(.*\[\w+, x\w+), lsl (#\d\])$/, (start, end) => `${start}, uxtx ${end}`), alias(/^(.*\[\w+, x\w+)\]$/, start => `${start}, uxtx #0]`),
  alias(/^msr daif(set|clr), #(\d+)$/, (which, imm) => `msr #3, #${which === 'set' ? 6 : 7}, #${imm}`),
];

function expand(line: string): string[] {
  const constant = /^mov ([wx])(\w+), #(-?(?:0x[0-9a-f]+|\d+)|'.+')$/.exec(line);
  if (constant !== null) return moveConstant(`${constant[1]}${constant[2]}`, constant[3] ?? '0');
  const found = ALIASES.find(a => a.pattern.test(line));
  return [found === undefined ? line : found.to(...(found.pattern.exec(line)?.slice(1) ?? []))];
}

function moveConstant(register: string, text: string): string[] {
  const number = text.startsWith("'") ? BigInt(text.charCodeAt(1)) : text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text);
  const bits = register.startsWith('x') ? 64 : 32, value = BigInt.asUintN(bits, number);
  const parts = Array.from({ length: bits / 16 }, (_, i) => ({ i, part: Number((value >> BigInt(16 * i)) & 0xffffn) })).filter(p => p.part !== 0);
  if (parts.length === 0) return [`movz ${register}, #0`];
  return parts.map(({ i, part }, n) => `${n === 0 ? 'movz' : 'movk'} ${register}, #${part}${i === 0 ? '' : `, lsl #${16 * i}`}`);
}

// ---- programs

type Item = { readonly at: number; readonly line: string; readonly source: string } | { readonly at: number; readonly bytes: Uint8Array } | { readonly at: number; readonly offsetOf: string };

/** Assembles a program for `origin`; errors name the line. */
export function assemble(source: string, origin = 0): Uint8Array {
  const labels = new Map<string, number>(), items: Item[] = [];
  let at = origin;
  for (const raw of source.split('\n')) {
    let line = raw.replace(/\/\/.*$/, '').trim();
    for (let label = /^([A-Za-z_.$][\w.$]*):\s*/.exec(line); label !== null; label = /^([A-Za-z_.$][\w.$]*):\s*/.exec(line)) {
      labels.set(label[1] ?? '', at);
      line = line.slice(label[0].length);
    }
    if (line === '') continue;
    const offset = /^\.offset ([\w.$]+)$/.exec(line);
    if (offset !== null) { items.push({ at, offsetOf: offset[1] ?? '' }); at += 8; continue; }
    const data = directive(line, at);
    const added: Item[] = data !== undefined ? [{ at, bytes: data }] : expand(normalized(line)).map((text, i) => ({ at: at + 4 * i, line: text, source: raw.trim() }));
    items.push(...added);
    at += data !== undefined ? data.length : 4 * added.length;
  }
  return link(items, labels, origin, at);
}

const normalized = (line: string) => line.replace(/\s+/g, ' ').replace(/\s*,\s*/g, ', ').replace(/(^\S+)/, m => m.toLowerCase());

function directive(line: string, at: number): Uint8Array | undefined {
  const [name, rest] = [line.split(/\s/)[0], line.replace(/^\S+\s*/, '')];
  const numbers = () => rest.split(',').map(n => BigInt(n.trim()));
  const little = (size: number) => Uint8Array.from(numbers().flatMap(n => Array.from({ length: size }, (_, i) => Number((n >> BigInt(8 * i)) & 0xffn))));
  switch (name) {
    case '.ascii': return new TextEncoder().encode(JSON.parse(rest) as string);
    case '.asciz': return new TextEncoder().encode(`${JSON.parse(rest) as string}\0`);
    case '.byte': return little(1);
    case '.word': return little(4);
    case '.quad': return little(8);
    case '.space': return new Uint8Array(Number(rest));
    case '.align': return new Uint8Array((Number(rest) - (at % Number(rest))) % Number(rest));
    default: return undefined;
  }
}

function link(items: readonly Item[], labels: ReadonlyMap<string, number>, origin: number, end: number): Uint8Array {
  const image = new Uint8Array(end - origin), view = new DataView(image.buffer);
  const label = (name: string) => {
    const address = labels.get(name) ?? (/^(0x[0-9a-f]+|\d+)$/.test(name) ? Number(name) : undefined);
    if (address === undefined) throw new EngineError('asm', `There is no label ${name}.`);
    return address;
  };
  for (const item of items) {
    if ('bytes' in item) image.set(item.bytes, item.at - origin);
    else if ('offsetOf' in item) view.setBigUint64(item.at - origin, BigInt(label(item.offsetOf) - origin), true);
    else view.setUint32(item.at - origin, instruction(item.line, item.source, { pc: item.at, label }), true);
  }
  return image;
}

function instruction(line: string, source: string, place: Place): number {
  const generic = /^\.insn (.*?)((?: \w+=\d+)*)$/.exec(line);
  if (generic !== null) {
    const row = A64.find(r => r.name.toLowerCase() === generic[1]?.toLowerCase());
    if (row !== undefined) return encode(row, Object.fromEntries([...(generic[2] ?? '').matchAll(/(\w+)=(\d+)/g)].map(m => [m[1], Number(m[2])])) as Fields);
  }
  const mnemonic = line.split(' ')[0] ?? '';
  for (const form of FORMS) {
    if (form.mnemonic !== mnemonic && !(form.mnemonic.endsWith('.') && mnemonic.startsWith(form.mnemonic))) continue;
    const fields = read(form, line, place);
    if (fields !== undefined) return encode(form.row, fields);
  }
  throw new EngineError('asm', `Cannot assemble "${source}".`);
}
