import type { ObjectRef } from '../../shared/model/task.ts';

/** An object's page, without the tab; also what it is called among the nodes of a tree. */
export const pathOf = ({ kind, id }: { readonly kind: string; readonly id: string }): string => `/${kind}/${encodeURIComponent(id)}`;

/** The kind and id that a path is made of. */
export function idOf(path: string): { readonly kind: string; readonly id: string } {
  const [, kind = '', id = ''] = path.split('/').map(decodeURIComponent);
  return { kind, id };
}

/** The route of an object's page. */
export const linkTo = (object: Pick<ObjectRef, 'kind' | 'id'>): string => `${pathOf(object)}/summary`;
