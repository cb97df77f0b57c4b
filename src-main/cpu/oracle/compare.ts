/** Differences between two outcomes of a case, as text. */
import { CASE, KINDS, OUTCOME, PATCH_BYTES, wordsOf, type Case } from './case.ts';

const hex = (value: bigint | number, digits = 16) => value.toString(16).padStart(digits, '0');
const view = (bytes: Uint8Array) => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);

/** One line for each part that differs: theirs, then ours. */
export function differences(reference: Uint8Array, subject: Uint8Array): string[] {
  const a = view(reference), b = view(subject), lines: string[] = [];
  const note = (what: string, theirs: string, ours: string) => { if (theirs !== ours) lines.push(`${what}: expected ${theirs}, got ${ours}`); };
  const kindOf = (v: DataView) => KINDS[v.getUint32(OUTCOME.kind, true)] ?? 'other';
  const u32 = (what: string, at: number) => { note(what, hex(a.getUint32(at, true), 8), hex(b.getUint32(at, true), 8)); };
  const u64 = (what: string, at: number) => { note(what, hex(a.getBigUint64(at, true)), hex(b.getBigUint64(at, true))); };
  note('outcome', kindOf(a), kindOf(b));
  u64('pc', OUTCOME.pc);
  // Hosts do not say which address beyond their own virtual memory it was, and FAR's tag is UNKNOWN.
  const untagged = (v: DataView) => BigInt.asUintN(56, v.getBigUint64(OUTCOME.address, true));
  if (untagged(a) !== 0n) note('fault address', hex(untagged(a)), hex(untagged(b)));
  for (let i = 0; i < 31; i++) u64(`x${i}`, OUTCOME.x + 8 * i);
  u64('sp', OUTCOME.sp);
  for (const name of ['nzcv', 'fpcr', 'fpsr', 'first', 'last'] as const) u32(name, OUTCOME[name]);
  for (let i = 0; i < 32; i++) note(`v${i}`, vector(a, OUTCOME.v + 16 * i), vector(b, OUTCOME.v + 16 * i));
  note('memory', patch(reference), patch(subject));
  return lines;
}

const vector = (v: DataView, at: number) => `${hex(v.getBigUint64(at + 8, true))}_${hex(v.getBigUint64(at, true))}`;
const patch = (bytes: Uint8Array) => Buffer.from(bytes.subarray(OUTCOME.patch, OUTCOME.patch + PATCH_BYTES)).toString('hex').replace(/(00)+$/, '');

/** The case itself, as far as its first words' register fields name operands. */
export function describe(test: Case): string {
  const words = wordsOf(test), word = words.findLast(w => w !== 0xd420_0000) ?? words[0] ?? 0;
  const numbers = [...new Set([0, 5, 10, 16].map(shift => (word >>> shift) & 31))];
  const operands = numbers.map(n => `${n === 31 ? `sp ${hex(test.bytes.getBigUint64(CASE.sp, true))}` : `x${n} ${hex(test.bytes.getBigUint64(CASE.x + 8 * n, true))}`} v${n} ${vector(test.bytes, CASE.v + 16 * n)}`);
  const state = ['nzcv', 'fpcr', 'fpsr'].map(name => `${name} ${hex(test.bytes.getUint32(CASE[name as 'nzcv'], true), 1)}`).join(' ');
  return `${test.name} [${words.filter(w => w !== 0xd420_0000).map(w => hex(w, 8)).join(' ')}] ${state}\n  ${operands.join('\n  ')}`;
}
