import { expect, test } from 'vitest';
import { changedSettings, undone } from './settings-change.ts';
import type { VmSpec } from './vm.ts';
import { english } from '../base/phrase.ts';

const before: VmSpec = { name: 'web', cpus: 1, memoryMib: 512, guest: { kind: 'diagnostics' }, disks: [] }, after: VmSpec = { ...before, cpus: 2, iommu: true };

test('only what a change changed is undone', () => {
  expect(changedSettings({ before, after }).map(english)).toEqual(['the number of CPUs', 'the IOMMU']);
  expect(undone({ ...after, memoryMib: 1024 }, { before, after })).toEqual({ spec: { ...before, memoryMib: 1024 }, conflicts: [] });
});

test('what was changed again since is told', () => {
  expect(undone({ ...after, cpus: 4 }, { before, after }).conflicts.map(english)).toEqual(['the number of CPUs']);
  expect(undone(before, { before, after }).conflicts.map(english)).toEqual(['the number of CPUs', 'the IOMMU']);
});
