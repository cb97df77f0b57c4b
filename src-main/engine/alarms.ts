/**
 * Watches objects by what is defined: figures as they are measured, states as they change, events as they come. Time is
 * that of the samples. What is found is kept in the inventory, with an event for each change of colour.
 */
import { EngineError } from '../../shared/base/errors.ts';
import type { TriggeredAlarmId } from '../../shared/base/ids.ts';
import { besides, english, nested, say, type Phrase, type Said } from '../../shared/base/phrase.ts';
import { alarmName, COLOUR_WORDS, triggeredId, type AlarmDefinition, type AlarmLevel, type AlarmRule, type AlarmState, type TriggeredAlarm } from '../../shared/model/alarm.ts';
import type { InventoryEvent } from '../../shared/model/event.ts';
import { meteredKey, METRIC_GROUP_WORDS, metricOf, type MeteredId, type MeteredKind } from '../../shared/model/metric.ts';
import { refTo, type InventoryObject } from '../../shared/model/objects.ts';
import type { Change } from '../../shared/api/engine-events.ts';
import { ROOT, type ObjectRef } from '../../shared/model/task.ts';
import type { Edit } from '../inventory/inventory.ts';
import { AlarmActions } from './alarm-actions.ts';
import type { Engine } from './engine.ts';
import type { Sampled } from './performance.ts';
import { isDefinedFor } from './tree.ts';

type MetricRule = Extract<AlarmRule, { kind: 'metric' }>;
interface Found { readonly level: AlarmLevel; readonly cause: Said; readonly latched: boolean }
/** Since when a rule's thresholds are passed without a break, and when it was last looked at. */
interface Passed { warningMs: number | undefined; criticalMs: number | undefined; seenMs: number }

/** Figures that have not come for so long are none. */
const STALE_MS = 150_000;
const worst = (found: readonly (Found | undefined)[]): Found | undefined => found.find(each => each?.level === 'critical') ?? found.find(each => each !== undefined);
const round = (value: number): number => Number(value.toPrecision(3));

export class Alarms {
  private readonly engine: Pick<Engine, 'inventory' | 'performance'>;
  private readonly actions: AlarmActions;
  private readonly passed = new Map<string, Passed>();
  private nowMs = 0;

  constructor(engine: Pick<Engine, 'inventory' | 'performance' | 'tasks' | 'power' | 'notifications'>) {
    this.engine = engine;
    this.actions = new AlarmActions(engine);
    engine.performance.sampled.on(({ atMs, all }) => this.measured(atMs, all));
    engine.inventory.changed.on(changes => this.changed(changes));
    engine.inventory.eventAdded.on(event => this.happened(event));
    for (const definition of engine.inventory.all('alarmDefinition')) this.lookAtAll(definition);
  }

  acknowledge(edit: Edit, id: TriggeredAlarmId): void {
    const alarm = edit.get('triggeredAlarm', id);
    if (alarm.acknowledgedMs !== undefined) throw new EngineError('wrong-state', say`${alarmName(alarm.name)} on ${alarm.object.name} was acknowledged already.`);
    edit.put('triggeredAlarm', { ...alarm, acknowledgedMs: Date.now() });
    edit.event({ severity: 'info', type: 'alarm.acknowledged', message: say`The alarm ${alarmName(alarm.name)} on ${alarm.object.name} was acknowledged.`, target: alarm.object });
  }

  /** What is still wrong triggers it again. */
  reset(edit: Edit, id: TriggeredAlarmId): void {
    const alarm = edit.get('triggeredAlarm', id);
    clear(edit, alarm, say`it was reset.`);
    for (const key of this.passed.keys()) if (key.startsWith(`${alarm.definitionId} `) && key.includes(` ${meteredKey(alarm.object)} `)) this.passed.delete(key);
  }

  /** Waits until what was found is recorded; for tests. */
  async settled(): Promise<void> { await this.engine.inventory.transact(() => undefined); }

  private get definitions(): AlarmDefinition[] { return this.engine.inventory.all('alarmDefinition').filter(({ enabled }) => enabled); }

  private measured(atMs: number, all: readonly Sampled[]): void {
    this.nowMs = atMs;
    const byKind = Map.groupBy(this.definitions.filter(({ rules }) => rules.some(({ kind }) => kind === 'metric')), ({ targetKind }) => targetKind);
    for (const { object, values } of all) for (const definition of byKind.get(object.kind) ?? []) {
      if (!this.concerns(definition, object)) continue;
      definition.rules.forEach((rule, n) => { if (rule.kind === 'metric') this.pass(`${definition.id} ${meteredKey(object)} ${n}`, rule, values[rule.metric], atMs); });
      this.look(definition, object);
    }
    for (const [key, { seenMs }] of this.passed) if (seenMs < atMs - STALE_MS) this.passed.delete(key);
    for (const alarm of this.engine.inventory.all('triggeredAlarm')) this.tend(alarm, atMs);
  }

