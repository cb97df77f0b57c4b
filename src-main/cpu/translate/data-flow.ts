/**
 * Which registers a region has to load and to store where. A register is dirty when its local may hold another value
 * than the CPU's block, and live when its local may still be read, or stored because it may be dirty.
 */
import { lastOf, type Block } from './control-flow.ts';
import { noRegisters, SP_BIT, type RegisterSet } from './instruction.ts';

export interface Flow {
  /** At the block's start. */
  dirty: RegisterSet;
  live: RegisterSet;
  /** What an exception in the block stores: all that may be dirty at its last instruction that can fault, but SP and flags. */
  readonly faultStores: RegisterSet;
}

interface Summary {
  readonly block: Block;
  /** Read before they are replaced. */
  readonly uses: RegisterSet;
  readonly replaces: RegisterSet;
  readonly writes: RegisterSet;
  readonly faults: boolean;
  readonly writesBeforeLastFault: RegisterSet;
  readonly replacesBeforeFirstFault: RegisterSet;
}

export const union = (a: RegisterSet, b: RegisterSet): RegisterSet => ({ x: a.x | b.x, v: a.v | b.v, flags: a.flags || b.flags });
const without = (a: RegisterSet, b: RegisterSet): RegisterSet => ({ x: a.x & ~b.x, v: a.v & ~b.v, flags: a.flags && !b.flags });
const same = (a: RegisterSet, b: RegisterSet): boolean => a.x === b.x && a.v === b.v && a.flags === b.flags;
const NONE = noRegisters();

/** `blocks` are in reverse postorder. */
export function analyseFlow(blocks: readonly Block[]): ReadonlyMap<Block, Flow> {
  const byStart = new Map(blocks.map(b => [b.start, b])), summaries = blocks.map(summarise);
  const dirty = findDirty(summaries, byStart);
  const flows = new Map(summaries.map(s => [s.block, { dirty: dirty.get(s.block) ?? NONE, live: NONE, faultStores: faultStores(s, dirty.get(s.block) ?? NONE) }]));
  for (let changed = true; changed;) {
    changed = false;
    for (const s of summaries.toReversed()) {
      const flow = flows.get(s.block) as Flow, live = liveAt(s, flow, flows, byStart);
      if (!same(live, flow.live)) { flow.live = live; changed = true; }
    }
  }
  return flows;
}

function summarise(block: Block): Summary {
  let uses = NONE, replaces = NONE, writes = NONE, faults = false, vectorsSeen = false, writesBeforeLastFault = NONE, replacesBeforeFirstFault = NONE;
  for (const { effects } of block.instructions) {
    uses = union(uses, without(effects.reads, replaces));
    if (effects.faults || (effects.usesVectors && !vectorsSeen)) {
      if (!faults) replacesBeforeFirstFault = replaces;
      faults = true;
      writesBeforeLastFault = writes;
    }
    vectorsSeen ||= effects.usesVectors;
    replaces = union(replaces, effects.replaces);
    writes = union(writes, effects.writes);
  }
  return { block, uses, replaces, writes, faults, writesBeforeLastFault, replacesBeforeFirstFault };
}

function faultStores(s: Summary, dirty: RegisterSet): RegisterSet {
  if (!s.faults) return NONE;
  const { x, v } = union(dirty, s.writesBeforeLastFault);
  return { x: x & ~(1 << SP_BIT), v, flags: false };
}

/** Everything is stored before a call, so that nothing is dirty after it. */
const isCall = (block: Block): boolean => lastOf(block).ending === 'call';

function findDirty(summaries: readonly Summary[], byStart: ReadonlyMap<number, Block>): Map<Block, RegisterSet> {
  const dirty = new Map<Block, RegisterSet>();
  for (let changed = true; changed;) {
    changed = false;
    for (const { block, writes } of summaries) {
      if (isCall(block)) continue;
      const after = union(dirty.get(block) ?? NONE, writes);
      for (const target of block.targets) {
        const to = byStart.get(target), before = to && (dirty.get(to) ?? NONE);
        if (to === undefined || before === undefined || same(union(before, after), before)) continue;
        dirty.set(to, union(before, after));
        changed = true;
      }
    }
  }
  return dirty;
}

function liveAt(s: Summary, flow: Flow, flows: ReadonlyMap<Block, Flow>, byStart: ReadonlyMap<number, Block>): RegisterSet {
  let after = union(flow.dirty, s.writes);
  if (!isCall(s.block)) {
    for (const target of s.block.targets) {
      const to = byStart.get(target);
      if (to !== undefined) after = union(after, flows.get(to)?.live ?? NONE);
    }
  }
  const atFaults = without(flow.faultStores, s.replacesBeforeFirstFault);
  return union(union(s.uses, without(after, s.replaces)), union(flow.dirty, atFaults));
}
