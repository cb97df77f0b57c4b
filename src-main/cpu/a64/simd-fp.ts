/**
 * Floating point on vectors, and the scalar forms of the same encodings (Arm ARM C4.1.96, Advanced SIMD groups).
 * Lanes go through the core's exact arithmetic; add, subtract, multiply, divide and root of full vectors are native
 * where that gives the architected results.
 */
import type { Emitter } from '../translate/emitter.ts';
import { insn, type Reg, type Row } from '../translate/insn.ts';
import * as simd from '../translate/simd.ts';
import { Val } from '../translate/value.ts';
import { DOUBLE, fast, HALF, SINGLE, type Precision } from './fp-common.ts';

const precision = (sz: number) => (sz === 0 ? SINGLE : DOUBLE);
const lanesOf = (p: Precision, q: number) => (q === 0 ? 8 : 16) / p.bytes;
const lane = (c: Emitter, p: Precision, reg: Reg, i: number) => c.element('i64', reg, i * p.bytes, p.bytes === 8 ? undefined : p.bytes);
const signOf = (p: Precision) => (p.bytes === 8 ? 1n << 63n : 1n << 31n);

/** Works out all lanes, then writes them, as operands may be the destination. Lanes are i64s in the format's low bits. */
function writeLanes(c: Emitter, p: Precision, vd: Reg, q: number, values: readonly Val[]): void {
  const kept = values.map(v => c.let(v));
  kept.forEach((value, i) => c.setElement(vd, value, i * p.bytes, p.bytes === 8 ? undefined : p.bytes));
  if (q === 0) c.setElement(vd, Val.i64(0), 8);
}

/** How the two forms of an encoding differ: many lanes, or one with zeros above. */
function eachLane(c: Emitter, p: Precision, vd: Reg, q: number | 'scalar', value: (i: number) => Val): void {
  if (q === 'scalar') c.setScalar(vd, value(0));
  else writeLanes(c, p, vd, q, Array.from({ length: lanesOf(p, q) }, (_, i) => value(i)));
}

const full = (f: { Q: number; sz: number }) => f.Q === 1 || f.sz === 0;

// ---- native vectors

/** Opcodes for f32x4 and f64x2. */
const NATIVE = { add: [228, 240], sub: [229, 241], mul: [230, 242], div: [231, 243], sqrt: [227, 239] } as const;

function allOrdinary(p: Precision, value: Val): Val {
  if (p === SINGLE) {
    const exponents = simd.sub(2, simd.and(simd.shrU(2, value, 23), simd.splat(2, Val.i32(0xff))), simd.splat(2, Val.i32(2)));
    return Val.simd('i32', 163, [simd.gtU(2, simd.splat(2, Val.i32(0xfd)), exponents)]);
  }
  const exponents = simd.sub(3, simd.and(simd.shrU(3, value, 52), simd.splat(3, Val.i64(0x7ff))), simd.splat(3, Val.i64(2)));
  return Val.simd('i32', 195, [simd.and(simd.gtS(3, simd.splat(3, Val.i64(0x7fd)), exponents), simd.geS(3, exponents, simd.ZERO))]);
}

function nativeVector(c: Emitter, p: Precision, op: keyof typeof NATIVE, vd: Reg, args: readonly Val[], exact: () => void): void {
  const result = c.let(Val.simd('v128', NATIVE[op][p === SINGLE ? 0 : 1], args));
  c.if(fast(c).and(allOrdinary(p, result)), () => c.setV(vd, result), exact);
}

// ---- three registers of the same kind

