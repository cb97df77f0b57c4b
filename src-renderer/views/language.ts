/** Which language the page speaks: the operator's choice, or the first of the desktop's that there is. */
import { watchEffect } from 'vue';
import { bestLanguage, language, locale, speak } from '../i18n/i18n.ts';
import { usePreferences, type Preferences } from '../stores/preferences.ts';

const chosen = ({ language }: Preferences) => (language === 'system' ? bestLanguage(navigator.languages) : language);

/** Before the page is shown, so that it never changes its language while it opens. */
export const speakChosen = (): Promise<void> => speak(chosen(usePreferences().values));

/** Keeps to the choice, and says on the page which it is. */
export function followLanguage(): void {
  const preferences = usePreferences();
  watchEffect(() => { const next = chosen(preferences.values); if (next !== language()) void speak(next); });
  watchEffect(() => { document.documentElement.lang = locale(); });
}
