/** What divides a host's or a pool's CPU and memory, a row for each resource pool and VM, pools before what is in them. */
import { say } from '../../../shared/base/phrase.ts';
import { SHARE_LEVELS, SHARES, type Allocation } from '../../../shared/model/container.ts';
import { isSamePlace, type Place } from '../../../shared/model/place.ts';
import { reservesFrom, usesHost, vmsBelow, type Inventory, type Resource } from '../../../shared/model/reservations.ts';
import { cpuAllocationOf, memoryAllocationOf, type Vm } from '../../../shared/model/vm.ts';
import { t, translate } from '../../i18n/i18n.ts';
import { compareNames } from '../../stores/by-id.ts';
import type { CpuByVm } from './host-stats.ts';

export interface AllocationRow {
  readonly id: string;
  readonly kind: 'resourcePool' | 'vm';
  readonly name: string;
  readonly depth: number;
  readonly allocation: Allocation;
  readonly expandable?: boolean;
  /** Low, Normal, High or Custom. */
  readonly level: string;
  /** Its part of the shares of those with the same parent, 0 to 1. */
  readonly part: number;
  /** In MHz or MiB; absent of VMs that are off. */
  readonly used?: number;
  readonly entitled?: number;
}

const LEVELS = { low: say`Low`, normal: say`Normal`, high: say`High` } as const;
const level = (shares: number, of: Readonly<Record<string, number>>, units = 1): string => {
  const found = SHARE_LEVELS.find(each => Math.round((of[each] ?? 0) * units) === shares);
  return found === undefined ? t`Custom` : translate(LEVELS[found]);
};

function vmRow(vm: Vm, resource: Resource, stats: CpuByVm): Omit<AllocationRow, 'part' | 'depth'> {
  const { id, spec } = vm, isCpu = resource === 'cpu', allocation = isCpu ? cpuAllocationOf(spec) : memoryAllocationOf(spec), cpu = stats.get(id), on = usesHost(vm);
  return {
    id, kind: 'vm', name: spec.name, allocation, level: isCpu ? level(allocation.shares, SHARES.vmCpu, spec.cpus) : level(allocation.shares, SHARES.vmMemory, spec.memoryMib),
    ...(isCpu ? on && cpu && { used: cpu.cpuMhz, entitled: cpu.entitledMhz } : on && { used: spec.memoryMib, entitled: spec.memoryMib }),
  };
}

const sum = (numbers: readonly (number | undefined)[]): number => numbers.reduce<number>((total, each) => total + (each ?? 0), 0);

/** `own` says which VMs are meant: those of one host, or all. */
export function allocationRows(inventory: Inventory, place: Place, { resource, stats, own }: { resource: Resource; stats: CpuByVm; own: (vm: Vm) => boolean }, depth = 0): readonly AllocationRow[] {
  const pools = inventory.all('resourcePool').filter(({ parent }) => isSamePlace(parent, place)).sort((a, b) => compareNames(a.name, b.name));
  const vms = inventory.all('vm').filter(vm => own(vm) && isSamePlace(reservesFrom(inventory, vm) ?? { kind: 'root', id: '' }, place)).sort((a, b) => compareNames(a.spec.name, b.spec.name));
  const total = sum([...pools.map(pool => pool[resource].shares), ...vms.map(vm => vmRow(vm, resource, stats).allocation.shares)]);
  return [
    ...pools.flatMap((pool): readonly AllocationRow[] => {
      const inside: Place = { kind: 'resourcePool', id: pool.id }, below = vmsBelow(inventory, inside).filter(own).map(vm => vmRow(vm, resource, stats));
      const row: AllocationRow = {
        id: pool.id, kind: 'resourcePool', name: pool.name, depth, allocation: pool[resource], expandable: pool[resource].expandable, part: pool[resource].shares / total,
        level: level(pool[resource].shares, resource === 'cpu' ? SHARES.poolCpu : SHARES.poolMemory), used: sum(below.map(({ used }) => used)), entitled: sum(below.map(({ entitled }) => entitled)),
      };
      return [row, ...allocationRows(inventory, inside, { resource, stats, own }, depth + 1)];
    }),
    ...vms.map(vm => { const row = vmRow(vm, resource, stats); return { ...row, depth, part: row.allocation.shares / total }; }),
  ];
}
