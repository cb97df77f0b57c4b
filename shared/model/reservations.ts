/**
 * What is reserved of hosts, clusters and resource pools, and whether there is room for more. A VM reserves while it is on,
 * a pool always. An expandable pool whose reservation is taken reserves more of what it is in.
 */
import { capacityMhz, isOn, maintenanceOf, type Host } from './host.ts';
import type { ResourcePool } from './container.ts';
import type { ObjectKinds } from './objects.ts';
import { isSamePlace, type Place } from './place.ts';
import { cpuAllocationOf, memoryAllocationOf, type Vm, type VmSpec } from './vm.ts';

/** CPU in MHz, memory in MiB. */
export const RESOURCES = ['cpu', 'memory'] as const;
export type Resource = (typeof RESOURCES)[number];

/** An inventory to look things up in. */
export interface Inventory { all<K extends 'host' | 'cluster' | 'resourcePool' | 'vm'>(kind: K): readonly ObjectKinds[K][] }

const isPowered = ({ powerState, deletedMs }: Pick<Vm, 'powerState' | 'deletedMs'>): boolean => deletedMs === undefined && powerState !== 'poweredOff' && powerState !== 'suspended';
/** It is on, and has its host's CPUs and memory: a SmartNIC's system has the SmartNIC's. */
export const usesHost = (vm: Pick<Vm, 'powerState' | 'deletedMs' | 'hostRole'>): boolean => isPowered(vm) && vm.hostRole !== 'smartNic';
/** It is on, and one of those that the host is there for. */
export const isWorkload = (vm: Pick<Vm, 'powerState' | 'deletedMs' | 'hostRole'>): boolean => isPowered(vm) && vm.hostRole === undefined;
export const canRunVms = (host: Host): boolean => host.connected && isOn(host) && maintenanceOf(host) === 'none' && host.health === undefined;

export const reservationOf = (spec: Pick<VmSpec, 'cpus' | 'memoryMib' | 'cpuAllocation' | 'memoryAllocation'>, resource: Resource): number => (resource === 'cpu' ? cpuAllocationOf(spec) : memoryAllocationOf(spec)).reservation;

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);
const hostPlace = (host: Host): Place => (host.parent.kind === 'cluster' ? host.parent : { kind: 'host', id: host.id });

/** What a VM's reservation comes from: its pool, else its cluster or host. */
export function reservesFrom(inventory: Inventory, { hostId, poolId }: Pick<Vm, 'hostId' | 'poolId'>): Place | undefined {
  if (poolId !== undefined) return { kind: 'resourcePool', id: poolId };
  const host = inventory.all('host').find(({ id }) => id === hostId);
  return host && hostPlace(host);
}

const poolsIn = (inventory: Inventory, place: Place): readonly ResourcePool[] => inventory.all('resourcePool').filter(({ parent }) => isSamePlace(parent, place));

/** VMs that are on, directly in a place. */
function vmsIn(inventory: Inventory, { kind, id }: Place): readonly Vm[] {
  if (kind === 'resourcePool') return inventory.all('vm').filter(vm => vm.poolId === id && usesHost(vm));
  const hosts = new Set(inventory.all('host').filter(host => isSamePlace(hostPlace(host), { kind, id })).map(host => host.id));
  return inventory.all('vm').filter(vm => vm.poolId === undefined && hosts.has(vm.hostId) && usesHost(vm));
}

/** VMs that are on, in a place and all pools in it. */
export function vmsBelow(inventory: Inventory, place: Place): readonly Vm[] {
  return [...vmsIn(inventory, place), ...poolsIn(inventory, place).flatMap(({ id }) => vmsBelow(inventory, { kind: 'resourcePool', id }))];
}

/** What is reserved of a place by what is directly in it. */
export const reservedIn = (inventory: Inventory, place: Place, resource: Resource): number => sum([
  ...vmsIn(inventory, place).map(({ spec }) => reservationOf(spec, resource)),
  ...poolsIn(inventory, place).map(pool => reservedBy(inventory, pool, resource)),
]);

/** What a pool reserves of what it is in. */
export function reservedBy(inventory: Inventory, pool: ResourcePool, resource: Resource): number {
  const { reservation, expandable } = pool[resource];
  return expandable ? Math.max(reservation, reservedIn(inventory, { kind: 'resourcePool', id: pool.id }, resource)) : reservation;
}

const hostCapacity = (host: Host, resource: Resource): number => (resource === 'cpu' ? capacityMhz(host) : host.memoryMib);

/** What a place has to give: of a cluster, what its hosts that can run VMs have. */
export function capacityOf(inventory: Inventory, { kind, id }: Place, resource: Resource): number {
  if (kind === 'resourcePool') return inventory.all('resourcePool').find(pool => pool.id === id)?.[resource].reservation ?? 0;
  return sum(inventory.all('host').filter(host => (kind === 'cluster' ? host.parent.id === id && canRunVms(host) : host.id === id)).map(host => hostCapacity(host, resource)));
}

/** The first place that has no room for a reservation more, from the inside out, with what it has. */
export function noRoom(inventory: Inventory, place: Place, resource: Resource, needed: number): { readonly place: Place; readonly unreserved: number; readonly needed: number } | undefined {
  if (needed <= 0) return undefined;
  const unreserved = Math.max(0, capacityOf(inventory, place, resource) - reservedIn(inventory, place, resource)), pool = place.kind === 'resourcePool' ? inventory.all('resourcePool').find(({ id }) => id === place.id) : undefined;
  if (needed <= unreserved) return undefined;
  if (pool === undefined || !pool[resource].expandable) return { place, unreserved, needed };
  return noRoom(inventory, pool.parent, resource, needed - unreserved);
}
