/** What stands against moving a VM to a host, or should be known before: each check by its name, as vSphere groups them. */
import { EngineError } from '../../shared/base/errors.ts';
import type { HostId } from '../../shared/base/ids.ts';
import { messageFields, say, type Said } from '../../shared/base/phrase.ts';
import { presentAttempt, stageOf } from '../../shared/model/boot-watchdog.ts';
import { isOn, linkOf, maintenanceOf, type Host } from '../../shared/model/host.ts';
import { USUAL_DOWNTIME_MS, type CheckFix, type CheckGroup, type MigrationCheck, type MigrationRequest } from '../../shared/model/migration.ts';
import { isSamePlace } from '../../shared/model/place.ts';
import type { Vm } from '../../shared/model/vm.ts';
import type { Edit, Inventory } from '../inventory/inventory.ts';
import { checkFits, checkPowerOn } from './admission.ts';
import { checkMoved } from './allocations.ts';
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
}
type Found = Said | { readonly why: Said; readonly severity?: 'warning'; readonly fix?: CheckFix } | undefined;
interface Check { readonly name: string; readonly group: CheckGroup; readonly look: (asked: Asked) => Found }

const warning = (why: Said): Found => ({ why, severity: 'warning' });
/** What an admission throws is the reason. */
function refusal(check: () => void): Said | undefined {
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

export const MIGRATION_CHECKS: readonly Check[] = [
  { name: 'state', group: 'source', look: ({ vm: { powerState, spec: { name } } }) => (['poweredOn', 'poweredOff', 'suspended'].includes(powerState) ? undefined : say`${name} is being turned on or off; wait for that.`) },
  { name: 'other-host', group: 'source', look: ({ vm, to }) => (vm.hostId === to.id ? say`${vm.spec.name} is on ${to.name} already.` : undefined) },
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

  { name: 'datacenter', group: 'datastore', look: ({ vm, to, inventory }) => (vm.datastoreId !== undefined && datacenterOf(inventory, { kind: 'host', id: to.id }) !== datacenterOf(inventory, inventory.get('datastore', vm.datastoreId).parent) ? say`${to.name} is in another datacenter than the datastore of ${vm.spec.name}.` : undefined) },

  { name: 'host-ports', group: 'network', look: ({ vm }) => (vm.spec.nics?.some(nic => nic.kind === 'nat' && nic.forwards.length > 0) ? warning(say`Port forwards of ${vm.spec.name} stay where the engine runs.`) : undefined) },
];

/** All that was found, errors first. */
export function checksOf(asked: Asked): readonly MigrationCheck[] {
  const found = MIGRATION_CHECKS.flatMap(({ name, group, look }): MigrationCheck[] => {
    const each = look(asked);
    if (each === undefined) return [];
    const { why, severity = 'error', fix } = typeof each === 'object' && 'why' in each ? each : { why: each };
    return [{ name, group, severity, ...messageFields(why), ...(fix && { fix }) }];
  });
  return [...found.filter(({ severity }) => severity === 'error'), ...found.filter(({ severity }) => severity === 'warning')];
}

/** The VM as it would be on the host. */
export function movedTo(vm: Vm, request: MigrationRequest, inventory: Inventory): Vm {
  const { poolId: before, folderId: folder, ...rest } = vm, centreOf = (id: HostId) => datacenterOf(inventory, { kind: 'host', id }), { hostId } = request;
  const stays = before !== undefined && isSamePlace(poolOwner(inventory, before), poolOwnerOf(inventory, hostId)), poolId = request.poolId ?? (stays ? before : undefined), folderId = centreOf(vm.hostId) === centreOf(hostId) ? folder : undefined;
  return { ...rest, hostId, ...(poolId && { poolId }), ...(folderId && { folderId }) };
}
