/**
 * Floating point on vectors, and the scalar forms of the same encodings (Arm ARM C4.1.96, Advanced SIMD groups).
 * Where native arithmetic does not give the architected results, and for estimates, the core works lane by lane.
 */
import type { Emitter } from '../translate/emitter.ts';
import { insn, type Reg, type Row } from '../translate/insn.ts';
import * as S from '../translate/simd.ts';
import { Val } from '../translate/value.ts';
import * as O from '../vector-operations.ts';
import { DOUBLE, fast, flushing, HALF, multiplyAdd, SINGLE, type Precision } from './fp-common.ts';
import {
  arithmetic, areNumbers, exactly, floatsOf, integersOf, lanewise, operand, roundedTo, shapeOf, splat, under, type NativeOp, type Rounding, type Shape,
} from './fp-lanes.ts';
import { fromLane } from './simd-forms.ts';

const precision = (sz: number) => (sz === 0 ? SINGLE : DOUBLE);
const lane = (c: Emitter, p: Precision, reg: Reg, i: number) => c.element('i64', reg, i * p.bytes, p.bytes === 8 ? undefined : p.bytes);
const full = (f: { Q: number; sz: number }) => f.Q === 1 || f.sz === 0;
const unflushed = (c: Emitter) => flushing(c).eqz();

// ---- two operands

type Two = (c: Emitter, s: Shape, n: Val, m: Val) => Val;
/** The core's number of an operation. */
const binary = (op: number, native: (c: Emitter, s: Shape, n: Val, m: Val, exact: () => Val) => Val): Two => (c, s, n, m) =>
  native(c, s, n, m, () => exactly(c, s, O.FLOAT_BINARY, op, n, m));
const sum = (op: number, native: 'add' | 'sub'): Two => binary(op, (c, s, n, m, exact) => arithmetic(c, s, lanewise(s.p, native, n, m), {}, exact));
const product = (op: number): Two => binary(op, (c, s, n, m, exact) => arithmetic(c, s, lanewise(s.p, 'mul', n, m), { rounded: true }, exact));
const quotient: Two = binary(3, (c, s, n, m, exact) => arithmetic(c, s, lanewise(s.p, 'div', n, m), { rounded: true }, exact));
const difference: Two = binary(10, (c, s, n, m, exact) => arithmetic(c, s, lanewise(s.p, 'abs', lanewise(s.p, 'sub', n, m)), {}, exact));
/** WebAssembly orders zeros as Arm does. */
const extreme = (op: number, native: 'min' | 'max'): Two => binary(op, (c, s, n, m, exact) => {
  const value = c.let(lanewise(s.p, native, n, m));
  return under(c, s, [unflushed(c), areNumbers(s, value)], () => value, exact);
});
/** FRECPS: 2 - n * m. FRSQRTS: half of 3 - n * m. Rounded once. */
const step = (op: number, start: number): Two => binary(op, (c, s, n, m, exact) => {
  const whole = multiplyAdd(s.p, splat(s.p, start), n, m, false, true);
  return arithmetic(c, s, start === 2 ? whole : lanewise(s.p, 'mul', whole, splat(s.p, 0.5)), { rounded: true, fused: true }, exact);
});
const comparison = (kind: number, native: NativeOp, absolute = false): Two => (c, s, n, m) => {
  const magnitude = (v: Val) => (absolute ? lanewise(s.p, 'abs', v) : v);
  return under(c, s, [unflushed(c), areNumbers(s, n, m)], () => lanewise(s.p, native, magnitude(n), magnitude(m)), () => exactly(c, s, O.FLOAT_COMPARE, kind, n, m));
};

