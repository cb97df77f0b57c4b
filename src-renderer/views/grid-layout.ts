import { computed, type WritableComputedRef } from 'vue';
import { USUAL_LAYOUT, type GridLayout } from '../components/data-grid.ts';
import { usePreferences } from '../stores/preferences.ts';

/** Columns and widths of a grid, kept by its name. */
export function useGridLayout(name: string): WritableComputedRef<GridLayout> {
  const preferences = usePreferences();
  return computed({ get: () => preferences.values.grids[name] ?? USUAL_LAYOUT, set: layout => { preferences.values.grids = { ...preferences.values.grids, [name]: { shown: { ...layout.shown }, widths: { ...layout.widths } } }; } });
}
