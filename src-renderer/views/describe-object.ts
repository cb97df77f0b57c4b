/** How objects of each kind look: icon, status, and what assistive technology says of them. */
import { nameOf, type InventoryObject, type ObjectKind } from '../../shared/model/objects.ts';
import { canRunVms } from '../../shared/model/reservations.ts';
import type { Vm } from '../../shared/model/vm.ts';
import type { IconName } from '../components/icon-shapes.ts';
import { formatPowerState } from '../components/format.ts';
import { t } from '../i18n/i18n.ts';
import { stateOf } from './host/describe-host.ts';

const ICONS: Readonly<Record<ObjectKind | 'root', IconName>> = {
  root: 'organization', datacenter: 'building', folder: 'folder', cluster: 'cluster', host: 'host', resourcePool: 'resource-pool', vm: 'vm', datastore: 'storage', network: 'network-globe',
  tagCategory: 'tags', tag: 'tag', customAttribute: 'note', savedSearch: 'bookmark', alarmDefinition: 'exclamation-circle', triggeredAlarm: 'exclamation-circle', peer: 'network-globe', arrival: 'vm',
};
export const kindIcon = (kind: ObjectKind | 'root'): IconName => ICONS[kind];

export interface Look { readonly label: string; readonly icon: IconName; readonly status?: 'success' | undefined; readonly note?: string | undefined }

function vmLook(vm: Vm): Look {
  if (vm.template) return { label: vm.spec.name, icon: 'layers', note: t`Template` };
  const on = vm.powerState === 'poweredOn';
  return { label: vm.spec.name, icon: on ? 'vm-solid' : 'vm', status: on ? 'success' : undefined, note: formatPowerState(vm.powerState) };
}

export function lookOf(known: InventoryObject): Look {
  if (known.kind === 'vm') return vmLook(known.object);
  return { label: nameOf(known), icon: ICONS[known.kind], note: known.kind === 'host' && !canRunVms(known.object) ? stateOf(known.object) : undefined };
}
