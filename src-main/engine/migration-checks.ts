/** What stands against moving a VM to a host, or should be known before: each check by its name, as vSphere groups them. */
import { EngineError } from '../../shared/base/errors.ts';
import type { DatastoreId, HostId } from '../../shared/base/ids.ts';
import { messageFields, say, type Said } from '../../shared/base/phrase.ts';
import { presentAttempt, stageOf } from '../../shared/model/boot-watchdog.ts';
import { DEFAULT_PORT_GROUP, LOCAL_DATASTORE, type Datastore } from '../../shared/model/container.ts';
import { isOn, linkOf, maintenanceOf, type Host } from '../../shared/model/host.ts';
import { USUAL_DOWNTIME_MS, type CheckFix, type CheckGroup, type MigrationCheck, type MigrationRequest } from '../../shared/model/migration.ts';
import { isSamePlace } from '../../shared/model/place.ts';
import type { NicSpec, Vm, VmSpec } from '../../shared/model/vm.ts';
import type { Edit, Inventory } from '../inventory/inventory.ts';
import { checkFits, checkPowerOn } from './admission.ts';
import { checkMoved } from './allocations.ts';
import { specsOf } from './chains.ts';
import { checkHere } from './kept-off.ts';
import { isIn } from './moved-files.ts';
import { datacenterOf, poolOwner, poolOwnerOf } from './tree.ts';

/** What a check is asked about. */
interface Asked {
  readonly vm: Vm;
  readonly from: Host;
  readonly to: Host;
  readonly request: MigrationRequest;
  readonly inventory: Inventory;
  /** The VM as it would be. */
  readonly moved: Vm;
  readonly isRunning: boolean;
  /** Figures that only a VM that runs has. */
  readonly guestAnswers: boolean | undefined;
  /** Memory of VMs that are on their way to the host, in MiB. */
  readonly arrivingMib: number;
  /** When they go to another datastore. */
  readonly files: MovingFiles | undefined;
}
/** The VM's files, and where they are to go. */
export interface MovingFiles {
  readonly folder: string;
  readonly bytes: number;
  readonly to: Datastore;
  /** Bytes, or why that is not known. */
  readonly free: number | Said;
  readonly captures: readonly string[];
}
export const placeOf = ({ datastoreId = LOCAL_DATASTORE }: Pick<Vm, 'datastoreId'>): DatastoreId => datastoreId;
type Found = Said | { readonly why: Said; readonly severity?: 'warning'; readonly fix?: CheckFix } | undefined;
export interface Check { readonly name: string; readonly group: CheckGroup; readonly look: (asked: Asked) => Found }
/** Of files that go to another datastore. */
const whenFiles = (look: (files: MovingFiles, asked: Asked) => Found) => (asked: Asked): Found => asked.files && look(asked.files, asked);


const warning = (why: Said): Found => ({ why, severity: 'warning' });
/** What an admission throws is the reason. */
export function refusal(check: () => void): Said | undefined {
  try { check(); } catch (error) {
    if (!(error instanceof EngineError)) throw error;
    return error.said;
  }
  return undefined;
}
/** The same for one that changes the inventory. */
function rehearsal(inventory: Inventory, change: (edit: Edit) => void): Said | undefined { return refusal(() => inventory.rehearse(change)); }

function isBooting({ boot }: Vm): boolean {
  const attempt = boot && presentAttempt(boot);
  return attempt !== undefined && stageOf(attempt) !== 'up';
}

const SLOW_MBPS = 250;
const megabytes = (bytes: number): number => Math.ceil(bytes / 2 ** 20);

