/** What can be done wherever the operator is: going somewhere, making things, the look of the page. */
import { computed, type ComputedRef } from 'vue';
import { useRouter } from 'vue-router';
import { ROOT } from '../../../shared/model/task.ts';
import type { MenuAction } from '../../components/menu-action.ts';
import { useLabels } from '../../stores/labels.ts';
import { usePreferences } from '../../stores/preferences.ts';
import { linkTo, pathOf } from '../links.ts';
import { useNewVmAction } from '../new-vm-action.ts';
import type { Command } from '../search/command.ts';
import { useDialogs } from './dialogs.ts';
import { VIEWS } from './navigator.ts';

const THEMES = [['light', 'Light', 'sun'], ['dark', 'Dark', 'moon'], ['system', 'Same as the desktop', 'display']] as const;
const DENSITIES = [['regular', 'Regular rows'], ['compact', 'Compact rows']] as const;

/** The choices of theme and density, as the header's menu has them. */
export function useLookActions(): ComputedRef<readonly MenuAction[]> {
  const { values } = usePreferences();
  return computed(() => [
    ...THEMES.map(([id, label, icon]): MenuAction => ({ label, icon, checked: values.theme === id, run: () => { values.theme = id; } })),
    ...DENSITIES.map(([id, label], at): MenuAction => ({ label, divided: at === 0, checked: values.density === id, run: () => { values.density = id; } })),
  ]);
}

/** Where the header's menu leads. */
export function usePageActions(): ComputedRef<readonly MenuAction[]> {
  const router = useRouter(), to = (path: string) => () => void router.push(path);
  return computed(() => [
    { label: 'Inventory', icon: 'organization', run: to(linkTo(ROOT)) },
    { label: 'Search', icon: 'search', run: to('/search') },
    { label: 'Tags & Custom Attributes', icon: 'tags', run: to('/labels/labels/tags') },
    { label: 'Recently Deleted', icon: 'trash', run: to(`${pathOf(ROOT)}/deleted`) },
  ]);
}

export function useGlobalActions(): ComputedRef<readonly Command[]> {
  const [router, preferences, labels, dialogs] = [useRouter(), usePreferences(), useLabels(), useDialogs()];
  const newVm = useNewVmAction(), look = useLookActions(), pages = usePageActions();
  return computed(() => [
    newVm.value,
    ...pages.value.map((action): Command => ({ ...action, label: `Go to ${action.label}` })),
    ...VIEWS.map(({ tree, label, icon }): Command => ({ label: `Show ${label}`, icon, run: () => { preferences.values.inventoryView = tree; } })),
    ...labels.searches.map(({ name, query }): Command => ({ label: `Saved search: ${name}`, icon: 'bookmark', detail: query, run: () => void router.push({ path: '/search', query: { q: query } }) })),
    ...look.value.map((action): Command => ({ ...action, label: action.icon ? `Theme: ${action.label}` : action.label, divided: false })),
    { label: 'About Quarterdeck', icon: 'info-standard', run: () => { dialogs.value = { kind: 'about' }; } },
  ]);
}
