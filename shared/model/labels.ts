/** What an operator attaches to objects: tags, values of custom attributes, notes. */
import * as v from 'valibot';
import type { CustomAttributeId, SavedSearchId, TagCategoryId, TagId } from '../base/ids.ts';
import { fixed, say } from '../base/phrase.ts';
import { ObjectName } from './object-name.ts';

export interface Labels {
  readonly tagIds?: readonly TagId[];
  /** By the id of the custom attribute. */
  readonly attributes?: Readonly<Record<string, string>>;
  readonly notes?: string;
}

/** A category of tags: an object bears one of its tags at most, or any number. */
export interface TagCategory { readonly id: TagCategoryId; readonly name: string; readonly description?: string; readonly single: boolean }
export const TAG_COLOURS = ['grey', 'blue', 'green', 'yellow', 'orange', 'red', 'purple'] as const;
export type TagColour = (typeof TAG_COLOURS)[number];
export interface Tag { readonly id: TagId; readonly name: string; readonly description?: string; readonly categoryId: TagCategoryId; readonly colour: TagColour }
export interface CustomAttribute { readonly id: CustomAttributeId; readonly name: string }
/** What was typed into the search, under a name. */
export interface SavedSearch { readonly id: SavedSearchId; readonly name: string; readonly query: string }

export const Notes = v.pipe(v.string(fixed(say`Notes are text.`)), v.maxLength(16_384, fixed(say`Notes have at most 16,384 characters.`)));
const description = v.optional(v.pipe(v.string(), v.maxLength(1024, fixed(say`A description has at most 1024 characters.`))));
export const NewTagCategory = v.object({ kind: v.literal('tagCategory'), name: ObjectName, description, single: v.boolean() });
export const NewTag = v.object({ kind: v.literal('tag'), name: ObjectName, description, categoryId: v.pipe(v.string(), v.transform(id => id as TagCategoryId)), colour: v.picklist(TAG_COLOURS) });
export const NewCustomAttribute = v.object({ kind: v.literal('customAttribute'), name: ObjectName });
export const NewSavedSearch = v.object({ kind: v.literal('savedSearch'), name: ObjectName, query: v.pipe(v.string(), v.maxLength(1024, fixed(say`A search has at most 1024 characters.`))) });

/** What to change of labels; what is not named stays. An attribute with '' goes. */
export const LabelChange = v.object({
  addTags: v.optional(v.array(v.pipe(v.string(), v.transform(id => id as TagId)))),
  removeTags: v.optional(v.array(v.pipe(v.string(), v.transform(id => id as TagId)))),
  attributes: v.optional(v.record(v.string(), v.pipe(v.string(), v.maxLength(1024, fixed(say`A value has at most 1024 characters.`))))),
  notes: v.optional(Notes),
});
export type LabelChange = v.InferOutput<typeof LabelChange>;
