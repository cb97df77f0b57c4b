import { expect, test } from 'vitest';
import { A64 } from '../a64/index.ts';
import { assemble } from '../asm/assembler.ts';
import { findGroups } from './access-groups.ts';
import { Decoder } from './decoder.ts';
import { InstructionReader } from './instruction.ts';

const reader = new InstructionReader(new Decoder(A64));

/** The groups of a block: their first instructions' places, and how many instructions are in one. */
function groupsOf(text: string) {
  const code = assemble(text), view = new DataView(code.buffer, code.byteOffset);
  const instructions = Array.from({ length: code.length / 4 }, (_, n) => ({ ...reader.read(view.getUint32(4 * n, true))!, offset: 4 * n }));
  const { at, members } = findGroups(instructions);
  return { groups: [...at].map(([first, group]) => ({ first: first.offset / 4, ...group })), members: members.size };
}

test('a prologue is one group, from where the stack pointer goes to', () => {
  expect(groupsOf('stp x29, x30, [sp, #-48]!\n mov x29, sp\n stp x19, x20, [sp, #16]\n str x21, [sp, #32]'))
    .toEqual({ groups: [{ first: 0, base: 31, low: -48, bytes: 40, reads: false, writes: true }], members: 3 });
});

test('an epilogue ends with the stack pointer elsewhere', () => {
  expect(groupsOf('ldp x19, x20, [sp, #16]\n ldp x29, x30, [sp], #48\n ldr x0, [sp]').groups)
    .toEqual([{ first: 0, base: 31, low: 0, bytes: 56, reads: true, writes: false }]);
});

test('a group ends where its base is written, also by its own load', () => {
  expect(groupsOf('ldr x0, [x1]\n ldr x1, [x1, #8]\n ldr x2, [x1]\n ldr x3, [x1, #8]').groups.map(g => g.first)).toEqual([0, 2]);
  expect(groupsOf('ldr x0, [x1]\n add x1, x1, #8\n ldr x2, [x1]')).toEqual({ groups: [], members: 0 });
});

test('groups off two bases may interleave; what is far apart is in none', () => {
  expect(groupsOf('ldr x0, [x1]\n .word 0x3dc003e2\n strb w0, [x1, #100]\n .word 0xbc5fc3e3').groups)
    .toEqual([{ first: 0, base: 1, low: 0, bytes: 101, reads: true, writes: true }, { first: 1, base: 31, low: -4, bytes: 20, reads: true, writes: false }]);
  expect(groupsOf('ldr x0, [x1]\n ldr x2, [x1, #1024]').members).toBe(0);
});

test('what may change translations ends all groups', () => {
  expect(groupsOf('ldr x0, [x1]\n sys #0, c8, c7, #0, xzr\n ldr x2, [x1, #8]').members).toBe(0);
  expect(groupsOf('ldr x0, [x1]\n ldxr x3, [x4]\n ldr x2, [x1, #8]').members).toBe(0);
});