export const MIGRATION_CHECKS: readonly Check[] = [
  { name: 'state', group: 'source', look: ({ vm: { powerState, spec: { name } } }) => (['poweredOn', 'poweredOff', 'suspended'].includes(powerState) ? undefined : say`${name} is being turned on or off; wait for that.`) },
  { name: 'given', group: 'source', look: ({ vm }) => refusal(() => checkHere(vm)) },
  { name: 'other-host', group: 'source', look: ({ vm, to, request, files }) => (vm.hostId !== to.id || files !== undefined ? undefined : request.hostId === undefined ? say`The files of ${vm.spec.name} are there already.` : say`${vm.spec.name} is on ${to.name} already.`) },
  { name: 'host-system', group: 'source', look: ({ vm, from }) => (vm.hostRole === undefined ? undefined : say`${vm.spec.name} is a system of ${from.name} itself, and stays with it.`) },
  { name: 'linked-snapshots', group: 'source', look: ({ vm: { snapshots = [], spec }, isRunning }) => (isRunning && snapshots.some(({ temporary }) => temporary) ? say`A snapshot of ${spec.name} is being deleted; wait for that.` : undefined) },
  { name: 'heartbeat', group: 'source', look: ({ vm, guestAnswers }) => (guestAnswers === false ? warning(say`The guest of ${vm.spec.name} does not answer its balloon, so it may not have booted yet.`) : undefined) },
  { name: 'watchdog-armed', group: 'source', look: ({ vm, isRunning }) => (isRunning && vm.spec.bootWatchdog?.mode === 'boot' && isBooting(vm) ? warning(say`The boot of ${vm.spec.name} is being watched; the move counts to the time that it has.`) : undefined) },

  { name: 'connected', group: 'host', look: ({ to }) => (to.connected ? undefined : { why: say`${to.name} is disconnected.`, fix: 'connectHost' }) },
  { name: 'powered-on', group: 'host', look: ({ to, isRunning }) => (!isRunning || isOn(to) ? undefined : { why: say`${to.name} is powered off.`, fix: 'powerOnHost' }) },
  { name: 'maintenance', group: 'host', look: ({ to }) => (maintenanceOf(to) === 'none' ? undefined : { why: maintenanceOf(to) === 'on' ? say`${to.name} is in maintenance mode.` : say`${to.name} is entering maintenance mode.`, ...(maintenanceOf(to) === 'on' && { fix: 'exitMaintenance' as const }) }) },
  { name: 'health', group: 'host', look: ({ to, isRunning }) => (!isRunning || to.health === undefined ? undefined : to.health === 'booting' ? say`${to.name} is booting.` : say`${to.name} does not respond.`) },
  { name: 'size', group: 'host', look: ({ vm, to }) => refusal(() => checkFits(vm.spec, to)) },
  { name: 'memory', group: 'host', look: ({ moved, inventory, isRunning, to, arrivingMib }) => {
    if (!isRunning || !to.connected || !isOn(to) || maintenanceOf(to) !== 'none' || to.health !== undefined) return undefined;
    return refusal(() => checkPowerOn({ ...moved, powerState: 'poweredOff' }, inventory)) ?? (arrivingMib > 0 ? refusal(() => checkPowerOn({ ...moved, spec: { ...moved.spec, memoryMib: moved.spec.memoryMib + arrivingMib } }, inventory)) : undefined);
  } },
  { name: 'link-source', group: 'host', look: ({ from, isRunning }) => (!isRunning || linkOf(from).connected ? undefined : { why: say`The link of ${from.name} is cut.`, fix: 'connectLink' }) },
  { name: 'link', group: 'host', look: ({ to, isRunning }) => (!isRunning || linkOf(to).connected ? undefined : { why: say`The link of ${to.name} is cut.`, fix: 'connectLink' }) },
  { name: 'bandwidth', group: 'host', look: ({ from, to, isRunning }) => {
    const mbps = Math.min(linkOf(from).mbps, linkOf(to).mbps);
    return isRunning && mbps < SLOW_MBPS ? warning(say`The link between ${from.name} and ${to.name} carries ${mbps} Mb/s; moving memory wants ${SLOW_MBPS}.`) : undefined;
  } },
  { name: 'latency', group: 'host', look: ({ from, to, request, isRunning }) => {
    // It goes to and fro three times while the guest stands still.
    const ms = 6 * (linkOf(from).latencyMs + linkOf(to).latencyMs), most = request.downtimeMs ?? USUAL_DOWNTIME_MS;
    return isRunning && ms > most ? warning(say`By the latency of the link alone ${ms} ms pass while the guest stands still, which is to be ${most} ms at most.`) : undefined;
  } },
  { name: 'counter-frequency', group: 'host', look: ({ vm, from, to }) => (vm.powerState === 'poweredOff' || from.counterHz === to.counterHz || vm.spec.time?.scaling === true ? undefined : say`The system counter of ${to.name} counts ${to.counterHz / 1e6} MHz and that of ${from.name} ${from.counterHz / 1e6}: a guest that runs can only take its time along when it is scaled. Power ${vm.spec.name} off first, or turn on guest time scaling in its settings while it is off.`) },
  { name: 'interrupt-controller', group: 'host', look: ({ vm, from, to }) => (vm.powerState === 'poweredOff' || from.gic === to.gic ? undefined : warning(say`${to.name} has a ${to.gic} and ${from.name} a ${from.gic}; the guest sees a GICv3 on both.`)) },
  { name: 'iommu', group: 'host', look: ({ vm, to }) => (vm.spec.iommu === true && !to.iommu ? say`${vm.spec.name} has an IOMMU, and ${to.name} has none.` : undefined) },
  { name: 'local-media', group: 'host', look: ({ vm, isRunning }) => (isRunning && vm.spec.disks.some(disk => disk.cdrom && disk.path !== '') ? { why: say`There is a medium in a CD drive of ${vm.spec.name}, which stays in.`, severity: 'warning', fix: 'ejectMedia' } : undefined) },

  { name: 'pool-owner', group: 'pool', look: ({ to, request, inventory }) => (request.poolId !== undefined && inventory.find('resourcePool', request.poolId) !== undefined && !isSamePlace(poolOwner(inventory, request.poolId), poolOwnerOf(inventory, to.id)) ? say`That resource pool is not one of ${to.name}.` : undefined) },
  { name: 'leaves-pool', group: 'pool', look: ({ vm, moved, to }) => (vm.poolId !== undefined && moved.poolId === undefined ? warning(say`${vm.spec.name} leaves its resource pool, which is not one of ${to.name}.`) : undefined) },
  { name: 'reservation', group: 'pool', look: ({ vm, moved, inventory, isRunning }) => (isRunning ? rehearsal(inventory, edit => checkMoved(edit, vm, moved)) : undefined) },

  { name: 'datacenter', group: 'datastore', look: ({ vm, to, inventory, request: { datastoreId = vm.datastoreId } }) => (datastoreId !== undefined && datacenterOf(inventory, { kind: 'host', id: to.id }) !== datacenterOf(inventory, inventory.get('datastore', datastoreId).parent) ? say`${to.name} is in another datacenter than the datastore of ${vm.spec.name}.` : undefined) },
  { name: 'space', group: 'datastore', look: whenFiles(({ bytes, free, to }, { vm }) => (typeof free !== 'number' ? free : bytes > free ? say`The files of ${vm.spec.name} take ${megabytes(bytes)} MiB, and there are ${megabytes(free)} MiB free on ${to.name}.` : undefined)) },
  { name: 'linked-clones', group: 'datastore', look: whenFiles((_, { vm, inventory }) => {
    const clone = inventory.allVms.find(({ base }) => base?.vmId === vm.id);
    return clone && say`The disks of ${clone.spec.name}, a linked clone, stand on a snapshot of ${vm.spec.name}, whose files therefore stay where they are.`;
  }) },
  { name: 'shared-files', group: 'datastore', look: whenFiles(({ folder }, { vm, inventory }) => {
    const other = inventory.allVms.find(each => each.id !== vm.id && specsOf(each).some(({ disks }) => disks.some(({ path }) => isIn(folder, path))));
    return other && say`${other.spec.name} uses a disk in the folder of ${vm.spec.name}.`;
  }) },
  { name: 'files-outside', group: 'datastore', look: whenFiles(({ folder }, { vm }) => {
    const outside = specsOf(vm).flatMap(({ disks }) => disks).find(({ path, cdrom }) => path !== '' && cdrom !== true && !isIn(folder, path));
    return outside && warning(say`${outside.path} is not in the folder of ${vm.spec.name}, and stays where it is.`);
  }) },
  { name: 'files-in-use', group: 'datastore', look: whenFiles(({ folder, captures }, { vm, isRunning }) => {
    if (!isRunning) return undefined;
    const { name, disks, guest } = vm.spec, [capture] = captures.filter(path => isIn(folder, path)), image = disks.find(disk => (disk.cdrom === true || disk.readOnly) && isIn(folder, disk.path));
    if (capture !== undefined) return say`Network traffic of ${name} is being captured to ${capture}; stop that first.`;
    if (image !== undefined) return say`${image.path} is in the folder of ${name} and being read; take it out first, or power ${name} off.`;
    return guest.kind === 'firmware' && guest.variablesPath !== undefined && isIn(folder, guest.variablesPath) ? say`The firmware of ${name} keeps its variables in ${guest.variablesPath}; power ${name} off first.` : undefined;
  }) },

  { name: 'networks', group: 'network', look: ({ vm, to, request: { networks = [] }, inventory }) => {
    const centre = datacenterOf(inventory, { kind: 'host', id: to.id });
    for (const { networkId, ...from } of networks) {
      const network = inventory.find('network', networkId);
      if (network === undefined) return say`The network that ${vm.spec.name} is to be on no longer exists.`;
      if (datacenterOf(inventory, network.parent) !== centre) return say`The network ${network.name} is in another datacenter than ${to.name}.`;
      if (vm.spec.nics?.some(nic => isNicOn(from, nic)) !== true) return warning(say`${vm.spec.name} has no adapter on ${from.portGroup} of ${from.switch}.`);
    }
    return undefined;
  } },
  { name: 'host-ports', group: 'network', look: ({ vm }) => (vm.spec.nics?.some(nic => nic.kind === 'nat' && nic.forwards.length > 0) ? warning(say`Port forwards of ${vm.spec.name} stay where the engine runs.`) : undefined) },
];

