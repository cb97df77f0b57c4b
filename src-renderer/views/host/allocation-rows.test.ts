import { expect, test } from 'vitest';
import type { HostId, ResourcePoolId, VmId } from '../../../shared/base/ids.ts';
import { SHARES, type ResourcePool } from '../../../shared/model/container.ts';
import { HOST_PROFILES, type Host } from '../../../shared/model/host.ts';
import type { Inventory } from '../../../shared/model/reservations.ts';
import type { Vm } from '../../../shared/model/vm.ts';
import { allocationRows } from './allocation-rows.ts';

const host: Host = { ...HOST_PROFILES[0], id: 'h' as HostId, name: 'h', parent: { kind: 'datacenter', id: 'd' }, connected: true }, place = { kind: 'host', id: 'h' } as const;
const normal = { shares: SHARES.poolCpu.normal, reservation: 100, expandable: true };
const pool: ResourcePool = { id: 'p' as ResourcePoolId, name: 'pool', parent: place, cpu: normal, memory: { ...normal, shares: 1 } };
const vm = (name: string, rest: Partial<Vm> = {}, cpus = 1): Vm => ({ id: name as VmId, hostId: host.id, powerState: 'poweredOn', createdMs: 0, spec: { name, cpus, memoryMib: 128, guest: { kind: 'diagnostics' }, disks: [] }, ...rest });
const all = { host: [host], cluster: [], resourcePool: [pool], vm: [vm('inside', { poolId: pool.id }, 2), vm('off', { powerState: 'poweredOff' }), vm('out')] };
const inventory: Inventory = { all: kind => all[kind] as never };
const stats = new Map([['inside', { cpuMhz: 700, entitledMhz: 800, cpuReadyPart: 0 }], ['out', { cpuMhz: 5, entitledMhz: 6, cpuReadyPart: 0 }]]);

test('pools come before what is in them, with the part that their shares are and what their VMs use', () => {
  const rows = allocationRows(inventory, place, { resource: 'cpu', stats, own: () => true });
  expect(rows.map(({ name, depth, level, part, used, entitled }) => [name, depth, level, Math.round(part * 100), used, entitled])).toEqual([
    ['pool', 0, 'Normal', 67, 700, 800], ['inside', 1, 'Normal', 100, 700, 800], ['off', 0, 'Normal', 17, undefined, undefined], ['out', 0, 'Normal', 17, 5, 6],
  ]);
});

test('memory is what VMs that are on have', () => {
  const rows = allocationRows(inventory, place, { resource: 'memory', stats, own: ({ id }) => id !== 'out' });
  expect(rows.map(({ name, level, used }) => [name, level, used])).toEqual([['pool', 'Custom', 128], ['inside', 'Normal', 128], ['off', 'Normal', undefined]]);
});
