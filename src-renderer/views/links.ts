import type { ObjectRef } from '../../shared/model/task.ts';

/** The route of an object's page. */
export const linkTo = ({ kind, id }: Pick<ObjectRef, 'kind' | 'id'>): string => `/${kind}/${encodeURIComponent(id)}/summary`;
