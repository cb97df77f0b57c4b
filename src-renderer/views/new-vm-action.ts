import { computed, type ComputedRef } from 'vue';
import type { HostId } from '../../shared/base/ids.ts';
import type { MenuAction } from '../components/menu-action.ts';
import { useConnection } from '../stores/connection.ts';
import { useDialogs } from './shell/dialogs.ts';

/** Opens the New Virtual Machine wizard, with a host chosen where one is given. */
export function useNewVmAction(hostId: () => HostId | undefined = () => undefined): ComputedRef<MenuAction> {
  const [connection, dialogs] = [useConnection(), useDialogs()];
  return computed(() => ({
    label: 'New Virtual Machine…', icon: 'vm', disabledReason: connection.connected ? undefined : 'The engine is not connected.',
    run: () => { dialogs.value = { kind: 'newVm', hostId: hostId() }; },
  }));
}
