/**
 * Litmus tests of the memory model (Arm ARM B2.3; Alglave, Maranget and Tautschnig, Herding Cats, 2014): small programs
 * for several vCPUs over shared variables x and y, run for many rounds, and the outcomes that were seen.
 */
import type { SmpMode } from '../../../shared/model/vm.ts';
import { runGuest } from './guest.ts';

export interface Litmus {
  readonly name: string;
  /** Lines for each thread: X1 holds the address of x, X2 of y, W9 is 1; what it loads goes to W5 and W6. */
  readonly threads: readonly (readonly string[])[];
  /** The outcome that no Arm machine may show, as W5 and W6 of each thread. */
  readonly forbidden?: string;
  /** The outcome that tells a relaxed machine from a sequentially consistent one, where the architecture allows it. */
  readonly relaxed?: string;
}

const DMB = 'dmb ish', LD = 'dmb ishld', ST = 'dmb ishst';
const mp = (name: string, write: readonly string[], read: readonly string[], verdict: object): Litmus => ({ name: `MP ${name}`, threads: [['str w9, [x1]', ...write], [...read]], ...verdict });
const sb = (name: string, a: readonly string[], b: readonly string[], verdict: object): Litmus => ({ name: `SB ${name}`, threads: [a, b], ...verdict });

export const LITMUS: readonly Litmus[] = [
  mp('plain', ['str w9, [x2]'], ['ldr w5, [x2]', 'ldr w6, [x1]'], { relaxed: '0 0, 1 0' }),
  mp('dmb', [DMB, 'str w9, [x2]'], ['ldr w5, [x2]', DMB, 'ldr w6, [x1]'], { forbidden: '0 0, 1 0' }),
  mp('dmb ishst, dmb ishld', [ST, 'str w9, [x2]'], ['ldr w5, [x2]', LD, 'ldr w6, [x1]'], { forbidden: '0 0, 1 0' }),
  mp('stlr, ldar', ['stlr w9, [x2]'], ['ldar w5, [x2]', 'ldr w6, [x1]'], { forbidden: '0 0, 1 0' }),
  mp('dmb, address', [DMB, 'str w9, [x2]'], ['ldr w5, [x2]', 'eor w7, w5, w5', 'add x7, x1, x7', 'ldr w6, [x7]'], { forbidden: '0 0, 1 0' }),
  mp('dmb, control and isb', [DMB, 'str w9, [x2]'], ['ldr w5, [x2]', 'cbz w5, 8', 'isb', 'ldr w6, [x1]'], { forbidden: '0 0, 1 0' }),
  mp('swpl, ldaddal', ['.insn SWP (32-bit) R=1 rs=9 rn=2 rt=7'], ['.insn LDADD (32-bit) A=1 R=1 rs=31 rn=2 rt=5', 'ldr w6, [x1]'], { forbidden: '0 0, 1 0' }),
  sb('plain', ['str w9, [x1]', 'ldr w5, [x2]'], ['str w9, [x2]', 'ldr w5, [x1]'], { relaxed: '0 0, 0 0' }),
  sb('dmb', ['str w9, [x1]', DMB, 'ldr w5, [x2]'], ['str w9, [x2]', DMB, 'ldr w5, [x1]'], { forbidden: '0 0, 0 0' }),
  sb('dsb', ['str w9, [x1]', 'dsb sy', 'ldr w5, [x2]'], ['str w9, [x2]', 'dsb sy', 'ldr w5, [x1]'], { forbidden: '0 0, 0 0' }),
  sb('stlr, ldar', ['stlr w9, [x1]', 'ldar w5, [x2]'], ['stlr w9, [x2]', 'ldar w5, [x1]'], { forbidden: '0 0, 0 0' }),
  sb('dmb ishst', ['str w9, [x1]', ST, 'ldr w5, [x2]'], ['str w9, [x2]', ST, 'ldr w5, [x1]'], { relaxed: '0 0, 0 0' }),
  { name: 'LB plain', threads: [['ldr w5, [x1]', 'str w9, [x2]'], ['ldr w5, [x2]', 'str w9, [x1]']], relaxed: '1 0, 1 0' },
  { name: 'LB dmb', threads: [['ldr w5, [x1]', DMB, 'str w9, [x2]'], ['ldr w5, [x2]', DMB, 'str w9, [x1]']], forbidden: '1 0, 1 0' },
  { name: 'LB ldar, stlr', threads: [['ldar w5, [x1]', 'stlr w9, [x2]'], ['ldar w5, [x2]', 'stlr w9, [x1]']], forbidden: '1 0, 1 0' },
  // A value out of thin air would be one that each thread has only from the other.
  { name: 'LB data', threads: [['ldr w5, [x1]', 'str w5, [x2]'], ['ldr w5, [x2]', 'str w5, [x1]']], forbidden: '1 0, 1 0' },
  { name: 'CoRR', threads: [['str w9, [x1]'], ['ldr w5, [x1]', 'ldr w6, [x1]']], forbidden: '0 0, 1 0' },
  { name: 'IRIW plain', threads: [['str w9, [x1]'], ['str w9, [x2]'], ['ldr w5, [x1]', 'ldr w6, [x2]'], ['ldr w5, [x2]', 'ldr w6, [x1]']], relaxed: '0 0, 0 0, 1 0, 1 0' },
  { name: 'IRIW dmb', threads: [['str w9, [x1]'], ['str w9, [x2]'], ['ldr w5, [x1]', DMB, 'ldr w6, [x2]'], ['ldr w5, [x2]', DMB, 'ldr w6, [x1]']], forbidden: '0 0, 0 0, 1 0, 1 0' },
  { name: 'IRIW stlr, ldar', threads: [['stlr w9, [x1]'], ['stlr w9, [x2]'], ['ldar w5, [x1]', 'ldar w6, [x2]'], ['ldar w5, [x2]', 'ldar w6, [x1]']], forbidden: '0 0, 0 0, 1 0, 1 0' },
];

