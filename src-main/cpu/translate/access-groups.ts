/**
 * Accesses of a block that lie close together off one base register: one look-up in the TLB serves them all. Prologues,
 * epilogues and the fields of structures are of this kind.
 */
import type { Instruction } from './control-flow.ts';

/** `low` is from the base register's value before the first of the accesses. */
export interface AccessGroup { readonly base: number; readonly low: number; readonly bytes: number; readonly reads: boolean; readonly writes: boolean }

/** Groups by their first instruction, and all that are in one. */
export interface AccessGroups { readonly at: ReadonlyMap<Instruction, AccessGroup>; readonly members: ReadonlySet<Instruction> }

/** The farther apart, the more often they lie in two pages, and have to be interpreted. */
const MOST_BYTES = 128;

interface Access { readonly base: number; readonly offset: number; readonly bytes: number; readonly isStore: boolean; readonly writeback: number }

/** `moved` is what was added to the base register since the first access. */
interface OpenGroup { readonly members: Instruction[]; moved: number; low: number; high: number; reads: boolean; writes: boolean }

export function findGroups(instructions: readonly Instruction[]): AccessGroups {
  const at = new Map<Instruction, AccessGroup>(), members = new Set<Instruction>(), open = new Map<number, OpenGroup>();
  const close = (base: number) => {
    const group = open.get(base), first = group?.members[0];
    open.delete(base);
    if (group === undefined || first === undefined || group.members.length < 2) return;
    at.set(first, { base, low: group.low, bytes: group.high - group.low, reads: group.reads, writes: group.writes });
    for (const member of group.members) members.add(member);
  };
  const closeAll = () => { for (const base of [...open.keys()]) close(base); };

  for (const instruction of instructions) {
    const access = accessOf(instruction.word);
    if (access !== undefined) {
      join(open, close, instruction, access);
    } else if (instruction.effects.faults) {
      closeAll();
      continue;
    }
    const written = instruction.effects.writes.x;
    for (const base of [...open.keys()]) if ((written & (1 << base)) !== 0 && !(access?.base === base && access.writeback !== 0)) close(base);
  }
  closeAll();
  return { at, members };
}

function join(open: Map<number, OpenGroup>, close: (base: number) => void, instruction: Instruction, { base, offset, bytes, isStore, writeback }: Access): void {
  const before = open.get(base), start = (before?.moved ?? 0) + offset;
  const low = Math.min(before?.low ?? start, start), high = Math.max(before?.high ?? start, start + bytes);
  if (before !== undefined && high - low <= MOST_BYTES) {
    before.members.push(instruction);
    Object.assign(before, { low, high, moved: before.moved + writeback, reads: before.reads || !isStore, writes: before.writes || isStore });
    return;
  }
  close(base);
  open.set(base, { members: [instruction], moved: writeback, low: offset, high: offset + bytes, reads: !isStore, writes: isStore });
}

/** The base register of a load or store; 31 is SP. */
export const baseOf = (word: number): number => (word >>> 5) & 31;

/** Loads and stores with an immediate offset: C4.1.94, LDP and STP; LDR and STR (unsigned immediate); LDUR and STUR, pre- and post-indexed. */
function accessOf(word: number): Access | undefined {
  const field = (shift: number, width: number) => (word >>> shift) & (2 ** width - 1), signed = (shift: number, width: number) => (word << (32 - shift - width)) >> (32 - width);
  const base = baseOf(word), isVector = field(26, 1), kind = field(27, 3);
  if (kind === 5 && field(25, 1) === 0) {
    const opc = field(30, 2), mode = field(23, 2);
    if (opc === 3 || (opc === 1 && isVector === 0)) return undefined;
    const size = isVector !== 0 ? 4 << opc : opc === 0 ? 4 : 8, moved = signed(15, 7) * size;
    return { base, bytes: 2 * size, isStore: field(22, 1) === 0, offset: mode === 1 ? 0 : moved, writeback: mode === 1 || mode === 3 ? moved : 0 };
  }
  const opc = field(22, 2), log2 = isVector !== 0 ? field(30, 2) | (opc >> 1 << 2) : field(30, 2);
  if (kind !== 7 || field(25, 1) !== 0 || log2 > 4 || (isVector === 0 && (opc === 3 ? log2 > 1 : opc === 2 && log2 === 3))) return undefined;
  const isStore = isVector !== 0 ? (opc & 1) === 0 : opc === 0, bytes = 1 << log2;
  if (field(24, 1) === 1) return { base, bytes, isStore, offset: field(10, 12) * bytes, writeback: 0 };
  const mode = field(10, 2), moved = signed(12, 9);
  if (field(21, 1) === 1 || mode === 2) return undefined;
  return { base, bytes, isStore, offset: mode === 1 ? 0 : moved, writeback: mode === 0 ? 0 : moved };
}
