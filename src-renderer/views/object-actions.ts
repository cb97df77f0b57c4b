/** What can be done with any object, in vSphere's order: what is made in it, then the object itself, then taking it away. */
import { computed, type ComputedRef } from 'vue';
import type { VmPlace } from '../../shared/model/clone.ts';
import type { HostId } from '../../shared/base/ids.ts';
import { LOCAL_DATASTORE, type Folder } from '../../shared/model/container.ts';
import { say, type Phrase } from '../../shared/base/phrase.ts';
import { nameOf, type InventoryObject, type ObjectId } from '../../shared/model/objects.ts';
import { canRunVms } from '../../shared/model/reservations.ts';
import type { Place, Tree } from '../../shared/model/place.ts';
import type { MenuAction } from '../components/menu-action.ts';
import { t, translate } from '../i18n/i18n.ts';
import { useConnection } from '../stores/connection.ts';
import { placeKey, useHierarchy, within } from '../stores/hierarchy.ts';
import { useInventory } from '../stores/inventory.ts';
import { useNotices } from '../stores/notices.ts';
import { useVms } from '../stores/vms.ts';
import { kindIcon } from './describe-object.ts';
import { useAddHostAction, useHostActions } from './host/host-actions.ts';
import { removalOf } from './kind-texts.ts';
import { useNewVmAction } from './new-vm-action.ts';
import { useResourcePoolActions } from './pool/pool-actions.ts';
import type { NewKind } from './container/new-object.ts';
import { useDialogs } from './shell/dialogs.ts';
import { useVmActions } from './vm/vm-actions.ts';

type Item = 'vm' | 'host' | 'resourcePool' | 'datastore' | Exclude<NewKind, 'folder'> | `folder:${Folder['tree']}`;
const LABELS: Readonly<Record<Exclude<Item, 'vm' | 'host' | 'resourcePool'>, Phrase>> = {
  datastore: say`New Datastore…`,
  datacenter: say`New Datacenter…`, cluster: say`New Cluster…`, network: say`New Network…`, 'folder:datacenter': say`New Folder…`,
  'folder:host': say`New Host and Cluster Folder…`, 'folder:vm': say`New VM and Template Folder…`, 'folder:storage': say`New Storage Folder…`, 'folder:network': say`New Network Folder…`,
};
const FOLDER_ITEMS: Readonly<Record<Folder['tree'], readonly Item[]>> = {
  datacenter: ['datacenter', 'folder:datacenter'], host: ['cluster', 'host', 'folder:host'], vm: ['vm', 'folder:vm'], storage: ['datastore', 'folder:storage'], network: ['network', 'folder:network'],
};

/** What can be made in a place. */
function newItems({ kind, id }: { readonly kind: string; readonly id: string }, known: InventoryObject | undefined): readonly Item[] {
  if (known?.kind === 'folder') return FOLDER_ITEMS[known.object.tree];
  if (kind === 'datacenter') return ['vm', 'cluster', 'host', 'datastore', 'network', ...(['host', 'vm', 'storage', 'network'] as const satisfies readonly Tree[]).map(tree => `folder:${tree}` as const)];
  return id === 'root' ? ['vm', 'datacenter', 'folder:datacenter'] : kind === 'cluster' ? ['vm', 'host', 'resourcePool'] : [];
}

/** What of an object itself stands in its menu, whatever its kind; a VM's power and settings come before it. */
export function useOwnActions(ids: () => readonly ObjectId[]): ComputedRef<readonly MenuAction[]> {
  const [connection, dialogs] = [useConnection(), useDialogs()];
  return computed(() => {
    const chosen = ids(), [only] = chosen, disabledReason = connection.connected ? undefined : t`The engine is not connected.`;
    return [
      { label: t`Move To…`, icon: 'folder-open', disabledReason, divided: true, run: () => { dialogs.value = { kind: 'move', ids: chosen }; } },
      { label: t`Tags & Custom Attributes…`, icon: 'tags', disabledReason, run: () => { dialogs.value = { kind: 'labels', ids: chosen }; } },
      ...(only && chosen.length === 1 ? [{ label: t`Edit Notes…`, icon: 'note', disabledReason, run: () => { dialogs.value = { kind: 'notes', id: only }; } } satisfies MenuAction] : []),
    ];
  });
}

