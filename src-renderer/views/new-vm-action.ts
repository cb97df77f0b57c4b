import { computed, type ComputedRef } from 'vue';
import type { HostId } from '../../shared/base/ids.ts';
import type { VmPlace } from '../../shared/model/clone.ts';
import type { MenuAction } from '../components/menu-action.ts';
import { t } from '../i18n/i18n.ts';
import { useConnection } from '../stores/connection.ts';
import { useDialogs } from './shell/dialogs.ts';

/** Opens the New Virtual Machine wizard, with a host chosen where one is given, for a VM that is to be in a folder or pool. */
export function useNewVmAction(hostId: () => HostId | undefined = () => undefined, place: () => VmPlace = () => ({})): ComputedRef<MenuAction> {
  const [connection, dialogs] = [useConnection(), useDialogs()];
  return computed(() => ({
    label: t`New Virtual Machine…`, icon: 'vm', disabledReason: connection.connected ? undefined : t`The engine is not connected.`,
    run: () => { dialogs.value = { kind: 'newVm', hostId: hostId(), place: place() }; },
  }));
}
