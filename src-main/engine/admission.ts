/** Whether a host can take a VM. */
import { resolve } from 'node:path';
import { EngineError } from '../../shared/base/errors.ts';
import { say, type Phrase, type Value } from '../../shared/base/phrase.ts';
import { isOn, maintenanceOf, smartNicOf, type Host, type HostRole } from '../../shared/model/host.ts';
import { reservedBy, usesHost, vmsBelow } from '../../shared/model/reservations.ts';
import type { Vm, VmRequest, VmSpec } from '../../shared/model/vm.ts';
import type { Objects } from '../inventory/inventory.ts';
import { watchdogOf } from './boot-records.ts';
import { checkPoolMemory, checkVmReservations, memoryOf, poolsAround } from './allocations.ts';
import { chainOf } from './chains.ts';

/** Throws, with the reason, when the host could not run the VM even if it ran nothing else. */
export function checkFits(spec: Pick<VmSpec, 'name' | 'cpus' | 'maxCpus' | 'memoryMib'>, host: Pick<Host, 'cpus' | 'memoryMib'> & { readonly name: Value }): void {
  if (spec.maxCpus !== undefined && spec.maxCpus < spec.cpus) throw new EngineError('invalid', say`${spec.name} cannot have ${spec.cpus} CPUs and at most ${spec.maxCpus}.`);
  if (spec.cpus > host.cpus) throw new EngineError('does-not-fit', say`${spec.name} wants ${spec.cpus} CPUs, but ${host.name} has ${host.cpus}.`);
  if (spec.memoryMib > host.memoryMib) throw new EngineError('does-not-fit', say`${spec.name} wants ${spec.memoryMib} MiB of memory, but ${host.name} has ${host.memoryMib} MiB.`);
}

/** Throws when a VM could not be the host's system, or its SmartNIC's. */
export function checkSystem({ spec }: Pick<Vm, 'spec'>, host: Host, role: HostRole): void {
  if (role === 'smartNic') {
    const nic = smartNicOf(host);
    if (nic === undefined) throw new EngineError('no-smart-nic', say`${host.name} has no SmartNIC: no network adapter of it has CPUs of its own.`);
    checkFits(spec, { name: say`the SmartNIC of ${host.name}`, cpus: nic.cpus ?? 0, memoryMib: nic.memoryMib ?? 0 });
    return;
  }
  const { mode, timeoutS } = watchdogOf(spec);
  checkFits(spec, host);
  if (host.watchdog === 'none' && mode !== 'none') throw new EngineError('no-watchdog', say`${host.name} has no watchdog, but the settings of ${spec.name} have one: take it out, or give the host one.`);
  const mostS = 2 * 2 ** OFFSET_BITS_0 / host.counterHz;
  if (host.watchdog === 'SBSA revision 0' && mode === 'boot' && timeoutS > mostS) throw new EngineError('watchdog-time', say`The watchdog of ${host.name} lasts ${Math.floor(mostS)} seconds at most, as it is of revision 0 and counts ${host.counterHz / 1e6} MHz; the settings of ${spec.name} want ${timeoutS}.`);
}

const refuse = (why: Phrase) => { throw new EngineError('host-unavailable', why); };

function checkHasPower({ name, ...host }: Host): void {
  if (!host.connected) refuse(say`${name} is disconnected, so no VM can run on it.`);
  if (!isOn(host)) refuse(say`${name} is powered off, so no VM can run on it.`);
}

/** Throws when a host runs no VMs as it is. */
export function checkRunsVms(host: Host): void {
  const { name } = host;
  checkHasPower(host);
  if (host.health === 'booting') refuse(say`${name} is booting, so no VM can run on it yet.`);
  if (host.health === 'notResponding') refuse(say`${name} does not respond, so no VM can run on it.`);
  if (maintenanceOf(host) === 'on') refuse(say`${name} is in maintenance mode, so no VM can run on it.`);
  if (maintenanceOf(host) === 'entering') refuse(say`${name} is entering maintenance mode, so no VM can run on it.`);
}

/** WOR of a watchdog of revision 0 has 32 bits; each of its two stages lasts that long at most. */
const OFFSET_BITS_0 = 32;

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

/** Throws, with the reason, when the host cannot run the VM beside those that are on, or when what it reserves is not there. */
export function checkPowerOn(vm: Vm, objects: Objects): void {
  const host = objects.host(vm.hostId), others = objects.vms.filter(other => other.hostId === host.id && other.id !== vm.id && usesHost(other));
  if (vm.hostRole === undefined) {
    checkRunsVms(host);
    checkFits(vm.spec, host);
  } else {
    checkHasPower(host);
    checkSystem(vm, host, vm.hostRole);
    if (vm.hostRole === 'smartNic') return;
  }
  const heldMib = heldMemory(objects, vm), leftMib = host.memoryMib - memoryOf(others) - heldMib, neededMib = vm.spec.memoryMib;
  if (neededMib > leftMib) throw new EngineError('no-memory', heldMib > 0 ? say`${host.name} has ${Math.max(0, leftMib)} MiB of memory left, as ${heldMib} MiB are reserved for resource pools, but ${vm.spec.name} needs ${neededMib} MiB.` : say`${host.name} has ${Math.max(0, leftMib)} MiB of memory left, but ${vm.spec.name} needs ${neededMib} MiB.`);
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
  if (taken !== undefined && taken.id !== self?.id) throw new EngineError('name-taken', say`There already is a VM named ${taken.spec.name}.`);
}

/** Throws when an image is there twice, or a hot-plug slot, or when a snapshot's image would be written to. */
export function checkDisks({ disks, nics = [] }: VmRequest, all: Iterable<Vm>): void {
  const held = snapshotImages(all);
  for (const disk of disks) if ('path' in disk && !disk.readOnly && held.has(resolve(disk.path))) throw new EngineError('held', say`${disk.path} belongs to a snapshot of ${held.get(resolve(disk.path)) ?? ''}. It can be used read only.`);
  const paths = new Set<string>(), slots = new Set<number>();
  for (const { slot } of [...disks.filter(disk => 'path' in disk), ...nics]) {
    if (slot !== undefined && slots.has(slot)) throw new EngineError('slot-twice', say`Two devices are in slot ${slot}.`);
    if (slot !== undefined) slots.add(slot);
  }
  for (const disk of disks) {
    if ('create' in disk || disk.path === '') continue;
    if (paths.has(resolve(disk.path))) throw new EngineError('disk-twice', say`The disk image ${disk.path} is there twice.`);
    paths.add(resolve(disk.path));
  }
}

/** The images that snapshots have, with the name of their VM. */
function snapshotImages(all: Iterable<Vm>): ReadonlyMap<string, string> {
  return new Map([...all].flatMap(({ spec: { name }, snapshots = [] }) => snapshots.flatMap(({ spec }) => spec.disks.map(({ path }) => [resolve(path), name] as const))));
}

/** Throws when an image would be written to that a disk of the VM stands on: a wish can be older than a snapshot that was taken. */
export async function checkNotHeld({ spec }: Vm, wanted: VmRequest): Promise<void> {
  const below = new Set((await Promise.all(spec.disks.map(({ path }) => chainOf(path)))).flatMap(([, ...images]) => images));
  for (const disk of wanted.disks) if ('path' in disk && !disk.readOnly && below.has(resolve(disk.path))) throw new EngineError('held', say`A disk of ${spec.name} stands on ${disk.path}. It can be used read only.`);
}
