import { expect, test } from 'vitest';
import { TestClock } from '../../time/test-clock.ts';
import { deviceContract, read, write } from '../device-contract.ts';
import { CfiFlash, SECTOR_BYTES } from './cfi-flash.ts';

const READY = 0x0080_0080;

function build(clock = new TestClock(), readOnly = false) {
  const contents = new Uint8Array(2 * SECTOR_BYTES).fill(0xff), seen = { shows: true }, errors: string[] = [];
  const changes: string[] = [];
  const flash = new CfiFlash({
    name: 'flash1', contents, readOnly, showsArray: (shows) => { seen.shows = shows; }, changed: (offset, length) => changes.push(`${offset}+${length}`), guestError: (what) => errors.push(what),
  });
  const { registers } = flash.regions, put = (at: number, value: number) => registers.write(at, 4, value), get = (at: number) => registers.read(at, 4);
  return { device: flash, clock, memory: contents, contents, put, get, seen, errors, changes, outputs: () => ({ ...seen, bytes: contents.slice(0, 64), above: contents.slice(SECTOR_BYTES, SECTOR_BYTES + 16), status: get(4) }) };
}

deviceContract('cfi flash', build, [
  write('registers', 0, 0x0040_0040), write('registers', 8, 0x1234_5678), read('registers', 0, 4), write('registers', 0, 0x00e8_00e8), write('registers', 0, 0x0001_0001),
  write('registers', 16, 0xaaaa_5555), write('registers', 20, 0x1111_2222), write('registers', 0, 0x00d0_00d0), write('registers', 0, 0x0090_0090), read('registers', 4, 4),
  write('registers', SECTOR_BYTES, 0x0020_0020), write('registers', SECTOR_BYTES, 0x00d0_00d0), write('registers', 0, 0x00ff_00ff), write('registers', 0, 0x0098_0098),
]);

test('a word is programmed, bits only from 1 to 0, and erasing a sector brings them back', () => {
  const { put, get, contents, seen, changes } = build();
  for (const value of [0xffff_00ff, 0x1234_5678]) { put(0x40, 0x0040_0040); put(0x40, value); expect(get(0x40)).toBe(READY); }
  expect(seen.shows).toBe(false);
  put(0, 0x00ff_00ff);
  expect([seen.shows, get(0x40)]).toEqual([true, 0x1234_0078]);
  put(0x40, 0x0020_0020); put(0x40, 0x00d0_00d0); put(0, 0x00ff_00ff);
  expect(contents.every((byte) => byte === 0xff)).toBe(true);
  expect(changes).toEqual(['64+4', '64+4', `0+${SECTOR_BYTES}`]);
});

test('a buffer is programmed when it is confirmed, and not when it is not', () => {
  const { put, get, contents } = build();
  const fill = (confirm: number) => { put(0, 0x00e8_00e8); put(0, 0x0001_0001); put(0x100, 0x0101_0101); put(0x104, 0x0202_0202); put(0, confirm); };
  fill(0x00ff_00ff);
  expect([get(0), contents[0x100]]).toEqual([READY | 0x0030_0030, 0xff]);
  put(0, 0x0050_0050);
  fill(0x00d0_00d0);
  expect([get(0), ...contents.subarray(0x100, 0x108)]).toEqual([READY, 1, 1, 1, 1, 2, 2, 2, 2]);
});

test('a buffer that is too long, or written to elsewhere, is a wrong sequence', () => {
  const { put, get, contents } = build();
  put(0, 0x00e8_00e8); put(0, 0x0200_0200);
  expect(get(0)).toBe(READY | 0x0030_0030);
  put(0, 0x00e8_00e8); put(0, 0); put(0x10000, 0);
  expect(get(0)).toBe(READY | 0x0030_0030);
  expect(contents.every((byte) => byte === 0xff)).toBe(true);
});

test('a chip says who it is, and what it can', () => {
  const { put, get } = build();
  put(0, 0x0090_0090);
  expect([get(0), get(4)]).toEqual([0x0089_0089, 0x0018_0018]);
  put(0, 0x0098_0098);
  expect([get(0x40), get(0x44), get(0x48)].map((word) => String.fromCharCode(word & 0xff)).join('')).toBe('QRY');
});

test('a protected bank stays as it is, and says so', () => {
  const { put, get, contents } = build(undefined, true);
  put(0, 0x0040_0040); put(0, 0);
  expect([get(0), contents[0]]).toEqual([READY | 0x0002_0002, 0xff]);
});

test('a command that is none is a guest error', () => {
  const { put, errors } = build();
  put(0, 0x00ab_00ab);
  expect(errors).toEqual(['flash1: command 0xab']);
});
