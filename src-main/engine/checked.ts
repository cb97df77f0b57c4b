/** Arguments come from outside the process: each is parsed by its schema before a method sees it. */
import * as v from 'valibot';
import { EngineError } from '../../shared/base/errors.ts';
import { fixed, phraseOf, say, type Phrase } from '../../shared/base/phrase.ts';

type Schemas = readonly v.GenericSchema[];
type Outputs<S extends Schemas> = { -readonly [K in keyof S]: v.InferOutput<S[K]> };

/** A method whose arguments fit the schemas. A later argument that is missing is `undefined`. */
export function checked<const S extends Schemas, R>(schemas: S, method: (...args: Outputs<S>) => Promise<R> | R): (...args: unknown[]) => Promise<R> {
  return async (...args) => method(...schemas.map((schema, index) => parse(schema, args[index])) as Outputs<S>);
}

function parse(schema: v.GenericSchema, input: unknown): unknown {
  const result = v.safeParse(schema, input, { abortEarly: true });
  if (!result.success) throw new EngineError('invalid', phraseOf(result.issues[0].message));
  return result.output;
}

export const idOf = <T extends string>(what: Phrase) => v.pipe(v.string(fixed(say`${what} is a string.`)), v.maxLength(64), v.transform(text => text as T));
/** Rows for one page. */
export const Limit = v.pipe(v.number(fixed(say`The limit is a number.`)), v.integer(fixed(say`The limit is a whole number.`)), v.minValue(1, fixed(say`The limit is at least 1.`)), v.maxValue(1000, fixed(say`The limit is at most 1000.`)));
export const Cursor = v.optional(v.pipe(v.string(), v.regex(/^\d{1,15}$/, fixed(say`The cursor is not one of ours.`))));
export const FilePath = v.pipe(v.string(fixed(say`A path is a string.`)), v.maxLength(4096, fixed(say`The path is too long.`)), v.check(path => !path.includes('\0'), fixed(say`A path cannot contain NUL.`)));
export const Bytes = v.pipe(v.instance(Uint8Array, fixed(say`Console input is bytes.`)), v.check(bytes => bytes.length <= 1024 * 1024, fixed(say`At most 1 MiB can be typed at once.`)));
export const Count = v.pipe(v.number(fixed(say`The count is a number.`)), v.integer(fixed(say`The count is a whole number.`)), v.minValue(0, fixed(say`The count is not negative.`)));
