import { expect, test } from 'vitest';
import { A64 } from '../a64/index.ts';
import { assemble, decode, disassemble, encode, fieldsOf } from './assembler.ts';

const words = (source: string, origin = 0) => [...new Uint32Array(assemble(source, origin).buffer)].map(w => w.toString(16).padStart(8, '0'));

// Words as binutils 2.40 makes them.
test.each([
  ['add x1, sp, #16', '910043e1'], ['adds w3, w4, w5, lsl #2', '2b050883'], ['sub x0, x1, w2, uxtw #3', 'cb224c20'], ['and x0, x1, #0xff00', '92781c20'],
  ['orr w0, wzr, #0x80008000', '320183e0'], ['mov x3, x4', 'aa0403e3'], ['mov sp, x2', '9100005f'], ['movk x5, #0x1234, lsl #32', 'f2c24685'],
  ['cmp x1, x2', 'eb02003f'], ['tst w0, #1', '7200001f'], ['lsl x0, x1, #4', 'd37cec20'], ['lsr w0, w1, #31', '531f7c20'], ['mul x0, x1, x2', '9b027c20'],
  ['csel x0, x1, x2, hs', '9a822020'], ['ccmp x1, #3, #4, ne', 'fa431824'], ['ldr x0, [sp, #8]', 'f94007e0'], ['strb w1, [x2], #1', '38001441'],
  ['ldr w3, [x4, x5, lsl #2]', 'b8657883'], ['ldrb w3, [x4, x5]', '38656883'], ['dc zva, x3', 'd50b7423'], ['stp x29, x30, [sp, #-32]!', 'a9be7bfd'], ['ldp x19, x20, [sp, #16]', 'a94153f3'],
  ['mrs x0, midr_el1', 'd5380000'], ['msr vbar_el1, x1', 'd518c001'], ['msr daifclr, #2', 'd50342ff'], ['hvc #0', 'd4000002'], ['ret', 'd65f03c0'], ['wfi', 'd503207f'],
])('%s is the word that binutils makes', (line, word) => {
  expect(words(line)).toEqual([word]);
});

test('branches and addresses reach labels both ways', () => {
  expect(words('top: nop\nb.ne top\ncbz x1, end\nbl top\nend: adr x0, top')).toEqual(['d503201f', '54ffffe1', 'b4000041', '97fffffd', '10ffff80']);
});

test('every row is what its own words decode to, and its text assembles to the same word', () => {
  for (const row of A64) {
    const word = encode(row, {});
    if (decode(word) !== row) continue; // a more specific row has these fields
    expect(words(`.insn ${row.name}`)).toEqual([word.toString(16).padStart(8, '0')]);
    const text = disassemble(word, 0x1000);
    if (text.startsWith('.insn') || row.undef !== undefined) continue;
    expect(words(text, 0x1000), `${row.name}: ${text}`).toEqual([encode(row, fieldsOf(row, word)).toString(16).padStart(8, '0')]);
  }
});

test('what cannot be assembled is named', () => {
  expect(() => assemble('nop\nfrobnicate x0')).toThrow('Cannot assemble "frobnicate x0".');
  expect(() => assemble('b nowhere')).toThrow('There is no label nowhere.');
});
