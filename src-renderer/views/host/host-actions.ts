/** What an operator can do with a host now, in vSphere's order, and why the rest cannot be done. */
import { computed, type ComputedRef } from 'vue';
import { isOn, maintenanceOf, type Host } from '../../../shared/model/host.ts';
import { isWorkload } from '../../../shared/model/reservations.ts';
import type { Vm } from '../../../shared/model/vm.ts';
import type { IconAction, MenuAction } from '../../components/menu-action.ts';
import { plural, t } from '../../i18n/i18n.ts';
import { useConnection } from '../../stores/connection.ts';
import { useHosts } from '../../stores/hosts.ts';
import { useInventory } from '../../stores/inventory.ts';
import { useNotices } from '../../stores/notices.ts';
import { useVms } from '../../stores/vms.ts';
import { useNewVmAction } from '../new-vm-action.ts';
import { useDialogs } from '../shell/dialogs.ts';

export type Action = 'powerOn' | 'powerOff' | 'reboot' | 'enterMaintenance' | 'exitMaintenance' | 'connect' | 'disconnect' | 'newPool' | 'edit' | 'remove';

/** A host, and how much is on it. */
export interface Situation { readonly host: Host; readonly vms: readonly Vm[]; readonly pools: number }

const runs = (vms: readonly Vm[]): string | undefined => {
  const on = vms.filter(isWorkload).length;
  return on === 0 ? undefined : plural(on, '{n} virtual machine of it is powered on.', '{n} virtual machines of it are powered on.');
};

const power = ({ host }: Situation): string | undefined => {
  if (!isOn(host)) return t`It is powered off.`;
  return maintenanceOf(host) === 'entering' ? t`It is entering maintenance mode; cancel that task first.` : undefined;
};

/** Of a connected host, but `connect`, `disconnect` and `remove`. */
const REASONS: Record<Action, (now: Situation) => string | undefined> = {
  powerOn: ({ host }) => (isOn(host) ? t`It is powered on already.` : undefined),
  powerOff: power, reboot: power,
  enterMaintenance: ({ host }) => (!isOn(host) ? t`It is powered off.` : { none: undefined, entering: t`It is entering maintenance mode already.`, on: t`It is in maintenance mode already.` }[maintenanceOf(host)]),
  exitMaintenance: ({ host }) => ({ none: t`It is not in maintenance mode.`, entering: t`It is still entering maintenance mode; cancel that task instead.`, on: undefined })[maintenanceOf(host)],
  connect: ({ host }) => (host.connected ? t`It is connected already.` : undefined),
  disconnect: ({ host, vms }) => (!host.connected ? t`It is disconnected already.` : maintenanceOf(host) === 'entering' ? t`It is entering maintenance mode; cancel that task first.` : runs(vms)),
  newPool: ({ host }) => (host.parent.kind === 'cluster' ? t`It is in a cluster, whose resource pools it shares.` : undefined),
  edit: ({ vms }) => runs(vms) ?? (vms.some(vm => vm.hostRole !== undefined && vm.powerState !== 'poweredOff') ? t`A system of it is on: power the host off first.` : undefined) ?? (vms.some(({ powerState }) => powerState === 'suspended') ? t`A virtual machine is suspended on it.` : undefined),
  remove: ({ vms, pools }) => (vms.length > 0 ? plural(vms.length, '{n} virtual machine is on it, those in the bin included.', '{n} virtual machines are on it, those in the bin included.') : pools > 0 ? plural(pools, 'It has {n} resource pool.', 'It has {n} resource pools.') : undefined),
};
const ALSO_DISCONNECTED: readonly Action[] = ['connect', 'disconnect', 'edit', 'remove', 'newPool'];

/** Why `action` cannot be done; absent when it can. */
export const whyNot = (action: Action, now: Situation): string | undefined => (!now.host.connected && !ALSO_DISCONNECTED.includes(action) ? t`It is disconnected.` : REASONS[action](now));

export interface HostActions { readonly power: readonly IconAction[]; readonly all: readonly MenuAction[] }