/** Rounds between two barriers, so that threads stay close together. */
const ROUNDS_TOGETHER = 4;
/** From x to y, and from one round's variables to the next's: a cache line each. */
const LINE = 64;

/** How often each outcome was seen: W5 and W6 of each thread. */
export async function runLitmus({ threads }: Litmus, rounds: number, smpMode: SmpMode): Promise<Map<string, number>> {
  const results = 2 * LINE * rounds;
  const { data } = await runGuest({ cpus: threads.length, smpMode, dataBytes: results + 8 * threads.length * rounds, source: source(threads, rounds, results) });
  const seen = new Map<string, number>();
  for (let round = 0; round < rounds; round++) {
    const outcome = threads.map((_, t) => [0, 4].map(at => data.getUint32(results + 8 * (threads.length * round + t) + at, true)).join(' ')).join(', ');
    seen.set(outcome, (seen.get(outcome) ?? 0) + 1);
  }
  return seen;
}

/** X20: round, X17: state of a random generator, X19: number of the CPU, X28: the data, X3: where the results go. */
function source(threads: readonly (readonly string[])[], rounds: number, results: number): string {
  const bodies = threads.map((lines, t) => `
thread_${t}:
  tst x20, #${ROUNDS_TOGETHER - 1}
  b.ne together_${t}
  bl meet
  madd x17, x17, x18, x18           // a delay that differs from thread to thread
  lsr x16, x17, #24
  and x16, x16, #127
delay_${t}:
  subs x16, x16, #1
  b.hi delay_${t}
together_${t}:
  mov w5, #0
  mov w6, #0
  ${lines.map(line => line.replace(/^cbz (w\d), 8$/, `cbz $1, skip_${t}`)).join('\n  ').replace('isb', `isb\nskip_${t}:`)}
  stp w5, w6, [x3]
  add x1, x1, #${2 * LINE}
  add x2, x2, #${2 * LINE}
  add x3, x3, #${8 * threads.length}
  add x20, x20, #1
  cmp x20, x21
  b.ne thread_${t}
  b done`);
  return `
  mov x20, #0
  mov x21, #${rounds}
  mov w9, #1
  add x17, x19, #1
  mov x18, #1103515245
  mov x1, x28
  add x2, x28, #${LINE}
  mov x3, #${results}
  add x3, x3, x28
  lsl x4, x19, #3
  add x3, x3, x4
${threads.map((_, t) => `  cmp x19, #${t}\n  b.eq thread_${t}`).join('\n')}
${bodies.join('\n')}`;
}
