/** The commands of an SMMU (IHI 0070, 4.1 to 4.7), each the words of 16 bytes. */
import type { Context } from './stream-tables.ts';
import type { Smmu } from './smmu.ts';

export const COMMAND_BYTES = 16;
export const CERROR = { ILL: 1, ABT: 2 } as const;

type Words = readonly [number, number, number, number];
type Command = (smmu: Smmu, words: Words) => void;

const GRANULE = [0, 12, 14, 16] as const;
const SYNC_INTERRUPT = 1;

const vmidOf = (words: Words) => words[1] & 0xffff;
const asidOf = (words: Words) => words[1] >>> 16;
const addressOf = (words: Words) => words[3] * 2 ** 32 + ((words[2] & 0xffff_f000) >>> 0);
const stage1Of = (words: Words) => (context: Context) => context.stage1 !== undefined && context.vmid === vmidOf(words);
const asidIn = (words: Words) => (context: Context) => stage1Of(words)(context) && context.asid === asidOf(words);
const vmidIn = (words: Words) => (context: Context) => context.vmid === vmidOf(words);

/** One page, or with TG the range of 3.21.1.2: (NUM + 1) * 2^SCALE granules. */
function rangeOf(words: Words): { from: number; length: number } {
  const granule = GRANULE[words[2] >>> 10 & 3]!, from = addressOf(words);
  if (granule === 0) return { from, length: 1 };
  return { from, length: ((words[0] >>> 12 & 0x1f) + 1) * 2 ** ((words[0] >>> 20 & 0x1f) + granule) };
}

const nothing: Command = () => {};
const forgetAll: Command = (smmu) => smmu.forget(() => true);

const COMMANDS: Readonly<Record<number, Command>> = {
  0x01: nothing,                                                             // PREFETCH_CONFIG
  0x02: nothing,                                                             // PREFETCH_ADDR
  0x03: (smmu, words) => smmu.forgetStreams(words[1], 1),                    // CFGI_STE
  0x04: (smmu, words) => smmu.forgetStreams(words[1], 2 ** ((words[2] & 0x1f) + 1)), // CFGI_STE_RANGE, CFGI_ALL
  0x05: (smmu, words) => smmu.forgetStreams(words[1], 1),                    // CFGI_CD
  0x06: (smmu, words) => smmu.forgetStreams(words[1], 1),                    // CFGI_CD_ALL
  0x10: (smmu, words) => smmu.forget(stage1Of(words)),                       // TLBI_NH_ALL
  0x11: (smmu, words) => smmu.forget(asidIn(words)),                         // TLBI_NH_ASID
  0x12: (smmu, words) => smmu.forget(asidIn(words), rangeOf(words)),         // TLBI_NH_VA
  0x13: (smmu, words) => smmu.forget(stage1Of(words), rangeOf(words)),       // TLBI_NH_VAA
  0x20: nothing,                                                             // TLBI_EL2_ALL: there are no EL2 contexts
  0x21: nothing,                                                             // TLBI_EL2_ASID
  0x22: nothing,                                                             // TLBI_EL2_VA
  0x23: nothing,                                                             // TLBI_EL2_VAA
  0x28: (smmu, words) => smmu.forget(vmidIn(words)),                         // TLBI_S12_VMALL
  0x2a: (smmu, words) => smmu.forget(vmidIn(words)),                         // TLBI_S2_IPA
  0x30: forgetAll,                                                           // TLBI_NSNH_ALL
  0x46: (smmu, words) => {                                                   // CMD_SYNC
    if ((words[0] >>> 12 & 3) === SYNC_INTERRUPT) smmu.synced((words[3] & 0xf_ffff) * 2 ** 32 + ((words[2] & ~3) >>> 0), words[1]);
  },
};

/** Runs one command; false when there is none of that number. */
export function runCommand(smmu: Smmu, bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset), word = (n: number) => view.getUint32(4 * n, true);
  const command = COMMANDS[word(0) & 0xff];
  command?.(smmu, [word(0), word(1), word(2), word(3)]);
  return command !== undefined;
}
