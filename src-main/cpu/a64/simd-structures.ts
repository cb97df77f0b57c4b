/** Advanced SIMD loads and stores of structures (Arm ARM C4.1.94): LD1 to LD4, ST1 to ST4, one lane, and LD1R to LD4R. */
import type { AccessBytes, Emitter } from '../translate/emitter.ts';
import { insn, type Reg, type Row } from '../translate/insn.ts';
import * as S from '../translate/simd.ts';
import { lowHalf, splat, type LaneSize } from '../translate/simd.ts';
import type { Val } from '../translate/value.ts';
import { fromLane, nextVector, notOneDouble, setVector } from './simd-forms.ts';

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

/** How many elements a vector has, and half of one. */
const countOf = (size: LaneSize) => ({ whole: 16 >> size, half: 8 >> size });
const lanes = (count: number, lane: (i: number) => number) => Array.from({ length: count }, (_, i) => lane(i));

/** The registers of elements that lie one after the other in full vectors. */
function deinterleaved(c: Emitter, size: LaneSize, memory: readonly Val[]): Val[] {
  const { whole } = countOf(size), [a, b, last] = memory as [Val, Val, Val];
  if (memory.length === 3) {
    return [0, 1, 2].map(k => c.let(S.shuffle(size, S.shuffle(size, a, b, lanes(whole, i => (3 * i + k < 2 * whole ? 3 * i + k : 0))), last, lanes(whole, i => (3 * i + k < 2 * whole ? i : 3 * i + k - whole)))));
  }
  const split = (x: Val, y: Val) => [0, 1].map(k => c.let(S.shuffle(size, x, y, lanes(whole, i => 2 * i + k)))) as [Val, Val];
  if (memory.length === 2) return split(a, b);
  const [even, odd] = split(a, b), [laterEven, laterOdd] = split(last, memory[3] as Val), [first, third] = split(even, laterEven), [second, fourth] = split(odd, laterOdd);
  return [first, second, third, fourth];
}

/** The opposite. */
function interleaved(c: Emitter, size: LaneSize, registers: readonly Val[]): Val[] {
  const { whole } = countOf(size), [a, b, third] = registers as [Val, Val, Val];
  if (registers.length === 3) {
    const place = (j: number, i: number) => ({ register: (j * whole + i) % 3, lane: Math.floor((j * whole + i) / 3) });
    return [0, 1, 2].map(j => c.let(S.shuffle(size, S.shuffle(size, a, b, lanes(whole, (i) => { const { register, lane } = place(j, i); return register === 2 ? 0 : register * whole + lane; })),
      third, lanes(whole, (i) => { const { register, lane } = place(j, i); return register === 2 ? whole + lane : i; }))));
  }
  const zip = (x: Val, y: Val) => [0, 1].map(k => c.let(S.shuffle(size, x, y, lanes(whole, i => (k * whole + i) >> 1 | (i % 2 === 0 ? 0 : whole))))) as [Val, Val];
  if (registers.length === 2) return zip(a, b);
  const [low, high] = zip(a, third), [otherLow, otherHigh] = zip(b, registers[3] as Val);
  return [...zip(low, otherLow), ...zip(high, otherHigh)];
}

/** Half registers fit two vectors. */
function deinterleavedHalves(size: LaneSize, registers: number, memory: readonly Val[]): Val[] {
  return lanes(registers, k => k).map(k => lowHalf(S.shuffle(size, memory[0] as Val, memory[1] ?? memory[0] as Val, lanes(countOf(size).half, i => registers * i + k))));
}
function interleavedHalves(c: Emitter, size: LaneSize, registers: readonly Val[]): Val[] {
  const { whole, half } = countOf(size), n = registers.length, pair = (i: number) => c.let(S.shuffle(3, registers[i] as Val, registers[i + 1] ?? registers[i] as Val, [0, 2]));
  const first = pair(0), second = n > 2 ? pair(2) : first;
  return lanes(n > 2 ? 2 : 1, j => j).map(j => c.let(S.shuffle(size, first, second, lanes(whole, (i) => { const e = j * whole + i; return e < n * half ? (e % n) * half + Math.floor(e / n) : 0; }))));
}

function loadStructures(c: Emitter, q: number, size: LaneSize, registers: readonly Reg[], address: Val): void {
  const bytes = registers.length * (q !== 0 ? 16 : 8), memory: Val[] = [];
  for (let at = 0; at < bytes; at += 16) memory.push(at + 8 < bytes ? c.load128(address.add(at)) : S.fromLow(c.load('i64', 8, address.add(at))));
  const values = q !== 0 ? deinterleaved(c, size, memory) : deinterleavedHalves(size, registers.length, memory).map(v => c.let(v));
  registers.forEach((reg, i) => c.setV(reg, values[i] as Val));
}

function storeStructures(c: Emitter, q: number, size: LaneSize, registers: readonly Reg[], address: Val): void {
  const bytes = registers.length * (q !== 0 ? 16 : 8), values = registers.map(reg => c.let(c.v(reg)));
  (q !== 0 ? interleaved(c, size, values) : interleavedHalves(c, size, values)).forEach((vector, i) => {
    if (16 * i + 8 < bytes) c.store128(address.add(16 * i), vector);
    else c.store(8, address.add(16 * i), S.extractU(3, vector, 0));
  });
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
  const name = `${load ? 'LD' : 'ST'}${k.name}${form.suffix}`, bytes = (q: number) => k.registers * (q !== 0 ? 16 : 8);
  const pattern = `0 Q:1 001100${form.post} ${load ? '1' : '0'} 0 ${form.rm} ${k.opcode} size:2 rn.sp:5 vt:5` as '0 Q:1 ------- - 0 rm:5 ---- size:2 rn.sp:5 vt:5';
  if (k.elements === 1) return insn(name, pattern, { fix: ['Q'] }, (c, f) => withAddress(c, form, f, bytes(f.Q), address => movePlain(c, load, f.Q, f.vt, k.registers, address)));
  return insn(name, pattern, { fix: ['Q', 'size'], where: notOneDouble }, (c, f) => withAddress(c, form, f, bytes(f.Q), (address) => {
    (load ? loadStructures : storeStructures)(c, f.Q, f.size as LaneSize, Array.from({ length: k.registers }, (_, i) => nextVector(f.vt, i)), address);
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