/** A question, and after it how many virtual machines lose their power. */
function withLost(question: string, vms: readonly Vm[]): string {
  const on = vms.filter(isWorkload).length;
  if (on === 0) return question;
  return `${question} ${plural(on, '{n} virtual machine on it is powered off with it; what its guest has not saved is lost.', '{n} virtual machines on it are powered off with it; what their guests have not saved is lost.')}`;
}

export function useHostActions(host: () => Host | undefined): ComputedRef<HostActions> {
  const [hosts, vms, inventory, notices, connection, dialogs] = [useHosts(), useVms(), useInventory(), useNotices(), useConnection(), useDialogs()];
  const newVm = useNewVmAction(() => host()?.id);

  return computed(() => {
    const target = host();
    if (!target) return { power: [], all: [] };
    const { id, name } = target, parent = { kind: 'host', id } as const;
    const now: Situation = {
      host: target, vms: [...vms.byHost.get(id) ?? [], ...vms.deleted.filter(vm => vm.hostId === id)], pools: [...inventory.maps.resourcePool.values()].filter(pool => pool.parent.kind === 'host' && pool.parent.id === id).length,
    };
    const force = now.vms.some(isWorkload), reason = (action: Action) => (connection.connected ? whyNot(action, now) : t`The engine is not connected.`);
    const does = (run: () => Promise<unknown>) => () => void notices.attempt(run());
    const confirm = (title: string, message: string, confirmLabel: string, words: string, run: () => Promise<unknown>) =>
      () => { dialogs.value = { kind: 'confirm', title, message, confirmLabel, danger: true, command: [words, { host: name, force }], run: does(run) }; };
    const icons: IconAction[] = [
      { label: t`Power On`, icon: 'play', status: 'success', disabledReason: reason('powerOn'), run: does(() => hosts.powerOn(id)) },
      { label: t`Power Off`, icon: 'stop', status: 'danger', disabledReason: reason('powerOff'), run: confirm(t`Power off host`, withLost(t`Power off "${name}"?`, now.vms), t`Power Off`, 'host power-off', () => hosts.powerOff(id, { force })) },
      { label: t`Reboot`, icon: 'refresh', disabledReason: reason('reboot'), run: confirm(t`Reboot host`, withLost(t`Reboot "${name}"?`, now.vms), t`Reboot`, 'host reboot', () => hosts.reboot(id, { force })) },
    ];
    return {
      power: icons,
      all: [
        newVm.value,
        { label: t`New Resource Pool…`, icon: 'resource-pool', disabledReason: reason('newPool'), run: () => { dialogs.value = { kind: 'newPool', parent }; } },
        { label: t`Enter Maintenance Mode…`, icon: 'pause', divided: true, disabledReason: reason('enterMaintenance'), run: () => { dialogs.value = { kind: 'enterMaintenance', hostId: id }; } },
        { label: t`Exit Maintenance Mode`, icon: 'play', disabledReason: reason('exitMaintenance'), run: does(() => hosts.exitMaintenance(id)) },
        { label: t`Connect`, icon: 'check', divided: true, disabledReason: reason('connect'), run: does(() => hosts.connect(id)) },
        { label: t`Disconnect`, icon: 'ban', disabledReason: reason('disconnect'), run: does(() => hosts.disconnect(id)) },
        ...icons.map((action, at) => ({ ...action, divided: at === 0 })),
        { label: t`Edit Host…`, icon: 'cog', divided: true, disabledReason: reason('edit'), run: () => { dialogs.value = { kind: 'editHost', host: target }; } },
        { label: t`Remove from Inventory`, icon: 'trash', status: 'danger', divided: true, disabledReason: reason('remove'), run: confirm(t`Remove host`, t`Remove "${name}" from the inventory?`, t`Remove`, 'host remove', () => hosts.remove(id)) },
      ],
    };
  });
}

/** Opens the Add Host wizard, with a place chosen where one is given. */
export function useAddHostAction(parent: () => { readonly kind: 'datacenter' | 'folder' | 'cluster'; readonly id: string } | undefined = () => undefined): ComputedRef<MenuAction> {
  const [connection, dialogs] = [useConnection(), useDialogs()];
  return computed(() => ({ label: t`Add Host…`, icon: 'host', disabledReason: connection.connected ? undefined : t`The engine is not connected.`, run: () => { dialogs.value = { kind: 'addHost', parent: parent() }; } }));
}
