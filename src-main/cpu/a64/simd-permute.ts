/** Advanced SIMD permute, extract and table lookup (Arm ARM C4.1.96). */
import { insn, type Row } from '../translate/insn.ts';
import { bitSelect, constant, gtU, or, shuffle, sub, swizzle, type LaneSize } from '../translate/simd.ts';
import type { Val } from '../translate/value.ts';
import { laneCount, nextVector, notOneDouble, setVector } from './simd-forms.ts';

/** Lane of the result from lanes of the first operand (0 up) and the second (`second` up), for `n` lanes in each. */
const PERMUTATIONS: readonly { name: string; opcode: string; lane: (i: number, n: number, second: number) => number }[] = [
  { name: 'UZP1', opcode: '001', lane: (i, n, second) => (2 * i < n ? 2 * i : second + 2 * i - n) },
  { name: 'UZP2', opcode: '101', lane: (i, n, second) => (2 * i < n ? 2 * i + 1 : second + 2 * i + 1 - n) },
  { name: 'TRN1', opcode: '010', lane: (i, _, second) => (i % 2 === 0 ? i : second + i - 1) },
  { name: 'TRN2', opcode: '110', lane: (i, _, second) => (i % 2 === 0 ? i + 1 : second + i) },
  { name: 'ZIP1', opcode: '011', lane: (i, _, second) => (i >> 1) + (i % 2 === 0 ? 0 : second) },
  { name: 'ZIP2', opcode: '111', lane: (i, n, second) => (n >> 1) + (i >> 1) + (i % 2 === 0 ? 0 : second) },
];

const PERMUTE: readonly Row[] = PERMUTATIONS.map(({ name, opcode, lane }) =>
  insn(name, `0 Q:1 001110 size:2 0 vm:5 0 ${opcode as '000'} 10 vn:5 vd:5`, { fix: ['Q', 'size'], where: notOneDouble }, (c, f) => {
    const size = f.size as LaneSize, n = laneCount(f.Q, size);
    setVector(c, f.Q, f.vd, shuffle(size, c.v(f.vn), c.v(f.vm), Array.from({ length: n }, (_, i) => lane(i, n, 16 >> size))));
  }));

const EXTRACT: readonly Row[] = [
  insn('EXT', '0 Q:1 101110000 vm:5 0 imm4:4 0 vn:5 vd:5', { fix: ['Q', 'imm4'], where: f => f.Q !== 0 || f.imm4 < 8 }, (c, f) => {
    const n = f.Q !== 0 ? 16 : 8, byte = (i: number) => (i < n ? i : 16 + i - n);
    setVector(c, f.Q, f.vd, shuffle(0, c.v(f.vn), c.v(f.vm), Array.from({ length: n }, (_, i) => byte(f.imm4 + i))));
  }),
];

const bytes = (value: number) => constant(new Array<number>(16).fill(value));

/** TBX leaves the destination where the index is outside the table, TBL puts zero there. */
const TABLES: readonly Row[] = [false, true].map(extension =>
  insn(extension ? 'TBX' : 'TBL', `0 Q:1 001110000 vm:5 0 len:2 ${extension ? '1' : '0'} 00 vn:5 vd:5`, { fix: ['Q', 'len'] }, (c, f) => {
    const indices = c.let(c.v(f.vm));
    const parts = Array.from({ length: f.len + 1 }, (_, i): Val => swizzle(c.v(nextVector(f.vn, i)), i === 0 ? indices : sub(0, indices, bytes(16 * i))));
    const found = parts.reduce(or);
    setVector(c, f.Q, f.vd, extension ? bitSelect(gtU(0, bytes(16 * (f.len + 1)), indices), found, c.v(f.vd)) : found);
  }));

export const SIMD_PERMUTE: readonly Row[] = [...PERMUTE, ...EXTRACT, ...TABLES];
