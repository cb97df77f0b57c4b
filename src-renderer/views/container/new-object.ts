/** What the dialog for new objects makes, and what is said of each. */
import type { Folder } from '../../../shared/model/container.ts';
import type { Values } from '../../../shared/api/verbs.ts';
import type { NewObject } from '../../../shared/model/objects.ts';
import type { Place } from '../../../shared/model/place.ts';

export type NewKind = 'datacenter' | 'folder' | 'cluster' | 'network';

export const HINTS: Readonly<Record<NewKind, string>> = {
  datacenter: 'Hosts, virtual machines, datastores and networks belong to one datacenter.',
  folder: 'Folders order what is in a tree.',
  cluster: 'Hosts are moved into it; its resource pools divide what they have together.',
  network: 'A port group of a virtual switch; virtual machines with the same switch reach each other.',
};

export interface NewDraft { readonly name: string; readonly switchName: string; readonly vlan: string }

/** What is asked of the engine; an unreadable VLAN is left for it to refuse. */
export function wanted(what: NewKind, parent: Place, tree: Folder['tree'] | undefined, { name, switchName, vlan }: NewDraft): NewObject {
  const made = { kind: what, name: name.trim(), parent };
  if (what === 'folder') return { ...made, tree: tree ?? 'datacenter' } as NewObject;
  return (what === 'network' ? { ...made, switch: switchName.trim(), vlan: vlan.trim() === '' ? 0 : Number(vlan) } : made) as NewObject;
}

/** What one would type; a datacenter that is made so is in the root. */
export function commandOf(what: NewKind, parent: string, tree: Folder['tree'] | undefined, draft: NewDraft): Values {
  const own = { folder: { tree: tree ?? 'datacenter', in: parent }, cluster: { in: parent }, network: { switch: draft.switchName.trim() || 'SWITCH', vlan: draft.vlan.trim() === '0' ? undefined : draft.vlan.trim(), in: parent }, datacenter: {} };
  return { name: draft.name.trim() || 'NAME', ...own[what] };
}