interface ThreeSame { readonly name: string; readonly U: '0' | '1'; readonly a: '0' | '1'; readonly opcode: string; readonly binary?: number; readonly mask?: number; readonly native?: keyof typeof NATIVE; readonly forms: 'vector' | 'both' }
const three = (name: string, U: '0' | '1', a: '0' | '1', opcode: string, rest: Partial<ThreeSame>): ThreeSame => ({ name, U, a, opcode, forms: 'vector', ...rest });
const THREE_SAME: readonly ThreeSame[] = [
  three('FMAXNM', '0', '0', '11000', { binary: 6 }), three('FADD', '0', '0', '11010', { binary: 0, native: 'add' }), three('FMULX', '0', '0', '11011', { binary: 8, forms: 'both' }),
  three('FCMEQ', '0', '0', '11100', { mask: 0, forms: 'both' }), three('FMAX', '0', '0', '11110', { binary: 4 }), three('FRECPS', '0', '0', '11111', { binary: 11, forms: 'both' }),
  three('FMINNM', '0', '1', '11000', { binary: 7 }), three('FSUB', '0', '1', '11010', { binary: 1, native: 'sub' }), three('FMIN', '0', '1', '11110', { binary: 5 }),
  three('FRSQRTS', '0', '1', '11111', { binary: 12, forms: 'both' }), three('FMUL', '1', '0', '11011', { binary: 2, native: 'mul' }), three('FDIV', '1', '0', '11111', { binary: 3, native: 'div' }),
  three('FCMGE', '1', '0', '11100', { mask: 1, forms: 'both' }), three('FACGE', '1', '0', '11101', { mask: 3, forms: 'both' }), three('FABD', '1', '1', '11010', { binary: 10, forms: 'both' }),
  three('FCMGT', '1', '1', '11100', { mask: 2, forms: 'both' }), three('FACGT', '1', '1', '11101', { mask: 4, forms: 'both' }),
];

function threeSame(c: Emitter, k: ThreeSame, p: Precision, q: number | 'scalar', f: { vn: Reg; vm: Reg; vd: Reg }): void {
  const exact = () => eachLane(c, p, f.vd, q, i => (k.mask !== undefined
    ? c.call('floatCompareMask', p.format, k.mask, lane(c, p, f.vn, i), lane(c, p, f.vm, i))
    : c.call('floatBinary', k.binary ?? 0, p.format, lane(c, p, f.vn, i), lane(c, p, f.vm, i))));
  if (k.native !== undefined && q === 1) nativeVector(c, p, k.native, f.vd, [c.v(f.vn), c.v(f.vm)], exact);
  else exact();
}

const threeSameRows = (k: ThreeSame): Row[] => [
  insn(`${k.name} (vector)`, `0 Q:1 ${k.U} 01110 ${k.a} sz:1 1 vm:5 ${k.opcode as '11000'} 1 vn:5 vd:5`, { fix: ['Q', 'sz'], where: full }, (c, f) => threeSame(c, k, precision(f.sz), f.Q, f)),
  ...(k.forms === 'both' ? [insn(`${k.name} (scalar)`, `01 ${k.U} 11110 ${k.a} sz:1 1 vm:5 ${k.opcode as '11000'} 1 vn:5 vd:5`, { fix: ['sz'] }, (c, f) => threeSame(c, k, precision(f.sz), 'scalar', f))] : []),
];

const FUSED: readonly Row[] = ([['FMLA', '0'], ['FMLS', '1']] as const).map(([name, a]) =>
  insn(`${name} (vector)`, `0 Q:1 0 01110 ${a} sz:1 1 vm:5 11001 1 vn:5 vd:5`, { fix: ['Q', 'sz'], where: full }, (c, f) => {
    const p = precision(f.sz);
    eachLane(c, p, f.vd, f.Q, i => fused(c, p, a === '1', lane(c, p, f.vd, i), lane(c, p, f.vn, i), lane(c, p, f.vm, i)));
  }));

function fused(c: Emitter, p: Precision, negate: boolean, addend: Val, n: Val, m: Val): Val {
  return c.call('floatMultiplyAdd', p.format, addend, negate ? n.xor(signOf(p)) : n, m);
}

// ---- pairs and whole vectors

const PAIRWISE = [['FMAXNMP', '0', '11000', '01100', 6], ['FADDP', '0', '11010', '01101', 0], ['FMAXP', '0', '11110', '01111', 4], ['FMINNMP', '1', '11000', '01100', 7], ['FMINP', '1', '11110', '01111', 5]] as const;
const PAIRS: readonly Row[] = PAIRWISE.flatMap(([name, a, opcode, scalarOpcode, op]) => [
  insn(`${name} (vector)`, `0 Q:1 1 01110 ${a} sz:1 1 vm:5 ${opcode} 1 vn:5 vd:5`, { fix: ['Q', 'sz'], where: full }, (c, f) => {
    const p = precision(f.sz), half = lanesOf(p, f.Q) / 2;
    eachLane(c, p, f.vd, f.Q, i => {
      const from = i < half ? f.vn : f.vm, at = 2 * (i % half);
      return c.call('floatBinary', op, p.format, lane(c, p, from, at), lane(c, p, from, at + 1));
    });
  }),
  insn(`${name} (scalar)`, `01 1 11110 ${a} sz:1 11000 ${scalarOpcode} 10 vn:5 vd:5`, { fix: ['sz'] }, (c, f) => {
    const p = precision(f.sz);
    c.setScalar(f.vd, c.call('floatBinary', op, p.format, lane(c, p, f.vn, 0), lane(c, p, f.vn, 1)));
  }),
]);

