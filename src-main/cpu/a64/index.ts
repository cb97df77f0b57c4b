/** Every A64 instruction that the CPU has, in the order of the manual's groups. */
import type { Row, Variant } from '../translate/insn.ts';
import { ADD_SUBTRACT } from './add-subtract.ts';
import { BRANCHES } from './branches.ts';
import { DATA_PROCESSING } from './data-processing.ts';
import { EXCLUSIVES_ATOMICS } from './exclusives-atomics.ts';
import { FP_SCALAR } from './fp-scalar.ts';
import { LOADS_STORES } from './loads-stores.ts';
import { LOGICAL } from './logical.ts';
import { SIMD_FP } from './simd-fp.ts';
import { SIMD_LOADS_STORES } from './simd-loads-stores.ts';
import { SIMD_COPY } from './simd-copy.ts';
import { SIMD_PERMUTE } from './simd-permute.ts';
import { SIMD_SHIFT_IMMEDIATE } from './simd-shift-immediate.ts';
import { SIMD_STRUCTURES } from './simd-structures.ts';
import { SIMD_THREE_DIFFERENT } from './simd-three-different.ts';
import { SIMD_THREE_SAME } from './simd-three-same.ts';
import { SIMD_TWO_REGISTERS } from './simd-two-registers.ts';
import { SYSTEM } from './system.ts';

export const A64: readonly Row[] = [...ADD_SUBTRACT, ...LOGICAL, ...DATA_PROCESSING, ...BRANCHES, ...SYSTEM, ...LOADS_STORES, ...EXCLUSIVES_ATOMICS,
  ...FP_SCALAR, ...SIMD_FP, ...SIMD_LOADS_STORES, ...SIMD_STRUCTURES, ...SIMD_COPY, ...SIMD_PERMUTE, ...SIMD_THREE_SAME, ...SIMD_THREE_DIFFERENT, ...SIMD_TWO_REGISTERS, ...SIMD_SHIFT_IMMEDIATE];

/** Instructions that make up nearly all of a Linux boot; their handlers are inlined in the interpreter's loop. */
const HOT = new RegExp('^(' + [
  'ADDS? \\((immediate|shifted register)\\)', 'SUBS? \\((immediate|shifted register)\\)', 'ADD \\(extended register\\)', 'ANDS? \\((immediate|shifted register)\\)',
  'ORR \\((immediate|shifted register)\\)', 'EOR \\(shifted register\\)', 'BIC \\(shifted register\\)', 'MOV \\(register\\)', 'MOVZ', 'MOVN', 'MOVK', 'UBFM', 'SBFM', 'BFM', 'ADR', 'ADRP', 'B', 'BL', 'B\\.cond', 'CBZ', 'CBNZ', 'TBZ', 'TBNZ', 'BR', 'BLR', 'RET',
  'CSEL', 'CSINC', 'CCMP \\(immediate\\)', 'MADD', 'LSLV', 'LSRV', '(LDR|STR) \\((64|32)-bit\\) \\((unsigned offset|register|post-index|pre-index)\\)', '(LDR|STR)[BH] \\((unsigned offset|register|post-index)\\)',
  'LDRSW \\(unsigned offset\\)', '(LDP|STP) \\(SIMD&FP, Q\\) .*', '(LDR|STR) \\(SIMD&FP, Q\\) \\(unsigned offset\\)', '(LDUR|STUR) \\((64|32)-bit\\)', '(LDP|STP) \\(64-bit\\) \\(.*\\)', 'HINT',
].join('|') + ')$');

export function isHot({ row, fixed }: Variant): boolean {
  if (!HOT.test(row.name)) return false;
  if (/shifted register/.test(row.name)) return fixed.shift === 0 || fixed.shift === 1;
  if (/extended register/.test(row.name)) return fixed.sf === 1 && (fixed.option === 2 || fixed.option === 6);
  if (/\(register\)$/.test(row.name) && fixed.option !== undefined) return fixed.option === 3 || fixed.option === 2 || fixed.option === 6;
  if (row.name.startsWith('CS') || row.name.startsWith('CCM')) return (fixed.cond ?? 0) < 4 || [8, 9].includes(fixed.cond ?? 0);
  return true;
}
