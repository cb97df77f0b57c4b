import { expect, test } from 'vitest';
import type { Ipa } from '../../shared/base/ids.ts';
import { Bus } from './bus.ts';
import type { Region } from './region.ts';

const ipa = (value: number) => value as Ipa;

function rig() {
  const log: string[] = [];
  const errors: string[] = [];
  const region = (name: string): Region => ({
    read: (offset, size) => { log.push(`${name} r${size}@${offset}`); return 0xff00_0000 + offset; },
    write: (offset, size, value) => { log.push(`${name} w${size}@${offset}=${value.toString(16)}`); },
  });
  const bus = new Bus<Ipa>((what) => errors.push(what));
  return { bus, log, errors, region };
}

test('a region sees offsets, whichever way the regions were mapped', () => {
  const { bus, log, region } = rig();
  bus.map(ipa(0x3000), 0x100, region('c'));
  bus.map(ipa(0x1000), 0x100, region('a'));
  bus.map(ipa(0x2000), 0x100, region('b'));
  for (const base of [0x1000, 0x2000, 0x3000, 0x1000]) bus.read(ipa(base + 8), 4);
  expect(log).toEqual(['a r4@8', 'b r4@8', 'c r4@8', 'a r4@8']);
});

test('eight bytes travel as two words, and narrow values are cut to their size', () => {
  const { bus, log, region } = rig();
  bus.map(ipa(0), 0x100, region('a'));
  expect(bus.read(ipa(8), 8)).toBe(0xff00_000c_ff00_0008n);
  bus.write(ipa(8), 8, 0xffff_eeee_dddd_ccccn);
  bus.write(ipa(8), 1, -1n);
  expect(log.slice(2)).toEqual(['a w4@8=ddddcccc', 'a w4@12=ffffeeee', 'a w1@8=ff']);
});

test('what nothing answers for reads as zero and is counted', () => {
  const { bus, log, errors, region } = rig();
  const mapping = bus.map(ipa(0x1000), 0x100, region('a'));
  expect([bus.read(ipa(0xfff), 1), bus.read(ipa(0x1100), 4), bus.read(ipa(0x10fc), 8)]).toEqual([0n, 0n, 0n]);
  bus.write(ipa(0x5000), 4, 1n);
  mapping.dispose();
  bus.read(ipa(0x1000), 4);
  expect([log, errors.length]).toEqual([[], 5]);
});

test('two regions cannot share an address', () => {
  const { bus, region } = rig();
  bus.map(ipa(0x1000), 0x100, region('a'));
  expect(() => bus.map(ipa(0x10ff), 1, region('b'))).toThrow(/0x10ff/);
});
