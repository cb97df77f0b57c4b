/**
 * The control flow of a region: blocks within one page, reached from one entry, in reverse postorder with their
 * dominators. Structured code is made of it as Ramsey describes (Beyond Relooper, ICFP 2022).
 */
import type { Decoder } from './decoder.ts';
import type { Variant } from './insn.ts';

export interface Instruction { readonly offset: number; readonly word: number; readonly variant: Variant }

export interface Block {
  readonly start: number;
  readonly instructions: readonly Instruction[];
  /** Offsets in the page where control may go on within it, the fall-through included. */
  readonly targets: readonly number[];
  /** Number in reverse postorder. */
  order: number;
  dominator: Block | undefined;
  /** Edges that come from blocks before this one. */
  forwardEntries: number;
  isLoop: boolean;
  readonly dominated: Block[];
}

const PAGE_BYTES = 4096;
const MOST_INSTRUCTIONS = 250;
/** Regions end before these: they change what translated code takes for granted, or are rare. */
const LEFT_TO_INTERPRETER = /^(ERET|SVC|HVC|SMC|BRK|HLT|MSR .*|SYS|WFI|WFE|YIELD|ISB)$/;
const CONDITIONAL = /^(B\.cond|CBN?Z|TBN?Z)$/;
const LEAVES = /^(BL|BR|BLR|RET)$/;

/** What ends a block. */
export const endsBlock = (name: string): boolean => name === 'B' || CONDITIONAL.test(name) || LEAVES.test(name);

/** Byte offset of a relative branch, from its word. */
function displacement(word: number, name: string): number {
  if (name === 'B') return ((word << 6) >> 6) * 4;
  return name.startsWith('TB') ? (((word << 13) >> 18)) * 4 : ((word << 8) >> 13) * 4;
}

/** The word at an offset of the page; undefined for code that never ran, which a region leaves out. */
export type WordAt = (offset: number) => number | undefined;

/** The region's blocks in reverse postorder; empty when its first instruction has to be interpreted. */
export function findBlocks(entry: number, wordAt: WordAt, decoder: Decoder): Block[] {
  const { instructions, leaders } = explore(entry, wordAt, decoder);
  const blocks = new Map<number, Block>();
  for (const start of leaders) {
    const block = blockFrom(start, instructions, leaders);
    if (block !== undefined) blocks.set(start, block);
  }
  const first = blocks.get(entry);
  return first === undefined ? [] : analyse(first, blocks);
}

function explore(entry: number, wordAt: WordAt, decoder: Decoder) {
  const instructions = new Map<number, Instruction>(), leaders = new Set([entry]), work = [entry];
  for (let start = work.shift(); start !== undefined; start = work.shift()) {
    for (let offset = start; offset < PAGE_BYTES && !instructions.has(offset) && instructions.size < MOST_INSTRUCTIONS; offset += 4) {
      const word = wordAt(offset), variant = word === undefined ? undefined : decoder.decode(word);
      if (word === undefined || variant === undefined || LEFT_TO_INTERPRETER.test(variant.row.name)) break;
      const instruction = { offset, word, variant };
      instructions.set(offset, instruction);
      const targets = targetsOf(instruction);
      if (targets === undefined) continue;
      for (const target of targets) if (!leaders.has(target)) { leaders.add(target); work.push(target); }
      break;
    }
  }
  return { instructions, leaders };
}

/** Where a branch leads within the page; undefined for instructions that only fall through. */
function targetsOf({ offset, word, variant }: Instruction): number[] | undefined {
  const { name } = variant.row;
  if (!endsBlock(name)) return undefined;
  if (LEAVES.test(name)) return [];
  const taken = offset + displacement(word, name), all = name === 'B' ? [taken] : [taken, offset + 4];
  return all.filter(target => target >= 0 && target < PAGE_BYTES);
}

function blockFrom(start: number, instructions: ReadonlyMap<number, Instruction>, leaders: ReadonlySet<number>): Block | undefined {
  const list: Instruction[] = [];
  for (let at = instructions.get(start); at !== undefined; at = instructions.get(at.offset + 4)) {
    if (at.offset !== start && leaders.has(at.offset)) break;
    list.push(at);
    if (endsBlock(at.variant.row.name)) break;
  }
  const last = list.at(-1);
  if (last === undefined) return undefined;
  const targets = targetsOf(last) ?? [last.offset + 4];
  return { start, instructions: list, targets, order: -1, dominator: undefined, forwardEntries: 0, isLoop: false, dominated: [] };
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
  const predecessors = new Map<Block, Block[]>(order.map(b => [b, []]));
  for (const block of order) for (const target of block.targets) { const to = blocks.get(target); if (to !== undefined) predecessors.get(to)?.push(block); }
  const idom: (number | undefined)[] = [0];
  const meet = (a: number, b: number): number => {
    let x = a, y = b;
    while (x !== y) { if (x > y) x = idom[x] ?? 0; else y = idom[y] ?? 0; }
    return x;
  };
  for (let changed = true; changed;) {
    changed = false;
    for (const block of order.slice(1)) {
      const known = (predecessors.get(block) ?? []).map(p => p.order).filter(n => idom[n] !== undefined);
      const now = known.reduce(meet);
      if (idom[block.order] !== now) { idom[block.order] = now; changed = true; }
    }
  }
  for (const block of order.slice(1)) block.dominator = order[idom[block.order] ?? 0];
}

export function dominates(a: Block, b: Block): boolean {
  for (let at: Block | undefined = b; at !== undefined; at = at.dominator) if (at === a) return true;
  return false;
}
