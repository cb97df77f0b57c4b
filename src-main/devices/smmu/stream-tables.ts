/** What the guest's tables say of a stream: stream table entry and context descriptor (IHI 0070, 5.2 and 5.4). */
import type { Dma } from '../../memory/dma.ts';
import { CLASS_CD, EVENT, FAULT_EVENT, type Event } from './events.ts';
import { firstLevel, intermediate, type TableFormat } from './walk.ts';

const STE_BYTES = 64;
const TWO_LEVEL = 1;
const CONFIG_BYPASS = 4, STAGE_1 = 1, STAGE_2 = 2;
const OUTPUT_BITS = [32, 36, 40, 42, 44, 48] as const;
/** IDR5.OAS. */
export const OUTPUT_ADDRESS_SIZE = 5;
const TG0 = [12, 16, 14] as const;
const PRIVILEGED = 3;

export interface StreamTable { readonly base: number; readonly log2Size: number; readonly split: number; readonly format: number }

export interface Context { readonly stage1: TableFormat | undefined; readonly stage2: TableFormat | undefined; readonly asid: number; readonly vmid: number; readonly records: boolean }

/** What is done with a stream's transactions. */
export type StreamConfig =
  | { readonly kind: 'bypass' }
  | { readonly kind: 'abort' }
  | { readonly kind: 'bad'; readonly event: Event }
  | ({ readonly kind: 'translate' } & Context);

/** The address in a double word, without its attributes. */
const address = (words: DataView, at: number, attributes: number) =>
  (words.getUint32(at + 4, true) & 0xf_ffff) * 2 ** 32 + ((words.getUint32(at, true) & ~attributes) >>> 0);
const bad = (type: number, at?: number): StreamConfig => ({ kind: 'bad', event: { type, ...(at !== undefined && { fetchAddress: at }) } });

function fetch(memory: Dma, at: number, length: number): DataView | undefined {
  const bytes = new Uint8Array(length);
  return memory.read(at, bytes) ? new DataView(bytes.buffer) : undefined;
}

/** Where a stream's entry is. */
function entryAt(table: StreamTable, memory: Dma, stream: number): number | StreamConfig {
  if (stream >= 2 ** table.log2Size) return bad(EVENT.C_BAD_STREAMID);
  if (table.format !== TWO_LEVEL) return table.base + STE_BYTES * stream;
  const at = table.base + 8 * Math.floor(stream / 2 ** table.split), level1 = fetch(memory, at, 8);
  if (level1 === undefined) return bad(EVENT.F_STE_FETCH, at);
  const span = level1.getUint32(0, true) & 0x1f, index = stream % 2 ** table.split;
  if (span === 0 || index >= 2 ** (span - 1)) return bad(EVENT.C_BAD_STREAMID);
  return address(level1, 0, 0x3f) + STE_BYTES * index;
}

export function streamConfig(table: StreamTable, memory: Dma, stream: number): StreamConfig {
  const at = entryAt(table, memory, stream);
  if (typeof at !== 'number') return at;
  const ste = fetch(memory, at, STE_BYTES);
  if (ste === undefined) return bad(EVENT.F_STE_FETCH, at);
  const low = ste.getUint32(0, true), config = low >>> 1 & 7;
  if ((low & 1) === 0) return bad(EVENT.C_BAD_STE);
  if ((config & CONFIG_BYPASS) === 0) return { kind: 'abort' };
  if (config === CONFIG_BYPASS) return { kind: 'bypass' };
  const stage2 = (config & STAGE_2) === 0 ? undefined : stage2Format(ste);
  if (stage2 === 'bad') return bad(EVENT.C_BAD_STE);
  const vmid = stage2 === undefined ? 0 : ste.getUint16(16, true);
  if ((config & STAGE_1) === 0) return { kind: 'translate', stage1: undefined, stage2, asid: 0, vmid, records: (ste.getUint32(20, true) >>> 26 & 1) !== 0 };
  // Substreams do not exist.
  return ste.getUint32(4, true) >>> 27 !== 0 ? bad(EVENT.C_BAD_STE) : withContext(ste, memory, { stage2, vmid });
}

function withContext(ste: DataView, memory: Dma, rest: Pick<Context, 'stage2' | 'vmid'>): StreamConfig {
  const pointer = address(ste, 0, 0x3f), privileged = (ste.getUint32(12, true) >>> 16 & 3) === PRIVILEGED;
  const at = rest.stage2 === undefined ? pointer : intermediate(rest.stage2, memory, pointer, 'read');
  if (typeof at !== 'number') return { kind: 'bad', event: { type: FAULT_EVENT[at.fault], isStage2: true, class: CLASS_CD, ipa: pointer } };
  const cd = fetch(memory, at, STE_BYTES);
  if (cd === undefined) return bad(EVENT.F_CD_FETCH, at);
  const low = cd.getUint32(0, true), high = cd.getUint32(4, true);
  const granuleShift = TG0[low >>> 6 & 3], inputBits = 64 - (low & 0x3f), outputBits = OUTPUT_BITS[Math.min(high & 7, OUTPUT_ADDRESS_SIZE)]!;
  const isValid = (low >>> 31) !== 0 && (high >>> 9 & 1) !== 0 && (low >>> 15 & 1) === 0;
  if (!isValid || granuleShift === undefined || inputBits < 25 || inputBits > 48) return bad(EVENT.C_BAD_CD);
  const isDisabled = (low >>> 14 & 1) !== 0;
  const stage1: TableFormat = {
    stage: 1, base: address(cd, 8, 0xf), granuleShift, inputBits: isDisabled ? 0 : inputBits, outputBits, startLevel: firstLevel(inputBits, granuleShift),
    ignoresAccessFlag: (high >>> 3 & 1) !== 0, flatPermissions: (cd.getUint32(8, true) & 2) !== 0, privileged,
  };
  return { kind: 'translate', stage1, asid: high >>> 16, records: (high >>> 13 & 1) !== 0, ...rest };
}

function stage2Format(ste: DataView): TableFormat | 'bad' {
  const fields = ste.getUint32(20, true), granuleShift = TG0[fields >>> 14 & 3], inputBits = 64 - (fields & 0x3f);
  const isAarch64 = (fields >>> 19 & 1) !== 0, isBig = (fields >>> 20 & 1) !== 0, level = (granuleShift === 12 ? 2 : 3) - (fields >>> 6 & 3);
  if (!isAarch64 || isBig || granuleShift === undefined || inputBits < 25 || inputBits > 48 || level < 0) return 'bad';
  return {
    stage: 2, base: address(ste, 24, 0xf), granuleShift, inputBits, outputBits: OUTPUT_BITS[Math.min(fields >>> 16 & 7, OUTPUT_ADDRESS_SIZE)]!, startLevel: level,
    ignoresAccessFlag: (fields >>> 21 & 1) !== 0, flatPermissions: true, privileged: true,
  };
}