interface ThreeSame { readonly name: string; readonly U: '0' | '1'; readonly a: '0' | '1'; readonly opcode: string; readonly op: Two; readonly scalar?: true }
const THREE_SAME: readonly ThreeSame[] = [
  { name: 'FMAXNM', U: '0', a: '0', opcode: '11000', op: extreme(6, 'max') }, { name: 'FADD', U: '0', a: '0', opcode: '11010', op: sum(0, 'add') },
  { name: 'FMULX', U: '0', a: '0', opcode: '11011', op: product(8), scalar: true }, { name: 'FCMEQ', U: '0', a: '0', opcode: '11100', op: comparison(0, 'eq'), scalar: true },
  { name: 'FMAX', U: '0', a: '0', opcode: '11110', op: extreme(4, 'max') }, { name: 'FRECPS', U: '0', a: '0', opcode: '11111', op: step(11, 2), scalar: true },
  { name: 'FMINNM', U: '0', a: '1', opcode: '11000', op: extreme(7, 'min') }, { name: 'FSUB', U: '0', a: '1', opcode: '11010', op: sum(1, 'sub') },
  { name: 'FMIN', U: '0', a: '1', opcode: '11110', op: extreme(5, 'min') }, { name: 'FRSQRTS', U: '0', a: '1', opcode: '11111', op: step(12, 3), scalar: true },
  { name: 'FMUL', U: '1', a: '0', opcode: '11011', op: product(2) }, { name: 'FDIV', U: '1', a: '0', opcode: '11111', op: quotient },
  { name: 'FCMGE', U: '1', a: '0', opcode: '11100', op: comparison(1, 'ge'), scalar: true }, { name: 'FACGE', U: '1', a: '0', opcode: '11101', op: comparison(3, 'ge', true), scalar: true },
  { name: 'FABD', U: '1', a: '1', opcode: '11010', op: difference, scalar: true }, { name: 'FCMGT', U: '1', a: '1', opcode: '11100', op: comparison(2, 'gt'), scalar: true },
  { name: 'FACGT', U: '1', a: '1', opcode: '11101', op: comparison(4, 'gt', true), scalar: true },
];

function threeSame(c: Emitter, k: ThreeSame, s: Shape, f: { vn: Reg; vm: Reg; vd: Reg }): void {
  c.setV(f.vd, k.op(c, s, c.let(operand(c, s, f.vn)), c.let(operand(c, s, f.vm))));
}
const threeSameRows = (k: ThreeSame): Row[] => [
  insn(`${k.name} (vector)`, `0 Q:1 ${k.U} 01110 ${k.a} sz:1 1 vm:5 ${k.opcode as '11000'} 1 vn:5 vd:5`, { fix: ['Q', 'sz'], where: full }, (c, f) => threeSame(c, k, shapeOf(precision(f.sz), f.Q), f)),
  ...(k.scalar === true ? [insn(`${k.name} (scalar)`, `01 ${k.U} 11110 ${k.a} sz:1 1 vm:5 ${k.opcode as '11000'} 1 vn:5 vd:5`, { fix: ['sz'] }, (c, f) => threeSame(c, k, shapeOf(precision(f.sz), 'scalar'), f))] : []),
];

/** addend + n * m, or minus. */
function fused(c: Emitter, s: Shape, subtract: boolean, addend: Val, n: Val, m: Val): Val {
  return arithmetic(c, s, multiplyAdd(s.p, addend, n, m, false, subtract), { rounded: true, fused: true },
    () => exactly(c, s, subtract ? O.FLOAT_MULTIPLY_SUBTRACT : O.FLOAT_MULTIPLY_ADD, 0, n, m, addend));
}
const FUSED: readonly Row[] = ([['FMLA', '0'], ['FMLS', '1']] as const).map(([name, a]) =>
  insn(`${name} (vector)`, `0 Q:1 0 01110 ${a} sz:1 1 vm:5 11001 1 vn:5 vd:5`, { fix: ['Q', 'sz'], where: full }, (c, f) =>
    c.setV(f.vd, fused(c, shapeOf(precision(f.sz), f.Q), a === '1', c.let(c.v(f.vd)), c.let(c.v(f.vn)), c.let(c.v(f.vm))))));

// ---- pairs and whole vectors

/** Even or odd lanes of both operands, in as many lanes as each has. */
function everyOther({ p, lanes }: Shape, n: Val, m: Val, odd: 0 | 1): Val {
  const size = p.bytes === 8 ? 3 : 2, second = 16 / p.bytes;
  return S.shuffle(size, n, m, Array.from({ length: lanes }, (_, i) => (2 * i < lanes ? 2 * i : second + 2 * i - lanes) + odd));
}

