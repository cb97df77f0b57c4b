/** What is done with hosts: adding and removing them, their hardware, their power, their connection, and maintenance. */
import { EngineError } from '../../shared/base/errors.ts';
import type { HostId } from '../../shared/base/ids.ts';
import { say, type Phrase } from '../../shared/base/phrase.ts';
import { isOn, linkOf, maintenanceOf, type Host, type HostLink, type HostProfile, type NewHost } from '../../shared/model/host.ts';
import { canRunVms } from '../../shared/model/reservations.ts';
import type { ObjectRef } from '../../shared/model/task.ts';
import type { Vm } from '../../shared/model/vm.ts';
import { hostRef, type Edit, type Inventory, type Objects } from '../inventory/inventory.ts';
import { checkFits } from './admission.ts';
import { memoryOf } from './allocations.ts';
import type { Engine } from './engine.ts';
import { followSystem, systemOf, systemsOf, workloadsOn } from './host-systems.ts';
import type { Part, TaskContext } from './task-runner.ts';
import { checkPlace } from './tree.ts';

type Context = Pick<Engine, 'inventory' | 'power'>;
type Evacuating = Context & Pick<Engine, 'migrations'>;

const countOn = (vms: readonly Vm[]): Phrase => (vms.length === 1 ? say`${vms[0]?.spec.name ?? ''} is powered on` : say`${vms.length} VMs are powered on`);

function checkNoneOn(objects: Objects, { id, name }: Host, act: keyof typeof CANNOT): void {
  const on = act === 'edit' ? [...workloadsOn(objects, id), ...systemsOf(objects, id).filter(({ powerState }) => powerState !== 'poweredOff')] : workloadsOn(objects, id);
  if (on.length > 0) throw new EngineError('vms-on', CANNOT[act](name, countOn(on)));
}

const CANNOT = {
  edit: (name: string, on: Phrase) => say`${name} cannot change its hardware while VMs run on it: ${on}.`,
  powerOff: (name: string, on: Phrase) => say`${name} cannot be powered off while VMs run on it: ${on}.`,
  disconnect: (name: string, on: Phrase) => say`${name} cannot be disconnected while VMs run on it: ${on}.`,
  enter: (name: string, on: Phrase) => say`${name} cannot enter maintenance mode while VMs run on it: ${on}.`,
} as const;

function refuseUnless(condition: boolean, sentence: Phrase): void {
  if (!condition) throw new EngineError('wrong-state', sentence);
}

function put(edit: Edit, host: Host, type: string, message: Phrase): void {
  edit.put('host', host);
  edit.event({ severity: 'info', type: `host.${type}`, message, target: hostRef(host) });
}

export function addHost(edit: Edit, id: HostId, { name, parent, profile }: NewHost, made: (result: ObjectRef) => void): void {
  const host: Host = { id, name, parent, ...profile, connected: true };
  checkPlace(edit, 'host', host, parent);
  put(edit, host, 'added', say`The host ${name} was added.`);
  made(hostRef(host));
}

/** A machine that runs, or that is to go on, was built for the hardware it started on. */
export function editHost(edit: Edit, id: HostId, profile: HostProfile): void {
  const host = edit.host(id), suspended = edit.vms.find(vm => vm.hostId === id && vm.powerState === 'suspended');
  checkNoneOn(edit, host, 'edit');
  refuseUnless(suspended === undefined, say`${host.name} cannot change its hardware: ${suspended?.spec.name ?? ''} is suspended on it.`);
  put(edit, { ...host, ...profile }, 'reconfigured', say`The hardware of ${host.name} was changed.`);
}

export function setLink(edit: Edit, id: HostId, link: HostLink): void {
  const host = edit.host(id), { name } = host;
  put(edit, { ...host, link }, 'link', !link.connected ? say`The link of ${name} was cut.` : linkOf(host).connected ? say`The link of ${name} was changed.` : say`The link of ${name} was connected.`);
}

/** Throws what is wrong with turning a host on. */
export function checkHostOn(objects: Objects, id: HostId): Host {
  const host = objects.host(id);
  refuseUnless(host.connected, say`${host.name} is disconnected; connect it first.`);
  refuseUnless(!isOn(host), say`${host.name} is powered on already.`);
  return host;
}

