import { expect, test } from 'vitest';
import { inOrderOfDecoding, insn, knownFields, variantsOf } from './insn.ts';

const nothing = () => { /* what it does is not the point */ };
const namesOf = (...rows: Parameters<typeof variantsOf>[0][]) => inOrderOfDecoding(rows.flatMap(variantsOf)).map(v => v.row.name);

test('a pattern gives the fixed bits and where each field lies', () => {
  const row = insn('ADD', 'sf:1 00 100010 sh:1 imm12:12 rn.sp:5 rd:5', {}, nothing);
  expect([row.mask, row.bits]).toEqual([0x7f80_0000, 0x1100_0000]);
  expect(row.fields.map(f => [f.name, f.shift, f.width, f.register, f.zero])).toEqual([
    ['sf', 31, 1, undefined, 'zero'], ['sh', 22, 1, undefined, 'zero'], ['imm12', 10, 12, undefined, 'zero'], ['rn', 5, 5, 'x', 'sp'], ['rd', 0, 5, 'x', 'zero']]);
  expect(Object.entries(knownFields(row, 0x9104_87e3)).map(([name, value]) => [name, value.number])).toEqual([['sf', 1], ['sh', 0], ['imm12', 0x121], ['rn', 31], ['rd', 3]]);
});

test('a pattern that is not 32 bits long is refused', () => {
  expect(() => insn('SHORT', '0101 rn:5', {}, nothing)).toThrow('SHORT: the pattern has 9 bits, want 32');
});

test('fixed fields give one variant for each combination that exists', () => {
  const row = insn('X', '0000 size:2 Q:1 -------------------- rd:5', { fix: ['size', 'Q'], where: f => f.size !== 3 || f.Q !== 0 }, nothing);
  expect(variantsOf(row).map(v => [v.fixed.size, v.fixed.Q])).toEqual([[0, 0], [0, 1], [1, 0], [1, 1], [2, 0], [2, 1], [3, 1]]);
});

test('a more specific row is decoded first, whatever the order of the table', () => {
  const general = insn('general', '0000 a:28', {}, nothing), special = insn('special', '0000 1111 a:24', {}, nothing);
  expect(namesOf(general, special)).toEqual(['special', 'general']);
  expect(namesOf(special, general)).toEqual(['special', 'general']);
});

test('rows that overlap without one being more specific are refused', () => {
  const left = insn('left', '0000 1 a:27', {}, nothing), right = insn('right', '0000 a:1 1 b:26', {}, nothing);
  expect(() => namesOf(left, right)).toThrow('ambiguous encodings');
});
