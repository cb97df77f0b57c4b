/** What can be done with all that is selected in a grid. What does not apply to some is done to the others: one task, with a part for each. */
import { computed, type ComputedRef } from 'vue';
import { say, type Phrase } from '../../shared/base/phrase.ts';
import type { InventoryObject, ObjectId } from '../../shared/model/objects.ts';
import { BIN_DAYS, type BulkOperation, type Vm } from '../../shared/model/vm.ts';
import { formatCount } from '../components/format.ts';
import type { IconName } from '../components/icon-shapes.ts';
import type { MenuAction } from '../components/menu-action.ts';
import { plural, t, translate } from '../i18n/i18n.ts';
import { useConnection } from '../stores/connection.ts';
import { useInventory } from '../stores/inventory.ts';
import { useNotices } from '../stores/notices.ts';
import { useVms } from '../stores/vms.ts';
import { countOf } from './kind-texts.ts';
import { useOwnActions } from './object-actions.ts';
import { useDialogs } from './shell/dialogs.ts';
import { whyNotNow, type Action } from './vm/vm-actions.ts';

interface BulkPower { readonly action: Action; readonly label: Phrase; readonly icon?: IconName; readonly status?: 'success' | 'danger'; readonly ask?: { readonly title: Phrase; readonly question: (count: number) => string }; readonly operation: BulkOperation }

/** How many of them an action applies to, as its label says it. */
const withCount = (label: string, count: number, all: number): string => (count === all || count === 0 ? label : t`${label} (${formatCount(count)} of ${formatCount(all)})`);

export function useBulkActions(selected: () => readonly InventoryObject[]): ComputedRef<readonly MenuAction[]> {
  const [vms, inventory, notices, connection, dialogs] = [useVms(), useInventory(), useNotices(), useConnection(), useDialogs()];
  const ids = computed(() => selected().map(({ kind, object }): ObjectId => ({ kind, id: object.id })));
  const own = useOwnActions(() => ids.value);

  const POWER: readonly BulkPower[] = [
    { action: 'powerOn', label: say`Power On`, icon: 'play', status: 'success', operation: 'powerOn' },
    { action: 'powerOff', label: say`Power Off`, icon: 'stop', status: 'danger', operation: 'powerOff', ask: { title: say`Power Off virtual machines`, question: n => plural(n, 'Power off {n} virtual machine without shutting down guests? What guests have not saved is lost.', 'Power off {n} virtual machines without shutting down guests? What guests have not saved is lost.') } },
    { action: 'suspend', label: say`Suspend`, icon: 'pause', operation: 'suspend' },
    { action: 'shutDown', label: say`Shut Down Guest OS`, icon: 'power', operation: 'shutDownGuest' },
    { action: 'shutDown', label: say`Restart Guest OS`, operation: 'restartGuest' },
    { action: 'reset', label: say`Reset`, icon: 'refresh', operation: 'reset', ask: { title: say`Reset virtual machines`, question: n => plural(n, 'Reset {n} virtual machine? They restart at once; what guests have not saved is lost.', 'Reset {n} virtual machines? They restart at once; what guests have not saved is lost.') } },
  ];
  const DELETE: BulkPower = { action: 'delete', label: say`Delete`, icon: 'trash', status: 'danger', operation: 'delete', ask: { title: say`Delete virtual machines`, question: n => plural(n, 'Delete {n} virtual machine? They go to the bin, with their snapshots, and can be restored for {0} days.', 'Delete {n} virtual machines? They go to the bin, with their snapshots, and can be restored for {0} days.', BIN_DAYS) } };

  function forVms(targets: readonly Vm[], { action, icon, status, ask, operation, ...rest }: BulkPower, reason: string | undefined): MenuAction {
    const label = translate(rest.label);
    const reasons = targets.map(vm => whyNotNow(action, vm)), apply = targets.filter((_, at) => reasons[at] === undefined), run = () => void notices.attempt(vms.each(operation, apply.map(({ id }) => id)));
    const confirm = ask && (() => { dialogs.value = { kind: 'confirm', danger: true, title: translate(ask.title), confirmLabel: label, message: ask.question(apply.length), run }; });
    return { label: withCount(label, apply.length, targets.length), ...(icon && { icon }), ...(status && { status }), disabledReason: reason ?? (apply.length === 0 ? reasons[0] : undefined), run: confirm ?? run };
  }

  function migration(targets: readonly Vm[], reason: string | undefined): MenuAction {
    const reasons = targets.map(vm => whyNotNow('migrate', vm)), apply = targets.filter((_, at) => reasons[at] === undefined);
    return { label: withCount(t`Migrate…`, apply.length, targets.length), icon: 'host', divided: true, disabledReason: reason ?? (apply.length === 0 ? reasons[0] : undefined), run: () => { dialogs.value = { kind: 'migrate', ids: apply.map(({ id }) => id) }; } };
  }

  return computed(() => {
    const chosen = selected(), reason = !connection.connected ? t`The engine is not connected.` : chosen.length === 0 ? t`Nothing is selected.` : undefined;
    const owned = own.value.map(action => ({ ...action, disabledReason: action.disabledReason ?? reason }));
    if (chosen.every(object => object.kind === 'vm')) {
      const targets = chosen.map(({ object }) => object);
      return [...POWER.map(power => forVms(targets, power, reason)), migration(targets, reason), ...owned, { ...forVms(targets, DELETE, reason), divided: true }];
    }
    const what = countOf(chosen.map(({ kind }) => kind));
    const remove = () => { dialogs.value = { kind: 'confirm', danger: true, title: t`Delete objects`, confirmLabel: t`Delete`, message: t`Delete ${what}?`, run: () => void notices.attempt(inventory.remove(ids.value)) }; };
    const hosts = chosen.some(object => object.kind === 'host' || object.kind === 'datastore') ? t`Hosts and datastores are removed one by one, from their own menus.` : undefined;
    return [...owned, { label: t`Delete`, icon: 'trash', status: 'danger', divided: true, disabledReason: reason ?? hosts, run: remove }];
  });
}