const PAIRWISE: readonly (readonly [name: string, a: '0' | '1', opcode: string, scalarOpcode: string, op: Two])[] = [
  ['FMAXNMP', '0', '11000', '01100', extreme(6, 'max')], ['FADDP', '0', '11010', '01101', sum(0, 'add')], ['FMAXP', '0', '11110', '01111', extreme(4, 'max')],
  ['FMINNMP', '1', '11000', '01100', extreme(7, 'min')], ['FMINP', '1', '11110', '01111', extreme(5, 'min')]];
const PAIRS: readonly Row[] = PAIRWISE.flatMap(([name, a, opcode, scalarOpcode, op]) => [
  insn(`${name} (vector)`, `0 Q:1 1 01110 ${a} sz:1 1 vm:5 ${opcode as '11000'} 1 vn:5 vd:5`, { fix: ['Q', 'sz'], where: full }, (c, f) => {
    const s = shapeOf(precision(f.sz), f.Q), n = c.let(c.v(f.vn)), m = c.let(c.v(f.vm));
    c.setV(f.vd, op(c, s, c.let(everyOther(s, n, m, 0)), c.let(everyOther(s, n, m, 1))));
  }),
  insn(`${name} (scalar)`, `01 1 11110 ${a} sz:1 11000 ${scalarOpcode as '01100'} 10 vn:5 vd:5`, { fix: ['sz'] }, (c, f) => {
    const p = precision(f.sz), pair = c.let(c.v(f.vn));
    c.setV(f.vd, op(c, shapeOf(p, 'scalar'), pair, c.let(S.shuffle(f.sz === 0 ? 2 : 3, pair, pair, [1]))));
  }),
]);

const ACROSS: readonly Row[] = ([['FMAXNMV', '0', '01100', extreme(6, 'max')], ['FMINNMV', '1', '01100', extreme(7, 'min')], ['FMAXV', '0', '01111', extreme(4, 'max')], ['FMINV', '1', '01111', extreme(5, 'min')]] as const).map(([name, a, opcode, op]) =>
  insn(name, `0 1 1 01110 ${a} 0 11000 ${opcode} 10 vn:5 vd:5`, {}, (c, f) => {
    const all = c.let(c.v(f.vn)), pairs = c.let(op(c, shapeOf(SINGLE, 0), c.let(S.shuffle(2, all, all, [0, 2])), c.let(S.shuffle(2, all, all, [1, 3]))));
    c.setV(f.vd, op(c, shapeOf(SINGLE, 'scalar'), pairs, c.let(S.shuffle(2, pairs, pairs, [1]))));
  }));

// ---- two registers

type One = (c: Emitter, s: Shape, n: Val) => Val;
interface TwoRegisters { readonly name: string; readonly U: '0' | '1'; readonly a: '0' | '1'; readonly opcode: string; readonly op: One; readonly forms: 'vector' | 'both' | 'scalar' }
const two = (name: string, U: '0' | '1', a: '0' | '1', opcode: string, forms: TwoRegisters['forms'], op: One): TwoRegisters => ({ name, U, a, opcode, forms, op });
const NONE = Val.i32(0);

const rounding = (name: string, U: '0' | '1', a: '0' | '1', opcode: string, mode: Rounding) => two(name, U, a, opcode, 'vector', (c, s, n) =>
  under(c, s, [unflushed(c), areNumbers(s, n)], () => roundedTo(c, s.p, mode, n), () => exactly(c, s, O.FLOAT_ROUND, mode, n)));
/** By FPCR, which may say to nearest; FRINTX tells of inexactness. */
const currentRounding = (name: string, U: '0' | '1', a: '0' | '1', opcode: string, flags: number) => two(name, U, a, opcode, 'vector', (c, s, n) =>
  arithmetic(c, s, roundedTo(c, s.p, 0, n), {}, () => exactly(c, s, O.FLOAT_ROUND, 7 | flags, n)));

