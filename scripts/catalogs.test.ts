/** Every text of the console is in every catalog, and the catalogs have no others; `node scripts/catalogs.ts` sees to the keys. */
import { expect, test } from 'vitest';
import { findTexts, LANGUAGES, readCatalog, shown, translationProblem } from './catalogs.ts';

const { texts, problems } = findTexts(), keys = [...texts.keys()].sort();

test('texts are said so that they can be found', () => expect(problems).toEqual([]));

test.each(LANGUAGES)('the catalog of %s has each text', language => {
  const catalog = readCatalog(language);
  expect(Object.keys(catalog).sort()).toEqual(keys);
  expect(keys.flatMap(text => { const problem = translationProblem(text, catalog[text]); return problem ? [`"${text}" ${problem}`] : []; })).toEqual([]);
});

test('English is what the sources say', () => expect(readCatalog('en')).toEqual(Object.fromEntries(keys.map(text => [text, shown(text)]))));

test.each([
  ['{0} is off.', '{0} ist aus.', undefined], ['{0} is off.', '', 'is not translated'], ['{0} is off.', 'Aus.', 'has other gaps than its translation'],
  ['{n} VM | {n} VMs', '{n} VM', 'has another number of forms than its translation'],
])('of "%s" the translation "%s" %s', (text, translation, problem) => expect(translationProblem(text, translation)).toBe(problem));
