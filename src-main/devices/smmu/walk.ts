/**
 * Translation tables of the VMSAv8-64 as an SMMU walks them (DDI 0487, D8; IHI 0070, 3.4 and 5.4): 4, 16 and 64 KiB granules,
 * stage 1 and stage 2. Left out: TTBR1, whose addresses exceed the numbers that DMA has; hardware updates; 52-bit addresses.
 */
import type { Dma } from '../../memory/dma.ts';

export type WalkFault = 'walk-abort' | 'translation' | 'address-size' | 'access' | 'permission';

export interface TableFormat {
  readonly stage: 1 | 2;
  readonly base: number;
  /** 12, 14 or 16. */
  readonly granuleShift: number;
  readonly inputBits: number;
  readonly outputBits: number;
  readonly startLevel: number;
  /** An access flag that is clear is no fault. */
  readonly ignoresAccessFlag: boolean;
  /** Permissions in table descriptors count for nothing. */
  readonly flatPermissions: boolean;
  readonly privileged: boolean;
}

/** What a page or a block of 2^`shift` bytes becomes. */
export interface Translation { readonly output: number; readonly shift: number; readonly readable: boolean; readonly writable: boolean }

export interface WalkFailure { readonly ok: false; readonly fault: WalkFault; readonly at: number; readonly inStage2?: true }
export type WalkResult = { readonly ok: true; readonly translation: Translation } | WalkFailure;

const VALID = 1, TABLE = 2, ACCESS_FLAG = 1 << 10;
const AP_UNPRIVILEGED = 1 << 6, AP_READ_ONLY = 1 << 7;
const S2AP_READ = 1 << 6, S2AP_WRITE = 1 << 7;
// In the high word of a table descriptor.
const AP_TABLE_PRIVILEGED = 1 << 29, AP_TABLE_READ_ONLY = 1 << 30;

const fault = (kind: WalkFault, at: number): WalkFailure => ({ ok: false, fault: kind, at });

/** The level at which a stage 1 walk begins. */
export const firstLevel = (inputBits: number, granuleShift: number): number => 4 - Math.ceil((inputBits - granuleShift) / (granuleShift - 3));

/** Walks; `tableAddress` says where a table is in memory, or what is wrong with that. */
export function walk(format: TableFormat, memory: Dma, address: number, tableAddress: (at: number) => number | WalkFailure): WalkResult {
  const { granuleShift: granule, startLevel, inputBits, outputBits } = format, perLevel = granule - 3;
  if (address >= 2 ** inputBits || startLevel > 3) return fault('translation', address);
  let table = format.base, denied = 0;
  for (let level = startLevel; level <= 3; level++) {
    const shift = granule + (3 - level) * perLevel, index = Math.floor(address / 2 ** shift);
    const place = tableAddress(table + 8 * (level === startLevel ? index : index % 2 ** perLevel));
    if (typeof place !== 'number') return place;
    const low = memory.load(place, 4), high = memory.load(place + 4, 4);
    if (low === undefined || high === undefined) return fault('walk-abort', place);
    const isTable = level < 3 && (low & TABLE) !== 0, isLeaf = level === 3 ? (low & TABLE) !== 0 : !isTable && blockAllowed(level, granule);
    if ((low & VALID) === 0 || (!isTable && !isLeaf)) return fault('translation', address);
    const unit = 2 ** (isTable ? granule : shift), output = Math.floor(((high & 0xffff) * 2 ** 32 + low) / unit) * unit;
    if (output >= 2 ** outputBits) return fault('address-size', address);
    if (isLeaf) return leaf(format, { low, denied, output, shift, address });
    table = output;
    if (!format.flatPermissions) denied |= high;
  }
  return fault('translation', address);
}

const blockAllowed = (level: number, granule: number) => (granule === 12 ? level === 1 || level === 2 : level === 2);

interface Leaf { readonly low: number; readonly denied: number; readonly output: number; readonly shift: number; readonly address: number }

function leaf(format: TableFormat, { low, denied, output, shift, address }: Leaf): WalkResult {
  if ((low & ACCESS_FLAG) === 0 && !format.ignoresAccessFlag) return fault('access', address);
  if (format.stage === 2) {
    return { ok: true, translation: { output, shift, readable: (low & S2AP_READ) !== 0, writable: (low & S2AP_WRITE) !== 0 } };
  }
  const reachable = format.privileged || ((low & AP_UNPRIVILEGED) !== 0 && (denied & AP_TABLE_PRIVILEGED) === 0);
  const writable = reachable && (low & AP_READ_ONLY) === 0 && (denied & AP_TABLE_READ_ONLY) === 0;
  return { ok: true, translation: { output, shift, readable: reachable, writable } };
}

/** Where an intermediate address is, for an access of the SMMU itself. */
export function intermediate(stage2: TableFormat, memory: Dma, address: number, how: 'read' | 'write'): number | WalkFailure {
  const found = walk(stage2, memory, address, (at) => at);
  if (!found.ok) return { ...found, inStage2: true };
  const { output, shift, readable, writable } = found.translation;
  if (!(how === 'read' ? readable : writable)) return { ...fault('permission', address), inStage2: true };
  return output + address % 2 ** shift;
}
