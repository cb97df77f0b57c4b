/** Runs cases on both sides and keeps what differs. */
import { A64 } from '../a64/index.ts';
import { decode } from '../asm/assembler.ts';
import type { Row } from '../translate/insn.ts';
import { BRK, CASE, ENTRY, KINDS, OUTCOME, wordsOf, type Case } from './case.ts';
import { describe, differences } from './compare.ts';
import { caseOf, caseOfRow, wordOf } from './generate.ts';
import { Random } from './random.ts';
import { runReference, type Model } from './reference.ts';
import { Subject } from './subject.ts';

export interface Mismatch { readonly name: string; readonly word: number; readonly text: string }

/** Rows whose effects at EL0 are not an instruction's alone, so that the two sides need not agree. */
const NOT_COMPARABLE: Readonly<Record<string, string>> = {
  SVC: 'a system call', YIELD: 'leaves our interpreter', WFE: 'leaves our interpreter', WFI: 'leaves our interpreter', MRS: 'identities and counters', 'MSR (register)': 'thread pointers',
  SYS: 'cache maintenance',
};

/** FEAT_LSE is not in the older model. */
const isAtomic = (row: Pick<Row, 'name'>) => /^(LD(ADD|CLR|EOR|SET|SMAX|SMIN|UMAX|UMIN)|SWP|CAS)/.test(row.name);
const modelOf = (row: Row): Model => (isAtomic(row) ? 'neoverse-n1' : 'cortex-a72');

/** A branch to itself would never end. */
const loops = (row: Row, word: number) => /^(B|BL|CBN?Z|TBN?Z|B\.cond)$/.test(row.name) && row.fields.filter(f => f.name.startsWith('imm')).every(f => ((word >>> f.shift) & (2 ** f.width - 1)) === 0);

/** Whether a word does the same on both sides when it is right; it may be another row's than it was made for. */
function isComparable(word: number): boolean {
  const row = decode(word);
  return row === undefined || (NOT_COMPARABLE[row.name] === undefined && !loops(row, word));
}
const lastWord = (test: Case) => wordsOf(test).findLast(w => w !== BRK) ?? BRK;

