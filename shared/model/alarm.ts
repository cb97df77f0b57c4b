/** Alarms: what is to be watched, and what has been found wrong; vSphere's, with its colours of status. */
import * as v from 'valibot';
import type { AlarmDefinitionId, TriggeredAlarmId } from '../base/ids.ts';
import { isMetricOf, METERED_KINDS, METRICS, metricOf, type MeteredKind } from './metric.ts';
import { ObjectName } from './object-name.ts';
import type { ObjectRef } from './task.ts';

/** Yellow and red; without an alarm an object is green. */
export const ALARM_LEVELS = ['warning', 'critical'] as const;
export type AlarmLevel = (typeof ALARM_LEVELS)[number];
export const COLOUR_WORDS: Readonly<Record<AlarmLevel, string>> = { warning: 'Yellow', critical: 'Red' };
const Level = v.picklist(ALARM_LEVELS, 'An alarm is a warning or critical.');

export const ALARM_STATES = { 'vm.poweredOn': 'VM is powered on', 'vm.poweredOff': 'VM is powered off', 'vm.suspended': 'VM is suspended', 'host.disconnected': 'Host is not connected' } as const;
export type AlarmState = keyof typeof ALARM_STATES;

const threshold = v.optional(v.pipe(v.number('A threshold is a number.'), v.minValue(0, 'A threshold is not negative.')));
const MetricRule = v.pipe(v.object({
  kind: v.literal('metric'), metric: v.picklist(METRICS.map(({ key }) => key), 'Choose a counter.'), is: v.picklist(['above', 'below']), warning: threshold, critical: threshold,
  /** How long without a break, in seconds. */
  forS: v.pipe(v.number('A duration is a number.'), v.integer('A duration is in whole seconds.'), v.minValue(0, 'A duration is not negative.'), v.maxValue(86_400, 'A duration is a day at most.')),
}), v.forward(v.check(({ warning, critical }) => warning !== undefined || critical !== undefined, 'Enter a threshold for warning, critical or both.'), ['warning']),
v.forward(v.check(({ is, warning, critical }) => warning === undefined || critical === undefined || (is === 'above' ? critical >= warning : critical <= warning), 'The critical threshold lies beyond that for warning.'), ['critical']));
const StateRule = v.object({ kind: v.literal('state'), state: v.picklist(Object.keys(ALARM_STATES) as AlarmState[], 'Choose a state.'), level: Level });
const EventType = v.pipe(v.string(), v.trim(), v.regex(/^[a-zA-Z]+\.[a-zA-Z]+$/, 'An event is written as vm.failed.'), v.maxLength(80), v.check(type => !type.startsWith('alarm.'), 'An alarm cannot wait for an alarm.'));
const EventRule = v.object({ kind: v.literal('event'), type: EventType, level: Level });
export const AlarmRule = v.variant('kind', [MetricRule, StateRule, EventRule]);
export type AlarmRule = v.InferOutput<typeof AlarmRule>;

const at = v.picklist([...ALARM_LEVELS, 'both'], 'Choose when.');
export const AlarmAction = v.variant('kind', [
  /** Shown on the desktops of those who are connected. */
  v.object({ kind: v.literal('notify'), at }),
  /** By the shell of the engine's machine; what it is about is in its environment. */
  v.object({ kind: v.literal('command'), at, command: v.pipe(v.string(), v.trim(), v.minLength(1, 'Enter a command.'), v.maxLength(4096, 'The command is too long.')) }),
  v.object({ kind: v.literal('powerOff'), at }),
  v.object({ kind: v.literal('suspend'), at }),
]);
export type AlarmAction = v.InferOutput<typeof AlarmAction>;