const toInteger = (name: string, U: '0' | '1', a: '0' | '1', opcode: string, mode: Rounding) => two(name, U, a, opcode, 'both', (c, s, n) => toIntegers(c, s, n, U === '1', mode, NONE));
function toIntegers(c: Emitter, s: Shape, n: Val, isUnsigned: boolean, mode: Rounding, fractionBits: Val): Val {
  const { fits, integers } = integersOf(c, s, n, isUnsigned, mode, fractionBits);
  return under(c, s, [fast(c), fits], integers, () => exactly(c, s, isUnsigned ? O.FLOAT_TO_UNSIGNED : O.FLOAT_TO_SIGNED, fractionBits.shl(3).or(mode), n));
}
function fromIntegers(c: Emitter, s: Shape, n: Val, isUnsigned: boolean, fractionBits: Val): Val {
  return under(c, s, [fast(c)], () => floatsOf(c, s, n, isUnsigned, fractionBits), () => exactly(c, s, isUnsigned ? O.FLOAT_FROM_UNSIGNED : O.FLOAT_FROM_SIGNED, fractionBits, n));
}
const compareZero = (name: string, U: '0' | '1', opcode: string, op: Two, swap = false) =>
  two(name, U, '1', opcode, 'both', (c, s, n) => op(c, s, swap ? S.ZERO : n, swap ? n : S.ZERO));
const inCore = (operation: number): One => (c, s, n) => exactly(c, s, operation, 0, n);
const bits = (native: 'abs' | 'neg'): One => (c, s, n) => under(c, s, [Val.i32(1)], () => lanewise(s.p, native, n), () => n);

const TWO_REGISTERS: readonly TwoRegisters[] = [
  rounding('FRINTN', '0', '0', '11000', 0), rounding('FRINTM', '0', '0', '11001', 2), rounding('FRINTP', '0', '1', '11000', 1), rounding('FRINTZ', '0', '1', '11001', 3),
  rounding('FRINTA', '1', '0', '11000', 4), currentRounding('FRINTX', '1', '0', '11001', O.FLOAT_ROUND_EXACT), currentRounding('FRINTI', '1', '1', '11001', 0),
  toInteger('FCVTNS', '0', '0', '11010', 0), toInteger('FCVTMS', '0', '0', '11011', 2), toInteger('FCVTAS', '0', '0', '11100', 4), toInteger('FCVTPS', '0', '1', '11010', 1), toInteger('FCVTZS', '0', '1', '11011', 3),
  toInteger('FCVTNU', '1', '0', '11010', 0), toInteger('FCVTMU', '1', '0', '11011', 2), toInteger('FCVTAU', '1', '0', '11100', 4), toInteger('FCVTPU', '1', '1', '11010', 1), toInteger('FCVTZU', '1', '1', '11011', 3),
  two('SCVTF', '0', '0', '11101', 'both', (c, s, n) => fromIntegers(c, s, n, false, NONE)), two('UCVTF', '1', '0', '11101', 'both', (c, s, n) => fromIntegers(c, s, n, true, NONE)),
  compareZero('FCMGT', '0', '01100', comparison(2, 'gt')), compareZero('FCMEQ', '0', '01101', comparison(0, 'eq')), compareZero('FCMLT', '0', '01110', comparison(2, 'gt'), true),
  compareZero('FCMGE', '1', '01100', comparison(1, 'ge')), compareZero('FCMLE', '1', '01101', comparison(1, 'ge'), true),
  two('FABS', '0', '1', '01111', 'vector', bits('abs')), two('FNEG', '1', '1', '01111', 'vector', bits('neg')),
  two('FRECPE', '0', '1', '11101', 'both', inCore(O.FLOAT_RECIPROCAL_ESTIMATE)), two('FRSQRTE', '1', '1', '11101', 'both', inCore(O.FLOAT_ROOT_ESTIMATE)),
  two('FRECPX', '0', '1', '11111', 'scalar', inCore(O.FLOAT_RECIPROCAL_EXPONENT)),
  two('FSQRT', '1', '1', '11111', 'vector', (c, s, n) => arithmetic(c, s, lanewise(s.p, 'sqrt', n), {}, () => exactly(c, s, O.FLOAT_SQUARE_ROOT, 0, n))),
];

