/** What the wizard of an alarm has been told so far, and what is wrong with it; numbers stay as typed until they are checked. */
import * as v from 'valibot';
import { say, type Phrase } from '../../../shared/base/phrase.ts';
import { ALARM_STATES, AlarmSettings, COLOUR_WORDS, type AlarmAction, type AlarmLevel, type AlarmRule, type AlarmState } from '../../../shared/model/alarm.ts';
import { isMetricOf, METERED_KINDS, metricOf, METRICS, type MeteredKind, type Metric } from '../../../shared/model/metric.ts';
import { t, translate } from '../../i18n/i18n.ts';
import { formatMetric, metricTitle } from '../monitor/metric-format.ts';

export interface RuleDraft { readonly key: number; kind: AlarmRule['kind']; metric: string; is: 'above' | 'below'; warning: string; critical: string; forMinutes: string; state: AlarmState; type: string; level: AlarmLevel }
export interface ActionDraft { readonly key: number; kind: AlarmAction['kind']; at: AlarmAction['at']; command: string }
export interface AlarmDraft {
  name: string; description: string; targetKind: MeteredKind; enabled: boolean;
  rules: RuleDraft[]; resetEvents: { readonly key: number; type: string }[]; actions: ActionDraft[]; repeatMinutes: string;
}

let keys = 0;
export const firstMetric = (kind: MeteredKind): string => METRICS.find(metric => isMetricOf(metric, kind) && (metric.unit === '%' || kind === 'folder' || kind === 'resourcePool'))?.key ?? 'cpu.mips';
export const newRule = (kind: MeteredKind): RuleDraft =>
  ({ key: keys++, kind: 'metric', metric: firstMetric(kind), is: 'above', warning: '75', critical: '90', forMinutes: '5', state: kind === 'host' ? 'host.disconnected' : 'vm.poweredOff', type: '', level: 'critical' });
export const newAction = (): ActionDraft => ({ key: keys++, kind: 'notify', at: 'critical', command: '' });
export const newReset = (type = '') => ({ key: keys++, type });

/** Kinds of what can be in an object of a kind, with itself. */
const BELOW: Readonly<Record<MeteredKind, readonly MeteredKind[]>> = {
  vm: ['vm'], datastore: ['datastore'], host: ['host', 'resourcePool', 'vm'], resourcePool: ['resourcePool', 'vm'], cluster: ['cluster', 'host', 'resourcePool', 'vm'], folder: METERED_KINDS.filter(kind => kind !== 'root'),
  datacenter: METERED_KINDS.filter(kind => kind !== 'root'), root: METERED_KINDS,
};
export const targetsOn = (on: MeteredKind): readonly MeteredKind[] => BELOW[on];
export const metricsFor = (kind: MeteredKind): readonly Metric[] => METRICS.filter(metric => isMetricOf(metric, kind));
export const statesFor = (kind: MeteredKind): readonly AlarmState[] => (Object.keys(ALARM_STATES) as AlarmState[]).filter(state => state.startsWith(`${kind}.`));

export const newDraft = (on: MeteredKind): AlarmDraft => {
  const targetKind = on === 'datastore' || on === 'resourcePool' || on === 'host' || on === 'cluster' ? on : 'vm';
  return { name: '', description: '', targetKind, enabled: true, rules: [newRule(targetKind)], resetEvents: [], actions: [newAction()], repeatMinutes: '' };
};

const text = (value: number | undefined): string => (value === undefined ? '' : String(value));
export const draftOf = ({ rules, actions, resetEvents, repeatMinutes, ...rest }: AlarmSettings): AlarmDraft => ({
  name: rest.name, description: rest.description, targetKind: rest.targetKind, enabled: rest.enabled,
  rules: rules.map(rule => ({
    ...newRule(rest.targetKind), ...(rule.kind === 'metric' ? { ...rule, warning: text(rule.warning), critical: text(rule.critical), forMinutes: text(rule.forS / 60) } : rule),
  })),
  resetEvents: resetEvents.map(newReset), actions: actions.map(action => ({ ...newAction(), ...action })), repeatMinutes: text(repeatMinutes),
});

