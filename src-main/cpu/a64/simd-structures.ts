/** Advanced SIMD loads and stores of structures (Arm ARM C4.1.94): LD1 to LD4, ST1 to ST4, one lane, and LD1R to LD4R. */
import { STRUCTURE } from '../layout.ts';
import type { AccessBytes, Emitter } from '../translate/emitter.ts';
import { insn, type Reg, type Row } from '../translate/insn.ts';
import { splat, type LaneSize } from '../translate/simd.ts';
import { Val } from '../translate/value.ts';
import { fromLane, nextVector, setVector } from './simd-forms.ts';

/** Base register's value before, and what is added to it afterwards: a register, or the bytes moved when Rm is 31. */
const FORMS = [{ suffix: '', post: '0', rm: '00000' }, { suffix: ' (immediate post-index)', post: '1', rm: '11111' }, { suffix: ' (register post-index)', post: '1', rm: 'rm:5' }] as const;
type Form = (typeof FORMS)[number];

function withAddress(c: Emitter, form: Form, f: { rn: Reg; rm: Reg }, bytes: number, move: (address: Val) => void): void {
  const address = c.let(c.x(f.rn));
  move(address);
  if (form.post === '1') c.setX(f.rn, address.add(form.rm === 'rm:5' ? c.x(f.rm) : bytes));
}

// ---- multiple structures

interface Multiple { readonly name: string; readonly opcode: string; readonly registers: number; readonly elements: number }
const MULTIPLES: readonly Multiple[] = [
  { name: '4 (four registers)', opcode: '0000', registers: 4, elements: 4 }, { name: '1 (four registers)', opcode: '0010', registers: 4, elements: 1 },
  { name: '3 (three registers)', opcode: '0100', registers: 3, elements: 3 }, { name: '1 (three registers)', opcode: '0110', registers: 3, elements: 1 },
  { name: '1 (one register)', opcode: '0111', registers: 1, elements: 1 }, { name: '2 (two registers)', opcode: '1000', registers: 2, elements: 2 },
  { name: '1 (two registers)', opcode: '1010', registers: 2, elements: 1 },
];

const staging = (i: number): Reg => ({ offset: Val.i32(STRUCTURE + 8 * i), guardZero: false });

/** Interleaved elements go through a field of the CPU's block as they lie in memory. */
function moveStaged(c: Emitter, load: boolean, q: number, count: number, address: Val): void {
  for (let i = 0; i < count * (q + 1); i += 2) {
    const at = address.add(8 * i), whole = i + 1 < count * (q + 1);
    if (load && whole) c.loadVector(staging(i), at);
    else if (load) c.setElement(staging(i), c.load('i64', 8, at));
    else if (whole) c.storeVector(staging(i), at);
    else c.store(8, at, c.element('i64', staging(i)));
  }
}

function movePlain(c: Emitter, load: boolean, q: number, vt: Reg, count: number, address: Val): void {
  for (let i = 0; i < count; i++) {
    const reg = nextVector(vt, i), at = address.add((q !== 0 ? 16 : 8) * i);
    if (q !== 0 && load) c.loadVector(reg, at);
    else if (q !== 0) c.storeVector(reg, at);
    else if (load) c.setScalar(reg, c.load('i64', 8, at));
    else c.store(8, at, c.element('i64', reg));
  }
}

function multipleRow(k: Multiple, load: boolean, form: Form): Row {
  const plain = k.elements === 1, L = load ? '1' : '0';
  const pattern = `0 Q:1 001100${form.post} ${L} 0 ${form.rm} ${k.opcode} size:2 rn.sp:5 vt:5` as '0 Q:1 ------- - 0 rm:5 ---- size:2 rn.sp:5 vt:5';
  return insn(`${load ? 'LD' : 'ST'}${k.name}${form.suffix}`, pattern, { fix: ['Q'], undef: f => (plain ? Val.i32(0) : f.Q.eqz().and(f.size.eq(3))) }, (c, f) =>
    withAddress(c, form, f, k.registers * (f.Q !== 0 ? 16 : 8), (address) => {
      if (plain) { movePlain(c, load, f.Q, f.vt, k.registers, address); return; }
      const registers = Array.from({ length: k.registers }, (_, i) => nextVector(f.vt, i));
      if (!load) c.inBlock(registers, [], () => c.run('interleave', f.vt.offset, k.registers, f.Q, f.size));
      moveStaged(c, load, f.Q, k.registers, address);
      if (load) c.inBlock([], registers, () => c.run('deinterleave', f.vt.offset, k.registers, f.Q, f.size));
    }));
}

