/** Where objects of the inventory may stand, what is in them, and how they move. */
import { EngineError } from '../../shared/base/errors.ts';
import type { DatacenterId, FolderId, HostId, ResourcePoolId } from '../../shared/base/ids.ts';
import { say, type Phrase } from '../../shared/base/phrase.ts';
import type { Folder } from '../../shared/model/container.ts';
import { KIND_WORDS, nameOf, refTo, type InventoryObject, type ObjectId, type ObjectKind, type ObjectKinds } from '../../shared/model/objects.ts';
import { isSamePlace, type Place } from '../../shared/model/place.ts';
import { ROOT, type ObjectRef } from '../../shared/model/task.ts';
import type { Vm } from '../../shared/model/vm.ts';
import type { Edit, Objects } from '../inventory/inventory.ts';
import { checkFits, checkName } from './admission.ts';
import { checkMoved, checkPoolMoved } from './allocations.ts';
import { checkNoSystem } from './host-systems.ts';
import { checkHere } from './kept-off.ts';

/** Objects with one parent. A VM has two: its folder, and its host or resource pool. */
type Child = Exclude<ObjectKind, 'vm' | 'tagCategory' | 'tag' | 'customAttribute' | 'savedSearch' | 'alarmDefinition' | 'triggeredAlarm' | 'peer' | 'arrival'>;
const CHILDREN = ['datacenter', 'folder', 'cluster', 'host', 'resourcePool', 'datastore', 'network'] as const satisfies readonly Child[];
const isChild = (kind: ObjectKind): kind is Child => (CHILDREN as readonly ObjectKind[]).includes(kind);

/** The folders that an object may be in, but folders themselves, by their tree. */
const FOLDER_OF: Readonly<Record<Exclude<Child, 'folder' | 'resourcePool'>, Folder['tree']>> = { datacenter: 'datacenter', cluster: 'host', host: 'host', datastore: 'storage', network: 'network' };

/** The name of a place, which must be there. */
export const placeName = (objects: Objects, { kind, id }: Place): string => (kind === 'root' ? ROOT.name : nameOf(objects.known({ kind, id })));

const parentOf = (objects: Objects, { kind, id }: Place): Place | undefined => (kind === 'root' ? undefined : objects.get(kind, id).parent);

/** The place itself and all that it is in, from the inside out. */
export function* upFrom(objects: Objects, place: Place): Generator<Place> {
  for (let at: Place | undefined = place; at !== undefined; at = parentOf(objects, at)) yield at;
}

export function datacenterOf(objects: Objects, place: Place): DatacenterId {
  for (const { kind, id } of upFrom(objects, place)) if (kind === 'datacenter') return id as DatacenterId;
  throw new EngineError('wrong-place', say`${placeName(objects, place)} is in no datacenter.`);
}

/** Whether what is defined on an object holds for another: the same, or one that is in it in any tree. */
export function isDefinedFor(objects: Objects, on: Pick<ObjectRef, 'kind' | 'id'>, { kind, id }: Pick<ObjectRef, 'kind' | 'id'>): boolean {
  if (on.kind === 'root' || (on.kind === kind && on.id === id)) return true;
  const isOn = (place: Place | undefined) => place !== undefined && [...upFrom(objects, place)].some(at => at.kind === on.kind && at.id === on.id);
  if (kind !== 'vm') return kind !== 'root' && isChild(kind) && objects.find(kind, id) !== undefined && isOn(objects.get(kind, id).parent);
  const vm = objects.find('vm', id);
  return vm !== undefined && (isOn({ kind: 'host', id: vm.hostId }) || isOn(vm.poolId && { kind: 'resourcePool', id: vm.poolId }) || isOn(vm.folderId && { kind: 'folder', id: vm.folderId }));
}

const isWithin = (objects: Objects, place: Place, outer: Place): boolean => [...upFrom(objects, place)].some(at => isSamePlace(at, outer));

/** The host or cluster whose capacity a resource pool divides. */
export function poolOwner(objects: Objects, pool: ResourcePoolId): Place {
  for (const at of upFrom(objects, { kind: 'resourcePool', id: pool })) if (at.kind === 'host' || at.kind === 'cluster') return at;
  throw new EngineError('wrong-place', 'The resource pool belongs to no host.');
}

/** What the resource pools that VMs of a host may be in belong to. */
export function poolOwnerOf(objects: Objects, hostId: HostId): Place {
  const { parent } = objects.host(hostId);
  return parent.kind === 'cluster' ? parent : { kind: 'host', id: hostId };
}

