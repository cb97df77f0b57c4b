/** What an operator can do with a VM now, in vSphere's order, and why the rest cannot be done. */
import { computed, type ComputedRef } from 'vue';
import { canRunVms } from '../../../shared/model/reservations.ts';
import { BIN_DAYS, type PowerState, type Vm } from '../../../shared/model/vm.ts';
import type { IconAction, MenuAction } from '../../components/menu-action.ts';
import { useConnection } from '../../stores/connection.ts';
import { useHosts } from '../../stores/hosts.ts';
import { useNotices } from '../../stores/notices.ts';
import { useVms } from '../../stores/vms.ts';
import { stateOf } from '../host/describe-host.ts';
import { useDialogs } from '../shell/dialogs.ts';
import { openConsole } from './open-console.ts';

export type Action = 'powerOn' | 'shutDown' | 'template' | 'powerOff' | 'suspend' | 'takeSnapshot' | 'reset' | 'editSettings' | 'delete';

const REASONS: Record<Action, Partial<Record<PowerState, string>>> = {
  powerOn: { poweredOn: 'It is powered on already.', poweringOn: 'It is powering on.', poweringOff: 'It is powering off.', suspending: 'It is being suspended.' },
  shutDown: { suspended: 'It is suspended.', suspending: 'It is being suspended.', poweredOff: 'It is powered off.', poweringOn: 'It is still powering on.', poweringOff: 'It is powering off already.' },
  powerOff: { poweredOff: 'It is powered off already.', suspending: 'It is being suspended.' },
  suspend: { poweredOff: 'It is powered off.', poweringOn: 'It is still powering on.', poweringOff: 'It is powering off.', suspended: 'It is suspended already.', suspending: 'It is being suspended.' },
  reset: { suspended: 'It is suspended.', suspending: 'It is being suspended.', poweredOff: 'It is powered off.', poweringOn: 'It is still powering on.', poweringOff: 'It is powering off.' },
  takeSnapshot: { poweringOn: 'It is powering on.', poweringOff: 'It is powering off.', suspended: 'It is suspended: resume it or power it off first.', suspending: 'It is being suspended.' },
  editSettings: { poweringOn: 'It is powering on.', poweringOff: 'It is powering off.', suspended: 'It is suspended: resume it or power it off first.', suspending: 'It is being suspended.' },
  template: { poweredOn: 'Power it off first.', poweringOn: 'Power it off first.', poweringOff: 'Wait until it is powered off.', suspended: 'Power it off first: that gives up its suspended state.', suspending: 'It is being suspended.' },
  delete: { suspended: 'Power it off first: that gives up its suspended state.', suspending: 'It is being suspended.', poweredOn: 'Power it off first.', poweringOn: 'Power it off first.', poweringOff: 'Wait until it is powered off.' },
};

/** Why `action` cannot be done to a VM in this state; absent when it can. */
export const whyNot = (action: Action, state: PowerState): string | undefined => REASONS[action][state];
const ofTemplate = (action: Action) => (action === 'delete' || action === 'template' ? undefined : 'It is a template: deploy a virtual machine from it, or convert it into one.');
/** The same of a VM that may be a template. */
export const whyNotNow = (action: Action, { template, powerState }: Pick<Vm, 'template' | 'powerState'>): string | undefined => (template ? ofTemplate(action) : undefined) ?? whyNot(action, powerState);

export interface VmActions { readonly power: readonly IconAction[]; readonly all: readonly MenuAction[] }

