import { describe, expect, test } from 'vitest';
import { flatten, type FdtNode } from './fdt.ts';
import { readTree } from './fdt-reader.ts';

const small = () => flatten({ compatible: ['a,b', 'c'], '#address-cells': [2], flag: true, raw: Uint8Array.of(1, 2, 3), 'bus@10': { reg: [0, 16], 'inner,x': {} } });
const patched = (at: number, value: number, blob = small()) => {
  new DataView(blob.buffer).setUint32(at, value);
  return blob;
};

test('what was flattened is read again', () => {
  const root = readTree(small()), [bus] = root.children;
  expect([root.compatible, root.cells('#address-cells'), root.has('flag'), [...root.properties.get('raw')!], root.texts('raw'), root.cell('absent')]).toEqual([['a,b', 'c'], [2], true, [1, 2, 3], [], undefined]);
  expect([bus?.kind, bus?.path, bus?.cells('reg'), bus?.child('inner,x')?.path]).toEqual(['bus', '/bus@10', [0, 16], '/bus@10/inner,x']);
});

describe('what is not a device tree is refused in one sentence:', () => {
  const nested = (depth: number): FdtNode => (depth === 0 ? {} : { n: nested(depth - 1) });
  const structure = 40 + 16;
  const cases: readonly (readonly [string, Uint8Array, RegExp])[] = [
    ['nothing', new Uint8Array(), /^This is not a flattened device tree: it does not begin as one\.$/],
    ['something else', new Uint8Array(100), /^This is not a flattened device tree/],
    ['half of one', small().subarray(0, 60), /^The device tree is truncated: 60 of its \d+ bytes are there\.$/],
    ['a large one', patched(4, 2 ** 30), /^The device tree is too large: it has more than 2 MiB\.$/],
    ['an old format', patched(20, 3), /^The device tree has format 3, which is not known\.$/],
    ['a structure outside', patched(8, 0xffff_fff0), /^The device tree is damaged at byte 8: its structure lies outside\.$/],
    ['strings outside', patched(32, 0x1000), /^The device tree is damaged at byte 12: its strings lie outside\.$/],
    ['a token that is none', patched(structure + 8, 7), /^The device tree is damaged at byte \d+: there is no such token\.$/],
    ['a property that is too long', patched(structure + 12, 0xffff_ffff), /^The device tree is damaged at byte \d+: a property is longer than what is left\.$/],
    ['a name outside', patched(structure + 16, 0x10000), /^The device tree is damaged at byte \d+: the name of a property lies outside\.$/],
    ['too deep', flatten(nested(70)), /^The device tree is too deep/],
  ];
  for (const [what, blob, sentence] of cases) test(what, () => expect(() => readTree(blob)).toThrow(sentence));
});
