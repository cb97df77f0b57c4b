import { expect, test } from 'vitest';
import { besides, counted, english, fixed, listed, messageFields, nested, phraseOf, say } from './phrase.ts';

test('a phrase keeps its gaps apart from what fills them', () => {
  const phrase = say`${'esx1'} has ${4} CPUs.`;
  expect(phrase).toEqual({ text: '{0} has {1} CPUs.', values: ['esx1', 4] });
  expect(english(phrase)).toBe('esx1 has 4 CPUs.');
  expect(english(say`Done.`)).toBe('Done.');
});

test('a count chooses its form', () => {
  const of = (n: number) => english(counted(n, '{n} VM of {0}', '{n} VMs of {0}', 'esx1'));
  expect([of(0), of(1), of(2)]).toEqual(['0 VMs of esx1', '1 VM of esx1', '2 VMs of esx1']);
});

test('phrases stand in phrases, and what fills a gap is not read as a text', () => {
  expect(english(say`It cannot start: ${say`${'a {0} b##c'} is off`}.`)).toBe('It cannot start: a {0} b##c is off.');
});

test('a word on the sense is left out', () => {
  expect(english('Open##of a port')).toBe('Open');
  expect(english(say`Open ${'x'}##of a port`)).toBe('Open x');
});

test('a string made of a phrase is found again', () => {
  const phrase = say`At most ${16} disks.`;
  expect(phraseOf(fixed(phrase))).toBe(phrase);
  expect(phraseOf('At most 17 disks.')).toBe('At most 17 disks.');
});

test('a phrase is kept beside its English text where that alone would not do', () => {
  const gap = say`${'esx1'} is off.`;
  expect([messageFields(gap), messageFields(say`Done.`), messageFields('Done.')]).toEqual([{ message: 'esx1 is off.', phrase: gap }, { message: 'Done.' }, { message: 'Done.' }]);
  expect(besides(fixed(say`At most ${8} disks.`))).toEqual(say`At most ${8} disks.`);
});

test('a text within a phrase is one to be looked up, as a name is not', () => {
  expect(say`It failed: ${nested('Done.')}`).toEqual({ text: 'It failed: {0}', values: [{ text: 'Done.', values: [] }] });
  expect(english(listed([say`memory`, say`the IOMMU`, say`${2} disks`]))).toBe('memory; the IOMMU; 2 disks');
});
