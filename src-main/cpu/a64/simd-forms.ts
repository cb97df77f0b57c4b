/** What the Advanced SIMD groups share: 64-bit forms, neighbours of a register, lane numbers. */
import { STRUCTURE, V } from '../layout.ts';
import type { Emitter } from '../translate/emitter.ts';
import type { Reg } from '../translate/insn.ts';
import { and, constant, lowHalf, ZERO, type LaneSize } from '../translate/simd.ts';
import { Val } from '../translate/value.ts';
import { LANES_Q, LANES_SCALAR, LANES_SIZE } from '../vector-operations.ts';

/** Writes a result; the 64-bit form clears the upper half. */
export function setVector(c: Emitter, q: number, vd: Reg, value: Val): void { c.setV(vd, q !== 0 ? value : lowHalf(value)); }

/** The lowest bytes of a vector with zeros above. */
export function lowest(bytes: number, value: Val): Val {
  if (bytes >= 8) return bytes === 16 ? value : lowHalf(value);
  return bytes === 4 ? Val.simd('v128', 28, [ZERO, Val.simd('i32', 27, [value], [0])], [0]) : and(value, constant(Array.from({ length: 16 }, (_, i) => (i < bytes ? 0xff : 0))));
}

/** The n-th register after this one; V0 follows V31. */
export function nextVector(reg: Reg, n: number): Reg {
  return n === 0 ? reg : { ...reg, offset: reg.offset.add(16 * n).and(0x1f0).or(V) };
}

/** A register's part that begins with a lane chosen at run time. */
export function fromLane(reg: Reg, index: Val, size: LaneSize): Reg { return { ...reg, offset: reg.offset.add(index.shl(size)) }; }

export const laneCount = (q: number, size: LaneSize) => (q !== 0 ? 16 : 8) >> size;

/** Q = 0 has no vector of one 64-bit lane. */
export const notOneDouble = (f: { readonly Q: number; readonly size: number }) => f.size !== 3 || f.Q !== 0;

// ---- operations that the core does lane by lane

export const formOf = (f: { readonly Q?: number; readonly size: number }) => (f.size << LANES_SIZE) | (f.Q === undefined ? LANES_SCALAR : f.Q !== 0 ? LANES_Q : 0);

/** The result of an operation on vectors that need not be in registers. */
export function lanesOf(c: Emitter, what: number, n: Val, m: Val): Val {
  c.put(STRUCTURE, m);
  c.put(STRUCTURE + 16, n);
  c.run('vectorLanes', what, STRUCTURE + 16, STRUCTURE + 16, STRUCTURE);
  return c.let(c.get('v128', STRUCTURE + 16));
}

/** `vm` may be a vector that is in no register. */
export function runLanes(c: Emitter, what: number, vd: Reg, vn: Reg, vm: Reg | Val): void {
  if (vm instanceof Val) c.put(STRUCTURE, vm);
  c.inBlock(vm instanceof Val ? [vn, vd] : [vn, vm, vd], [vd], () => c.run('vectorLanes', what, vd.offset, vn.offset, vm instanceof Val ? STRUCTURE : vm.offset));
}
