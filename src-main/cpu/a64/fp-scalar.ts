/** Scalar floating point: arithmetic, comparison, rounding, conversion (Arm ARM C4.1.96). Half precision only converts. */
import type { Emitter } from '../translate/emitter.ts';
import { insn, type Reg, type Row } from '../translate/insn.ts';
import { Val } from '../translate/value.ts';
import {
  DOUBLE, fast, flushing, fromBits, HALF, lowestLane, multiplyAdd, native, nativeOrExact, number, PRECISIONS, scalarBits, scalarFloat, SINGLE, type Precision,
} from './fp-common.ts';
import { roundedTo, type Rounding } from './fp-lanes.ts';

const signBit = (p: Precision) => (p.bytes === 8 ? 1n << 63n : 1n << 31n);

/** Writes a native result that is exact but for NaNs and flushed operands. */
function numberOrExact(c: Emitter, p: Precision, vd: Reg, result: Val, exact: () => Val): void {
  const value = c.let(result);
  c.setScalar(vd, c.chooseIfAll(p.float, [flushing(c).eqz(), native(p, 'eq', value, value)], () => value, () => fromBits(p, exact())));
}

function rounded(c: Emitter, p: Precision, value: Val, mode: Rounding): Val {
  if (mode === 4) return lowestLane(p, roundedTo(c, p, 4, Val.simd('v128', p === DOUBLE ? 20 : 19, [value])));
  return mode === 3 ? native(p, 'trunc', value) : native(p, (['nearest', 'ceil', 'floor'] as const)[mode], value);
}
const powerOfTwo = (p: Precision, by: Val) => fromBits(p, p === DOUBLE ? by.add(1023).zext().shl(52) : by.add(127).shl(23).zext());

// ---- two sources

const by = (op: 'add' | 'sub' | 'mul' | 'div') => (p: Precision, n: Val, m: Val) => native(p, op, n, m);
const BINARY = [
  { name: 'FMUL', opcode: '0000', op: 2, native: by('mul') }, { name: 'FDIV', opcode: '0001', op: 3, native: by('div') },
  { name: 'FADD', opcode: '0010', op: 0, native: by('add') }, { name: 'FSUB', opcode: '0011', op: 1, native: by('sub') },
  { name: 'FMAX', opcode: '0100', op: 4, order: 'max' }, { name: 'FMIN', opcode: '0101', op: 5, order: 'min' },
  { name: 'FMAXNM', opcode: '0110', op: 6, order: 'max' }, { name: 'FMINNM', opcode: '0111', op: 7, order: 'min' }, { name: 'FNMUL', opcode: '1000', op: 9, native: (p: Precision, n: Val, m: Val) => native(p, 'neg', native(p, 'mul', n, m)) },
] as const;

function binaryRow(p: Precision, k: (typeof BINARY)[number]): Row {
  return insn(`${k.name} (scalar, ${p.letter})`, `000 11110 ${p.ftype} 1 vm:5 ${k.opcode} 10 vn:5 vd:5`, {}, (c, f) => {
    const exact = () => c.call('floatBinary', k.op, p.format, scalarBits(c, p, f.vn), scalarBits(c, p, f.vm));
    const n = scalarFloat(c, p, f.vn), m = scalarFloat(c, p, f.vm);
    if ('order' in k) numberOrExact(c, p, f.vd, native(p, k.order, n, m), exact);
    else nativeOrExact(c, p, f.vd, k.native(p, n, m), k.name === 'FADD' || k.name === 'FSUB' ? {} : { rounded: true }, exact);
  });
}

// ---- three sources: addend + n * m, with operands negated first

const FUSED = [
  { name: 'FMADD', o1: '0', o0: '0' }, { name: 'FMSUB', o1: '0', o0: '1' }, { name: 'FNMADD', o1: '1', o0: '0' }, { name: 'FNMSUB', o1: '1', o0: '1' },
] as const;

function fusedRow(p: Precision, { name, o1, o0 }: (typeof FUSED)[number]): Row {
  const negateAddend = o1 === '1', negateProduct = o1 !== o0;
  return insn(`${name} (${p.letter})`, `000 11111 ${p.ftype} ${o1} vm:5 ${o0} va:5 vn:5 vd:5`, {}, (c, f) => {
    const sign = (v: Val, negate: boolean) => (negate ? v.xor(signBit(p)) : v);
    const vector = (reg: Reg) => c.lowest(reg, p.bytes === 8 ? 8 : 4), sum = multiplyAdd(p, vector(f.va), vector(f.vn), vector(f.vm), negateAddend, negateProduct);
    nativeOrExact(c, p, f.vd, lowestLane(p, sum), { rounded: true, fused: true },
      () => c.call('floatMultiplyAdd', p.format, sign(scalarBits(c, p, f.va), negateAddend), sign(scalarBits(c, p, f.vn), negateProduct), scalarBits(c, p, f.vm)));
  });
}

// ---- one source

const ROUNDING = [['N', '000', 0, 0], ['P', '001', 1, 0], ['M', '010', 2, 0], ['Z', '011', 3, 0], ['A', '100', 4, 0], ['X', '110', -1, 1], ['I', '111', -1, 0]] as const;