export function useObjectActions(target: () => { readonly kind: string; readonly id: string }): ComputedRef<readonly MenuAction[]> {
  const [hierarchy, inventory, vms, notices, connection, dialogs] = [useHierarchy(), useInventory(), useVms(), useNotices(), useConnection(), useDialogs()];
  const known = computed(() => hierarchy.find(target()));
  const vmActions = useVmActions(() => vms.byId.get(target().id));
  const hostActions = useHostActions(() => (known.value?.kind === 'host' ? known.value.object : undefined)), poolActions = useResourcePoolActions(() => (known.value?.kind === 'resourcePool' ? known.value.object : undefined));
  const addHost = useAddHostAction(() => target() as { kind: 'datacenter'; id: string });
  const own = useOwnActions(() => [target() as ObjectId]);
  const newVm = useNewVmAction(() => (target().kind === 'host' ? target().id as HostId : hostWithin()), placeWithin);

  /** Where a VM goes that is made in a folder or pool. */
  function placeWithin(): VmPlace {
    const object = known.value;
    return object?.kind === 'resourcePool' ? { poolId: object.object.id } : object?.kind === 'folder' && object.object.tree === 'vm' ? { folderId: object.object.id } : {};
  }

  /** Of the nearest place that has hosts: the target itself, or what it is in. */
  function hostWithin(): HostId | undefined {
    for (const { kind, id } of [target(), ...hierarchy.above(target()).map(({ kind, object }) => ({ kind, id: object.id }))]) {
      if (kind === 'host') return id as HostId;
      const hosts = within(hierarchy.parents, { kind, id } as Place).flatMap(child => (child.kind === 'host' ? [child.object] : []));
      if (hosts.length > 0) return (hosts.find(canRunVms) ?? hosts[0])?.id;
    }
    return undefined;
  }

  function newAction(item: Item, disabledReason: string | undefined): MenuAction {
    if (item === 'vm') return newVm.value;
    if (item === 'datastore') return { label: translate(LABELS[item]), icon: kindIcon('datastore'), disabledReason, run: () => { dialogs.value = { kind: 'datastore', parent: target() as Place }; } };
    if (item === 'host') return addHost.value;
    if (item === 'resourcePool') return { label: t`New Resource Pool…`, icon: kindIcon(item), disabledReason, run: () => { dialogs.value = { kind: 'newPool', parent: target() as { kind: 'cluster'; id: string } }; } };
    const [what, tree] = item.split(':') as [NewKind, Folder['tree'] | undefined];
    return { label: translate(LABELS[what === 'folder' && target().kind !== 'datacenter' ? 'folder:datacenter' : item]), icon: kindIcon(what), disabledReason, run: () => { dialogs.value = { kind: 'newObject', what, parent: target() as Place, tree }; } };
  }

  function removal({ kind, object }: InventoryObject, offline: string | undefined): MenuAction {
    const first = hierarchy.parents.get(placeKey({ kind, id: object.id }))?.[0] ?? vmIn({ kind, id: object.id }), name = nameOf({ kind, object } as InventoryObject);
    const disabledReason = offline ?? whyStays({ kind, object } as InventoryObject) ?? (first ? t`It is not empty: ${nameOf(first)} is in it.` : undefined);
    const { label, title, question } = removalOf(kind, name);
    return {
      label, icon: 'trash', status: 'danger', divided: true, disabledReason,
      run: () => { dialogs.value = { kind: 'confirm', danger: true, title, confirmLabel: label, command: ['inventory remove', { objects: [`${kind}:${name}`] }], message: question, run: () => void notices.attempt(inventory.remove([{ kind, id: object.id }])) }; },
    };
  }
  function whyStays(known_: InventoryObject): string | undefined {
    if (known_.kind !== 'datastore') return undefined;
    if (known_.object.id === LOCAL_DATASTORE) return t`It is in the engine’s own data folder.`;
    const vm = vms.all.find(({ datastoreId }) => datastoreId === known_.object.id);
    return vm && t`It is not empty: ${vm.spec.name} is on it.`;
  }
  function vmIn(place: { readonly kind: string; readonly id: string }): InventoryObject | undefined {
    const vm = (hierarchy.vmsByFolder.get(place.id) ?? hierarchy.vmsByRunner.get(place.id))?.[0];
    return vm && { kind: 'vm', object: vm };
  }

  return computed(() => {
    const { kind, id } = target(), object = known.value, offline = connection.connected ? undefined : t`The engine is not connected.`;
    if (kind === 'vm') {
      const all = vmActions.value.all;
      return all.length === 0 ? [] : [...all.slice(0, -1), ...own.value, ...all.slice(-1)];
    }
    const rename: MenuAction = { label: t`Rename…`, icon: 'pencil', divided: true, disabledReason: offline, run: () => { dialogs.value = { kind: 'rename', id: { kind, id } as ObjectId }; } };
    const around = (all: readonly MenuAction[]) => (object ? [...all.slice(0, -1), rename, ...own.value.map((action, at) => ({ ...action, divided: at === 1 })), ...all.slice(-1)] : []);
    if (kind === 'host') return around(hostActions.value.all);
    if (kind === 'resourcePool') return around([newVm.value, ...poolActions.value.all]);
    const made = newItems({ kind, id }, object).map((item, at): MenuAction => ({ ...newAction(item, offline), divided: at === 1 }));
    if (!object) return made;
    const edit: MenuAction[] = object.kind === 'datastore' ? [{ label: t`Edit Capacity…`, icon: 'cog', disabledReason: offline, run: () => { dialogs.value = { kind: 'datastore', datastore: object.object }; } }] : [];
    return [...made, ...edit, { ...rename, divided: made.length > 0 && edit.length === 0 }, ...own.value.map((action, at) => ({ ...action, divided: at === 1 })), removal(object, offline)];
  });
}
