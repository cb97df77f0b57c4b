/** What a host boots itself, and its SmartNIC: VMs on it that have that role. */
import { isGood, presentAttempt, STAGE_NAMES, stageOf } from '../../../shared/model/boot-watchdog.ts';
import { isOn, smartNicOf, type Host, type HostRole } from '../../../shared/model/host.ts';
import type { Vm } from '../../../shared/model/vm.ts';
import { t, translate } from '../../i18n/i18n.ts';
import { compareNames } from '../../stores/by-id.ts';

export const systemOn = (vms: readonly Vm[], role: HostRole): Vm | undefined => vms.find(vm => vm.hostRole === role);

/** Those that could be it: the present one, and VMs that are off and nothing else. */
export const candidates = (vms: readonly Vm[], role: HostRole): readonly Vm[] =>
  vms.filter(vm => vm.hostRole === role || vm.hostRole === undefined && vm.template !== true && vm.powerState === 'poweredOff').sort((a, b) => compareNames(a.spec.name, b.spec.name));

/** Roles that there can be on a host. */
export const rolesOf = (host: Host): readonly HostRole[] => (smartNicOf(host) === undefined ? ['host'] : ['host', 'smartNic']);

/** Why what it boots cannot be changed now. */
export const whyNotSet = (host: Host): string | undefined => (isOn(host) ? t`The host must be powered off.` : undefined);

/** How far a system is. */
export function systemState({ powerState, boot, spec }: Vm): string {
  const attempt = boot && presentAttempt(boot);
  if (powerState === 'suspended') return t`Suspended`;
  if (powerState === 'poweredOff' || attempt === undefined) return t`Powered Off`;
  if (isGood(attempt)) return t`Up`;
  return spec.bootWatchdog?.mode === 'boot' ? t`Booting: ${translate(STAGE_NAMES[stageOf(attempt)])}` : t`On; nobody watches its boot`;
}
