/** What is shown of an object's alarms beside its name. */
import { computed, type ComputedRef } from 'vue';
import type { AlarmLevel } from '../../../shared/model/alarm.ts';
import type { ObjectRef } from '../../../shared/model/task.ts';
import { t } from '../../i18n/i18n.ts';
import { useAlarms } from '../../stores/alarms.ts';
import { alarmTitle } from '../engine-texts.ts';

export interface Badge { readonly level: AlarmLevel; readonly icon: 'warning-standard' | 'error-standard'; readonly status: 'warning' | 'danger'; readonly text: string }

/** Absent while the object is green. */
export function useAlarmBadge(object: () => Pick<ObjectRef, 'kind' | 'id'>): ComputedRef<Badge | undefined> {
  const alarms = useAlarms();
  return computed(() => {
    const [worst, ...others] = alarms.of(object());
    if (worst === undefined) return undefined;
    const names = [worst, ...others].map(({ name }) => alarmTitle(name)).join(', ');
    return worst.level === 'critical' ? { level: 'critical', icon: 'error-standard', status: 'danger', text: t`Red alarm: ${names}` } : { level: 'warning', icon: 'warning-standard', status: 'warning', text: t`Yellow alarm: ${names}` };
  });
}
