import { expect, test } from 'vitest';
import type { HostId, VmId } from '../../shared/base/ids.ts';
import type { Vm } from '../../shared/model/vm.ts';
import { applyChanges, compareNames, inOrder, mapById } from './by-id.ts';

const vm = (id: string, name: string): Vm => ({
  id: id as VmId, hostId: 'host-a' as HostId, powerState: 'poweredOff', createdMs: 0,
  spec: { name, cpus: 1, memoryMib: 512, guest: { kind: 'diagnostics' }, disks: [] },
});

test('a batch adds, replaces and removes objects of its kind', () => {
  const before = mapById([vm('1', 'one'), vm('2', 'two')]);
  const after = applyChanges('vm', before, [
    { kind: 'vm', id: '1', after: null },
    { kind: 'vm', id: '2', after: vm('2', 'second') },
    { kind: 'vm', id: '3', after: vm('3', 'three') },
  ]);
  expect([...after.values()].map(each => each.spec.name)).toEqual(['second', 'three']);
  expect([...before.keys()]).toEqual(['1', '2']);
});

test('a batch about other kinds leaves the very same map, so that nothing renders again', () => {
  const before = mapById([vm('1', 'one')]);
  expect(applyChanges('vm', before, [{ kind: 'host', id: 'h', after: null }])).toBe(before);
});

test('names sort as a person counts', () => {
  expect(['vm10', 'Vm2', 'vm1'].sort(compareNames)).toEqual(['vm1', 'Vm2', 'vm10']);
});

test('an order is kept while nobody comes, goes or changes what it is ordered by', () => {
  const before = [vm('2', 'a'), vm('1', 'b')], sameName = (a: Vm, b: Vm) => a.spec.name === b.spec.name, on: Vm = { ...vm('1', 'b'), powerState: 'poweredOn' };
  expect(inOrder(mapById([on, before[0]!]), before, sameName)).toEqual([before[0], on]);
  expect([inOrder(mapById([vm('1', 'z'), before[0]!]), before, sameName), inOrder(mapById([on]), before, sameName), inOrder(mapById([on, vm('3', 'a')]), before, sameName)]).toEqual([undefined, undefined, undefined]);
});
