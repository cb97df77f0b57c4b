/**
 * What the console says, in the operator's language. A text is written in English where it stands, as t`Power off ${name}`,
 * and is the key of the catalogs beside this file; `node scripts/catalogs.ts` keeps their keys those of the sources.
 */
import { shallowRef } from 'vue';
import { createI18n } from 'vue-i18n';
import { counted, english, phraseOf, say, type Said, type Value } from '../../shared/base/phrase.ts';
import en from './en.json' with { type: 'json' };

/** By tag of BCP 47. */
export const LANGUAGES = { en: 'English', de: 'Deutsch' } as const;
export type Language = keyof typeof LANGUAGES;

/** Not for operators: English in brackets, so that a test sees what is in no catalog. */
export const PSEUDO = 'en-XA';

type Catalog = Readonly<Record<string, string>>;
const CATALOGS: Readonly<Record<Exclude<Language, 'en'>, () => Promise<{ readonly default: Catalog }>>> = { de: () => import('./de.json', { with: { type: 'json' } }) };

const inBrackets = (text: unknown): unknown => (typeof text === 'string' ? `⟦${text}⟧` : text);
const messages: Record<string, Catalog> = { en };
const i18n = createI18n({
  legacy: false, locale: 'en', fallbackLocale: 'en', messages,
  // Keys are whole texts, dots and all.
  messageResolver: (catalog, key) => (catalog as Record<string, string>)[key] || null,
  missingWarn: false, fallbackWarn: false,
  postTranslation: text => (spoken.value === PSEUDO ? inBrackets(text) : text) as string,
});

const spoken = shallowRef<Language | typeof PSEUDO>('en');
/** By language: texts without gaps, which whole columns ask for. */
const known = new Map<string, Map<string, string>>();

const LOCALES = { en: 'en-GB', de: 'de-DE', [PSEUDO]: 'en-GB' } as const;
/** The tag of what is spoken now, for dates, figures and the order of names. */
export const locale = (): string => LOCALES[spoken.value];
export const language = (): Language | typeof PSEUDO => spoken.value;

/** What is made once for each language, such as a format of dates. */
export function perLocale<T>(make: (locale: string) => T): () => T {
  const made = new Map<string, T>();
  return () => {
    let found = made.get(spoken.value);
    if (found === undefined) made.set(spoken.value, found = make(locale()));
    return found;
  };
}

/** Speaks another language, once its catalog is there. */
export async function speak(next: Language | typeof PSEUDO): Promise<void> {
  if (next !== 'en' && next !== PSEUDO) i18n.global.setLocaleMessage(next, (await CATALOGS[next]()).default);
  i18n.global.locale.value = next === PSEUDO ? 'en' : next;
  spoken.value = next;
}

/** The first of the languages preferred that there is. */
export const bestLanguage = (preferred: readonly string[]): Language =>
  preferred.map(tag => tag.toLowerCase().split('-')[0]).find((tag): tag is Language => tag !== undefined && tag in LANGUAGES) ?? 'en';

/** What was said, in the language spoken; whatever shows it changes with the language. */
export function translate(said: Said): string {
  const phrase = phraseOf(said), text = typeof phrase === 'string' ? phrase : phrase.text;
  const values = typeof phrase === 'string' ? [] : phrase.values, count = typeof phrase === 'string' ? undefined : phrase.count;
  // Names and foreign sentences are in no catalog, and may have marks of one in them.
  if (!Object.hasOwn(en, text)) return typeof phrase === 'string' ? phrase : english({ text, values: values.map(value => (typeof value === 'object' ? translate(value) : value)), ...(count !== undefined && { count }) });
  if (values.length === 0 && count === undefined) {
    const ofLanguage = known.get(spoken.value) ?? new Map<string, string>();
    let found = ofLanguage.get(text);
    if (found === undefined) known.set(spoken.value, ofLanguage.set(text, found = i18n.global.t(text)));
    return found;
  }
  const list = values.map(value => (typeof value === 'object' ? translate(value) : value));
  return count === undefined ? i18n.global.t(text, list) : i18n.global.t(text, count, { list });
}

/** A text in the language spoken: t`${name} is off.` */
export const t = (parts: TemplateStringsArray, ...values: readonly Value[]): string => translate(say(parts, ...values));

/** One that depends on a count: `plural(n, '{n} VM of {0}', '{n} VMs of {0}', name)`. */
export const plural = (count: number, one: string, many: string, ...values: readonly Value[]): string => translate(counted(count, one, many, ...values));