const twoRegisterRows = (k: TwoRegisters): Row[] => {
  const zero = k.opcode.startsWith('011') && k.opcode !== '01111' ? 'zero, ' : '';
  const body = (c: Emitter, s: Shape, f: { vn: Reg; vd: Reg }) => c.setV(f.vd, k.op(c, s, c.let(operand(c, s, f.vn))));
  return [
    ...(k.forms !== 'scalar' ? [insn(`${k.name} (${zero}vector)`, `0 Q:1 ${k.U} 01110 ${k.a} sz:1 10000 ${k.opcode as '11000'} 10 vn:5 vd:5`, { fix: ['Q', 'sz'], where: full },
      (c, f) => body(c, shapeOf(precision(f.sz), f.Q), f))] : []),
    ...(k.forms !== 'vector' ? [insn(`${k.name} (${zero}scalar, SIMD)`, `01 ${k.U} 11110 ${k.a} sz:1 10000 ${k.opcode as '11000'} 10 vn:5 vd:5`, { fix: ['sz'] },
      (c, f) => body(c, shapeOf(precision(f.sz), 'scalar'), f))] : []),
  ];
};

// ---- between formats: the narrow side is the lower half, or with Q the upper one

const NARROW = [[SINGLE, HALF], [DOUBLE, SINGLE]] as const;
/** The narrow lanes, which are in the lower half, where they belong. */
const narrowInto = (c: Emitter, q: number, vd: Reg, narrow: Val) => c.setV(vd, q === 0 ? narrow : S.shuffle(3, c.v(vd), narrow, [0, 2]));

function narrowedExactly(c: Emitter, wide: Precision, small: Precision, vn: Reg, toOdd: number): Val {
  const values = Array.from({ length: 16 / wide.bytes }, (_, i) => c.call('floatConvert', wide.format, small.format, lane(c, wide, vn, i), toOdd));
  return S.fromLow(values.map((v, i) => v.shl(8 * small.bytes * i)).reduce((a, b) => a.or(b)));
}

const BETWEEN_FORMATS: readonly Row[] = [
  insn('FCVTN', '0 Q:1 0 01110 0 sz:1 10000 10110 10 vn:5 vd:5', { fix: ['Q', 'sz'] }, (c, f) => {
    const [wide, small] = NARROW[f.sz === 0 ? 0 : 1], exact = () => narrowedExactly(c, wide, small, f.vn, 0);
    narrowInto(c, f.Q, f.vd, c.let(f.sz === 0 ? exact() : arithmetic(c, shapeOf(SINGLE, 0), Val.simd('v128', 94, [c.v(f.vn)]), { rounded: true }, exact)));
  }),
  insn('FCVTXN (vector)', '0 Q:1 1 01110 0 sz:1 10000 10110 10 vn:5 vd:5', { fix: ['Q', 'sz'], where: f => f.sz === 1 }, (c, f) => narrowInto(c, f.Q, f.vd, c.let(narrowedExactly(c, DOUBLE, SINGLE, f.vn, 1)))),
  insn('FCVTXN (scalar)', '01 1 11110 0 1 10000 10110 10 vn:5 vd:5', {}, (c, f) => c.setScalar(f.vd, c.call('floatConvert', 2, 1, lane(c, DOUBLE, f.vn, 0), 1))),
  insn('FCVTL', '0 Q:1 0 01110 0 sz:1 10000 10111 10 vn:5 vd:5', { fix: ['Q', 'sz'] }, (c, f) => {
    const [wide, small] = NARROW[f.sz === 0 ? 0 : 1], s = shapeOf(wide, 1), vn = c.let(c.v(f.vn)), source = f.Q === 0 ? vn : c.let(S.shuffle(3, vn, vn, [1]));
    const exact = () => {
      const values = Array.from({ length: s.lanes }, (_, i) => c.call('floatConvert', small.format, wide.format, c.element('i64', f.vn, 8 * f.Q + i * small.bytes, small.bytes), 0));
      return values.reduce((vector, value, i) => S.replace(f.sz === 0 ? 2 : 3, vector, i, f.sz === 0 ? value.wrap() : value), S.ZERO);
    };
    c.setV(f.vd, c.let(f.sz === 0 ? exact() : under(c, s, [unflushed(c), areNumbers(shapeOf(SINGLE, 0), source)], () => Val.simd('v128', 95, [source]), exact)));
  }),
];

// ---- by element

