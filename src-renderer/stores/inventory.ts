import { defineStore } from 'pinia';
import { shallowReactive } from 'vue';
import type { Change } from '../../shared/api/engine-events.ts';
import type { LabelChange } from '../../shared/model/labels.ts';
import { OBJECT_KINDS, type NewObject, type ObjectId, type ObjectKind, type ObjectKinds } from '../../shared/model/objects.ts';
import type { Place } from '../../shared/model/place.ts';
import type { Vm } from '../../shared/model/vm.ts';
import { useEngine } from '../engine/use-engine.ts';
import { applyChanges, compareNames } from './by-id.ts';

/** Objects of each kind by their id, and the VMs in the bin. */
type Maps = { [K in ObjectKind]: ReadonlyMap<string, ObjectKinds[K]> } & { deletedVm: ReadonlyMap<string, Vm> };
const KINDS = [...OBJECT_KINDS, 'deletedVm'] as const;
const empty = (): Maps => Object.fromEntries(KINDS.map(kind => [kind, new Map()])) as unknown as Maps;

const nameIn = ({ after }: Change): string => (after === null ? '' : 'spec' in after ? after.spec.name : after.name);

/** Everything in the inventory, as the engine last told; the stores of single kinds show parts of it. */
export const useInventory = defineStore('inventory', () => {
  const engine = useEngine();
  const maps = shallowReactive(empty());

  function apply(before: Maps, changes: readonly Change[]) {
    for (const kind of KINDS) {
      const after = applyChanges(kind, before[kind], changes);
      if (after !== maps[kind]) Object.assign(maps, { [kind]: after });
    }
  }

  /** The maps are in order from the start, so that sorting one again after a change is one pass over it. */
  async function load() {
    const all = await engine.call(api => api.inventory.list());
    waiting = [];
    apply(empty(), [...all].sort((a, b) => compareNames(nameIn(a), nameIn(b))));
  }

  /** Thousands of changes a second cost one pass for each frame, not for each change. */
  let waiting: Change[] = [];
  function flush() {
    const changes = waiting;
    waiting = [];
    apply(maps, changes);
  }
  engine.on('inventory.changed', changes => {
    if (waiting.length === 0) (document.hidden ? setTimeout : requestAnimationFrame)(flush);
    waiting.push(...changes);
  });

  return {
    maps, load,
    create: (wanted: NewObject) => engine.call(api => api.inventory.create(wanted)),
    rename: (id: ObjectId, name: string) => engine.call(api => api.inventory.rename(id, name)),
    move: (ids: readonly ObjectId[], to: Place) => engine.call(api => api.inventory.move(ids, to)),
    moveProblem: (ids: readonly ObjectId[], to: Place) => engine.call(api => api.inventory.moveProblem(ids, to)),
    remove: (ids: readonly ObjectId[]) => engine.call(api => api.inventory.remove(ids)),
    label: (ids: readonly ObjectId[], change: LabelChange) => engine.call(api => api.inventory.label(ids, change)),
  };
});
