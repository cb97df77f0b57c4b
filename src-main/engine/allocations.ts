/** Whether there is room for what VMs and resource pools reserve, and whether an allocation makes sense. */
import { EngineError } from '../../shared/base/errors.ts';
import { say, type Phrase } from '../../shared/base/phrase.ts';
import type { ResourcePool } from '../../shared/model/container.ts';
import { capacityMhz, type Host } from '../../shared/model/host.ts';
import type { Place } from '../../shared/model/place.ts';
import { noRoom, reservationOf, reservedBy, reservedIn, reservesFrom, RESOURCES, usesHost, vmsBelow, type Resource } from '../../shared/model/reservations.ts';
import { cpuAllocationOf, memoryAllocationOf, type Vm, type VmRequest, type VmSpec } from '../../shared/model/vm.ts';
import type { Edit, Objects } from '../inventory/inventory.ts';

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);
export const memoryOf = (vms: readonly Vm[]): number => sum(vms.map(({ spec }) => spec.memoryMib));

/** The pool with this id and all that it is in, from the inside out. */
export function* poolsAround(objects: Objects, id: string | undefined): Generator<ResourcePool> {
  for (let pool = id === undefined ? undefined : objects.find('resourcePool', id); pool !== undefined; pool = pool.parent.kind === 'resourcePool' ? objects.find('resourcePool', pool.parent.id) : undefined) yield pool;
}

/** Throws when the VM's memory does not fit into the limits of the pools that it is in. */
export function checkPoolMemory(objects: Objects, { id, poolId, spec }: Vm): void {
  for (const { id: pool, name, memory: { limit } } of poolsAround(objects, poolId)) {
    const usedMib = memoryOf(vmsBelow(objects, { kind: 'resourcePool', id: pool }).filter(other => other.id !== id));
    if (limit !== undefined && usedMib + spec.memoryMib > limit) throw new EngineError('no-memory', say`${name} is limited to ${limit} MiB of memory and has ${Math.max(0, limit - usedMib)} MiB left, but ${spec.name} needs ${spec.memoryMib} MiB.`);
  }
}

const UNITS: Readonly<Record<Resource, Phrase>> = { cpu: say`MHz of CPU`, memory: say`MiB of memory` };
const nameOfPlace = (objects: Objects, { kind, id }: Place): string => (kind === 'root' ? '' : objects.get(kind, id).name);

function checkRoom(objects: Objects, { name, from, resource, needed }: { readonly name: string; readonly from: Place; readonly resource: Resource; readonly needed: number }): void {
  const missing = noRoom(objects, from, resource, needed);
  if (missing === undefined) return;
  throw new EngineError('no-reservation', say`${nameOfPlace(objects, missing.place)} has ${missing.unreserved} ${UNITS[resource]} unreserved, but ${name} needs ${missing.needed} more.`);
}

/** Throws when what a VM is to reserve is not there; what it reserves already, it may keep. */
export function checkVmReservations(objects: Objects, vm: Vm, wanted: Pick<VmSpec, 'cpus' | 'memoryMib' | 'cpuAllocation' | 'memoryAllocation'>): void {
  const from = reservesFrom(objects, vm), host = objects.host(vm.hostId), { name } = vm.spec;
  for (const resource of RESOURCES) {
    const needed = reservationOf(wanted, resource) - (usesHost(vm) ? reservationOf(vm.spec, resource) : 0);
    if (from !== undefined) checkRoom(objects, { name, from, resource, needed });
    // The cluster may have room where the host has none.
    const capacity = resource === 'cpu' ? capacityMhz(host) : host.memoryMib, unreserved = capacity - sum(objects.vms.filter(other => other.hostId === host.id && usesHost(other)).map(({ spec }) => reservationOf(spec, resource)));
    if (needed > 0 && needed > unreserved) throw new EngineError('no-reservation', say`${host.name} has ${Math.max(0, unreserved)} ${UNITS[resource]} unreserved, but ${name} needs ${needed} more.`);
  }
}

/** Throws when an allocation contradicts itself, or a VM cannot use what it reserves. */
export function checkAllocations(spec: VmRequest | VmSpec, host: Host): void {
  const { name, cpus, memoryMib } = spec, cpu = cpuAllocationOf(spec), memory = memoryAllocationOf(spec);
  if (cpu.limit !== undefined && cpu.reservation > cpu.limit) throw new EngineError('invalid', say`${name} cannot have a CPU reservation of ${cpu.reservation} MHz and a limit of ${cpu.limit} MHz.`);
  if (cpu.reservation > cpus * host.cpuMhz) throw new EngineError('invalid', say`${name} cannot reserve ${cpu.reservation} MHz: its CPUs have ${cpus * host.cpuMhz} MHz on ${host.name}.`);
  if (cpu.limit === 0) throw new EngineError('invalid', say`${name} cannot run with a CPU limit of 0 MHz.`);
  if (memory.reservation > memoryMib) throw new EngineError('invalid', say`${name} cannot reserve ${memory.reservation} MiB of memory: it has ${memoryMib} MiB.`);
  if (memory.limit !== undefined && memory.limit < memoryMib) throw new EngineError('invalid', say`${name} cannot have a memory limit of ${memory.limit} MiB, which is below its ${memoryMib} MiB of memory.`);
}

/** Throws when a pool, as it is to be, is not right, reserves what is not there, or has less than what is in it reserves. */
export function checkPool(objects: Objects, wanted: ResourcePool): void {
  const before = objects.find('resourcePool', wanted.id), { name, parent } = wanted, self: Place = { kind: 'resourcePool', id: wanted.id };
  for (const resource of RESOURCES) {
    const { reservation, limit, expandable } = wanted[resource], inside = before === undefined ? 0 : reservedIn(objects, self, resource), unit = UNITS[resource];
    if (limit !== undefined && reservation > limit) throw new EngineError('invalid', say`${name} cannot reserve ${reservation} ${unit} with a limit of ${limit}.`);
    if (resource === 'cpu' && limit === 0) throw new EngineError('invalid', say`VMs in ${name} cannot run with a CPU limit of 0 MHz.`);
    if (!expandable && inside > reservation) throw new EngineError('no-reservation', say`${inside} ${unit} are reserved in ${name}, so it must be expandable or reserve as much.`);
    checkRoom(objects, { name, from: parent, resource, needed: (expandable ? Math.max(reservation, inside) : reservation) - (before === undefined ? 0 : reservedBy(objects, before, resource)) });
  }
  const usedMib = before === undefined ? 0 : memoryOf(vmsBelow(objects, self)), { limit } = wanted.memory;
  if (limit !== undefined && usedMib > limit) throw new EngineError('invalid', say`VMs that are on in ${name} have ${usedMib} MiB of memory, more than a limit of ${limit} MiB.`);
}

/** Throws when a VM that is on would have no room where it is to be; what it reserved where it was is free. */
export function checkMoved(edit: Edit, before: Vm, moved: Vm): void {
  if (!usesHost(before)) return;
  const off: Vm = { ...moved, powerState: 'poweredOff' };
  edit.put('vm', off);
  checkPoolMemory(edit, off);
  checkVmReservations(edit, off, off.spec);
}

/** The same of a resource pool. */
export function checkPoolMoved(edit: Edit, pool: ResourcePool, to: Place): void {
  const needed = RESOURCES.map(resource => ({ resource, needed: reservedBy(edit, pool, resource) }));
  edit.remove({ kind: 'resourcePool', id: pool.id });
  for (const each of needed) checkRoom(edit, { name: pool.name, from: to, ...each });
}