function checkFolder(objects: Objects, kind: Child, object: ObjectKinds[Child], { kind: to, id }: Place): void {
  if (to !== 'folder') return;
  const { tree, name } = objects.get('folder', id), wanted = kind === 'folder' ? (object as Folder).tree : kind === 'resourcePool' ? undefined : FOLDER_OF[kind];
  if (tree !== wanted) throw new EngineError('wrong-place', IS_FOLDER_FOR[tree](name));
}
const IS_FOLDER_FOR: Readonly<Record<Folder['tree'], (name: string) => Phrase>> = {
  datacenter: name => say`${name} is a folder for datacenters.`, host: name => say`${name} is a folder for hosts and clusters.`, vm: name => say`${name} is a folder for VMs.`,
  storage: name => say`${name} is a folder for datastores.`, network: name => say`${name} is a folder for networks.`,
};
const CANNOT_BE_IN: Readonly<Record<Folder['tree'], (name: string) => Phrase>> = {
  datacenter: name => say`A folder for datacenters cannot be in ${name}.`, host: name => say`A folder for hosts and clusters cannot be in ${name}.`, vm: name => say`A folder for VMs cannot be in ${name}.`,
  storage: name => say`A folder for datastores cannot be in ${name}.`, network: name => say`A folder for networks cannot be in ${name}.`,
};

const PARENTS: Readonly<Record<Child, readonly Place['kind'][]>> = {
  datacenter: ['root', 'folder'], folder: ['root', 'datacenter', 'folder'], cluster: ['datacenter', 'folder'], host: ['datacenter', 'folder', 'cluster'], resourcePool: ['host', 'cluster', 'resourcePool'],
  datastore: ['datacenter', 'folder'], network: ['datacenter', 'folder'],
};

/** Throws, with the reason, when the object cannot be at a place; it need not be in the inventory yet. */
export function checkPlace(objects: Objects, kind: Child, object: ObjectKinds[Child], to: Place): void {
  const name = placeName(objects, to);
  if (!PARENTS[kind].includes(to.kind)) throw new EngineError('wrong-place', say`A ${KIND_WORDS[kind]} cannot be in ${name}.`);
  checkFolder(objects, kind, object, to);
  if (kind === 'folder' && to.kind !== 'folder' && ((object as Folder).tree === 'datacenter') !== (to.kind === 'root')) throw new EngineError('wrong-place', CANNOT_BE_IN[(object as Folder).tree](name));
  if (kind === 'resourcePool' && to.kind === 'host' && objects.get('host', to.id).parent.kind === 'cluster') throw new EngineError('wrong-place', say`${name} is in a cluster; its resource pools are the cluster's.`);
  if ((kind === 'folder' || kind === 'resourcePool') && isWithin(objects, to, { kind, id: object.id })) throw new EngineError('wrong-place', say`${object.name} cannot be in itself.`);
  checkSiblings(objects, { kind, object } as InventoryObject, to);
}

/** Names tell objects with one parent apart for people, who do not see case. */
function checkSiblings(objects: Objects, known: InventoryObject, to: Place): void {
  const { kind, object } = known, name = nameOf(known).toLocaleLowerCase('en');
  if (!isChild(kind)) return;
  const same = objects.all(kind).find(other => other.id !== object.id && isSamePlace(other.parent, to) && other.name.toLocaleLowerCase('en') === name);
  if (same !== undefined) throw new EngineError('name-taken', say`There already is a ${KIND_WORDS[kind]} named ${same.name} in ${placeName(objects, to)}.`);
}

/** Tags, attributes and searches are told apart among their kind, tags within their category. */
function checkLabelName(objects: Objects, { kind, object }: InventoryObject): void {
  if (kind !== 'tagCategory' && kind !== 'tag' && kind !== 'customAttribute' && kind !== 'savedSearch') return;
  const category = (other: object) => ('categoryId' in other ? other.categoryId : undefined), name = object.name.toLocaleLowerCase('en');
  const same = objects.all(kind).find(other => other.id !== object.id && category(other) === category(object) && other.name.toLocaleLowerCase('en') === name);
  if (same !== undefined) throw new EngineError('name-taken', say`There already is a ${KIND_WORDS[kind]} named ${same.name}.`);
}

/** Throws when the name of an object is taken where it is. */
export function checkFreeName(objects: Objects, known: InventoryObject): void {
  if (known.kind === 'vm') checkName(known.object.spec.name, objects.vms, known.object);
  else if (isChild(known.kind)) checkSiblings(objects, known, (known.object as ObjectKinds[Child]).parent);
  else checkLabelName(objects, known);
}

/** What is directly in a place. VMs in the bin count where they would come back to. */
export function* childrenOf(objects: Objects, place: Place): Generator<InventoryObject> {
  for (const kind of CHILDREN) for (const object of objects.all(kind)) if (isSamePlace(object.parent, place)) yield { kind, object } as InventoryObject;
  for (const object of objects.allVms) if ((place.kind === 'host' && object.hostId === place.id) || object.folderId === place.id || object.poolId === place.id) yield { kind: 'vm', object };
}

export function checkEmpty(objects: Objects, place: Place): void {
  for (const child of childrenOf(objects, place)) {
    const name = placeName(objects, place), isInBin = child.kind === 'vm' && child.object.deletedMs !== undefined;
    throw new EngineError('not-empty', isInBin ? say`${name} is not empty: ${nameOf(child)} is in it, in the bin.` : say`${name} is not empty: ${nameOf(child)} is in it.`);
  }
}

