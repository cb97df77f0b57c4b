import type { ObjectRef } from '../../shared/model/task.ts';

/** An object's page, without the tab; also what it is called among the nodes of a tree. */
export const pathOf = ({ kind, id }: { readonly kind: string; readonly id: string }): string => `/${kind}/${encodeURIComponent(id)}`;

/** The kind and id that a path is made of. */
export function idOf(path: string): { readonly kind: string; readonly id: string } {
  const [, kind = '', id = ''] = path.split('/').map(decodeURIComponent);
  return { kind, id };
}

const LABELS: Partial<Record<ObjectRef['kind'], string>> = { tag: '/labels/labels/tags', tagCategory: '/labels/labels/categories', customAttribute: '/labels/labels/attributes', savedSearch: '/search' };

/** The route of an object's page, or of the page that lists what has none. */
export const linkTo = (object: Pick<ObjectRef, 'kind' | 'id'>): string => LABELS[object.kind] ?? `${pathOf(object)}/summary`;
