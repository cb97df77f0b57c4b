/** What an operator can do with a VM now, in vSphere's order, and why the rest cannot be done. */
import { computed, type ComputedRef } from 'vue';
import { say, type Phrase } from '../../../shared/base/phrase.ts';
import { isOn } from '../../../shared/model/host.ts';
import { canRunVms } from '../../../shared/model/reservations.ts';
import { BIN_DAYS, type PowerState, type Vm } from '../../../shared/model/vm.ts';
import type { IconAction, MenuAction } from '../../components/menu-action.ts';
import { t, translate } from '../../i18n/i18n.ts';
import { useConnection } from '../../stores/connection.ts';
import { useHosts } from '../../stores/hosts.ts';
import { useNotices } from '../../stores/notices.ts';
import { usePeers } from '../../stores/peers.ts';
import { useVms } from '../../stores/vms.ts';
import { stateOf } from '../host/describe-host.ts';
import { useDialogs } from '../shell/dialogs.ts';
import { openConsole } from './open-console.ts';

export type Action = 'powerOn' | 'migrate' | 'shutDown' | 'template' | 'powerOff' | 'suspend' | 'takeSnapshot' | 'reset' | 'editSettings' | 'delete';

const REASONS: Record<Action, Partial<Record<PowerState, Phrase>>> = {
  powerOn: { poweredOn: say`It is powered on already.`, poweringOn: say`It is powering on.`, poweringOff: say`It is powering off.`, suspending: say`It is being suspended.` },
  shutDown: { suspended: say`It is suspended.`, suspending: say`It is being suspended.`, poweredOff: say`It is powered off.`, poweringOn: say`It is still powering on.`, poweringOff: say`It is powering off already.` },
  powerOff: { poweredOff: say`It is powered off already.`, suspending: say`It is being suspended.` },
  suspend: { poweredOff: say`It is powered off.`, poweringOn: say`It is still powering on.`, poweringOff: say`It is powering off.`, suspended: say`It is suspended already.`, suspending: say`It is being suspended.` },
  reset: { suspended: say`It is suspended.`, suspending: say`It is being suspended.`, poweredOff: say`It is powered off.`, poweringOn: say`It is still powering on.`, poweringOff: say`It is powering off.` },
  takeSnapshot: { poweringOn: say`It is powering on.`, poweringOff: say`It is powering off.`, suspended: say`It is suspended: resume it or power it off first.`, suspending: say`It is being suspended.` },
  editSettings: { poweringOn: say`It is powering on.`, poweringOff: say`It is powering off.`, suspended: say`It is suspended: resume it or power it off first.`, suspending: say`It is being suspended.` },
  migrate: { poweringOn: say`It is powering on.`, poweringOff: say`It is powering off.`, suspending: say`It is being suspended.` },
  template: { poweredOn: say`Power it off first.`, poweringOn: say`Power it off first.`, poweringOff: say`Wait until it is powered off.`, suspended: say`Power it off first: that gives up its suspended state.`, suspending: say`It is being suspended.` },
  delete: { suspended: say`Power it off first: that gives up its suspended state.`, suspending: say`It is being suspended.`, poweredOn: say`Power it off first.`, poweringOn: say`Power it off first.`, poweringOff: say`Wait until it is powered off.` },
};

/** Why `action` cannot be done to a VM in this state; absent when it can. */
export const whyNot = (action: Action, state: PowerState): string | undefined => { const reason = REASONS[action][state]; return reason && translate(reason); };
const ofTemplate = (action: Action) => (action === 'delete' || action === 'template' || action === 'migrate' ? undefined : t`It is a template: deploy a virtual machine from it, or convert it into one.`);
const ofSystem = (action: Action) => (action === 'delete' || action === 'template' || action === 'migrate' ? t`Its host boots it: choose another system for the host, or none, first.` : undefined);
/** The same of a VM that may be a template, or what its host boots. */
export const whyNotNow = (action: Action, { template, powerState, hostRole }: Pick<Vm, 'template' | 'powerState' | 'hostRole'>): string | undefined => (template ? ofTemplate(action) : undefined) ?? (hostRole ? ofSystem(action) : undefined) ?? whyNot(action, powerState);

export interface VmActions { readonly power: readonly IconAction[]; readonly all: readonly MenuAction[] }

