/** What tags, categories and attributes are, and what of them several objects have in common. */
import type { TagId } from '../../../shared/base/ids.ts';
import type { LabelChange, Labels } from '../../../shared/model/labels.ts';

export type LabelKind = 'tagCategory' | 'tag' | 'customAttribute';

/** Whether all of some objects bear a tag, some of them, or none. */
export type Borne = 'all' | 'some' | 'none';

export function borne(objects: readonly Labels[], tag: TagId): Borne {
  const bearing = objects.filter(({ tagIds }) => tagIds?.includes(tag)).length;
  return bearing === 0 ? 'none' : bearing === objects.length ? 'all' : 'some';
}

/** The value that all of some objects have; absent where they differ. */
export function common(objects: readonly Labels[], attribute: string): string | undefined {
  const values = new Set(objects.map(({ attributes }) => attributes?.[attribute] ?? ''));
  return values.size === 1 ? [...values][0] : undefined;
}

export interface LabelDraft { readonly tags: ReadonlyMap<TagId, boolean>; readonly attributes: Readonly<Record<string, string>> }

/** What of a draft differs from what the objects have; absent when nothing does. */
export function changeOf(objects: readonly Labels[], { tags, attributes }: LabelDraft): LabelChange | undefined {
  const addTags = [...tags].flatMap(([tag, wanted]) => (wanted && borne(objects, tag) !== 'all' ? [tag] : []));
  const removeTags = [...tags].flatMap(([tag, wanted]) => (!wanted && borne(objects, tag) !== 'none' ? [tag] : []));
  const values = Object.fromEntries(Object.entries(attributes).filter(([attribute, value]) => common(objects, attribute) !== value.trim()).map(([attribute, value]) => [attribute, value.trim()]));
  const hasValues = Object.keys(values).length > 0;
  if (addTags.length + removeTags.length === 0 && !hasValues) return undefined;
  return { ...(addTags.length > 0 && { addTags }), ...(removeTags.length > 0 && { removeTags }), ...(hasValues && { attributes: values }) };
}
