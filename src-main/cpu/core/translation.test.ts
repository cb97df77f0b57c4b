/** Translated and interpreted code must agree in everything: registers, flags, memory, exceptions and counts. */
import { expect, test } from 'vitest';
import type { Pa } from '../../../shared/base/ids.ts';
import { assemble } from '../asm/assembler.ts';
import * as L from '../layout.ts';
import { DATA, LOOP, machineFor } from './random-loops.ts';
import { TestMachine, VECTORS } from './test-machine.ts';
import { translateRecords, type HotRecord } from './translation.ts';
import { entryOf, placeOf } from './code-slots.ts';

const PROGRAMS = 300;

/** Runs to the end or to an exception, in turns that end at the same instructions. */
function outcome(m: TestMachine) {
  while (m.cpu.run(1000) === 'budget') m.machine.translator.request();
  const registers = Array.from({ length: 31 }, (_, n) => m.cpu.x(n).toString(16)), vectors = Array.from({ length: 32 }, (_, n) => m.cpu.v(n).map(h => h.toString(16)).join());
  const system = ['ESR_EL2', 'ELR_EL2', 'SPSR_EL2', 'ESR_EL1', 'ELR_EL1', 'FAR_EL1', 'SPSR_EL1'].map(name => `${name} ${m.cpu.system(name).toString(16)}`);
  const memory = Buffer.from(m.machine.bytes(DATA as Pa, 0x10000)).toString('base64');
  return { registers, vectors, system, sp: m.cpu.sp, pc: m.cpu.pc, retired: m.cpu.retired, memory };
}

test('random loops give the same results translated as interpreted, to the last count', () => {
  let regions = 0;
  for (let seed = 1; seed <= PROGRAMS; seed++) {
    const translated = machineFor(seed, true), ours = outcome(translated), theirs = outcome(machineFor(seed, false));
    expect(ours, `seed ${seed}`).toEqual(theirs);
    regions += translated.machine.translator.count;
  }
  expect(regions).toBeGreaterThan(PROGRAMS / 6);
}, 120_000);

test('a translated loop that is rewritten runs as rewritten', () => {
  const m = new TestMachine(`${VECTORS}
    mov x28, #60000
    mov x0, #0
  again: add x0, x0, #1
    subs x28, x28, #1
    b.ne again
    hvc #9`);
  m.machine.translator.service = hot => { const t = translateRecords(m.machine.view, hot); if (t !== undefined) m.machine.translator.install(t); };
  const run = () => { while (m.cpu.run(1000) === 'budget') m.machine.translator.request(); };
  run();
  expect([m.machine.translator.count > 0, m.cpu.x(0)]).toEqual([true, 60_000n]);
  const at = Number(m.cpu.pc) - 4 - 12;
  m.put(at, assemble('add x0, x0, #3'));
  m.cpu.setX(28, 10n);
  m.cpu.pc = BigInt(at);
  run();
  expect(m.cpu.x(0)).toBe(60_030n);
});

test('a place that a region takes in is translated of its own only when it is still reached', () => {
  const m = new TestMachine(`${VECTORS} hvc #7`), { machine } = m;
  m.run();
  m.put(LOOP, assemble(`mov x0, #0\n inner: add x0, x0, #1\n cmp x0, #4\n b.ne inner\n subs x28, x28, #1\n b.eq end\n br x20\n end: hvc #9`, LOOP));
  const hot: HotRecord[] = [], entry = ({ record }: HotRecord) => machine.view.getInt32(entryOf(record), true);
  machine.translator.service = records => { hot.push(...records); };
  m.cpu.setX(20, BigInt(LOOP));
  m.cpu.setX(28, BigInt(L.HOT_COUNT + 500));
  m.cpu.pc = BigInt(LOOP);
  while (m.cpu.run(1000) === 'budget') machine.translator.request();
  const [inner, outer] = hot as [HotRecord, HotRecord];
  expect(hot.map(h => placeOf(h.record))).toEqual([1, 0]);
  const translation = translateRecords(machine.view, [inner, outer])!;
  expect([translation.records, translation.covered]).toEqual([[outer], [inner]]);
  machine.translator.install(translation);
  expect([entry(outer) < 0, entry(inner)]).toEqual([true, 0]);

  expect(machine.translator.due([inner]), 'control comes by the outer loop').toEqual([]);
  expect(machine.translator.due([inner]), 'but it came again').toEqual([inner]);
});