  /** What no figures come for any more is green again; what nobody has acknowledged is told again. */
  private tend(alarm: TriggeredAlarm, atMs: number): void {
    const definition = this.engine.inventory.find('alarmDefinition', alarm.definitionId);
    if (definition?.enabled) this.actions.repeat(definition, alarm, atMs);
    const latest = this.engine.performance.latest(alarm.object as MeteredId);
    if (definition && !alarm.latched && definition.rules.some(({ kind }) => kind === 'metric') && atMs - (latest?.atMs ?? alarm.sinceMs) > STALE_MS) this.look(definition, alarm.object as MeteredId);
  }

  private pass(key: string, { is, warning, critical }: MetricRule, value: number | undefined, atMs: number): void {
    if (value === undefined) return;
    const known = this.passed.get(key) ?? { warningMs: undefined, criticalMs: undefined, seenMs: atMs }, beyond = (limit: number | undefined) => limit !== undefined && (is === 'above' ? value > limit : value < limit);
    this.passed.set(key, { warningMs: beyond(warning) ? known.warningMs ?? atMs : undefined, criticalMs: beyond(critical) ? known.criticalMs ?? atMs : undefined, seenMs: atMs });
  }

  private changed(changes: readonly Change[]): void {
    for (const { kind, id, after } of changes) {
      if (kind === 'alarmDefinition') this.definitionChanged(id, after);
      else if (kind !== 'triggeredAlarm' && kind !== 'deletedVm' && after === null) this.forget({ kind: kind as MeteredKind, id });
      else if (kind === 'vm' || kind === 'host') for (const definition of this.definitions) if (definition.targetKind === kind && definition.rules.some(rule => rule.kind === 'state')) this.look(definition, { kind, id });
    }
  }

  private definitionChanged(id: string, after: AlarmDefinition | null): void {
    for (const key of this.passed.keys()) if (key.startsWith(`${id} `)) this.passed.delete(key);
    if (after?.enabled) this.lookAtAll(after);
    else this.engine.inventory.eventually(edit => { for (const alarm of edit.all('triggeredAlarm')) if (alarm.definitionId === id) clear(edit, alarm, after ? say`the alarm was disabled.` : say`the alarm was deleted.`); });
  }

  private lookAtAll(definition: AlarmDefinition): void {
    const { inventory } = this.engine, { targetKind } = definition;
    if (!definition.enabled || !definition.rules.some(({ kind }) => kind === 'state') || (targetKind !== 'vm' && targetKind !== 'host')) return;
    for (const { id } of targetKind === 'vm' ? inventory.vms : inventory.hosts) this.look(definition, { kind: targetKind, id });
  }

  /** What is gone has no alarms, and no definitions on it. */
  private forget({ kind, id }: MeteredId): void {
    const { inventory } = this.engine, is = (object: { readonly kind: string; readonly id: string }) => object.kind === kind && object.id === id;
    if (!inventory.all('triggeredAlarm').some(({ object }) => is(object)) && !inventory.all('alarmDefinition').some(({ on }) => is(on))) return;
    inventory.eventually(edit => {
      for (const alarm of edit.all('triggeredAlarm')) if (is(alarm.object)) edit.remove({ kind: 'triggeredAlarm', id: alarm.id });
      for (const definition of edit.all('alarmDefinition')) if (is(definition.on)) edit.remove({ kind: 'alarmDefinition', id: definition.id });
    });
  }

  private happened({ type, message, phrase, target, atMs }: InventoryEvent): void {
    if (type.startsWith('alarm.')) return;
    for (const definition of this.definitions) {
      if (definition.targetKind !== target.kind || !this.concerns(definition, target as MeteredId)) continue;
      const rule = worst(definition.rules.map(each => (each.kind === 'event' && each.type === type ? { level: each.level, cause: phrase ?? message, latched: true } : undefined)));
      if (rule) void this.record(definition, target as MeteredId, rule, atMs);
      else if (definition.resetEvents.includes(type)) this.engine.inventory.eventually(edit => { const alarm = edit.find('triggeredAlarm', triggeredId(definition.id, target)); if (alarm) clear(edit, alarm, phrase ?? message); });
    }
  }

  private concerns(definition: AlarmDefinition, object: MeteredId): boolean { return isDefinedFor(this.engine.inventory, definition.on, object); }

  /** What the figures and the state of an object come to. */
  private look(definition: AlarmDefinition, object: MeteredId): void {
    const before = this.engine.inventory.find('triggeredAlarm', triggeredId(definition.id, object));
    const found = this.concerns(definition, object) ? worst(definition.rules.map((rule, n) => this.judge(rule, object, `${definition.id} ${meteredKey(object)} ${n}`))) : undefined;
    if (found?.level !== before?.level && !(found === undefined && before?.latched)) void this.record(definition, object, found, this.nowMs || Date.now());
  }

