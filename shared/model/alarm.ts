/** Alarms: what is to be watched, and what has been found wrong; vSphere's, with its colours of status. */
import * as v from 'valibot';
import type { AlarmDefinitionId, TriggeredAlarmId } from '../base/ids.ts';
import { english, fixed, say, type Phrase, type Value } from '../base/phrase.ts';
import { isMetricOf, METERED_KINDS, METRICS, metricOf, type MeteredKind } from './metric.ts';
import { ObjectName } from './object-name.ts';
import type { ObjectRef } from './task.ts';

/** Yellow and red; without an alarm an object is green. */
export const ALARM_LEVELS = ['warning', 'critical'] as const;
export type AlarmLevel = (typeof ALARM_LEVELS)[number];
export const COLOUR_WORDS: Readonly<Record<AlarmLevel, Phrase>> = { warning: say`Yellow`, critical: say`Red` };
const Level = v.picklist(ALARM_LEVELS, fixed(say`An alarm is a warning or critical.`));

export const ALARM_STATES = { 'vm.poweredOn': say`VM is powered on`, 'vm.poweredOff': say`VM is powered off`, 'vm.suspended': say`VM is suspended`, 'vm.fellBack': say`VM fell back to another boot bank`, 'host.disconnected': say`Host is not connected`, 'host.notResponding': say`Host does not respond` } as const;
export type AlarmState = keyof typeof ALARM_STATES;

const threshold = v.optional(v.pipe(v.number(fixed(say`A threshold is a number.`)), v.minValue(0, fixed(say`A threshold is not negative.`))));
const MetricRule = v.pipe(v.object({
  kind: v.literal('metric'), metric: v.picklist(METRICS.map(({ key }) => key), fixed(say`Choose a counter.`)), is: v.picklist(['above', 'below']), warning: threshold, critical: threshold,
  /** How long without a break, in seconds. */
  forS: v.pipe(v.number(fixed(say`A duration is a number.`)), v.integer(fixed(say`A duration is in whole seconds.`)), v.minValue(0, fixed(say`A duration is not negative.`)), v.maxValue(86_400, fixed(say`A duration is a day at most.`))),
}), v.forward(v.check(({ warning, critical }) => warning !== undefined || critical !== undefined, fixed(say`Enter a threshold for warning, critical or both.`)), ['warning']),
v.forward(v.check(({ is, warning, critical }) => warning === undefined || critical === undefined || (is === 'above' ? critical >= warning : critical <= warning), fixed(say`The critical threshold lies beyond that for warning.`)), ['critical']));
const StateRule = v.object({ kind: v.literal('state'), state: v.picklist(Object.keys(ALARM_STATES) as AlarmState[], fixed(say`Choose a state.`)), level: Level });
const EventType = v.pipe(v.string(), v.trim(), v.regex(/^[a-zA-Z]+\.[a-zA-Z]+$/, fixed(say`An event is written as vm.failed.`)), v.maxLength(80), v.check(type => !type.startsWith('alarm.'), fixed(say`An alarm cannot wait for an alarm.`)));
const EventRule = v.object({ kind: v.literal('event'), type: EventType, level: Level });
export const AlarmRule = v.variant('kind', [MetricRule, StateRule, EventRule]);
export type AlarmRule = v.InferOutput<typeof AlarmRule>;

const at = v.picklist([...ALARM_LEVELS, 'both'], fixed(say`Choose when.`));
export const AlarmAction = v.variant('kind', [
  /** Shown on the desktops of those who are connected. */
  v.object({ kind: v.literal('notify'), at }),
  /** By the shell of the engine's machine; what it is about is in its environment. */
  v.object({ kind: v.literal('command'), at, command: v.pipe(v.string(), v.trim(), v.minLength(1, fixed(say`Enter a command.`)), v.maxLength(4096, fixed(say`The command is too long.`))) }),
  v.object({ kind: v.literal('powerOff'), at }),
  v.object({ kind: v.literal('suspend'), at }),
]);
export type AlarmAction = v.InferOutput<typeof AlarmAction>;