/** Checks that are about another host, or about a machine that moves. */
const OF_HOSTS: ReadonlySet<string> = new Set([...MIGRATION_CHECKS.filter(({ group }) => ['host', 'pool', 'network'].includes(group)).map(({ name }) => name), 'host-system', 'heartbeat', 'watchdog-armed']);

/** All that was found, errors first. */
export function checksOf(asked: Asked, checks: readonly Check[] = MIGRATION_CHECKS): readonly MigrationCheck[] {
  const found = checks.flatMap(({ name, group, look }): MigrationCheck[] => {
    const each = asked.request.hostId === undefined && OF_HOSTS.has(name) ? undefined : look(asked);
    if (each === undefined) return [];
    const { why, severity = 'error', fix } = typeof each === 'object' && 'why' in each ? each : { why: each };
    return [{ name, group, severity, ...messageFields(why), ...(fix && { fix }) }];
  });
  return [...found.filter(({ severity }) => severity === 'error'), ...found.filter(({ severity }) => severity === 'warning')];
}

const isNicOn = (network: { readonly switch: string; readonly portGroup: string }, nic: NicSpec): boolean => nic.kind === 'switch' && nic.switch === network.switch && (nic.portGroup ?? DEFAULT_PORT_GROUP) === network.portGroup;

function onNetworks(spec: VmSpec, { networks = [] }: MigrationRequest, inventory: Inventory): VmSpec {
  if (spec.nics === undefined || networks.length === 0) return spec;
  return { ...spec, nics: spec.nics.map(nic => {
    const to = networks.find(each => isNicOn(each, nic)), network = to && inventory.find('network', to.networkId);
    if (network === undefined || nic.kind !== 'switch') return nic;
    const { vlan: _, ...rest } = nic;
    return { ...rest, switch: network.switch, portGroup: network.name, ...(network.vlan !== undefined && { vlan: network.vlan }) };
  }) };
}

/** The VM as it would be on the host. */
export function movedTo(vm: Vm, request: MigrationRequest, inventory: Inventory): Vm {
  const { poolId: before, folderId: folder, ...rest } = vm, centreOf = (id: HostId) => datacenterOf(inventory, { kind: 'host', id }), { hostId = vm.hostId } = request;
  const stays = before !== undefined && isSamePlace(poolOwner(inventory, before), poolOwnerOf(inventory, hostId)), poolId = request.poolId ?? (stays ? before : undefined), folderId = centreOf(vm.hostId) === centreOf(hostId) ? folder : undefined;
  if (hostId === vm.hostId) return vm;
  return { ...rest, spec: onNetworks(vm.spec, request, inventory), hostId, ...(poolId && { poolId }), ...(folderId && { folderId }) };
}
