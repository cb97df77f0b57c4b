/** Pure steps from one snapshot of a collection to the next, shared by the stores. */
import type { Change } from '../../shared/api/engine-events.ts';
import { perLocale } from '../i18n/i18n.ts';

type After<K extends Change['kind']> = NonNullable<Extract<Change, { readonly kind: K }>['after']>;

/** The map after the changes that are of this kind; the same map when none is. */
export function applyChanges<K extends Change['kind']>(kind: K, before: ReadonlyMap<string, After<K>>, changes: readonly Change[]): ReadonlyMap<string, After<K>> {
  const own = changes.filter(change => change.kind === kind);
  if (own.length === 0) return before;
  const next = new Map(before);
  for (const { id, after } of own) {
    if (after === null) next.delete(id);
    else next.set(id, after as After<K>);
  }
  return next;
}

export const mapById = <T extends { readonly id: string }>(rows: readonly T[]): ReadonlyMap<string, T> => new Map(rows.map(row => [row.id, row]));

const collator = perLocale(locale => new Intl.Collator(locale, { numeric: true, sensitivity: 'base' }));

/** Orders names as a person does: `vm2` before `vm10`. */
export const compareNames = (a: string, b: string): number => collator().compare(a, b);

/** The objects in the order that they were in before; absent when there are others, or one might have to be elsewhere. */
export function inOrder<T extends { readonly id: string }>(now: ReadonlyMap<string, T>, before: readonly T[], stays: (a: T, b: T) => boolean): readonly T[] | undefined {
  if (before.length !== now.size) return undefined;
  const ordered: T[] = [];
  for (const old of before) {
    const object = now.get(old.id);
    if (object === undefined || (object !== old && !stays(old, object))) return undefined;
    ordered.push(object);
  }
  return ordered;
}