/** What is not a number is none, of which the schema says so. */
const typed = (value: string): number | undefined => (value.trim() === '' ? undefined : Number(value));
const ruleOf = ({ kind, metric, is, warning, critical, forMinutes, state, type, level }: RuleDraft): unknown => {
  if (kind === 'state') return { kind, state, level };
  return kind === 'event' ? { kind, type, level } : { kind, metric, is, warning: typed(warning), critical: typed(critical), forS: Math.round((typed(forMinutes) ?? 0) * 60) };
};
/** What is asked for, as typed; only without problems is it an `AlarmSettings`. */
export const settingsOf = ({ rules, actions, resetEvents, repeatMinutes, ...rest }: AlarmDraft): AlarmSettings => ({
  ...rest, rules: rules.map(ruleOf), resetEvents: resetEvents.map(({ type }) => type),
  actions: actions.map(({ kind, at, command }) => (kind === 'command' ? { kind, at, command } : { kind, at })), repeatMinutes: typed(repeatMinutes),
}) as AlarmSettings;

export const STEPS = [{ id: 'name', title: say`Name and Targets` }, { id: 'rules', title: say`Alarm Rules` }, { id: 'reset', title: say`Reset Rules` }, { id: 'review', title: say`Review` }] as const;
export type StepId = (typeof STEPS)[number]['id'];
export const stepOf = (field: string): StepId => (/^(name|description|targetKind)/.test(field) ? 'name' : field.startsWith('resetEvents') ? 'reset' : 'rules');

/** What is wrong, by the path of the field in `AlarmSettings`; what concerns several fields is at `rules`. */
export function problemsOf(draft: AlarmDraft, takenNames: readonly string[]): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const issue of v.safeParse(AlarmSettings, settingsOf(draft)).issues ?? []) { const field = v.getDotPath(issue) ?? 'rules'; if (!found.has(field)) found.set(field, translate(issue.message)); }
  if (takenNames.some(name => name.toLocaleLowerCase('en') === draft.name.trim().toLocaleLowerCase('en'))) found.set('name', t`There already is an alarm named ${draft.name.trim()} here.`);
  return found;
}

const LIMITS = { warning: { above: (limit: string) => t`Yellow above ${limit}`, below: (limit: string) => t`Yellow below ${limit}` }, critical: { above: (limit: string) => t`Red above ${limit}`, below: (limit: string) => t`Red below ${limit}` } } as const;

/** A rule in words. */
export function describeRule(rule: AlarmRule): string {
  if (rule.kind === 'state') return `${translate(ALARM_STATES[rule.state])}: ${translate(COLOUR_WORDS[rule.level])}`;
  if (rule.kind === 'event') return t`Event ${rule.type}: ${COLOUR_WORDS[rule.level]}`;
  const metric = metricOf(rule.metric), format = formatMetric(metric?.unit ?? 'number');
  const title = metric ? metricTitle(metric) : rule.metric, limits = (['warning', 'critical'] as const).flatMap(level => (rule[level] === undefined ? [] : [LIMITS[level][rule.is](format(rule[level]))])).join(', ');
  return rule.forS > 0 ? t`${title} ${limits} for ${rule.forS % 60 === 0 ? `${rule.forS / 60} min` : `${rule.forS} s`}` : `${title} ${limits}`;
}

const ACTION_WORDS: Readonly<Record<AlarmAction['kind'], Phrase>> = { notify: say`Notify`, command: say`Run a command`, powerOff: say`Power off the VM`, suspend: say`Suspend the VM` };
export const actionName = (kind: AlarmAction['kind']): string => translate(ACTION_WORDS[kind]);
export const AT_WORDS: Readonly<Record<AlarmAction['at'], Phrase>> = { warning: say`when it becomes yellow`, critical: say`when it becomes red`, both: say`when it becomes yellow or red` };
