/** The trees of objects: making, renaming, moving and removing them, and what is attached to them. */
import * as v from 'valibot';
import type { EngineApi } from '../../shared/api/engine-api.ts';
import { EngineError } from '../../shared/base/errors.ts';
import type { TagId } from '../../shared/base/ids.ts';
import { fixed, say, type Said } from '../../shared/base/phrase.ts';
import { LabelChange, type Labels } from '../../shared/model/labels.ts';
import { KIND_WORDS, LABELLED_KINDS, nameOf, NewObject, OBJECT_KINDS, refTo, type InventoryObject, type LabelledKind, type ObjectId, type ObjectKind, type ObjectKinds } from '../../shared/model/objects.ts';
import { ObjectName } from '../../shared/model/object-name.ts';
import { ROOT, type ObjectRef } from '../../shared/model/task.ts';
import type { Edit, Inventory } from '../inventory/inventory.ts';
import { checkPool } from './allocations.ts';
import { checked } from './checked.ts';
import type { Engine } from './engine.ts';
import { newId } from './new-id.ts';
import { checkEmpty, checkFreeName, checkPlace, childrenOf, isPlaceKind, moveTo, placeName } from './tree.ts';

type Context = Pick<Engine, 'inventory' | 'tasks'>;

/** Alarms have methods of their own. */
const KINDS = OBJECT_KINDS.filter(kind => kind !== 'alarmDefinition' && kind !== 'triggeredAlarm' && kind !== 'peer' && kind !== 'arrival');
const Id = v.object({ kind: v.picklist(KINDS, fixed(say`There is no such kind of object.`)), id: v.pipe(v.string(), v.maxLength(64)) });
const Ids = v.pipe(v.array(Id), v.minLength(1, fixed(say`Choose an object.`)), v.maxLength(50_000, fixed(say`These are too many objects.`)));
const Target = v.object({ kind: v.picklist(['root', 'datacenter', 'folder', 'cluster', 'host', 'resourcePool'], fixed(say`Nothing can be moved there.`)), id: v.pipe(v.string(), v.maxLength(64)) });

export function inventoryMethods({ inventory, tasks }: Context): EngineApi['inventory'] {
  /** What is wrong with the wish is said at once, not by a task. */
  const task = (name: Said, target: ObjectRef, change: (edit: Edit, made: (result: ObjectRef) => void) => void) => {
    inventory.rehearse(edit => change(edit, () => undefined));
    return tasks.run(name, target, ({ made }) => inventory.transact(edit => change(edit, made)));
  };
  const each = (ids: readonly ObjectId[], change: (edit: Edit, id: ObjectId) => void) => (edit: Edit) => { for (const id of ids) change(edit, id); };
  return {
    list: () => Promise.resolve(inventory.contents),
    create: checked([NewObject], wanted => task(say`Create ${KIND_WORDS[wanted.kind]}`, parentRef(inventory, wanted), (edit, made) => create(edit, wanted, made))),
    rename: checked([Id, ObjectName], (id, name) => task(say`Rename ${KIND_WORDS[id.kind]}`, inventory.ref(id), edit => rename(edit, id, name))),
    move: checked([Ids, Target], (ids, to) => task(say`Move`, theOne(inventory, ids), each(ids, (edit, id) => moveTo(edit, id, to)))),
    moveProblem: checked([Ids, Target], (ids, to) => {
      try { inventory.rehearse(each(ids, (edit, id) => moveTo(edit, id, to))); } catch (error) {
        if (error instanceof EngineError) return error.said;
        throw error;
      }
      return null;
    }),
    remove: checked([Ids], ids => task(say`Remove`, theOne(inventory, ids), each(ids, removeObject))),
    label: checked([Ids, LabelChange], (ids, change) => task(say`Edit tags and attributes`, theOne(inventory, ids), each(ids, (edit, id) => label(edit, id, change)))),
  };
}

/** What a task about several objects is shown with. */
const theOne = (inventory: Inventory, ids: readonly ObjectId[]): ObjectRef => (ids.length === 1 ? inventory.ref(ids[0] as ObjectId) : ROOT);

function parentRef(inventory: Inventory, wanted: NewObject): ObjectRef {
  if (!('parent' in wanted)) return ROOT;
  const { kind, id } = wanted.parent;
  return kind === 'root' ? ROOT : inventory.ref({ kind, id });
}

function create(edit: Edit, wanted: NewObject, made: (result: ObjectRef) => void): void {
  const { kind, ...rest } = wanted, known = { kind, object: { id: newId(kind), ...rest } } as unknown as InventoryObject;
  if (known.kind === 'tag') edit.get('tagCategory', known.object.categoryId);
  if ('parent' in wanted) checkPlace(edit, wanted.kind, known.object as never, wanted.parent);
  else checkFreeName(edit, known);
  if (known.kind === 'resourcePool') checkPool(edit, known.object);
  edit.put(known.kind, known.object);
  made(refTo(known));
  const { name } = wanted, message = 'parent' in wanted ? say`The ${KIND_WORDS[kind]} ${name} was created in ${placeName(edit, wanted.parent)}.` : say`The ${KIND_WORDS[kind]} ${name} was created.`;
  edit.event({ severity: 'info', type: `${kind}.created`, message, target: refTo(known) });
}

