import { expect, test } from 'vitest';
import { partsOf } from './recording.ts';

const word = (value: number) => [value >>> 24, value >>> 16 & 255, value >>> 8 & 255, value & 255];
const header = [...new TextEncoder().encode('FBS 001.000\n')];

test('parts of a recording have their bytes and their times, and one that was cut off is left out', () => {
  const bytes = [...header, ...word(5), 1, 2, 3, 4, 5, 0, 0, 0, ...word(40), ...word(4), 6, 7, 8, 9, ...word(1000)];
  expect(partsOf(Uint8Array.from(bytes))).toEqual([{ atMs: 40, bytes: Uint8Array.of(1, 2, 3, 4, 5) }, { atMs: 1000, bytes: Uint8Array.of(6, 7, 8, 9) }]);
  for (let cut = header.length; cut < bytes.length; cut++) expect(partsOf(Uint8Array.from(bytes.slice(0, cut)))!.length).toBe(cut < header.length + 16 ? 0 : 1);
});

test('what is no recording is none', () => { expect([partsOf(new Uint8Array(4)), partsOf(new TextEncoder().encode('RFB 003.008\nmore'))]).toEqual([undefined, undefined]); });
