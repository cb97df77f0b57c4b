import { defineStore } from 'pinia';
import { ref, watch } from 'vue';
import * as v from 'valibot';

const Preferences = v.object({
  /** `en-XA` is for tests: English in brackets. */
  language: v.optional(v.picklist(['system', 'en', 'de', 'en-XA']), 'system'),
  theme: v.optional(v.picklist(['system', 'light', 'dark']), 'system'),
  inventoryView: v.optional(v.picklist(['host', 'vm', 'storage', 'network']), 'host'),
  density: v.optional(v.picklist(['regular', 'compact']), 'regular'),
  /** By the name of the grid: which columns are shown other than usual, and how wide they are in pixels. */
  grids: v.optional(v.record(v.string(), v.object({ shown: v.record(v.string(), v.boolean()), widths: v.record(v.string(), v.number()) })), {}),
  /** Guests get every pixel of a screen of high density. */
  sharpDisplays: v.optional(v.boolean(), false),
  navigatorWidth: v.optional(v.number(), 260),
  dockHeight: v.optional(v.number(), 190),
  chartRange: v.optional(v.picklist(['live', 'hour', 'day', 'week', 'month', 'year']), 'live'),
  dockOpen: v.optional(v.boolean(), true),
});
export type Preferences = v.InferOutput<typeof Preferences>;

const KEY = 'quarterdeck.preferences';

/** Preferences from what was stored; anything unreadable counts as not stored. */
export function parsePreferences(stored: string | null): Preferences {
  let value: unknown = {};
  try { value = JSON.parse(stored ?? '{}'); } catch { /* as if nothing was stored */ }
  const result = v.safeParse(Preferences, value);
  return result.success ? result.output : v.parse(Preferences, {});
}

/** How this operator likes the window; kept in the browser, not in the inventory. */
export const usePreferences = defineStore('preferences', () => {
  const values = ref(parsePreferences(localStorage.getItem(KEY)));
  watch(values, now => localStorage.setItem(KEY, JSON.stringify(now)), { deep: true });
  // What is chosen in one window holds for all.
  window.addEventListener('storage', ({ key, newValue }) => { if (key === KEY) values.value = parsePreferences(newValue); });
  return { values };
});
