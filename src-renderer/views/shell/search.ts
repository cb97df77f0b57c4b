/** Global search: what of the inventory matches what was typed. */
import type { Host } from '../../../shared/model/host.ts';
import type { Vm } from '../../../shared/model/vm.ts';
import type { IconName } from '../../components/icon-shapes.ts';
import { formatPowerState } from '../../components/format.ts';
import { nodePath } from './navigator.ts';

export interface SearchResult { readonly path: string; readonly name: string; readonly detail: string; readonly icon: IconName }

const SHOWN = 12;

/** Matches in name, guest file or model; names that begin with the words come first. */
export function searchInventory(query: string, vms: readonly Vm[], hosts: readonly Host[]): readonly SearchResult[] {
  const words = query.trim().toLowerCase();
  if (words === '') return [];
  const rank = (name: string) => (name.toLowerCase().startsWith(words) ? 0 : name.toLowerCase().includes(words) ? 1 : 2);
  const found: SearchResult[] = [
    ...hosts.filter(host => `${host.name}\n${host.model}`.toLowerCase().includes(words)).map((host): SearchResult =>
      ({ path: nodePath({ kind: 'host', id: host.id }), name: host.name, detail: host.model, icon: 'host' })),
    ...vms.filter(vm => `${vm.spec.name}\n${Object.values(vm.spec.guest).join('\n')}`.toLowerCase().includes(words)).map((vm): SearchResult =>
      ({ path: nodePath({ kind: 'vm', id: vm.id }), name: vm.spec.name, detail: formatPowerState(vm.powerState), icon: vm.powerState === 'poweredOn' ? 'vm-solid' : 'vm' })),
  ];
  return found.sort((a, b) => rank(a.name) - rank(b.name)).slice(0, SHOWN);
}
