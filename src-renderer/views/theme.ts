/** How the page looks: the theme, which is the operator's choice or the desktop's, and how close things stand. */
import { computed, ref, watchEffect, type ComputedRef } from 'vue';
import { compact } from '../components/density.ts';
import { usePreferences } from '../stores/preferences.ts';

export type Theme = 'light' | 'dark';

const query = window.matchMedia('(prefers-color-scheme: dark)');
const desktopDark = ref(query.matches);
query.addEventListener('change', event => { desktopDark.value = event.matches; });

export function useTheme(): ComputedRef<Theme> {
  const preferences = usePreferences();
  return computed(() => (preferences.values.theme === 'system' ? (desktopDark.value ? 'dark' : 'light') : preferences.values.theme));
}

/** Keeps Clarity's attributes of theme and density on the body. */
export function applyTheme(theme: ComputedRef<Theme>): void {
  const preferences = usePreferences();
  watchEffect(() => document.body.setAttribute('cds-theme', theme.value));
  watchEffect(() => {
    compact.value = preferences.values.density === 'compact';
    if (compact.value) document.body.setAttribute('clr-density', 'compact');
    else document.body.removeAttribute('clr-density');
  });
}