const BY_ELEMENT: readonly (readonly [name: string, U: '0' | '1', opcode: string, op: (c: Emitter, s: Shape, d: () => Val, n: Val, m: Val) => Val])[] = [
  ['FMLA', '0', '0001', (c, s, d, n, m) => fused(c, s, false, c.let(d()), n, m)], ['FMLS', '0', '0101', (c, s, d, n, m) => fused(c, s, true, c.let(d()), n, m)],
  ['FMUL', '0', '1001', (c, s, _, n, m) => product(2)(c, s, n, m)], ['FMULX', '1', '1001', (c, s, _, n, m) => product(8)(c, s, n, m)]];

function byElement(c: Emitter, op: (typeof BY_ELEMENT)[number][3], f: { sz: number; L: Val; H: Val; vm: Reg; vn: Reg; vd: Reg }, q: number | 'scalar'): void {
  const s = shapeOf(precision(f.sz), q), size = f.sz === 0 ? 2 : 3, at = fromLane(f.vm, f.sz === 0 ? f.H.shl(1).or(f.L) : f.H, size);
  c.setV(f.vd, op(c, s, () => operand(c, s, f.vd), c.let(operand(c, s, f.vn)), c.let(c.duplicate(at, size))));
}

const ELEMENTS: readonly Row[] = BY_ELEMENT.flatMap(([name, U, opcode, op]) => [
  insn(`${name} (by element)`, `0 Q:1 ${U} 01111 1 sz:1 L:1 vm:5 ${opcode as '0001'} H:1 0 vn:5 vd:5`, { fix: ['Q', 'sz'], where: full, undef: f => f.sz.and(f.L) }, (c, f) => byElement(c, op, f, f.Q)),
  insn(`${name} (by element, scalar)`, `01 ${U} 11111 1 sz:1 L:1 vm:5 ${opcode as '0001'} H:1 0 vn:5 vd:5`, { fix: ['sz'], undef: f => f.sz.and(f.L) }, (c, f) => byElement(c, op, f, 'scalar')),
]);

// ---- fixed point: immh:immb is twice the size of a lane less the fraction bits

const fractions = (f: { immh: Val; immb: Val }) => ({ fbits: f.immh.shrU(3).select(128, 64).sub(f.immh.shl(3).or(f.immb)) });

function fixedPoint(c: Emitter, f: { vn: Reg; vd: Reg; fbits: Val }, s: Shape, toFixed: boolean, isUnsigned: boolean): void {
  const n = c.let(operand(c, s, f.vn)), fractionBits = c.let(f.fbits);
  c.setV(f.vd, toFixed ? toIntegers(c, s, n, isUnsigned, 3, fractionBits) : fromIntegers(c, s, n, isUnsigned, fractionBits));
}

const FIXED_POINT: readonly Row[] = ([['SCVTF', '0', '11100', false], ['UCVTF', '1', '11100', false], ['FCVTZS', '0', '11111', true], ['FCVTZU', '1', '11111', true]] as const)
  .flatMap(([name, U, opcode, toFixed]) => ([['S', '01--', SINGLE], ['D', '1---', DOUBLE]] as const).flatMap(([letter, size, p]) => {
    const immediate = `immh:4 immb:3` as const, vector = `0 Q:1 ${U} 011110 ${immediate} ${opcode} 1 vn:5 vd:5` as const, scalar = `01 ${U} 111110 ${immediate} ${opcode} 1 vn:5 vd:5` as const;
    const inSize = (f: { immh: number }) => (size === '1---' ? f.immh >= 8 : f.immh >> 2 === 1);
    return [
      insn(`${name} (fixed point, vector, ${letter})`, vector, { fix: ['Q', 'immh'], where: f => inSize(f) && (f.Q === 1 || p === SINGLE), pre: fractions }, (c, f) => fixedPoint(c, f, shapeOf(p, f.Q), toFixed, U === '1')),
      insn(`${name} (fixed point, scalar, ${letter})`, scalar, { fix: ['immh'], where: inSize, pre: fractions }, (c, f) => fixedPoint(c, f, shapeOf(p, 'scalar'), toFixed, U === '1')),
    ];
  }));

export const SIMD_FP: readonly Row[] = [
  ...THREE_SAME.flatMap(threeSameRows), ...FUSED, ...PAIRS, ...ACROSS, ...TWO_REGISTERS.flatMap(twoRegisterRows), ...BETWEEN_FORMATS, ...ELEMENTS, ...FIXED_POINT,
];
