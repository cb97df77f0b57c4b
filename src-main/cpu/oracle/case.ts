/** What both sides run and say: the binary forms of `harness.c`, little-endian. */

export const CODE = 0x200000;
/** A case's words lie here; the rest of the page is BRK #0. */
export const ENTRY = CODE + 0x800;
export const DATA = 0x210000;
export const DATA_BYTES = 0x20000;
export const BRK = 0xd420_0000;

export const CASE_BYTES = 800;
export const CASE = { words: 0, x: 16, sp: 264, nzcv: 272, fpcr: 276, fpsr: 280, v: 288 } as const;

export const OUTCOME_BYTES = 936;
export const OUTCOME = { kind: 0, first: 4, pc: 8, x: 16, sp: 264, nzcv: 272, fpcr: 276, fpsr: 280, last: 284, v: 288, patch: 800, address: 928 } as const;
export const PATCH_BYTES = 128;
export const UNCHANGED = 0xffff_ffff;

/** How a case ended. `other` is none of what a user program may see. */
export const KINDS = ['other', 'breakpoint', 'undefined', 'fault', 'bus error'] as const;

/** Initial bytes of the data area. */
export const pristineWord = (index: number) => Math.imul(index, 2654435761 | 0) >>> 0;

export interface Case { readonly name: string; readonly bytes: DataView<ArrayBuffer> }

export const wordsOf = (c: Case) => [0, 4, 8, 12].map(at => c.bytes.getUint32(at, true));