/** And what it boots. Without a system of its own it can run VMs at once. */
export async function powerOnHost({ inventory, power }: Context, id: HostId, context: TaskContext): Promise<void> {
  await inventory.transact(edit => {
    const host = checkHostOn(edit, id), health = systemOf(edit, id, 'host') && 'booting';
    put(edit, { ...host, powerState: 'poweredOn', ...(health && { health }) }, 'poweredOn', say`${host.name} was powered on.`);
  });
  const results = await Promise.allSettled(systemsOf(inventory, id).map(vm => power.on(vm.id, context)));
  const refused = results.find(({ status }) => status === 'rejected');
  if (refused === undefined) return;
  await inventory.transact(edit => { for (const vm of systemsOf(edit, id)) followSystem(edit, vm.id); });
  throw (refused as PromiseRejectedResult).reason;
}

/** Throws what is wrong with turning a host off. */
export function checkHostOff(objects: Objects, id: HostId, force: boolean): Host {
  const host = objects.host(id);
  refuseUnless(host.connected, say`${host.name} is disconnected; connect it first.`);
  refuseUnless(isOn(host), say`${host.name} is powered off already.`);
  refuseUnless(maintenanceOf(host) !== 'entering', say`${host.name} is entering maintenance mode; cancel that first.`);
  if (!force) checkNoneOn(objects, host, 'powerOff');
  return host;
}

/** No VM starts on it from then on; those that run lose their power with it. */
export async function powerOffHost({ inventory, power }: Context, id: HostId, force: boolean): Promise<void> {
  await inventory.transact(edit => {
    const host = checkHostOff(edit, id, force);
    const { health: _, ...off } = host;
    put(edit, { ...off, powerState: 'poweredOff' }, 'poweredOff', say`${host.name} was powered off.`);
  });
  await power.allOff(vm => inventory.find('vm', vm)?.hostId === id);
}

export async function rebootHost(context: Context, id: HostId, force: boolean, task: TaskContext): Promise<void> {
  await powerOffHost(context, id, force);
  await powerOnHost(context, id, task);
}

export function connectHost(edit: Edit, id: HostId, connected: boolean): void {
  const host = edit.host(id);
  refuseUnless(host.connected !== connected, connected ? say`${host.name} is connected already.` : say`${host.name} is disconnected already.`);
  refuseUnless(maintenanceOf(host) !== 'entering', say`${host.name} is entering maintenance mode; cancel that first.`);
  if (!connected) checkNoneOn(edit, host, 'disconnect');
  put(edit, { ...host, connected }, connected ? 'connected' : 'disconnected', connected ? say`${host.name} was connected.` : say`${host.name} was disconnected.`);
}

export function checkEnter(objects: Objects, id: HostId, moveVms: boolean): Host {
  const host = objects.host(id);
  refuseUnless(host.connected, say`${host.name} is disconnected; connect it first.`);
  refuseUnless(isOn(host), say`${host.name} is powered off; power it on first.`);
  refuseUnless(maintenanceOf(host) === 'none', maintenanceOf(host) === 'on' ? say`${host.name} is in maintenance mode already.` : say`${host.name} is entering maintenance mode already.`);
  refuseUnless(!moveVms || host.parent.kind === 'cluster', say`${host.name} is in no cluster, so there is no host to move its VMs to.`);
  return host;
}

/** Starts no more VMs, moves those that are on if it is to, and waits for those that stay; cancelled, no more are moved and those that are off stay. */
export async function enterMaintenance(engine: Evacuating, id: HostId, moveVms: boolean, context: TaskContext): Promise<void> {
  const { inventory } = engine;
  await inventory.transact(edit => {
    const host = checkEnter(edit, id, moveVms);
    put(edit, { ...host, maintenance: 'entering' }, 'enteringMaintenance', say`${host.name} is entering maintenance mode.`);
  });
  try {
    if (moveVms) await evacuateRunning(engine, id, context);
    await noneOn(inventory, id, context);
    await inventory.transact(edit => {
      const host = edit.host(id);
      checkNoneOn(edit, host, 'enter');
      if (moveVms) evacuate(edit, host);
      put(edit, { ...host, maintenance: 'on' }, 'enteredMaintenance', say`${host.name} is in maintenance mode.`);
    });
  } catch (error) {
    await inventory.transact(edit => put(edit, { ...edit.host(id), maintenance: 'none' }, 'maintenanceCancelled', say`${edit.host(id).name} did not enter maintenance mode.`));
    throw error;
  }
}

