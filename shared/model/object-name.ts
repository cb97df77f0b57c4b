import * as v from 'valibot';
import { fixed, say } from '../base/phrase.ts';

export const NAME_LENGTH = 80;

/** The name of any object of the inventory. */
export const ObjectName = v.pipe(v.string(fixed(say`A name is text.`)), v.trim(),
  v.minLength(1, fixed(say`Enter a name.`)),
  v.maxLength(NAME_LENGTH, fixed(say`A name has at most ${NAME_LENGTH} characters.`)),
  v.regex(/^[^/\\%\u0000-\u001f]*$/, fixed(say`A name cannot contain /, \\, % or control characters.`)));
