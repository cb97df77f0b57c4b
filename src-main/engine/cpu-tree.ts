/** What `divide` divides for a host: the resource pools and VMs that run on it, in CPUs of the host. */
import type { HostId, ResourcePoolId, VmId } from '../../shared/base/ids.ts';
import type { ResourcePool } from '../../shared/model/container.ts';
import type { Host } from '../../shared/model/host.ts';
import { cpuAllocationOf, type Vm } from '../../shared/model/vm.ts';
import type { Objects } from '../inventory/inventory.ts';
import type { Claim, Division } from './cpu-division.ts';

/** How many CPUs a VM can use at once. */
export const threadsOf = ({ spec: { cpus, smpMode } }: Pick<Vm, 'spec'>): number => (smpMode === 'deterministic' ? 1 : cpus);

/** What a VM asks for: more than its own reservation when it is to keep what it was given before. */
export interface Wish { readonly demand: number; readonly reservation?: number }

export interface CpuTree { readonly roots: readonly Division[]; readonly claims: ReadonlyMap<VmId, Claim> }

/** The pool that something is in; none when it is directly on its host or cluster. */
const poolOf = (objects: Objects, id: string | undefined): ResourcePool | undefined => (id === undefined ? undefined : objects.find('resourcePool', id));
export const outerPool = (objects: Objects, { parent }: ResourcePool): ResourcePool | undefined => (parent.kind === 'resourcePool' ? objects.find('resourcePool', parent.id) : undefined);

/** The pool of a VM and all that it is in, from the inside out. */
export function* poolsOf(objects: Objects, id: ResourcePoolId | undefined): Generator<ResourcePool> {
  for (let pool = poolOf(objects, id); pool !== undefined; pool = outerPool(objects, pool)) yield pool;
}

/** For each pool, how many CPUs the VMs below it can use: on each host, and together. */
function threadsByPool(objects: Objects, running: readonly Vm[]): ReadonlyMap<ResourcePoolId, { readonly all: number; readonly on: ReadonlyMap<HostId, number> }> {
  const pools = new Map<ResourcePoolId, { all: number; on: Map<HostId, number> }>();
  for (const vm of running) {
    for (const { id } of poolsOf(objects, vm.poolId)) {
      const pool = pools.get(id) ?? { all: 0, on: new Map<HostId, number>() };
      pool.all += threadsOf(vm);
      pool.on.set(vm.hostId, (pool.on.get(vm.hostId) ?? 0) + threadsOf(vm));
      pools.set(id, pool);
    }
  }
  return pools;
}

/** Trees of hosts for one division. A pool of a cluster has on each host the part of its VMs that run there. */
export class CpuTrees {
  private readonly objects: Objects;
  private readonly pools: ReturnType<typeof threadsByPool>;

  constructor(objects: Objects, running: readonly Vm[]) {
    this.objects = objects;
    this.pools = threadsByPool(objects, running);
  }

  of(host: Host, vms: readonly Vm[], wish: (vm: Vm) => Wish): CpuTree {
    const roots: Division[] = [], groups = new Map<ResourcePoolId, Division[]>(), claims = new Map<VmId, Claim>();
    const childrenOf = (pool: ResourcePool | undefined): Division[] => {
      if (pool === undefined) return roots;
      const known = groups.get(pool.id);
      if (known !== undefined) return known;
      const children: Division[] = [];
      groups.set(pool.id, children);
      childrenOf(outerPool(this.objects, pool)).push({ ...this.termsOf(pool, host), children });
      return children;
    };
    for (const vm of vms) {
      const { shares, reservation, limit = Infinity } = cpuAllocationOf(vm.spec), claim: Claim = { shares, reservation: reservation / host.cpuMhz, limit: limit / host.cpuMhz, ...wish(vm) };
      claims.set(vm.id, claim);
      childrenOf(poolOf(this.objects, vm.poolId)).push(claim);
    }
    return { roots, claims };
  }

  private termsOf({ id, cpu: { shares, reservation, limit = Infinity } }: ResourcePool, host: Host) {
    const threads = this.pools.get(id), part = threads === undefined ? 1 : (threads.on.get(host.id) ?? 0) / threads.all;
    return { shares: shares * part, reservation: reservation * part / host.cpuMhz, limit: limit * part / host.cpuMhz };
  }
}
