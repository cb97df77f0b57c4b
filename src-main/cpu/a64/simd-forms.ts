/** What the Advanced SIMD groups share: 64-bit forms, neighbours of a register, lane numbers. */
import { V } from '../layout.ts';
import type { Emitter } from '../translate/emitter.ts';
import type { Reg } from '../translate/insn.ts';
import { lowHalf, type LaneSize } from '../translate/simd.ts';
import type { Val } from '../translate/value.ts';

/** Writes a result; the 64-bit form clears the upper half. */
export function setVector(c: Emitter, q: number, vd: Reg, value: Val): void { c.setV(vd, q !== 0 ? value : lowHalf(value)); }

/** The n-th register after this one; V0 follows V31. */
export function nextVector(reg: Reg, n: number): Reg {
  return n === 0 ? reg : { ...reg, offset: reg.offset.add(16 * n).and(0x1f0).or(V) };
}

/** A register's part that begins with a lane chosen at run time. */
export function fromLane(reg: Reg, index: Val, size: LaneSize): Reg { return { ...reg, offset: reg.offset.add(index.shl(size)) }; }

export const laneCount = (q: number, size: LaneSize) => (q !== 0 ? 16 : 8) >> size;

/** Q = 0 has no vector of one 64-bit lane. */
export const notOneDouble = (f: { readonly Q: number; readonly size: number }) => f.size !== 3 || f.Q !== 0;
