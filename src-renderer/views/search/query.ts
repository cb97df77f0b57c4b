/**
 * The search's small language: words are looked for in names, guests, notes, tags and attributes; `key:value` asks one
 * thing, quotes keep words together, a minus in front turns a term round. All terms must hold.
 */
import { english, say, type Phrase } from '../../../shared/base/phrase.ts';
import { nameOf, type InventoryObject, type LabelledKind, type ObjectKind } from '../../../shared/model/objects.ts';
import type { GuestSource } from '../../../shared/model/vm.ts';
import { POWER_STATES } from '../../components/format.ts';
import { t } from '../../i18n/i18n.ts';

export type Found = Extract<InventoryObject, { readonly kind: LabelledKind }>;
export interface Term { readonly key?: string; readonly value: string; readonly not: boolean }

/** What objects refer to, by name. */
export interface Names {
  tags(object: Found): readonly string[];
  /** All that it is in, by whatever tree. */
  places(object: Found): readonly { readonly kind: ObjectKind; readonly name: string }[];
  attributes(object: Found): ReadonlyMap<string, string>;
  readonly attributeNames: readonly string[];
}

/** Its words are the same in every language. */
export const KEYS: Readonly<Record<string, Phrase>> = {
  name: say`its name`, type: say`vm, template, host, cluster, datacenter, folder, pool, datastore or network`, state: say`on, off, suspended, connected or disconnected`, tag: say`one of its tags`,
  host: say`the host it runs on`, in: say`anything that it is in`, os: say`its guest, or a file of its guest`, notes: say`its notes`,
};

const TERM = /(-?)(?:([^\s:"]+):)?(?:"([^"]*)"?|(\S+))/g;

export function parseQuery(text: string): readonly Term[] {
  return [...text.matchAll(TERM)].map(([, minus, key, quoted, word]): Term => ({ ...(key !== undefined && { key: key.toLowerCase() }), value: (quoted ?? word ?? '').toLowerCase(), not: minus === '-' })).filter(({ value }) => value !== '');
}

/** What is wrong with a query; absent when nothing is. */
export function queryProblem(terms: readonly Term[], { attributeNames }: Names): string | undefined {
  const unknown = terms.find(({ key }) => key !== undefined && !(key in KEYS) && !attributeNames.some(name => sameKey(name, key)));
  return unknown && t`The search knows no "${unknown.key ?? ''}:"; it knows ${Object.keys(KEYS).join(':, ')}: and the names of custom attributes.`;
}
/** Names of attributes are written without spaces. */
const sameKey = (name: string, key: string): boolean => name.toLowerCase().replaceAll(' ', '') === key;

const GUEST_WORDS: Readonly<Record<GuestSource['kind'], string>> = { uefi: 'uefi', diagnostics: 'diagnostics', linux: 'linux', binary: 'binary', firmware: 'firmware uefi' };
const guestText = (known: Found): string => (known.kind === 'vm' ? [GUEST_WORDS[known.object.spec.guest.kind], ...Object.values<unknown>(known.object.spec.guest).filter(value => typeof value === 'string')].join('\n').toLowerCase() : '');

function typeOf(known: Found): readonly string[] {
  if (known.kind === 'vm') return known.object.template ? ['template'] : ['vm'];
  return known.kind === 'resourcePool' ? ['pool', 'resourcepool'] : [known.kind];
}

function stateOf(known: Found): string {
  if (known.kind === 'vm') return known.object.template ? '' : english(POWER_STATES[known.object.powerState]).toLowerCase();
  return known.kind === 'host' ? (known.object.connected ? 'connected' : 'disconnected') : '';
}
const isState = (state: string, value: string): boolean => state !== '' && (state === value || state.split(' ').at(-1) === value || state.replaceAll(' ', '') === value);

const some = (values: readonly string[], value: string): boolean => values.some(each => each.toLowerCase().includes(value));

const BY_KEY: Readonly<Record<string, (known: Found, value: string, names: Names) => boolean>> = {
  name: (known, value) => nameOf(known).toLowerCase().includes(value),
  type: (known, value) => typeOf(known).includes(value),
  state: (known, value) => isState(stateOf(known), value),
  tag: (known, value, names) => some(names.tags(known), value),
  host: (known, value, names) => some(names.places(known).filter(({ kind }) => kind === 'host').map(({ name }) => name), value),
  in: (known, value, names) => some(names.places(known).map(({ name }) => name), value),
  os: (known, value) => guestText(known).includes(value),
  notes: (known, value) => (known.object.notes ?? '').toLowerCase().includes(value),
};

/** Searches; what an object says is put together when it is first looked at, so that the next letter is cheap. */
export function searcher(names: Names): (terms: readonly Term[], all: Iterable<Found>) => readonly Found[] {
  const texts = new WeakMap<object, string>();
  const textOf = (known: Found): string => {
    let text = texts.get(known.object);
    if (text === undefined) texts.set(known.object, text = [nameOf(known), guestText(known), known.object.notes ?? '', ...names.tags(known), ...names.attributes(known).values(), known.kind === 'host' ? known.object.model : ''].join('\n').toLowerCase());
    return text;
  };
  const holds = (known: Found, { key, value }: Term): boolean => {
    if (key === undefined) return textOf(known).includes(value);
    const own = BY_KEY[key];
    return own ? own(known, value, names) : [...names.attributes(known)].some(([name, set]) => sameKey(name, key) && set.toLowerCase().includes(value));
  };
  return (terms, all) => {
    if (terms.length === 0) return [];
    const words = terms.filter(({ key, not }) => key === undefined && !not).map(({ value }) => value), found: { rank: number; known: Found }[] = [];
    for (const known of all) if (terms.every(term => holds(known, term) !== term.not)) found.push({ rank: rankOf(nameOf(known).toLowerCase(), words), known });
    return found.sort((a, b) => a.rank - b.rank).map(({ known }) => known);
  };
}

/** Names that begin with the words come first, then names with them, then all else. */
const rankOf = (name: string, words: readonly string[]): number => (words.every(word => name.startsWith(word)) ? 0 : words.every(word => name.includes(word)) ? 1 : 2);
