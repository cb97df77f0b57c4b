import * as v from 'valibot';

export const NAME_LENGTH = 80;

/** The name of any object of the inventory. */
export const ObjectName = v.pipe(v.string('A name is text.'), v.trim(),
  v.minLength(1, 'Enter a name.'),
  v.maxLength(NAME_LENGTH, `A name has at most ${NAME_LENGTH} characters.`),
  v.regex(/^[^/\\%\u0000-\u001f]*$/, 'A name cannot contain /, \\, % or control characters.'));
