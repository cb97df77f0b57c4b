/** What can be done wherever the operator is: going somewhere, making things, the look of the page. */
import { computed, type ComputedRef } from 'vue';
import { useRouter } from 'vue-router';
import { say } from '../../../shared/base/phrase.ts';
import { ROOT } from '../../../shared/model/task.ts';
import type { MenuAction } from '../../components/menu-action.ts';
import { LANGUAGES, t, translate, type Language } from '../../i18n/i18n.ts';
import { useLabels } from '../../stores/labels.ts';
import { usePreferences } from '../../stores/preferences.ts';
import { linkTo, pathOf } from '../links.ts';
import { useNewVmAction } from '../new-vm-action.ts';
import type { Command } from '../search/command.ts';
import { useDialogs } from './dialogs.ts';
import { VIEWS } from './navigator.ts';

const THEMES = [['light', say`Light`, 'sun'], ['dark', say`Dark`, 'moon'], ['system', say`Same as the desktop`, 'display']] as const;
const DENSITIES = [['regular', say`Regular rows`], ['compact', say`Compact rows`]] as const;

/** The choices of theme and density, as the header's menu has them. */
export function useLookActions(): ComputedRef<readonly MenuAction[]> {
  const { values } = usePreferences();
  return computed(() => [
    ...THEMES.map(([id, label, icon]): MenuAction => ({ label: translate(label), icon, checked: values.theme === id, run: () => { values.theme = id; } })),
    ...DENSITIES.map(([id, label], at): MenuAction => ({ label: translate(label), divided: at === 0, checked: values.density === id, run: () => { values.density = id; } })),
  ]);
}

/** The choices of language, each in its own. */
export function useLanguageActions(): ComputedRef<readonly MenuAction[]> {
  const { values } = usePreferences();
  return computed(() => [
    { label: t`Same as the desktop`, icon: 'display', checked: values.language === 'system', run: () => { values.language = 'system'; } },
    ...Object.entries(LANGUAGES).map(([id, label]): MenuAction => ({ label, checked: values.language === id, run: () => { values.language = id as Language; } })),
  ]);
}

/** Where the header's menu leads. */
export function usePageActions(): ComputedRef<readonly MenuAction[]> {
  const router = useRouter(), to = (path: string) => () => void router.push(path);
  return computed(() => [
    { label: t`Inventory`, icon: 'organization', run: to(linkTo(ROOT)) },
    { label: t`Search`, icon: 'search', run: to('/search') },
    { label: t`Tags & Custom Attributes`, icon: 'tags', run: to('/labels/labels/tags') },
    { label: t`Recently Deleted`, icon: 'trash', run: to(`${pathOf(ROOT)}/deleted`) },
  ]);
}

export function useGlobalActions(): ComputedRef<readonly Command[]> {
  const [router, preferences, labels, dialogs] = [useRouter(), usePreferences(), useLabels(), useDialogs()];
  const newVm = useNewVmAction(), look = useLookActions(), languages = useLanguageActions(), pages = usePageActions();
  return computed(() => [
    newVm.value,
    ...pages.value.map((action): Command => ({ ...action, label: t`Go to ${action.label}` })),
    ...VIEWS.map(({ tree, label, icon }): Command => ({ label: t`Show ${label}`, icon, run: () => { preferences.values.inventoryView = tree; } })),
    ...labels.searches.map(({ name, query }): Command => ({ label: t`Saved search: ${name}`, icon: 'bookmark', detail: query, run: () => void router.push({ path: '/search', query: { q: query } }) })),
    ...languages.value.map((action): Command => ({ ...action, label: t`Language: ${action.label}`, divided: false })),
    ...look.value.map((action): Command => ({ ...action, label: action.icon ? t`Theme: ${action.label}` : action.label, divided: false })),
    { label: t`About Quarterdeck`, icon: 'info-standard', run: () => { dialogs.value = { kind: 'about' }; } },
  ]);
}
