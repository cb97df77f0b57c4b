/** What an operator can do with a resource pool. */
import { computed, type ComputedRef } from 'vue';
import type { ResourcePool } from '../../../shared/model/container.ts';
import type { MenuAction } from '../../components/menu-action.ts';
import { t } from '../../i18n/i18n.ts';
import { useConnection } from '../../stores/connection.ts';
import { useInventory } from '../../stores/inventory.ts';
import { useNotices } from '../../stores/notices.ts';
import { useDialogs } from '../shell/dialogs.ts';

export interface ResourcePoolActions { readonly all: readonly MenuAction[] }

export function useResourcePoolActions(pool: () => ResourcePool | undefined): ComputedRef<ResourcePoolActions> {
  const [inventory, notices, connection, dialogs] = [useInventory(), useNotices(), useConnection(), useDialogs()];
  return computed(() => {
    const target = pool();
    if (!target) return { all: [] };
    const { id, name } = target, disabledReason = connection.connected ? undefined : t`The engine is not connected.`;
    return {
      all: [
        { label: t`New Resource Pool…`, icon: 'resource-pool', disabledReason, run: () => { dialogs.value = { kind: 'newPool', parent: { kind: 'resourcePool', id } }; } },
        { label: t`Edit Resource Pool…`, icon: 'cog', disabledReason, run: () => { dialogs.value = { kind: 'editPool', pool: target }; } },
        { label: t`Delete`, icon: 'trash', status: 'danger', divided: true, disabledReason,
          run: () => {
            const run = () => void notices.attempt(inventory.remove([{ kind: 'resourcePool', id }]));
            dialogs.value = { kind: 'confirm', title: t`Delete resource pool`, message: t`Delete "${name}"? What is in it goes to what the pool is in.`, confirmLabel: t`Delete`, danger: true, command: ['inventory remove', { objects: [`resourcePool:${name}`] }], run };
          } },
      ],
    };
  });
}
