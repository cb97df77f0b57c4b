import { defineStore } from 'pinia';
import { computed } from 'vue';
import type { TagId } from '../../shared/base/ids.ts';
import type { Labels, Tag, TagCategory } from '../../shared/model/labels.ts';
import { compareNames } from './by-id.ts';
import { useInventory } from './inventory.ts';

const byName = (a: { readonly name: string }, b: { readonly name: string }) => compareNames(a.name, b.name);

const NONE: readonly Tag[] = [];

/** Tags by category, custom attributes and saved searches, in order. */
export const useLabels = defineStore('labels', () => {
  const { maps } = useInventory();
  const tags = computed(() => [...maps.tag.values()].sort(byName));
  const categories = computed(() => [...maps.tagCategory.values()].sort(byName));
  const attributes = computed(() => [...maps.customAttribute.values()].sort(byName));
  const searches = computed(() => [...maps.savedSearch.values()].sort(byName));
  const groups = computed(() => Map.groupBy(tags.value, tag => tag.categoryId as string));
  const tagsOf = (category: string): readonly Tag[] => groups.value.get(category) ?? [];
  const byCategory = computed(() => categories.value.map(category => ({ category, tags: tagsOf(category.id) })));

  /** The tags that an object bears. A value, since functions of a store are wrapped, which ten thousand rows would feel. */
  const tagsOn = computed(() => {
    const byId = maps.tag;
    return ({ tagIds }: Labels): readonly Tag[] => (tagIds === undefined ? NONE : tagIds.flatMap((id: TagId) => byId.get(id) ?? []));
  });

  return {
    tags, categories, attributes, searches, byCategory, tagsOf,
    categoryOf: (id: string): TagCategory | undefined => maps.tagCategory.get(id),
    tagsOn,
  };
});