/** Moves an object to another place in its tree. */
export function moveTo(edit: Edit, id: ObjectId, to: Place): void {
  const known = edit.known(id), { kind, object } = known;
  if (kind === 'vm') { moveVm(edit, object, to); return; }
  if (!isChild(kind)) throw new EngineError('wrong-place', say`A ${KIND_WORDS[kind]} is in no tree.`);
  const child = object as ObjectKinds[Child];
  if (isSamePlace(child.parent, to)) return;
  checkPlace(edit, kind, child, to);
  if (kind !== 'datacenter' && kind !== 'resourcePool' && !(kind === 'folder' && (child as Folder).tree === 'datacenter') && datacenterOf(edit, child.parent) !== datacenterOf(edit, to)) throw new EngineError('wrong-place', say`${child.name} cannot leave its datacenter.`);
  if (kind === 'resourcePool' && !isSamePlace(poolOwner(edit, child.id as ResourcePoolId), ownerOfPlace(edit, to))) throw new EngineError('wrong-place', say`${child.name} cannot leave ${placeName(edit, poolOwner(edit, child.id as ResourcePoolId))}.`);
  if (kind === 'host') checkHostMove(edit, child.id as HostId, to);
  if (kind === 'resourcePool') checkPoolMoved(edit, child as ObjectKinds['resourcePool'], to);
  edit.put(kind, { ...child, parent: to });
  edit.event({ severity: 'info', type: `${kind}.moved`, message: say`${child.name} was moved to ${placeName(edit, to)}.`, target: refTo(known) });
}

const ownerOfPlace = (objects: Objects, place: Place): Place => (place.kind === 'resourcePool' ? poolOwner(objects, place.id as ResourcePoolId) : place);

/** Into a cluster or out of it goes a host whose VMs are in no resource pool, as the pools stay. */
function checkHostMove(edit: Edit, id: HostId, to: Place): void {
  const { name, parent } = edit.host(id);
  if (parent.kind !== 'cluster' && to.kind !== 'cluster') return;
  const inPool = edit.allVms.find(vm => vm.hostId === id && vm.poolId !== undefined);
  if (inPool !== undefined) throw new EngineError('in-pool', say`${name} cannot be moved: ${inPool.spec.name} is in a resource pool that stays.`);
  const pool = edit.all('resourcePool').find(each => isSamePlace(each.parent, { kind: 'host', id }));
  if (pool !== undefined) throw new EngineError('in-pool', say`${name} cannot be moved: it has the resource pool ${pool.name}.`);
}

function moveVm(edit: Edit, vm: Vm, to: Place): void {
  checkHere(vm);
  const { folderId: _f, poolId: _p, ...rest } = vm, { folderId, poolId } = vm, folder = folderId && { folderId }, pool = poolId && { poolId };
  const put = (moved: Vm) => {
    edit.put('vm', moved);
    edit.event({ severity: 'info', type: 'vm.moved', message: say`${vm.spec.name} was moved to ${placeName(edit, to)}.`, target: { kind: 'vm', id: vm.id, name: vm.spec.name } });
  };
  const here = { kind: 'host', id: vm.hostId } as const;
  if (to.kind === 'folder') {
    const { tree, name } = edit.get('folder', to.id);
    if (tree !== 'vm') throw new EngineError('wrong-place', IS_FOLDER_FOR[tree](name));
  }
  if (to.kind === 'folder' || to.kind === 'datacenter') {
    if (datacenterOf(edit, to) !== datacenterOf(edit, here)) throw new EngineError('wrong-place', say`${vm.spec.name} runs in another datacenter than ${placeName(edit, to)}.`);
    put({ ...rest, ...pool, ...(to.kind === 'folder' && { folderId: to.id as FolderId }) });
  } else if (to.kind === 'resourcePool') {
    if (!isSamePlace(poolOwner(edit, to.id as ResourcePoolId), poolOwnerOf(edit, vm.hostId))) throw new EngineError('wrong-place', say`${placeName(edit, to)} is not a resource pool of the host of ${vm.spec.name}.`);
    const moved = { ...rest, ...folder, poolId: to.id as ResourcePoolId };
    checkMoved(edit, vm, moved);
    put(moved);
  } else if (to.kind === 'host') {
    if (to.id === vm.hostId) {
      checkMoved(edit, vm, { ...rest, ...folder });
      put({ ...rest, ...folder });
      return;
    }
    if (vm.powerState !== 'poweredOff') throw new EngineError('wrong-state', say`${vm.spec.name} must be powered off to be moved to another host.`);
    checkNoSystem(vm, edit);
    const host = edit.host(to.id as HostId);
    checkFits(vm.spec, host);
    const sameCentre = datacenterOf(edit, here) === datacenterOf(edit, to);
    put({ ...rest, hostId: host.id, ...(sameCentre && folder) });
  } else {
    throw new EngineError('wrong-place', say`A VM cannot be in ${placeName(edit, to)}; choose a host.`);
  }
}

export const isPlaceKind = (kind: ObjectKind): kind is Exclude<Place['kind'], 'root'> => kind in CONTAINERS;
const CONTAINERS: Readonly<Record<Exclude<Place['kind'], 'root'>, true>> = { datacenter: true, folder: true, cluster: true, host: true, resourcePool: true };
