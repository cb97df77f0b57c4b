/**
 * What an operator reads. It is written in English where it is said, with what fills its gaps kept apart, so that a client
 * can say it in another language: the English text is the key of the catalogs (`src-renderer/i18n`), as in gettext.
 */

/** What fills a gap: a name or a figure, which is the same in every language, or another phrase. */
export type Value = string | number | Phrase;

/** `text` has `{0}`, `{1}`… where `values` go. One with a `count` has two forms, `one | many`, in which `{n}` is the count. */
export interface Phrase { readonly text: string; readonly values: readonly Value[]; readonly count?: number }

/** A phrase, or a text without gaps. */
export type Said = string | Phrase;

/** Between a text and a word on its sense, for catalogs: `Open##of a port`. English leaves the word out. */
export const SENSE = '##';

/** A phrase from a template: say`${name} is off.` */
export const say = (parts: TemplateStringsArray, ...values: readonly Value[]): Phrase => ({ text: parts.reduce((text, part, at) => `${text}{${at - 1}}${part}`), values });

/** A phrase that depends on a count: `counted(n, '{n} VM of {0}', '{n} VMs of {0}', name)`. */
export const counted = (count: number, one: string, many: string, ...values: readonly Value[]): Phrase => ({ text: `${one} | ${many}`, values, count });

/** A phrase in English, for logs, scripts and the shell. */
export function english(said: Said): string {
  const { text, values, count } = typeof said === 'string' ? { text: said, values: [] } as Phrase : said;
  const [one = '', many = one] = count === undefined ? [text] : text.split(' | ');
  const [form = ''] = (count === 1 ? one : many).split(SENSE);
  return form.replace(/\{(n|\d+)\}/g, (gap, name: string) => {
    const value = name === 'n' ? count ?? gap : values[Number(name)] ?? gap;
    return typeof value === 'object' ? english(value) : String(value);
  });
}

/** What was said, to fill a gap of another phrase: a text is then looked up too, which a name or a figure is not. */
export function nested(said: Said): Phrase {
  const phrase = phraseOf(said);
  return typeof phrase === 'string' ? { text: phrase, values: [] } : phrase;
}

/** What to keep beside a text in English so that it can be said in another language; nothing when the text is enough. */
export function besides(said: Said): Phrase | undefined {
  const phrase = phraseOf(said);
  return typeof phrase === 'object' && phrase.text !== english(phrase) ? phrase : undefined;
}

/** Several phrases in one gap, with semicolons between them. */
export const listed = (phrases: readonly Phrase[]): Phrase => phrases.reduce((all, next) => say`${all}; ${next}`);

/** What was said, as it is kept: in English, with the phrase where it has gaps. */
export interface Message { readonly message: string; readonly phrase?: Phrase }

export function messageFields(said: Said): Message {
  const phrase = besides(said);
  return { message: english(said), ...(phrase && { phrase }) };
}

/** Why something is not as it should be: the same. */
export interface Problem { readonly problem: string; readonly problemPhrase?: Phrase }

export function problemFields(said: Said): Problem {
  const phrase = besides(said);
  return { problem: english(said), ...(phrase && { problemPhrase: phrase }) };
}

/** The phrase of what is kept, or its English text. */
export const saidBy = ({ message, phrase }: Message): Said => phrase ?? message;

const FIXED = new Map<string, Phrase>();

/** A phrase where only a string will do, such as a schema's message; `phraseOf` finds it again. Only for what is said once, as modules are loaded. */
export function fixed(phrase: Phrase): string {
  const text = english(phrase);
  FIXED.set(text, phrase);
  return text;
}

/** What was made a string by `fixed`; any other string as it is. */
export const phraseOf = (said: Said): Said => (typeof said === 'string' ? FIXED.get(said) ?? said : said);
