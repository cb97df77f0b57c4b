/**
 * The control flow of a region: blocks within one page, reached from one entry, in reverse postorder with their
 * dominators. Structured code is made of it as Ramsey describes (Beyond Relooper, ICFP 2022).
 */
import { REGION_INSTRUCTIONS } from '../layout.ts';
import type { Decoded, InstructionReader } from './instruction.ts';

export interface Instruction extends Decoded { readonly offset: number }

export interface Block {
  readonly start: number;
  readonly instructions: readonly Instruction[];
  /** Offsets in the page where control may go on within it, the fall-through and the return from a call included. */
  readonly targets: readonly number[];
  /** Number in reverse postorder. */
  order: number;
  dominator: Block | undefined;
  /** Edges that come from blocks before this one. */
  forwardEntries: number;
  isLoop: boolean;
  readonly dominated: Block[];
}

export const PAGE_BYTES = 4096;

export const lastOf = (block: Block): Instruction => block.instructions.at(-1) as Instruction;

/** Byte offset of a relative branch, from its word. */
function displacement({ word, variant, ending }: Decoded): number {
  if (ending === 'jump') return ((word << 6) >> 6) * 4;
  return variant.row.name.startsWith('TB') ? (((word << 13) >> 18)) * 4 : ((word << 8) >> 13) * 4;
}

/** The word at an offset of the page; undefined for code that never ran, which a region leaves out. */
export type WordAt = (offset: number) => number | undefined;

/** The region's blocks in reverse postorder; empty when its first instruction has to be interpreted. */
export function findBlocks(entry: number, wordAt: WordAt, reader: InstructionReader): Block[] {
  const { instructions, leaders } = explore(entry, wordAt, reader);
  const blocks = new Map<number, Block>();
  for (const start of leaders) {
    const block = blockFrom(start, instructions, leaders);
    if (block !== undefined) blocks.set(start, block);
  }
  const first = blocks.get(entry);
  return first === undefined ? [] : analyse(first, blocks);
}

function explore(entry: number, wordAt: WordAt, reader: InstructionReader) {
  const instructions = new Map<number, Instruction>(), leaders = new Set([entry]), work = [entry];
  for (let start = work.shift(); start !== undefined; start = work.shift()) {
    for (let offset = start; offset < PAGE_BYTES && !instructions.has(offset) && instructions.size < REGION_INSTRUCTIONS; offset += 4) {
      const word = wordAt(offset), decoded = word === undefined ? undefined : reader.read(word);
      if (decoded === undefined || decoded.ending === 'interpreted') break;
      const instruction = { ...decoded, offset };
      instructions.set(offset, instruction);
      if (decoded.ending === 'next') continue;
      for (const target of targetsOf(instruction)) if (!leaders.has(target)) { leaders.add(target); work.push(target); }
      break;
    }
  }
  return { instructions, leaders };
}

/** Where control goes on within the page. */
function targetsOf(instruction: Instruction): number[] {
  const { offset, ending } = instruction;
  if (ending === 'leave') return [];
  const all = ending === 'jump' || ending === 'conditional' ? [offset + displacement(instruction)] : [];
  if (ending !== 'jump') all.push(offset + 4);
  return all.filter(target => target >= 0 && target < PAGE_BYTES);
}

function blockFrom(start: number, instructions: ReadonlyMap<number, Instruction>, leaders: ReadonlySet<number>): Block | undefined {
  const list: Instruction[] = [];
  for (let at = instructions.get(start); at !== undefined; at = instructions.get(at.offset + 4)) {
    if (at.offset !== start && leaders.has(at.offset)) break;
    list.push(at);
    if (at.ending !== 'next') break;
  }
  const last = list.at(-1);
  if (last === undefined) return undefined;
  return { start, instructions: list, targets: targetsOf(last), order: -1, dominator: undefined, forwardEntries: 0, isLoop: false, dominated: [] };
}

function analyse(first: Block, blocks: ReadonlyMap<number, Block>): Block[] {
  const order = reversePostorder(first, blocks);
  order.forEach((block, n) => { block.order = n; });
  findDominators(order, blocks);
  for (const block of order) {
    for (const target of block.targets) {
      const to = blocks.get(target);
      if (to === undefined) continue;
      if (to.order > block.order) to.forwardEntries += 1;
      else if (dominates(to, block)) to.isLoop = true;
    }
    block.dominator?.dominated.push(block);
  }
  return order;
}

function reversePostorder(first: Block, blocks: ReadonlyMap<number, Block>): Block[] {
  const done: Block[] = [], seen = new Set<Block>([first]), stack: { block: Block; next: number }[] = [{ block: first, next: 0 }];
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const target = top.block.targets[top.next++];
    if (target === undefined) { done.push(top.block); stack.pop(); continue; }
    const to = blocks.get(target);
    if (to !== undefined && !seen.has(to)) { seen.add(to); stack.push({ block: to, next: 0 }); }
  }
  return done.reverse();
}

/** Cooper, Harvey and Kennedy's iteration over predecessors. */
function findDominators(order: readonly Block[], blocks: ReadonlyMap<number, Block>): void {
  const predecessors: number[][] = order.map(() => []), idom = new Int32Array(order.length).fill(-1);
  for (const block of order) for (const target of block.targets) { const to = blocks.get(target); if (to !== undefined) predecessors[to.order]?.push(block.order); }
  idom[0] = 0;
  for (let changed = true; changed;) {
    changed = false;
    for (let n = 1; n < order.length; n++) {
      let now = -1;
      for (const p of predecessors[n] ?? []) if (idom[p] !== -1) now = now === -1 ? p : meet(idom, now, p);
      if (idom[n] !== now) { idom[n] = now; changed = true; }
    }
  }
  for (const block of order.slice(1)) block.dominator = order[idom[block.order] ?? 0];
}

function meet(idom: Int32Array, a: number, b: number): number {
  let x = a, y = b;
  while (x !== y) { if (x > y) x = idom[x] as number; else y = idom[y] as number; }
  return x;
}

export function dominates(a: Block, b: Block): boolean {
  for (let at: Block | undefined = b; at !== undefined; at = at.dominator) if (at === a) return true;
  return false;
}
