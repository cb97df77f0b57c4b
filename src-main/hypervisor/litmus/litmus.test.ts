/** What several vCPUs may see of each other, in threads and in turns. `node bench/litmus.ts` prints the outcomes of longer runs. */
import { describe, expect, test } from 'vitest';
import { SMP_MODES } from '../../../shared/model/vm.ts';
import { runGuest } from './guest.ts';
import { LITMUS, runLitmus } from './litmus.ts';
import { CHANGES_CODE, CHANGES_TRANSLATIONS, WRONG } from './maintenance.ts';

const CPUS = 4, COUNT = 5000;

describe.each(SMP_MODES)('%s vCPUs', smpMode => {
  test.each(LITMUS)('show no outcome of $name that Arm forbids', async litmus => {
    const outcomes = [...(await runLitmus(litmus, 4000, smpMode)).keys()];
    expect(outcomes.filter(o => o === litmus.forbidden || !/^[01 ,]*$/.test(o))).toEqual([]);
  }, 60_000);

  /** Adds 1 to the quad at X28, COUNT times. */
  const counting = (name: string, add: string) => test(`lose no count of ${name}`, async () => {
    const source = `mov x20, #${COUNT}\nadd_again:\n${add}\nsubs x20, x20, #1\nb.ne add_again\nb done`;
    const { data } = await runGuest({ cpus: CPUS, smpMode, dataBytes: 4096, source });
    expect([data.getBigUint64(0, true), data.getBigUint64(8, true)]).toEqual([BigInt(CPUS * COUNT), name.includes('pairs') ? BigInt(2 * CPUS * COUNT) : 0n]);
  }, 60_000);

  counting('LDXR and STXR', 'ldxr x1, [x28]\n add x1, x1, #1\n stxr w2, x1, [x28]\n cbnz w2, add_again');
  counting('LDXP and STXP of pairs', '.insn LDXP (64-bit) rt=1 rt2=2 rn=28\n add x1, x1, #1\n add x2, x2, #2\n .insn STXP (64-bit) rs=3 rt=1 rt2=2 rn=28\n cbnz w3, add_again');
  counting('LDADD', 'mov x1, #1\n .insn LDADD (64-bit) rs=1 rn=28 rt=2');
  counting('CAS', 'ldr x1, [x28]\n mov x3, x1\n add x2, x1, #1\n .insn CAS (64-bit) rs=1 rn=28 rt=2\n cmp x1, x3\n b.ne add_again');
  counting('CASP of pairs', 'ldp x2, x3, [x28]\n mov x6, x2\n mov x7, x3\n add x4, x2, #1\n add x5, x3, #2\n .insn CASP (64-bit) rs=2 rn=28 rt=4\n cmp x2, x6\n b.ne add_again\n cmp x3, x7\n b.ne add_again');
  counting('a lock', `add x3, x28, #64
lock:
    .insn LDXR (32-bit) o0=1 rn=3 rt=1
    cbnz w1, taken
    mov w1, #1
    stxr w2, w1, [x3]
    cbnz w2, lock
    ldr x1, [x28]
    add x1, x1, #1
    str x1, [x28]
    stlr wzr, [x3]
    b unlocked
taken:
    yield
    b lock
unlocked:`);

  test.each([['code after the barriers that the architecture asks for', CHANGES_CODE], ['translations once the DSB after a TLBI is done', CHANGES_TRANSLATIONS]])('see another\'s new %s', async (_, source) => {
    const { data } = await runGuest({ cpus: 3, smpMode, dataBytes: 0x10000, source });
    expect(data.getBigUint64(WRONG, true)).toBe(0n);
  }, 60_000);
});