export function useVmActions(vm: () => Vm | undefined): ComputedRef<VmActions> {
  const [vms, hosts, peers, notices, connection, dialogs] = [useVms(), useHosts(), usePeers(), useNotices(), useConnection(), useDialogs()];

  return computed(() => {
    const target = vm();
    if (!target) return { power: [], all: [] };
    const { id, spec: { name }, powerState } = target;
    const offline = connection.connected ? undefined : t`The engine is not connected.`;
    const host = hosts.byId.get(target.hostId), noHost = host === undefined || (target.hostRole ? host.connected && isOn(host) : canRunVms(host)) ? undefined : t`Its host ${host.name} runs no VM now: ${stateOf(host)}.`;
    const reason = (action: Action) => offline ?? whyNotNow(action, target) ?? (action === 'powerOn' ? noHost : undefined);
    const confirm = (title: string, message: string, confirmLabel: string, words: string, run: () => Promise<unknown>) =>
      () => { dialogs.value = { kind: 'confirm', title, message, confirmLabel, danger: true, command: [words, { vm: name }], run: () => void notices.attempt(run()) }; };

    const power: IconAction[] = [
      { label: powerState === 'suspended' ? t`Resume` : t`Power On`, icon: 'play', status: 'success', disabledReason: reason('powerOn'), run: () => void notices.attempt(vms.powerOn(id)) },
      { label: t`Power Off`, icon: 'stop', status: 'danger', disabledReason: reason('powerOff'),
        run: confirm(t`Power off virtual machine`, powerState === 'suspended' ? t`Give up the suspended state of "${name}"? What its guest had not saved is lost.` : t`Power off "${name}" without shutting down its guest? What the guest has not saved is lost.`, t`Power Off`, 'vm power-off', () => vms.powerOff(id)) },
      { label: t`Suspend`, icon: 'pause', disabledReason: reason('suspend'), run: () => void notices.attempt(vms.suspend(id)) },
      { label: t`Shut Down Guest OS`, icon: 'power', disabledReason: reason('shutDown'), run: () => void notices.attempt(vms.shutDownGuest(id)) },
      { label: t`Reset`, icon: 'refresh', disabledReason: reason('reset'),
        run: confirm(t`Reset virtual machine`, t`Reset "${name}"? It restarts at once; what the guest has not saved is lost.`, t`Reset`, 'vm reset', () => vms.reset(id)) },
    ];
    const clone = (toTemplate: boolean) => () => { dialogs.value = { kind: 'clone', sourceId: id, toTemplate }; };
    const copies = ({ template }: Vm): MenuAction[] => [
      { label: template ? t`New VM From This Template…` : t`Clone to Virtual Machine…`, icon: 'copy', divided: true, disabledReason: offline, run: clone(false) },
      { label: t`Clone to Template…`, icon: 'file', disabledReason: offline, run: clone(true) },
      template
        ? { label: t`Convert to Virtual Machine`, icon: 'vm', disabledReason: offline, run: () => void notices.attempt(vms.convertToVm(id)) }
        : { label: t`Convert to Template`, icon: 'file', disabledReason: reason('template'), run: () => void notices.attempt(vms.convertToTemplate(id)) },
    ];
    return {
      power,
      all: [
        ...(target.given === undefined ? [] : [{ label: t`Go On Here…`, icon: 'play' as const, status: 'danger' as const, disabledReason: offline,
          run: confirm(t`Go on here`, t`Let "${name}" go on here? Only if ${target.given.peer} is gone for good: when it took "${name}", there are two of it, and both write to its disks.`, t`Go On Here`, 'vm go-on-here', () => peers.goOnHere(id)) }]),
        ...power,
        { label: t`Restart Guest OS`, disabledReason: reason('shutDown'), run: () => void notices.attempt(vms.restartGuest(id)) },
        { label: t`Open Console in New Window`, icon: 'pop-out', divided: true, run: () => openConsole(id) },
        { label: t`Take Snapshot…`, icon: 'plus', divided: true, disabledReason: reason('takeSnapshot'), run: () => { dialogs.value = { kind: 'takeSnapshot', vmId: id }; } },
        { label: t`Migrate…`, icon: 'host', divided: true, disabledReason: reason('migrate'), run: () => { dialogs.value = { kind: 'migrate', ids: [id] }; } },
        ...copies(target),
        { label: t`Edit Settings…`, icon: 'cog', divided: true, disabledReason: reason('editSettings'), run: () => { dialogs.value = { kind: 'editSettings', vm: target }; } },
        { label: t`Rename…`, icon: 'pencil', disabledReason: offline, run: () => { dialogs.value = { kind: 'rename', id: { kind: 'vm', id } }; } },
        { label: t`Delete`, icon: 'trash', status: 'danger', divided: true, disabledReason: reason('delete'),
          run: confirm(t`Delete virtual machine`, t`Delete "${name}"? It goes to the bin of the datacenter, with its snapshots, and can be restored for ${BIN_DAYS} days.`, t`Delete`, 'vm delete', () => vms.remove(id)) },
      ],
    };
  });
}
