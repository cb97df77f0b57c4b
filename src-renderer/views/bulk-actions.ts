/** What can be done with all that is selected in a grid. What does not apply to some is done to the others: one task, with a part for each. */
import { computed, type ComputedRef } from 'vue';
import { KIND_WORDS, type InventoryObject, type ObjectId } from '../../shared/model/objects.ts';
import { BIN_DAYS, type BulkOperation, type Vm } from '../../shared/model/vm.ts';
import { formatCount, plural } from '../components/format.ts';
import type { IconName } from '../components/icon-shapes.ts';
import type { MenuAction } from '../components/menu-action.ts';
import { useConnection } from '../stores/connection.ts';
import { useInventory } from '../stores/inventory.ts';
import { useNotices } from '../stores/notices.ts';
import { useVms } from '../stores/vms.ts';
import { useOwnActions } from './object-actions.ts';
import { useDialogs } from './shell/dialogs.ts';
import { whyNotNow, type Action } from './vm/vm-actions.ts';

interface BulkPower { readonly action: Action; readonly label: string; readonly icon?: IconName; readonly status?: 'success' | 'danger'; readonly ask?: string; readonly operation: BulkOperation }

/** How many of them an action applies to, as its label says it. */
const counted = (label: string, count: number, all: number): string => (count === all || count === 0 ? label : `${label} (${formatCount(count)} of ${formatCount(all)})`);

export function useBulkActions(selected: () => readonly InventoryObject[]): ComputedRef<readonly MenuAction[]> {
  const [vms, inventory, notices, connection, dialogs] = [useVms(), useInventory(), useNotices(), useConnection(), useDialogs()];
  const ids = computed(() => selected().map(({ kind, object }): ObjectId => ({ kind, id: object.id })));
  const own = useOwnActions(() => ids.value);

  const POWER: readonly BulkPower[] = [
    { action: 'powerOn', label: 'Power On', icon: 'play', status: 'success', operation: 'powerOn' },
    { action: 'powerOff', label: 'Power Off', icon: 'stop', status: 'danger', ask: 'Power off # without shutting down guests? What guests have not saved is lost.', operation: 'powerOff' },
    { action: 'suspend', label: 'Suspend', icon: 'pause', operation: 'suspend' },
    { action: 'shutDown', label: 'Shut Down Guest OS', icon: 'power', operation: 'shutDownGuest' },
    { action: 'shutDown', label: 'Restart Guest OS', operation: 'restartGuest' },
    { action: 'reset', label: 'Reset', icon: 'refresh', ask: 'Reset #? They restart at once; what guests have not saved is lost.', operation: 'reset' },
  ];
  const DELETE: BulkPower = { action: 'delete', label: 'Delete', icon: 'trash', status: 'danger', ask: `Delete #? They go to the bin, with their snapshots, and can be restored for ${BIN_DAYS} days.`, operation: 'delete' };

  function forVms(targets: readonly Vm[], { action, label, icon, status, ask, operation }: BulkPower, reason: string | undefined): MenuAction {
    const reasons = targets.map(vm => whyNotNow(action, vm)), apply = targets.filter((_, at) => reasons[at] === undefined), run = () => void notices.attempt(vms.each(operation, apply.map(({ id }) => id)));
    const confirm = () => { dialogs.value = { kind: 'confirm', danger: true, title: `${label} virtual machines`, confirmLabel: label, message: ask?.replace('#', plural(apply.length, 'virtual machine')) ?? '', run }; };
    return { label: counted(label, apply.length, targets.length), ...(icon && { icon }), ...(status && { status }), disabledReason: reason ?? (apply.length === 0 ? reasons[0] : undefined), run: ask === undefined ? run : confirm };
  }

  return computed(() => {
    const chosen = selected(), reason = !connection.connected ? 'The engine is not connected.' : chosen.length === 0 ? 'Nothing is selected.' : undefined;
    const owned = own.value.map(action => ({ ...action, disabledReason: action.disabledReason ?? reason }));
    if (chosen.every(object => object.kind === 'vm')) {
      const targets = chosen.map(({ object }) => object);
      return [...POWER.map(power => forVms(targets, power, reason)), ...owned, { ...forVms(targets, DELETE, reason), divided: true }];
    }
    const kind = chosen[0]?.kind ?? 'folder', what = plural(chosen.length, chosen.every(object => object.kind === kind) ? KIND_WORDS[kind] : 'object');
    const remove = () => { dialogs.value = { kind: 'confirm', danger: true, title: 'Delete objects', confirmLabel: 'Delete', message: `Delete ${what}?`, run: () => void notices.attempt(inventory.remove(ids.value)) }; };
    const hosts = chosen.some(object => object.kind === 'host' || object.kind === 'datastore') ? 'Hosts and datastores are removed one by one, from their own menus.' : undefined;
    return [...owned, { label: 'Delete', icon: 'trash', status: 'danger', divided: true, disabledReason: reason ?? hosts, run: remove }];
  });
}
