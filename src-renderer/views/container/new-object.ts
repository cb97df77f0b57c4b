/** What the dialog for new objects makes, and what is said of each. */
import { say, type Phrase } from '../../../shared/base/phrase.ts';
import type { Folder } from '../../../shared/model/container.ts';
import type { Values } from '../../../shared/api/verbs.ts';
import type { NewObject } from '../../../shared/model/objects.ts';
import type { Place } from '../../../shared/model/place.ts';

export type NewKind = 'datacenter' | 'folder' | 'cluster' | 'network';

/** What the dialog says of each: its heading, which is the first name too, its button, and what the object is for. */
export const TEXTS: Readonly<Record<NewKind, { readonly title: Phrase; readonly create: Phrase; readonly hint: Phrase }>> = {
  datacenter: { title: say`New Datacenter`, create: say`Create datacenter`, hint: say`Hosts, virtual machines, datastores and networks belong to one datacenter.` },
  folder: { title: say`New Folder`, create: say`Create folder`, hint: say`Folders order what is in a tree.` },
  cluster: { title: say`New Cluster`, create: say`Create cluster`, hint: say`Hosts are moved into it; its resource pools divide what they have together.` },
  network: { title: say`New Network`, create: say`Create network`, hint: say`A port group of a virtual switch; virtual machines with the same switch reach each other.` },
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
