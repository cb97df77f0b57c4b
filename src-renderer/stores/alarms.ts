import { defineStore } from 'pinia';
import { computed } from 'vue';
import type { AlarmDefinitionId, TriggeredAlarmId } from '../../shared/base/ids.ts';
import type { AlarmPlace, AlarmSettings, TriggeredAlarm } from '../../shared/model/alarm.ts';
import type { ObjectRef } from '../../shared/model/task.ts';
import { useEngine } from '../engine/use-engine.ts';
import { compareNames } from './by-id.ts';
import { useInventory } from './inventory.ts';

type Id = Pick<ObjectRef, 'kind' | 'id'>;
const keyOf = ({ kind, id }: Id): string => `${kind} ${id}`;

export const useAlarms = defineStore('alarms', () => {
  const engine = useEngine(), inventory = useInventory();
  const definitions = computed(() => [...inventory.maps.alarmDefinition.values()].sort((a, b) => compareNames(a.name, b.name)));
  /** The worst first, then the newest. */
  const triggered = computed(() => [...inventory.maps.triggeredAlarm.values()].sort((a, b) => Number(b.level === 'critical') - Number(a.level === 'critical') || b.sinceMs - a.sinceMs));
  const byObject = computed((): ReadonlyMap<string, readonly TriggeredAlarm[]> => Map.groupBy(triggered.value, ({ object }) => keyOf(object)));

  const parentsOf = ({ kind, id }: Id): Id[] => {
    if (kind === 'root') return [];
    const object = inventory.maps[kind].get(id);
    if (object === undefined) return [];
    if ('hostId' in object) return [{ kind: 'host', id: object.hostId }, ...(object.poolId ? [{ kind: 'resourcePool', id: object.poolId } as const] : []), ...(object.folderId ? [{ kind: 'folder', id: object.folderId } as const] : [])];
    return 'parent' in object ? [object.parent] : [];
  };

  /** Whether an object is another one, or in it in any tree. */
  const isWithin = (object: Id, outer: Id): boolean => outer.kind === 'root' || keyOf(object) === keyOf(outer) || parentsOf(object).some(parent => isWithin(parent, outer));

  return {
    definitions, triggered, isWithin,
    of: (object: Id): readonly TriggeredAlarm[] => byObject.value.get(keyOf(object)) ?? [],
    create: (on: AlarmPlace, settings: AlarmSettings) => engine.call(api => api.alarms.create(on, settings)),
    change: (id: AlarmDefinitionId, settings: AlarmSettings) => engine.call(api => api.alarms.change(id, settings)),
    setEnabled: (ids: readonly AlarmDefinitionId[], enabled: boolean) => engine.call(api => api.alarms.setEnabled(ids, enabled)),
    remove: (ids: readonly AlarmDefinitionId[]) => engine.call(api => api.alarms.delete(ids)),
    acknowledge: (ids: readonly TriggeredAlarmId[]) => engine.call(api => api.alarms.acknowledge(ids)),
    reset: (ids: readonly TriggeredAlarmId[]) => engine.call(api => api.alarms.reset(ids)),
  };
});
