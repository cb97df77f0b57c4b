/** Runs cases on both sides and keeps what differs. */
import { A64 } from '../a64/index.ts';
import type { Row } from '../translate/insn.ts';
import { BRK, KINDS, OUTCOME, wordsOf, type Case } from './case.ts';
import { describe, differences } from './compare.ts';
import { caseOfRow } from './generate.ts';
import { Random } from './random.ts';
import { runReference, type Model } from './reference.ts';
import { Subject } from './subject.ts';

export interface Mismatch { readonly name: string; readonly word: number; readonly text: string }

/** Rows whose effects at EL0 are not an instruction's alone, so that the two sides need not agree. */
const NOT_COMPARABLE: Readonly<Record<string, string>> = {
  SVC: 'a system call', YIELD: 'leaves our interpreter', WFE: 'leaves our interpreter', WFI: 'leaves our interpreter', MRS: 'identities and counters', 'MSR (register)': 'thread pointers',
  SYS: 'cache maintenance',
};
const comparable = (row: Row) => NOT_COMPARABLE[row.name] === undefined;

/** FEAT_LSE is not in the older model. */
const isAtomic = (row: Row) => /^(LD(ADD|CLR|EOR|SET|SMAX|SMIN|UMAX|UMIN)|SWP|CAS)/.test(row.name) && !row.name.includes('(single');
const modelOf = (row: Row): Model => (isAtomic(row) ? 'neoverse-n1' : 'cortex-a72');

/** A branch to itself would never end. */
const loops = (row: Row, test: Case) => /^(B|BL|CBN?Z|TBN?Z|B\.cond)$/.test(row.name) && row.fields.filter(f => f.name.startsWith('imm')).every(f => ((test.bytes.getUint32(0, true) >>> f.shift) & (2 ** f.width - 1)) === 0);

/** Where the architecture leaves a choice, or the reference is known to make another one than it may. */
function isLeftOpen(test: Case, reference: Uint8Array): boolean {
  const word = wordsOf(test).findLast(w => w !== BRK) ?? 0, kind = KINDS[reference[OUTCOME.kind] ?? 0], faults = kind === 'fault' || kind === 'bus error';
  // A load of a pair into one register twice is CONSTRAINED UNPREDICTABLE.
  if (/^LD[NX]?P/.test(test.name) && (word & 31) === ((word >>> 10) & 31)) return true;
  // A fault part of the way leaves the registers loaded UNKNOWN, and the memory stored partly written.
  if (faults && /^(LD|ST)[1-4]/.test(test.name)) return true;
  // QEMU looks at the mapping of a misaligned PC first.
  return faults && (reference[OUTCOME.pc] ?? 0) % 4 !== 0;
}

export function compareAll(model: Model, cases: readonly Case[]): Mismatch[] {
  const outcomes = runReference(model, cases), subject = new Subject();
  return cases.flatMap((test, i) => {
    if (i % 3 === 0) subject.forgetTranslations();
    const lines = differences(outcomes[i] as Uint8Array, subject.run(test));
    return lines.length === 0 || isLeftOpen(test, outcomes[i] as Uint8Array) ? [] : [{ name: test.name, word: test.bytes.getUint32(0, true), text: `${describe(test)}\n    ${lines.join('\n    ')}` }];
  });
}

/** So many cases of each row whose name matches. */
export function compareRows(seed: number, perRow: number, names = /./): Mismatch[] {
  const random = new Random(seed), byModel = new Map<Model, Case[]>();
  for (const row of A64.filter(r => comparable(r) && names.test(r.name))) {
    const cases = Array.from({ length: perRow }, () => caseOfRow(random, row)).filter(test => !loops(row, test));
    byModel.set(modelOf(row), [...byModel.get(modelOf(row)) ?? [], ...cases]);
  }
  return [...byModel].flatMap(([model, cases]) => compareAll(model, cases));
}
