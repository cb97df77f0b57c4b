/** What is said of objects by their kind: whole sentences for each, as the words around a noun follow its gender in many languages. */
import { say, type Phrase } from '../../shared/base/phrase.ts';
import type { ObjectKind } from '../../shared/model/objects.ts';
import { plural, t, translate } from '../i18n/i18n.ts';

const TITLES: Readonly<Record<ObjectKind, Phrase>> = {
  datacenter: say`Datacenter`, folder: say`Folder`, cluster: say`Cluster`, host: say`Host`, resourcePool: say`Resource pool`, vm: say`VM`, datastore: say`Datastore`, network: say`Network`,
  tagCategory: say`Tag category`, tag: say`Tag`, customAttribute: say`Custom attribute`, savedSearch: say`Saved search`, alarmDefinition: say`Alarm`, triggeredAlarm: say`Triggered alarm`,
  peer: say`Peer`, arrival: say`Arrival`,
};
/** As a heading has it. */
export const kindTitle = (kind: ObjectKind): string => translate(TITLES[kind]);

const COUNTS: Readonly<Partial<Record<ObjectKind, (count: number) => string>>> = {
  datacenter: n => plural(n, '{n} datacenter', '{n} datacenters'), folder: n => plural(n, '{n} folder', '{n} folders'), cluster: n => plural(n, '{n} cluster', '{n} clusters'),
  host: n => plural(n, '{n} host', '{n} hosts'), resourcePool: n => plural(n, '{n} resource pool', '{n} resource pools'), vm: n => plural(n, '{n} VM', '{n} VMs'),
  datastore: n => plural(n, '{n} datastore', '{n} datastores'), network: n => plural(n, '{n} network', '{n} networks'),
};
/** `3 hosts`, or `3 objects` of several kinds. */
export function countOf(kinds: readonly ObjectKind[]): string {
  const [kind] = kinds, ofOne = kind && kinds.every(each => each === kind) ? COUNTS[kind] : undefined;
  return ofOne?.(kinds.length) ?? plural(kinds.length, '{n} object', '{n} objects');
}

/** What a menu makes, and what a dialog is called that makes it. */
export const NEW_LABEL = {
  tag: { menu: say`New Tag…`, title: say`New Tag`, button: say`New tag` },
  tagCategory: { menu: say`New Tag category…`, title: say`New Tag category`, button: say`New tag category` },
  customAttribute: { menu: say`New Custom attribute…`, title: say`New Custom attribute`, button: say`New custom attribute` },
} as const;

interface Removal { readonly label: string; readonly title: string; readonly question: string }
/** How an object is taken away that has no way of its own. */
export function removalOf(kind: ObjectKind, name: string): Removal {
  const label = t`Delete`;
  switch (kind) {
    case 'datacenter': return { label, title: t`Delete datacenter`, question: t`Delete the datacenter "${name}"?` };
    case 'folder': return { label, title: t`Delete folder`, question: t`Delete the folder "${name}"?` };
    case 'cluster': return { label, title: t`Delete cluster`, question: t`Delete the cluster "${name}"?` };
    case 'network': return { label, title: t`Delete network`, question: t`Delete the network "${name}"?` };
    case 'datastore': return { label: t`Remove`, title: t`Remove datastore`, question: t`Remove the datastore "${name}"? Its files stay where they are.` };
    case 'tag': return { label, title: t`Delete tag`, question: t`Delete the tag "${name}"?` };
    case 'tagCategory': return { label, title: t`Delete tag category`, question: t`Delete the tag category "${name}"?` };
    case 'customAttribute': return { label, title: t`Delete custom attribute`, question: t`Delete the custom attribute "${name}"?` };
    default: return { label, title: t`Delete object`, question: t`Delete "${name}"?` };
  }
}

const MISSING: Readonly<Partial<Record<ObjectKind, Phrase>>> = {
  datacenter: say`This datacenter is not in the inventory.`, folder: say`This folder is not in the inventory.`, cluster: say`This cluster is not in the inventory.`, host: say`This host is not in the inventory.`,
  resourcePool: say`This resource pool is not in the inventory.`, vm: say`This virtual machine is not in the inventory.`, datastore: say`This datastore is not in the inventory.`, network: say`This network is not in the inventory.`,
};
export const missingText = (kind: ObjectKind): string => translate(MISSING[kind] ?? say`This object is not in the inventory.`);