const unaryRows = (p: Precision): readonly Row[] => [
  insn(`FABS (scalar, ${p.letter})`, `000 11110 ${p.ftype} 1 000001 10000 vn:5 vd:5`, {}, (c, f) => c.setScalar(f.vd, scalarBits(c, p, f.vn).and(signBit(p) - 1n))),
  insn(`FNEG (scalar, ${p.letter})`, `000 11110 ${p.ftype} 1 000010 10000 vn:5 vd:5`, {}, (c, f) => c.setScalar(f.vd, scalarBits(c, p, f.vn).xor(signBit(p)))),
  insn(`FSQRT (scalar, ${p.letter})`, `000 11110 ${p.ftype} 1 000011 10000 vn:5 vd:5`, {}, (c, f) =>
    nativeOrExact(c, p, f.vd, native(p, 'sqrt', scalarFloat(c, p, f.vn)), {}, () => c.call('floatSquareRoot', p.format, scalarBits(c, p, f.vn)))),
  ...ROUNDING.map(([letter, opcode, mode, inexact]) => insn(`FRINT${letter} (scalar, ${p.letter})`, `000 11110 ${p.ftype} 1 001${opcode} 10000 vn:5 vd:5`, {}, (c, f) => {
    const exact = () => c.call('floatRoundIntegral', p.format, scalarBits(c, p, f.vn), mode, inexact);
    if (mode === -1) nativeOrExact(c, p, f.vd, native(p, 'nearest', scalarFloat(c, p, f.vn)), {}, exact);
    else numberOrExact(c, p, f.vd, rounded(c, p, scalarFloat(c, p, f.vn), mode), exact);
  })),
];

const CONVERSIONS = [[SINGLE, DOUBLE, '01'], [SINGLE, HALF, '11'], [DOUBLE, SINGLE, '00'], [DOUBLE, HALF, '11'], [HALF, SINGLE, '00'], [HALF, DOUBLE, '01']] as const;

function conversionRow(from: Precision, to: Precision, opc: '00' | '01' | '11'): Row {
  return insn(`FCVT (${from.letter} to ${to.letter})`, `000 11110 ${from.ftype} 1 0001${opc} 10000 vn:5 vd:5`, {}, (c, f) => {
    const exact = () => c.call('floatConvert', from.format, to.format, scalarBits(c, from, f.vn), 0);
    if (from === HALF || to === HALF) c.setScalar(f.vd, exact());
    else if (to === DOUBLE) numberOrExact(c, to, f.vd, Val.raw('f64', [0xbb], scalarFloat(c, from, f.vn)), exact);
    else nativeOrExact(c, to, f.vd, Val.raw('f32', [0xb6], scalarFloat(c, from, f.vn)), { rounded: true }, exact);
  });
}

// ---- comparison

function compare(c: Emitter, p: Precision, vn: Reg, vm: Reg | undefined, signalAll: number): void {
  const a = c.let(scalarFloat(c, p, vn)), zero = p.float === 'f32' ? Val.f32(0) : Val.f64(0), b = c.let(vm === undefined ? zero : scalarFloat(c, p, vm));
  const numbers = [native(p, 'eq', a, a), ...(vm === undefined ? [] : [native(p, 'eq', b, b)]), flushing(c).eqz()];
  c.setNzcv(c.chooseIfAll('i32', numbers, () => native(p, 'eq', a, b).select(6, native(p, 'lt', a, b).select(8, 2)),
    () => c.call('floatCompare', p.format, scalarBits(c, p, vn), vm === undefined ? 0n : scalarBits(c, p, vm), signalAll)));
}

const compareRows = (p: Precision): readonly Row[] => [[0, 'FCMP'] as const, [1, 'FCMPE'] as const].flatMap(([signalAll, name]) => [
  insn(`${name} (${p.letter})`, `000 11110 ${p.ftype} 1 vm:5 00 1000 vn:5 ${signalAll === 1 ? '1' : '0'}0000` as '000 11110 00 1 vm:5 00 1000 vn:5 00000', {},
    (c, f) => compare(c, p, f.vn, f.vm, signalAll)),
  insn(`${name} (zero, ${p.letter})`, `000 11110 ${p.ftype} 1 ----- 00 1000 vn:5 ${signalAll === 1 ? '1' : '0'}1000` as '000 11110 00 1 ----- 00 1000 vn:5 01000', {},
    (c, f) => compare(c, p, f.vn, undefined, signalAll)),
  insn(`FC${signalAll === 1 ? 'CMPE' : 'CMP'} (${p.letter})`, `000 11110 ${p.ftype} 1 vm:5 cond:4 01 vn:5 ${signalAll === 1 ? '1' : '0'} nzcv:4` as '000 11110 00 1 vm:5 cond:4 01 vn:5 0 nzcv:4', { fix: ['cond'] },
    (c, f) => c.if(c.condition(f.cond), () => compare(c, p, f.vn, f.vm, signalAll), () => c.setNzcv(f.nzcv))),
]);

