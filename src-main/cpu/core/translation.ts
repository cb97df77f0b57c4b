/** From hot records to a module of regions: pure work on the machine's memory, done on whichever thread has time. */
import { setFlagsFromString } from 'node:v8';
import { A64 } from '../a64/index.ts';
import * as L from '../layout.ts';
import type { Callee } from '../translate/code.ts';
import { findBlocks, type Block } from '../translate/control-flow.ts';
import { CORE_FUNCTIONS, type CoreFunction } from '../translate/core-functions.ts';
import { Decoder } from '../translate/decoder.ts';
import { InstructionReader } from '../translate/instruction.ts';
import { CHAIN, chainFunction, REGION, translateRegion } from '../translate/region.ts';
import { Val } from '../translate/value.ts';
import { WasmModule } from '../translate/wasm-module.ts';
import { slotOf } from './code-slots.ts';

/** A record that is to be translated, and how often its page had been written when that was asked. */
export interface HotRecord { readonly record: number; readonly generation: number }

/** A module whose export `r<n>` is the region of the n-th record; it imports the number of its first region as `translator.first`. */
export interface Translation {
  readonly module: WebAssembly.Module;
  readonly records: readonly HotRecord[];
  /** Records that were left out, as others' regions take them in. */
  readonly covered: readonly HotRecord[];
  /** For each region the offsets in its page where its blocks start and end, in turn. */
  readonly regions: readonly (readonly number[])[];
  /** Size of the module, and time for making it and for having it compiled. */
  readonly cost: { readonly bytes: number; readonly ms: number; readonly compileMs: number };
}

/** Branch hints keep registers in registers around slow paths that call the core. Engines without the flag ignore it. */
setFlagsFromString('--experimental-wasm-branch-hinting');
/** V8 optimizes what ran for a third of what it would wait for otherwise: regions are hot already when they are made. */
setFlagsFromString('--wasm-tiering-budget=4000000');
/**
 * V8 frees code that it replaced by better code, and now and then ends the process for it: its list of what is allocated lacks what it frees
 * (nodejs/node#64500; once in some twenty runs of all tests). Kept, it goes with its module.
 */
setFlagsFromString('--no-wasm-code-gc');

let reader: InstructionReader | undefined;

/** Undefined when none of the records can be translated. */
export function translateRecords(view: DataView, hot: readonly HotRecord[]): Translation | undefined {
  const startedMs = performance.now(), once = [...new Map(hot.map(h => [h.record, h])).values()];
  const all = once.map(h => ({ hot: h, slot: slotOf(h.record), blocks: blocksAt(view, h.record) })).filter(f => f.blocks.length > 0);
  if (all.length === 0) return undefined;
  const { found, covered } = withoutCovered(all);
  const bytes = moduleOf(found), madeMs = performance.now(), module = new WebAssembly.Module(bytes);
  return {
    module, records: found.map(f => f.hot), covered, regions: found.map(f => rangesOf(f.blocks)),
    cost: { bytes: bytes.length, ms: madeMs - startedMs, compileMs: performance.now() - madeMs },
  };
}

interface Found { readonly hot: HotRecord; readonly slot: number; readonly blocks: readonly Block[] }

/** The largest come first; what they take in needs no region of its own yet. */
function withoutCovered(all: readonly Found[]): { readonly found: readonly Found[]; readonly covered: readonly HotRecord[] } {
  const found: Found[] = [], covered: HotRecord[] = [], places = new Set<number>(), sizeOf = ({ blocks }: Found) => blocks.reduce((sum, b) => sum + b.instructions.length, 0);
  for (const f of all.toSorted((a, b) => sizeOf(b) - sizeOf(a))) {
    if (places.has(f.hot.record)) { covered.push(f.hot); continue; }
    found.push(f);
    for (const { instructions } of f.blocks) for (const { offset } of instructions) places.add(f.slot + 4 * offset);
  }
  return { found, covered };
}

const rangesOf = (blocks: readonly Block[]): number[] => blocks.flatMap(({ start, instructions }) => [start, start + 4 * instructions.length]);

/** The region of a record that still stands for an instruction. */
function blocksAt(view: DataView, record: number): Block[] {
  const slot = slotOf(record), handler = view.getUint16(record, true);
  if (handler < L.FIRST_HANDLER || record - slot >= L.SLOT_SENTINEL) return [];
  const page = view.getInt32(slot + L.SLOT_HOST, true) >>> 0, ran = (offset: number) => view.getUint16(slot + 4 * offset, true) !== L.HANDLER_DECODE;
  return findBlocks((record - slot) / 4, offset => (ran(offset) ? view.getUint32(page + offset, true) : undefined), reader ??= new InstructionReader(new Decoder(A64)));
}

function moduleOf(regions: readonly Found[]): Uint8Array<ArrayBuffer> {
  const module = new WasmModule({ initial: L.RAM_BASE / 65536, maximum: 65536 });
  const core = Object.fromEntries(Object.entries(CORE_FUNCTIONS).map(([name, signature]) =>
    [name, { index: module.import('core', name, signature), signature }])) as unknown as Record<CoreFunction, Callee>;
  const table = { regionType: module.typeIndex(REGION), regions: module.importTable('translator', 'regions') };
  const first = Val.global(module.importGlobal('translator', 'first')), chain = { index: module.declare(), signature: CHAIN };
  module.define(chain.index, chainFunction(table));
  const known = new Map(regions.map(({ hot }, n) => [hot.record, { callee: { index: module.declare(), signature: REGION }, number: first.add(n) }]));
  const inModule = (slot: number, offset: number) => known.get(slot + 4 * offset);
  regions.forEach(({ hot, slot, blocks }, n) => {
    const index = known.get(hot.record)?.callee.index as number;
    module.define(index, translateRegion(blocks, slot, { core, chain, ...table, inModule }));
    module.export(`r${n}`, index);
  });
  return module.encode();
}
