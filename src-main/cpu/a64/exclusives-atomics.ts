/** Exclusive loads and stores, and the atomics of FEAT_LSE (Arm ARM C4.1.94). Ordering is always sequential here. */
import { MONITOR_HIGH, MONITOR_LOW } from '../layout.ts';
import type { Emitter } from '../translate/emitter.ts';
import { insn, type Reg, type Row } from '../translate/insn.ts';
import type { Val } from '../translate/value.ts';

const SIZES = [['B', '00', 0], ['H', '01', 1], [' (32-bit)', '10', 2], [' (64-bit)', '11', 3]] as const;
const PAIR_SIZES = [[' (32-bit)', '0', 2], [' (64-bit)', '1', 3]] as const;

/** Bit 15 is the acquire or release form, which is the same here. */
const EXCLUSIVES: readonly Row[] = SIZES.flatMap(([suffix, size, log2]) => [
  insn(`LDXR${suffix}`, `${size} 001000 0 1 0 ----- o0:1 ----- rn.sp:5 rt.d:5`, {}, (c, f) => c.setX(f.rt, c.callOrFault('loadExclusive', c.x(f.rn), log2))),
  insn(`STXR${suffix}`, `${size} 001000 0 0 0 rs.d:5 o0:1 ----- rn.sp:5 rt:5`, {},
    (c, f) => c.setW(f.rs, c.callOrFault('storeExclusive', c.x(f.rn), log2, c.x(f.rt)))),
]);

const PAIRS: readonly Row[] = PAIR_SIZES.flatMap(([suffix, size, log2]) => [
  insn(`LDXP${suffix}`, `1${size} 001000 0 1 1 ----- o0:1 rt2.d:5 rn.sp:5 rt.d:5` as '10 001000 0 1 1 ----- o0:1 rt2.d:5 rn.sp:5 rt.d:5', {}, (c, f) => {
    c.runOrFault('loadExclusivePair', c.x(f.rn), log2);
    setPair(c, f.rt, f.rt2);
  }),
  insn(`STXP${suffix}`, `1${size} 001000 0 0 1 rs.d:5 o0:1 rt2:5 rn.sp:5 rt:5` as '10 001000 0 0 1 rs.d:5 o0:1 rt2:5 rn.sp:5 rt:5', {},
    (c, f) => c.setW(f.rs, c.callOrFault('storeExclusivePair', c.x(f.rn), log2, c.x(f.rt), c.x(f.rt2)))),
  insn(`CASP${suffix}`, `0${size} 001000 0 o1:1 1 rs:5 o0:1 11111 rn.sp:5 rt:5` as '00 001000 0 o1:1 1 rs:5 o0:1 11111 rn.sp:5 rt:5', { undef: f => f.rs.or(f.rt).and(1) }, (c, f) => {
    const next = (r: Reg): Reg => ({ ...r, offset: r.offset.add(8) });
    c.runOrFault('compareAndSwapPair', c.x(f.rn), log2, c.x(f.rs), c.x(next(f.rs)), c.x(f.rt), c.x(next(f.rt)));
    setPair(c, f.rs, next(f.rs));
  }),
]);

/** The core leaves a pair of values in the monitor's fields. */
function setPair(c: Emitter, low: Reg, high: Reg): void {
  c.setX(low, c.get('i64', MONITOR_LOW));
  c.setX(high, c.get('i64', MONITOR_HIGH));
}

const OPERATIONS = ['LDADD', 'LDCLR', 'LDEOR', 'LDSET', 'LDSMAX', 'LDSMIN', 'LDUMAX', 'LDUMIN'];
const OPC = ['000', '001', '010', '011', '100', '101', '110', '111'] as const;

function atomic(c: Emitter, f: { rn: Reg; rs: Reg; rt: Reg }, log2: number, op: number): void {
  c.setX(f.rt, c.callOrFault('atomic', c.x(f.rn), log2, op, c.x(f.rs)));
}

const ATOMICS: readonly Row[] = SIZES.flatMap(([suffix, size, log2]) => [
  ...OPERATIONS.map((name, op) => insn(`${name}${suffix}`, `${size} 111 0 00 A:1 R:1 1 rs:5 0 ${OPC[op] ?? '000'} 00 rn.sp:5 rt.d:5`, {}, (c, f) => atomic(c, f, log2, op))),
  insn(`SWP${suffix}`, `${size} 111 0 00 A:1 R:1 1 rs:5 1 000 00 rn.sp:5 rt.d:5`, {}, (c, f) => atomic(c, f, log2, 8)),
  insn(`CAS${suffix}`, `${size} 001000 1 L:1 1 rs:5 o0:1 11111 rn.sp:5 rt:5`, {}, (c, f) => {
    const old: Val = c.callOrFault('compareAndSwap', c.x(f.rn), log2, c.x(f.rs), c.x(f.rt));
    c.setX(f.rs, old);
  }),
]);

export const EXCLUSIVES_ATOMICS: readonly Row[] = [...EXCLUSIVES, ...PAIRS, ...ATOMICS];
