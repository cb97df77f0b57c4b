/** What stands against moving a VM to another engine: what this engine knows of one that leaves, and of one that would come. */
import { say } from '../../../shared/base/phrase.ts';
import type { Host } from '../../../shared/model/host.ts';
import type { MigrationCheck, MigrationRequest } from '../../../shared/model/migration.ts';
import type { Vm } from '../../../shared/model/vm.ts';
import type { Inventory } from '../../inventory/inventory.ts';
import { checkName } from '../admission.ts';
import { checksOf, MIGRATION_CHECKS, refusal, type Check } from '../migration-checks.ts';

/** As at a move between hosts of one engine. */
const named = (...names: readonly string[]) => MIGRATION_CHECKS.filter(({ name }) => names.includes(name));

interface Leaving { readonly vm: Vm; readonly from: Host; readonly request: MigrationRequest; readonly inventory: Inventory; readonly isRunning: boolean; readonly guestAnswers: boolean | undefined; readonly ownFile: string | undefined; readonly relativeFile: string | undefined }

export function checksOfLeaving({ ownFile, relativeFile, ...asked }: Leaving): readonly MigrationCheck[] {
  const own: readonly Check[] = [
    { name: 'suspended', group: 'source', look: ({ vm: { powerState, spec: { name } } }) => (powerState === 'suspended' ? say`${name} is suspended, and its state stays in this engine's data folder: resume it, or power it off, first.` : undefined) },
    { name: 'template', group: 'source', look: ({ vm: { template, spec: { name } } }) => (template === true ? say`${name} is a template, and stays with its engine.` : undefined) },
    { name: 'snapshots', group: 'source', look: ({ vm: { snapshots = [], spec: { name } } }) => (snapshots.length > 0 ? say`${name} has snapshots, which do not go to another engine: delete them first.` : undefined) },
    { name: 'linked-clone', group: 'source', look: ({ vm: { base, spec: { name } } }) => (base === undefined ? undefined : say`${name} is a linked clone: its disks stand on a snapshot of another VM of this engine.`) },
    { name: 'connections', group: 'network', look: ({ vm: { spec: { nics = [], name } }, isRunning }) => (isRunning && nics.some(({ kind }) => kind === 'nat') ? { why: say`Connections of ${name} through its NAT end, as the other engine has a NAT of its own.`, severity: 'warning' } : undefined) },
    { name: 'post-copy', group: 'host', look: ({ vm: { spec: { name } }, request, isRunning }) => (isRunning && request.postCopy === true ? say`The memory of ${name} cannot follow it to another engine: move it without post-copy.` : undefined) },
    { name: 'own-files', group: 'datastore', look: ({ vm: { spec: { name } } }) => (ownFile === undefined ? undefined : say`${ownFile} is in a folder that this engine keeps for its VMs. To move ${name}, its disks have to be at a place of your choice that both engines see.`) },
    { name: 'own-datastore', group: 'datastore', look: ({ vm: { datastoreId, spec: { name } } }) => (datastoreId === undefined ? undefined : say`${name} has its folder on a datastore of this engine.`) },
    { name: 'relative-files', group: 'datastore', look: () => (relativeFile === undefined ? undefined : say`${relativeFile} is no absolute path, so the other engine would look elsewhere.`) },
  ];
  return checksOf({ ...asked, to: asked.from, moved: asked.vm, arrivingMib: 0, files: undefined }, [...named('state', 'given', 'host-system', 'heartbeat', 'watchdog-armed', 'link-source', 'local-media'), ...own]).map(({ fix: _, ...check }) => check);
}

interface Coming { readonly vm: Vm; readonly from: Host; readonly to: Host; readonly request: MigrationRequest; readonly inventory: Inventory; readonly isRunning: boolean; readonly arrivingMib: number; readonly missingFile: string | undefined; readonly arriving: readonly Vm[] }

export function checksOfComing({ missingFile, arriving, ...asked }: Coming): readonly MigrationCheck[] {
  const { vm, inventory } = asked, others = [...inventory.vms, ...arriving.filter(({ id }) => id !== vm.id)];
  const own: readonly Check[] = [
    { name: 'same-id', group: 'source', look: () => (inventory.find('vm', vm.id) === undefined ? undefined : say`The other engine has a VM already, maybe in its bin, with the id ${vm.id}.`) },
    { name: 'arriving', group: 'source', look: () => (arriving.some(({ id }) => id === vm.id) ? say`${vm.spec.name} is being moved there already.` : undefined) },
    { name: 'name', group: 'source', look: () => refusal(() => checkName(vm.spec.name, others, vm)) },
    { name: 'shared-files', group: 'datastore', look: () => (missingFile === undefined ? undefined : say`The other engine does not see the same ${missingFile}.`) },
    { name: 'networks', group: 'network', look: () => {
      const missing = (vm.spec.nics ?? []).find(nic => nic.kind === 'switch' && !inventory.all('network').some(network => network.switch === nic.switch && (nic.portGroup === undefined || network.name === nic.portGroup)));
      return missing?.kind !== 'switch' ? undefined : missing.portGroup === undefined ? say`The other engine has no network on a switch ${missing.switch}.` : say`The other engine has no network ${missing.portGroup} on a switch ${missing.switch}.`;
    } },
  ];
  return checksOf({ ...asked, moved: vm, guestAnswers: undefined, files: undefined }, [...named('connected', 'powered-on', 'maintenance', 'health', 'size', 'memory', 'link', 'counter-frequency', 'interrupt-controller', 'iommu'), ...own]).map(({ fix: _, ...check }) => check);
}