  private judge(rule: AlarmRule, object: MeteredId, key: string): Found | undefined {
    if (rule.kind === 'event') return undefined;
    if (rule.kind === 'state') return this.isInState(rule.state, object.id) ? { level: rule.level, cause: STATE_CAUSES[rule.state], latched: false } : undefined;
    const passed = this.passed.get(key), lasted = (sinceMs: number | undefined) => sinceMs !== undefined && this.nowMs - sinceMs >= rule.forS * 1000;
    const level = lasted(passed?.criticalMs) ? 'critical' : lasted(passed?.warningMs) ? 'warning' : undefined;
    return level && { level, cause: this.causeOf(rule, level, object), latched: false };
  }

  private causeOf({ metric, is, forS, ...limits }: MetricRule, level: AlarmLevel, object: MeteredId): Phrase {
    const { name = metric, unit = 'number', group } = metricOf(metric) ?? {}, behind = unit === 'number' ? '' : ` ${unit}`, inGroup = group === undefined ? '' : METRIC_GROUP_WORDS[group];
    const value = `${round(this.engine.performance.latest(object)?.values[metric] ?? 0)}${behind}`, limit = `${limits[level] ?? 0}${behind}`;
    if (forS > 0) return is === 'above' ? say`${name} (${inGroup}) is ${value}, above ${limit} for ${forS} seconds.` : say`${name} (${inGroup}) is ${value}, below ${limit} for ${forS} seconds.`;
    return is === 'above' ? say`${name} (${inGroup}) is ${value}, above ${limit}.` : say`${name} (${inGroup}) is ${value}, below ${limit}.`;
  }

  private isInState(state: AlarmState, id: string): boolean {
    const { inventory } = this.engine, vm = inventory.find('vm', id);
    if (state === 'host.disconnected') return inventory.find('host', id)?.connected === false;
    if (state === 'host.notResponding') return inventory.find('host', id)?.health === 'notResponding';
    if (state === 'vm.fellBack') return vm?.deletedMs === undefined && vm?.boot?.fellBack !== undefined;
    return vm !== undefined && vm.deletedMs === undefined && `vm.${vm.powerState}` === state;
  }

  /** A disk that refuses must not stop the engine: it is tried again with the next sample. */
  private record(definition: AlarmDefinition, object: MeteredId, found: Found | undefined, atMs: number): Promise<void> {
    return this.engine.inventory.transact((edit): TriggeredAlarm | undefined => {
      const id = triggeredId(definition.id, object), before = edit.find('triggeredAlarm', id), ref = refOfMetered(edit, object);
      if (ref === undefined || edit.find('alarmDefinition', definition.id)?.enabled !== true || before?.level === found?.level) return undefined;
      if (found === undefined) { if (before) clear(edit, before, say`it is as it should be again.`); return undefined; }
      const { level, cause, latched } = found, causePhrase = besides(cause), alarm: TriggeredAlarm = { id, name: definition.name, definitionId: definition.id, object: ref, level, cause: english(cause), ...(causePhrase && { causePhrase }), latched, sinceMs: atMs };
      edit.put('triggeredAlarm', alarm);
      edit.event({ severity: level === 'critical' ? 'error' : 'warning', type: 'alarm.triggered', message: say`The alarm ${alarmName(definition.name)} on ${ref.name} changed from ${before ? COLOUR_WORDS[before.level] : GREEN} to ${COLOUR_WORDS[level]}: ${nested(cause)}`, target: ref });
      return alarm;
    }).then(alarm => { if (alarm) this.actions.begin(definition, alarm, atMs); }, () => undefined);
  }
}

const GREEN = say`Green`;
const STATE_CAUSES: Readonly<Record<AlarmState, Phrase>> = { 'vm.poweredOn': say`It is powered on.`, 'vm.poweredOff': say`It is powered off.`, 'vm.suspended': say`It is suspended.`, 'vm.fellBack': say`It does not boot from the bank that was chosen.`, 'host.disconnected': say`It is not connected.`, 'host.notResponding': say`Its own system is not running.` };

function clear(edit: Edit, { id, name, object, level }: TriggeredAlarm, why: Said): void {
  edit.remove({ kind: 'triggeredAlarm', id });
  edit.event({ severity: 'info', type: 'alarm.cleared', message: say`The alarm ${alarmName(name)} on ${object.name} changed from ${COLOUR_WORDS[level]} to ${GREEN}: ${nested(why)}`, target: object });
}

function refOfMetered(edit: Edit, { kind, id }: MeteredId): ObjectRef | undefined {
  if (kind === 'root') return ROOT;
  const object = edit.find(kind, id);
  return object === undefined || ('deletedMs' in object && object.deletedMs !== undefined) ? undefined : refTo({ kind, object } as InventoryObject);
}
