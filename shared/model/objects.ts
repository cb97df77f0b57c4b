/** Everything that is in an inventory, by kind. */
import * as v from 'valibot';
import type { AlarmDefinition, TriggeredAlarm } from './alarm.ts';
import { NewCluster, NewDatacenter, NewFolder, NewNetwork, NewResourcePool, type Cluster, type Datacenter, type Datastore, type Folder, type Network, type ResourcePool } from './container.ts';
import type { Host } from './host.ts';
import { NewCustomAttribute, NewSavedSearch, NewTag, NewTagCategory, type CustomAttribute, type SavedSearch, type Tag, type TagCategory } from './labels.ts';
import type { Arrival, Peer } from './peer.ts';
import type { ObjectRef } from './task.ts';
import type { Vm } from './vm.ts';
import { say, type Phrase } from '../base/phrase.ts';

export interface ObjectKinds {
  readonly datacenter: Datacenter;
  readonly folder: Folder;
  readonly cluster: Cluster;
  readonly host: Host;
  readonly resourcePool: ResourcePool;
  readonly vm: Vm;
  readonly datastore: Datastore;
  readonly network: Network;
  readonly tagCategory: TagCategory;
  readonly tag: Tag;
  readonly customAttribute: CustomAttribute;
  readonly savedSearch: SavedSearch;
  readonly alarmDefinition: AlarmDefinition;
  readonly triggeredAlarm: TriggeredAlarm;
  readonly peer: Peer;
  readonly arrival: Arrival;
}
export type ObjectKind = keyof ObjectKinds;
export const OBJECT_KINDS = ['datacenter', 'folder', 'cluster', 'host', 'resourcePool', 'vm', 'datastore', 'network', 'tagCategory', 'tag', 'customAttribute', 'savedSearch', 'alarmDefinition', 'triggeredAlarm', 'peer', 'arrival'] as const satisfies readonly ObjectKind[];

export const KIND_WORDS: Readonly<Record<ObjectKind, Phrase>> = {
  datacenter: say`datacenter`, folder: say`folder`, cluster: say`cluster`, host: say`host`, resourcePool: say`resource pool`, vm: say`VM`, datastore: say`datastore`, network: say`network`,
  tagCategory: say`tag category`, tag: say`tag`, customAttribute: say`custom attribute`, savedSearch: say`saved search`, alarmDefinition: say`alarm`, triggeredAlarm: say`triggered alarm`,
  peer: say`peer`, arrival: say`arrival`,
};

/** An object with its kind. */
export type InventoryObject = { [K in ObjectKind]: { readonly kind: K; readonly object: ObjectKinds[K] } }[ObjectKind];

export const nameOf = ({ kind, object }: InventoryObject): string => (kind === 'vm' ? object.spec.name : object.name);
export const refTo = (known: InventoryObject): ObjectRef => ({ kind: known.kind, id: known.object.id, name: nameOf(known) });

/** Those that bear tags, custom attributes and notes. */
export const LABELLED_KINDS = ['datacenter', 'folder', 'cluster', 'host', 'resourcePool', 'vm', 'datastore', 'network'] as const satisfies readonly ObjectKind[];
export type LabelledKind = (typeof LABELLED_KINDS)[number];

/** What `inventory.create` makes; hosts, VMs and datastores have ways of their own. */
export const NewObject = v.variant('kind', [NewDatacenter, NewFolder, NewCluster, NewResourcePool, NewNetwork, NewTagCategory, NewTag, NewCustomAttribute, NewSavedSearch]);
export type NewObject = v.InferOutput<typeof NewObject>;

/** An object by kind and id. */
export interface ObjectId { readonly kind: ObjectKind; readonly id: string }
