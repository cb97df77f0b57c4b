import * as v from 'valibot';
import type { EngineApi } from '../../shared/api/engine-api.ts';
import { EngineError } from '../../shared/base/errors.ts';
import type { AlarmDefinitionId, TriggeredAlarmId } from '../../shared/base/ids.ts';
import { fixed, say, type Said, type Value } from '../../shared/base/phrase.ts';
import { alarmName, AlarmSettings, type AlarmDefinition, type AlarmPlace } from '../../shared/model/alarm.ts';
import { MeteredId } from '../../shared/model/metric.ts';
import { ROOT, type ObjectRef } from '../../shared/model/task.ts';
import type { Edit, Objects } from '../inventory/inventory.ts';
import { checked, idOf } from './checked.ts';
import type { Engine } from './engine.ts';
import { newId } from './new-id.ts';

const Definitions = v.pipe(v.array(idOf<AlarmDefinitionId>(say`The alarm`)), v.minLength(1, fixed(say`Choose an alarm.`)), v.maxLength(1000, fixed(say`These are too many alarms.`)));
const Triggered = v.pipe(v.array(v.pipe(v.string(), v.maxLength(200), v.transform(text => text as TriggeredAlarmId))), v.minLength(1, fixed(say`Choose an alarm.`)), v.maxLength(10_000, fixed(say`These are too many alarms.`)));

/** What is wrong with the wish is said at once, not by a task. */
export function alarmMethods({ inventory, tasks, alarms }: Pick<Engine, 'inventory' | 'tasks' | 'alarms'>): EngineApi['alarms'] {
  const task = (name: Said, target: ObjectRef, change: (edit: Edit) => void) => {
    inventory.rehearse(change);
    return tasks.run(name, target, () => inventory.transact(change));
  };
  const placeOf = (ids: readonly AlarmDefinitionId[]) => refOf(inventory, inventory.get('alarmDefinition', ids[0] ?? '').on);
  const objectOf = (ids: readonly TriggeredAlarmId[]) => (ids.length === 1 ? inventory.get('triggeredAlarm', ids[0] ?? '').object : ROOT);
  const put = (edit: Edit, definition: AlarmDefinition, what: keyof typeof CHANGED) => {
    checkName(edit, definition);
    edit.put('alarmDefinition', definition);
    edit.event({ severity: 'info', type: `alarmDefinition.${what}`, message: CHANGED[what](alarmName(definition.name)), target: refOf(edit, definition.on) });
  };
  return {
    create: checked([MeteredId, AlarmSettings], (on, settings) => {
      const id = newId<AlarmDefinitionId>('alarm');
      return task(say`Create alarm`, refOf(inventory, on), edit => put(edit, { ...settings, id, on }, 'created'));
    }),
    change: checked([idOf<AlarmDefinitionId>(say`The alarm`), AlarmSettings], (id, settings) => task(say`Edit alarm`, placeOf([id]), edit => put(edit, { ...settings, id, on: edit.get('alarmDefinition', id).on }, 'changed'))),
    setEnabled: checked([Definitions, v.boolean()], (ids, enabled) => task(enabled ? say`Enable alarm` : say`Disable alarm`, placeOf(ids), edit => { for (const id of ids) put(edit, { ...edit.get('alarmDefinition', id), enabled }, enabled ? 'enabled' : 'disabled'); })),
    delete: checked([Definitions], ids => task(say`Delete alarm`, placeOf(ids), edit => {
      for (const id of ids) {
        const { name, on } = edit.get('alarmDefinition', id);
        edit.remove({ kind: 'alarmDefinition', id });
        edit.event({ severity: 'info', type: 'alarmDefinition.deleted', message: say`The alarm ${alarmName(name)} was deleted.`, target: refOf(edit, on) });
      }
    })),
    acknowledge: checked([Triggered], ids => task(say`Acknowledge alarm`, objectOf(ids), edit => { for (const id of ids) alarms.acknowledge(edit, id); })),
    reset: checked([Triggered], ids => task(say`Reset alarm to green`, objectOf(ids), edit => { for (const id of ids) alarms.reset(edit, id); })),
  };
}

const CHANGED = {
  created: (name: Value) => say`The alarm ${name} was created.`, changed: (name: Value) => say`The alarm ${name} was changed.`,
  enabled: (name: Value) => say`The alarm ${name} was enabled.`, disabled: (name: Value) => say`The alarm ${name} was disabled.`,
} as const;

const refOf = (objects: Objects, { kind, id }: AlarmPlace): ObjectRef => (kind === 'root' ? ROOT : objects.ref({ kind, id }));

function checkName(edit: Edit, { id, name, on }: AlarmDefinition): void {
  const same = edit.all('alarmDefinition').find(other => other.id !== id && other.on.id === on.id && other.name.toLocaleLowerCase('en') === name.toLocaleLowerCase('en'));
  if (same) throw new EngineError('name-taken', say`There already is an alarm named ${alarmName(same.name)} here.`);
}