export function useVmActions(vm: () => Vm | undefined): ComputedRef<VmActions> {
  const [vms, hosts, notices, connection, dialogs] = [useVms(), useHosts(), useNotices(), useConnection(), useDialogs()];

  return computed(() => {
    const target = vm();
    if (!target) return { power: [], all: [] };
    const { id, spec: { name }, powerState } = target;
    const offline = connection.connected ? undefined : 'The engine is not connected.';
    const host = hosts.byId.get(target.hostId), noHost = host === undefined || canRunVms(host) ? undefined : `Its host ${host.name} runs no VM now: ${stateOf(host)}.`;
    const reason = (action: Action) => offline ?? whyNotNow(action, target) ?? (action === 'powerOn' ? noHost : undefined);
    const confirm = (title: string, message: string, confirmLabel: string, words: string, run: () => Promise<unknown>) =>
      () => { dialogs.value = { kind: 'confirm', title, message, confirmLabel, danger: true, command: [words, { vm: name }], run: () => void notices.attempt(run()) }; };

    const power: IconAction[] = [
      { label: powerState === 'suspended' ? 'Resume' : 'Power On', icon: 'play', status: 'success', disabledReason: reason('powerOn'), run: () => void notices.attempt(vms.powerOn(id)) },
      { label: 'Power Off', icon: 'stop', status: 'danger', disabledReason: reason('powerOff'),
        run: confirm('Power off virtual machine', powerState === 'suspended' ? `Give up the suspended state of "${name}"? What its guest had not saved is lost.` : `Power off "${name}" without shutting down its guest? What the guest has not saved is lost.`, 'Power Off', 'vm power-off', () => vms.powerOff(id)) },
      { label: 'Suspend', icon: 'pause', disabledReason: reason('suspend'), run: () => void notices.attempt(vms.suspend(id)) },
      { label: 'Shut Down Guest OS', icon: 'power', disabledReason: reason('shutDown'), run: () => void notices.attempt(vms.shutDownGuest(id)) },
      { label: 'Reset', icon: 'refresh', disabledReason: reason('reset'),
        run: confirm('Reset virtual machine', `Reset "${name}"? It restarts at once; what the guest has not saved is lost.`, 'Reset', 'vm reset', () => vms.reset(id)) },
    ];
    const clone = (toTemplate: boolean) => () => { dialogs.value = { kind: 'clone', sourceId: id, toTemplate }; };
    const copies = ({ template }: Vm): MenuAction[] => [
      { label: template ? 'New VM From This Template…' : 'Clone to Virtual Machine…', icon: 'copy', divided: true, disabledReason: offline, run: clone(false) },
      { label: 'Clone to Template…', icon: 'file', disabledReason: offline, run: clone(true) },
      template
        ? { label: 'Convert to Virtual Machine', icon: 'vm', disabledReason: offline, run: () => void notices.attempt(vms.convertToVm(id)) }
        : { label: 'Convert to Template', icon: 'file', disabledReason: reason('template'), run: () => void notices.attempt(vms.convertToTemplate(id)) },
    ];
    return {
      power,
      all: [
        ...power,
        { label: 'Restart Guest OS', disabledReason: reason('shutDown'), run: () => void notices.attempt(vms.restartGuest(id)) },
        { label: 'Open Console in New Window', icon: 'pop-out', divided: true, run: () => openConsole(id) },
        { label: 'Take Snapshot…', icon: 'plus', divided: true, disabledReason: reason('takeSnapshot'), run: () => { dialogs.value = { kind: 'takeSnapshot', vmId: id }; } },
        ...copies(target),
        { label: 'Edit Settings…', icon: 'cog', divided: true, disabledReason: reason('editSettings'), run: () => { dialogs.value = { kind: 'editSettings', vm: target }; } },
        { label: 'Rename…', icon: 'pencil', disabledReason: offline, run: () => { dialogs.value = { kind: 'rename', id: { kind: 'vm', id } }; } },
        { label: 'Delete', icon: 'trash', status: 'danger', divided: true, disabledReason: reason('delete'),
          run: confirm('Delete virtual machine', `Delete "${name}"? It goes to the bin of the datacenter, with its snapshots, and can be restored for ${BIN_DAYS} days.`, 'Delete', 'vm delete', () => vms.remove(id)) },
      ],
    };
  });
}