// ---- integers and fixed point

const TO_INTEGER = [['N', '00', '0', 0], ['P', '01', '0', 1], ['M', '10', '0', 2], ['Z', '11', '0', 3], ['A', '00', '1', 4]] as const;

function toInteger(c: Emitter, p: Precision, f: { sf: number; vn: Reg; rd: Reg }, isUnsigned: 0 | 1, mode: Rounding, fractions: Val): void {
  const exact = () => c.call('floatToInteger', p.format, scalarBits(c, p, f.vn), f.sf !== 0 ? 64 : 32, isUnsigned, mode, fractions);
  const source = scalarFloat(c, p, f.vn), scaled = fractions.number === 0 ? source : native(p, 'mul', source, powerOfTwo(p, fractions));
  const value = c.let(mode === 3 ? scaled : rounded(c, p, scaled, mode));
  const limit = number(p, 2 ** ((f.sf !== 0 ? 64 : 32) - (isUnsigned ^ 1)));
  const fits = isUnsigned !== 0 ? [native(p, 'ge', value, number(p, 0)), native(p, 'lt', value, limit)] : [native(p, 'lt', native(p, 'abs', value), limit)];
  const truncated = () => Val.raw(f.sf !== 0 ? 'i64' : 'i32', [0xfc, (f.sf !== 0 ? 4 : 0) + (p.float === 'f64' ? 2 : 0) + isUnsigned], value);
  c.setX(f.rd, c.chooseIfAll('i64', [fast(c), ...fits], () => truncated().zext(), exact));
}

function fromInteger(c: Emitter, p: Precision, f: { sf: number; rn: Reg; vd: Reg }, isUnsigned: 0 | 1, fractions: Val): void {
  const integer = f.sf !== 0 ? c.x(f.rn) : c.w(f.rn), wide = () => (f.sf !== 0 || isUnsigned !== 0 ? integer.zext() : integer.sext());
  const exact = () => fromBits(p, c.call('integerToFloat', p.format, wide(), isUnsigned, fractions));
  const converted = c.let(Val.raw(p.float, [(p.float === 'f32' ? 0xb2 : 0xb7) + (f.sf !== 0 ? 2 : 0) + isUnsigned], integer));
  // 32 bits always fit a double.
  const condition = f.sf === 0 && p === DOUBLE ? Val.i32(1) : fast(c);
  c.setScalar(f.vd, c.choose(p.float, condition, () => (fractions.number === 0 ? converted : native(p, 'mul', converted, powerOfTwo(p, fractions.like(0).sub(fractions)))), exact));
}

const integerRows = (p: Precision): readonly Row[] => ([0, 1] as const).flatMap(u => {
  const letter = u === 1 ? 'U' : 'S', bit = (u === 1 ? '1' : '0') as '0';
  return [
    ...TO_INTEGER.map(([mode, rmode, high, rounding]) => insn(`FCVT${mode}${letter} (scalar, ${p.letter})`, `sf:1 00 11110 ${p.ftype} 1 ${rmode} ${high}0${bit} 000000 vn:5 rd.d:5` as 'sf:1 00 11110 00 1 00 000 000000 vn:5 rd.d:5',
      { fix: ['sf'] }, (c, f) => toInteger(c, p, f, u, rounding, Val.i32(0)))),
    insn(`${letter}CVTF (scalar, ${p.letter})`, `sf:1 00 11110 ${p.ftype} 1 00 01${bit} 000000 rn:5 vd:5` as 'sf:1 00 11110 00 1 00 010 000000 rn:5 vd:5', { fix: ['sf'] }, (c, f) => fromInteger(c, p, f, u, Val.i32(0))),
    insn(`FCVTZ${letter} (fixed point, ${p.letter})`, `sf:1 00 11110 ${p.ftype} 0 11 00${bit} scale:6 vn:5 rd.d:5` as 'sf:1 00 11110 00 0 11 000 scale:6 vn:5 rd.d:5', { fix: ['sf'], undef: narrowScale },
      (c, f) => toInteger(c, p, f, u, 3, c.let(Val.i32(64).sub(f.scale)))),
    insn(`${letter}CVTF (fixed point, ${p.letter})`, `sf:1 00 11110 ${p.ftype} 0 00 01${bit} scale:6 rn:5 vd:5` as 'sf:1 00 11110 00 0 00 010 scale:6 rn:5 vd:5', { fix: ['sf'], undef: narrowScale },
      (c, f) => fromInteger(c, p, f, u, c.let(Val.i32(64).sub(f.scale)))),
  ];
});
function narrowScale(f: { sf: Val; scale: Val }): Val { return f.sf.eqz().and(f.scale.ltU(32)); }

export const FP_SCALAR: readonly Row[] = [
  ...PRECISIONS.flatMap(p => [...BINARY.map(k => binaryRow(p, k)), ...FUSED.map(k => fusedRow(p, k)), ...unaryRows(p), ...compareRows(p), ...integerRows(p)]),
  ...CONVERSIONS.map(([from, to, opc]) => conversionRow(from, to, opc)),
];

