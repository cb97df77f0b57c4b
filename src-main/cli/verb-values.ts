/** What was typed for a command's parameters, as the engine is to get it: names become ids. */
import { readFileSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import type { Change } from '../../shared/api/engine-events.ts';
import type { ParameterKind } from '../../shared/api/verbs.ts';
import { EngineError } from '../../shared/base/errors.ts';
import { english } from '../../shared/base/phrase.ts';
import { KIND_WORDS, OBJECT_KINDS, type ObjectKind } from '../../shared/model/objects.ts';
import { ROOT } from '../../shared/model/task.ts';
import type { Vm } from '../../shared/model/vm.ts';

interface Known { readonly kind: ObjectKind; readonly id: string }
/** What is known while a command's values are read, in the order of its parameters. */
export interface Reading { readonly objects: readonly Change[]; vm?: Vm | undefined }

const PLACES: readonly ObjectKind[] = ['datacenter', 'folder', 'cluster', 'host', 'resourcePool'];
const isObjectKind = (text: string): text is ObjectKind => (OBJECT_KINDS as readonly string[]).includes(text);
const nameIn = ({ after }: Change): string => (after === null ? '' : 'spec' in after ? after.spec.name : after.name);
const same = (a: string, b: string): boolean => a.toLocaleLowerCase('en') === b.toLocaleLowerCase('en');

export function valueOf(kind: ParameterKind, given: string | readonly string[] | boolean, reading: Reading): unknown {
  if (typeof kind === 'object') return oneOf(kind, String(given));
  if (kind === 'flag') return given === true;
  if (kind === 'objects') return (given as readonly string[]).map(text => anyObject(text, reading));
  const text = String(given);
  switch (kind) {
    case 'text': case 'task': return text;
    case 'number': return numberIn(text);
    case 'json': return jsonIn(text);
    case 'object': return anyObject(text, reading);
    case 'place': return text === ROOT.kind ? { kind: ROOT.kind, id: ROOT.id } : anyObject(text, reading, PLACES);
    case 'snapshot': return snapshotIn(text, reading);
    case 'deletedVm': return found(reading, text, ['deletedVm']);
    default: return remembered(reading, found(reading, text, [kind]));
  }
}

function oneOf(words: readonly string[], text: string): string {
  if (!words.includes(text)) throw new InvalidArgumentError(`"${text}" is none of ${words.join(', ')}.`);
  return text;
}

function numberIn(text: string): number {
  const number = Number(text);
  if (text.trim() === '' || !Number.isFinite(number)) throw new InvalidArgumentError(`"${text}" is not a number.`);
  return number;
}

/** The JSON itself, `@FILE`, or `-` for what is on stdin. */
function jsonIn(text: string): unknown {
  try { return JSON.parse(text === '-' ? readFileSync(0, 'utf8') : text.startsWith('@') ? readFileSync(text.slice(1), 'utf8') : text); } catch (error) {
    throw new InvalidArgumentError(`This is not JSON: ${error instanceof Error ? error.message : String(error)}.`);
  }
}

function anyObject(text: string, reading: Reading, kinds: readonly ObjectKind[] = OBJECT_KINDS): Known {
  const [first = '', ...rest] = text.split(':');
  if (rest.length > 0 && isObjectKind(first)) return found(reading, rest.join(':'), kinds.includes(first) ? [first] : []);
  return found(reading, text, kinds);
}

/** By id, or by a name that is one object's only. */
function found({ objects }: Reading, text: string, kinds: readonly (ObjectKind | 'deletedVm')[]): Known {
  const candidates = objects.filter(({ kind }) => kinds.includes(kind)), byId = candidates.find(({ id }) => id === text), [byName, ...others] = candidates.filter(change => same(nameIn(change), text));
  if (byId === undefined && others.length > 0) throw new EngineError('ambiguous', `Several objects are named ${text}: ${[byName, ...others].map(change => `${change?.kind}:${change?.id}`).join(', ')}. Give an id.`);
  const { kind, id } = byId ?? byName ?? missing(text, kinds);
  return { kind: kind === 'deletedVm' ? 'vm' : kind, id };
}

function missing(text: string, kinds: readonly (ObjectKind | 'deletedVm')[]): never {
  const [kind] = kinds;
  throw new EngineError('not-found', `There is no ${kinds.length === 1 && kind !== undefined ? (kind === 'deletedVm' ? 'deleted VM' : english(KIND_WORDS[kind])) : 'such object:'} ${text}.`);
}

function remembered(reading: Reading, known: Known): Known {
  const change = reading.objects.find(({ kind, id }) => kind === 'vm' && id === known.id);
  if (known.kind === 'vm' && change?.kind === 'vm') reading.vm = change.after ?? undefined;
  return known;
}

function snapshotIn(text: string, { vm }: Reading): string {
  const all = vm?.snapshots ?? [], byId = all.find(({ id }) => id === text), [byName, ...others] = all.filter(({ name }) => same(name, text)), snapshot = byId ?? byName;
  if (snapshot === undefined) throw new EngineError('not-found', `${vm?.spec.name ?? 'The VM'} has no snapshot ${text}.`);
  if (byId === undefined && others.length > 0) throw new EngineError('ambiguous', `Several snapshots are named ${text}: give an id.`);
  return snapshot.id;
}
