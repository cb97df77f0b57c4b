/** Translated and interpreted code must agree in everything: registers, flags, memory, exceptions and counts. */
import { expect, test } from 'vitest';
import type { Pa } from '../../../shared/base/ids.ts';
import { A64 } from '../a64/index.ts';
import { assemble, encode } from '../asm/assembler.ts';

import { Decoder } from '../translate/decoder.ts';
import * as L from '../layout.ts';
import { TestMachine, VECTORS } from './test-machine.ts';
import { translateRecords, type HotRecord } from './translation.ts';
import { entryOf, placeOf } from './code-slots.ts';

const LOOP = 0x40000, DATA = 0x100000, BODY = 14, ROUNDS = L.HOT_COUNT + 1500, PROGRAMS = 300;
const decoder = new Decoder(A64);
/** Neither branches nor what a region leaves to the interpreter; and no counters, which tell the time. */
const BODY_ROWS = A64.filter(r => !/^(B|BL|BR|BLR|RET|B\.cond|CBN?Z|TBN?Z)$|^(ERET|SVC|HVC|SMC|BRK|HLT|MSR|MRS|SYS|WF|YIELD|ISB|HINT)/.test(r.name));

/** A small generator with a seed, so that a failure can be had again. */
function random(seed: number): () => number {
  let state = seed;
  return () => { state = (Math.imul(state, 1664525) + 1013904223) >>> 0; return state / 2 ** 32; };
}

/** A word of a random row that is defined and leaves X28, the loop's counter, alone. */
function randomWord(next: () => number): number {
  for (;;) {
    const row = BODY_ROWS[Math.floor(next() * BODY_ROWS.length)];
    if (row === undefined) continue;
    const fields = Object.fromEntries(row.fields.map(f => [f.name, Math.floor(next() * 2 ** f.width)])), word = encode(row, fields);
    const usesCounter = row.fields.some(f => f.register === 'x' && (fields[f.name] === 28 || (row.name.startsWith('CASP') && fields[f.name] === 27)));
    if (!usesCounter && decoder.decode(word) !== undefined) return word;
  }
}

function randomLoop(seed: number): Uint8Array {
  const next = random(seed), words = Array.from({ length: BODY }, () => randomWord(next));
  // Now and then a branch over the next instruction or two, on a flag or a register.
  for (let n = 2; n < BODY - 3; n += 4) words[n] = new DataView(assemble([`b.${['ne', 'lo', 'vs', 'gt'][n % 4] ?? 'eq'} 0xc`, 'cbz x3, 0x8', 'tbnz x5, #7, 0xc'][n % 3] ?? 'nop').buffer).getUint32(0, true);
  const tail = assemble(`subs x28, x28, #1\nb.ne ${LOOP}\nhvc #9`, LOOP + 4 * BODY);
  return Uint8Array.from([...new Uint8Array(Uint32Array.from(words).buffer), ...tail]);
}

function machineFor(seed: number, translated: boolean): TestMachine {
  const m = new TestMachine(`${VECTORS} mov x0, #0x300000\n msr cpacr_el1, x0\n isb\n hvc #7`), next = random(seed ^ 0x5eed);
  m.run();
  if (translated) m.machine.translator.service = hot => { const t = translateRecords(m.machine.view, hot); if (t !== undefined) m.machine.translator.install(t); };
  m.put(LOOP, randomLoop(seed));
  const wide = () => BigInt(Math.floor(next() * 2 ** 32)) << 32n | BigInt(Math.floor(next() * 2 ** 32));
  for (let n = 0; n < 31; n++) m.cpu.setX(n, n % 3 === 0 ? wide() : BigInt(DATA + 64 * Math.floor(next() * 64)));
  for (let n = 0; n < 32; n++) m.cpu.setV(n, wide(), wide());
  m.cpu.setX(28, BigInt(ROUNDS));
  m.cpu.sp = BigInt(DATA + 0x8000);
  m.cpu.pc = BigInt(LOOP);
  return m;
}

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
