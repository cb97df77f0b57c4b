import { defineStore } from 'pinia';
import { ref, watch } from 'vue';
import * as v from 'valibot';

const Preferences = v.object({
  theme: v.optional(v.picklist(['system', 'light', 'dark']), 'system'),
  inventoryView: v.optional(v.picklist(['hosts', 'vms']), 'hosts'),
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
  return { values };
});