/** Where the architecture leaves a choice, or the reference is known to make another one than it may. */
function isLeftOpen(test: Case, reference: Uint8Array, subject: Uint8Array): boolean {
  const isFault = (outcome: Uint8Array) => (outcome[OUTCOME.kind] ?? 0) >= KINDS.indexOf('fault');
  // QEMU looks at the mapping of a misaligned PC first.
  if (isFault(reference) && (reference[OUTCOME.pc] ?? 0) % 4 !== 0) return true;
  return wordsOf(test).some(word => {
    const name = decode(word)?.name ?? '';
    // A load of a pair into one register twice is CONSTRAINED UNPREDICTABLE.
    if (/^LD[NX]?P/.test(name) && (word & 31) === ((word >>> 10) & 31)) return true;
    // Whether a failing monitor or an abort comes first is up to the implementation.
    if (/^STX/.test(name) && isFault(subject)) return true;
    // A fault part of the way leaves the registers loaded UNKNOWN, and the memory stored partly written.
    return isFault(reference) && /^(LD|ST)([1-4]|N?P|U?R \(SIMD)/.test(name);
  });
}

/** Of every so many cases one is also run as translated code, which takes longer to make. */
export function compareAll(model: Model, cases: readonly Case[], translatedEvery = Infinity): Mismatch[] {
  const outcomes = runReference(model, cases), subject = new Subject();
  return cases.flatMap((test, i) => {
    if (i % 3 === 0) subject.forgetTranslations();
    const reference = outcomes[i] as Uint8Array, interpreted = mismatch(test, reference, subject.run(test), '');
    return i % translatedEvery === 0 ? [...interpreted, ...mismatch(test, reference, subject.runTranslated(test), ', translated')] : interpreted;
  });
}

function mismatch(test: Case, reference: Uint8Array, ours: Uint8Array, how: string): Mismatch[] {
  const lines = differences(reference, ours);
  return lines.length === 0 || isLeftOpen(test, reference, ours) ? [] : [{ name: test.name + how, word: test.bytes.getUint32(0, true), text: `${describe(test)}${how}\n    ${lines.join('\n    ')}` }];
}

/** So many cases of each row whose name matches. */
export function compareRows(seed: number, perRow: number, names = /./): Mismatch[] {
  const random = new Random(seed), byModel = new Map<Model, Case[]>();
  for (const row of A64.filter(r => names.test(r.name))) {
    const cases = Array.from({ length: perRow }, () => caseOfRow(random, row)).filter(test => isComparable(lastWord(test)));
    byModel.set(modelOf(row), [...byModel.get(modelOf(row)) ?? [], ...cases]);
  }
  return [...byModel].flatMap(([model, cases]) => compareAll(model, cases, 6));
}

// ---- sequences: what an instruction leaves for the next, such as flags that are not worked out yet

const isPlain = (row: Row) => !/^(LD|ST|CAS|SWP|PRF|DC|B|C?BN?Z|TBN?Z|RET|ERET|DRPS|BRK|HLT|HVC|SMC|SVC|UDF|MSR|MRS|SYS|HINT|YIELD|WF)/.test(row.name) || /^B(FM|IC|SL|IT|IF)/.test(row.name);
const PLAIN = A64.filter(isPlain);
const SETS_FLAGS = PLAIN.filter(r => /^(ADDS|SUBS|ANDS|BICS|ADCS|SBCS|CCM|FCMP|FCCMP)/.test(r.name));
const USES_FLAGS = PLAIN.filter(r => /^(CS|CCM|ADC|SBC|FCSEL|FCCMP)/.test(r.name));

/** A conditional branch over the next instruction. */
function overNext(random: Random): number {
  const taken = 2 << 5, rt = random.below(32);
  return random.pick([0x5400_0000 | random.below(16), 0x3400_0000 | rt, 0x3500_0000 | rt, (0xb400_0000 | rt) >>> 0, (0xb500_0000 | rt) >>> 0, 0x3600_0000 | rt | random.below(32) << 19, (0xb700_0000 | rt | random.below(32) << 19) >>> 0]) + taken;
}

/** Any instruction first, then three that do not access memory, with a branch over one at times; half of them about flags. */
function sequence(random: Random): Case {
  const flags = random.chance(0.5), first = caseOfRow(random, random.pick(flags ? SETS_FLAGS : A64));
  const rest = flags ? [random.chance(0.3) ? SETS_FLAGS : PLAIN, USES_FLAGS, USES_FLAGS] : [PLAIN, PLAIN, PLAIN];
  const branchAt = random.below(8);
  rest.forEach((rows, i) => first.bytes.setUint32(CASE.words + 4 + 4 * i, i === branchAt ? overNext(random) : wordOf(random, random.pick(rows)), true));
  return first;
}

export function compareSequences(seed: number, count: number): Mismatch[] {
  const random = new Random(seed), cases = Array.from({ length: count }, () => sequence(random));
  return compareAll('cortex-a72', cases.filter(test => wordsOf(test).every(w => isComparable(w) && !inFeatures(w) && !isAtomic(decode(w) ?? { name: '' }))), 4);
}

// ---- the system registers of a user program

const FPCR_CONTROLS = 0x07c0_0000n;
const WRITES_THEN_READS: readonly (readonly number[])[] = [
  [0xd51b_4400, 0xd53b_4401, 0xd51b_4422, 0xd53b_4423],   // FPCR from X0 to X1, FPSR from X2 to X3
  [0xd51b_4200, 0xd53b_4201, 0xd53b_4402, 0xd53b_4423],   // NZCV from X0 to X1, FPCR to X2, FPSR to X3
];

export function compareStatusRegisters(seed: number, count: number): Mismatch[] {
  const random = new Random(seed), cases = Array.from({ length: count }, () => caseOf(random, 'MSR and MRS', random.pick(WRITES_THEN_READS)));
  // The reference keeps FPCR's Len and Stride, which do something in AArch32 only.
  for (const { bytes } of cases) if (bytes.getUint32(CASE.words, true) === 0xd51b_4400) bytes.setBigUint64(CASE.x, bytes.getBigUint64(CASE.x, true) & FPCR_CONTROLS, true);
  return compareAll('cortex-a72', cases, 1);
}

// ---- any words: defined on both sides, or on neither

/** What the reference has and we do not, or the other way, by mask and bits. */
const FEATURES: readonly { readonly what: string; readonly mask: number; readonly bits: number }[] = [
  { what: 'system instructions and registers', mask: 0xffc0_0000, bits: 0xd500_0000 },
  { what: 'SVC', mask: 0xffe0_001f, bits: 0xd400_0001 },
  { what: 'AES', mask: 0xff3e_0c00, bits: 0x4e28_0800 },
  { what: 'SHA, two registers', mask: 0xff3e_0c00, bits: 0x5e28_0800 },
  { what: 'SHA, three registers', mask: 0xff20_8c00, bits: 0x5e00_0000 },
  { what: 'PMULL of 64-bit polynomials', mask: 0xbfe0_fc00, bits: 0x0ee0_e000 },
];
const inFeatures = (word: number) => FEATURES.some(({ mask, bits }) => ((word & mask) >>> 0) === bits);

/** Words of any kind, and words that are a few bits from an instruction. */
function anyWord(random: Random): number {
  if (random.chance(0.5)) return random.u32();
  let word = wordOf(random, random.pick(A64));
  for (let flips = 1 + random.below(2); flips > 0; flips--) word ^= 1 << random.below(32);
  return word >>> 0;
}

export function compareWords(seed: number, count: number): Mismatch[] {
  const random = new Random(seed), words = Array.from({ length: count }, () => anyWord(random));
  const cases = words.filter(w => !inFeatures(w) && isComparable(w) && !isAtomic(decode(w) ?? { name: '' })).map(w => caseOf(random, decode(w)?.name ?? 'no row', [w]));
  return compareAll('cortex-a72', cases);
}

/** Instructions that are UNDEFINED at EL0 although they exist, and system registers that may not be there. */
const PRIVILEGED = /^(HVC|SMC|ERET|DRPS|HLT|MSR|MRS|SYS)/;

/** Words that the decoder of the assembler and the interpreter do not agree about. */
export function decoderDisagreements(seed: number, count: number): string[] {
  const random = new Random(seed), subject = new Subject();
  return Array.from({ length: count }, () => anyWord(random)).flatMap(word => {
    const row = decode(word);
    if (!isComparable(word) || PRIVILEGED.test(row?.name ?? '')) return [];
    const outcome = new DataView(subject.run(caseOf(random, '', [word])).buffer);
    const isUndefined = KINDS[outcome.getUint32(OUTCOME.kind, true)] === 'undefined' && outcome.getBigUint64(OUTCOME.pc, true) === BigInt(ENTRY);
    return isUndefined === (row === undefined) ? [] : [`${word.toString(16).padStart(8, '0')} ${row?.name ?? 'UNDEFINED'}`];
  });
}