const ACROSS: readonly Row[] = ([['FMAXNMV', '0', '01100', 6], ['FMINNMV', '1', '01100', 7], ['FMAXV', '0', '01111', 4], ['FMINV', '1', '01111', 5]] as const).map(([name, a, opcode, op]) =>
  insn(name, `0 1 1 01110 ${a} 0 11000 ${opcode} 10 vn:5 vd:5`, {}, (c, f) => {
    const two = (i: number) => c.call('floatBinary', op, 1, lane(c, SINGLE, f.vn, i), lane(c, SINGLE, f.vn, i + 1));
    c.setScalar(f.vd, c.call('floatBinary', op, 1, two(0), two(2)));
  }));

// ---- two registers

type Lane = (c: Emitter, p: Precision, value: Val) => Val;
interface TwoRegisters { readonly name: string; readonly U: '0' | '1'; readonly a: '0' | '1'; readonly opcode: string; readonly lane: Lane; readonly native?: 'sqrt'; readonly forms: 'vector' | 'both' | 'scalar' }
const two = (name: string, U: '0' | '1', a: '0' | '1', opcode: string, forms: TwoRegisters['forms'], body: Lane): TwoRegisters => ({ name, U, a, opcode, forms, lane: body });
const rounding = (name: string, U: '0' | '1', a: '0' | '1', opcode: string, mode: number, exact = 0) =>
  two(name, U, a, opcode, 'vector', (c, p, v) => c.call('floatRoundIntegral', p.format, v, mode, exact));
const toInteger = (name: string, U: '0' | '1', a: '0' | '1', opcode: string, mode: number) =>
  two(name, U, a, opcode, 'both', (c, p, v) => c.call('floatToInteger', p.format, v, 8 * p.bytes, U === '1' ? 1 : 0, mode, 0));
const compareZero = (name: string, U: '0' | '1', opcode: string, kind: number, swap = false) =>
  two(name, U, '1', opcode, 'both', (c, p, v) => c.call('floatCompareMask', p.format, kind, swap ? 0n : v, swap ? v : 0n));

const TWO_REGISTERS: readonly TwoRegisters[] = [
  rounding('FRINTN', '0', '0', '11000', 0), rounding('FRINTM', '0', '0', '11001', 2), rounding('FRINTP', '0', '1', '11000', 1), rounding('FRINTZ', '0', '1', '11001', 3),
  rounding('FRINTA', '1', '0', '11000', 4), rounding('FRINTX', '1', '0', '11001', -1, 1), rounding('FRINTI', '1', '1', '11001', -1),
  toInteger('FCVTNS', '0', '0', '11010', 0), toInteger('FCVTMS', '0', '0', '11011', 2), toInteger('FCVTAS', '0', '0', '11100', 4), toInteger('FCVTPS', '0', '1', '11010', 1), toInteger('FCVTZS', '0', '1', '11011', 3),
  toInteger('FCVTNU', '1', '0', '11010', 0), toInteger('FCVTMU', '1', '0', '11011', 2), toInteger('FCVTAU', '1', '0', '11100', 4), toInteger('FCVTPU', '1', '1', '11010', 1), toInteger('FCVTZU', '1', '1', '11011', 3),
  two('SCVTF', '0', '0', '11101', 'both', (c, p, v) => c.call('integerToFloat', p.format, p === SINGLE ? v.sextFrom(32) : v, 0, 0)),
  two('UCVTF', '1', '0', '11101', 'both', (c, p, v) => c.call('integerToFloat', p.format, v, 1, 0)),
  compareZero('FCMGT', '0', '01100', 2), compareZero('FCMEQ', '0', '01101', 0), compareZero('FCMLT', '0', '01110', 2, true), compareZero('FCMGE', '1', '01100', 1), compareZero('FCMLE', '1', '01101', 1, true),
  two('FABS', '0', '1', '01111', 'vector', (_, p, v) => v.and(signOf(p) - 1n)), two('FNEG', '1', '1', '01111', 'vector', (_, p, v) => v.xor(signOf(p))),
  two('FRECPE', '0', '1', '11101', 'both', (c, p, v) => c.call('floatReciprocalEstimate', p.format, v)),
  two('FRSQRTE', '1', '1', '11101', 'both', (c, p, v) => c.call('floatRootEstimate', p.format, v)),
  two('FRECPX', '0', '1', '11111', 'scalar', (c, p, v) => c.call('floatReciprocalExponent', p.format, v)),
  { ...two('FSQRT', '1', '1', '11111', 'vector', (c, p, v) => c.call('floatSquareRoot', p.format, v)), native: 'sqrt' },
];

