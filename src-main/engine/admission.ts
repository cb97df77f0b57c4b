/** Whether a host can take a VM. */
import { resolve } from 'node:path';
import { EngineError } from '../../shared/base/errors.ts';
import { isOn, maintenanceOf, type Host } from '../../shared/model/host.ts';
import { reservedBy, usesHost, vmsBelow } from '../../shared/model/reservations.ts';
import type { Vm, VmRequest, VmSpec } from '../../shared/model/vm.ts';
import type { Objects } from '../inventory/inventory.ts';
import { checkPoolMemory, checkVmReservations, memoryOf, poolsAround } from './allocations.ts';
import { chainOf } from './chains.ts';

/** Throws, with the reason, when the host could not run the VM even if it ran nothing else. */
export function checkFits(spec: Pick<VmSpec, 'name' | 'cpus' | 'memoryMib'>, host: Host): void {
  if (spec.cpus > host.cpus) throw new EngineError('does-not-fit', `${spec.name} wants ${spec.cpus} CPUs, but ${host.name} has ${host.cpus}.`);
  if (spec.memoryMib > host.memoryMib) throw new EngineError('does-not-fit', `${spec.name} wants ${spec.memoryMib} MiB of memory, but ${host.name} has ${host.memoryMib} MiB.`);
}

/** Throws when a host runs no VMs as it is. */
export function checkRunsVms(host: Host): void {
  const why = !host.connected ? 'is disconnected' : !isOn(host) ? 'is powered off' : maintenanceOf(host) === 'on' ? 'is in maintenance mode' : maintenanceOf(host) === 'entering' ? 'is entering maintenance mode' : undefined;
  if (why !== undefined) throw new EngineError('host-unavailable', `${host.name} ${why}, so no VM can run on it.`);
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

/** Throws, with the reason, when the host cannot run the VM beside those that are on, or when what it reserves is not there. */
export function checkPowerOn(vm: Vm, objects: Objects): void {
  const host = objects.host(vm.hostId), others = objects.vms.filter(other => other.hostId === host.id && other.id !== vm.id && usesHost(other));
  checkRunsVms(host);
  checkFits(vm.spec, host);
  const heldMib = heldMemory(objects, vm), leftMib = host.memoryMib - memoryOf(others) - heldMib, held = heldMib > 0 ? `, as ${heldMib} MiB are reserved for resource pools` : '';
  if (vm.spec.memoryMib > leftMib) throw new EngineError('no-memory', `${host.name} has ${Math.max(0, leftMib)} MiB of memory left${held}, but ${vm.spec.name} needs ${vm.spec.memoryMib} MiB.`);
  checkPoolMemory(objects, vm);
  checkVmReservations(objects, vm, vm.spec);
}

/** Memory that pools of a host keep for VMs of theirs which are not on; but those that the VM itself is in. */
function heldMemory(objects: Objects, vm: Vm): number {
  const own = new Set([...poolsAround(objects, vm.poolId)].map(({ id }) => id));
  return sum(objects.all('resourcePool').filter(({ id, parent }) => parent.kind === 'host' && parent.id === vm.hostId && !own.has(id)).map(pool => Math.max(0, reservedBy(objects, pool, 'memory') - memoryOf(vmsBelow(objects, { kind: 'resourcePool', id: pool.id })))));
}

/** The VM that has a name. Names tell VMs apart for people, who do not see case. */
export function vmNamed(name: string, all: Iterable<Vm>): Vm | undefined {
  const wanted = name.toLocaleLowerCase('en');
  return [...all].find(vm => vm.spec.name.toLocaleLowerCase('en') === wanted);
}

export function checkName(name: string, all: Iterable<Vm>, self?: Vm): void {
  const taken = vmNamed(name, all);
  if (taken !== undefined && taken.id !== self?.id) throw new EngineError('name-taken', `There already is a VM named ${taken.spec.name}.`);
}

/** Throws when an image is there twice, or a slot, or when a snapshot's image would be written to. */
export function checkDisks({ disks }: VmRequest, all: Iterable<Vm>): void {
  const held = snapshotImages(all);
  for (const disk of disks) if ('path' in disk && !disk.readOnly && held.has(resolve(disk.path))) throw new EngineError('held', `${disk.path} belongs to a snapshot of ${held.get(resolve(disk.path))}. It can be used read only.`);
  const paths = new Set<string>(), slots = new Set<number>();
  for (const disk of disks) {
    if ('create' in disk || disk.path === '') continue;
    if (paths.has(resolve(disk.path))) throw new EngineError('disk-twice', `The disk image ${disk.path} is there twice.`);
    if (disk.slot !== undefined && slots.has(disk.slot)) throw new EngineError('slot-twice', `Two disks are in slot ${disk.slot}.`);
    paths.add(resolve(disk.path));
    if (disk.slot !== undefined) slots.add(disk.slot);
  }
}

/** The images that snapshots have, with the name of their VM. */
function snapshotImages(all: Iterable<Vm>): ReadonlyMap<string, string> {
  return new Map([...all].flatMap(({ spec: { name }, snapshots = [] }) => snapshots.flatMap(({ spec }) => spec.disks.map(({ path }) => [resolve(path), name] as const))));
}

/** Throws when an image would be written to that a disk of the VM stands on: a wish can be older than a snapshot that was taken. */
export async function checkNotHeld({ spec }: Vm, wanted: VmRequest): Promise<void> {
  const below = new Set((await Promise.all(spec.disks.map(({ path }) => chainOf(path)))).flatMap(([, ...images]) => images));
  for (const disk of wanted.disks) if ('path' in disk && !disk.readOnly && below.has(resolve(disk.path))) throw new EngineError('held', `A disk of ${spec.name} stands on ${disk.path}. It can be used read only.`);
}
