/**
 * What hosts themselves boot, and their SmartNICs: a VM on the host that is given that role. It is on exactly while the host is,
 * so that its boot watchdog guards the host's own boot: until that is up, and when it is gone, the host runs no VMs.
 */
import { EngineError } from '../../shared/base/errors.ts';
import type { HostId, VmId } from '../../shared/base/ids.ts';
import { say } from '../../shared/base/phrase.ts';
import { isGood, presentAttempt } from '../../shared/model/boot-watchdog.ts';
import { isOn, type Host, type HostHealth, type HostRole } from '../../shared/model/host.ts';
import { isWorkload } from '../../shared/model/reservations.ts';
import type { Vm } from '../../shared/model/vm.ts';
import type { VmStop } from '../hypervisor/vm-launch.ts';
import { hostRef, type Edit, type Objects } from '../inventory/inventory.ts';
import { checkSystem } from './admission.ts';
import { watchdogOf } from './boot-records.ts';

export const systemsOf = (objects: Objects, id: HostId): readonly Vm[] => objects.vms.filter(vm => vm.hostId === id && vm.hostRole !== undefined);
export const systemOf = (objects: Objects, id: HostId, role: HostRole): Vm | undefined => systemsOf(objects, id).find(vm => vm.hostRole === role);
/** VMs on a host that are no system of it and are on. */
export const workloadsOn = (objects: Objects, id: HostId): readonly Vm[] => objects.vms.filter(vm => vm.hostId === id && isWorkload(vm));

/** Makes a VM what the host boots, or its SmartNIC; without one, nothing is booted any more. */
export function setSystem(edit: Edit, hostId: HostId, role: HostRole, vmId: VmId | undefined): void {
  const host = edit.host(hostId), before = systemOf(edit, hostId, role), next = vmId && edit.vm(vmId), { name } = host;
  if (isOn(host)) throw new EngineError('wrong-state', say`${name} must be powered off to change what it boots.`);
  if (next === undefined && before === undefined) throw new EngineError('no-system', role === 'host' ? say`${name} has no system of its own.` : say`The SmartNIC of ${name} has no system.`);
  if (next !== undefined) {
    const { spec } = next;
    if (next.id === before?.id) throw new EngineError('same-system', say`${spec.name} is that system already.`);
    if (next.hostId !== hostId) throw new EngineError('wrong-place', say`${spec.name} is not on ${name}.`);
    if (next.hostRole !== undefined) throw new EngineError('has-role', say`${spec.name} is another system of ${name} already.`);
    if (next.template === true) throw new EngineError('template', say`${spec.name} is a template. Deploy a virtual machine from it, or convert it into one.`);
    if (next.powerState !== 'poweredOff') throw new EngineError('wrong-state', say`${spec.name} must be powered off to become a system of ${name}.`);
    checkSystem(next, host, role);
  }
  if (before !== undefined) edit.put('vm', plain(before));
  if (next !== undefined) edit.put('vm', { ...next, hostRole: role });
  const message = next === undefined ? (role === 'host' ? say`${name} has no system of its own any more.` : say`The SmartNIC of ${name} has no system any more.`)
    : role === 'host' ? say`${name} boots ${next.spec.name} from now on.` : say`The SmartNIC of ${name} boots ${next.spec.name} from now on.`;
  edit.event({ severity: 'info', type: 'host.system', message, target: hostRef(host) });
}

function plain(vm: Vm): Vm {
  const { hostRole: _, ...rest } = vm;
  return rest;
}

/** Throws when a VM may not be moved, deleted or made a template. */
export function checkNoSystem({ hostRole, hostId, spec: { name } }: Vm, objects: Objects): void {
  if (hostRole === undefined) return;
  const host = objects.host(hostId).name;
  throw new EngineError('is-system', hostRole === 'host' ? say`${name} is what ${host} boots: choose another system for it, or none, first.` : say`${name} is what the SmartNIC of ${host} boots: choose another system for it, or none, first.`);
}

