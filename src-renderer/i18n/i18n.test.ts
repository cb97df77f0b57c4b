import { afterEach, expect, test } from 'vitest';
import { computed } from 'vue';
import { EngineError, saidOf } from '../../shared/base/errors.ts';
import { say } from '../../shared/base/phrase.ts';
import { bestLanguage, language, locale, perLocale, plural, PSEUDO, speak, t, translate } from './i18n.ts';

afterEach(() => speak('en'));

test('what was said follows the language', async () => {
  const title = computed(() => t`Recent Tasks`), tag = computed(() => [language(), locale()]);
  expect([title.value, tag.value]).toEqual(['Recent Tasks', ['en', 'en-GB']]);
  await speak('de');
  expect([title.value, tag.value]).toEqual(['Aktuelle Aufgaben', ['de', 'de-DE']]);
  await speak('en');
  expect(title.value).toBe('Recent Tasks');
});

test('gaps are filled with names as they are, and with phrases of the same language', async () => {
  await speak('de');
  expect(t`Move ${'{0} | a@b'} to ${say`Resource pool`}`).toBe('{0} | a@b nach Ressourcenpool verschieben');
  expect(translate(saidOf(new EngineError('x', say`Delete the tag "${'prod'}"?`)))).toBe('Tag „prod“ löschen?');
});

test('counts have their forms', async () => {
  const both = () => [0, 1, 2].map(n => plural(n, '{n} host', '{n} hosts'));
  expect(both()).toEqual(['0 hosts', '1 host', '2 hosts']);
  await speak('de');
  expect(both()).toEqual(['0 Hosts', '1 Host', '2 Hosts']);
  expect(plural(3, '{0} of {1} item', '{0} of {1} items', 2, 3)).toBe('2 von 3 Elementen');
});

test('a word on the sense of a text is not shown', async () => {
  expect([t`Search##the command`, t`Search`]).toEqual(['Search', 'Search']);
  await speak('de');
  expect([t`Search##the command`, t`Search`]).toEqual(['Suchen', 'Suche']);
});

test('what is in no catalog is shown as it is, whatever marks it has', async () => {
  await speak('de');
  expect(['/home/a@b {x} | 5 ## 6', 'toString'].map(translate)).toEqual(['/home/a@b {x} | 5 ## 6', 'toString']);
  expect(plural(2, '{n} lamp in {0}', '{n} lamps in {0}', 'a@b')).toBe('2 lamps in a@b');
});

test('the pseudo language shows in brackets what is in a catalog', async () => {
  await speak(PSEUDO);
  expect([t`Cancel`, t`Delete ${'web'}?`, plural(1, '{n} host', '{n} hosts'), translate('foreign')]).toEqual(['⟦Cancel⟧', '⟦Delete web?⟧', '⟦1 host⟧', 'foreign']);
});

test('formats are made once for each language', async () => {
  let made = 0;
  const format = perLocale(tag => { made++; return new Intl.NumberFormat(tag); });
  expect([format().format(1.5), format().format(2.5), made]).toEqual(['1.5', '2.5', 1]);
  await speak('de');
  expect([format().format(1.5), made]).toEqual(['1,5', 2]);
});

test('the first language of the desktop that there is is spoken, else English', () => {
  expect([['fr-FR', 'de-AT', 'en-US'], ['en-US', 'de'], ['DE'], ['fr'], []].map(bestLanguage)).toEqual(['de', 'en', 'de', 'en', 'en']);
});
