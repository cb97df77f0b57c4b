/** Which theme the page shows now: the operator's choice, or the desktop's. */
import { computed, ref, watchEffect, type ComputedRef } from 'vue';
import { usePreferences } from '../stores/preferences.ts';

export type Theme = 'light' | 'dark';

const query = window.matchMedia('(prefers-color-scheme: dark)');
const desktopDark = ref(query.matches);
query.addEventListener('change', event => { desktopDark.value = event.matches; });

export function useTheme(): ComputedRef<Theme> {
  const preferences = usePreferences();
  return computed(() => (preferences.values.theme === 'system' ? (desktopDark.value ? 'dark' : 'light') : preferences.values.theme));
}

/** Keeps Clarity's theme attribute on the body. */
export function applyTheme(theme: ComputedRef<Theme>): void {
  watchEffect(() => document.body.setAttribute('cds-theme', theme.value));
}