/** What an operator decides of an alarm. */
export const AlarmSettings = v.pipe(v.object({
  name: ObjectName, description: v.pipe(v.string(), v.maxLength(1024, fixed(say`A description has at most 1024 characters.`))),
  targetKind: v.picklist(METERED_KINDS, fixed(say`Choose what is watched.`)), enabled: v.boolean(),
  /** One of them is enough. */
  rules: v.pipe(v.array(AlarmRule), v.minLength(1, fixed(say`Add a rule.`)), v.maxLength(16, fixed(say`An alarm has at most 16 rules.`))),
  /** Events that make it green again. */
  resetEvents: v.pipe(v.array(EventType), v.maxLength(16, fixed(say`An alarm has at most 16 reset rules.`))),
  actions: v.pipe(v.array(AlarmAction), v.maxLength(8, fixed(say`An alarm has at most 8 actions.`))),
  /** Notifications and commands come again while nobody has acknowledged it; once only when absent. */
  repeatMinutes: v.optional(v.pipe(v.number(fixed(say`Minutes are a number.`)), v.integer(fixed(say`Minutes are a whole number.`)), v.minValue(1, fixed(say`Repeat after a minute or more.`)), v.maxValue(1440, fixed(say`Repeat within a day.`)))),
}), v.check(({ rules, targetKind }) => rules.every(rule => rule.kind !== 'metric' || fits(rule.metric, targetKind)), fixed(say`These objects do not have this counter.`)),
v.check(({ rules, targetKind }) => rules.every(rule => rule.kind !== 'state' || rule.state.startsWith(`${targetKind}.`)), fixed(say`These objects do not have this state.`)),
v.check(({ actions, targetKind }) => targetKind === 'vm' || actions.every(({ kind }) => kind === 'notify' || kind === 'command'), fixed(say`Only VMs are powered off or suspended.`)));
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
  /** What was found, as one sentence, in English, with a phrase where it has gaps. */
  readonly cause: string;
  readonly causePhrase?: Phrase;
  readonly sinceMs: number;
  /** Stays until an event or the operator resets it, as an event brought it about. */
  readonly latched: boolean;
  readonly acknowledgedMs?: number;
}
export const triggeredId = (definition: AlarmDefinitionId, { kind, id }: Pick<ObjectRef, 'kind' | 'id'>): TriggeredAlarmId => `${definition} ${kind} ${id}` as TriggeredAlarmId;

/** A default alarm's name is looked up where it is shown, as long as it keeps it. */
const DEFAULT_NAMES = new Map<string, Phrase>();
export const alarmName = (name: string): Value => DEFAULT_NAMES.get(name) ?? name;

const standard = (id: string, [name, description]: readonly [Phrase, Phrase], rest: Pick<AlarmDefinition, 'targetKind' | 'rules' | 'resetEvents' | 'actions'>): AlarmDefinition => {
  DEFAULT_NAMES.set(english(name), name);
  return { id: `alarm-${id}` as AlarmDefinitionId, on: { kind: 'root', id: 'root' }, name: english(name), description: fixed(description), enabled: true, ...rest };
};
const usage = (id: string, texts: readonly [Phrase, Phrase], targetKind: MeteredKind, metric: string, [warning, critical]: readonly [number, number], forS: number): AlarmDefinition =>
  standard(id, texts, { targetKind, rules: [{ kind: 'metric', metric, is: 'above', warning, critical, forS }], resetEvents: [], actions: [] });
const special = (id: string, texts: readonly [Phrase, Phrase], targetKind: MeteredKind, rule: AlarmRule, resetEvents: string[] = []): AlarmDefinition =>
  standard(id, texts, { targetKind, rules: [rule], resetEvents, actions: [{ kind: 'notify', at: 'critical' }] });

/** vSphere's. */
export const DEFAULT_ALARMS: readonly AlarmDefinition[] = [
  usage('host-cpu', [say`Host CPU usage`, say`Default alarm: host cpu usage above 75 % or 90 % for 5 minutes.`], 'host', 'cpu.usage', [75, 90], 300),
  usage('host-memory', [say`Host memory usage`, say`Default alarm: host memory usage above 75 % or 90 % for 5 minutes.`], 'host', 'mem.usage', [75, 90], 300),
  usage('datastore-usage', [say`Datastore usage on disk`, say`Default alarm: datastore usage on disk above 75 % or 85 %.`], 'datastore', 'datastore.usage', [75, 85], 0),
  usage('vm-cpu', [say`Virtual machine CPU usage`, say`Default alarm: virtual machine cpu usage above 75 % or 90 % for 5 minutes.`], 'vm', 'cpu.usage', [75, 90], 300),
  usage('vm-memory', [say`Virtual machine memory usage`, say`Default alarm: virtual machine memory usage above 75 % or 90 % for 5 minutes.`], 'vm', 'mem.usage', [75, 90], 300),
  special('vm-failed', [say`Virtual machine failed`, say`Default alarm: virtual machine failed.`], 'vm', { kind: 'event', type: 'vm.failed', level: 'critical' }, ['vm.poweredOn']),
  special('vm-paused', [say`Virtual machine paused, its storage is full`, say`Default alarm: virtual machine paused, its storage is full.`], 'vm', { kind: 'event', type: 'vm.paused', level: 'critical' }, ['vm.wentOn', 'vm.poweredOff', 'vm.poweredOn']),
  special('vm-fell-back', [say`Virtual machine fell back to another boot bank`, say`Default alarm: virtual machine fell back to another boot bank.`], 'vm', { kind: 'state', state: 'vm.fellBack', level: 'critical' }),
  special('host-disconnected', [say`Host connection lost`, say`Default alarm: host connection lost.`], 'host', { kind: 'state', state: 'host.disconnected', level: 'critical' }),
  special('host-not-responding', [say`Host does not respond`, say`Default alarm: host does not respond, as its own system is not running.`], 'host', { kind: 'state', state: 'host.notResponding', level: 'critical' }),
];