/** Throws when VMs would lose their power with a host's system that is turned off or stopped. */
export function checkCarriesNone({ hostRole, hostId, spec: { name } }: Vm, objects: Objects): void {
  const count = hostRole === 'host' ? workloadsOn(objects, hostId).length : 0, host = objects.host(hostId).name;
  if (count > 0) throw new EngineError('vms-on', count === 1 ? say`One VM runs on ${host}, whose system ${name} is: power off the VM first, or the host.` : say`${count} VMs run on ${host}, whose system ${name} is: power them off first, or the host.`);
}

/** Throws of a host's system that is on, which goes off and on with its host only. */
export function checkStays({ hostRole, hostId, powerState, spec: { name } }: Vm, objects: Objects): void {
  if (hostRole === 'host' && powerState === 'poweredOn') throw new EngineError('is-system', say`${name} is what ${objects.host(hostId).name} boots: power the host off, or reboot it.`);
}

/** With protection a boot that is up is known to be; without, nobody knows more than that it is on. */
function healthBy(vm: Vm): HostHealth | undefined {
  if (vm.powerState !== 'poweredOn' && vm.powerState !== 'poweringOn') return 'notResponding';
  const attempt = vm.boot && presentAttempt(vm.boot);
  if (watchdogOf(vm.spec).mode !== 'boot') return vm.powerState === 'poweredOn' ? undefined : 'booting';
  return attempt !== undefined && isGood(attempt) ? undefined : 'booting';
}

/** The host is as its system is. To be called wherever a system may have changed. */
export function followSystem(edit: Edit, id: VmId): void {
  const vm = edit.find('vm', id);
  if (vm?.hostRole !== 'host') return;
  const { health: before, ...host } = edit.host(vm.hostId), health = isOn(host) ? healthBy(vm) : undefined;
  if (health === before) return;
  edit.put('host', { ...host, ...(health && { health }) });
  if (!isOn(host)) return;
  const target = hostRef(host), { name } = host;
  if (health === undefined) edit.event({ severity: 'info', type: 'host.up', message: say`${name} is up: ${vm.spec.name} has booted.`, target });
  else if (health === 'notResponding') edit.event({ severity: 'error', type: 'host.notResponding', message: say`${name} does not respond: ${vm.spec.name} is not running.`, target });
  else if (before === undefined) edit.event({ severity: 'info', type: 'host.booting', message: say`${name} boots ${vm.spec.name}.`, target });
}

/** A host whose system powered it off is off. */
export function stoppedSystem(edit: Edit, id: VmId, { kind }: VmStop): void {
  const vm = edit.vm(id), host = edit.host(vm.hostId);
  if (vm.hostRole === 'host' && isOn(host) && (kind === 'poweredOff' || kind === 'terminated')) {
    edit.put('host', { ...host, powerState: 'poweredOff' });
    edit.event({ severity: 'info', type: 'host.poweredOff', message: say`${host.name} was powered off with its system ${vm.spec.name}.`, target: hostRef(host) });
  }
  followSystem(edit, id);
}

/** Its system went down, and with the host's power or memory what ran on it. */
export function tellLost(edit: Edit, hostId: HostId, count: number): void {
  const host = edit.host(hostId);
  edit.event({ severity: 'error', type: 'host.lostVms', message: count === 1 ? say`One VM that ran on ${host.name} lost its power, as the system of the host went down.` : say`${count} VMs that ran on ${host.name} lost their power, as the system of the host went down.`, target: hostRef(host) });
}

/** Systems of hosts that are on and are not on themselves: an engine that starts is power that comes back. */
export const systemsToStart = (inventory: Objects): readonly { readonly vm: Vm; readonly host: Host }[] => inventory.vms.flatMap(vm => {
  const host = vm.hostRole && inventory.find('host', vm.hostId);
  return host && host.connected && isOn(host) && (vm.powerState === 'poweredOff' || vm.powerState === 'suspended') ? [{ vm, host }] : [];
});