// ---- single structures: Q, S and size hold the lane's number above its size

interface Single { readonly letter: string; readonly size: LaneSize; readonly where: string; readonly index: (f: { Q: Val; S: Val; low: Val }) => Val }
const SINGLES: readonly Single[] = [
  { letter: 'B', size: 0, where: '00 o:1 S:1 low:2', index: f => f.Q.shl(3).or(f.S.shl(2)).or(f.low) },
  { letter: 'H', size: 1, where: '01 o:1 S:1 low:1 0', index: f => f.Q.shl(2).or(f.S.shl(1)).or(f.low) },
  { letter: 'S', size: 2, where: '10 o:1 S:1 00', index: f => f.Q.shl(1).or(f.S) },
  { letter: 'D', size: 3, where: '10 o:1 0 01', index: f => f.Q },
];
const SELEMS = [{ n: 1, R: '0', o: '0' }, { n: 2, R: '1', o: '0' }, { n: 3, R: '0', o: '1' }, { n: 4, R: '1', o: '1' }] as const;

function singleRow(k: Single, selem: (typeof SELEMS)[number], load: boolean, form: Form): Row {
  const type = k.size === 3 ? 'i64' : 'i32', bytes = (1 << k.size) as AccessBytes;
  const pattern = `0 Q:1 001101${form.post} ${load ? '1' : '0'} ${selem.R} ${form.rm} ${k.where.replace('o:1', selem.o)} rn.sp:5 vt:5` as '0 Q:1 ------- - - rm:5 -- - S:1 low:2 rn.sp:5 vt:5';
  return insn(`${load ? 'LD' : 'ST'}${selem.n} (single structure, ${k.letter})${form.suffix}`, pattern, {}, (c, f) =>
    withAddress(c, form, f, selem.n * bytes, (address) => {
      for (let i = 0; i < selem.n; i++) {
        const lane = fromLane(nextVector(f.vt, i), k.index(f), k.size), at = address.add(bytes * i);
        if (load) c.setElement(lane, c.load(type, bytes, at), 0, bytes);
        else c.store(bytes, at, c.element(type, lane, 0, bytes));
      }
    }));
}

function replicateRow(size: LaneSize, selem: (typeof SELEMS)[number], form: Form): Row {
  const bytes = (1 << size) as AccessBytes;
  const pattern = `0 Q:1 001101${form.post} 1 ${selem.R} ${form.rm} 11 ${selem.o} 0 ${size.toString(2).padStart(2, '0')} rn.sp:5 vt:5` as '0 Q:1 ------- - - rm:5 -- - - -- rn.sp:5 vt:5';
  return insn(`LD${selem.n}R (${8 << size}-bit)${form.suffix}`, pattern, { fix: ['Q'] }, (c, f) =>
    withAddress(c, form, f, selem.n * bytes, (address) => {
      for (let i = 0; i < selem.n; i++) setVector(c, f.Q, nextVector(f.vt, i), splat(size, c.load(size === 3 ? 'i64' : 'i32', bytes, address.add(bytes * i))));
    }));
}

export const SIMD_STRUCTURES: readonly Row[] = FORMS.flatMap(form => [
  ...[false, true].flatMap(load => [...MULTIPLES.map(k => multipleRow(k, load, form)), ...SINGLES.flatMap(k => SELEMS.map(selem => singleRow(k, selem, load, form)))]),
  ...([0, 1, 2, 3] as const).flatMap(size => SELEMS.map(selem => replicateRow(size, selem, form))),
]);