const twoRegisterRows = (k: TwoRegisters): Row[] => {
  const zero = k.opcode.startsWith('011') && k.opcode !== '01111' ? 'zero, ' : '';
  return [
    ...(k.forms !== 'scalar' ? [insn(`${k.name} (${zero}vector)`, `0 Q:1 ${k.U} 01110 ${k.a} sz:1 10000 ${k.opcode as '11000'} 10 vn:5 vd:5`, { fix: ['Q', 'sz'], where: full }, (c, f) => {
      const p = precision(f.sz), exact = () => eachLane(c, p, f.vd, f.Q, i => k.lane(c, p, lane(c, p, f.vn, i)));
      if (k.native !== undefined && f.Q === 1) nativeVector(c, p, k.native, f.vd, [c.v(f.vn)], exact);
      else exact();
    })] : []),
    ...(k.forms !== 'vector' ? [insn(`${k.name} (${zero}scalar, SIMD)`, `01 ${k.U} 11110 ${k.a} sz:1 10000 ${k.opcode as '11000'} 10 vn:5 vd:5`, { fix: ['sz'] }, (c, f) => {
      const p = precision(f.sz);
      eachLane(c, p, f.vd, 'scalar', i => k.lane(c, p, lane(c, p, f.vn, i)));
    })] : []),
  ];
};

// ---- between formats: the narrow side is the lower half, or with Q the upper one

const NARROW = [[SINGLE, HALF], [DOUBLE, SINGLE]] as const;

function narrowing(c: Emitter, f: { Q: number; sz: number; vn: Reg; vd: Reg }, toOdd: number): void {
  const [wide, small] = NARROW[f.sz === 0 ? 0 : 1], count = 16 / wide.bytes;
  const values = Array.from({ length: count }, (_, i) => c.let(c.call('floatConvert', wide.format, small.format, lane(c, wide, f.vn, i), toOdd)));
  values.forEach((value, i) => c.setElement(f.vd, value, 8 * f.Q + i * small.bytes, small.bytes));
  if (f.Q === 0) c.setElement(f.vd, Val.i64(0), 8);
}

const BETWEEN_FORMATS: readonly Row[] = [
  insn('FCVTN', '0 Q:1 0 01110 0 sz:1 10000 10110 10 vn:5 vd:5', { fix: ['Q', 'sz'] }, (c, f) => narrowing(c, f, 0)),
  insn('FCVTXN (vector)', '0 Q:1 1 01110 0 sz:1 10000 10110 10 vn:5 vd:5', { fix: ['Q', 'sz'], where: f => f.sz === 1 }, (c, f) => narrowing(c, f, 1)),
  insn('FCVTXN (scalar)', '01 1 11110 0 1 10000 10110 10 vn:5 vd:5', {}, (c, f) => c.setScalar(f.vd, c.call('floatConvert', 2, 1, lane(c, DOUBLE, f.vn, 0), 1))),
  insn('FCVTL', '0 Q:1 0 01110 0 sz:1 10000 10111 10 vn:5 vd:5', { fix: ['Q', 'sz'] }, (c, f) => {
    const [wide, small] = NARROW[f.sz === 0 ? 0 : 1];
    writeLanes(c, wide, f.vd, 1, Array.from({ length: 16 / wide.bytes }, (_, i) =>
      c.call('floatConvert', small.format, wide.format, c.element('i64', f.vn, 8 * f.Q + i * small.bytes, small.bytes), 0)));
  }),
];

// ---- by element