function rename(edit: Edit, id: ObjectId, name: string): void {
  const before = edit.known(id), after = renamed(before, name);
  if (nameOf(before) === name) return;
  checkFreeName(edit, after);
  edit.put(after.kind, after.object);
  edit.event({ severity: 'info', type: `${id.kind}.renamed`, message: say`${nameOf(before)} was renamed to ${name}.`, target: refTo(after) });
}

function renamed({ kind, object }: InventoryObject, name: string): InventoryObject {
  return { kind, object: kind === 'vm' ? { ...object, spec: { ...object.spec, name } } : { ...object, name } } as InventoryObject;
}

export function removeObject(edit: Edit, id: ObjectId): void {
  const known = edit.known(id), { kind } = id;
  if (kind === 'vm') throw new EngineError('wrong-kind', 'VMs are deleted to the bin, not removed.');
  if (known.kind === 'resourcePool') for (const child of [...childrenOf(edit, { kind: 'resourcePool', id: id.id })]) moveUp(edit, child, known.object);
  else if (isPlaceKind(kind)) checkEmpty(edit, { kind, id: id.id });
  if (known.kind === 'datastore') checkDatastore(edit, known.object);
  if (known.kind === 'tagCategory' && edit.all('tag').some(tag => tag.categoryId === id.id)) throw new EngineError('not-empty', say`${known.object.name} still has tags.`);
  if (known.kind === 'tag' || known.kind === 'customAttribute') forgetLabel(edit, known);
  edit.remove(id);
  edit.event({ severity: 'info', type: `${kind}.removed`, message: say`The ${KIND_WORDS[kind]} ${nameOf(known)} was removed.`, target: refTo(known) });
}

function checkDatastore(edit: Edit, { id, name, path }: ObjectKinds['datastore']): void {
  if (path === '') throw new EngineError('in-use', say`${name} is in the engine’s own data folder, and stays.`);
  const vm = edit.allVms.find(({ datastoreId }) => datastoreId === id);
  if (vm !== undefined) throw new EngineError('not-empty', vm.deletedMs === undefined ? say`${name} is not empty: ${vm.spec.name} is on it.` : say`${name} is not empty: ${vm.spec.name} is on it, in the bin.`);
}

function moveUp(edit: Edit, child: InventoryObject, pool: ObjectKinds['resourcePool']): void {
  if (child.kind === 'resourcePool') {
    checkPlace(edit, 'resourcePool', child.object, pool.parent);
    edit.put('resourcePool', { ...child.object, parent: pool.parent });
    return;
  }
  if (child.kind !== 'vm') return;
  const { poolId: _, ...vm } = child.object;
  edit.put('vm', { ...vm, ...(pool.parent.kind === 'resourcePool' && { poolId: pool.parent.id as NonNullable<typeof child.object.poolId> }) });
}

/** Takes a tag, or a value of an attribute, from everything that bears it. */
function forgetLabel(edit: Edit, { kind, object: { id } }: InventoryObject): void {
  for (const labelled of LABELLED_KINDS) {
    for (const object of edit.all(labelled)) {
      if (kind === 'tag' && object.tagIds?.includes(id as TagId)) edit.put(labelled, { ...object, tagIds: object.tagIds.filter(tag => tag !== id) });
      if (kind === 'customAttribute' && object.attributes?.[id] !== undefined) edit.put(labelled, { ...object, attributes: withoutKey(object.attributes, id) });
    }
  }
}

const withoutKey = (record: Readonly<Record<string, string>>, key: string): Record<string, string> => Object.fromEntries(Object.entries(record).filter(([each]) => each !== key));
const isLabelled = (kind: ObjectKind): kind is LabelledKind => (LABELLED_KINDS as readonly ObjectKind[]).includes(kind);

function label(edit: Edit, id: ObjectId, change: LabelChange): void {
  const { kind, object } = edit.known(id);
  if (!isLabelled(kind)) throw new EngineError('wrong-kind', say`A ${KIND_WORDS[kind]} bears no tags.`);
  edit.put(kind, { ...object, ...labelsAfter(edit, object as Labels, change) } as never);
}

function labelsAfter(edit: Edit, { tagIds = [], attributes = {}, notes }: Labels, change: LabelChange): Labels {
  const values = { ...attributes, ...change.attributes };
  for (const attribute of Object.keys(change.attributes ?? {})) edit.get('customAttribute', attribute);
  return {
    tagIds: tagsAfter(edit, tagIds, change),
    attributes: Object.fromEntries(Object.entries(values).filter(([, value]) => value !== '')),
    notes: change.notes ?? notes ?? '',
  };
}

/** A tag of a category that allows one only takes the place of the one that is there. */
function tagsAfter(edit: Edit, before: readonly TagId[], { addTags = [], removeTags = [] }: LabelChange): TagId[] {
  let tags = before.filter(tag => !removeTags.includes(tag));
  for (const added of addTags) {
    const { categoryId } = edit.get('tag', added), { single } = edit.get('tagCategory', categoryId);
    tags = [...tags.filter(tag => tag !== added && !(single && edit.find('tag', tag)?.categoryId === categoryId)), added];
  }
  return tags;
}
