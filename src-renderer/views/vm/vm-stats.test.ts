import { expect, test } from 'vitest';
import type { DiskStats, VmSpec } from '../../../shared/model/vm.ts';
import { placeInSpec } from './vm-stats.ts';

const disk = (slot?: number): DiskStats => ({ path: '/d', bus: 'virtio', slot, reads: 0, writes: 0, flushes: 0, discards: 0, errors: 0, readBytes: 0, writtenBytes: 0, readNs: 0, writeNs: 0, flushNs: 0 });

test('running disks are found among those of the settings', () => {
  const spec: VmSpec = { name: 'web', cpus: 1, memoryMib: 64, guest: { kind: 'diagnostics' }, disks: [{ path: '/s', readOnly: false, slot: 2 }, { path: '/a', readOnly: false }, { path: '/b', readOnly: false }] };
  const running = [disk(), disk(), disk(2), disk(5)];
  expect(running.map((_, place) => placeInSpec(spec, running, place))).toEqual([1, 2, 0, undefined]);
});
