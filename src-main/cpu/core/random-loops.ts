/** For tests: loops of random instructions that load and store all over some data, as they are translated and as they are interpreted. */
import { A64 } from '../a64/index.ts';
import { assemble, encode } from '../asm/assembler.ts';
import { Decoder } from '../translate/decoder.ts';
import * as L from '../layout.ts';
import { TestMachine, VECTORS } from './test-machine.ts';
import { translateRecords } from './translation.ts';

export const LOOP = 0x40000, DATA = 0x100000;
const BODY = 14, ROUNDS = L.HOT_COUNT + 1500;
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

/** A machine that is about to run the loop of a seed; it comes to a hypervisor call or an exception. */
export function machineFor(seed: number, translated: boolean): TestMachine {
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
