import { expect, test } from 'vitest';
import type { DiskStats, VmSpec } from '../../../shared/model/vm.ts';
import { diskAt, perCount, perSecond, placeInSpec } from './vm-rates.ts';
import type { History } from './vm-stats.ts';

const disk = (reads: number, rest: Partial<DiskStats> = {}): DiskStats =>
  ({ path: '/d', bus: 'virtio', reads, writes: 0, flushes: 0, discards: 0, errors: 0, readBytes: reads * 512, writtenBytes: 0, readNs: reads * 2e6, writeNs: 0, flushNs: 0, ...rest });
const history = (...samples: (readonly DiskStats[])[]): History =>
  samples.map((disks, at) => ({ atMs: at * 1000, stats: { upNs: at * 2e9, instructions: 0, mips: 0, cpuUsage: 0, exits: {}, translator: { regions: 0, made: 0, ms: 0 }, guestErrors: 0, disks, nics: [], balloonMib: 0, balloonTargetMib: 0 } }));

test('a rate is what a counter gained in the time of the VM', () => {
  expect(perSecond(history([disk(10)], [disk(30)], [disk(30)]), stats => stats.disks[0]?.reads)).toEqual([{ atMs: 1000, value: 10 }, { atMs: 2000, value: 0 }]);
});

test('a latency is what one operation took, and nothing without operations', () => {
  expect(perCount(history([disk(10)], [disk(30)], [disk(30)]), stats => stats.disks[0]?.readNs, stats => stats.disks[0]?.reads)).toEqual([{ atMs: 1000, value: 2e6 }, { atMs: 2000, value: 0 }]);
});

test('a disk is followed by its slot, and one that another took the place of starts anew', () => {
  const inSlot = disk(50, { slot: 3 }), samples = history([disk(0)], [disk(0), disk(7, { slot: 1 }), inSlot], [disk(0), disk(60, { slot: 3 })], [disk(0), disk(5, { slot: 3 })]);
  expect(perSecond(samples, stats => diskAt(2, inSlot)(stats)?.reads)).toEqual([{ atMs: 2000, value: 5 }]);
});

test('running disks are found among those of the settings', () => {
  const spec: VmSpec = { name: 'web', cpus: 1, memoryMib: 64, guest: { kind: 'diagnostics' }, disks: [{ path: '/s', readOnly: false, slot: 2 }, { path: '/a', readOnly: false }, { path: '/b', readOnly: false }] };
  const running = [disk(0), disk(0), disk(0, { slot: 2 }), disk(0, { slot: 5 })];
  expect(running.map((_, place) => placeInSpec(spec, running, place))).toEqual([1, 2, 0, undefined]);
});