const BY_ELEMENT = [['FMLA', '0', '0001'], ['FMLS', '0', '0101'], ['FMUL', '0', '1001'], ['FMULX', '1', '1001']] as const;

function byElement(c: Emitter, name: string, f: { sz: number; L: Val; H: Val; vm: Reg; vn: Reg; vd: Reg }, q: number | 'scalar'): void {
  const p = precision(f.sz), index = f.sz === 0 ? f.H.shl(1).or(f.L) : f.H;
  const at: Reg = { ...f.vm, offset: f.vm.offset.add(index.shl(f.sz === 0 ? 2 : 3)) }, m = c.let(lane(c, p, at, 0));
  eachLane(c, p, f.vd, q, i => (name.startsWith('FML')
    ? fused(c, p, name === 'FMLS', lane(c, p, f.vd, i), lane(c, p, f.vn, i), m)
    : c.call('floatBinary', name === 'FMULX' ? 8 : 2, p.format, lane(c, p, f.vn, i), m)));
}

const ELEMENTS: readonly Row[] = BY_ELEMENT.flatMap(([name, U, opcode]) => [
  insn(`${name} (by element)`, `0 Q:1 ${U} 01111 1 sz:1 L:1 vm:5 ${opcode} H:1 0 vn:5 vd:5`, { fix: ['Q', 'sz'], where: full, undef: f => f.sz.and(f.L) }, (c, f) => byElement(c, name, f, f.Q)),
  insn(`${name} (by element, scalar)`, `01 ${U} 11111 1 sz:1 L:1 vm:5 ${opcode} H:1 0 vn:5 vd:5`, { fix: ['sz'], undef: f => f.sz.and(f.L) }, (c, f) => byElement(c, name, f, 'scalar')),
]);

// ---- fixed point: immh:immb is twice the size of a lane less the fraction bits

const fractions = (f: { immh: Val; immb: Val }) => ({ fbits: f.immh.shrU(3).select(128, 64).sub(f.immh.shl(3).or(f.immb)) });

function fixedPoint(c: Emitter, f: { vn: Reg; vd: Reg; fbits: Val }, p: Precision, q: number | 'scalar', toFixed: boolean, isUnsigned: number): void {
  eachLane(c, p, f.vd, q, i => {
    const value = lane(c, p, f.vn, i);
    if (toFixed) return c.call('floatToInteger', p.format, value, 8 * p.bytes, isUnsigned, 3, f.fbits);
    return c.call('integerToFloat', p.format, p === SINGLE && isUnsigned === 0 ? value.sextFrom(32) : value, isUnsigned, f.fbits);
  });
}

const FIXED_POINT: readonly Row[] = ([['SCVTF', '0', '11100', false], ['UCVTF', '1', '11100', false], ['FCVTZS', '0', '11111', true], ['FCVTZU', '1', '11111', true]] as const)
  .flatMap(([name, U, opcode, toFixed]) => ([['S', '01--', SINGLE], ['D', '1---', DOUBLE]] as const).flatMap(([letter, size, p]) => {
    const immediate = `immh:4 immb:3` as const, vector = `0 Q:1 ${U} 011110 ${immediate} ${opcode} 1 vn:5 vd:5` as const, scalar = `01 ${U} 111110 ${immediate} ${opcode} 1 vn:5 vd:5` as const;
    const inSize = (f: { immh: number }) => (size === '1---' ? f.immh >= 8 : f.immh >> 2 === 1);
    return [
      insn(`${name} (fixed point, vector, ${letter})`, vector, { fix: ['Q', 'immh'], where: f => inSize(f) && (f.Q === 1 || p === SINGLE), pre: fractions }, (c, f) => fixedPoint(c, f, p, f.Q, toFixed, Number(U))),
      insn(`${name} (fixed point, scalar, ${letter})`, scalar, { fix: ['immh'], where: inSize, pre: fractions }, (c, f) => fixedPoint(c, f, p, 'scalar', toFixed, Number(U))),
    ];
  }));

export const SIMD_FP: readonly Row[] = [
  ...THREE_SAME.flatMap(threeSameRows), ...FUSED, ...PAIRS, ...ACROSS, ...TWO_REGISTERS.flatMap(twoRegisterRows), ...BETWEEN_FORMATS, ...ELEMENTS, ...FIXED_POINT,
];
