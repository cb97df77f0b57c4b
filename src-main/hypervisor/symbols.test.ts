import { expect, test } from 'vitest';
import { Symbols } from './symbols.ts';

test('an address has the name of the function before it, and none before the first, nor far behind the last', () => {
  const symbols = new Symbols('ffff800008671010 T crc32_le\nffff800008670000 t early\nffff800009000000 D data\n0000000000000000 T per_cpu\nffff800008680000 t from_module\t[ext4]\nnot a symbol\n');
  expect(symbols.count).toBe(3);
  const names = [0x1000n, 0xffff_8000_0866_ffffn, 0xffff_8000_0867_0000n, 0xffff_8000_0867_100cn, 0xffff_8000_0867_1010n, 0xffff_8000_0868_0004n, 0xffff_8000_0900_0000n].map(a => symbols.nameOf(a));
  expect(names).toEqual([undefined, undefined, 'early', 'early+0x100c', 'crc32_le', 'from_module+0x4', undefined]);
});
