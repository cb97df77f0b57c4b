/** What an operator can do with a host now, in vSphere's order, and why the rest cannot be done. */
import { computed, type ComputedRef } from 'vue';
import { isOn, maintenanceOf, type Host } from '../../../shared/model/host.ts';
import { usesHost } from '../../../shared/model/reservations.ts';
import type { Vm } from '../../../shared/model/vm.ts';
import { plural } from '../../components/format.ts';
import type { IconAction, MenuAction } from '../../components/menu-action.ts';
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
  const on = vms.filter(usesHost).length;
  return on === 0 ? undefined : `${plural(on, 'virtual machine')} of it ${on === 1 ? 'is' : 'are'} powered on.`;
};

const power = ({ host }: Situation): string | undefined => {
  if (!isOn(host)) return 'It is powered off.';
  return maintenanceOf(host) === 'entering' ? 'It is entering maintenance mode; cancel that task first.' : undefined;
};

/** Of a connected host, but `connect`, `disconnect` and `remove`. */
const REASONS: Record<Action, (now: Situation) => string | undefined> = {
  powerOn: ({ host }) => (isOn(host) ? 'It is powered on already.' : undefined),
  powerOff: power, reboot: power,
  enterMaintenance: ({ host }) => (!isOn(host) ? 'It is powered off.' : { none: undefined, entering: 'It is entering maintenance mode already.', on: 'It is in maintenance mode already.' }[maintenanceOf(host)]),
  exitMaintenance: ({ host }) => ({ none: 'It is not in maintenance mode.', entering: 'It is still entering maintenance mode; cancel that task instead.', on: undefined })[maintenanceOf(host)],
  connect: ({ host }) => (host.connected ? 'It is connected already.' : undefined),
  disconnect: ({ host, vms }) => (!host.connected ? 'It is disconnected already.' : maintenanceOf(host) === 'entering' ? 'It is entering maintenance mode; cancel that task first.' : runs(vms)),
  newPool: ({ host }) => (host.parent.kind === 'cluster' ? 'It is in a cluster, whose resource pools it shares.' : undefined),
  edit: ({ vms }) => runs(vms) ?? (vms.some(({ powerState }) => powerState === 'suspended') ? 'A virtual machine is suspended on it.' : undefined),
  remove: ({ vms, pools }) => (vms.length > 0 ? `${plural(vms.length, 'virtual machine')} ${vms.length === 1 ? 'is' : 'are'} on it, those in the bin included.` : pools > 0 ? `It has ${plural(pools, 'resource pool')}.` : undefined),
};
const ALSO_DISCONNECTED: readonly Action[] = ['connect', 'disconnect', 'edit', 'remove', 'newPool'];

/** Why `action` cannot be done; absent when it can. */
export const whyNot = (action: Action, now: Situation): string | undefined => (!now.host.connected && !ALSO_DISCONNECTED.includes(action) ? 'It is disconnected.' : REASONS[action](now));

export interface HostActions { readonly power: readonly IconAction[]; readonly all: readonly MenuAction[] }

/** How many virtual machines lose their power, as part of a question. */
const lost = (vms: readonly Vm[]): string => { const on = vms.filter(usesHost).length; return on === 0 ? '' : ` ${plural(on, 'virtual machine')} on it ${on === 1 ? 'is' : 'are'} powered off with it; what ${on === 1 ? 'its guest has' : 'their guests have'} not saved is lost.`; };

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
    const force = now.vms.some(usesHost), reason = (action: Action) => (connection.connected ? whyNot(action, now) : 'The engine is not connected.');
    const does = (run: () => Promise<unknown>) => () => void notices.attempt(run());
    const confirm = (title: string, message: string, confirmLabel: string, run: () => Promise<unknown>) =>
      () => { dialogs.value = { kind: 'confirm', title, message, confirmLabel, danger: true, run: does(run) }; };
    const icons: IconAction[] = [
      { label: 'Power On', icon: 'play', status: 'success', disabledReason: reason('powerOn'), run: does(() => hosts.powerOn(id)) },
      { label: 'Power Off', icon: 'stop', status: 'danger', disabledReason: reason('powerOff'), run: confirm('Power off host', `Power off "${name}"?${lost(now.vms)}`, 'Power Off', () => hosts.powerOff(id, { force })) },
      { label: 'Reboot', icon: 'refresh', disabledReason: reason('reboot'), run: confirm('Reboot host', `Reboot "${name}"?${lost(now.vms)}`, 'Reboot', () => hosts.reboot(id, { force })) },
    ];
    return {
      power: icons,
      all: [
        newVm.value,
        { label: 'New Resource Pool…', icon: 'resource-pool', disabledReason: reason('newPool'), run: () => { dialogs.value = { kind: 'newPool', parent }; } },
        { label: 'Enter Maintenance Mode…', icon: 'pause', divided: true, disabledReason: reason('enterMaintenance'), run: () => { dialogs.value = { kind: 'enterMaintenance', hostId: id }; } },
        { label: 'Exit Maintenance Mode', icon: 'play', disabledReason: reason('exitMaintenance'), run: does(() => hosts.exitMaintenance(id)) },
        { label: 'Connect', icon: 'check', divided: true, disabledReason: reason('connect'), run: does(() => hosts.connect(id)) },
        { label: 'Disconnect', icon: 'ban', disabledReason: reason('disconnect'), run: does(() => hosts.disconnect(id)) },
        ...icons.map((action, at) => ({ ...action, divided: at === 0 })),
        { label: 'Edit Host…', icon: 'cog', divided: true, disabledReason: reason('edit'), run: () => { dialogs.value = { kind: 'editHost', host: target }; } },
        { label: 'Remove from Inventory', icon: 'trash', status: 'danger', divided: true, disabledReason: reason('remove'), run: confirm('Remove host', `Remove "${name}" from the inventory?`, 'Remove', () => hosts.remove(id)) },
      ],
    };
  });
}

/** Opens the Add Host wizard, with a place chosen where one is given. */
export function useAddHostAction(parent: () => { readonly kind: 'datacenter' | 'folder' | 'cluster'; readonly id: string } | undefined = () => undefined): ComputedRef<MenuAction> {
  const [connection, dialogs] = [useConnection(), useDialogs()];
  return computed(() => ({ label: 'Add Host…', icon: 'host', disabledReason: connection.connected ? undefined : 'The engine is not connected.', run: () => { dialogs.value = { kind: 'addHost', parent: parent() }; } }));
}