/** What an operator decides of an alarm. */
export const AlarmSettings = v.pipe(v.object({
  name: ObjectName, description: v.pipe(v.string(), v.maxLength(1024, 'A description has at most 1024 characters.')),
  targetKind: v.picklist(METERED_KINDS, 'Choose what is watched.'), enabled: v.boolean(),
  /** One of them is enough. */
  rules: v.pipe(v.array(AlarmRule), v.minLength(1, 'Add a rule.'), v.maxLength(16, 'An alarm has at most 16 rules.')),
  /** Events that make it green again. */
  resetEvents: v.pipe(v.array(EventType), v.maxLength(16, 'An alarm has at most 16 reset rules.')),
  actions: v.pipe(v.array(AlarmAction), v.maxLength(8, 'An alarm has at most 8 actions.')),
  /** Notifications and commands come again while nobody has acknowledged it; once only when absent. */
  repeatMinutes: v.optional(v.pipe(v.number('Minutes are a number.'), v.integer('Minutes are a whole number.'), v.minValue(1, 'Repeat after a minute or more.'), v.maxValue(1440, 'Repeat within a day.'))),
}), v.check(({ rules, targetKind }) => rules.every(rule => rule.kind !== 'metric' || fits(rule.metric, targetKind)), 'These objects do not have this counter.'),
v.check(({ rules, targetKind }) => rules.every(rule => rule.kind !== 'state' || rule.state.startsWith(`${targetKind}.`)), 'These objects do not have this state.'),
v.check(({ actions, targetKind }) => targetKind === 'vm' || actions.every(({ kind }) => kind === 'notify' || kind === 'command'), 'Only VMs are powered off or suspended.'));
export type AlarmSettings = v.InferOutput<typeof AlarmSettings>;

function fits(key: string, kind: MeteredKind): boolean {
  const metric = metricOf(key);
  return metric !== undefined && isMetricOf(metric, kind);
}

/** What is defined on an object holds for all of the kind in it. */
export interface AlarmPlace { readonly kind: MeteredKind; readonly id: string }
export interface AlarmDefinition extends AlarmSettings { readonly id: AlarmDefinitionId; readonly on: AlarmPlace }

/** An object that is not green; kept until it is. */
export interface TriggeredAlarm {
  readonly id: TriggeredAlarmId;
  /** That of its definition. */
  readonly name: string;
  readonly definitionId: AlarmDefinitionId;
  readonly object: ObjectRef;
  readonly level: AlarmLevel;
  /** What was found, as one sentence. */
  readonly cause: string;
  readonly sinceMs: number;
  /** Stays until an event or the operator resets it, as an event brought it about. */
  readonly latched: boolean;
  readonly acknowledgedMs?: number;
}
export const triggeredId = (definition: AlarmDefinitionId, { kind, id }: Pick<ObjectRef, 'kind' | 'id'>): TriggeredAlarmId => `${definition} ${kind} ${id}` as TriggeredAlarmId;

const usage = (id: string, name: string, targetKind: MeteredKind, metric: string, [warning, critical]: readonly [number, number], forS: number): AlarmDefinition => ({
  id: `alarm-${id}` as AlarmDefinitionId, on: { kind: 'root', id: 'root' }, name, description: `Default alarm: ${name.toLocaleLowerCase('en')} above ${warning} % or ${critical} %${forS > 0 ? ` for ${forS / 60} minutes` : ''}.`, targetKind, enabled: true,
  rules: [{ kind: 'metric', metric, is: 'above', warning, critical, forS }], resetEvents: [], actions: [],
});
const special = (id: string, name: string, targetKind: MeteredKind, rule: AlarmRule, resetEvents: string[] = []): AlarmDefinition => ({
  id: `alarm-${id}` as AlarmDefinitionId, on: { kind: 'root', id: 'root' }, name, description: `Default alarm: ${name.toLocaleLowerCase('en')}.`, targetKind, enabled: true, rules: [rule], resetEvents, actions: [{ kind: 'notify', at: 'critical' }],
});

/** vSphere's. */
export const DEFAULT_ALARMS: readonly AlarmDefinition[] = [
  usage('host-cpu', 'Host CPU usage', 'host', 'cpu.usage', [75, 90], 300), usage('host-memory', 'Host memory usage', 'host', 'mem.usage', [75, 90], 300),
  usage('datastore-usage', 'Datastore usage on disk', 'datastore', 'datastore.usage', [75, 85], 0),
  usage('vm-cpu', 'Virtual machine CPU usage', 'vm', 'cpu.usage', [75, 90], 300), usage('vm-memory', 'Virtual machine memory usage', 'vm', 'mem.usage', [75, 90], 300),
  special('vm-failed', 'Virtual machine failed', 'vm', { kind: 'event', type: 'vm.failed', level: 'critical' }, ['vm.poweredOn']),
  special('vm-paused', 'Virtual machine paused, its storage is full', 'vm', { kind: 'event', type: 'vm.paused', level: 'critical' }, ['vm.wentOn', 'vm.poweredOff', 'vm.poweredOn']),
  special('host-disconnected', 'Host connection lost', 'host', { kind: 'state', state: 'host.disconnected', level: 'critical' }),
];
