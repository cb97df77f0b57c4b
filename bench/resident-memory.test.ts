import { expect, test } from 'vitest';
import { ramStart } from './resident-memory.ts';

const MAPS = `00400000-00500000 rw-p 00000000 00:00 0
7f0000000000-7f0020000000 rwxp 00000000 00:00 0
7f1000000000-7f1040000000 rw-p 00000000 00:00 0
7f2000000000-7f2020100000 rw-p 00000000 00:00 0
7f3000000000-7f3200000000 ---p 00000000 00:00 0
`;

test('guest RAM is in the smallest writable mapping that has room for it', () => {
  expect(ramStart(MAPS, { offset: 0x10_0000, bytes: 2 ** 29 })).toBe(0x7f20_0010_0000);
  expect(ramStart(MAPS, { offset: 0x20_0000, bytes: 2 ** 29 })).toBe(0x7f10_0020_0000);
  expect(() => ramStart(MAPS, { offset: 0, bytes: 2 ** 32 })).toThrow('no mapping');
});