/** Resolves when no VM of the host is on; rejects when the task is cancelled. */
function noneOn(inventory: Inventory, id: HostId, { signal, progress }: TaskContext): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<undefined>(), cancel = () => reject(new EngineError('cancelled', 'The task was cancelled.'));
  const look = () => {
    const on = workloadsOn(inventory, id);
    if (on.length === 0) resolve(undefined);
    else progress(0, say`Waiting: ${countOn(on)}`);
  };
  const subscription = inventory.changed.on(look);
  signal.addEventListener('abort', cancel, { once: true });
  if (signal.aborted) cancel();
  look();
  return promise.finally(() => {
    subscription.dispose();
    signal.removeEventListener('abort', cancel);
  });
}

const freeMib = (objects: Objects, host: Host): number => host.memoryMib - memoryOf(objects.vms.filter(vm => vm.hostId === host.id));
/** Hosts of the cluster that could take its VMs. */
const othersOf = (objects: Objects, { id, parent }: Host): readonly Host[] => objects.hosts.filter(other => other.id !== id && other.parent.kind === 'cluster' && other.parent.id === parent.id && canRunVms(other));

/** VMs that are on move while they run, to where most memory is free and nothing stands against it; others stay, and are waited for. */
async function evacuateRunning({ inventory, migrations }: Evacuating, id: HostId, { parts, signal }: TaskContext): Promise<void> {
  const planned = new Map<HostId, number>(), moves: Part[] = [];
  for (const vm of workloadsOn(inventory, id)) {
    const free = (host: Host) => freeMib(inventory, host) - (planned.get(host.id) ?? 0);
    for (const { id: hostId } of othersOf(inventory, inventory.host(id)).toSorted((a, b) => free(b) - free(a))) {
      if ((await migrations.checks(vm.id, { hostId })).some(({ severity }) => severity === 'error')) continue;
      planned.set(hostId, (planned.get(hostId) ?? 0) + vm.spec.memoryMib);
      moves.push(migrations.part(vm, { hostId }));
      break;
    }
  }
  // What did not move is waited for like the rest.
  if (moves.length > 0) await parts(moves).catch((error: unknown) => { if (signal.aborted) throw error; });
}

/** VMs that are off go to the host of the cluster that has most memory free; those that none can run, and those that are suspended, stay. */
function evacuate(edit: Edit, host: Host): void {
  const others = othersOf(edit, host);
  for (const vm of edit.vms.filter(each => each.hostId === host.id && each.powerState === 'poweredOff' && each.hostRole === undefined)) {
    const to = others.filter(other => fits(vm, other)).sort((a, b) => freeMib(edit, b) - freeMib(edit, a))[0];
    if (to === undefined) continue;
    edit.put('vm', { ...vm, hostId: to.id });
    edit.event({ severity: 'info', type: 'vm.moved', message: say`${vm.spec.name} was moved to ${to.name}.`, target: { kind: 'vm', id: vm.id, name: vm.spec.name } });
  }
}

function fits(vm: Vm, host: Host): boolean {
  try { checkFits(vm.spec, host); } catch { return false; }
  return true;
}

export function exitMaintenance(edit: Edit, id: HostId): void {
  const host = edit.host(id), state = maintenanceOf(host);
  refuseUnless(state !== 'entering', say`${host.name} is still entering maintenance mode; cancel that task instead.`);
  refuseUnless(state === 'on', say`${host.name} is not in maintenance mode.`);
  refuseUnless(host.connected, say`${host.name} is disconnected; connect it first.`);
  put(edit, { ...host, maintenance: 'none' }, 'exitedMaintenance', say`${host.name} is no longer in maintenance mode.`);
}
